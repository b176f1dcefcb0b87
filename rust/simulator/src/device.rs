//! What people listen on: how each client names itself, which changes as systems are updated, and the version of its app.

use downbeat_model::Platform;

use crate::text::Block;

/// A kind of client. It names itself `before`, the version of its system, `after`.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) platform: Platform,
    before: &'static str,
    system: System,
    after: &'static str,
    /// Short names that older clients and partners send instead.
    pub(crate) aliases: &'static [&'static str],
}

/// How the version of a client's system comes about.
#[derive(Debug, Clone, Copy)]
enum System {
    /// A new major version every September, counted in years since 2025, and minor ones every eight weeks; the device
    /// is left behind at a last major version. `ios` and `macos` counted otherwise before 26.
    Apple { before_26: i64, last: i64 },
    /// A new major version every summer, with the number of its API; the device is left behind at a last one.
    Android { last: i64 },
    /// A new number every four weeks, and the one of September 2025.
    Browser { at_2025: i64 },
    /// Never changes.
    Fixed,
}

/// 15 September 2025, in days since 1970.
const SEPTEMBER_2025: i64 = 20_346;

/// The name of a client: 48 bytes hold the longest.
pub(crate) type DeviceName = Block<48>;

impl Device {
    /// The version of the client's system, `lag_days` behind the newest release: what [`name`](Self::name) makes a text of.
    ///
    /// `day`: days since 1970.
    pub(crate) fn system(&self, day: i64, lag_days: i64) -> u16 {
        let since = day - lag_days - SEPTEMBER_2025;
        let version = match self.system {
            System::Apple { before_26, last } => {
                let (years, within) = (since.div_euclid(365), since.rem_euclid(365));
                let newest = if years >= 0 { 26 + years } else { before_26 + years };
                if newest > last { last * 8 + 6 } else { newest.max(11) * 8 + within / 56 }
            }
            // It is there in June, and the makers take three months more.
            System::Android { last } => (16 + (since - 2).div_euclid(365)).min(last).max(9),
            System::Browser { at_2025 } => (at_2025 + since.div_euclid(28)).max(60),
            System::Fixed => 0,
        };
        // A world ends before the year 2400.
        version as u16
    }

    /// How the client names itself with a version of its system.
    pub(crate) fn name(&self, system: u16) -> DeviceName {
        let version = u64::from(system);
        let mut name = DeviceName::of(self.before);
        match self.system {
            System::Apple { .. } => {
                name.append_number(version / 8);
                name.append(b".");
                name.append_number(version % 8);
            }
            System::Android { .. } => {
                name.append_number(version);
                name.append(b" API ");
                name.append_number(version + 20);
            }
            System::Browser { .. } => name.append_number(version),
            System::Fixed => {}
        }
        name.append(self.after.as_bytes());
        name
    }
}

const fn device(
    platform: Platform,
    before: &'static str,
    system: System,
    after: &'static str,
    aliases: &'static [&'static str],
) -> Device {
    Device { platform, before, system, after, aliases }
}

/// Phones and tablets: the first device of nearly everybody.
pub(crate) const PHONES: std::ops::Range<u16> = 0..18;
/// Everything else.
pub(crate) const OTHERS: std::ops::Range<u16> = 18..44;
/// Computers, at the beginning of everything else.
pub(crate) const COMPUTERS: std::ops::Range<u16> = 18..25;

const IPHONE: &[&str] = &["iphone", "iPhone", "ios", "iOS", "IPHONE"];
const IPAD: &[&str] = &["ipad", "iPad", "ios"];
const ANDROID: &[&str] = &["android", "Android", "android-phone", "ANDROID"];
const WINDOWS: &[&str] = &["windows", "Windows", "win", "desktop"];
const MAC: &[&str] = &["mac", "macOS", "osx", "desktop"];
const LINUX: &[&str] = &["linux", "Linux", "desktop"];
const WEB: &[&str] = &["web", "WebPlayer", "browser", "Web"];
const TV: &[&str] = &["tv", "TV", "smart_tv"];
const SPEAKER: &[&str] = &["speaker", "smart_speaker", "Speaker"];
const CAR: &[&str] = &["car", "Car"];
const CONSOLE: &[&str] = &["console", "Console"];
const WATCH: &[&str] = &["watch", "wearable"];
const OTHER: &[&str] = &["other", "unknown_device"];

