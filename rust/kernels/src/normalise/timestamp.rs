//! Points in time: text becomes microseconds since 1970, UTC.
//!
//! Canonical: `YYYY-MM-DDTHH:MM:SS.mmmZ`, exactly. Repaired, with outer noise or without:
//! - the same with a blank or `t` for `T`, no fraction or one of 1 to 9 digits, and `z`, `±HH:MM`, `±HHMM`, `±HH` (at most 18
//!   hours) or nothing (UTC) for `Z`;
//! - epoch seconds (9 or 10 digits, then perhaps a fraction of 1 to 9 digits), milliseconds (12 or 13), microseconds (15 or 16).
//!
//! Digits past the microsecond are cut off, for Spark's timestamps have none. Years are 0000 to 9999 in the proleptic Gregorian
//! calendar, as in Spark. Malformed: all else, also days that are not in the calendar, hour 24 and leap seconds (`:60`).

use super::{Read, trim_noise};

pub(super) const SECOND_US: i64 = 1_000_000;
pub(super) const DAY_S: i64 = 86_400;
/// What Java's and so Spark's offsets go up to.
pub(super) const MAX_OFFSET_S: i64 = 18 * 3600;

/// Reads a point in time.
pub(crate) fn read(text: &str) -> Read<i64> {
    if let Ok(text) = <&[u8; 24]>::try_from(text.as_bytes())
        && let Some(time_us) = canonical(text)
    {
        return Read::Canonical(time_us);
    }
    let bytes = trim_noise(text).as_bytes();
    Read::repaired(if bytes.get(4) == Some(&b'-') { iso(bytes) } else { epoch(bytes) })
}

fn canonical(text: &[u8; 24]) -> Option<i64> {
    // Every byte is looked at before the first decision: one branch for all of them.
    let mut worst = 0;
    let mut digit = |at: usize| {
        let digit = text[at].wrapping_sub(b'0');
        worst = worst.max(digit);
        i64::from(digit)
    };
    let year = digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3);
    let (month, day) = (digit(5) * 10 + digit(6), digit(8) * 10 + digit(9));
    let (hour, minute, second) = (digit(11) * 10 + digit(12), digit(14) * 10 + digit(15), digit(17) * 10 + digit(18));
    let millis = digit(20) * 100 + digit(21) * 10 + digit(22);
    let marks = [text[4], text[7], text[10], text[13], text[16], text[19], text[23]];
    if worst > 9 || marks != *b"--T::.Z" {
        return None;
    }
    Some(seconds(year, month, day, hour, minute, second)? * SECOND_US + millis * 1000)
}

/// Seconds since 1970, if there is such a day and such a time of it.
pub(super) fn seconds(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar, counted in years that begin in March, so that the leap day
/// is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = march_year.div_euclid(4) - march_year.div_euclid(100) + march_year.div_euclid(400);
    // 719_468 days lie between 0000-03-01 and 1970-01-01.
    march_year * 365 + leap_days + day_of_year - 719_468
}

