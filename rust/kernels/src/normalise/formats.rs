//! Points in time in notations that a contract lists: the first is canonical, the others are repaired.
//!
//! A notation is `iso` (all that [`timestamp`](super::timestamp) reads by a date), `epoch_seconds` (perhaps with a fraction), `epoch_millis` or
//! `epoch_micros` (digits, `-` in front of a time before 1970), or a pattern of these letters, as Java and Spark write them:
//!
//! | letters | what |
//! |:--|:--|
//! | `yyyy` `MM` `dd` `HH` `mm` `ss` | digits, exactly so many; what a pattern leaves out is 0, of month and day 1 |
//! | `S` to `SSSSSSSSS` | a fraction of a second in exactly so many digits |
//! | `XXX` | `Z` or `±HH:MM`; without one the time is UTC |
//! | `'…'`, and anything that is no letter | itself; `''` is an apostrophe |
//!
//! Outer noise is repaired. Malformed: all that fits none of them. Digits past the microsecond are cut off.

use super::{
    Read,
    timestamp::{self, MAX_OFFSET_S, SECOND_US, micros, number},
    trim_noise,
};

/// The notations of one column.
#[derive(Debug, Clone)]
pub(crate) struct Formats(Vec<Format>);

#[derive(Debug, Clone)]
enum Format {
    Iso,
    /// Digits that count units of so many microseconds.
    Epoch(i64),
    Pattern(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction(usize),
    Offset,
    Literal(String),
}

impl Formats {
    /// Compiles the notations of a contract, or says why one makes no sense.
    pub(crate) fn new(formats: &[String]) -> Result<Self, String> {
        let compile = |format: &String| {
            Ok(match format.as_str() {
                "iso" => Format::Iso,
                "epoch_seconds" => Format::Epoch(SECOND_US),
                "epoch_millis" => Format::Epoch(1000),
                "epoch_micros" => Format::Epoch(1),
                pattern => Format::Pattern(pieces(pattern)?),
            })
        };
        formats.iter().map(compile).collect::<Result<_, String>>().map(Self)
    }

    /// Reads a point in time, in microseconds since 1970 UTC.
    pub(crate) fn read(&self, text: &str) -> Read<i64> {
        let trimmed = trim_noise(text);
        let found = self.0.iter().enumerate().find_map(|(at, format)| Some((at, format.read(trimmed)?)));
        match found {
            Some((0, time_us)) if trimmed.len() == text.len() => Read::Canonical(time_us),
            found => Read::repaired(found.map(|(_, time_us)| time_us)),
        }
    }
}

impl Format {
    fn read(&self, text: &str) -> Option<i64> {
        match self {
            Self::Iso => timestamp::iso(text.as_bytes()),
            Self::Epoch(unit_us) => epoch(text, *unit_us),
            Self::Pattern(pieces) => pattern(text.as_bytes(), pieces),
        }
    }
}

fn epoch(text: &str, unit_us: i64) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if unit_us == SECOND_US => (whole, Some(fraction)),
        Some(_) => return None,
        None => (text, None),
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time_us = whole.parse::<i64>().ok()?.checked_mul(unit_us)?;
    let part_us = match fraction {
        None => 0,
        Some(fraction) => {
            let known = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
            known.then(|| micros(fraction.as_bytes()))?
        }
    };
    if whole.starts_with('-') { time_us.checked_sub(part_us) } else { time_us.checked_add(part_us) }
}

fn pattern(mut text: &[u8], pieces: &[Piece]) -> Option<i64> {
    let (mut year, mut month, mut day, mut hour, mut minute, mut second) = (1970, 1, 1, 0, 0, 0);
    let (mut part_us, mut offset_s) = (0, 0);
    for piece in pieces {
        match piece {
            Piece::Year => year = number::<4>(&mut text)?,
            Piece::Month => month = number::<2>(&mut text)?,
            Piece::Day => day = number::<2>(&mut text)?,
            Piece::Hour => hour = number::<2>(&mut text)?,
            Piece::Minute => minute = number::<2>(&mut text)?,
            Piece::Second => second = number::<2>(&mut text)?,
            Piece::Fraction(count) => {
                let (digits, rest) = text.split_at_checked(*count)?;
                if !digits.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                part_us = micros(digits);
                text = rest;
            }
            Piece::Offset => offset_s = offset(&mut text)?,
            Piece::Literal(literal) => text = text.strip_prefix(literal.as_bytes())?,
        }
    }
    let local_s = timestamp::seconds(year, month, day, hour, minute, second)?;
    text.is_empty().then_some((local_s - offset_s) * SECOND_US + part_us)
}

