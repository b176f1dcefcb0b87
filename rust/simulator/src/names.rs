//! Made-up names: of artists, tracks and playlists.
//!
//! Nobody's name is copied: people are put together from the syllables of their language, bands and titles from its everyday
//! words. Each language is a table ([`Language`]), and one function ([`fill`]) writes a name from it, so a name is a function
//! of its draws. Every name is in Unicode's NFC, trimmed, not empty, and free of control and format characters; names of
//! playlists have at most 100 characters.

// One line a list: wrapped, the tables would be twice as long and no easier to read.
#[rustfmt::skip]
mod languages;

use languages::{ENGLISH, Language, PLAYLIST_WORDS, PLAYLISTS, languages};

use crate::chance::Chance;

/// Appends the name of an artist of a country (ISO 3166-1 alpha-2): a person, a band or a stage name.
pub(crate) fn artist(chance: &mut Chance, country: &str, out: &mut Vec<u8>) {
    let language = language(chance, country);
    let from = out.len();
    fill(chance, language.artists, &language.lists, &[], out);
    // Some write themselves all small or all big.
    let name = &mut out[from..];
    match chance.below(50) {
        0 | 1 if name.is_ascii() => name.make_ascii_lowercase(),
        2 | 3 if name.is_ascii() => name.make_ascii_uppercase(),
        _ => {}
    }
}

/// Appends the title of a track by an artist of a country (ISO 3166-1 alpha-2).
pub(crate) fn track(chance: &mut Chance, country: &str, out: &mut Vec<u8>) {
    let mut language = language(chance, country);
    if language.titles.is_empty() {
        language = &ENGLISH;
    }
    fill(chance, language.titles, &language.lists, language.artists, out);
    if chance.below(4) == 0 {
        fill(chance, language.endings, &language.lists, language.artists, out);
    }
}

/// Appends the name of a playlist, as somebody typed it.
pub(crate) fn playlist(chance: &mut Chance, out: &mut Vec<u8>) {
    let all: u64 = PLAYLISTS.iter().map(|language| language.0).sum();
    let mut share = chance.below(all);
    let mut forms = PLAYLISTS[0].1;
    for &(of, these) in &PLAYLISTS {
        forms = these;
        if share < of {
            break;
        }
        share -= of;
    }
    let from = out.len();
    fill(chance, forms, &PLAYLIST_WORDS, &[], out);
    match chance.below(20) {
        0 => out[from..].make_ascii_uppercase(),
        1..=5 => out[from].make_ascii_uppercase(),
        _ => {}
    }
    match chance.below(40) {
        0 => out.extend_from_slice(b"!!"),
        1 => out.extend_from_slice(b"..."),
        2 => out.extend_from_slice(b" :)"),
        3 => out.extend_from_slice(b" <3"),
        4..=6 => fill(chance, &[" #"], &[], &[], out),
        7 | 8 => fill(chance, &[" pt. #"], &[], &[], out),
        9 | 10 => fill(chance, &[" @"], &[], &[], out),
        11..=14 => fill(chance, &[" 3"], &PLAYLIST_WORDS, &[], out),
        15 => fill(chance, &[" 33"], &PLAYLIST_WORDS, &[], out),
        _ => {}
    }
}

fn pick<'a>(chance: &mut Chance, entries: &[&'a str]) -> &'a str {
    entries[chance.below(entries.len() as u64) as usize]
}

