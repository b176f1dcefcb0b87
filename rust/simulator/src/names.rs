//! Made-up names: of artists, tracks and playlists. Every one is in Unicode's NFC, trimmed and not empty.

use crate::chance::Chance;

const OPENINGS: &[&str] = &[
    "Ba", "Ka", "Lo", "Mi", "Ra", "So", "Ve", "Zu", "Ter", "Nor", "Syl", "Ama", "Cor", "Del", "Fen", "Gal", "Hal",
    "Ing", "Jor", "Kel", "Lun", "Mar", "Nes", "Ori", "Pal", "Quin", "Rho", "San", "Tam", "Ul", "Vor", "Wen", "Xan",
    "Yar", "Zel", "Ås", "Él", "Ø",
];
const MIDDLES: &[&str] =
    &["", "", "la", "ri", "ne", "do", "va", "mi", "sa", "lu", "te", "ko", "be", "ran", "len", "é", "ñi", "jö"];
const ENDINGS: &[&str] = &[
    "n", "s", "ra", "lia", "rin", "dor", "mar", "vik", "lo", "sen", "tta", "ska", "ya", "na", "ros", "bel", "quo",
    "wyn", "zor", "é", "ão",
];
const BANDS: &[&str] =
    &["Club", "Orchestra", "Collective", "Sisters", "Brothers", "Trio", "Parade", "System", "Union", "Ensemble"];
const ADJECTIVES: &[&str] = &[
    "Silver", "Broken", "Golden", "Quiet", "Electric", "Lonely", "Distant", "Burning", "Hidden", "Slow", "Midnight",
    "Paper", "Velvet", "Wild", "Frozen", "Blue", "Crooked", "Endless", "Hollow", "Sweet", "Foreign", "Heavy", "Last",
    "Little", "Northern", "Loud",
];
const NOUNS: &[&str] = &[
    "River", "Lights", "Heart", "Summer", "Road", "Mirror", "Garden", "Shadow", "Ocean", "Fire", "Window", "Letter",
    "Machine", "City", "Dream", "Winter", "Bridge", "Sky", "Station", "Dance", "Ghost", "Harbour", "Kitchen", "Signal",
    "Thunder", "Island", "Echo", "Moon",
];
const FOREIGN: &[&str] = &[
    "Corazón",
    "Lumière",
    "Nächte",
    "Fuego lento",
    "Été indien",
    "São João",
    "Über uns",
    "Öresund",
    "Café del puerto",
    "Señal",
    "Ночь",
    "Огни города",
    "夜の道",
    "海の歌",
    "바람",
    "봄날의 길",
    "दिल",
    "रात",
    "قلب",
    "ليل",
    "Νύχτα",
    "לילה",
];
const PLAYLISTS: &[&str] = &[
    "Workout",
    "Chill",
    "Road trip",
    "Focus",
    "Party",
    "Sunday morning",
    "Sleep",
    "Running",
    "Cooking",
    "Summer",
    "Throwback",
    "Study",
    "Rainy day",
    "Gym",
    "Dinner",
    "Shower",
    "Sad songs",
    "Happy",
    "Work",
    "Car",
    "Été",
    "Verão",
    "Für unterwegs",
    "夏の歌",
    "드라이브",
];

fn pick(chance: &mut Chance, words: &[&'static str]) -> &'static str {
    words[chance.below(words.len() as u64) as usize]
}

/// Appends the name of an artist.
pub(crate) fn artist(chance: &mut Chance, out: &mut String) {
    let form = chance.below(10);
    if form == 0 {
        out.push_str("The ");
        out.push_str(pick(chance, ADJECTIVES));
        out.push(' ');
        out.push_str(pick(chance, NOUNS));
        return;
    }
    for word in 0..if form < 6 { 2 } else { 1 } {
        if word > 0 {
            out.push(' ');
        }
        out.push_str(pick(chance, OPENINGS));
        out.push_str(pick(chance, MIDDLES));
        out.push_str(pick(chance, ENDINGS));
    }
    if form == 9 {
        out.push(' ');
        out.push_str(pick(chance, BANDS));
    }
}

/// Appends the name of a track.
pub(crate) fn track(chance: &mut Chance, out: &mut String) {
    match chance.below(8) {
        0 => out.push_str(pick(chance, NOUNS)),
        1 => out.push_str(pick(chance, FOREIGN)),
        2 => {
            out.push_str(pick(chance, NOUNS));
            out.push_str(" of ");
            out.push_str(pick(chance, NOUNS));
        }
        _ => {
            out.push_str(pick(chance, ADJECTIVES));
            out.push(' ');
            out.push_str(pick(chance, NOUNS));
        }
    }
    match chance.below(20) {
        0 => out.push_str(" (Live)"),
        1 => out.push_str(" - Remix"),
        2 => out.push_str(" (Acoustic)"),
        _ => {}
    }
}

/// Appends the name of a playlist.
pub(crate) fn playlist(chance: &mut Chance, out: &mut Vec<u8>) {
    out.extend_from_slice(pick(chance, PLAYLISTS).as_bytes());
    if chance.hit(0.4) {
        out.push(b' ');
        out.push(b'1' + chance.below(9) as u8);
    }
}
