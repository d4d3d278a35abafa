//! Targets by table, and the round trip of every name through its encoding.

use proptest::prelude::*;

use super::*;

/// The meaning of a target: path, whether it is a directory, query, authority.
type Meaning<'a> = (&'a str, bool, Option<&'a str>, Option<&'a str>);

#[track_caller]
fn check(raw: &str, want: Result<Meaning<'_>, Refusal>) {
    let target = Target::parse(raw.as_bytes());
    let got = target.as_ref().map(|target| {
        check_round_trip(target);
        let text = |bytes| str::from_utf8(bytes).unwrap();
        let (query, authority) = (target.query().map(text), target.authority().map(text));
        (text(target.path()), target.is_directory(), query, authority)
    });
    assert_eq!(got.map_err(|&refusal| refusal), want, "{raw:?}");
}

/// `encoded_path` must mean the same target, and not another host to any browser.
#[track_caller]
fn check_round_trip(target: &Target<'_>) {
    let encoded = target.encoded_path();
    let again = Target::parse(encoded.as_bytes()).unwrap();
    assert_eq!(again.path(), target.path(), "{encoded}");
    assert_eq!(again.is_directory(), target.is_directory(), "{encoded}");
    assert_eq!((again.query(), again.authority()), (None, None), "{encoded}");
    assert!(encoded.starts_with('/'), "{encoded}");
    assert!(!encoded.starts_with("//") && !encoded.starts_with("/\\"), "{encoded}");
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$()*,/%".contains(&byte);
    assert!(encoded.bytes().all(is_harmless), "{encoded}");
}

fn file(path: &str) -> Meaning<'_> {
    (path, false, None, None)
}

#[test]
fn paths_are_decoded_once() {
    check("/%c3%A4", Ok(file("ä")));
    check("/ä", Ok(file("ä")));
    check("/a+b;v=1,2&c", Ok(file("a+b;v=1,2&c")));
    check("/%5c..%5Cetc", Ok(file("\\..\\etc")));
    check("/%0d%0aSet-Cookie:x", Ok(file("\r\nSet-Cookie:x")));
    check("/%252e%252e/x", Ok(file("%2e%2e/x")));
    check("/\"<>\\^`{|}", Ok(file("\"<>\\^`{|}")));
}

#[test]
fn slashes_and_dots_are_resolved() {
    for root in ["/", "//evil.example/..", "/."] {
        check(root, Ok(("", true, None, None)));
    }
    for folder in ["/a/.", "/a/b/c/../..", "//.//a//"] {
        check(folder, Ok(("a", true, None, None)));
    }
    for name in ["/a//b", "/a/./b", "/c/%2e%2e/a/.%2E//a/b"] {
        check(name, Ok(file("a/b")));
    }
    check("/..a/.b/c..", Ok(file("..a/.b/c..")));
}

#[test]
fn queries_are_kept_raw_and_fragments_refused() {
    check("/?", Ok(("", true, Some(""), None)));
    check("/a?%zz%00%2f%", Ok(("a", false, Some("%zz%00%2f%"), None)));
    for target in ["/a#b", "/a#", "/a?b#c?d", "/a#b?c", "/#/../%00", "http://h#f", "#f"] {
        check(target, Err(Refusal::Fragment));
    }
}

#[test]
fn absolute_forms_name_an_authority() {
    check("HTTPS://h:8080/a/?q", Ok(("a", true, Some("q"), Some("h:8080"))));
    check("http://h", Ok(("", true, None, Some("h"))));
    check("http://h?q", Ok(("", true, Some("q"), Some("h"))));
    check("http://[::1]:80//a", Ok(("a", false, None, Some("[::1]:80"))));
    check("http://h/http://g/", Ok(("http:/g", true, None, Some("h"))));
    for target in ["http:///a", "http://:80/", "http://user@h/", "http://h:8a/", "http://h\\@g/"] {
        check(target, Err(Refusal::TargetAuthority));
    }
    check("http://h/..", Err(Refusal::AboveRoot));
}

