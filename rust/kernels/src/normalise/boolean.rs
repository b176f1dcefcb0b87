//! Truth values.
//!
//! Canonical: `true`, `false`. Repaired: the same in any case, `t`, `yes`, `y`, `on`, `1` and `f`, `no`, `n`, `off`, `0` in any case,
//! outer noise. Malformed: all else.

use super::{Read, trim_noise};

const TRUE: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
const FALSE: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

/// Reads a truth value.
pub(crate) fn read(text: &str) -> Read<bool> {
    match text {
        "true" => Read::Canonical(true),
        "false" => Read::Canonical(false),
        _ => {
            let word = trim_noise(text);
            let among = |words: [&str; 6]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
            Read::repaired(if among(TRUE) { Some(true) } else { among(FALSE).then_some(false) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn two_words_are_canonical_and_their_like_is_repaired() {
        canonical(read("true"), true);
        canonical(read("false"), false);
        for (words, value) in [(TRUE, true), (FALSE, false)] {
            for word in words {
                repaired(read(&word.to_uppercase()), value);
                repaired(read(&format!("\u{200b}{word}\n")), value);
            }
        }
    }

    #[test]
    fn other_words_are_malformed() {
        for text in ["", "tru", "yess", "2", "01", "oui", "t f", "ｔｒｕｅ", "null"] {
            malformed(&read(text));
        }
    }
}
