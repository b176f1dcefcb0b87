//! Words of a closed set.
//!
//! Canonical: one of the values, letter for letter. Repaired: a value with noise anywhere in it, or one of the aliases.
//! Malformed: any other word; case matters.

use std::{borrow::Cow, collections::HashMap};

use super::{Read, text::without_noise};
use crate::{proto, words::Words};

/// The values and their aliases.
#[derive(Debug, Clone)]
pub(crate) struct OneOf {
    values: Words,
    aliases: HashMap<String, String>,
}

impl OneOf {
    /// Takes the values and aliases of a contract, or says why they make no sense.
    pub(crate) fn new(spec: &proto::OneOf) -> Result<Self, String> {
        if spec.values.is_empty() {
            return Err("one_of has no values, so every word would be refused".to_owned());
        }
        if let Some(value) = spec.values.iter().find(|value| without_noise(value) != value.as_str() || value.is_empty())
        {
            return Err(format!(
                "value {value:?} of one_of is empty, or holds characters that are removed before it is compared"
            ));
        }
        if let Some((alias, value)) = spec.aliases.iter().find(|(_, value)| !spec.values.contains(value)) {
            return Err(format!("alias '{alias}' stands for '{value}', which is not one of the values"));
        }
        Ok(Self {
            values: Words::new(spec.values.iter().map(String::as_str)),
            aliases: spec.aliases.clone().into_iter().collect(),
        })
    }

    /// Reads a word.
    pub(crate) fn read<'a>(&self, text: &'a str) -> Read<Cow<'a, str>> {
        if self.values.contains(text) { Read::Canonical(Cow::Borrowed(text)) } else { self.forgiving(text) }
    }

    #[cold]
    fn forgiving<'a>(&self, text: &str) -> Read<Cow<'a, str>> {
        let stripped = without_noise(text);
        let value = match self.aliases.get(stripped.as_ref()) {
            Some(value) => Some(value.clone()),
            None => self.values.contains(&stripped).then(|| stripped.into_owned()),
        };
        Read::repaired(value.map(Cow::Owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    fn one_of(values: &[&str], aliases: &[(&str, &str)]) -> Result<OneOf, String> {
        OneOf::new(&proto::OneOf {
            values: values.iter().map(|&value| value.to_owned()).collect(),
            aliases: aliases.iter().map(|&(alias, value)| (alias.to_owned(), value.to_owned())).collect(),
        })
    }

    #[test]
    fn words_are_compared_after_stripping_and_with_their_case() {
        let words = one_of(&["play", "playlist_create", "ü"], &[("played", "play")]).unwrap();
        canonical(words.read("play"), "play");
        canonical(words.read("playlist_create"), "playlist_create");
        canonical(words.read("ü"), "ü");
        for text in [" play", "pl\u{200b}ay", "play\0", "\u{feff}play\u{a0}", "played", " played"] {
            repaired(words.read(text), "play");
        }
        for text in ["", "Play", "PLAY", "pla", "playlist_creat", "play ed", "u\u{308}"] {
            malformed(&words.read(text));
        }
    }

    #[test]
    fn sets_that_make_no_sense_are_refused() {
        assert!(one_of(&[], &[]).unwrap_err().contains("no values"));
        assert!(one_of(&["a "], &[]).unwrap_err().contains("removed before"));
        assert!(one_of(&["a"], &[("b", "c")]).unwrap_err().contains("not one of the values"));
    }
}
