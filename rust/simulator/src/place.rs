//! Where listeners live: countries, their time zones, and what the clock on the wall says there.
//!
//! Shares of listeners follow the regions of a large service's monthly users (Europe 27 %, Latin America 22 %, North America
//! 18 %, elsewhere 33 %); within a region they are our guess.

use chrono::{NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

use crate::chance::Alias;

/// A country where listeners live.
#[derive(Debug)]
pub(crate) struct Country {
    /// ISO 3166-1 alpha-2.
    pub(crate) code: &'static str,
    /// ISO 3166-1 alpha-3.
    pub(crate) alpha3: &'static str,
    /// Short English name.
    pub(crate) name: &'static str,
    /// Listeners, in thousandths of all (they need not add up).
    share: f64,
    /// Time zones and the shares of listeners in them.
    zones: &'static [(Tz, f64)],
}

const fn country(
    code: &'static str,
    alpha3: &'static str,
    name: &'static str,
    share: f64,
    zones: &'static [(Tz, f64)],
) -> Country {
    Country { code, alpha3, name, share, zones }
}

#[rustfmt::skip]
pub(crate) static COUNTRIES: [Country; 46] = {
    use chrono_tz::{Africa, America, Asia, Atlantic, Australia, Europe, Pacific};
    [
        country("US", "USA", "United States", 155.0, &[(America::New_York, 0.47), (America::Chicago, 0.29), (America::Denver, 0.06), (America::Phoenix, 0.02), (America::Los_Angeles, 0.155), (Pacific::Honolulu, 0.005)]),
        country("CA", "CAN", "Canada", 25.0, &[(America::Toronto, 0.6), (America::Vancouver, 0.17), (America::Edmonton, 0.15), (America::Halifax, 0.06), (America::St_Johns, 0.02)]),
        country("BR", "BRA", "Brazil", 85.0, &[(America::Sao_Paulo, 0.92), (America::Manaus, 0.08)]),
        country("MX", "MEX", "Mexico", 70.0, &[(America::Mexico_City, 0.9), (America::Tijuana, 0.06), (America::Cancun, 0.04)]),
        country("AR", "ARG", "Argentina", 20.0, &[(America::Argentina::Buenos_Aires, 1.0)]),
        country("CL", "CHL", "Chile", 13.0, &[(America::Santiago, 1.0)]),
        country("CO", "COL", "Colombia", 18.0, &[(America::Bogota, 1.0)]),
        country("PE", "PER", "Peru", 11.0, &[(America::Lima, 1.0)]),
        country("EC", "ECU", "Ecuador", 5.0, &[(America::Guayaquil, 1.0)]),
        country("GB", "GBR", "United Kingdom", 50.0, &[(Europe::London, 1.0)]),
        country("DE", "DEU", "Germany", 42.0, &[(Europe::Berlin, 1.0)]),
        country("FR", "FRA", "France", 30.0, &[(Europe::Paris, 1.0)]),
        country("ES", "ESP", "Spain", 28.0, &[(Europe::Madrid, 0.95), (Atlantic::Canary, 0.05)]),
        country("IT", "ITA", "Italy", 25.0, &[(Europe::Rome, 1.0)]),
        country("NL", "NLD", "Netherlands", 13.0, &[(Europe::Amsterdam, 1.0)]),
        country("PL", "POL", "Poland", 13.0, &[(Europe::Warsaw, 1.0)]),
        country("SE", "SWE", "Sweden", 12.0, &[(Europe::Stockholm, 1.0)]),
        country("NO", "NOR", "Norway", 6.0, &[(Europe::Oslo, 1.0)]),
        country("DK", "DNK", "Denmark", 6.0, &[(Europe::Copenhagen, 1.0)]),
        country("FI", "FIN", "Finland", 5.0, &[(Europe::Helsinki, 1.0)]),
        country("PT", "PRT", "Portugal", 5.0, &[(Europe::Lisbon, 0.97), (Atlantic::Azores, 0.03)]),
        country("BE", "BEL", "Belgium", 6.0, &[(Europe::Brussels, 1.0)]),
        country("CH", "CHE", "Switzerland", 5.0, &[(Europe::Zurich, 1.0)]),
        country("AT", "AUT", "Austria", 5.0, &[(Europe::Vienna, 1.0)]),
        country("IE", "IRL", "Ireland", 4.0, &[(Europe::Dublin, 1.0)]),
        country("CZ", "CZE", "Czechia", 4.0, &[(Europe::Prague, 1.0)]),
        country("GR", "GRC", "Greece", 4.0, &[(Europe::Athens, 1.0)]),
        country("RO", "ROU", "Romania", 5.0, &[(Europe::Bucharest, 1.0)]),
        country("TR", "TUR", "Turkey", 22.0, &[(Europe::Istanbul, 1.0)]),
        country("UA", "UKR", "Ukraine", 6.0, &[(Europe::Kyiv, 1.0)]),
        country("IN", "IND", "India", 80.0, &[(Asia::Kolkata, 1.0)]),
        country("ID", "IDN", "Indonesia", 55.0, &[(Asia::Jakarta, 0.8), (Asia::Makassar, 0.17), (Asia::Jayapura, 0.03)]),
        country("PH", "PHL", "Philippines", 38.0, &[(Asia::Manila, 1.0)]),
        country("JP", "JPN", "Japan", 15.0, &[(Asia::Tokyo, 1.0)]),
        country("KR", "KOR", "South Korea", 5.0, &[(Asia::Seoul, 1.0)]),
        country("TW", "TWN", "Taiwan", 9.0, &[(Asia::Taipei, 1.0)]),
        country("TH", "THA", "Thailand", 14.0, &[(Asia::Bangkok, 1.0)]),
        country("VN", "VNM", "Vietnam", 12.0, &[(Asia::Ho_Chi_Minh, 1.0)]),
        country("MY", "MYS", "Malaysia", 12.0, &[(Asia::Kuala_Lumpur, 1.0)]),
        country("SG", "SGP", "Singapore", 5.0, &[(Asia::Singapore, 1.0)]),
        country("AU", "AUS", "Australia", 24.0, &[(Australia::Sydney, 0.55), (Australia::Brisbane, 0.2), (Australia::Adelaide, 0.1), (Australia::Perth, 0.15)]),
        country("NZ", "NZL", "New Zealand", 5.0, &[(Pacific::Auckland, 1.0)]),
        country("ZA", "ZAF", "South Africa", 10.0, &[(Africa::Johannesburg, 1.0)]),
        country("EG", "EGY", "Egypt", 12.0, &[(Africa::Cairo, 1.0)]),
        country("NG", "NGA", "Nigeria", 10.0, &[(Africa::Lagos, 1.0)]),
        country("SA", "SAU", "Saudi Arabia", 12.0, &[(Asia::Riyadh, 1.0)]),
    ]
};

/// One home: a country and one of its time zones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    /// Index into [`COUNTRIES`].
    pub(crate) country: u8,
    pub(crate) zone: Tz,
}

