//! Content negotiation (RFC 9110 section 12.5): which of our representations a client prefers.
//!
//! Malformed members of a list are ignored, the others count. Preferences are wishes, and never a
//! reason to refuse a request. This module does not know which representations exist.

use std::cmp::Reverse;
use std::mem;

/// A content coding of a file stored beside the plain one (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstandard,
    /// RFC 1952.
    Gzip,
}

/// The highest q-value, in thousandths (RFC 9110 section 12.4.2).
const WEIGHT_MAX: u16 = 1000;

/// The most members of a list read, empty ones included. Honest clients name a handful; each member
/// is examined several times.
const MEMBERS_MAX: usize = 64;

impl Coding {
    /// In the server's order: usually the smallest first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The name in Accept-Encoding and Content-Encoding.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The ending of a file stored in this coding.
    #[must_use]
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn is_named(self, name: &[u8]) -> bool {
        // "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"" (section 8.4.1.3).
        let is_alias = self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip");
        is_alias || name.eq_ignore_ascii_case(self.name().as_bytes())
    }
}

/// The codings to try, best first, for the value of an Accept-Encoding field (RFC 9110 section
/// 12.5.3). If none of them exists, the plain file is sent.
///
/// The client's weights decide, then the server's order. Codings that weigh less than the plain
/// file (`identity`) are left out. Without the field there are none: section 12.5.3 would allow
/// any, but such clients are the simple ones that decode nothing.
pub(crate) fn acceptable_codings(
    accept_encoding: Option<&[u8]>,
) -> impl Iterator<Item = Coding> + use<> {
    let list = accept_encoding.unwrap_or_default();
    // Unless the client weighs it, the plain file is the last resort.
    let plain = weight_where(list, |name| name.eq_ignore_ascii_case(b"identity")).unwrap_or(0);
    let mut codings = Coding::ALL.map(|coding| {
        let weight = weight_where(list, |name| coding.is_named(name)).unwrap_or(0);
        (coding, weight)
    });
    // The sort is stable and keeps the server's order among equals.
    codings.sort_by_key(|&(_, weight)| Reverse(weight));
    let is_welcome = move |&(_, weight): &(Coding, u16)| weight > 0 && weight >= plain;
    codings.into_iter().filter(is_welcome).map(|(coding, _)| coding)
}

/// Whether a client prefers `application/json` to `text/html`, by the value of its Accept field.
///
/// The most specific range that matches a type gives its weight (RFC 9110 section 12.5.1). Between
/// equal weights the type that is named more exactly wins, so that `application/json, */*` asks for
/// JSON. HTML wins a remaining tie.
#[must_use]
pub(crate) fn prefers_json(accept: Option<&[u8]>) -> bool {
    let list = accept.unwrap_or_default();
    let json = preference(list, [b"application/json", b"application/*"]);
    let html = preference(list, [b"text/html", b"text/*"]);
    json > html
}

/// Whether a client prefers no other media type to `text/html`, by the value of its Accept field:
/// as browsers do for pages, or with `*/*`, or without the field. For images and style sheets, they
/// name other types with more weight, or more exactly.
#[must_use]
pub(crate) fn prefers_html(accept: Option<&[u8]>) -> bool {
    let list = accept.unwrap_or_default();
    let html = preference(list, [b"text/html", b"text/*"]);
    members(list).all(|(range, weight)| html >= (weight, exactness(range)))
}

/// The preference for a media type: weight and exactness of the most exact range that matches.
/// Weight 0 is the same as no match.
fn preference(list: &[u8], [exact, subtypes]: [&[u8]; 2]) -> (u16, u8) {
    let of_range = |range: &[u8]| {
        let weight = first_weight(list, |name| name.eq_ignore_ascii_case(range))?;
        Some(if weight > 0 { (weight, exactness(range)) } else { (0, 0) })
    };
    [exact, subtypes, b"*/*"].into_iter().find_map(of_range).unwrap_or_default()
}

/// 3 for the type itself, 2 for all its subtypes, 1 for any type.
fn exactness(range: &[u8]) -> u8 {
    match range {
        b"*/*" => 1,
        [.., b'/', b'*'] => 2,
        _ => 3,
    }
}

/// The weight of the coding that `is_meant` recognizes; `*` stands for all that are not named.
fn weight_where(list: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<u16> {
    first_weight(list, is_meant).or_else(|| first_weight(list, |name| name == b"*"))
}

/// The weight of the first well-formed member whose name `is_meant` recognizes.
fn first_weight(list: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<u16> {
    members(list).find(|(name, _)| is_meant(name)).map(|(_, weight)| weight)
}

/// The well-formed members of a list that have a name, with their weights.
fn members(list: &[u8]) -> impl Iterator<Item = (&[u8], u16)> {
    let members = split_unquoted(list, b',').take(MEMBERS_MAX);
    members.filter_map(name_and_weight).filter(|(name, _)| !name.is_empty())
}

/// Reads `name;parameter=value;q=0.5`; `None` if the weight is malformed or repeated.
///
/// Other parameters are ignored: they cannot select among one JSON and one HTML representation. The
/// weight may stand anywhere among them (RFC 9110 section 12.5.1).
fn name_and_weight(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = split_unquoted(member, b';').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    let mut weight = None;
    for parameter in parts {
        let key = parameter.split(|&byte| byte == b'=').next().unwrap_or_default();
        if !key.trim_ascii_end().eq_ignore_ascii_case(b"q") {
            continue;
        }
        // No white space is allowed around the `=` (RFC 9110 section 5.6.6).
        let value = thousandths(parameter[1..].strip_prefix(b"=")?)?;
        if weight.replace(value).is_some() {
            return None;
        }
    }
    Some((name, weight.unwrap_or(WEIGHT_MAX)))
}

/// Reads `qvalue` of RFC 9110 section 12.4.2: 0 to 1, with at most three decimals.
fn thousandths(qvalue: &[u8]) -> Option<u16> {
    let (whole, decimals) = match qvalue {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let digits = [whole].into_iter().chain(decimals);
    let weight = digits.zip([1000, 100, 10, 1]).try_fold(0, |sum, (digit, place)| {
        digit.is_ascii_digit().then(|| sum + u16::from(digit - b'0') * place)
    });
    weight.filter(|&weight| weight <= WEIGHT_MAX)
}

/// Splits at `separator`, but not within quoted strings (RFC 9110 section 5.6.4).
fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |&byte| {
        let escapes = is_quoted && !is_escaped && byte == b'\\';
        let was_escaped = mem::replace(&mut is_escaped, escapes);
        if byte == b'"' && !was_escaped {
            is_quoted = !is_quoted;
        }
        byte == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests;
