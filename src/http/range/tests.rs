//! A table of Range fields, and a model that keeps a set of single bytes.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Checks `value` for a representation of 100 bytes: first byte and length of each range.
#[track_caller]
fn check(value: &str, want: Option<&[(u64, u64)]>) {
    check_length(value, 100, want);
}

#[track_caller]
fn check_length(value: &str, complete_length: u64, want: Option<&[(u64, u64)]>) {
    let got = parse(value.as_bytes(), complete_length);
    let want = want.map(|spans| {
        spans.iter().map(|&(first, length)| ByteRange { first, length }).collect::<Vec<_>>()
    });
    assert_eq!(got, want, "{value} of {complete_length}");
}

/// `count` ranges of one byte, with a gap of one byte between each two.
fn single_bytes(count: u64) -> String {
    let specs: Vec<_> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
    format!("bytes={}", specs.join(","))
}

#[test]
fn one_range_or_several() {
    check("BYTES=-10", Some(&[(90, 10)]));
    // All of it is still a part: the client asked for a range and gets 206.
    check("bytes=0-", Some(&[(0, 100)]));
    check("bytes=,20-29 \t,\t 0-9,, ,30-39", Some(&[(0, 10), (20, 20)]));
    check("bytes=-0,0-9,500-600,20-29", Some(&[(0, 10), (20, 10)]));
}

#[test]
fn ranges_are_clamped_to_what_is_there() {
    check("bytes=0-18446744073709551616", Some(&[(0, 100)]));
    check("bytes=-99999999999999999999999999999999", Some(&[(0, 100)]));
    check("bytes=00000000000000000000090-0000000000000000000091", Some(&[(90, 2)]));
    let longest = u64::MAX;
    check_length("bytes=0-99999999999999999999", longest, Some(&[(0, longest)]));
    check_length("bytes=18446744073709551614-", longest, Some(&[(longest - 1, 1)]));
    check_length("bytes=18446744073709551615-", longest, Some(&[]));
    // Those behind the end are unsatisfiable.
    check("bytes=100-,200-,-0", Some(&[]));
    // Numbers beyond all files are equal.
    check("bytes=18446744073709551617-18446744073709551616", Some(&[]));
    // An empty representation has no part.
    check_length("bytes=0-", 0, Some(&[]));
    check_length("bytes=-0", 0, Some(&[]));
    check_length("bytes=0-,-5", 0, None);
}

#[test]
fn malformed_and_unknown_fields_are_ignored() {
    for value in ["", "bytes", "bytes=", "bytes =0-9", "bytes:0-9", "items=0-9", "seconds=0-9"] {
        check(value, None);
    }
    for set in
        [" , ,", "-", "0", "0-9-", "0-9,9-0", "0-9;20-29", "0 - 9", "+0-9", "a-9", "0-\u{663}"]
    {
        check(&format!("bytes={set}"), None);
    }
}

#[test]
fn too_many_ranges_are_ignored() {
    let sixteen: Vec<_> = (0..16).map(|at| (at * 2, 1)).collect();
    check(&single_bytes(16), Some(&sixteen));
    check(&single_bytes(17), None);
    // The limit applies to ranges after merging, up to the limit on elements read.
    check(&format!("bytes={}", ["0-0"; 256].join(",")), Some(&[(0, 1)]));
    check(&format!("bytes={}", ["0-0"; 257].join(",")), None);
    check(&format!("bytes=0-0{}", ",".repeat(255)), Some(&[(0, 1)]));
    check(&format!("bytes=0-0{}", ",".repeat(256)), None);
}

#[test]
fn content_range_counts_from_zero_to_the_last() {
    let longest = ByteRange { first: 0, length: u64::MAX };
    let want = "bytes 0-18446744073709551614/18446744073709551615";
    assert_eq!(content_range(longest, u64::MAX), want);
    assert_eq!(unsatisfied_content_range(100), "bytes */100");
}

#[test]
fn a_multipart_body_is_framed_as_rfc_2046_has_it() {
    let spans = [ByteRange { first: 0, length: 2 }, ByteRange { first: 8, length: 1 }];
    let head = |range| {
        let head =
            format!("\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}\r\n\r\n");
        Segment::Bytes(head.into_bytes())
    };
    let [first, last] = spans.map(Segment::ByteRange);
    let closing = Segment::Bytes(b"\r\n--B--\r\n".to_vec());
    let want = vec![head("0-1/10"), first, head("8-8/10"), last, closing];
    assert_eq!(multipart("B", "text/plain", &spans, 10), want);
}

/// A range as sent: its positions may be within or beyond a short representation.
fn spec() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    prop_oneof![
        4 => (0..16_u64, 0..8_u64).prop_map(|(first, more)| (Some(first), Some(first + more))),
        1 => (0..16_u64).prop_map(|first| (Some(first), None)),
        1 => (0..16_u64).prop_map(|length| (None, Some(length))),
    ]
}

/// The bytes that `specs` name in a representation of `length` bytes, found one by one.
fn model(specs: &[(Option<u64>, Option<u64>)], length: u64) -> BTreeSet<u64> {
    let is_meant = |at: u64| {
        specs.iter().any(|&spec| match spec {
            (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
            (None, suffix) => suffix.is_some_and(|suffix| at + suffix >= length),
        })
    };
    (0..length).filter(|&at| is_meant(at)).collect()
}

proptest! {
    #[test]
    fn the_same_bytes_as_the_model(
        specs in vec((spec(), "[ \t,]{0,3}"), 1..8),
        length in 1..20_u64,
    ) {
        let digits = |number: &Option<u64>| number.map_or(String::new(), |n| n.to_string());
        let mut value = "bytes=".to_owned();
        for ((first, last), separator) in &specs {
            value += &[&digits(first), "-", &digits(last), ",", separator].concat();
        }
        let specs: Vec<_> = specs.into_iter().map(|(spec, _)| spec).collect();
        let want = model(&specs, length);
        let got = parse(value.as_bytes(), length);
        let bytes = got.unwrap().into_iter().flat_map(|span| span.first..span.end());
        prop_assert_eq!(bytes.collect::<Vec<_>>(), Vec::from_iter(want), "{}", value);
    }

    #[test]
    fn any_field_gives_spans_within_the_representation(
        value in prop_oneof![
            vec(any::<u8>(), 0..60),
            "(?i)bytes=[0-9,\\- ]{0,60}".prop_map(String::into_bytes),
        ],
        length in prop_oneof![0..100_u64, any::<u64>()],
    ) {
        let spans = parse(&value, length).unwrap_or_default();
        prop_assert!(spans.len() <= RANGES_MAX);
        prop_assert!(spans.iter().all(|span| span.length > 0 && span.end() <= length));
        prop_assert!(spans.is_sorted_by(|a, b| a.end() < b.first));
    }
}
