//! Ids in URIs: `<prefix>` and eleven base-62 digits become a number below 2^63.
//!
//! Canonical: the prefix as given and eleven digits (`0`–`9`, `A`–`Z`, `a`–`z`, in the order of their value). Repaired: the prefix
//! in another case, outer noise. Malformed: all else, another prefix and ids of 2^63 and over included.

use downbeat_model::ids::parse_base62;

use super::{Read, trim_noise};

/// Reads an id that follows `prefix`.
pub(crate) fn read(text: &str, prefix: &str) -> Read<i64> {
    if let Some(id) = text.strip_prefix(prefix).and_then(id) {
        return Read::Canonical(id);
    }
    let text = trim_noise(text);
    let found = text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix));
    Read::repaired(found.and_then(|_| id(&text[prefix.len()..])))
}

fn id(digits: &str) -> Option<i64> {
    parse_base62(digits.as_bytes()).and_then(|id| i64::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use downbeat_model::ids::{TRACK_PREFIX, base62, track_uri};
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    fn track(text: &str) -> Read<i64> {
        read(text, TRACK_PREFIX)
    }

    #[test]
    fn prefix_and_eleven_digits_are_canonical() {
        canonical(track("downbeat:track:0000000000g"), 42);
        canonical(read("0000000000g", ""), 42);
    }

    #[test]
    fn prefix_case_and_noise_are_repaired() {
        for text in
            ["Downbeat:Track:0000000000g", " downbeat:track:0000000000g", "downbeat:track:0000000000g\u{feff}\n"]
        {
            repaired(track(text), 42);
        }
    }

    #[test]
    fn other_prefixes_lengths_and_ids_over_63_bits_are_malformed() {
        for text in [
            "",
            "downbeat:track:",
            "downbeat:playlist:0000000000g",
            "downbeat:track:000000000g",
            "downbeat:track:00000000000g",
            "downbeat:track:0000000000-",
            "downbeat:track:zzzzzzzzzzz",
            "0000000000g",
            "downbeat:trac\u{212a}:0000000000g",
            "dö",
        ] {
            malformed(&track(text));
        }
        malformed(&track(&track_uri(1 << 63)));
        canonical(track(&track_uri(u64::MAX >> 1)), i64::MAX);
    }

    proptest! {
        #[test]
        fn every_id_comes_back_from_its_uri(id in 0..=i64::MAX) {
            prop_assert_eq!(track(&track_uri(id as u64)), Read::Canonical(id));
            prop_assert_eq!(base62(id as u64).len(), 11);
        }
    }
}
