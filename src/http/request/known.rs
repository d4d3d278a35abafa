//! What can be read of a head that is refused or unfinished: for the log, and for the form of the
//! answer; never for what to serve.

use super::grammar::{Version, parse_field, parse_version};
use super::lines::{FIELDS_MAX, Lines};
use super::method::Method;
use crate::http::fields::Fields;
use crate::http::refusal::Refusal;

/// A head that is refused, and what is known of it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// What is wrong with it.
    pub refusal: Refusal,
    /// What could be read of it.
    pub known: Known<'a>,
}

/// What can be read of a head that may be malformed or unfinished: each part that is right by
/// itself, whatever the parts around it are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// The first line that is not blank, as far as it came, without its line end.
    pub(crate) line: &'a [u8],
    /// The method, if the line begins with one that this server knows.
    pub method: Option<Method>,
    /// The version, if the line names one; [`Version::Http09`] only for a request that is whole.
    pub(crate) version: Option<Version>,
    /// The well-formed field lines that came whole.
    pub(crate) fields: Fields<'a>,
}

impl<'a> Known<'a> {
    /// Reads what there is.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let mut lines = Lines::new(bytes);
        let Some(line) = lines.find(|line| !line.is_empty()) else {
            return Self { line: lines.unfinished(), ..Self::default() };
        };
        let mut words = line.split(|&byte| byte == b' ');
        let method = words.next().and_then(Method::named);
        let version = words.nth(1).and_then(|word| parse_version(word).ok());
        let mut fields = Fields::default();
        for (name, value) in lines.filter_map(|line| parse_field(line).ok()).take(FIELDS_MAX) {
            fields.push(name, value);
        }
        Self { line, method, version, fields }
    }
}
