//! Tables of values from real clients, and properties of arbitrary values.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FIREFOX: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                      image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7";

fn codings(accept_encoding: Option<&[u8]>) -> Vec<Coding> {
    acceptable_codings(accept_encoding).collect()
}

/// Checks the names of the codings, joined by spaces.
#[track_caller]
fn check_codings(value: &str, want: &str) {
    let names: Vec<_> = codings(Some(value.as_bytes())).into_iter().map(Coding::name).collect();
    assert_eq!(names.join(" "), want, "{value}");
}

#[track_caller]
fn check_json(value: &str, want: bool) {
    assert_eq!(prefers_json(Some(value.as_bytes())), want, "{value}");
}

#[track_caller]
fn check_html(value: &str, want: bool) {
    assert_eq!(prefers_html(Some(value.as_bytes())), want, "{value}");
}

#[test]
fn a_long_list_is_not_read_to_its_end() {
    let commas = |count: usize| ",".repeat(count);
    check_codings(&format!("{}br", commas(MEMBERS_MAX - 1)), "br");
    check_codings(&format!("{}br", commas(MEMBERS_MAX)), "");
    check_codings(&format!("gzip{}br", commas(15_000)), "gzip");
}

#[test]
fn codings_of_real_clients() {
    assert_eq!(codings(None), []);
    assert_eq!(Coding::ALL.map(Coding::extension), [".br", ".zst", ".gz"]);
    // Firefox and Chrome; wget.
    check_codings("gzip, deflate, br, zstd", "br zstd gzip");
    check_codings("identity", "");
    // Range requests of media elements.
    check_codings("identity;q=1, *;q=0", "");
    // Examples of RFC 9110 section 12.5.3.
    check_codings("", "");
    check_codings("*", "br zstd gzip");
    check_codings("gzip;q=1.0, identity; q=0.5, *;q=0", "gzip");
}

#[test]
fn weights_come_before_the_servers_order() {
    check_codings("br;q=0.1, gzip", "gzip br");
    check_codings("*;q=0.5, gzip", "gzip br zstd");
    check_codings("*, br;q=0", "zstd gzip");
    check_codings("*;q=0, zstd;q=0.001", "zstd");
    check_codings("X-GZIP;q=0.2, br;q=0.1", "gzip br");
    // The plain file has a weight too.
    check_codings("gzip;q=0.5, identity", "");
    check_codings("gzip;q=0.5, identity;q=0", "gzip");
    check_codings("gzip;q=0.5, *", "br zstd");
}

#[test]
fn malformed_members_are_ignored() {
    check_codings("gzip ; q=0.5 , br\t;\tq=0.7", "br gzip");
    check_codings(",, gzip,,", "gzip");
    check_codings("gzip;", "gzip");
    check_codings("gzip;Q=0", "");
    check_codings("gzip;q=0, gzip;q=1", "");
    check_codings("gzip;level=9;q=0.5, br;q=0.4", "gzip br");
    check_codings("gzip;q=1.", "gzip");
    for wrong in ["1.001", "a", "", " 1", "1 1", "0.5;q=0.6", "-1", "0.5000", ".5", "0,5", "0.x"] {
        check_codings(&format!("br, gzip;q={wrong}"), "br");
    }
    check_codings("br, gzip;q", "br");
    check_codings("br, gzip;q =1", "br");
    check_codings("br gzip", "");
    check_codings("gzip;a=\"\\\", br\", zstd", "zstd gzip");
}

#[test]
fn the_most_specific_range_gives_the_weight() {
    assert!(!prefers_json(None));
    // Browsers; curl and wget; jQuery, axios, HTTPie.
    for value in [FIREFOX, CHROME, "*/*"] {
        check_json(value, false);
    }
    check_json("application/json, text/javascript, */*; q=0.01", true);
    for value in ["application/*", "APPLICATION/Json, text/*", "text/html;q=0.5, */*;q=0.6"] {
        check_json(value, true);
    }
    for value in ["application/json, text/html", "application/json;q=0.4, */*;q=0.5"] {
        check_json(value, false);
    }
    for value in ["application/json;q=0, */*", "application/json;q=0, text/html;q=0"] {
        check_json(value, false);
    }
    // Malformed ranges are ignored.
    check_json("text/html;a=\"b,c;q=0\";q=0.5, application/json", true);
    check_json("text/html;q=x, application/json;q=0.1", true);
    check_json("a=\"b, application/json", false);
}

/// A member for each coding and the plain file, in thousandths.
fn weights() -> impl Strategy<Value = [u16; 4]> {
    [0..=WEIGHT_MAX, 0..=WEIGHT_MAX, 0..=WEIGHT_MAX, 0..=WEIGHT_MAX]
}

proptest! {
    #[test]
    fn codings_follow_the_weights(weights in weights()) {
        let [br, zstd, gzip, plain] =
            weights.map(|weight| format!("{}.{:03}", weight / 1000, weight % 1000));
        let list = format!("gzip;q={gzip},identity;q={plain},zstd;q={zstd},br;q={br}");
        let weight = |coding| weights[coding as usize];
        let got = codings(Some(list.as_bytes()));
        prop_assert!(got.is_sorted_by_key(|&coding| Reverse(weight(coding))));
        for coding in Coding::ALL {
            let is_welcome = weight(coding) > 0 && weight(coding) >= weights[3];
            prop_assert_eq!(got.contains(&coding), is_welcome);
        }
    }

    #[test]
    fn any_value_has_an_answer(value in prop_oneof![
        vec(any::<u8>(), 0..60),
        "(gzip|br|\\*|text/html|application/json|[;,q=. \"\\\\01]){0,30}"
            .prop_map(String::into_bytes),
    ]) {
        let got = codings(Some(&value));
        prop_assert!((1..got.len()).all(|at| !got[..at].contains(&got[at])));
        let _ = (prefers_json(Some(&value)), prefers_html(Some(&value)));
    }
}

#[test]
fn pages_are_wanted_by_those_who_prefer_nothing_else() {
    assert!(prefers_html(None));
    for value in [FIREFOX, CHROME, "*/*", "application/xhtml+xml, TEXT/HTML;charset=utf-8"] {
        check_html(value, true);
    }
    // Empty and unreadable lists.
    for nothing in ["", ",,", ";q=1", "text/html;q=x"] {
        check_html(nothing, true);
    }
    // Images and style sheets in browsers; axios.
    check_html("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", false);
    check_html("text/css,*/*;q=0.1", false);
    check_html("application/json, text/plain, */*", false);
    check_html("image/*, */*", false);
    for value in ["application/json, text/html;q=0.9", "application/json, text/*", "text/html;q=0"]
    {
        check_html(value, false);
    }
}
