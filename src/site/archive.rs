//! Archives: what is known of a folder's entries in; a length, an entity-tag and the bytes of any
//! span out.
//!
//! Pure: `site::walk` reads the folders, `site::download` opens the files while they are sent. An
//! archive is a function of the names, sizes and times alone, so two downloads of an unchanged
//! folder have the same bytes, and their ranges fit together.

mod header;
mod plan;

pub(crate) use plan::{Full, Kind, Part, Plan};

#[cfg(test)]
mod tests;
