//! One event before it is written: what happened, in numbers, with the address of its session.

use downbeat_model::{Context, EventType, Fault, ReasonEnd, ReasonStart};

/// Bits of a key below the session: events of a session are numbered from 0.
pub(crate) const EVENT_BITS: u32 = 10;
/// Bits for the number of a session within its day.
const SLOT_BITS: u32 = 4;
/// Bits for the local day, counted from the day before the world's start.
const DAY_BITS: u32 = 16;

/// The number of a listener's local day, unique in the world. `day` counts from the world's first and may be -1.
#[inline]
pub(crate) const fn day_key(listener: u32, day: i64) -> u64 {
    (listener as u64) << DAY_BITS | (day + 1) as u64
}

/// The number of a session, unique in the world.
#[inline]
pub(crate) const fn session_key(day_key: u64, slot: usize) -> u64 {
    day_key << SLOT_BITS | slot as u64
}

/// The number of an event, unique in the world but for copies.
#[inline]
pub(crate) const fn event_key(session_key: u64, number: u16) -> u64 {
    session_key << EVENT_BITS | number as u64
}

/// The listener, day and slot of a session.
#[inline]
pub(crate) const fn of_session(session_key: u64) -> (u32, i64, usize) {
    let day_key = session_key >> SLOT_BITS;
    (
        (day_key >> DAY_BITS) as u32,
        (day_key & ((1 << DAY_BITS) - 1)) as i64 - 1,
        (session_key & ((1 << SLOT_BITS) - 1)) as usize,
    )
}

/// An event on its way into the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// When it comes, in microseconds since 1970 UTC.
    pub(crate) arrived_us: i64,
    /// When it happened, in milliseconds since 1970 UTC.
    pub(crate) time_ms: i64,
    /// What happened; its place in a bucket is not known yet.
    pub(crate) row: Row,
}

/// One event, or one more copy of it, in a bucket. As small as it can be: it is moved about to be put in order, and read once
/// for each column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// When it arrived, in microseconds since the bucket's beginning; until rows are in order, when it came.
    pub(crate) arrived_us: u32,
    /// When it happened, in milliseconds since the one in which the bucket begins; a week before that at the most.
    pub(crate) time_ms: i32,
    /// Index into the sessions beside the rows.
    pub(crate) session: u32,
    /// The track's number; meaningless for [`EventType::PlaylistCreate`].
    pub(crate) track: u32,
    /// Meaningless but for playbacks, and so are the next three.
    pub(crate) ms_played: u32,
    /// Of the event in its session.
    pub(crate) number: u16,
    pub(crate) faults: Faults,
    pub(crate) context: Context,
    pub(crate) reason_start: ReasonStart,
    pub(crate) reason_end: ReasonEnd,
    pub(crate) event_type: EventType,
    pub(crate) shuffle: bool,
    pub(crate) offline: bool,
    /// Sent again: an earlier row of the log has the same key.
    pub(crate) copy: bool,
}

const _: () = assert!(size_of::<Row>() == 32);

impl Row {
    pub(crate) fn is_playback(&self) -> bool {
        is_playback(self.event_type)
    }

    pub(crate) fn has_track(&self) -> bool {
        self.event_type != EventType::PlaylistCreate
    }

    pub(crate) fn has_playlist(&self) -> bool {
        has_playlist(self.event_type)
    }
}

pub(crate) const fn is_playback(event_type: EventType) -> bool {
    matches!(event_type, EventType::Play | EventType::Skip)
}

pub(crate) const fn has_playlist(event_type: EventType) -> bool {
    matches!(event_type, EventType::PlaylistCreate | EventType::PlaylistAdd | EventType::PlaylistRemove)
}

/// What is wrong with a row: a set of faults, without those that follow from its address (late, duplicate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Faults(u16);

impl Faults {
    /// The time is wrong, and nothing else is.
    pub(crate) const WRONG_CLOCK: Self = Self(1 << Fault::ClockSkew as u16);

    pub(crate) fn insert(&mut self, fault: Fault) {
        self.0 |= 1 << fault.index();
    }

    #[inline]
    pub(crate) const fn contains(self, fault: Fault) -> bool {
        self.0 >> fault.index() & 1 == 1
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What all rows of a session have in common.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Unique in the world; it says whose session it is, and of which day.
    pub(crate) key: u64,
    /// The key of the session that made the playlist which is made or edited in this one.
    pub(crate) playlist: u64,
    /// Index into the devices.
    pub(crate) device: u16,
    /// How far behind the newest app, and the newest system, the device is.
    pub(crate) lag_days: i16,
    /// Index into the countries: where the connection came from.
    pub(crate) country: u8,
    pub(crate) premium: bool,
    pub(crate) incognito: bool,
    pub(crate) bot: bool,
}