/// Every home, and how many listeners have it.
#[derive(Debug)]
pub(crate) struct Homes {
    all: Vec<Home>,
    choice: Alias,
}

impl Homes {
    pub(crate) fn new() -> Self {
        let (all, weights): (Vec<Home>, Vec<f64>) = COUNTRIES
            .iter()
            .enumerate()
            .flat_map(|(country, of)| {
                of.zones.iter().map(move |&(zone, share)| (Home { country: country as u8, zone }, of.share * share))
            })
            .unzip();
        Self { all, choice: Alias::new(&weights) }
    }

    /// The index of a home, by weight.
    #[inline]
    pub(crate) fn choose(&self, bits: u64) -> u8 {
        self.choice.get(bits) as u8
    }

    pub(crate) fn get(&self, home: u8) -> Home {
        self.all[usize::from(home)]
    }

    /// The clock of a home on a day of the calendar.
    pub(crate) fn clock(&self, home: u8, date: NaiveDate) -> Clock {
        Clock::new(self.get(home).zone, date)
    }

    /// The clocks of a day of the calendar, one per home.
    pub(crate) fn clocks(&self, date: NaiveDate) -> Vec<Clock> {
        self.all.iter().map(|home| Clock::new(home.zone, date)).collect()
    }
}

/// Local hours of a listening day: it begins at 4 in the morning, when fewest people listen, and ends at 4 the next day.
pub(crate) const DAY_BEGINS_S: u32 = 4 * 3600;

/// What the hours of one local listening day are in UTC, in one time zone.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Seconds since 1970 UTC of each full hour from 04:00 to 04:00 the next day.
    hours_s: [i64; 25],
}

impl Clock {
    fn new(zone: Tz, date: NaiveDate) -> Self {
        let midnight_s = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        let utc = |hour: i64| {
            let local_s = midnight_s + i64::from(DAY_BEGINS_S) + hour * 3600;
            let local = chrono::DateTime::from_timestamp(local_s, 0).unwrap_or_default().naive_utc();
            // An hour that comes twice is its first coming; an hour that is left out is the one after it.
            let offset = zone
                .offset_from_local_datetime(&local)
                .earliest()
                .or_else(|| zone.offset_from_local_datetime(&(local - chrono::TimeDelta::hours(1))).earliest());
            local_s - offset.map_or(0, |offset| i64::from(offset.fix().local_minus_utc()))
        };
        let (first, last) = (utc(0), utc(24));
        // Asking for each hour is dear; on most days no clock is changed.
        let plain = last - first == 24 * 3600;
        Self { hours_s: std::array::from_fn(|hour| if plain { first + hour as i64 * 3600 } else { utc(hour as i64) }) }
    }

    /// The UTC second of a local second since 04:00.
    #[inline]
    pub(crate) fn utc_s(&self, local_s: u32) -> i64 {
        self.hours_s[(local_s / 3600) as usize] + i64::from(local_s % 3600)
    }

    /// When the listening day ends, in seconds since 1970 UTC.
    #[inline]
    pub(crate) fn end_s(&self) -> i64 {
        self.hours_s[24]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(zone: Tz, date: &str) -> Clock {
        Clock::new(zone, date.parse().unwrap())
    }

    fn utc(text: &str) -> i64 {
        text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()
    }

    #[test]
    fn noon_is_noon_on_the_wall_in_summer_and_in_winter() {
        let noon = 8 * 3600;
        assert_eq!(clock(chrono_tz::Europe::Berlin, "2026-07-01").utc_s(noon), utc("2026-07-01T10:00:00Z"));
        assert_eq!(clock(chrono_tz::Europe::Berlin, "2026-12-01").utc_s(noon), utc("2026-12-01T11:00:00Z"));
        assert_eq!(clock(chrono_tz::Asia::Kolkata, "2026-12-01").utc_s(noon), utc("2026-12-01T06:30:00Z"));
    }

    #[test]
    fn the_night_of_a_changed_clock_has_23_or_25_hours() {
        let hours = |date| {
            let clock = clock(chrono_tz::America::New_York, date);
            (clock.end_s() - clock.utc_s(0)) / 3600
        };
        assert_eq!(hours("2026-03-07"), 23);
        assert_eq!(hours("2026-10-31"), 25);
        assert_eq!(hours("2026-06-01"), 24);
    }
}
