//! Numbers with a fraction become decimals of a given number of digits, exactly: nothing is rounded.
//!
//! Canonical: decimal digits without a leading zero, `-` in front of a number below zero, and perhaps a point with digits behind it,
//! as many as the type's scale at most. Repaired: what [`number`](super::number) repairs, `-0`, and zeros behind the last place.
//! Malformed: all else, and numbers that have more digits than the type on either side of the point.

use super::{Read, number, trim_noise};

/// The digits of a decimal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits {
    /// All of them, 1 to 38.
    pub(crate) precision: u8,
    /// Those behind the point.
    pub(crate) scale: u8,
}

impl Digits {
    /// Reads a number: its value without the point.
    pub(crate) fn read(self, text: &str) -> Read<i128> {
        let trimmed = trim_noise(text);
        let Some(value) = self.value(trimmed.as_bytes()) else { return Read::Malformed };
        let places = text.bytes().rev().position(|byte| byte == b'.').unwrap_or(0);
        if number::is_canonical(text.as_bytes())
            && places <= usize::from(self.scale)
            && (value != 0 || !text.starts_with('-'))
        {
            return Read::Canonical(value);
        }
        Read::Repaired(value)
    }

    /// The value of a sign, digits around a point and an exponent, times 10^`scale`.
    fn value(self, text: &[u8]) -> Option<i128> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (number, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            None => (unsigned, 0),
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
        };
        let (whole, fraction) = match number.iter().position(|&byte| byte == b'.') {
            Some(point) => (&number[..point], &number[point + 1..]),
            None => (number, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        // Zeros are counted, and only brought in when a digit follows: those at the end are but a power of ten.
        let (mut value, mut zeros) = (0i128, 0u32);
        for digit in whole.iter().chain(fraction) {
            if *digit == b'0' {
                zeros = zeros.saturating_add(1);
                continue;
            }
            if value != 0 {
                value = 10i128.checked_pow(zeros).and_then(|power| value.checked_mul(power))?;
            }
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
            zeros = 0;
        }
        if value == 0 {
            return Some(0);
        }
        let shift = exponent + i64::from(self.scale) + i64::from(zeros) - i64::try_from(fraction.len()).ok()?;
        // Below zero there are digits behind the last place.
        let power = 10i128.checked_pow(u32::try_from(shift).ok()?)?;
        let value = value.checked_mul(power).filter(|&value| value < 10i128.pow(self.precision.into()))?;
        Some(if negative { -value } else { value })
    }
}

/// A signed whole number; what is far too large stays so.
fn exponent(text: &[u8]) -> Option<i64> {
    const FAR: i64 = 1 << 40;
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(sign * digits.iter().fold(0, |value, digit| (value * 10 + i64::from(digit - b'0')).min(FAR)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    const PRICE: Digits = Digits { precision: 5, scale: 2 };
    const WIDEST: Digits = Digits { precision: 38, scale: 10 };

    #[test]
    fn plain_numbers_are_canonical() {
        for (text, value) in [("0", 0), ("0.00", 0), ("-0.5", -50), ("12.50", 1250), ("12.5", 1250), ("999.99", 99999)]
        {
            canonical(PRICE.read(text), value);
        }
        canonical(WIDEST.read("9999999999999999999999999999.9999999999"), 10i128.pow(38) - 1);
    }

    #[test]
    fn other_notations_of_a_number_are_repaired() {
        for (text, value) in [
            ("+1", 100),
            ("007.5", 750),
            (".5", 50),
            ("5.", 500),
            ("-0", 0),
            ("1.500", 150),
            ("1.5e2", 15000),
            ("12000E-2", 12000),
            ("0e999999999999999999999", 0),
            (" 1.5\u{200b}", 150),
            ("0000000000000000000000000000000000000000001.0000000000000000000000000000000000000", 100),
            ("100000000000000000000000000000000000000000e-40", 1000),
        ] {
            repaired(PRICE.read(text), value);
        }
    }

    #[test]
    fn what_has_other_digits_than_the_type_is_malformed() {
        for text in
            ["1000", "-1000.0", "0.001", "12.345", "1e3", "1e-3", "1e999999999999999999999", "1e-99999999999999999999"]
        {
            malformed(&PRICE.read(text));
        }
        malformed(&WIDEST.read("10000000000000000000000000000"));
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for text in
            ["", "-", ".", "e", "1e", "e1", "1e+", "NaN", "inf", "1,5", "1 000", "1_000", "0x1", "--1", "1.2.3", "٣"]
        {
            malformed(&PRICE.read(text));
        }
    }

    proptest! {
        #[test]
        fn every_decimal_comes_back_from_its_text(value in -99_999_i128..=99_999) {
            let sign = if value < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100);
            canonical(PRICE.read(&text), value);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in r"[-+]?[0-9.eE]{0,60}|\PC*") {
            let _ = WIDEST.read(&text);
        }
    }
}
