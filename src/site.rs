//! What is served: folders and files below the root, and how they are shown.
//!
//! Rooms here decide what a request is answered with. They know of HTTP what `http` tells them,
//! and nothing of sockets and threads.

pub mod listing;
