//! Platforms: a client's own name for itself becomes one of downbeat-model's platforms.
//!
//! Canonical, letter for letter but for the parts in `<>` (`<n>` digits; `<ver>` starts with a digit and goes on in letters, digits,
//! `.`, `_`, `-`; the rest anything without `;` and control characters):
//!
//! | platform | names |
//! |---|---|
//! | ios | `iOS <ver> (iPhone<n>,<n>)`, `iOS <ver> (iPad<n>,<n>)` |
//! | android | `Android OS <ver> API <n> (<maker>, <model>)` |
//! | desktop | `Windows 10 (10.0.<n>; x64)`, `Windows 11 (10.0.<n>; x64)`, `OS X <ver> [arm 2]`, `OS X <ver> [x86 8]`, `Linux [x86-64 0]` |
//! | web | `web_player <os>;<browser> <ver>;desktop` with `windows 10`, `windows 11`, `osx <ver>` or `linux`, and chrome, safari, firefox or edge |
//! | tv | `Partner <maker>_tv <model>;` and `Tizen`, `webOS` or `AndroidTV` |
//! | speaker, console, other | `Partner <maker> <model>;` and `Speaker`, `Console` or `Other` |
//! | car | `Partner <maker>_car <model>;` and `AndroidAuto` or `CarPlay` |
//! | wearable | `watchOS <ver> (Watch<n>,<n>)`, `WearOS <ver> (<maker>, <model>)` |
//!
//! Repaired: the same in another (ASCII) case, with outer noise, or one of the short names of `ALIASES`. Malformed: all else.

use downbeat_model::Platform;

use super::{Read, trim_noise};

/// Short names, in lower case.
const ALIASES: &[(&str, Platform)] = &[
    ("iphone", Platform::Ios),
    ("ipad", Platform::Ios),
    ("ios", Platform::Ios),
    ("android", Platform::Android),
    ("android-phone", Platform::Android),
    ("windows", Platform::Desktop),
    ("win", Platform::Desktop),
    ("mac", Platform::Desktop),
    ("macos", Platform::Desktop),
    ("osx", Platform::Desktop),
    ("linux", Platform::Desktop),
    ("desktop", Platform::Desktop),
    ("web", Platform::Web),
    ("webplayer", Platform::Web),
    ("browser", Platform::Web),
    ("tv", Platform::Tv),
    ("smart_tv", Platform::Tv),
    ("speaker", Platform::Speaker),
    ("smart_speaker", Platform::Speaker),
    ("car", Platform::Car),
    ("carplay", Platform::Car),
    ("android_auto", Platform::Car),
    ("console", Platform::Console),
    ("playstation", Platform::Console),
    ("xbox", Platform::Console),
    ("watch", Platform::Wearable),
    ("wearable", Platform::Wearable),
    ("other", Platform::Other),
    ("unknown_device", Platform::Other),
];

/// Reads a platform.
pub(crate) fn read(text: &str) -> Read<Platform> {
    match Grammar::<false>::platform(text) {
        Some(platform) => Read::Canonical(platform),
        None => Read::repaired(forgiving(text)),
    }
}

#[cold]
fn forgiving(text: &str) -> Option<Platform> {
    let text = trim_noise(text);
    Grammar::<true>::platform(text)
        .or_else(|| ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(text)).map(|&(_, platform)| platform))
}

/// The table above as code; `ANY_CASE` says whether the fixed parts may be in another case.
struct Grammar<const ANY_CASE: bool>;

impl<const ANY_CASE: bool> Grammar<ANY_CASE> {
    fn platform(text: &str) -> Option<Platform> {
        // The first letter rules out nearly every other line of the table.
        match text.as_bytes().first()?.to_ascii_lowercase() {
            b'i' => {
                let (_, device) = Self::versioned(text, "iOS ")?;
                let numbers = Self::after(device, "iPhone").or_else(|| Self::after(device, "iPad"))?;
                is_number_pair(numbers).then_some(Platform::Ios)
            }
            b'a' => {
                let (version, device) = Self::inside(Self::after(text, "Android OS ")?, " (", ")")?;
                let (version, api) = Self::around(version, " API ")?;
                (is_version(version) && is_number(api) && is_device(device)).then_some(Platform::Android)
            }
            b'w' => Self::web_player(text)
                .or_else(|| Self::windows(text))
                .or_else(|| {
                    let (_, device) = Self::versioned(text, "watchOS ")?;
                    is_number_pair(Self::after(device, "Watch")?).then_some(Platform::Wearable)
                })
                .or_else(|| {
                    let (_, device) = Self::versioned(text, "WearOS ")?;
                    is_device(device).then_some(Platform::Wearable)
                }),
            b'o' => {
                let (version, cpu) = Self::inside(Self::after(text, "OS X ")?, " [", "]")?;
                (is_version(version) && (Self::is(cpu, "arm 2") || Self::is(cpu, "x86 8"))).then_some(Platform::Desktop)
            }
            b'l' => Self::is(text, "Linux [x86-64 0]").then_some(Platform::Desktop),
            b'p' => Self::partner(text),
            _ => None,
        }
    }

