//! Tables for each precondition, single and together, and a model of entity-tag lists.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Status::{NotModified, PreconditionFailed};
use super::*;

const ETAG: &str = "\"64-2ebc98a1-5-7\"";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// A file changed at `MODIFIED`, in a response an hour later.
fn validators() -> Validators {
    let modified = Date::from_unix(784_111_777);
    let now = Date::from_unix(784_115_377).unwrap();
    Validators::new(ETag::from_file(100, 784_111_777, 5, 7), modified, now)
}

fn fields<'a>(lines: &[(&'a str, &'a str)]) -> Fields<'a> {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    fields
}

#[track_caller]
fn check(lines: &[(&str, &str)], want: Option<Status>) {
    assert_eq!(evaluate(&fields(lines), &validators()), want, "{lines:?}");
}

#[test]
fn a_tag_is_made_of_all_that_changes_with_a_file() {
    assert_eq!(ETag::from_file(100, 784_111_777, 5, 7).to_string(), ETAG);
    let longest = ETag::from_file(u64::MAX, -1, u32::MAX, u64::MAX).to_string();
    assert_eq!(longest, "\"ffffffffffffffff-ffffffffffffffff-ffffffff-ffffffffffffffff\"");
}

#[test]
fn if_match_compares_strongly() {
    for value in [ETAG, "*", &format!("\"a,b\",{ETAG}")] {
        check(&[("If-Match", value)], None);
    }
    let weak = format!("W/{ETAG}");
    for value in ["", &weak, &format!("{ETAG}, *"), &format!("{ETAG} \"b\"")] {
        check(&[("If-Match", value)], Some(PreconditionFailed));
    }
}

#[test]
fn if_none_match_compares_weakly() {
    for value in [ETAG, "*", &format!("W/{ETAG}"), &format!("\"a,\\\", {ETAG}")] {
        check(&[("If-None-Match", value)], Some(NotModified));
    }
    let malformed = [&format!("w/{ETAG}"), &format!("\"a,{ETAG}"), &format!("\"a, b\", {ETAG}")];
    for value in malformed {
        check(&[("If-None-Match", value)], None);
    }
}

#[test]
fn dates_are_compared_by_the_second() {
    let since = |date| [("If-Modified-Since", date)];
    check(&since(BEFORE), None);
    check(&since(MODIFIED), Some(NotModified));
    check(&since(AFTER), Some(NotModified));
    check(&since("Sun, 06 Nov 1994 08:49:37 CET"), None);

    let since = |date| [("If-Unmodified-Since", date)];
    check(&since(BEFORE), Some(PreconditionFailed));
    check(&since(MODIFIED), None);
    check(&since("yesterday"), None);
}

