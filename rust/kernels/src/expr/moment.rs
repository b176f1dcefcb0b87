//! Dates and times in texts, as Spark's `Cast` reads them (`SparkDateTimeUtils.stringToDate` and `stringToTimestamp`) and writes them.

use chrono::{Datelike, NaiveDate, Utc};

use super::{
    Failure,
    cast::trimmed,
    zone::{DAY_US, SECOND_US, Zone},
};

/// 1970-01-01, in days from the first day of year 1, which is day 1.
const EPOCH_FROM_CE: i32 = 719_163;

/// The calendar repeats itself after so many years.
const CYCLE_YEARS: i64 = 400;
const CYCLE_DAYS: i64 = 146_097;

/// `[+-]yyyy[-m[m][-d[d]]]`; a whole date may be followed by a blank or `T` and anything. Days since 1970.
pub(super) fn date(text: &str) -> Option<i32> {
    let (sign, unsigned) = signed(trimmed(text));
    let mut parts = unsigned.splitn(3, '-');
    let year = number(parts.next()?, 4..=7)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 1..=2))?;
    let day = match parts.next() {
        None => 1,
        Some(day) => number(day.split([' ', 'T']).next()?, 1..=2)?,
    };
    days(sign * year, month, day)?.try_into().ok()
}

/// A date as above but with six digits of a year at most, perhaps with a time `h[h][:m[m][:s[s][.fraction][zone]]]`; or such a time alone,
/// `T` before it or minutes in it, which is today's. Microseconds since 1970.
pub(super) fn timestamp(text: &str, session: Zone) -> Result<i64, Failure> {
    let begins_with_t = text.starts_with('T');
    let text = trimmed(text);
    let (sign, unsigned) = signed(text);
    let malformed = Failure::Malformed;
    // A time alone begins with T, in front of which Spark skips no blank, or with hours.
    let timed = text.strip_prefix('T').filter(|_| begins_with_t).or_else(|| {
        let hours = text.find(|c: char| !c.is_ascii_digit())?;
        text[hours..].starts_with(':').then_some(text)
    });
    let (day, time) = match timed {
        Some(time) => (None, Some(time)),
        None => {
            let mut parts = unsigned.splitn(3, '-');
            let year = parts.next().and_then(|year| number(year, 4..=6)).ok_or(malformed)?;
            let month = parts.next().map_or(Some(1), |month| number(month, 1..=2)).ok_or(malformed)?;
            let (day, time) = match parts.next() {
                None => ("1", None),
                Some(rest) => match rest.find([' ', 'T']) {
                    None => (rest, None),
                    Some(at) => (&rest[..at], Some(&rest[at + 1..])),
                },
            };
            let day = number(day, 1..=2).and_then(|day| days(sign * year, month, day)).ok_or(malformed)?;
            (Some(day), time)
        }
    };
    let (of_day, zone) = match time {
        None => (0, session),
        Some(time) => time_of_day(time, session).ok_or(malformed)?,
    };
    let day = match day {
        Some(day) => day,
        None => zone.local(Utc::now().timestamp_micros())?.div_euclid(DAY_US),
    };
    let local = day.checked_mul(DAY_US).and_then(|day| day.checked_add(of_day)).ok_or(malformed)?;
    match zone.moment(local) {
        Err(Failure::Overflow) => Err(malformed),
        other => other,
    }
}

/// What stands behind the date: microseconds since midnight, and the zone.
fn time_of_day(text: &str, session: Zone) -> Option<(i64, Zone)> {
    let mut rest = text;
    let mut clock = [0; 3];
    for (place, most) in [23, 59, 59].into_iter().enumerate() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        clock[place] = number(&rest[..digits], 1..=2).filter(|&value| value <= most)?;
        rest = &rest[digits..];
        match rest.strip_prefix(':') {
            Some(after) if place < 2 => rest = after,
            _ if place == 2 || rest.is_empty() => break,
            // Only seconds are followed by anything else.
            _ => return None,
        }
    }
    let mut micros = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        micros = format!("{:0<6}", &after[..digits.min(6)]).parse().ok()?;
        rest = &after[digits..];
    }
    let zone = if rest.is_empty() { session } else { Zone::named(rest)? };
    Some(((clock[0] * 3600 + clock[1] * 60 + clock[2]) * SECOND_US + micros, zone))
}

fn signed(text: &str) -> (i64, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    }
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    (digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970 in the proleptic Gregorian calendar, for years that chrono's dates do not reach, too.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let (cycle, year) = (year.div_euclid(CYCLE_YEARS), year.rem_euclid(CYCLE_YEARS));
    let date = NaiveDate::from_ymd_opt(year as i32, month.try_into().ok()?, day.try_into().ok()?)?;
    Some(cycle * CYCLE_DAYS + i64::from(date.num_days_from_ce() - EPOCH_FROM_CE))
}

