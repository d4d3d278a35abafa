//! Folder listings: entries in, HTML or JSON out.
//!
//! Pure: `site::folder` reads the folder, decides what may be listed and answers the request; this
//! module neither opens a file nor asks a clock. A folder may hold any number of entries with any
//! names: a [`Selection`] holds no more of them than its limit needs, and whatever a name consists
//! of, it is shown harmlessly and linked exactly.

mod json;
mod markdown;
mod order;
mod page;
mod readme;
mod selection;
mod text;

pub(crate) use json::json;
pub(crate) use order::{Entry, Kind, Order};
pub(crate) use page::{BASE_STYLE, CONTENT_SECURITY_POLICY, PAGE_START, page};
pub(crate) use readme::{README_BYTES_MAX, Readme};
pub(crate) use selection::{Listing, Selection};

#[cfg(test)]
mod tests;
