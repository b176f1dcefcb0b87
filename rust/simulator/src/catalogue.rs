//! The catalogue: what a track and an artist is, each a function of its number, and which of them people choose.
//!
//! A track's number is its rank by popularity, counted from 0. Exponents of the rank curve follow the counts published for the
//! Music Streaming Sessions data set (it bends: -0.65 over the first thousand ranks, -1.07 around the hundred-thousandth).
//!
//! One number in 97 stands for a track that is released while the world runs: so many each Friday, known by their numbers, so
//! that the releases of a week are found without a list.

use std::hint::select_unpredictable;

use crate::chance::{Chance, Purpose, Quantiles, Ranks, Seed, exp, mix, normal, scale, scatter, unit};

/// Genres, and the shares of artists in them.
pub(crate) const GENRES: [(&str, f64); 24] = [
    ("pop", 14.0),
    ("hip hop", 12.0),
    ("rock", 11.0),
    ("latin", 9.0),
    ("dance", 6.0),
    ("r&b", 6.0),
    ("indie", 6.0),
    ("electronic", 5.0),
    ("country", 4.0),
    ("metal", 4.0),
    ("k-pop", 3.0),
    ("bollywood", 3.0),
    ("folk", 3.0),
    ("jazz", 2.0),
    ("classical", 2.0),
    ("soul", 2.0),
    ("reggae", 1.5),
    ("blues", 1.0),
    ("punk", 1.5),
    ("ambient", 1.5),
    ("gospel", 1.0),
    ("children", 1.0),
    ("soundtrack", 1.0),
    ("afrobeats", 2.0),
];

/// Longest track, in milliseconds.
pub(crate) const MAX_LENGTH_MS: i64 = 600_000;

/// What there is to listen to.
#[derive(Debug)]
pub(crate) struct Catalogue {
    seed: Seed,
    tracks: u64,
    /// Days since 1970.
    start_day: i64,
    popularity: Ranks,
    /// Tracks per artist.
    output: Ranks,
    /// What makes the tracks' genres differ from world to world, and their lengths.
    genre_key: u32,
    length_key: u32,
    /// Last bytes of artists' numbers.
    genre_cells: u32,
    /// The genre of an artist by its number's last byte.
    genres: [u8; CELLS as usize],
    /// The last bytes of the artists of each genre.
    cells: Vec<Vec<u8>>,
    artists: u64,
    lengths_ms: Quantiles,
    ages_days: Quantiles,
}

/// Artists whose numbers have the same last byte have the same genre.
const CELLS: u64 = 256;

/// A track whose number is 5 more than a multiple of this is released while the world runs.
const RELEASE_STEP: u64 = 97;
/// No track with a lower number is, so that what everybody knows is there from the beginning.
const RELEASE_FROM: u64 = 291;
/// Weeks with releases, about ten years; tracks of later turns of the cycle come out in the same weeks.
const RELEASE_WEEKS: u64 = 520;

/// The weekly track that everybody wants for some days, if there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) track: u32,
    /// The share of all that is new to a listener, 0 to 1.
    pub(crate) share: f64,
}

impl Catalogue {
    pub(crate) fn new(seed: Seed, tracks: u64, artists: u64, start_day: i64) -> Self {
        let genres = genre_table(seed.draw(Purpose::ArtistTraits, u64::MAX));
        let mut cells = vec![Vec::new(); GENRES.len()];
        for (cell, &genre) in genres.iter().enumerate().take(artists.min(CELLS) as usize) {
            cells[usize::from(genre)].push(cell as u8);
        }
        Self {
            genre_key: seed.draw(Purpose::TrackGenre, 0) as u32,
            length_key: seed.draw(Purpose::TrackLength, 0) as u32,
            genre_cells: artists.min(CELLS) as u32,
            genres,
            cells,
            artists,
            seed,
            tracks,
            start_day,
            popularity: Ranks::new(tracks, &[(1, 0.52), (100, 0.76), (1_000, 0.96), (10_000, 1.10), (100_000, 1.30)]),
            output: Ranks::new(artists, &[(1, 0.5), (100, 0.8), (1_000, 1.1)]),
            // Median 3:32, as played; a log-normal with the published quartiles.
            lengths_ms: Quantiles::new(|u| 212_000.0 * exp(0.25 * normal(u))),
            // At the start: 40 % of what is played is from the last half year, a tail reaches back for decades.
            ages_days: Quantiles::through(&[
                (0.0, 1.0),
                (0.4, 200.0),
                (0.6, 560.0),
                (0.75, 1_300.0),
                (0.9, 4_400.0),
                (1.0, 22_000.0),
            ]),
        }
    }

