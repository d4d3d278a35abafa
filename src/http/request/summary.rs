//! What can be read of a head that is refused or unfinished: for the log, and for the form of the
//! answer; never for what to serve.

use super::grammar::Lines;
use super::grammar::{Version, parse_field, parse_version};
use super::method::Method;
use crate::http::fields::Fields;
use crate::http::refusal::{Refusal, TLS_LOG_WORD, is_tls_handshake};

/// The fields that the log shows, or needs to find the client behind a proxy, and those that say
/// whether the client may ask at all.
const KNOWN_FIELDS: [&str; 5] =
    ["authorization", "host", "referer", "user-agent", "x-forwarded-for"];

/// A head that is refused, and what is known of it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<'a> {
    /// What is wrong with it.
    pub refusal: Refusal,
    /// What could be read of it.
    pub summary: HeadSummary<'a>,
}

/// What can be read of a head that may be malformed or unfinished: each part that is right by
/// itself, whatever the parts around it are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadSummary<'a> {
    /// The first line that is not blank, as far as it came, without its line end.
    pub(crate) line: &'a [u8],
    /// The method, if the line begins with one that this server knows.
    pub method: Option<Method>,
    /// The version, if the line names one; [`Version::Http09`] only for a request that is whole.
    pub(crate) version: Option<Version>,
    /// The well-formed field lines that came whole; of a head that is no request, only those of
    /// [`KNOWN_FIELDS`], also beyond the limit of lines: a proxy may add its own at the end.
    pub(crate) fields: Fields<'a>,
    /// Whether no more fields can come: the head has ended, or its line names no version that has
    /// any.
    pub(crate) is_whole: bool,
}

impl<'a> HeadSummary<'a> {
    /// Reads what there is.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        if is_tls_handshake(bytes) {
            return Self { line: TLS_LOG_WORD, ..Self::default() };
        }
        let mut lines = Lines::new(bytes);
        let Some(line) = lines.find(|line| !line.is_empty()) else {
            return Self { line: lines.unfinished(), ..Self::default() };
        };
        let mut words = line.split(|&byte| byte == b' ');
        let method = words.next().and_then(Method::named);
        let version = words.nth(1).and_then(|word| parse_version(word).ok());
        let mut fields = Fields::default();
        let mut is_whole = version.is_none();
        for line in lines {
            if line.is_empty() {
                is_whole = true;
                break;
            }
            let Ok((name, value)) = parse_field(line) else { continue };
            if KNOWN_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
                fields.push(name, value);
            }
        }
        Self { line, method, version, fields, is_whole }
    }
}