/// Appends one of the forms, filled in; `artists` are the forms of a `*`.
fn fill(chance: &mut Chance, forms: &[&str], lists: &[&[&'static str]], artists: &[&str], out: &mut Vec<u8>) {
    for &byte in pick(chance, forms).as_bytes() {
        match byte {
            b'0'..=b'9' => out.extend_from_slice(pick(chance, lists[usize::from(byte - b'0')]).as_bytes()),
            b'#' => out.push(b'2' + chance.below(8) as u8),
            b'@' => {
                let year = 2005 + chance.below(20);
                out.extend([year / 1000, year / 100 % 10, year / 10 % 10, year % 10].map(|digit| b'0' + digit as u8));
            }
            b'*' => fill(chance, artists, lists, &[], out),
            _ => out.push(byte),
        }
    }
}

fn language(chance: &mut Chance, country: &str) -> &'static Language {
    let all = languages(country);
    let mut percent = chance.below(100);
    for &(share, language) in all {
        if percent < share {
            return language;
        }
        percent -= share;
    }
    all[all.len() - 1].1
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use unicode_normalization::is_nfc;

    use super::{languages::COUNTRIES_LANGUAGES, *};
    use crate::{
        chance::{Purpose, Seed},
        place::{COUNTRIES, Homes},
    };

    /// Names of the world `seed`, in the countries its listeners come from.
    fn names(purpose: Purpose, seed: u64, count: u64) -> Vec<String> {
        let (seed, homes) = (Seed::new(seed), Homes::new());
        (0..count)
            .map(|subject| {
                let home = homes.get(homes.choose(seed.draw(Purpose::ArtistTraits, subject)));
                let country = COUNTRIES[usize::from(home.country)].code;
                let (mut chance, mut out) = (seed.stream(purpose, subject), Vec::new());
                match purpose {
                    Purpose::ArtistName => artist(&mut chance, country, &mut out),
                    Purpose::TrackName => track(&mut chance, country, &mut out),
                    _ => playlist(&mut chance, &mut out),
                }
                String::from_utf8(out).unwrap()
            })
            .collect()
    }

    const KINDS: [(Purpose, usize); 3] =
        [(Purpose::ArtistName, 60), (Purpose::TrackName, 100), (Purpose::PlaylistName, 100)];

    #[test]
    fn names_are_canonical_and_short() {
        for (purpose, longest) in KINDS {
            for name in names(purpose, 7, 100_000) {
                assert!(is_nfc(&name), "{name}");
                assert!(!name.is_empty() && name.trim() == name && !name.contains("  "), "{name:?}");
                assert!(name.chars().count() <= longest, "{name} has {} characters", name.chars().count());
                // Controls, format characters, variation selectors.
                let forbidden = |char: char| {
                    char.is_control()
                        || matches!(char, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
                            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                            | '\u{e0000}'..='\u{e0fff}')
                };
                assert!(!name.contains(forbidden), "{name:?}");
            }
        }
    }

    #[test]
    fn every_form_is_filled_from_its_lists() {
        let mut chance = Seed::new(1).stream(Purpose::TrackName, 0);
        let codes = COUNTRIES.iter().map(|country| country.code).chain(["IL", "??"]);
        let all: Vec<&Language> =
            codes.flat_map(|code| languages(code).iter().map(|&(_, language)| language)).collect();
        assert!(COUNTRIES_LANGUAGES.iter().all(|of| of.1.iter().map(|language| language.0).sum::<u64>() == 100));
        for language in all {
            for (forms, most_words) in [(language.artists, 7), (language.titles, 5), (language.endings, 14)] {
                for form in forms {
                    for _ in 0..300 {
                        let mut out = Vec::new();
                        fill(&mut chance, &[form], &language.lists, language.artists, &mut out);
                        let name = String::from_utf8(out).unwrap();
                        let words = name.split_whitespace().count();
                        assert!((1..=most_words).contains(&words), "{form} made {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn under_two_per_cent_of_100_000_artists_share_their_name() {
        let mut holders = HashMap::new();
        names(Purpose::ArtistName, 7, 100_000).into_iter().for_each(|name| *holders.entry(name).or_insert(0u32) += 1);
        let sharing: u32 = holders.values().filter(|&&holders| holders > 1).sum();
        assert!(sharing < 2_000, "{sharing} artists share their name");
    }

    #[test]
    fn artists_tracks_and_playlists_are_named_in_many_scripts() {
        const SCRIPTS: [(&str, char, char); 14] = [
            ("Latin", 'A', 'ỹ'),
            ("Greek", 'Α', 'ώ'),
            ("Cyrillic", 'А', 'ґ'),
            ("Hebrew", 'א', 'ת'),
            ("Arabic", 'ء', 'ي'),
            ("Devanagari", '\u{900}', '\u{97f}'),
            ("Bengali", '\u{980}', '\u{9ff}'),
            ("Tamil", '\u{b80}', '\u{bff}'),
            ("Thai", '\u{e01}', '\u{e5b}'),
            ("Hiragana", 'ぁ', 'ん'),
            ("Katakana", 'ァ', 'ー'),
            ("Hangul", '가', '힣'),
            ("Han", '一', '鿿'),
            ("emoji", '🌀', '🫿'),
        ];
        for (purpose, least) in [(Purpose::ArtistName, 13), (Purpose::TrackName, 13), (Purpose::PlaylistName, 13)] {
            let all = names(purpose, 3, 50_000).concat();
            let seen: BTreeSet<&str> = SCRIPTS
                .iter()
                .filter(|(_, first, last)| all.contains(|char| (*first..=*last).contains(&char)))
                .map(|script| script.0)
                .collect();
            assert!(seen.len() >= least, "{purpose:?}: only {seen:?}");
        }
    }

    /// Country, artist, track.
    const GOLDEN: [(&str, &str, &str); 19] = [
        ("US", "Vesrata Kingsard", "Harbour and Winter - Instrumental"),
        ("BR", "Mamitor Ferrosa", "Entre Varanda e Violão"),
        ("MX", "Clabel Jimuero", "Verano (Parte 7)"),
        ("FR", "Lourobert Maupin", "Joxime"),
        ("DE", "Dietrun", "Wer bist du, Norhelm? (mit Herbst & Kirchmüller)"),
        ("SE", "SANDBLAD & LJUNGDAL", "Var är du? - Remix"),
        ("PL", "Gasław", "Deszcz, cz. 9"),
        ("UA", "Фелирина", "My Wooden Bridge"),
        ("GR", "Θεονία Λιβιάδης", "Foreign Staircase"),
        ("TR", "Yılcan Kanay Kapbay", "Kayıp bahçe"),
        ("EG", "مها الحرلان", "The Sweet Moon"),
        ("IN", "अरनिया हेट", "बारिश, भाग 7"),
        ("TH", "กาสรณ์ สุขบุตร", "ฤดูร้อน 2014 (เพลงประกอบละคร)"),
        ("VN", "Perlaric Marchshaw", "Going Home Until Morning"),
        ("ID", "The Gentle Sky Twins", "Di mana kamu?"),
        ("JP", "星と花火の兄弟", "夏の夢"),
        ("KR", "임다진", "나의 창문"),
        ("TW", "羅柏廷", "Where Is the Ghost?"),
        ("NG", "The Wakehurst Neighbours", "Carry Me Go 2"),
    ];
    const GOLDEN_PLAYLISTS: [&str; 8] = [
        "opm 2000s <3",
        "cleaning 2016",
        "for camping!!",
        "só 2000s",
        "do auta 7",
        "vibes & oldies 8",
        "vieux lofi",
        "feestje 2007",
    ];

    /// To be changed with [`crate::GENERATOR_VERSION`] only.
    #[test]
    fn the_names_of_seed_7_are_these() {
        let (seed, name) = (Seed::new(7), |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        });
        for (n, (country, an_artist, a_track)) in GOLDEN.into_iter().enumerate() {
            let draws = |purpose| seed.stream(purpose, n as u64);
            assert_eq!(name(&|out| artist(&mut draws(Purpose::ArtistName), country, out)), an_artist, "{country}");
            assert_eq!(name(&|out| track(&mut draws(Purpose::TrackName), country, out)), a_track, "{country}");
        }
        for (n, expected) in GOLDEN_PLAYLISTS.into_iter().enumerate() {
            let draws = seed.stream(Purpose::PlaylistName, n as u64);
            assert_eq!(name(&|out| playlist(&mut draws.clone(), out)), expected);
        }
    }
}
