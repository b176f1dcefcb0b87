//! Days of the proleptic Gregorian calendar, years 0000 to 9999, as days since 1970.
//!
//! Canonical: `YYYY-MM-DD`. Repaired: `YYYYMMDD`, `YYYY/MM/DD`, and any point in time that [`timestamp`](super::timestamp) reads by
//! a date (not by a number): its day in UTC; outer noise. Malformed: all else, also days that are not in the calendar.

use super::{
    Read,
    timestamp::{self, DAY_S, SECOND_US},
    trim_noise,
};

/// Reads a day.
pub(crate) fn read(text: &str) -> Read<i32> {
    if let Some(day) = day(text.as_bytes(), b"-") {
        return Read::Canonical(day);
    }
    let text = trim_noise(text);
    let bytes = text.as_bytes();
    Read::repaired(match bytes.len() {
        8 => day(bytes, b""),
        10 => day(bytes, b"-").or_else(|| day(bytes, b"/")),
        _ if bytes.get(4) == Some(&b'-') => match timestamp::read(text) {
            // The calendar's days fit 32 bits by far.
            Read::Canonical(time_us) | Read::Repaired(time_us) => Some(time_us.div_euclid(DAY_S * SECOND_US) as i32),
            Read::Malformed => None,
        },
        _ => None,
    })
}

/// Year, month and day with a separator between.
fn day(mut text: &[u8], separator: &[u8]) -> Option<i32> {
    let year = timestamp::number::<4>(&mut text)?;
    text = text.strip_prefix(separator)?;
    let month = timestamp::number::<2>(&mut text)?;
    text = text.strip_prefix(separator)?;
    let day = timestamp::number::<2>(&mut text)?;
    let midnight_s = timestamp::seconds(year, month, day, 0, 0, 0)?;
    text.is_empty().then_some((midnight_s / DAY_S) as i32)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn one_notation_is_canonical_and_others_are_repaired() {
        canonical(read("2026-10-01"), 20_727);
        canonical(read("1970-01-01"), 0);
        canonical(read("1969-12-31"), -1);
        canonical(read("0000-01-01"), -719_528);
        canonical(read("9999-12-31"), 2_932_896);
        for text in ["20261001", "2026/10/01", " 2026-10-01", "2026-10-01T23:59:59.999Z", "2026-10-02T01:00:00+02:00"] {
            repaired(read(text), 20_727);
        }
        repaired(read("1969-12-31T23:59:59.999Z"), -1);
    }

    #[test]
    fn what_is_no_day_is_malformed() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "01.10.2026",
            "1790858096",
            "2026-10/01",
            "2026-10-01x",
            "20261301",
            "26-10-01",
        ] {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn every_day_comes_back_from_its_text(day in -719_528i32..=2_932_896) {
            let date = NaiveDate::from_num_days_from_ce_opt(day + 719_163).unwrap();
            prop_assume!((0..=9999).contains(&date.year()));
            prop_assert_eq!(read(&date.format("%Y-%m-%d").to_string()), Read::Canonical(day));
            prop_assert_eq!(read(&date.format("%Y%m%d").to_string()), Read::Repaired(day));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,32}|[-0-9/:.TZ+ ]{0,32}") {
            let _ = read(&text);
        }
    }
}