    fn windows(text: &str) -> Option<Platform> {
        let (release, build) = Self::inside(Self::after(text, "Windows ")?, " (10.0.", "; x64)")?;
        (matches!(release, "10" | "11") && is_number(build)).then_some(Platform::Desktop)
    }

    fn web_player(text: &str) -> Option<Platform> {
        let (os, rest) = Self::after(text, "web_player ")?.split_once(';')?;
        let (browser, device) = rest.split_once(';')?;
        let known_os = Self::after(os, "windows ").is_some_and(|release| matches!(release, "10" | "11"))
            || Self::after(os, "osx ").is_some_and(is_version)
            || Self::is(os, "linux");
        let (browser, version) = browser.split_once(' ')?;
        let known_browser = ["chrome", "safari", "firefox", "edge"].iter().any(|known| Self::is(browser, known));
        (known_os && known_browser && is_version(version) && Self::is(device, "desktop")).then_some(Platform::Web)
    }

    fn partner(text: &str) -> Option<Platform> {
        let (device, kind) = Self::after(text, "Partner ")?.split_once(';')?;
        let (maker, model) = device.split_once(' ')?;
        let is_any = |kinds: &[&str]| kinds.iter().any(|known| Self::is(kind, known));
        let (platform, maker) = if is_any(&["Tizen", "webOS", "AndroidTV"]) {
            (Platform::Tv, Self::before(maker, "_tv")?)
        } else if is_any(&["AndroidAuto", "CarPlay"]) {
            (Platform::Car, Self::before(maker, "_car")?)
        } else if is_any(&["Speaker"]) {
            (Platform::Speaker, maker)
        } else if is_any(&["Console"]) {
            (Platform::Console, maker)
        } else if is_any(&["Other"]) {
            (Platform::Other, maker)
        } else {
            return None;
        };
        (is_free(maker) && is_free(model)).then_some(platform)
    }

    /// `<name><ver> (<device>)`.
    fn versioned<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
        Self::inside(Self::after(text, name)?, " (", ")").filter(|(version, _)| is_version(version))
    }

    /// `<front><open><inner><close>`: front and inner.
    fn inside<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
        Self::around(Self::before(text, close)?, open)
    }

    /// What stands on either side of the first `part`.
    fn around<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
        if ANY_CASE {
            let at = text.as_bytes().windows(part.len()).position(|here| here.eq_ignore_ascii_case(part.as_bytes()))?;
            Some((&text[..at], &text[at + part.len()..]))
        } else {
            text.split_once(part)
        }
    }

    fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
        let (found, rest) = text.split_at_checked(start.len())?;
        Self::is(found, start).then_some(rest)
    }

    fn before<'a>(text: &'a str, end: &str) -> Option<&'a str> {
        let (rest, found) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
        Self::is(found, end).then_some(rest)
    }

    fn is(text: &str, known: &str) -> bool {
        if ANY_CASE { text.eq_ignore_ascii_case(known) } else { text == known }
    }
}

/// `<maker>, <model>`.
fn is_device(text: &str) -> bool {
    text.split_once(", ").is_some_and(|(maker, model)| is_free(maker) && is_free(model))
}