/// `yyyy-mm-dd`, with a sign before a year that has more digits, or is before the year 0.
pub(super) fn date_text(day: i32) -> String {
    day_text(day.into())
}

/// The day, and `hh:mm:ss` with as many digits of a fraction as it takes, of a time on a clock: microseconds since 1970 there.
pub(super) fn timestamp_text(local: i64) -> String {
    let (day, of_day) = (local.div_euclid(DAY_US), local.rem_euclid(DAY_US));
    let (seconds, micros) = (of_day / SECOND_US, of_day % SECOND_US);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}").trim_end_matches('0').to_owned() };
    format!("{} {:02}:{:02}:{:02}{fraction}", day_text(day), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn day_text(day: i64) -> String {
    let (cycle, day) = (day.div_euclid(CYCLE_DAYS), day.rem_euclid(CYCLE_DAYS));
    // A day of the years from 1970 to 2369.
    let date = NaiveDate::from_num_days_from_ce_opt(EPOCH_FROM_CE + day as i32).unwrap_or_default();
    let year = cycle * CYCLE_YEARS + i64::from(date.year());
    let sign = match year {
        ..0 => "-",
        10_000.. => "+",
        _ => "",
    };
    format!("{sign}{:04}-{:02}-{:02}", year.abs(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTC: Zone = Zone::Fixed(0);

    #[test]
    fn dates_may_be_cut_short_and_followed_by_a_time() {
        for (text, days) in [
            ("1970", 0),
            (" 1970-1-2\t", 1),
            ("+1970-01-03T anything", 2),
            ("1969-12-31 ", -1),
            ("0000-01-01", -719_528),
            ("-0001-03-01", -719_834),
            ("9999-12-31", 2_932_896),
            ("2000-02-29", 11_016),
            ("5881580-07-11", i32::MAX),
        ] {
            assert_eq!(date(text), Some(days), "{text}");
        }
        for text in [
            "",
            "-",
            "197",
            "1970-",
            "1970-01-",
            "1970 1",
            "1970-1 T",
            "1970T",
            "1970-13-1",
            "1970-2-29",
            "5881580-07-12",
            "1970-01-01-",
            "١٩٧٠",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn days_and_times_are_written_as_they_are_read() {
        for text in
            ["1970-01-01", "1969-12-31", "0000-01-01", "-0001-03-01", "9999-12-31", "+10000-01-01", "+5881580-07-11"]
        {
            assert_eq!(date_text(date(text).unwrap()), text);
        }
        for text in
            ["1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "-0044-03-15 12:30:00.5", "+294247-01-10 04:00:54.7"]
        {
            assert_eq!(timestamp_text(timestamp(text, UTC).unwrap()), text);
        }
    }

    #[test]
    fn timestamps_have_a_zone_or_the_sessions() {
        let noon = 43_200 * SECOND_US;
        for (text, time) in [
            ("1970", 0),
            ("1970-1-1", 0),
            ("1970-01-01 ", 0),
            ("1970-01-01 12", noon),
            ("1970-01-01 12:00", noon),
            ("1970-01-01 12:0:0.", noon),
            ("1970-01-01T12:00:00.0000019Z", noon + 1),
            ("1970-01-01T12:00:00.5 +1:30", noon + 500_000 - 5_400 * SECOND_US),
            ("1970-01-01T12:00:00 UTC-2", noon + 7_200 * SECOND_US),
            ("1970-01-01T12:00:00Europe/Berlin", noon - 3_600 * SECOND_US),
            ("+1970-01-01T12:00:00 PST", noon + 28_800 * SECOND_US),
        ] {
            assert_eq!(timestamp(text, UTC), Ok(time), "{text}");
        }
        assert_eq!(timestamp("1970-01-01", Zone::Fixed(3_600 * SECOND_US)), Ok(-3_600 * SECOND_US));
        let today = Utc::now().timestamp_micros().div_euclid(DAY_US) * DAY_US;
        assert!([today, today + DAY_US].contains(&(timestamp("T12:00", UTC).unwrap() - noon)));
        assert!([today, today + DAY_US].contains(&(timestamp("12:00:00Z", UTC).unwrap() - noon)));
        for text in [
            "",
            "T",
            " T12:00",
            "1970-01-01T",
            "1970-01-01 24:00",
            "1970-01-01 23:59:60",
            "1970-01-01 12:00Z",
            "1970-01-01 12:00:00 Mars",
            "1970-01-01 12:00:00+19:00",
            "1970-01-01x12:00:00",
            "300000-01-01",
            "1234567-01-01",
            "1970-02-30 12:00:00",
        ] {
            assert_eq!(timestamp(text, UTC), Err(Failure::Malformed), "{text}");
        }
    }
}
