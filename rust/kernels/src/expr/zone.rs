//! A timestamp plus an interval, in the session's time zone.
//!
//! Spark adds an interval's whole days on the calendar of the session's time zone and the rest on the clock: over a change to or
//! from daylight saving time, a day is not 24 hours. In zones without such changes it is plain addition.

use chrono::{DateTime, Datelike, MappedLocalTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

const DAY_US: i64 = 86_400_000_000;

/// The years for which the zone's rules are compiled in.
const KNOWN_YEARS: std::ops::RangeInclusive<i32> = 1900..=2099;

/// A session's time zone, as far as addition cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Every day has 24 hours.
    Fixed,
    Region(Tz),
}

/// Why a sum has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is more than 64 bits of microseconds from 1970.
    Overflow,
    /// It lies outside of [`KNOWN_YEARS`].
    UnknownYear,
}

impl Zone {
    /// Understands what Spark's session may be set to: offsets (`Z`, `+02:00`, `UTC+2`) and regions (`Europe/Berlin`).
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let offset = ["UTC", "GMT", "UT", "Z"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let is_offset = offset.is_empty()
            || offset.strip_prefix(['+', '-']).is_some_and(|offset| {
                !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
            });
        if is_offset && !name.is_empty() {
            return Ok(Self::Fixed);
        }
        match name.parse::<Tz>() {
            Ok(Tz::UTC | Tz::Etc__UTC) => Ok(Self::Fixed),
            Ok(zone) => Ok(Self::Region(zone)),
            Err(_) => Err(format!("time zone '{name}' is not known; set spark.sql.session.timeZone=UTC")),
        }
    }

    /// Adds an interval to a time, both in microseconds.
    #[inline]
    pub(crate) fn add(self, time_us: i64, interval_us: i64) -> Result<i64, Failure> {
        match self {
            Self::Region(zone) if interval_us / DAY_US != 0 => add_days(zone, time_us, interval_us / DAY_US)?
                .checked_add(interval_us % DAY_US)
                .ok_or(Failure::Overflow),
            _ => time_us.checked_add(interval_us).ok_or(Failure::Overflow),
        }
    }
}

fn add_days(zone: Tz, time_us: i64, days: i64) -> Result<i64, Failure> {
    let known = |time: Option<chrono::NaiveDateTime>| {
        time.filter(|time| KNOWN_YEARS.contains(&time.year())).ok_or(Failure::UnknownYear)
    };
    let utc = known(DateTime::from_timestamp_micros(time_us).map(|time| time.naive_utc()))?;
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    let days = TimeDelta::try_days(days).ok_or(Failure::UnknownYear)?;
    let local = known((utc + offset).checked_add_signed(days))?;
    let offset = match zone.offset_from_local_datetime(&local) {
        MappedLocalTime::Single(only) => only.fix(),
        // The hour that comes twice: as before if that is one of the two, else the first.
        MappedLocalTime::Ambiguous(_, second) if second.fix() == offset => offset,
        MappedLocalTime::Ambiguous(first, _) => first.fix(),
        // The hour that is left out: as far after the change as it would have been, had there been none.
        MappedLocalTime::None => zone.offset_from_utc_datetime(&(local - TimeDelta::days(1))).fix(),
    };
    Ok((local - offset).and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn zones_without_daylight_saving_add_plainly_and_mind_overflow() {
        for name in ["UTC", "Z", "GMT", "+02:00", "UTC+2", "GMT-03:30", "Etc/UTC"] {
            assert_eq!(Zone::parse(name), Ok(Zone::Fixed), "{name}");
        }
        assert_eq!(Zone::Fixed.add(i64::MAX - 1, 1), Ok(i64::MAX));
        assert_eq!(Zone::Fixed.add(i64::MAX, 1), Err(Failure::Overflow));
        assert_eq!(Zone::Fixed.add(i64::MIN, -1), Err(Failure::Overflow));
    }

    #[test]
    fn an_unknown_zone_is_refused_by_name() {
        for name in ["", "Mars/Olympus", "UTC+"] {
            assert!(Zone::parse(name).unwrap_err().contains(&format!("'{name}'")));
        }
    }

    #[test]
    fn days_follow_the_calendar_and_hours_the_clock() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let noon = at("2026-03-28T12:00:00+01:00");
        assert_eq!(berlin.add(noon, DAY_US), Ok(at("2026-03-29T12:00:00+02:00")));
        assert_eq!(berlin.add(noon, 23 * HOUR_US), Ok(at("2026-03-29T12:00:00+02:00")));
        assert_eq!(berlin.add(noon, DAY_US + HOUR_US), Ok(at("2026-03-29T13:00:00+02:00")));
        assert_eq!(berlin.add(at("2026-10-25T12:00:00+01:00"), -DAY_US), Ok(at("2026-10-24T12:00:00+02:00")));
    }

    #[test]
    fn an_hour_left_out_moves_on_and_an_hour_twice_keeps_its_offset() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.add(at("2026-03-28T02:30:00+01:00"), DAY_US), Ok(at("2026-03-29T03:30:00+02:00")));
        assert_eq!(berlin.add(at("2026-10-24T02:30:00+02:00"), DAY_US), Ok(at("2026-10-25T02:30:00+02:00")));
        assert_eq!(berlin.add(at("2026-10-26T02:30:00+01:00"), -DAY_US), Ok(at("2026-10-25T02:30:00+01:00")));
    }

    #[test]
    fn years_without_rules_are_an_error_not_a_guess() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.add(at("2099-12-31T12:00:00Z"), DAY_US), Err(Failure::UnknownYear));
        assert_eq!(berlin.add(i64::MAX, DAY_US), Err(Failure::UnknownYear));
        assert_eq!(berlin.add(0, i64::MIN), Err(Failure::UnknownYear));
    }
}
