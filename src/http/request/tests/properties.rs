//! What holds for any bytes: no panic, and a verdict that lasts.

use proptest::prelude::*;

use super::heads::{head, soup};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

    #[test]
    fn any_bytes_get_a_lasting_verdict(
        bytes in prop_oneof![head(), soup(), prop::collection::vec(any::<u8>(), 0..200)],
        more in soup(),
    ) {
        let verdict = judge(&bytes);
        if verdict != Ok(Parsed::Partial) {
            check_pieces(&bytes);
            let extended = [&bytes[..], &more].concat();
            prop_assert_eq!(judge(&extended), verdict);
        }
        prop_assert!(!HeadSummary::of(&bytes).line.contains(&b'\n'));
    }
}
