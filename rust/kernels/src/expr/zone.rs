//! Timestamps on the calendar and the clocks of the session's time zone.
//!
//! Spark adds an interval's whole days on the calendar of the session's time zone and the rest on the clock: over a change to or
//! from daylight saving time, a day is not 24 hours. In zones without such changes it is plain addition.

use chrono::{DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::Failure;

pub(super) const SECOND_US: i64 = 1_000_000;
pub(super) const DAY_US: i64 = 86_400_000_000;

/// Short names that Java knows (`ZoneId.SHORT_IDS`).
const SHORT_NAMES: [(&str, &str); 28] = [
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("MST", "-07:00"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// The years for which the zone's rules are compiled in.
const KNOWN_YEARS: std::ops::RangeInclusive<i32> = 1900..=2099;

/// A session's time zone, as far as addition cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Every day has 24 hours; so many microseconds ahead of UTC.
    Fixed(i64),
    Region(Tz),
}

impl Zone {
    /// The zone that Spark's session is set to, which may be any that a text may name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Self::named(name).ok_or_else(|| format!("time zone '{name}' is not known; set spark.sql.session.timeZone=UTC"))
    }

    /// Understands the name of a zone as Spark does, which is as Java's `ZoneId` but for single digits: `Z`, `+2:00`, `UTC-03`, `PST`,
    /// `Europe/Berlin`. Java's own `SystemV` zones are not known.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let name = text.trim_matches(|c: char| c <= ' ');
        let name = SHORT_NAMES.iter().find(|known| known.0 == name).map_or(name, |known| known.1);
        if name == "Z" {
            return Some(Self::Fixed(0));
        }
        let prefixed = ["UTC", "GMT", "UT", ""].iter().find_map(|prefix| name.strip_prefix(prefix))?;
        match prefixed.as_bytes().first() {
            None if !name.is_empty() => Some(Self::Fixed(0)),
            Some(b'+' | b'-') => offset_us(prefixed).map(Self::Fixed),
            // Java leaves it out.
            _ if name == "ROC" => None,
            _ => match name.parse::<Tz>().ok()? {
                Tz::UTC | Tz::Etc__UTC => Some(Self::Fixed(0)),
                zone => Some(Self::Region(zone)),
            },
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

    /// What the zone's clocks show, in microseconds since they showed the beginning of 1970.
    pub(crate) fn local(self, time_us: i64) -> Result<i64, Failure> {
        let ahead = match self {
            Self::Fixed(ahead) => ahead,
            Self::Region(zone) => i64::from(utc_and_offset(zone, time_us)?.1.local_minus_utc()) * SECOND_US,
        };
        time_us.checked_add(ahead).ok_or(Failure::Overflow)
    }

    /// How far the zone's clocks went from one time to another, in microseconds.
    pub(crate) fn between(self, end_us: i64, start_us: i64) -> Result<i64, Failure> {
        let (end, start) = match self {
            Self::Fixed(_) => (end_us, start_us),
            Self::Region(_) => (self.local(end_us)?, self.local(start_us)?),
        };
        end.checked_sub(start).ok_or(Failure::Overflow)
    }

    /// The first moment of a day, which is given in days since 1970.
    pub(crate) fn midnight(self, day: i32) -> Result<i64, Failure> {
        self.moment(i64::from(day) * DAY_US)
    }

    /// When the zone's clocks show a time, given in microseconds since they showed the beginning of 1970.
    pub(crate) fn moment(self, local: i64) -> Result<i64, Failure> {
        match self {
            Self::Fixed(ahead) => local.checked_sub(ahead).ok_or(Failure::Overflow),
            Self::Region(zone) => {
                Ok(when(zone, known(DateTime::from_timestamp_micros(local).map(|time| time.naive_utc()))?, None))
            }
        }
    }
}

/// How far an offset is ahead of UTC, of at most 18 hours: `+h`, `+hh`, `+hhmm`, `+hhmmss`, `+h:m`, `+h:mm:ss`.
fn offset_us(offset: &str) -> Option<i64> {
    let (sign, digits) = match offset.as_bytes().first()? {
        b'+' => (1, &offset[1..]),
        b'-' => (-1, &offset[1..]),
        _ => return None,
    };
    let parts: Vec<&str> = match digits.len() {
        4 | 6 if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]).collect()
        }
        _ => digits.split(':').collect(),
    };
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if !matches!(lengths[..], [1 | 2] | [1 | 2, 1 | 2] | [1 | 2, 2, 2]) {
        return None;
    }
    let number = |part: &&str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<i64>().ok(),
        false => None,
    };
    let numbers = parts.iter().map(number).collect::<Option<Vec<_>>>()?;
    let seconds = numbers.iter().zip([3600, 60, 1]).map(|(number, unit)| number * unit).sum::<i64>();
    let known = numbers[1..].iter().all(|&number| number < 60) && seconds <= 18 * 3600;
    known.then_some(sign * seconds * 1_000_000)
}