    pub(crate) fn tracks(&self) -> u64 {
        self.tracks
    }

    /// A track, or, if it is not released by a day of the world, the one before it, which is.
    #[inline]
    fn available(&self, track: u64, day: i64) -> u32 {
        match released_in(track) {
            Some(week) if self.friday(week) > self.start_day + day => (track - 1) as u32,
            _ => track as u32,
        }
    }

    /// One of the tracks released in the last weeks, newer ones more often; `None` in the first weeks of a world, and in
    /// a small catalogue.
    pub(crate) fn new_release(&self, bits: u64, day: i64) -> Option<u32> {
        let u = unit(bits);
        // Half of the attention goes to the last two weeks; after three months there is none.
        let age = (13.0 * u * u * u) as i64;
        let week = u64::try_from((self.start_day + day - self.friday(0)).div_euclid(7) - age).ok()? % RELEASE_WEEKS;
        let first = (RELEASE_FROM / RELEASE_STEP + week) * RELEASE_STEP + 5;
        let turn = RELEASE_WEEKS * RELEASE_STEP;
        let count = self.tracks.checked_sub(first + 1)? / turn + 1;
        let v = unit(mix(bits));
        Some((first + (count as f64 * v * v) as u64 * turn) as u32)
    }

    /// The hit of a day of the world: in two months of three, some track that was nobody's is everybody's for some days.
    pub(crate) fn hit(&self, day: i64) -> Option<Hit> {
        let month = day.div_euclid(30);
        let bits = self.seed.draw(Purpose::Hit, month as u64);
        let since = day.rem_euclid(30) - scale(bits, 16) as i64;
        if bits.is_multiple_of(3) || since < 0 {
            return None;
        }
        // Up in three days, then down by half every four.
        let share = 0.02 * (since.min(3) + 1) as f64 / 4.0 * exp(-0.17 * (since - 3).max(0) as f64);
        Some(Hit { track: self.available(scale(mix(bits), self.tracks.min(50_000)), day), share })
    }

    /// Days since 1970 of the Friday of a week, counted from the first after the world's start.
    fn friday(&self, week: u64) -> i64 {
        // 1970-01-01 was a Thursday: Fridays are 1 modulo 7.
        self.start_day + (1 - self.start_day).rem_euclid(7) + 7 * week as i64
    }

    #[inline]
    pub(crate) fn track_id(&self, track: u32) -> u64 {
        self.seed.id(Purpose::TrackId, u64::from(track))
    }

    /// A track by popularity, among those released by a day of the world: of one of the genres whose bits are set in `taste`, if
    /// it or one of two that are about as popular is.
    #[inline]
    pub(crate) fn to_taste(&self, taste: u32, bits: u64, day: i64) -> u32 {
        let first = self.popularity.get(bits);
        let last = self.tracks - 1;
        let (second, third) = ((first ^ 1).min(last), (first ^ 2).min(last));
        let liked = |track: u64| taste >> self.genre(track as u32) & 1 == 1;
        // Nobody can tell beforehand.
        let track = select_unpredictable(liked(second), second, third);
        self.available(select_unpredictable(liked(first), first, track), day)
    }

    /// One of the artists of the track's genre; the share of tracks that an artist has is that of their rank among all.
    pub(crate) fn artist_of(&self, track: u32) -> u32 {
        let cells = &self.cells[usize::from(self.genre(track))];
        let (all, own) = (u64::from(self.genre_cells), cells.len() as u64);
        let rank = self.output.get(self.seed.draw(Purpose::TrackArtist, u64::from(track))) * own / all;
        let artist = rank / own * all + u64::from(cells[(rank % own) as usize]);
        // The last round of last bytes need not be whole.
        (if artist < self.artists { artist } else { artist - all }) as u32
    }

    #[inline]
    pub(crate) fn artist_id(&self, artist: u32) -> u64 {
        self.seed.id(Purpose::ArtistId, u64::from(artist))
    }

    /// Index into [`GENRES`]; every track of an artist has the artist's genre.
    #[inline]
    pub(crate) fn genre_of(&self, artist: u32) -> u8 {
        self.genres[artist as usize % 256]
    }

    /// The genre of a track, which decides who can be its artist: it is asked for all the time.
    #[inline]
    pub(crate) fn genre(&self, track: u32) -> u8 {
        self.genres[scatter(track ^ self.genre_key, self.genre_cells) as u8 as usize]
    }

    /// In milliseconds.
    #[inline]
    pub(crate) fn length_ms(&self, track: u32) -> i64 {
        let share = scatter(track ^ self.length_key, 1 << Quantiles::BITS);
        self.lengths_ms.get(u64::from(share)).clamp(35_000, MAX_LENGTH_MS)
    }

