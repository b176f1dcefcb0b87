//! Whole numbers in decimal digits become a 64-bit number.
//!
//! Canonical: digits without a leading zero, `-` in front of a negative number. Repaired: leading zeros, `+`, `-0`, outer noise.
//! Malformed: all else: fractions, exponents, separators, other scripts' digits, numbers of more than 64 bits.

use super::{Read, trim_noise};

/// Reads a number.
pub(crate) fn read(text: &str) -> Read<i64> {
    match text.as_bytes() {
        [b'0'] => Read::Canonical(0),
        // 18 digits fit for sure; the first is not zero.
        digits @ [b'1'..=b'9', ..] if digits.len() <= 18 => {
            let mut worst = 0;
            let value = digits.iter().fold(0i64, |value, byte| {
                let digit = byte.wrapping_sub(b'0');
                worst = worst.max(digit);
                value.wrapping_mul(10).wrapping_add(i64::from(digit))
            });
            if worst <= 9 { Read::Canonical(value) } else { forgiving(text) }
        }
        _ => forgiving(text),
    }
}

#[cold]
fn forgiving(text: &str) -> Read<i64> {
    // `i64::from_str` takes an optional sign and digits, nothing else, and minds overflow.
    match trim_noise(text).parse::<i64>() {
        Ok(value) if is_canonical(text) => Read::Canonical(value),
        Ok(value) => Read::Repaired(value),
        Err(_) => Read::Malformed,
    }
}

/// Whether `text`, known to hold a number somewhere, is written as such a number is.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || matches!(digits.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn plain_numbers_are_canonical_to_the_edges_of_64_bits() {
        for value in [0, 1, -1, 10, 999_999_999_999_999_999, 1_000_000_000_000_000_000, i64::MAX, i64::MIN] {
            canonical(read(&value.to_string()), value);
        }
    }

    #[test]
    fn zeros_signs_and_noise_are_repaired() {
        for (text, value) in [("007", 7), ("+7", 7), ("-0", 0), ("00", 0), (" 7", 7), ("7\u{0}", 7), ("-007", -7)] {
            repaired(read(text), value);
        }
    }

    #[test]
    fn what_is_no_whole_number_of_64_bits_is_malformed() {
        for text in [
            "",
            "-",
            "+",
            "1.0",
            "1e3",
            "1_000",
            "1,000",
            "0x1",
            "١٢",
            "１",
            "9223372036854775808",
            "--1",
            "1 2",
            "12a",
            "1\u{200b}2",
        ] {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_parser(text in "[-+0-9a ]{0,22}") {
            match text.trim_matches(' ').parse::<i64>() {
                Ok(value) if value.to_string() == text => prop_assert_eq!(read(&text), Read::Canonical(value)),
                Ok(value) => prop_assert_eq!(read(&text), Read::Repaired(value)),
                Err(_) => prop_assert_eq!(read(&text), Read::Malformed),
            }
        }
    }
}
