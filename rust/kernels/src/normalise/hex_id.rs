//! Ids of 16 hexadecimal digits: text becomes a number below 2^63.
//!
//! Canonical: 16 digits in lower case. Repaired: upper or mixed case, `0x` in front, outer noise. Malformed: all else, also ids of
//! 2^63 and over, which no signed 64-bit column can hold.

use super::{
    Read, trim_noise,
    uuid::{HEX, INVALID},
};

/// Reads an id.
pub(crate) fn read(text: &str) -> Read<i64> {
    match digits(text.as_bytes()) {
        Some((id, 0)) => Read::Canonical(id),
        Some((id, _)) => Read::Repaired(id),
        None => {
            let text = trim_noise(text);
            let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
            Read::repaired(digits(text.as_bytes()).map(|(id, _)| id))
        }
    }
}

/// The id and its digits' marks: not zero where one is in upper case.
fn digits(text: &[u8]) -> Option<(i64, u8)> {
    let text = <&[u8; 16]>::try_from(text).ok()?;
    let (mut id, mut marks) = (0u64, 0);
    for &byte in text {
        let digit = HEX[usize::from(byte)];
        marks |= digit;
        id = id << 4 | u64::from(digit & 0xf);
    }
    (marks & INVALID == 0).then_some((i64::try_from(id).ok()?, marks & !0xf))
}

#[cfg(test)]
mod tests {
    use downbeat_model::ids::session_text;
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn sixteen_lower_case_digits_are_canonical() {
        canonical(read("0000000000000abc"), 0xabc);
        canonical(read("7fffffffffffffff"), i64::MAX);
    }

    #[test]
    fn case_prefix_and_noise_are_repaired() {
        for text in
            ["0000000000000ABC", "0000000000000aBc", "0x0000000000000abc", "0X0000000000000abc", "\t0000000000000abc "]
        {
            repaired(read(text), 0xabc);
        }
    }

    #[test]
    fn other_lengths_characters_and_ids_over_63_bits_are_malformed() {
        for text in [
            "",
            "abc",
            "8000000000000000",
            "ffffffffffffffff",
            "00000000000000abc",
            "000000000000000g",
            "-000000000000abc",
            "0x0000000000000g",
            "é00000000000000",
        ] {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn every_id_comes_back_from_its_text(id in 0..=i64::MAX) {
            let text = String::from_utf8(session_text(id as u64).to_vec()).unwrap();
            prop_assert_eq!(read(&text), Read::Canonical(id));
        }
    }
}
