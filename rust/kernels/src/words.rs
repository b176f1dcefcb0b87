//! A set of words that is asked for every row: whether a text is one of them.

use std::collections::HashSet;

/// Up to this many words have a place of their own in a table, which is quicker than hashing the text.
const MAX_PLACED: usize = 16;

/// The binary logarithm of that table's places: for as many words, one multiplier in seven keeps them apart.
const PLACE_BITS: u32 = 6;

/// A set of texts.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// Each word at its place; elsewhere ends that no text has.
    Few {
        places: Box<[(Ends, String)]>,
        multiplier: u64,
    },
    Many(HashSet<String>),
}

/// A text's length and its first and last 8 bytes: all of it, if it has no more than 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    len: usize,
    first: u64,
    last: u64,
}

impl Ends {
    /// An odd number that spreads well: 2^64 over the golden ratio.
    pub(crate) const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    const NONE: Self = Self { len: usize::MAX, first: 0, last: 0 };

    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        // First and last bytes overlap in a text shorter than both together; the length keeps such texts apart.
        let (first, last) = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
        } else {
            (bytes.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0)
        };
        Self { len: bytes.len(), first, last }
    }

    /// One of 2^`bits` places; another multiplier, which must be odd, gives other places.
    #[inline]
    pub(crate) fn place(self, multiplier: u64, bits: u32) -> usize {
        let mixed = self.first ^ self.last.rotate_left(32) ^ self.len as u64;
        (mixed.wrapping_mul(multiplier) >> (u64::BITS - bits)) as usize
    }
}

impl Words {
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: HashSet<String> = words.into_iter().map(str::to_owned).collect();
        if words.len() > MAX_PLACED {
            return Self::Many(words);
        }
        let alone = |multiplier: &u64| {
            let mut taken = 0_u64;
            words.iter().all(|word| {
                let place = 1 << Ends::of(word).place(*multiplier, PLACE_BITS);
                let free = taken & place == 0;
                taken |= place;
                free
            })
        };
        // Words of equal length and ends have no places of their own; the others nearly always find some.
        let Some(multiplier) = (1..1_000).map(|n| Ends::MULTIPLIER.wrapping_mul(n) | 1).find(alone) else {
            return Self::Many(words);
        };
        let mut places = vec![(Ends::NONE, String::new()); 1 << PLACE_BITS].into_boxed_slice();
        for word in words {
            let ends = Ends::of(&word);
            places[ends.place(multiplier, PLACE_BITS)] = (ends, word);
        }
        Self::Few { places, multiplier }
    }

    #[inline]
    pub(crate) fn contains(&self, text: &str) -> bool {
        match self {
            Self::Few { places, multiplier } => {
                let ends = Ends::of(text);
                let (known, word) = &places[ends.place(*multiplier, PLACE_BITS)];
                *known == ends && (ends.len <= 16 || word == text)
            }
            Self::Many(words) => words.contains(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contains_exactly_its_words(words in prop::collection::vec("[ab\0é]{0,22}", 0..24), text in "[ab\0é]{0,22}") {
            let set = Words::new(words.iter().map(String::as_str));
            prop_assert_eq!(set.contains(&text), words.contains(&text));
            for word in &words {
                prop_assert!(set.contains(word));
            }
        }
    }
}