#[rustfmt::skip]
pub(crate) static DEVICES: [Device; 44] = {
    use Platform::{Android, Car, Console, Desktop, Ios, Other, Speaker, Tv, Wearable, Web};
    const fn ios(last: i64) -> System { System::Apple { before_26: 19, last } }
    const fn android(last: i64) -> System { System::Android { last } }
    const MACOS: System = System::Apple { before_26: 16, last: 99 };
    const CHROME: System = System::Browser { at_2025: 140 };
    const FIREFOX: System = System::Browser { at_2025: 142 };
    const FIXED: System = System::Fixed;
    [
        device(Ios, "iOS ", ios(99), " (iPhone15,2)", IPHONE),
        device(Ios, "iOS ", ios(99), " (iPhone16,1)", IPHONE),
        device(Ios, "iOS ", ios(99), " (iPhone17,3)", IPHONE),
        device(Ios, "iOS ", ios(28), " (iPhone14,5)", IPHONE),
        device(Ios, "iOS ", ios(17), " (iPhone11,8)", IPHONE),
        device(Ios, "iOS ", ios(99), " (iPhone18,1)", IPHONE),
        device(Ios, "iOS ", ios(99), " (iPad13,18)", IPAD),
        device(Android, "Android OS ", android(18), " (samsung, SM-S911B)", ANDROID),
        device(Android, "Android OS ", android(99), " (samsung, SM-S928B)", ANDROID),
        device(Android, "Android OS ", android(15), " (samsung, SM-A536B)", ANDROID),
        device(Android, "Android OS ", android(99), " (Google, Pixel 8)", ANDROID),
        device(Android, "Android OS ", android(99), " (Google, Pixel 9 Pro)", ANDROID),
        device(Android, "Android OS ", android(17), " (Xiaomi, 2311DRK48G)", ANDROID),
        device(Android, "Android OS ", android(14), " (Xiaomi, Redmi Note 12)", ANDROID),
        device(Android, "Android OS ", android(13), " (OPPO, CPH2387)", ANDROID),
        device(Android, "Android OS ", android(15), " (vivo, V2250)", ANDROID),
        device(Android, "Android OS ", android(12), " (motorola, moto g(30))", ANDROID),
        device(Android, "Android OS ", android(18), " (OnePlus, CPH2581)", ANDROID),
        device(Desktop, "Windows 10 (10.0.19045; x64)", FIXED, "", WINDOWS),
        device(Desktop, "Windows 11 (10.0.22631; x64)", FIXED, "", WINDOWS),
        device(Desktop, "Windows 11 (10.0.26100; x64)", FIXED, "", WINDOWS),
        device(Desktop, "OS X ", MACOS, " [arm 2]", MAC),
        device(Desktop, "OS X ", MACOS, " [arm 2]", MAC),
        device(Desktop, "OS X 12.7.6 [x86 8]", FIXED, "", MAC),
        device(Desktop, "Linux [x86-64 0]", FIXED, "", LINUX),
        device(Web, "web_player windows 10;chrome ", CHROME, ";desktop", WEB),
        device(Web, "web_player windows 11;edge ", CHROME, ";desktop", WEB),
        device(Web, "web_player osx 15.6;safari ", ios(99), ";desktop", WEB),
        device(Web, "web_player windows 10;firefox ", FIREFOX, ";desktop", WEB),
        device(Web, "web_player linux;firefox ", FIREFOX, ";desktop", WEB),
        device(Tv, "Partner samsung_tv QE55Q80;Tizen", FIXED, "", TV),
        device(Tv, "Partner lg_tv OLED55C3;webOS", FIXED, "", TV),
        device(Tv, "Partner sony_tv BRAVIA 4K;AndroidTV", FIXED, "", TV),
        device(Speaker, "Partner sonos Era 100;Speaker", FIXED, "", SPEAKER),
        device(Speaker, "Partner google Nest Audio;Speaker", FIXED, "", SPEAKER),
        device(Speaker, "Partner amazon Echo Dot;Speaker", FIXED, "", SPEAKER),
        device(Car, "Partner vw_car ID.4;AndroidAuto", FIXED, "", CAR),
        device(Car, "Partner toyota_car Corolla;AndroidAuto", FIXED, "", CAR),
        device(Car, "Partner bmw_car iX1;CarPlay", FIXED, "", CAR),
        device(Console, "Partner sony_ps5 PS5;Console", FIXED, "", CONSOLE),
        device(Console, "Partner xbox Series X;Console", FIXED, "", CONSOLE),
        device(Wearable, "watchOS ", ios(99), " (Watch7,1)", WATCH),
        device(Wearable, "WearOS 5 (samsung, SM-R940)", FIXED, "", WATCH),
        device(Other, "Partner other Web Radio;Other", FIXED, "", OTHER),
    ]
};

/// The version of an app.
pub(crate) type AppVersion = Block<16>;

/// The release of the app that a client has: there is one every two weeks, which people take sooner or later.
///
/// `day`: days since 1970; `lag_days`: how far behind the newest release this client is.
pub(crate) fn app_train(day: i64, lag_days: i64) -> u32 {
    ((day - lag_days) / 14).max(0) as u32
}

/// The version of an app of a release.
pub(crate) fn app_version(train: u32, build: u32) -> AppVersion {
    let mut version = AppVersion::EMPTY;
    for (i, number) in [8 + train / 1000, train % 1000, build % 4 * 2, 100 + train * 7 % 900].into_iter().enumerate() {
        if i > 0 {
            version.append(b".");
        }
        version.append_number(u64::from(number));
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(device: usize, date: &str, lag_days: i64) -> String {
        let day =
            date.parse::<chrono::NaiveDate>().unwrap().signed_duration_since(chrono::NaiveDate::default()).num_days();
        let device = &DEVICES[device];
        String::from_utf8(device.name(device.system(day, lag_days)).text().to_vec()).unwrap()
    }

    #[test]
    fn systems_grow_older_with_the_world_and_old_devices_are_left_behind() {
        assert_eq!(name(0, "2025-09-01", 0), "iOS 18.6 (iPhone15,2)");
        assert_eq!(name(0, "2026-10-01", 0), "iOS 27.0 (iPhone15,2)");
        assert_eq!(name(0, "2026-10-01", 40), "iOS 26.6 (iPhone15,2)");
        assert_eq!(name(4, "2026-10-01", 0), "iOS 17.6 (iPhone11,8)");
        assert_eq!(name(8, "2026-10-01", 0), "Android OS 17 API 37 (samsung, SM-S928B)");
        assert_eq!(name(16, "2030-10-01", 0), "Android OS 12 API 32 (motorola, moto g(30))");
        assert_eq!(name(25, "2026-10-01", 0), "web_player windows 10;chrome 153;desktop");
        assert_eq!(name(37, "2026-10-01", 0), "Partner toyota_car Corolla;AndroidAuto");
    }

    #[test]
    fn a_newer_app_has_a_higher_version() {
        assert_eq!(app_version(app_train(20_727, 0), 1).text(), b"9.480.2.560");
        assert_eq!(app_version(app_train(20_727 + 14, 0), 1).text(), b"9.481.2.567");
    }
}
