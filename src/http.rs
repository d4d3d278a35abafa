//! HTTP as pure functions: bytes and values in, bytes and named outcomes out.
//!
//! No module below this one reads a socket, a file or a clock, or writes a log line; values from
//! outside come in as arguments. So a table of inputs and outputs is a whole test. A response may
//! hold an open file, or a stream that opens files, but only the connection reads bytes from it.

pub(crate) mod conditional;
pub(crate) mod cors;
pub mod date;
pub(crate) mod forwarded;
pub(crate) mod host;
pub(crate) mod negotiation;
pub mod range;
pub mod refusal;
pub mod request;
pub mod response;
pub mod status;
pub mod target;
