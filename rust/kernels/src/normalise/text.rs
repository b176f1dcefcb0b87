//! Free text: what was typed, without what nobody typed.
//!
//! Canonical: in Unicode's NFC, without control and zero-width characters and without outer white space. Repaired: a text that
//! is all this after removing those and composing. Malformed: more characters (code points, after the repair) than allowed.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Read, is_zero_width};

/// Reads a text of at most `max_length` characters.
pub(crate) fn read(text: &str, max_length: usize) -> Read<Cow<'_, str>> {
    let clean = if is_plain_ascii(text) {
        Cow::Borrowed(text)
    } else {
        match without_noise(text) {
            stripped if is_nfc_quick(stripped.chars()) == IsNormalized::Yes => stripped,
            stripped => Cow::Owned(stripped.nfc().collect()),
        }
    };
    // Nothing left is nothing given. A text is never longer in characters than in bytes.
    if clean.is_empty() || (clean.len() > max_length && clean.chars().count() > max_length) {
        Read::Malformed
    } else if matches!(clean, Cow::Borrowed(_)) || clean == text {
        Read::Canonical(Cow::Borrowed(text))
    } else {
        Read::Repaired(clean)
    }
}

/// `text` without control and zero-width characters, then without outer white space; borrowed if nothing had to go.
pub(crate) fn without_noise(text: &str) -> Cow<'_, str> {
    let noise = |c: char| c.is_control() || is_zero_width(c);
    if text.chars().any(noise) {
        let kept: String = text.chars().filter(|&c| !noise(c)).collect();
        return Cow::Owned(kept.trim().to_owned());
    }
    let trimmed = text.trim();
    if trimmed.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(trimmed.to_owned()) }
}

/// Printable ASCII without outer blanks: canonical whatever it says.
fn is_plain_ascii(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) && bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    fn any(text: &str) -> Read<Cow<'_, str>> {
        read(text, usize::MAX)
    }

    #[test]
    fn composed_text_in_any_script_is_canonical() {
        for text in ["a", "two words", "Café", "日本語", "🎵 mix", "\u{10fffd}", "a\u{a0}b", "ﬁ"] {
            canonical(any(text), text);
        }
    }

    #[test]
    fn hidden_characters_and_outer_white_space_are_removed_and_the_rest_composed() {
        for (text, clean) in [
            (" a ", "a"),
            ("a\tb", "ab"),
            ("\u{feff}a\u{200b}\u{200c}\u{200d}\u{2060}b", "ab"),
            ("a\u{7f}\u{85}\u{9f}\u{0}", "a"),
            ("\u{200b} a\u{3000}\u{200b}", "a"),
            ("Cafe\u{301}", "Café"),
            ("e\u{200b}\u{301}", "é"),
            ("\u{212b}", "Å"),
            ("\u{1100}\u{1161}", "가"),
        ] {
            repaired(any(text), clean);
        }
    }

    #[test]
    fn too_many_characters_are_malformed_and_bytes_do_not_count() {
        canonical(read("ééé", 3), "ééé");
        repaired(read("e\u{301}e\u{301}", 2), "éé");
        repaired(read("abc \u{200b}", 3), "abc");
        malformed(&read("abcd", 3));
        malformed(&read(&"🎵".repeat(1_000_000), 999_999));
    }

    #[test]
    fn every_character_alone_is_canonical_repaired_or_nothing() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let clean: String = if c.is_control() || is_zero_width(c) || c.is_whitespace() {
                String::new()
            } else {
                text.nfc().collect()
            };
            match any(&text) {
                Read::Canonical(found) => assert_eq!(found, clean, "U+{:04X}", c as u32),
                Read::Repaired(found) => assert!(found == clean && clean != text, "U+{:04X}", c as u32),
                Read::Malformed => assert!(clean.is_empty(), "U+{:04X}", c as u32),
            }
        }
    }

    proptest! {
        #[test]
        fn a_repaired_text_is_canonical_and_equals_the_definition(text in ".{0,12}|[ \u{0}-\u{20}a\u{301}\u{200b}é]{0,8}") {
            let kept: String = text.chars().filter(|&c| !c.is_control() && !is_zero_width(c)).collect();
            let clean: String = kept.trim().nfc().collect();
            match any(&text) {
                Read::Malformed => prop_assert!(clean.is_empty()),
                Read::Canonical(found) => prop_assert!(found == clean && clean == text),
                Read::Repaired(found) => {
                    prop_assert!(found == clean && clean != text);
                    prop_assert!(matches!(any(&found), Read::Canonical(_)));
                }
            }
        }
    }
}
