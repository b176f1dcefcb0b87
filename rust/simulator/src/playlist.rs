//! Playlists: when a listener makes one, and in which sessions they sit down to edit it.
//!
//! A playlist is found by its listener and the block of days it is made in, so a session knows which playlists it edits without a
//! list of them: it looks at the blocks before it. How long a playlist is worked on, and how often, differs widely between
//! playlists (Million Playlist Dataset: half have ten sittings or fewer, one in four more than twenty).

use crate::{
    Model,
    chance::{Chance, Purpose, Quantiles, exp, normal, unit},
    listener::Routine,
    row::{day_key, of_session, session_key},
};

/// A listener makes a playlist in some of their blocks of this many days.
const BLOCK_DAYS: i64 = 16;

/// Blocks after which nobody works on a playlist any more.
const LIFE_BLOCKS: i64 = 14;

/// In so many blocks of 256 there is a day on which a playlist is made, if the listener listens on it.
const MADE: u8 = 72;

/// Days after which the wish to work on a playlist is e times smaller.
const FADES_DAYS: f64 = 40.0;

/// The distributions behind playlists.
#[derive(Debug)]
pub(crate) struct Playlists {
    /// Hundredths of sittings of a playlist.
    sittings: Quantiles,
    first_tracks: Quantiles,
    added: Quantiles,
    /// What is left of the wish to work on a playlist, by its age in days.
    wish: [f64; ((LIFE_BLOCKS + 1) * BLOCK_DAYS) as usize],
}

impl Playlists {
    pub(crate) fn new() -> Self {
        Self {
            sittings: Quantiles::new(|u| 1_150.0 * exp(0.95 * normal(u))),
            first_tracks: Quantiles::new(|u| (9.0 * exp(0.8 * normal(u))).clamp(1.0, 120.0)),
            added: Quantiles::new(|u| (4.6 * exp(0.7 * normal(u))).clamp(1.0, 60.0)),
            wish: std::array::from_fn(|age| exp(-(age as f64) / FADES_DAYS)),
        }
    }

    /// How many tracks a playlist begins with, by the draws of its content.
    pub(crate) fn first_tracks(&self, content: &mut Chance) -> u64 {
        self.first_tracks.get(content.bits()) as u64
    }

    /// How many edits a sitting has.
    pub(crate) fn edits(&self, bits: u64) -> i64 {
        self.added.get(bits)
    }
}

/// The playlist that a session makes or edits, if it does: the key of the session that made it.
pub(crate) fn playlist_of(model: &Model, session: u64, routine: Routine) -> Option<u64> {
    let (listener, day, slot) = of_session(session);
    let newest = day.div_euclid(BLOCK_DAYS);
    let mut made = blocks(model, listener, newest);
    let usual = model.listeners.sessions_a_day(routine) * FADES_DAYS * 100.0;
    while made != 0 {
        let back = made.trailing_zeros();
        made &= made - 1;
        let block = newest - i64::from(back);
        let bits = model.seed.draw(Purpose::Playlist, u64::from(listener) << 16 | (block + LIFE_BLOCKS) as u64);
        let made_on = block * BLOCK_DAYS + (bits & 15) as i64;
        let age = day - made_on;
        if made_on < 0 || age < 0 {
            continue;
        }
        let first = session_key(day_key(listener, made_on), 0);
        if age == 0 && slot == 0 {
            return Some(first);
        }
        let keen = model.playlists.sittings.get(bits >> 4) as f64 / usual * model.playlists.wish[age as usize];
        let sits = unit(model.seed.draw(Purpose::PlaylistSittings, session ^ bits)) < keen.min(0.9);
        // Looked at last, for it is dear: nobody may have listened on the day.
        if sits && model.sessions_of(listener, routine, made_on)?.next() == Some(first) {
            return Some(first);
        }
    }
    None
}

/// The blocks in which a listener may have made a playlist, from the newest in the lowest bit backwards.
#[inline]
fn blocks(model: &Model, listener: u32, newest: i64) -> u32 {
    // A draw decides on eight blocks, counted from one before any world: all at once, for a branch for each would cost more.
    let number = (newest + 1) as u64;
    let draws: [[u8; 8]; LIFE_BLOCKS as usize / 8 + 2] = std::array::from_fn(|n| {
        let eight = number / 8 + n as u64;
        model.seed.draw(Purpose::PlaylistBlocks, u64::from(listener) << 16 | eight).to_le_bytes()
    });
    let of_blocks = &draws.as_flattened()[(number % 8) as usize..][..=LIFE_BLOCKS as usize];
    of_blocks.iter().fold(0, |made, &byte| made << 1 | u32::from(byte < MADE))
}
