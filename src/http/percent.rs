//! Percent-encoding of paths and names (RFC 3986 section 2.1).
//!
//! What is encoded here is safe in a path, in HTML and in a header field alike, so it needs no
//! other escaping there. Decoding is up to the target's parser.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_encode};

/// What is encoded in a path segment: all but the unreserved characters and six delimiters that
/// mean nothing in a path, in HTML or in a header field (RFC 3986 sections 2.2, 2.3 and 3.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',');

/// One name as it stands in a path, percent-encoded. Also safe as a relative reference, where a
/// colon would otherwise make a scheme of what is before it (RFC 3986 section 4.2).
pub(crate) fn encode_segment(name: &[u8]) -> PercentEncode<'_> {
    percent_encode(name, ENCODED)
}

/// Whether two hexadecimal digits follow each percent sign.
pub(super) fn has_whole_triplets(text: &[u8]) -> bool {
    let mut after_percent = text.split(|&byte| byte == b'%').skip(1);
    after_percent.all(|rest| {
        rest.first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        #[track_caller]
        fn check(name: &[u8], want: &str) {
            assert_eq!(encode_segment(name).to_string(), want);
        }
        check(b"Read-me_1.0~.txt", "Read-me_1.0~.txt");
        check(b"a!$()*,b", "a!$()*,b");
        check(b"a b", "a%20b");
        check(b"50%", "50%25");
        check(b"/?#:;+&=@", "%2F%3F%23%3A%3B%2B%26%3D%40");
        check(b"\"'<>`", "%22%27%3C%3E%60");
        check(b"\\[]{}|^", "%5C%5B%5D%7B%7D%7C%5E");
        check(b"\r\n\t\x00\x7f\xc3\xa4", "%0D%0A%09%00%7F%C3%A4");
    }

    #[test]
    fn triplets_are_a_sign_and_two_digits() {
        #[track_caller]
        fn check(text: &str, want: bool) {
            assert_eq!(has_whole_triplets(text.as_bytes()), want, "{text}");
        }
        check("", true);
        check("plain", true);
        check("%41%4a%4F", true);
        check("%410", true);
        check("%", false);
        check("%4", false);
        check("%4%41", false);
        check("%zz", false);
        check("%%41", false);
        check("%+1", false);
        check("%u0041", false);
    }
}
