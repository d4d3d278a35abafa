//! Tokens: the words of HTTP (RFC 9110 section 5.6.2).
//!
//! Methods and the names of fields are tokens. The parser of requests asks this file, and so does
//! the flag that adds a field to responses.

/// Whether this is a token: a method, a field name, a parameter's name.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
