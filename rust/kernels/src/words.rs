//! A set of words that is asked for every row: whether a text is one of them.

use std::collections::HashSet;

/// Up to this many words are compared one by one, which is quicker than hashing the text.
const MAX_COMPARED: usize = 16;

/// A set of texts.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    Few(Vec<(Ends, String)>),
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
    #[inline]
    fn of(text: &str) -> Self {
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
}

impl Words {
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: HashSet<String> = words.into_iter().map(str::to_owned).collect();
        if words.len() > MAX_COMPARED {
            return Self::Many(words);
        }
        let mut few: Vec<_> = words.into_iter().map(|word| (Ends::of(&word), word)).collect();
        // A hash set's order changes from run to run, and so would the time a search takes.
        few.sort_by(|(_, left), (_, right)| left.cmp(right));
        Self::Few(few)
    }

    #[inline]
    pub(crate) fn contains(&self, text: &str) -> bool {
        match self {
            Self::Few(words) => {
                let ends = Ends::of(text);
                words.iter().any(|(known, word)| *known == ends && (ends.len <= 16 || word == text))
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
