//! Numbers with a fraction become 64-bit floating point, the nearest to what is written.
//!
//! Canonical: decimal digits without a leading zero, `-` in front of a negative number, and perhaps a point with digits behind it.
//! Repaired: leading zeros, `+`, `.5`, `5.`, an exponent, outer noise. Malformed: all else: words (`NaN`, `inf`), separators of
//! thousands, a comma, numbers too large to be finite.

use super::{Read, trim_noise};

/// Reads a number.
pub(crate) fn read(text: &str) -> Read<f64> {
    if is_canonical(text.as_bytes())
        && let Ok(value) = text.parse::<f64>()
        && value.is_finite()
    {
        return Read::Canonical(value);
    }
    let trimmed = trim_noise(text);
    // What the standard parser takes beside numbers are words.
    let digits = trimmed.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let value = digits.then(|| trimmed.parse::<f64>().ok()).flatten();
    Read::repaired(value.filter(|value| value.is_finite()))
}

pub(super) fn is_canonical(text: &[u8]) -> bool {
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    let whole = whole.strip_prefix(b"-").unwrap_or(whole);
    let all_digits = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits(whole) && (whole == b"0" || whole[0] != b'0') && fraction.is_none_or(all_digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn plain_numbers_are_canonical() {
        for (text, value) in
            [("0", 0.0), ("-0.5", -0.5), ("12.50", 12.5), ("9007199254740993", 9_007_199_254_740_992.0)]
        {
            canonical(read(text), value);
        }
        canonical(read("0.1"), 0.1);
    }

    #[test]
    fn other_notations_of_a_number_are_repaired() {
        for (text, value) in [
            ("+1", 1.0),
            ("007.5", 7.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("-2.5E-1", -0.25),
            (" 1.5\u{200b}", 1.5),
        ] {
            repaired(read(text), value);
        }
    }

    #[test]
    fn what_is_no_finite_number_is_malformed() {
        for text in
            ["", "-", ".", "e", "NaN", "inf", "Infinity", "1,5", "1 000", "1_000", "0x1p3", "1e999", "--1", "1e", "٣"]
        {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back_from_its_text(value in proptest::num::f64::NORMAL) {
            let text = value.to_string();
            prop_assert_eq!(read(&text), Read::Canonical(value));
            prop_assert_eq!(read(&format!("{value:e}")), Read::Repaired(value));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,32}|[-+0-9.eE ]{0,32}") {
            let _ = read(&text);
        }
    }
}