/// Takes `N` digits off the front.
pub(super) fn number<const N: usize>(text: &mut &[u8]) -> Option<i64> {
    let (digits, rest) = text.split_first_chunk::<N>()?;
    *text = rest;
    digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Takes one byte off the front if it is among `expected`.
fn one_of(text: &mut &[u8], expected: &[u8]) -> Option<u8> {
    let (first, rest) = text.split_first()?;
    expected.contains(first).then(|| {
        *text = rest;
        *first
    })
}

/// Takes `.` and 1 to 9 digits off the front, in microseconds; 0 if there is no `.`.
fn fraction_us(text: &mut &[u8]) -> Option<i64> {
    if one_of(text, b".").is_none() {
        return Some(0);
    }
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let (fraction, rest) = text.split_at(digits);
    *text = rest;
    Some(micros(fraction))
}

/// Digits of a fraction of a second, in microseconds.
pub(super) fn micros(digits: &[u8]) -> i64 {
    (0..6).fold(0, |value, at| value * 10 + digits.get(at).map_or(0, |byte| i64::from(byte - b'0')))
}

pub(super) fn iso(mut text: &[u8]) -> Option<i64> {
    let text = &mut text;
    let year = number::<4>(text)?;
    one_of(text, b"-")?;
    let month = number::<2>(text)?;
    one_of(text, b"-")?;
    let day = number::<2>(text)?;
    one_of(text, b"Tt ")?;
    let hour = number::<2>(text)?;
    one_of(text, b":")?;
    let minute = number::<2>(text)?;
    one_of(text, b":")?;
    let second = number::<2>(text)?;
    let fraction = fraction_us(text)?;
    let offset_s = offset_s(text)?;
    let local_s = seconds(year, month, day, hour, minute, second)?;
    text.is_empty().then_some((local_s - offset_s) * SECOND_US + fraction)
}

fn offset_s(text: &mut &[u8]) -> Option<i64> {
    if text.is_empty() || one_of(text, b"Zz").is_some() {
        return Some(0);
    }
    let sign = if one_of(text, b"+-")? == b'-' { -1 } else { 1 };
    let hours = number::<2>(text)?;
    let minutes = if text.is_empty() {
        0
    } else {
        one_of(text, b":");
        number::<2>(text)?
    };
    let offset = hours * 3600 + minutes * 60;
    (minutes <= 59 && offset <= MAX_OFFSET_S).then_some(sign * offset)
}

fn epoch(mut text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = text[..digits].iter().take(16).fold(0i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    text = &text[digits..];
    let unit_us = match digits {
        9 | 10 => SECOND_US,
        12 | 13 => 1000,
        15 | 16 => 1,
        _ => return None,
    };
    let fraction = if unit_us == SECOND_US { fraction_us(&mut text)? } else { 0 };
    text.is_empty().then_some(whole * unit_us + fraction)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat};
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    /// 2026-10-01T12:34:56.789Z.
    const TIME: i64 = 1_790_858_096_789_000;

    #[test]
    fn rfc_3339_in_utc_with_milliseconds_is_canonical() {
        canonical(read("2026-10-01T12:34:56.789Z"), TIME);
        canonical(read("1970-01-01T00:00:00.000Z"), 0);
        canonical(read("1969-12-31T23:59:59.999Z"), -1000);
        canonical(read("2024-02-29T00:00:00.000Z"), 1_709_164_800_000_000);
        canonical(read("0000-01-01T00:00:00.000Z"), -62_167_219_200_000_000);
        canonical(read("9999-12-31T23:59:59.999Z"), 253_402_300_799_999_000);
    }

    #[test]
    fn other_notations_are_repaired_to_the_same_instant() {
        for text in [
            "2026-10-01t12:34:56.789z",
            "2026-10-01 12:34:56.789",
            "2026-10-01T12:34:56.789",
            "2026-10-01T12:34:56.7890000Z",
            "2026-10-01T12:34:56.789000999Z",
            "2026-10-01T14:34:56.789+02:00",
            "2026-10-01T14:34:56.789+0200",
            "2026-10-01T14:34:56.789+02",
            "2026-10-02T06:34:56.789+18:00",
            "2026-09-30T23:04:56.789-13:30",
            "2026-10-01T12:34:56.789-00:00",
            "1790858096789",
            "1790858096.789",
            "1790858096789000",
            " 2026-10-01T12:34:56.789Z\u{200b}",
            "\r1790858096789\n",
        ] {
            repaired(read(text), TIME);
        }
        repaired(read("2026-10-01T12:34:56Z"), TIME - 789_000);
        repaired(read("2026-10-01T12:34:56.7Z"), TIME - 89_000);
        repaired(read("1790858096"), TIME - 789_000);
        repaired(read("0000-01-01T00:00:00.000+18:00"), -62_167_219_200_000_000 - 64_800_000_000);
    }

    #[test]
    fn what_is_not_in_the_calendar_is_malformed() {
        for text in [
            "2026-02-29T00:00:00.000Z",
            "1900-02-29T00:00:00.000Z",
            "2026-04-31T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "2026-01-32T00:00:00.000Z",
            "2026-10-01T24:00:00.000Z",
            "2026-10-01T12:60:00.000Z",
            "2016-12-31T23:59:60.000Z",
            "2026-10-01T12:34:56.789+18:01",
            "2026-10-01T12:34:56.789+02:60",
            "2026-10-01T12:34:56.789+2:00",
        ] {
            malformed(&read(text));
        }
    }

    #[test]
    fn torn_and_foreign_texts_are_malformed() {
        for text in [
            "",
            "2026-10-01",
            "2026-10-01T12:34Z",
            "2026-10-01T12:34:56.Z",
            "2026-10-01T12:34:56.1234567890Z",
            "2026-10-01T12:34:56.789Zx",
            "2026-10-01T12:34:56.789 Z",
            "2026/10/01T12:34:56.789Z",
            "20261001T123456Z",
            "-2026-10-01T12:34:56.789Z",
            "+12026-10-01T12:34:56.789Z",
            "2026-10-01T12:34:56.78\u{0663}Z",
            "17908580967",
            "17908580967890001",
            "1790858096789.5",
            "-1790858096789",
            "1.7e12",
            "yesterday",
        ] {
            malformed(&read(text));
        }
    }

    #[test]
    fn every_day_of_a_thousand_years_is_the_calendars() {
        let mut day = NaiveDate::from_ymd_opt(1600, 1, 1).unwrap();
        for expected in -135_140..-135_140 + 366_000 {
            let found = days_since_1970(i64::from(day.year()), i64::from(day.month()), i64::from(day.day()));
            assert_eq!(found, expected, "{day}");
            day = day.succ_opt().unwrap();
        }
    }

    proptest! {
        #[test]
        fn every_millisecond_comes_back_from_its_text(ms in -62_167_219_200_000i64..253_402_300_800_000) {
            let text = DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true);
            prop_assert_eq!(read(&text), Read::Canonical(ms * 1000));
        }

        #[test]
        fn agrees_with_another_parser_on_torn_texts(
            text in "[0-3][0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{1,9}(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])"
        ) {
            // Chrono takes a second of 60; we do not.
            let expected = DateTime::parse_from_rfc3339(&text).ok().filter(|_| &text[17..19] != "60").map(|time| time.timestamp_micros());
            match read(&text) {
                Read::Canonical(found) | Read::Repaired(found) => prop_assert_eq!(Some(found), expected),
                Read::Malformed => prop_assert_eq!(expected, None),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,32}|[-0-9:.TZ+ ]{0,32}") {
            let _ = read(&text);
        }
    }
}