/// Takes `Z` or `±HH:MM` off the front.
fn offset(text: &mut &[u8]) -> Option<i64> {
    let (&sign, rest) = text.split_first()?;
    *text = rest;
    let sign = match sign {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = number::<2>(text)?;
    *text = text.strip_prefix(b":")?;
    let minutes = number::<2>(text)?;
    let offset_s = hours * 3600 + minutes * 60;
    (minutes <= 59 && offset_s <= MAX_OFFSET_S).then_some(sign * offset_s)
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let refused = |what: &str| format!("format '{pattern}': {what}");
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let piece = if let Some(after) = rest.strip_prefix("''") {
            rest = after;
            Piece::Literal("'".to_owned())
        } else if let Some(mut quoted) = rest.strip_prefix('\'') {
            let mut literal = String::new();
            loop {
                let (words, after) = quoted.split_once('\'').ok_or_else(|| refused("a quotation has no end"))?;
                literal.push_str(words);
                quoted = after;
                match quoted.strip_prefix('\'') {
                    Some(after) => quoted = after,
                    None => break,
                }
                literal.push('\'');
            }
            rest = quoted;
            Piece::Literal(literal)
        } else if first.is_ascii_alphabetic() {
            let run = rest.len() - rest.trim_start_matches(first).len();
            let letters = &rest[..run];
            rest = &rest[run..];
            match letters {
                "yyyy" => Piece::Year,
                "MM" => Piece::Month,
                "dd" => Piece::Day,
                "HH" => Piece::Hour,
                "mm" => Piece::Minute,
                "ss" => Piece::Second,
                "XXX" => Piece::Offset,
                _ if first == 'S' && run <= 9 => Piece::Fraction(run),
                _ => {
                    return Err(refused(&format!(
                        "'{letters}' is none of yyyy, MM, dd, HH, mm, ss, S to SSSSSSSSS, XXX; put words in ' '"
                    )));
                }
            }
        } else {
            rest = &rest[first.len_utf8()..];
            Piece::Literal(first.to_string())
        };
        if !matches!(piece, Piece::Literal(_))
            && pieces.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(&piece))
        {
            return Err(refused("a part of the time is there twice"));
        }
        pieces.push(piece);
    }
    match pieces.contains(&Piece::Year) {
        true => Ok(pieces),
        false => {
            Err(refused("it is none of iso, epoch_seconds, epoch_millis, epoch_micros, and as a pattern lacks yyyy"))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDateTime};
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    /// 2026-10-01T12:34:56Z.
    const TIME: i64 = 1_790_858_096_000_000;

    fn formats(formats: &[&str]) -> Formats {
        Formats::new(&formats.iter().map(|&format| format.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_first_notation_is_canonical_and_the_others_are_repaired() {
        let known = formats(&["dd/MM/yyyy HH:mm:ss", "iso", "epoch_millis", "yyyyMMdd'T'HHmmss.SSSXXX"]);
        canonical(known.read("01/10/2026 12:34:56"), TIME);
        for text in [
            " 01/10/2026 12:34:56",
            "2026-10-01T12:34:56Z",
            "2026-10-01 14:34:56.000+02",
            "1790858096000",
            "20261001T123456.000Z",
            "20261001T100456.000-02:30",
        ] {
            repaired(known.read(text), TIME);
        }
        for text in [
            "1/10/2026 12:34:56",
            "31/02/2026 00:00:00",
            "2026-10-01",
            "1790858096.000",
            "",
            "20261001T123456.000+19:00",
        ] {
            malformed(&known.read(text));
        }
    }

    #[test]
    fn numbers_count_the_unit_that_was_named() {
        canonical(formats(&["epoch_seconds"]).read("-1"), -1_000_000);
        canonical(formats(&["epoch_seconds"]).read("-1.5"), -1_500_000);
        canonical(formats(&["epoch_seconds"]).read("0.1234567"), 123_456);
        canonical(formats(&["epoch_micros"]).read("7"), 7);
        for text in ["9223372036854775807", "1.", ".5", "1.0000000000", "+1", "1e3", "-"] {
            malformed(&formats(&["epoch_seconds"]).read(text));
        }
        malformed(&formats(&["epoch_millis"]).read("1.5"));
    }

    #[test]
    fn what_a_pattern_leaves_out_is_its_beginning() {
        canonical(formats(&["yyyy"]).read("2026"), 1_767_225_600_000_000);
        canonical(formats(&["'at' HH 'o''clock', dd.MM.yyyy"]).read("at 12 o'clock, 01.10.2026"), TIME - 2_096_000_000);
    }

    #[test]
    fn a_pattern_that_makes_no_sense_is_refused() {
        for (pattern, said) in [
            ("dd/MM/yy", "'yy' is none of"),
            ("dd/MM", "lacks yyyy"),
            ("rfc3339", "'r' is none of"),
            ("yyyy 'at", "no end"),
            ("yyyy-MM-MM", "twice"),
            ("", "lacks yyyy"),
        ] {
            let refusal = Formats::new(&[pattern.to_owned()]).unwrap_err();
            assert!(refusal.contains(said), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_another_parser(ms in -62_167_219_200_000i64..253_402_300_800_000) {
            let time = DateTime::from_timestamp_millis(ms).unwrap().naive_utc();
            let text = time.format("%d.%m.%Y, %H:%M:%S.%3f").to_string();
            let expected = NaiveDateTime::parse_from_str(&text, "%d.%m.%Y, %H:%M:%S%.f").unwrap().and_utc();
            let known = formats(&["dd.MM.yyyy, HH:mm:ss.SSS"]);
            prop_assert_eq!(known.read(&text), Read::Canonical(expected.timestamp_micros()));
        }

        #[test]
        fn no_text_or_pattern_makes_it_panic(pattern in "\\PC{0,24}|[yMdHmsSX' :.-]{0,24}", text in "\\PC{0,32}|[-0-9:.TZ+ ]{0,32}") {
            if let Ok(known) = Formats::new(&[pattern, "iso".to_owned(), "epoch_seconds".to_owned()]) {
                let _ = known.read(&text);
            }
        }
    }
}
