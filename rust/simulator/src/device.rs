//! What people listen on: how each client names itself, and the version of its app.

use downbeat_model::Platform;

/// A kind of client, as it names itself.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) platform: Platform,
    /// The canonical name.
    pub(crate) name: &'static str,
    /// Short names that older clients and partners send instead.
    pub(crate) aliases: &'static [&'static str],
}

const fn device(platform: Platform, name: &'static str, aliases: &'static [&'static str]) -> Device {
    Device { platform, name, aliases }
}

/// Phones and tablets: the first device of nearly everybody.
pub(crate) const PHONES: std::ops::Range<u16> = 0..18;
/// Everything else.
pub(crate) const OTHERS: std::ops::Range<u16> = 18..44;

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
    [
        device(Ios, "iOS 18.5 (iPhone15,2)", IPHONE),
        device(Ios, "iOS 18.6.2 (iPhone16,1)", IPHONE),
        device(Ios, "iOS 26.0 (iPhone17,3)", IPHONE),
        device(Ios, "iOS 26.0.1 (iPhone14,5)", IPHONE),
        device(Ios, "iOS 17.7 (iPhone12,1)", IPHONE),
        device(Ios, "iOS 26.1 (iPhone18,1)", IPHONE),
        device(Ios, "iOS 18.4 (iPad13,18)", IPAD),
        device(Android, "Android OS 14 API 34 (samsung, SM-S911B)", ANDROID),
        device(Android, "Android OS 15 API 35 (samsung, SM-S928B)", ANDROID),
        device(Android, "Android OS 13 API 33 (samsung, SM-A536B)", ANDROID),
        device(Android, "Android OS 15 API 35 (Google, Pixel 8)", ANDROID),
        device(Android, "Android OS 16 API 36 (Google, Pixel 9 Pro)", ANDROID),
        device(Android, "Android OS 14 API 34 (Xiaomi, 2311DRK48G)", ANDROID),
        device(Android, "Android OS 13 API 33 (Xiaomi, Redmi Note 12)", ANDROID),
        device(Android, "Android OS 12 API 31 (OPPO, CPH2387)", ANDROID),
        device(Android, "Android OS 14 API 34 (vivo, V2250)", ANDROID),
        device(Android, "Android OS 11 API 30 (motorola, moto g(30))", ANDROID),
        device(Android, "Android OS 15 API 35 (OnePlus, CPH2581)", ANDROID),
        device(Desktop, "Windows 10 (10.0.19045; x64)", WINDOWS),
        device(Desktop, "Windows 11 (10.0.22631; x64)", WINDOWS),
        device(Desktop, "Windows 11 (10.0.26100; x64)", WINDOWS),
        device(Desktop, "OS X 14.5.0 [arm 2]", MAC),
        device(Desktop, "OS X 15.6.1 [arm 2]", MAC),
        device(Desktop, "OS X 12.7.6 [x86 8]", MAC),
        device(Desktop, "Linux [x86-64 0]", LINUX),
        device(Web, "web_player windows 10;chrome 140;desktop", WEB),
        device(Web, "web_player windows 11;edge 140;desktop", WEB),
        device(Web, "web_player osx 15.6;safari 18.6;desktop", WEB),
        device(Web, "web_player windows 10;firefox 142;desktop", WEB),
        device(Web, "web_player linux;firefox 142;desktop", WEB),
        device(Tv, "Partner samsung_tv QE55Q80;Tizen", TV),
        device(Tv, "Partner lg_tv OLED55C3;webOS", TV),
        device(Tv, "Partner sony_tv BRAVIA 4K;AndroidTV", TV),
        device(Speaker, "Partner sonos Era 100;Speaker", SPEAKER),
        device(Speaker, "Partner google Nest Audio;Speaker", SPEAKER),
        device(Speaker, "Partner amazon Echo Dot;Speaker", SPEAKER),
        device(Car, "Partner vw_car ID.4;AndroidAuto", CAR),
        device(Car, "Partner toyota_car Corolla;AndroidAuto", CAR),
        device(Car, "Partner bmw_car iX1;CarPlay", CAR),
        device(Console, "Partner sony_ps5 PS5;Console", CONSOLE),
        device(Console, "Partner xbox Series X;Console", CONSOLE),
        device(Wearable, "watchOS 11.6 (Watch7,1)", WATCH),
        device(Wearable, "WearOS 5 (samsung, SM-R940)", WATCH),
        device(Other, "Partner other Web Radio;Other", OTHER),
    ]
};

/// The version of an app: a train every two weeks, on which people hop sooner or later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppVersion {
    bytes: [u8; 15],
    len: u8,
}

impl AppVersion {
    /// `day`: days since 1970; `lag_days`: how far behind the newest release this client is.
    pub(crate) fn new(day: i64, lag_days: i64, build: u64) -> Self {
        let train = ((day - lag_days) / 14).max(0) as u64;
        let mut version = Self { bytes: [0; 15], len: 0 };
        for (i, number) in
            [8 + train / 1000, train % 1000, build % 4 * 2, 100 + train * 7 % 900].into_iter().enumerate()
        {
            if i > 0 {
                version.push(b'.');
            }
            if number >= 100 {
                version.push(b'0' + (number / 100 % 10) as u8);
            }
            if number >= 10 {
                version.push(b'0' + (number / 10 % 10) as u8);
            }
            version.push(b'0' + (number % 10) as u8);
        }
        version
    }

    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.len)] = byte;
        self.len += 1;
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}