#[test]
fn anything_else_is_refused() {
    for target in ["", "*", "a", "\\a", "localhost:80", "http:/h/", "ftp://h/"] {
        check(target, Err(Refusal::TargetForm));
    }
    for target in ["/%", "/%4", "/%zz", "/%%41", "/%+1", "/%u0041"] {
        check(target, Err(Refusal::PercentTriplet));
    }
    for target in ["/..", "/a/../../a", "/%2e%2E/etc/passwd"] {
        check(target, Err(Refusal::AboveRoot));
    }
    for target in ["/a\0", "/a\tb", "/a#\x7f"] {
        check(target, Err(Refusal::ControlByte));
    }
    check("/a%00.html", Err(Refusal::EncodedNul));
    check("/..%2F..%2fetc/passwd", Err(Refusal::EncodedSlash));
}

#[test]
fn bytes_that_are_not_utf8_are_names_too() {
    for raw in [&b"/\xff\x80"[..], b"/%ff%80", b"/%FF\x80"] {
        let target = Target::parse(raw).unwrap();
        assert_eq!(target.path(), b"\xff\x80");
        assert_eq!(target.encoded_path(), "/%FF%80");
    }
    // An overlong slash is no slash.
    assert_eq!(Target::parse(b"/..%c0%af").unwrap().path(), b"..\xc0\xaf");
}

#[test]
fn no_path_stands_for_the_whole_server() {
    assert!(Target::asterisk().is_asterisk());
    assert_eq!(Target::asterisk().names().count(), 0);
    for path in ["/", "/*", "/%2a", "http://a"] {
        assert!(!Target::parse(path.as_bytes()).unwrap().is_asterisk(), "{path}");
    }
}

#[test]
fn names_are_encoded() {
    let encoded = |name: &[u8]| encode_segment(name).to_string();
    assert_eq!(encoded(b"Read-me_1.0~!$()*,.txt"), "Read-me_1.0~!$()*,.txt");
    assert_eq!(encoded(b" 50%/?#:;+&=@"), "%2050%25%2F%3F%23%3A%3B%2B%26%3D%40");
    assert_eq!(encoded(b"\"'<>`\\[]{}|^"), "%22%27%3C%3E%60%5C%5B%5D%7B%7D%7C%5E");
    assert_eq!(encoded(b"\r\n\t\x00\x7f\xc3\xa4"), "%0D%0A%09%00%7F%C3%A4");
}

/// Any name that a folder can hold.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"%.2eE\\ab".to_vec())];
    // Bytes that no name contains are replaced, not rejected: long runs would be rejected too
    // often.
    let byte = byte.prop_map(|byte| if matches!(byte, 0 | b'/') { b'x' } else { byte });
    prop::collection::vec(byte, 1..12).prop_map(|mut name| {
        if matches!(&name[..], b"." | b"..") {
            name.push(b'x');
        }
        name
    })
}

/// A target made of the significant parts.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let tokens =
        ["/", "/", "//", ".", "..", "%2e", "%2F", "%5c", "\\", "%00", "%", "%25", "a", "ä"];
    let more =
        ["?", "#", "http://", "https://", "h", ":", "80", "@", "[::1]", "*", "\t", " ", "%FF"];
    let token = prop::sample::select([&tokens[..], &more[..]].concat());
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

    #[test]
    fn every_name_survives_its_encoding(name in name()) {
        let raw = format!("/{}", encode_segment(&name));
        let target = Target::parse(raw.as_bytes()).unwrap();
        prop_assert_eq!(target.path(), &name[..]);
        prop_assert!(!target.is_directory());
        check_round_trip(&target);
    }

    #[test]
    fn an_accepted_target_holds_its_promises(raw in prop_oneof![
        soup(),
        soup().prop_map(|soup| [b"/", &soup[..]].concat()),
        prop::collection::vec(any::<u8>(), 0..40),
    ]) {
        if let Ok(target) = Target::parse(&raw) {
            let names: Vec<_> = target.names().collect();
            prop_assert_eq!(names.join(&b'/'), target.path());
            for name in names {
                prop_assert!(!matches!(name, b"" | b"." | b".."));
                prop_assert!(!name.contains(&0));
            }
            check_round_trip(&target);
        }
    }
}
