//! The same heads read by `httparse`: if both accept one, they must agree on it; otherwise the
//! verdict must be about a rule that only one of them has.

use proptest::prelude::*;

use super::heads::{head, soup};
use super::*;

/// The peer's reading of a head.
struct Peer<'a> {
    line: String,
    fields: Fields<'a>,
    length: usize,
}

/// `None` while the head has not ended.
fn peer(bytes: &[u8]) -> Result<Option<Peer<'_>>, httparse::Error> {
    let mut fields = [httparse::EMPTY_HEADER; 2 * FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = request.parse(bytes)? else { return Ok(None) };
    let (method, path) = (request.method.unwrap(), request.path.unwrap());
    let line = format!("{method} {path} HTTP/1.{}", request.version.unwrap());
    let lines = request.headers.iter().map(|field| (field.name.as_bytes(), field.value));
    Ok(Some(Peer { line, fields: Fields { lines: lines.collect() }, length }))
}

/// Whether we may refuse a head that the peer accepts: it skips any number of blank lines, leaves
/// limits to its caller, accepts any token as a method and any visible characters as a target, and
/// gives no field a meaning.
fn is_unknown_to_the_peer(refusal: Refusal) -> bool {
    refusal.is_of_method_or_target()
        || matches!(
            refusal,
            Refusal::RequestLine
                | Refusal::RequestLineTooLong
                | Refusal::HeadTooLong
                | Refusal::TooManyFields
                | Refusal::HostMissing
                | Refusal::HostRepeated
                | Refusal::HostMalformed
                | Refusal::ContentLengthMalformed
                | Refusal::ContentLengthConflict
        )
}

/// Whether the peer may refuse a head that we accept: it knows neither HTTP/0.9 nor later minor
/// versions, and its target is text.
fn is_unknown_to_us(error: httparse::Error, line: &[u8]) -> bool {
    let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
    match (&words[..], error) {
        ([b"GET", _], httparse::Error::Token)
        | ([_, _, [.., b'.', b'2'..=b'9']], httparse::Error::Version) => true,
        ([_, target, _], httparse::Error::Token) => str::from_utf8(target).is_err(),
        _ => false,
    }
}

#[track_caller]
fn check_alike(bytes: &[u8]) {
    let shown = bytes.escape_ascii();
    match (parse(bytes), peer(bytes)) {
        (Err(_), Err(_)) | (Ok(Parsed::Partial), Ok(None)) => {}
        (Ok(Parsed::Complete { request, length }), Ok(Some(peer))) => {
            assert_eq!(length, peer.length, "{shown}");
            assert_eq!(String::from_utf8_lossy(request.line), peer.line, "{shown}");
            assert_eq!(request.fields, peer.fields, "{shown}");
        }
        // The peer judges every byte, we judge lines: so end the line, and the head with it.
        (Ok(Parsed::Partial), Err(_)) if !bytes.ends_with(b"\n\n") => {
            check_alike(&[bytes, b"\n\n"].concat());
        }
        (Err(refusal), Ok(_)) => {
            assert!(is_unknown_to_the_peer(refusal), "{}: {shown}", refusal.cause());
        }
        (Ok(Parsed::Complete { request, .. }), Err(error)) => {
            assert!(is_unknown_to_us(error, request.line), "{error}: {shown}");
        }
        _ => panic!("one sees the end of the head where the other does not: {shown}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(5000)))]

    #[test]
    fn every_difference_is_explained(head in prop_oneof![head(), soup()]) {
        check_alike(&head);
    }
}
