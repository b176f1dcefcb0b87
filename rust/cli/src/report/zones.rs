//! Which clock a listener lives by, and which part of the world a country is in.
//!
//! The listener's own zone is best; without it, the zone in which most people of the country live stands for all of them,
//! which is wrong by an hour or more for a part of the large countries.

use std::collections::HashMap;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Parts of the world as services report their users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    Europe,
    LatinAmerica,
    NorthAmerica,
    Rest,
}

impl Region {
    pub(crate) const ALL: [Self; 4] = [Self::Europe, Self::LatinAmerica, Self::NorthAmerica, Self::Rest];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Europe => "Europe",
            Self::LatinAmerica => "Latin America",
            Self::NorthAmerica => "North America",
            Self::Rest => "elsewhere",
        }
    }
}

/// What a country's row says: code, part of the world, the zone of most of its people.
type Country = (&'static [u8; 2], Region, Tz);

#[rustfmt::skip]
static COUNTRIES: [Country; 106] = {
    use chrono_tz::{Africa, America, Asia, Atlantic, Australia, Europe, Pacific};
    use Region::{Europe as E, LatinAmerica as L, NorthAmerica as N, Rest as R};
    [
        (b"AE", R, Asia::Dubai), (b"AL", E, Europe::Tirane), (b"AM", R, Asia::Yerevan), (b"AR", L, America::Argentina::Buenos_Aires),
        (b"AT", E, Europe::Vienna), (b"AU", R, Australia::Sydney), (b"AZ", R, Asia::Baku), (b"BA", E, Europe::Sarajevo),
        (b"BD", R, Asia::Dhaka), (b"BE", E, Europe::Brussels), (b"BG", E, Europe::Sofia), (b"BH", R, Asia::Bahrain),
        (b"BO", L, America::La_Paz), (b"BR", L, America::Sao_Paulo), (b"BY", E, Europe::Minsk), (b"CA", N, America::Toronto),
        (b"CH", E, Europe::Zurich), (b"CI", R, Africa::Abidjan), (b"CL", L, America::Santiago), (b"CM", R, Africa::Douala),
        (b"CN", R, Asia::Shanghai), (b"CO", L, America::Bogota), (b"CR", L, America::Costa_Rica), (b"CU", L, America::Havana),
        (b"CY", E, Asia::Nicosia), (b"CZ", E, Europe::Prague), (b"DE", E, Europe::Berlin), (b"DK", E, Europe::Copenhagen),
        (b"DO", L, America::Santo_Domingo), (b"DZ", R, Africa::Algiers), (b"EC", L, America::Guayaquil), (b"EE", E, Europe::Tallinn),
        (b"EG", R, Africa::Cairo), (b"ES", E, Europe::Madrid), (b"ET", R, Africa::Addis_Ababa), (b"FI", E, Europe::Helsinki),
        (b"FR", E, Europe::Paris), (b"GB", E, Europe::London), (b"GE", R, Asia::Tbilisi), (b"GH", R, Africa::Accra),
        (b"GR", E, Europe::Athens), (b"GT", L, America::Guatemala), (b"HK", R, Asia::Hong_Kong), (b"HN", L, America::Tegucigalpa),
        (b"HR", E, Europe::Zagreb), (b"HU", E, Europe::Budapest), (b"ID", R, Asia::Jakarta), (b"IE", E, Europe::Dublin),
        (b"IL", R, Asia::Jerusalem), (b"IN", R, Asia::Kolkata), (b"IQ", R, Asia::Baghdad), (b"IR", R, Asia::Tehran),
        (b"IS", E, Atlantic::Reykjavik), (b"IT", E, Europe::Rome), (b"JM", L, America::Jamaica), (b"JO", R, Asia::Amman),
        (b"JP", R, Asia::Tokyo), (b"KE", R, Africa::Nairobi), (b"KH", R, Asia::Phnom_Penh), (b"KR", R, Asia::Seoul),
        (b"KW", R, Asia::Kuwait), (b"KZ", R, Asia::Almaty), (b"LB", R, Asia::Beirut), (b"LK", R, Asia::Colombo),
        (b"LT", E, Europe::Vilnius), (b"LU", E, Europe::Luxembourg), (b"LV", E, Europe::Riga), (b"MA", R, Africa::Casablanca),
        (b"MD", E, Europe::Chisinau), (b"MK", E, Europe::Skopje), (b"MM", R, Asia::Yangon), (b"MT", E, Europe::Malta),
        (b"MX", L, America::Mexico_City), (b"MY", R, Asia::Kuala_Lumpur), (b"NG", R, Africa::Lagos), (b"NI", L, America::Managua),
        (b"NL", E, Europe::Amsterdam), (b"NO", E, Europe::Oslo), (b"NP", R, Asia::Kathmandu), (b"NZ", R, Pacific::Auckland),
        (b"OM", R, Asia::Muscat), (b"PA", L, America::Panama), (b"PE", L, America::Lima), (b"PH", R, Asia::Manila),
        (b"PK", R, Asia::Karachi), (b"PL", E, Europe::Warsaw), (b"PR", L, America::Puerto_Rico), (b"PT", E, Europe::Lisbon),
        (b"PY", L, America::Asuncion), (b"QA", R, Asia::Qatar), (b"RO", E, Europe::Bucharest), (b"RS", E, Europe::Belgrade),
        (b"RU", E, Europe::Moscow), (b"SA", R, Asia::Riyadh), (b"SE", E, Europe::Stockholm), (b"SG", R, Asia::Singapore),
        (b"SI", E, Europe::Ljubljana), (b"SK", E, Europe::Bratislava), (b"SV", L, America::El_Salvador), (b"TH", R, Asia::Bangkok),
        (b"TR", E, Europe::Istanbul), (b"TW", R, Asia::Taipei), (b"UA", E, Europe::Kyiv), (b"US", N, America::New_York),
        (b"VN", R, Asia::Ho_Chi_Minh), (b"ZA", R, Africa::Johannesburg),
    ]
};

fn find(country: [u8; 2]) -> Option<&'static Country> {
    COUNTRIES.binary_search_by_key(&country, |&(code, _, _)| *code).ok().map(|at| &COUNTRIES[at])
}

