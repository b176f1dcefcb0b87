//! Rows that arrive in the same piece of time, in order, with the texts their sessions have in common: written when a column
//! first asks for them, once for all rows of a session.

use std::sync::OnceLock;

use crate::{
    Model,
    chance::Purpose,
    device::{AppVersion, DEVICES, DeviceName, app_train, app_version},
    row::{Row, Session, event_key, of_session},
    text::{self, Block},
};

/// The rows that arrive within one bucket, in order.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it begins, in microseconds since 1970 UTC.
    first_us: i64,
    pub(crate) rows: Vec<Row>,
    pub(crate) sessions: Vec<Session>,
    user_ids: OnceLock<Vec<Block<20>>>,
    session_ids: OnceLock<Vec<[u8; 16]>>,
    device_names: OnceLock<Shared<48>>,
    app_versions: OnceLock<Shared<16>>,
}

impl Bucket {
    pub(crate) fn new(first_us: i64, rows: Vec<Row>, sessions: Vec<Session>) -> Self {
        Self { first_us, rows, sessions, ..Self::default() }
    }

    /// When a row arrived, in microseconds since 1970 UTC.
    #[inline]
    pub(crate) const fn arrived_us(&self, row: &Row) -> i64 {
        self.first_us + row.arrived_us as i64
    }

    /// When it happened, in milliseconds since 1970 UTC.
    #[inline]
    pub(crate) const fn time_ms(&self, row: &Row) -> i64 {
        self.first_us / 1000 + row.time_ms as i64
    }

    #[inline]
    pub(crate) fn session(&self, row: &Row) -> &Session {
        &self.sessions[row.session as usize]
    }

    /// The key of a row's event.
    #[inline]
    pub(crate) fn key(&self, row: &Row) -> u64 {
        event_key(self.session(row).key, row.number)
    }

    /// The user ids as clients write them, by session.
    pub(crate) fn user_ids(&self, model: &Model) -> &[Block<20>] {
        self.user_ids
            .get_or_init(|| self.sessions.iter().map(|session| text::decimal_block(session.user_id(model))).collect())
    }

    /// The session ids as clients write them, by session.
    pub(crate) fn session_ids(&self, model: &Model) -> &[[u8; 16]] {
        self.session_ids
            .get_or_init(|| self.sessions.iter().map(|session| text::hex(session.session_id(model))).collect())
    }

    /// How the clients name themselves.
    pub(crate) fn device_names(&self, model: &Model) -> &Shared<48> {
        self.device_names.get_or_init(|| {
            let key = |session: &Session| u32::from(session.device) << 16 | u32::from(session.system(model));
            Shared::new(&self.sessions, key, |session| session.device_name(model))
        })
    }

    /// The versions of the clients' apps.
    pub(crate) fn app_versions(&self, model: &Model) -> &Shared<16> {
        self.app_versions.get_or_init(|| {
            let key = |session: &Session| u32::from(session.device) << 16 | session.app_train(model);
            Shared::new(&self.sessions, key, |session| session.app_version(model))
        })
    }
}

impl Session {
    pub(crate) fn user_id(&self, model: &Model) -> u64 {
        model.listeners.user_id(of_session(self.key).0)
    }

    pub(crate) fn session_id(&self, model: &Model) -> u64 {
        model.seed.id(Purpose::SessionId, self.key)
    }

    pub(crate) fn playlist_id(&self, model: &Model) -> u64 {
        model.seed.id(Purpose::PlaylistId, self.playlist)
    }

    /// How the client names itself.
    pub(crate) fn device_name(&self, model: &Model) -> DeviceName {
        DEVICES[usize::from(self.device)].name(self.system(model))
    }

    pub(crate) fn app_version(&self, model: &Model) -> AppVersion {
        app_version(self.app_train(model), u32::from(self.device))
    }

    fn system(&self, model: &Model) -> u16 {
        DEVICES[usize::from(self.device)].system(self.day(model), i64::from(self.lag_days))
    }

    fn app_train(&self, model: &Model) -> u32 {
        app_train(self.day(model), i64::from(self.lag_days))
    }

    /// Days since 1970.
    fn day(&self, model: &Model) -> i64 {
        model.start_day + of_session(self.key).1
    }
}

/// Texts that many sessions have in common.
#[derive(Debug)]
pub(crate) struct Shared<const N: usize> {
    /// Which text is a session's.
    of_session: Vec<u32>,
    texts: Vec<Block<N>>,
}

impl<const N: usize> Shared<N> {
    /// Sessions with the same `key` have the same text, the one that `write` returns.
    fn new(sessions: &[Session], key: impl Fn(&Session) -> u32, write: impl Fn(&Session) -> Block<N>) -> Self {
        // Where the text of a key was last seen. Two keys that share a cell have their texts written more than once.
        const CELLS: u32 = 512;
        let mut seen = [(u32::MAX, 0); CELLS as usize];
        let mut texts = Vec::new();
        let of_session = sessions.iter().map(|session| {
            let key = key(session);
            let cell = &mut seen[(key.wrapping_mul(0x9e37_79b1) >> (32 - CELLS.ilog2())) as usize];
            if cell.0 != key {
                *cell = (key, texts.len() as u32);
                texts.push(write(session));
            }
            cell.1
        });
        Self { of_session: of_session.collect(), texts }
    }

    /// The text of a session, by its place in the bucket.
    #[inline]
    pub(crate) fn of(&self, session: u32) -> &Block<N> {
        &self.texts[self.of_session[session as usize] as usize]
    }
}
