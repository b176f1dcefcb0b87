//! Versions of apps: dotted numbers.
//!
//! Canonical: one to six groups of one to ten digits, separated by dots. Repaired: noise anywhere, `v` or `V` in front. Leading
//! zeros stay: `8.09` and `8.9` may be two releases. Malformed: all else.

use std::borrow::Cow;

use super::{Read, text::without_noise};

const MAX_GROUPS: usize = 6;
const MAX_DIGITS: usize = 10;

/// Reads a version.
pub(crate) fn read(text: &str) -> Read<Cow<'_, str>> {
    if is_dotted_numbers(text) {
        return Read::Canonical(Cow::Borrowed(text));
    }
    let stripped = without_noise(text);
    let version = stripped.strip_prefix(['v', 'V']).unwrap_or(&stripped);
    Read::repaired(is_dotted_numbers(version).then(|| Cow::Owned(version.to_owned())))
}

fn is_dotted_numbers(text: &str) -> bool {
    let (mut groups, mut digits) = (1, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits < MAX_DIGITS => digits += 1,
            b'.' if digits > 0 && groups < MAX_GROUPS => (groups, digits) = (groups + 1, 0),
            _ => return false,
        }
    }
    digits > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn dotted_numbers_are_canonical() {
        for text in ["8", "8.9", "8.9.42", "1.2.40.599", "8.09.0", "1.2.3.4.5.6", "1234567890.1"] {
            canonical(read(text), text);
        }
    }

    #[test]
    fn noise_and_a_leading_v_are_repaired() {
        for text in [" 8.9.42", "8.\u{200b}9.42", "8.9\u{0}.42", "v8.9.42", "V8.9.42\u{a0}"] {
            repaired(read(text), "8.9.42");
        }
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in
            ["", ".", "8.", ".8", "8..9", "8.9-beta", "8 .9", "vv8", "1.2.3.4.5.6.7", "12345678901", "８.9", "-1"]
        {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_pattern(text in "[0-9.v]{0,16}") {
            let pattern = regex::Regex::new(r"\A[0-9]{1,10}(\.[0-9]{1,10}){0,5}\z").unwrap();
            prop_assert_eq!(matches!(read(&text), Read::Canonical(_)), pattern.is_match(&text));
        }
    }
}
