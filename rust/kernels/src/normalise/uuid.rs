//! UUIDs: text becomes 16 bytes, most significant first.
//!
//! Canonical: 8-4-4-4-12 hexadecimal digits in lower case (RFC 9562). Repaired: upper or mixed case, no hyphens at all, braces
//! or `urn:uuid:` around it, outer noise. Any version and variant is taken, the nil UUID too. Malformed: all else.

use super::{Read, trim_noise};

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// A hexadecimal digit's value, plus [`UPPER`] for `A`–`F`; [`INVALID`] for any other byte.
pub(crate) const HEX: [u8; 256] = {
    let mut table = [INVALID; 256];
    let mut i = 0;
    while i < 10 {
        table[b'0' as usize + i] = i as u8;
        i += 1;
    }
    i = 0;
    while i < 6 {
        table[b'a' as usize + i] = 10 + i as u8;
        table[b'A' as usize + i] = (10 + i as u8) | UPPER;
        i += 1;
    }
    table
};
/// Marks an upper-case digit in [`HEX`].
pub(crate) const UPPER: u8 = 0x40;
/// Marks what is no digit in [`HEX`].
pub(crate) const INVALID: u8 = 0x80;

/// Reads a UUID.
pub(crate) fn read(text: &str) -> Read<[u8; 16]> {
    if let Ok(bytes) = <&[u8; 36]>::try_from(text.as_bytes())
        && let Some((id, marks)) = hyphenated(bytes)
    {
        return if marks == 0 { Read::Canonical(id) } else { Read::Repaired(id) };
    }
    Read::repaired(forgiving(text))
}

/// The id and the [`UPPER`] marks of its digits.
fn hyphenated(text: &[u8; 36]) -> Option<([u8; 16], u8)> {
    if HYPHENS.iter().any(|&at| text[at] != b'-') {
        return None;
    }
    // Where each byte's two digits stand.
    const AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut marks = 0;
    let id = std::array::from_fn(|i| {
        let (high, low) = (HEX[usize::from(text[AT[i]])], HEX[usize::from(text[AT[i] + 1])]);
        marks |= high | low;
        high << 4 | low & 0xf
    });
    (marks & INVALID == 0).then_some((id, marks & UPPER))
}

#[cold]
fn forgiving(text: &str) -> Option<[u8; 16]> {
    let mut text = trim_noise(text);
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        text = inner;
    } else if text.get(..9).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:uuid:")) {
        text = &text[9..];
    }
    let text = text.as_bytes();
    if let Ok(text) = <&[u8; 36]>::try_from(text) {
        return hyphenated(text).map(|(id, _)| id);
    }
    let digits = <&[u8; 32]>::try_from(text).ok()?;
    let mut marks = 0;
    let id = std::array::from_fn(|i| {
        let (high, low) = (HEX[usize::from(digits[2 * i])], HEX[usize::from(digits[2 * i + 1])]);
        marks |= high | low;
        high << 4 | low & 0xf
    });
    (marks & INVALID == 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use downbeat_model::ids::uuid_text;
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    const ID: [u8; 16] = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 0xff];

    #[test]
    fn lower_case_with_hyphens_is_canonical() {
        canonical(read("12345678-9abc-def0-0102-0304050607ff"), ID);
        canonical(read("00000000-0000-0000-0000-000000000000"), [0; 16]);
    }

    #[test]
    fn other_notations_are_repaired() {
        for text in [
            "12345678-9ABC-DEF0-0102-0304050607FF",
            "12345678-9abc-def0-0102-0304050607fF",
            "123456789abcdef001020304050607ff",
            "{12345678-9abc-def0-0102-0304050607ff}",
            "URN:uuid:12345678-9abc-def0-0102-0304050607ff",
            " 12345678-9abc-def0-0102-0304050607ff\u{200b}\r\n",
        ] {
            repaired(read(text), ID);
        }
    }

    #[test]
    fn torn_and_foreign_texts_are_malformed() {
        for text in [
            "",
            "1",
            "12345678-9abc-def0-0102-0304050607f",
            "12345678-9abc-def0-0102-0304050607fff",
            "12345678-9abc-def0-0102-0304050607fg",
            "123456789-abc-def0-0102-0304050607ff",
            "12345678-9abc-def0-01020304050607ff",
            "{12345678-9abc-def0-0102-0304050607ff",
            "12345678-9abc-def0-0102-0304050607é",
            "１2345678-9abc-def0-0102-0304050607ff",
            "12345678\u{200b}-9abc-def0-0102-0304050607f",
        ] {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn every_id_comes_back_from_its_text(id: [u8; 16]) {
            let text = String::from_utf8(uuid_text(&id).to_vec()).unwrap();
            prop_assert_eq!(read(&text), Read::Canonical(id));
            let upper = text.to_uppercase();
            prop_assert_eq!(read(&upper), if upper == text { Read::Canonical(id) } else { Read::Repaired(id) });
        }

        #[test]
        fn any_text_is_read_as_hexadecimal_digits_say(text in "[0-9a-fA-Fg]{30,34}|\\PC{0,40}") {
            let number = (text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()))
                .then(|| u128::from_str_radix(&text, 16).unwrap().to_be_bytes());
            if !text.contains('-') {
                prop_assert_eq!(read(&text), Read::repaired(number));
            }
        }
    }
}