/// `<n>,<n>`.
fn is_number_pair(text: &str) -> bool {
    text.split_once(',').is_some_and(|(first, second)| is_number(first) && is_number(second))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_version(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_free(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
    !text.is_empty() && (text.bytes().all(plain) || !text.contains(|c: char| c == ';' || c.is_control()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    const NAMES: &[(&str, Platform)] = &[
        ("iOS 17.5.1 (iPhone15,3)", Platform::Ios),
        ("iOS 18.0 (iPad14,1)", Platform::Ios),
        ("Android OS 14 API 34 (samsung, SM-S911B)", Platform::Android),
        ("Android OS 13 API 33 (Xiaomi, Redmi Note 12 (5G))", Platform::Android),
        ("Windows 10 (10.0.19045; x64)", Platform::Desktop),
        ("Windows 11 (10.0.22631; x64)", Platform::Desktop),
        ("OS X 14.5.0 [arm 2]", Platform::Desktop),
        ("OS X 12.7.6 [x86 8]", Platform::Desktop),
        ("Linux [x86-64 0]", Platform::Desktop),
        ("web_player windows 10;chrome 128;desktop", Platform::Web),
        ("web_player osx 14.5;safari 17.5;desktop", Platform::Web),
        ("web_player linux;firefox 129;desktop", Platform::Web),
        ("web_player windows 11;edge 128.0.1;desktop", Platform::Web),
        ("Partner samsung_tv QN90B;Tizen", Platform::Tv),
        ("Partner lg_tv OLED C3;webOS", Platform::Tv),
        ("Partner sony_tv Bravia;AndroidTV", Platform::Tv),
        ("Partner sonos Era 100;Speaker", Platform::Speaker),
        ("Partner vw_car ID.4;AndroidAuto", Platform::Car),
        ("Partner bmw_car iX;CarPlay", Platform::Car),
        ("Partner sony_ps5 PS5;Console", Platform::Console),
        ("Partner xbox Series X;Console", Platform::Console),
        ("watchOS 10.5 (Watch6,9)", Platform::Wearable),
        ("WearOS 4 (Google, Pixel Watch 2)", Platform::Wearable),
        ("Partner other Fridge é;Other", Platform::Other),
    ];

    #[test]
    fn clients_own_names_are_canonical() {
        for &(text, platform) in NAMES {
            canonical(read(text), platform);
        }
    }

    #[test]
    fn case_and_outer_noise_are_repaired() {
        for &(text, platform) in NAMES {
            repaired(read(&text.to_ascii_uppercase()), platform);
            repaired(read(&format!(" {text}\u{200b}\n")), platform);
        }
        repaired(read("ios 17.5.1 (iphone15,3)"), Platform::Ios);
        repaired(read("android os 14 api 34 (samsung, SM-S911B)"), Platform::Android);
    }

    #[test]
    fn short_names_are_repaired_in_any_case() {
        for &(alias, platform) in ALIASES {
            repaired(read(alias), platform);
            repaired(read(&alias.to_uppercase()), platform);
            repaired(read(&format!(" {alias}\t")), platform);
        }
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in [
            "",
            "iOS 17.5.1",
            "iOS 17.5.1 (iPhone15)",
            "iOS 17.5.1 (iPod7,1)",
            "iOS x (iPhone15,3)",
            "Android OS 14 (samsung, SM-S911B)",
            "Android OS 14 API x (samsung, SM-S911B)",
            "Android OS 14 API 34 (samsung; SM-S911B)",
            "Android OS 14 API 34 (samsung, )",
            "Windows 7 (10.0.19045; x64)",
            "Windows 10 (10.0.19045; x86)",
            "OS X 14.5.0 [arm 3]",
            "Linux [x86-64 1]",
            "web_player windows 10;opera 1;desktop",
            "web_player windows 10;chrome 128;phone",
            "web_player windows 10;chrome 128",
            "Partner samsung QN90B;Tizen",
            "Partner sonos;Speaker",
            "Partner sonos Era\u{1}100;Speaker",
            "Partner sonos Era 100;Toaster",
            "Partner a b;Other;Other",
            "é",
            "İOS",
            "toaster",
        ] {
            malformed(&read(text));
        }
    }

    proptest! {
        #[test]
        fn torn_names_never_panic_and_never_change_platform(at in 0..NAMES.len(), cut in 0..48usize, insert in "\\PC?") {
            let (text, platform) = NAMES[at];
            let cut = (0..=cut.min(text.len())).rev().find(|&cut| text.is_char_boundary(cut)).unwrap();
            let torn = format!("{}{insert}{}", &text[..cut], &text[cut..]);
            if let Read::Canonical(found) | Read::Repaired(found) = read(&torn) {
                prop_assert_eq!(found, platform);
            }
        }
    }
}