/// The part of the world a country is in; nothing for a country that is not on our list.
pub(crate) fn region(country: [u8; 2]) -> Option<Region> {
    find(country).map(|&(_, region, _)| region)
}

/// How a listener's clock is found.
#[derive(Debug)]
pub(crate) enum Zones {
    /// By the listener.
    Listeners(HashMap<i64, Tz>),
    /// By the country: see the head of this file.
    Countries,
}

impl Zones {
    /// How far the listener's clock is ahead of UTC at a moment, in minutes.
    pub(crate) fn minutes(&self, user: i64, country: [u8; 2], time_us: i64) -> Option<i16> {
        let zone = match self {
            Self::Listeners(zones) => *zones.get(&user)?,
            Self::Countries => find(country)?.2,
        };
        let utc = DateTime::from_timestamp(time_us.div_euclid(1_000_000), 0)?.naive_utc();
        i16::try_from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc() / 60).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_in_the_order_they_are_searched_in() {
        assert!(COUNTRIES.is_sorted_by(|(one, ..), (next, ..)| one < next));
    }

    #[test]
    fn a_clock_follows_daylight_saving() {
        let winter = 1_767_225_600_000_000; // 2026-01-01
        let summer = 1_782_864_000_000_000; // 2026-07-01
        let zones = Zones::Countries;
        assert_eq!(zones.minutes(1, *b"DE", winter), Some(60));
        assert_eq!(zones.minutes(1, *b"DE", summer), Some(120));
        assert_eq!(zones.minutes(1, *b"IN", summer), Some(330));
        assert_eq!(zones.minutes(1, *b"XX", summer), None);
    }

    #[test]
    fn the_listeners_own_zone_wins_over_the_country() {
        let zones = Zones::Listeners(HashMap::from([(1, chrono_tz::America::Los_Angeles)]));
        assert_eq!(zones.minutes(1, *b"DE", 0), Some(-480));
        assert_eq!(zones.minutes(2, *b"DE", 0), None);
    }
}
