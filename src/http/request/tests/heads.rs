//! Generated heads, some nearly right, some mere soup, and the properties of them all.

use proptest::prelude::*;

use super::*;

/// Heads made of the bytes that matter.
pub(super) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words = "GET| |/|a|%|%2e|..|*|http://|\r\n|\n|\r|Host|:|: |\t|Content-Length|5|,|\u{e4}";
    let lines = "POST|FOO| HTTP/1.0\r\n| HTTP/1.1\n|HTTP/2.0|Host: a\r\n|Transfer-Encoding";
    let tokens: Vec<_> = words.split('|').chain(lines.split('|')).map(str::as_bytes).collect();
    let start = one_of(&[b"", b"GET / HTTP/1.0\r\n", b"GET / HTTP/1.1\nHost: a\n"]);
    let rest = prop::collection::vec(prop::sample::select(tokens), 0..20);
    (start, rest).prop_map(|(start, rest)| [start, &rest.concat()].concat())
}

fn one_of(parts: &[&'static [u8]]) -> impl Strategy<Value = &'static [u8]> + use<> {
    prop::sample::select(parts.to_vec())
}

fn line_end() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![9 => one_of(&[b"\r\n", b"\n"]), 1 => one_of(&[b"", b"\r", b"\r\r\n", b"\n\n"])]
}

fn request_line_bytes() -> impl Strategy<Value = Vec<u8>> {
    let blank = prop_oneof![8 => one_of(&[b""]), 2 => one_of(&[b"\n", b"\r\n", b"\r\n\n", b" "])];
    let known = one_of(&[b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS", b"PATCH"]);
    let method = prop_oneof![9 => known, 1 => one_of(&[b"BREW", b"get", b"CONNECT", b"G@T", b""])];
    let segments =
        one_of(&[b"/", b"a", b"b.html", b"..", b".", b"%2e", b"%20", b"%5C", b"\xc3\xa4"]);
    let odd =
        one_of(&[b"%2f", b"%00", b"%", b"%2", b"?q=%", b"#f", b"\xff", b"\\", b"*", b":", b"@"]);
    let segment = prop_oneof![9 => segments, 1 => odd];
    let starts =
        one_of(&[b"/", b"/", b"/", b"/a/", b"http://h", b"HTTP://h:8/a/", b"https://[::1]"]);
    let start =
        prop_oneof![9 => starts, 1 => one_of(&[b"", b"*", b"ftp://h", b"http://", b"http://h:a"])];
    let target = (start, prop::collection::vec(segment, 0..6))
        .prop_map(|(start, rest)| [start, &rest.concat()].concat());
    let versions = one_of(&[b" HTTP/1.0", b" HTTP/1.1", b" HTTP/1.1"]);
    let odd = one_of(&[b"", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/1", b" http/1.1", b"  HTTP/1.0"]);
    let version = prop_oneof![9 => versions, 1 => odd];
    (blank, method, target, version).prop_map(|(blank, method, target, version)| {
        [blank, method, b" ", &target, version].concat()
    })
}

fn field_bytes() -> impl Strategy<Value = Vec<u8>> {
    let names = one_of(&[b"Host", b"Accept", b"Content-Length", b"Transfer-Encoding", b"X-y"]);
    let name = prop_oneof![9 => names, 1 => one_of(&[b"", b" Accept", b"Host ", b"X y", b"X\xff"])];
    let colon =
        prop_oneof![9 => one_of(&[b":", b": ", b":\t "]), 1 => one_of(&[b"", b" :", b"::"])];
    let values = one_of(&[b"a", b"localhost:80", b"5", b"5, 5", b"", b"[::1]", b"a b \t", b"\xff"]);
    let value =
        prop_oneof![9 => values, 1 => one_of(&[b"\0", b"\r", b"\x7f", b"5,", b"+5", b"u@h"])];
    (name, colon, value).prop_map(|(name, colon, value)| [name, colon, value].concat())
}

/// A mostly valid head with up to two changed bytes.
pub(super) fn head() -> impl Strategy<Value = Vec<u8>> {
    let host = prop_oneof![3 => one_of(&[b"Host: a\r\n"]), 1 => one_of(&[b""])];
    let line = |text: (Vec<u8>, &[u8])| [&text.0, text.1].concat();
    let fields = prop::collection::vec((field_bytes(), line_end()).prop_map(line), 0..4);
    let whole = ((request_line_bytes(), line_end()).prop_map(line), host, fields, line_end())
        .prop_map(|(first, host, fields, end)| [&first, host, &fields.concat(), end].concat());
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b" \t\r\n:/%.,0".to_vec())];
    let change = (any::<prop::sample::Index>(), byte, 0..3_u8);
    let changes = prop_oneof![Just(Vec::new()), prop::collection::vec(change, 0..3)];
    (whole, changes).prop_map(|(mut head, changes)| {
        for (at, byte, kind) in changes {
            let at = at.index(head.len() + 1);
            match kind {
                0 => head.insert(at, byte),
                1 => head.truncate(at.max(1)),
                _ => drop(head.splice(at..(at + 1).min(head.len()), [byte])),
            }
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

    #[test]
    fn any_bytes_get_a_lasting_verdict(
        bytes in prop_oneof![head(), soup(), prop::collection::vec(any::<u8>(), 0..200)],
        more in soup(),
    ) {
        let verdict = parse(&bytes);
        if verdict != Ok(Parsed::Partial) {
            check_pieces(&bytes);
            let extended = [&bytes[..], &more].concat();
            prop_assert_eq!(parse(&extended), verdict);
        }
        prop_assert!(!HeadSummary::of(&bytes).line.contains(&b'\n'));
    }
}