#[test]
fn repeated_dates_are_ignored_and_repeated_tags_are_one_list() {
    check(&[("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)], None);
    check(&[("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)], None);
    check(&[("If-Match", "\"a\""), ("if-match", ETAG)], None);
    check(&[("If-None-Match", "\"a\""), ("if-none-match", ETAG)], Some(NotModified));
}

#[test]
fn the_preconditions_are_taken_in_order() {
    check(&[], None);
    // Step 1 hides step 2, whatever its result.
    check(&[("If-Match", ETAG), ("If-Unmodified-Since", BEFORE)], None);
    let refused = [("If-Match", "\"a\""), ("If-Unmodified-Since", AFTER)];
    check(&refused, Some(PreconditionFailed));
    // Step 3 hides step 4, whatever its result, and so does a malformed list.
    check(&[("If-None-Match", "\"a\""), ("If-Modified-Since", AFTER)], None);
    check(&[("If-None-Match", "a"), ("If-Modified-Since", AFTER)], None);
    check(&[("If-None-Match", ETAG), ("If-Modified-Since", BEFORE)], Some(NotModified));
    check(&[("If-Match", ETAG), ("If-None-Match", ETAG)], Some(NotModified));
    // 412 comes before 304.
    check(&[("If-None-Match", ETAG), ("If-Match", "\"a\"")], Some(PreconditionFailed));
    let both = [("If-Modified-Since", AFTER), ("If-Unmodified-Since", BEFORE)];
    check(&both, Some(PreconditionFailed));
}

#[test]
fn without_a_date_of_its_own_a_file_ignores_dates() {
    let now = Date::from_unix(784_115_377).unwrap();
    let validators = Validators::new(ETag::from_file(1, -5, 0, 1), None, now);
    assert!(!validators.date_is_strong);
    for name in ["If-Modified-Since", "If-Unmodified-Since"] {
        for date in [BEFORE, AFTER] {
            assert_eq!(evaluate(&fields(&[(name, date)]), &validators), None);
        }
    }
    assert!(!if_range_holds(&fields(&[("If-Range", "yesterday")]), &validators));
}

#[test]
fn if_range_wants_the_very_same_state() {
    let holds = |values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|&value| ("If-Range", value)).collect();
        if_range_holds(&fields(&lines), &validators())
    };
    assert!(holds(&[]) && holds(&[ETAG]) && holds(&[MODIFIED]));
    for other in ["\"a\"", BEFORE, &format!("W/{ETAG}"), &format!("{ETAG} "), "*"] {
        assert!(!holds(&[other]), "{other}");
    }
    assert!(!holds(&[MODIFIED, MODIFIED]));
}

#[test]
fn a_date_is_strong_from_one_second_on_and_never_later_than_now() {
    let now = 784_111_777;
    for (modified, want, is_strong) in
        [(0, 0, true), (now - 1, now - 1, true), (now, now, false), (now + 1, now, false)]
    {
        let [date, want, now] = [modified, want, now].map(|it| Date::from_unix(it).unwrap());
        let validators = Validators::new(ETag::from_file(1, modified, 0, 1), Some(date), now);
        assert_eq!(validators.last_modified, Some(want));
        assert_eq!(validators.date_is_strong, is_strong);
        let range = [("If-Range", &want.to_string()[..])];
        assert_eq!(if_range_holds(&fields(&range), &validators), is_strong);
    }
}

/// A list as sent, and whether it names `ETAG` by strong and by weak comparison.
fn tag_list() -> impl Strategy<Value = (String, bool, bool)> {
    let opaque = prop_oneof![Just(ETAG.to_owned()), "\"[!#-~\u{80}-\u{ff}]{0,6}\""];
    let separator = "[ \t]{0,2},[ \t,]{0,3}";
    vec((any::<bool>(), opaque, separator), 0..6).prop_map(|tags| {
        let (mut list, mut strong, mut weak) = (String::new(), false, false);
        for (is_weak, opaque, separator) in tags {
            strong |= opaque == ETAG && !is_weak;
            weak |= opaque == ETAG;
            list += if is_weak { "W/" } else { "" };
            list += &opaque;
            list += &separator;
        }
        (list, strong, weak)
    })
}

proptest! {
    #[test]
    fn well_formed_lists_name_what_they_hold((list, strong, weak) in tag_list()) {
        let etag = validators().etag;
        prop_assert_eq!(etag.is_listed(list.as_bytes(), false), strong);
        prop_assert_eq!(etag.is_listed(list.as_bytes(), true), weak);
    }

    #[test]
    fn a_list_followed_by_rubbish_names_nothing((list, ..) in tag_list(), end in "[^\", \t*W]") {
        let list = list + &end;
        prop_assert!(!validators().etag.is_listed(list.as_bytes(), true));
    }

    #[test]
    fn any_bytes_have_an_outcome(
        values in vec(vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b'W')], 0..40), 3),
    ) {
        let mut fields = Fields::default();
        for (name, value) in ["If-Match", "If-None-Match", "If-Range"].iter().zip(&values) {
            fields.push(name.as_bytes(), value);
        }
        let _ = evaluate(&fields, &validators());
        let _ = if_range_holds(&fields, &validators());
    }
}
