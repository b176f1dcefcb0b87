//! The catalogue: what a track and an artist is, each a function of its number, and which of them people choose.
//!
//! A track's number is its rank by popularity, counted from 0. Exponents of the rank curve follow the counts published for the
//! Music Streaming Sessions data set (it bends: -0.65 over the first thousand ranks, -1.07 around the hundred-thousandth).

use crate::chance::{Alias, Chance, Purpose, Quantiles, Ranks, Seed, exp, normal};

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
    genres: Alias,
    lengths_ms: Quantiles,
    ages_days: Quantiles,
}

impl Catalogue {
    pub(crate) fn new(seed: Seed, tracks: u64, artists: u64, start_day: i64) -> Self {
        Self {
            seed,
            tracks,
            start_day,
            popularity: Ranks::new(tracks, &[(1, 0.55), (100, 0.75), (1_000, 0.92), (10_000, 1.15), (100_000, 1.35)]),
            output: Ranks::new(artists, &[(1, 0.5), (100, 0.8), (1_000, 1.1)]),
            genres: Alias::new(&GENRES.map(|genre| genre.1)),
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

    /// A track by popularity.
    #[inline]
    pub(crate) fn popular(&self, bits: u64) -> u32 {
        self.popularity.get(bits) as u32
    }

    #[inline]
    pub(crate) fn track_id(&self, track: u32) -> u64 {
        self.seed.id(Purpose::TrackId, u64::from(track))
    }

    #[inline]
    pub(crate) fn artist_of(&self, track: u32) -> u32 {
        self.output.get(self.seed.draw(Purpose::TrackArtist, u64::from(track))) as u32
    }

    #[inline]
    pub(crate) fn artist_id(&self, artist: u32) -> u64 {
        self.seed.id(Purpose::ArtistId, u64::from(artist))
    }

    /// Index into [`GENRES`]; every track of an artist has the artist's genre.
    #[inline]
    pub(crate) fn genre_of(&self, artist: u32) -> u8 {
        self.genres.get(self.seed.draw(Purpose::ArtistTraits, u64::from(artist))) as u8
    }

    #[inline]
    pub(crate) fn length_ms(&self, track: u32) -> i64 {
        let bits = self.seed.draw(Purpose::TrackLength, u64::from(track));
        (self.lengths_ms.get(bits) + (bits >> 12) as i64 % 256).clamp(35_000, MAX_LENGTH_MS)
    }

    /// Days since 1970; a Friday before the world's start.
    pub(crate) fn release_day(&self, track: u32) -> i64 {
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
