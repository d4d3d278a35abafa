//! Content-Disposition (RFC 6266): that content is to be saved, and under which name.
//!
//! The name is given twice: `filename` in ASCII for old clients, `filename*` in UTF-8 for all
//! others (RFC 8187). Whatever the name is made of, it ends neither its parameter nor its field.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in `filename*`: all but `attr-char` (RFC 8187 section 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value of Content-Disposition for content that is to be saved under that name. What is not
/// UTF-8 is replaced.
#[must_use]
pub(crate) fn attachment(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).replace(char::is_control, "_");
    // A percent sign and two digits would be decoded by some clients (RFC 6266 appendix D).
    let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(&name, ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &[u8], plain: &str, encoded: &str) {
        let want = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
        assert_eq!(attachment(name), want);
    }

    #[test]
    fn the_name_is_given_in_both_forms() {
        check(b"www.tar", "www.tar", "www.tar");
        check(b"a b+c.tar", "a b+c.tar", "a%20b+c.tar");
        check(
            "Fotos für Änne.tar".as_bytes(),
            "Fotos f_r _nne.tar",
            "Fotos%20f%C3%BCr%20%C3%84nne.tar",
        );
        check(b"\xff.tar", "_.tar", "%EF%BF%BD.tar");
    }

    #[test]
    fn no_name_ends_its_parameter() {
        check(b"a\"; x=\"\\.tar", "a_; x=__.tar", "a%22%3B%20x%3D%22%5C.tar");
        check(b"a\r\nSet-Cookie: x\0.tar", "a__Set-Cookie: x_.tar", "a__Set-Cookie%3A%20x_.tar");
        check(b"%41'.tar", "_41'.tar", "%2541%27.tar");
    }
}