    /// Whether a track is in the catalogue.
    #[inline]
    pub(crate) fn has(&self, track: u32) -> bool {
        u64::from(track) < self.tracks
    }

    /// Days since 1970; a Friday.
    pub(crate) fn release_day(&self, track: u32) -> i64 {
        if let Some(week) = released_in(u64::from(track)) {
            return self.friday(week);
        }
        let age = self.ages_days.get(self.seed.draw(Purpose::Release, u64::from(track)));
        let day = self.start_day - 1 - age;
        // 1970-01-01 was a Thursday: Fridays are 1 modulo 7.
        day - (day - 1).rem_euclid(7)
    }

    /// The draws a track's name is made of.
    pub(crate) fn track_name(&self, track: u32) -> Chance {
        self.seed.stream(Purpose::TrackName, u64::from(track))
    }

    /// The draws an artist's name is made of.
    pub(crate) fn artist_name(&self, artist: u32) -> Chance {
        self.seed.stream(Purpose::ArtistName, u64::from(artist))
    }

    /// 64 bits that decide where an artist is from.
    pub(crate) fn artist_origin(&self, artist: u32) -> u64 {
        self.seed.draw(Purpose::ArtistTraits, u64::from(artist) | 1 << 40)
    }
}

/// The week in which a track is released while the world runs.
#[inline]
const fn released_in(track: u64) -> Option<u64> {
    if track % RELEASE_STEP != 5 || track < RELEASE_FROM {
        return None;
    }
    Some((track - RELEASE_FROM) / RELEASE_STEP % RELEASE_WEEKS)
}

/// Genres by the last byte of an artist's number, as often as their shares say, in an order that differs from world to world.
fn genre_table(bits: u64) -> [u8; CELLS as usize] {
    let total: f64 = GENRES.iter().map(|genre| genre.1).sum();
    let mut table = [0; CELLS as usize];
    let (mut share, mut genre) = (0.0, 0);
    for (place, cell) in table.iter_mut().enumerate() {
        while genre + 1 < GENRES.len() && (place as f64 + 0.5) / 256.0 >= (share + GENRES[genre].1) / total {
            share += GENRES[genre].1;
            genre += 1;
        }
        *cell = genre as u8;
    }
    // Fisher and Yates.
    let mut chance = bits;
    for last in (1..table.len()).rev() {
        chance = mix(chance.wrapping_add(1));
        table.swap(last, scale(chance, last as u64 + 1) as usize);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_releases_are_those_whose_release_day_has_just_come() {
        let catalogue = Catalogue::new(Seed::new(3), 4_000_000, 400_000, 20_000);
        for day in 0..400 {
            for draw in 0..200 {
                let bits = mix(day as u64 * 1_000 + draw);
                if let Some(track) = catalogue.new_release(bits, day) {
                    let age = 20_000 + day - catalogue.release_day(track);
                    assert!((0..100).contains(&age), "{track} is {age} days old on day {day}");
                }
                assert!(catalogue.release_day(catalogue.to_taste(draw as u32, bits, day)) <= 20_000 + day);
            }
        }
        assert!(catalogue.new_release(1, 30).is_some());
    }

    #[test]
    fn tracks_have_genres_as_often_as_artists_and_are_by_artists_of_theirs() {
        for artists in [1, 3, 255, 256, 300, 100_000] {
            let catalogue = Catalogue::new(Seed::new(artists), 1_000_000, artists, 20_000);
            let mut counts = [0.0; GENRES.len()];
            for track in 0..200_000 {
                let artist = catalogue.artist_of(track);
                assert!(u64::from(artist) < artists);
                assert_eq!(catalogue.genre(track), catalogue.genre_of(artist));
                counts[usize::from(catalogue.genre(track))] += 1.0 / 200_000.0;
            }
            for (genre, share) in counts.iter().enumerate() {
                let all = artists.min(CELLS) as f64;
                let cells = catalogue.cells[genre].len() as f64;
                assert!((share - cells / all).abs() < 0.005, "{artists} artists, {}: {share}", GENRES[genre].0);
            }
        }
    }

    #[test]
    fn every_genre_has_artists_about_as_often_as_its_share_says() {
        let table = genre_table(99);
        for (genre, &(name, share)) in GENRES.iter().enumerate() {
            let count = table.iter().filter(|&&cell| usize::from(cell) == genre).count() as f64;
            assert!((count / 256.0 - share / 100.0).abs() < 0.01, "{name}: {count}");
        }
    }
}
