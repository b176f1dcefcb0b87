//! The word that was probably meant: what an error suggests when somebody asks for a name that does not exist.

/// Letters of a word that are looked at: no name of ours is longer, and a request may hold megabytes.
const MOST_LETTERS: usize = 64;

/// The word of `known` that is nearest to `word`, if it is near enough to have been meant: at most half of the letters
/// differ, ignoring case.
///
/// ```
/// use downbeat_model::nearest;
///
/// assert_eq!(nearest("listners", ["seed", "listeners"]), Some("listeners"));
/// assert_eq!(nearest("zzzzzzzz", ["seed", "listeners"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().take(MOST_LETTERS).count();
    known
        .into_iter()
        .map(|known| (distance(word, known), known))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= letters.max(3) / 2)
        .map(|(_, known)| known)
}

/// A text from outside as an error may show it: whole if it is short, else its beginning.
///
/// ```
/// assert_eq!(downbeat_model::shown("events"), "events");
/// assert_eq!(downbeat_model::shown(&"x".repeat(1_000_000)).chars().count(), 65);
/// ```
pub fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut shown: String = letters.by_ref().take(MOST_LETTERS).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Edits (insert, delete, replace) between the beginnings of two words, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| word.chars().take(MOST_LETTERS).flat_map(char::to_lowercase).collect::<Vec<char>>();
    let b = letters(b);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in letters(a).into_iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "", 3), ("evnts", "events", 1), ("TS", "ts", 0), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn nothing_is_near_when_nothing_is_known() {
        assert_eq!(nearest("events", []), None);
    }

    #[test]
    fn a_word_of_megabytes_costs_no_more_than_a_long_one() {
        assert_eq!(nearest(&"e".repeat(10_000_000), ["events"]), None);
    }
}