fn known(time: Option<NaiveDateTime>) -> Result<NaiveDateTime, Failure> {
    time.filter(|time| KNOWN_YEARS.contains(&time.year())).ok_or(Failure::UnknownYear)
}

fn add_days(zone: Tz, time_us: i64, days: i64) -> Result<i64, Failure> {
    let (utc, offset) = utc_and_offset(zone, time_us)?;
    let days = TimeDelta::try_days(days).ok_or(Failure::UnknownYear)?;
    let local = known((utc + offset).checked_add_signed(days))?;
    Ok(when(zone, local, Some(offset)))
}

/// A time of known years, and how far the zone's clocks are ahead of it then.
fn utc_and_offset(zone: Tz, time_us: i64) -> Result<(NaiveDateTime, FixedOffset), Failure> {
    let utc = known(DateTime::from_timestamp_micros(time_us).map(|time| time.naive_utc()))?;
    Ok((utc, zone.offset_from_utc_datetime(&utc).fix()))
}

/// When the zone's clocks show a time; if they do so twice, rather with the offset `before`.
fn when(zone: Tz, local: NaiveDateTime, before: Option<FixedOffset>) -> i64 {
    let offset = match zone.offset_from_local_datetime(&local) {
        MappedLocalTime::Single(only) => only.fix(),
        // The hour that comes twice: as before if that is one of the two, else the first.
        MappedLocalTime::Ambiguous(_, second) if Some(second.fix()) == before => second.fix(),
        MappedLocalTime::Ambiguous(first, _) => first.fix(),
        // The hour that is left out: as far after the change as it would have been, had there been none.
        MappedLocalTime::None => zone.offset_from_utc_datetime(&(local - TimeDelta::days(1))).fix(),
    };
    (local - offset).and_utc().timestamp_micros()
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
        for (name, minutes) in [
            ("UTC", 0),
            ("Z", 0),
            ("GMT", 0),
            ("Etc/UTC", 0),
            ("+02:00", 120),
            ("UTC+2", 120),
            ("GMT-03:30", -210),
            ("+0530", 330),
        ] {
            assert_eq!(Zone::parse(name), Ok(Zone::Fixed(minutes * 60_000_000)), "{name}");
        }
        assert_eq!(Zone::Fixed(0).add(i64::MAX - 1, 1), Ok(i64::MAX));
        assert_eq!(Zone::Fixed(0).add(i64::MAX, 1), Err(Failure::Overflow));
        assert_eq!(Zone::Fixed(0).add(i64::MIN, -1), Err(Failure::Overflow));
    }

    #[test]
    fn an_unknown_zone_is_refused_by_name() {
        for name in ["", "Mars/Olympus", "UTC+", "+2:x", "+12345"] {
            assert!(Zone::parse(name).unwrap_err().contains(&format!("'{name}'")));
        }
    }

    #[test]
    fn zones_in_texts_are_those_of_java() {
        for (text, minutes) in [
            ("Z", 0),
            (" UTC ", 0),
            ("UT", 0),
            ("GMT-03:30", -210),
            ("+2", 120),
            ("+02:5", 125),
            ("-1:30:00", -90),
            ("+1800", 1080),
            ("EST", -300),
        ] {
            assert_eq!(Zone::named(text), Some(Zone::Fixed(minutes * 60_000_000)), "{text}");
        }
        assert_eq!(Zone::named("PST"), Some(Zone::Region(Tz::America__Los_Angeles)));
        assert_eq!(Zone::named("GMT0"), Some(Zone::Region(Tz::GMT0)));
        for text in
            ["", "z", "utc", "+", "+18:01", "+19", "+01:60", "+0160", "+1:2:3", "+123", "UTCZ", "ROC", "Mars", "Ä"]
        {
            assert_eq!(Zone::named(text), None, "{text}");
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
    fn a_day_begins_when_the_clocks_say_so() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.local(at("2026-07-01T00:30:00+02:00")), Ok(at("2026-07-01T00:30:00Z")));
        assert_eq!(berlin.midnight((at("2026-07-01T00:00:00Z") / DAY_US) as i32), Ok(at("2026-07-01T00:00:00+02:00")));
        // Clocks went from 0:00 to 1:00 that day.
        let beirut = Zone::parse("Asia/Beirut").unwrap();
        assert_eq!(beirut.midnight((at("2021-03-28T00:00:00Z") / DAY_US) as i32), Ok(at("2021-03-28T01:00:00+03:00")));
        let india = Zone::parse("+05:30").unwrap();
        assert_eq!(india.local(0), Ok(19_800_000_000));
        assert_eq!(india.midnight(0), Ok(-19_800_000_000));
    }

    #[test]
    fn years_without_rules_are_an_error_not_a_guess() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.add(at("2099-12-31T12:00:00Z"), DAY_US), Err(Failure::UnknownYear));
        assert_eq!(berlin.add(i64::MAX, DAY_US), Err(Failure::UnknownYear));
        assert_eq!(berlin.add(0, i64::MIN), Err(Failure::UnknownYear));
    }
}
