//! The names by which links find headings.
//!
//! They are made as GitHub makes them, so that the links of a text work here too; behind a prefix,
//! so that no heading takes a name that the page itself may use.

use std::collections::HashMap;

/// What all of them begin with.
pub(super) const PREFIX: &str = "readme-";

/// Characters of a heading that count.
const CHARACTERS_MAX: usize = 100;

/// The names that are taken.
#[derive(Default)]
pub(super) struct Anchors {
    /// Each with the number of headings that wanted it.
    taken: HashMap<String, usize>,
}

impl Anchors {
    /// A name for the heading with this text that no other one has. It has only letters, digits,
    /// `-` and `_`.
    pub(super) fn name(&mut self, heading: &str) -> String {
        let wanted = wanted(heading);
        let mut number = self.taken.get(&wanted).copied().unwrap_or(0);
        let mut name = wanted.clone();
        while self.taken.contains_key(&name) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        // The next one with this text need not try the numbers that are taken.
        self.taken.insert(wanted, number.max(1));
        self.taken.entry(name.clone()).or_insert(1);
        format!("{PREFIX}{name}")
    }
}

fn wanted(heading: &str) -> String {
    let characters = heading.trim().chars().filter_map(|character| match character {
        ' ' | '\n' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    characters.take(CHARACTERS_MAX).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_text() {
        let mut anchors = Anchors::default();
        let mut check = |text: &str, want: &str| {
            assert_eq!(anchors.name(text), format!("{PREFIX}{want}"), "{text:?}");
        };
        check("Quick start", "quick-start");
        check(" What's `new`? (2.0) ", "whats-new-20");
        check("a & b", "a--b");
        check("snake_case-1", "snake_case-1");
        check("Größe 日本", "größe-日本");
        check("\"><script>\u{202e}\0", "script");
        check("🎉", "");
        check(&"x".repeat(1_000), &"x".repeat(100));
    }

    #[test]
    fn no_two_headings_share_a_name() {
        let mut anchors = Anchors::default();
        let texts = ["a", "a", "a-1", "a", "a-1", "A", "", "", "a-2", "-1"];
        let names = texts.map(|text| anchors.name(text));
        assert_eq!(names[..2], ["readme-a", "readme-a-1"]);
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} in {names:?}");
        }
    }
}
