//! What happens in a session: playbacks one after the other, what the listener thinks of them, and when the collector hears of it.
//!
//! A session has a mood that decides how much of it is skipped; tracks come from the listener's library or from what is popular,
//! by context. Each playback's start reason is the last one's end reason. A session is played from its key alone.

use downbeat_model::{Context, EventType, ReasonEnd, ReasonStart};

use crate::{
    Model,
    chance::{Alias, Chance, Purpose, Quantiles, exp, mix, normal, scale, unit},
    device::{AppVersion, PHONES},
    listener::Listener,
    place::COUNTRIES,
    plan::Entry,
    row::{EVENT_BITS, Row, Session, of_session},
};

/// Nothing of a session arrives this long after the moment it enters the log (its beginning, or the end of being offline), in
/// microseconds. Longest session 5 h, a track and its pauses, the slowest delivery 8 min, the latest copy 10 min.
pub(crate) const SPAN_US: i64 = 6 * 3600 * 1_000_000;

/// A copy arrives at most this long after its original, in microseconds: within the window in which a collector looks for copies.
pub(crate) const COPY_WITHIN_US: i64 = 10 * 60 * 1_000_000;

/// Most events of a session: what their numbers have room for, less one playback's worth.
const MOST_EVENTS: u64 = (1 << EVENT_BITS) - 4;

/// Contexts and their shares of sessions (Music Streaming Sessions, 2018).
const CONTEXTS: [(Context, f64); 6] = [
    (Context::UserCollection, 0.402),
    (Context::Catalog, 0.228),
    (Context::EditorialPlaylist, 0.212),
    (Context::Radio, 0.126),
    (Context::PersonalizedPlaylist, 0.018),
    (Context::Charts, 0.014),
];

/// The share of playbacks that come from the listener's own library, by context.
const fn familiar(context: Context) -> f64 {
    match context {
        Context::UserCollection => 0.96,
        Context::Catalog => 0.62,
        Context::EditorialPlaylist => 0.40,
        Context::Radio => 0.55,
        Context::PersonalizedPlaylist => 0.55,
        Context::Charts => 0.30,
    }
}

/// The distributions behind sessions.
#[derive(Debug)]
pub(crate) struct Tables {
    contexts: Alias,
    /// Playbacks of a session.
    lengths: Quantiles,
    /// Where a skip comes, in milliseconds; the last part is for skips after [`EARLY_MS`], which depend on the track.
    skips_ms: Quantiles,
    /// Microseconds from event to arrival of a client with a network.
    delays_us: Quantiles,
    copies_us: Quantiles,
}

/// The share of skips within the first half minute.
const EARLY: f64 = 0.721;
const EARLY_MS: f64 = 30_000.0;

impl Tables {
    pub(crate) fn new() -> Self {
        // The hazard of ending at the n-th playback falls: .088 at 10, .055 at 19 (Music Streaming Sessions).
        let mut survival = vec![1.0];
        for n in 1..400 {
            let hazard = if n < 6 { 0.075 } else { (1.32 / f64::from(n + 5)).min(0.09) };
            survival.push(survival[n as usize - 1] * (1.0 - hazard));
        }
        Self {
            contexts: Alias::new(&CONTEXTS.map(|context| context.1)),
            lengths: Quantiles::new(|u| survival.partition_point(|&longer| longer > 1.0 - u) as f64),
            skips_ms: Quantiles::through(&[
                (0.0, 0.0),
                (0.14, 0.0),
                (0.3, 1_800.0),
                (0.497, 5_000.0),
                (0.596, 10_000.0),
                (EARLY, EARLY_MS),
                (1.0, EARLY_MS),
            ]),
            delays_us: Quantiles::new(|u| match u < 0.985 {
                true => (1.2e6 * exp(0.9 * normal(u / 0.985))).min(6.0e7),
                false => 6.0e7 + (u - 0.985) / 0.015 * 4.2e8,
            }),
            copies_us: Quantiles::through(&[
                (0.0, 1.0e4),
                (0.5, 4.0e6),
                (0.8, 3.0e7),
                (1.0, COPY_WITHIN_US as f64 - 1.0e6),
            ]),
        }
    }
}

/// A session while it is played.
struct Play<'a> {
    model: &'a Model,
    entry: &'a Entry,
    number: u32,
    listener_number: u32,
    listener: &'a Listener,
    chance: Chance,
    time_ms: i64,
    events: u64,
    out: &'a mut Vec<Row>,
}

/// Plays a session: appends its rows (in no order, `number` as their session) and returns what they have in common.
pub(crate) fn play(model: &Model, entry: &Entry, number: u32, out: &mut Vec<Row>) -> Session {
    let (listener_number, day, _) = of_session(entry.session);
    let listener = model.listeners.listener(listener_number);
    let mut chance = model.seed.stream(Purpose::Session, entry.session);
    let device = match chance.below(100) {
        0..=61 => listener.phone,
        _ => listener.other_device,
    };
    let epoch_day = model.start_day + day;
    let session = Session {
        user_id: listener.user_id,
        session_id: model.seed.id(Purpose::SessionId, entry.session),
        playlist: 0,
        device,
        country: country(model, listener_number, &listener, epoch_day),
        premium: listener.premium,
        incognito: chance.hit(0.012),
        bot: listener.routine.bot,
        app_version: AppVersion::new(epoch_day, listener.app_lag_days, u64::from(device)),
    };
    let mut play = Play {
        model,
        entry,
        number,
        listener_number,
        listener: &listener,
        chance,
        time_ms: entry.slot.start_s * 1000 + (mix(entry.session) % 1000) as i64,
        events: 0,
        out,
    };
    if session.bot {
        play.farm();
        return session;
    }
    let playlist = play.sitting(day);
    play.listen(day, PHONES.contains(&device));
    play.tidy(day);
    Session { playlist, ..session }
}

/// Where the connection comes from: at home, but for a journey of some days now and then.
fn country(model: &Model, listener_number: u32, listener: &Listener, epoch_day: i64) -> u8 {
    let fortnight = epoch_day / 14;
    let bits = model.seed.draw(Purpose::Travel, u64::from(listener_number) << 24 | fortnight as u64);
    let first = fortnight * 14 + (bits >> 20) as i64 % 9;
    if bits & 1023 < 25 && (first..first + 5).contains(&epoch_day) {
        scale(mix(bits), COUNTRIES.len() as u64) as u8
    } else {
        listener.country
    }
}

impl Play<'_> {
    /// Playback after playback until the session's length, or the time for it, is used up.
    fn listen(&mut self, day: i64, mobile: bool) {
        let (model, listener) = (self.model, self.listener);
        let limit_ms = self.entry.slot.limit_s * 1000;
        let length = (model.tables.lengths.get(self.chance.bits()) as f64 * listener.length).round().max(1.0) as i64;
        let mood = {
            let (which, degree) = (self.chance.below(100), unit(self.chance.bits()));
            match which {
                0..=36 => 0.06 + 0.16 * degree,
                37..=68 => 0.3 + 0.4 * degree,
                _ => 0.8 + 0.18 * degree,
            }
        };
        let hour = match self.entry.slot.hour {
            4..=8 => -0.06,
            21..=23 | 0..=3 => 0.04,
            _ => 0.0,
        };
        // 1970-01-01 was a Thursday.
        let weekend = if matches!((model.start_day + day + 3).rem_euclid(7), 5 | 6) { 0.03 } else { 0.0 };
        let base = mood - 0.03 + listener.impatience + hour + weekend + if mobile { 0.01 } else { -0.04 };
        let mut context = CONTEXTS[model.tables.contexts.get(self.chance.bits())].0;
        let mut shuffle = self.chance.hit(0.31);
        let toggled = if self.chance.hit(0.12) { self.chance.below(length as u64) as i64 } else { -1 };
        let mut reason_start = match self.chance.below(100) {
            0..=20 => ReasonStart::AppLoad,
            21..=95 => ReasonStart::ClickRow,
            96..=97 => ReasonStart::PlayBtn,
            _ => ReasonStart::Remote,
        };
        let (mut last, mut before_last) = (None, None);
        for n in 0..length {
            if self.time_ms >= limit_ms || self.events >= MOST_EVENTS {
                break;
            }
            shuffle ^= n == toggled;
            let (what, whether, how) = (self.chance.bits(), self.chance.bits(), self.chance.bits());
            // Some buttons are pressed while nothing plays.
            self.time_ms += match what >> 56 {
                0..=195 => (how & 255) as i64,
                196..=235 => 1_000 + (how & 0x1fff) as i64,
                _ => 8_000 + (how & 0x1_ffff) as i64,
            };
            let track = match (reason_start, before_last.or(last)) {
                (ReasonStart::BackBtn, Some(track)) => track,
                _ => self.choose(context, what, day),
            };
            let length_ms = model.catalogue.length_ms(track);
            let by_hand = matches!(reason_start, ReasonStart::FwdBtn | ReasonStart::BackBtn);
            let nudge = if n == 0 {
                -0.12
            } else if by_hand {
                0.09
            } else {
                -0.09
            };
            let is_last = n + 1 == length;
            let stops = is_last && how >> 60 < 10;
            let (event_type, ms_played, reason_end) = if stops {
                let reason = match how >> 52 & 255 {
                    0..=230 => ReasonEnd::EndPlay,
                    231..=243 => ReasonEnd::Logout,
                    _ => ReasonEnd::Remote,
                };
                (EventType::Skip, scale(mix(how), length_ms as u64) as i64, reason)
            } else if unit(whether) < base + nudge {
                let reason = match how >> 52 & 255 {
                    0..=202 => ReasonEnd::FwdBtn,
                    203..=233 => ReasonEnd::BackBtn,
                    _ => ReasonEnd::EndPlay,
                };
                (EventType::Skip, self.skip_ms(mix(how), length_ms), reason)
            } else if whether & 0x7ff == 0 {
                // Something broke: no skip, for nobody wanted it.
                (EventType::Play, scale(mix(how), length_ms as u64) as i64, ReasonEnd::TrackError)
            } else if whether & 0xff == 1 {
                // Went back within the track.
                (EventType::Play, length_ms + scale(mix(how), length_ms as u64 / 2) as i64, ReasonEnd::TrackDone)
            } else {
                (EventType::Play, length_ms, ReasonEnd::TrackDone)
            };
            let began_ms = self.time_ms;
            let at_ms = began_ms + ms_played;
            self.emit(at_ms, event_type, Details { track, ms_played, context, reason_start, reason_end, shuffle });
            self.react(track, event_type, began_ms, ms_played, mix(whether));
            self.time_ms = at_ms;
            (before_last, last) = (last, Some(track));
            reason_start = match reason_end {
                ReasonEnd::TrackDone => ReasonStart::TrackDone,
                ReasonEnd::FwdBtn => ReasonStart::FwdBtn,
                ReasonEnd::BackBtn => ReasonStart::BackBtn,
                ReasonEnd::TrackError => ReasonStart::TrackError,
                _ => ReasonStart::ClickRow,
            };
            // Whoever looks for something else often looks elsewhere; playlists end, too.
            if reason_start == ReasonStart::ClickRow && how >> 40 & 3 != 0 || how >> 32 & 127 == 0 {
                context = CONTEXTS[model.tables.contexts.get(mix(what))].0;
            }
        }
    }

    /// A track for a context: one of the listener's own, or one that is new to them.
    fn choose(&self, context: Context, bits: u64, day: i64) -> u32 {
        let more = mix(bits);
        if unit(bits) < familiar(context) {
            return self.owned(more, day);
        }
        match context {
            // What everybody plays.
            Context::Charts | Context::EditorialPlaylist => self.model.catalogue.popular(more),
            _ => self.to_taste(more),
        }
    }

    /// One of the listener's own tracks; some they play far more than others, and in time each makes room for another.
    fn owned(&self, bits: u64, day: i64) -> u32 {
        let u = unit(bits);
        let place = ((self.listener.library_tracks as f64) * u * u * u) as u64;
        let mut chance = self.model.listeners.library(self.listener_number, place);
        let keep = chance.bits();
        let stays = 40 + (keep & 511) as i64;
        let turn = (self.model.start_day + day + (keep >> 20 & 1023) as i64) / stays;
        self.to_taste(mix(keep ^ turn as u64))
    }

    /// A popular track, rather of the listener's genres.
    fn to_taste(&self, bits: u64) -> u32 {
        let catalogue = &self.model.catalogue;
        let track = catalogue.popular(bits);
        let liked = |track| self.listener.taste >> catalogue.genre_of(catalogue.artist_of(track)) & 1 == 1;
        if bits & 3 == 0 || liked(track) {
            return track;
        }
        let second = catalogue.popular(mix(bits));
        if liked(second) { second } else { catalogue.popular(mix(bits ^ 1)) }
    }

    /// How far a skipped track got.
    fn skip_ms(&self, bits: u64, length_ms: i64) -> i64 {
        let most = length_ms * 97 / 100;
        // The same 12 bits that choose the quantile.
        let u = ((bits & 4095) as f64 + 0.5) / 4096.0;
        let ms = match self.model.tables.skips_ms.get(bits) {
            0 => 0,
            ms if u < EARLY => ms + (bits >> 12 & 15) as i64,
            _ => {
                let rest = (most - EARLY_MS as i64).max(0) as f64;
                EARLY_MS as i64 + (rest * (u - EARLY) / (1.0 - EARLY)) as i64 + (bits >> 12 & 63) as i64
            }
        };
        ms.min(most)
    }

    /// What the listener thinks of a playback, at a moment of it. Likes and unlikes come with what was heard, dislikes with what was not.
    fn react(&mut self, track: u32, event_type: EventType, began_ms: i64, ms_played: i64, bits: u64) {
        let u = unit(bits);
        let (like, dislike, unlike) = match event_type {
            EventType::Play => (0.030, 0.0004, 0.003),
            _ => (0.007, 0.0045, 0.001),
        };
        let expressive = self.listener.expressive;
        let reaction = if u < like * expressive {
            EventType::Like
        } else if u < (like + dislike) * expressive {
            EventType::Dislike
        } else if u < (like + dislike + unlike) * expressive {
            EventType::Unlike
        } else {
            return;
        };
        let at_ms = began_ms + scale(mix(bits), ms_played as u64 + 1) as i64;
        self.emit(at_ms, reaction, Details::of(track));
    }

    /// A library is tidied: unlikes, a few seconds apart.
    fn tidy(&mut self, day: i64) {
        if !self.chance.hit(0.004) {
            return;
        }
        for _ in 0..5 + self.chance.below(35) {
            let bits = self.chance.bits();
            self.time_ms += 800 + (bits & 4095) as i64;
            if self.events >= MOST_EVENTS {
                return;
            }
            let track = self.owned(mix(bits), day);
            self.emit(self.time_ms, EventType::Unlike, Details::of(track));
        }
    }

    /// A playlist is made or edited; returns the key of the session it was made in (0: nothing was edited).
    fn sitting(&mut self, day: i64) -> u64 {
        let model = self.model;
        let sitting = Sitting::of(model, self.entry.session);
        let (playlist, made_on) = match sitting {
            Sitting::None => return 0,
            Sitting::Make => (self.entry.session, day),
            Sitting::Edit => match self.earlier_playlist(day) {
                Some(found) => found,
                // Nothing to edit yet.
                None => return 0,
            },
        };
        let mut chance = model.seed.stream(Purpose::Sitting, playlist ^ 1 << 62);
        let first_tracks = Self::first_tracks(&mut chance);
        let content = chance.bits();
        let pause = |bits: u64| 1_500 + (bits & 0x1fff) as i64;
        if matches!(sitting, Sitting::Make) {
            self.emit(self.time_ms, EventType::PlaylistCreate, Details::of(0));
            for n in 0..first_tracks {
                self.time_ms += pause(self.chance.bits());
                let track = self.owned(mix(content.wrapping_add(n)), made_on);
                self.emit(self.time_ms, EventType::PlaylistAdd, Details::of(track));
            }
        } else {
            for _ in 0..2 + self.chance.below(14) {
                let bits = self.chance.bits();
                self.time_ms += pause(bits);
                let (event_type, track) = match bits >> 61 {
                    0..=1 => {
                        let n = scale(mix(bits), first_tracks);
                        (EventType::PlaylistRemove, self.owned(mix(content.wrapping_add(n)), made_on))
                    }
                    _ => (EventType::PlaylistAdd, self.owned(mix(bits), day)),
                };
                self.emit(self.time_ms, event_type, Details::of(track));
            }
        }
        playlist
    }

    /// Tracks a playlist begins with: 3 to 80, more often few.
    fn first_tracks(chance: &mut Chance) -> u64 {
        let u = unit(chance.bits());
        3 + (77.0 * u * u) as u64
    }

    /// A playlist the listener made on one of the days before: the session it was made in, and the day.
    fn earlier_playlist(&mut self, day: i64) -> Option<(u64, i64)> {
        let newest = day - 1 - self.chance.below(20) as i64;
        (newest - 60..=newest).rev().find_map(|day| {
            let mut sessions = self.model.sessions_of(self.listener_number, self.listener.routine, day)?;
            sessions
                .find(|&session| matches!(Sitting::of(self.model, session), Sitting::Make))
                .map(|found| (found, day))
        })
    }

    /// A bot: the same few unpopular tracks for hours, each just long enough to count.
    fn farm(&mut self) {
        let model = self.model;
        let limit_ms = self.entry.slot.limit_s * 1000;
        let tracks = model.catalogue.tracks();
        let first = scale(mix(u64::from(self.listener_number)), tracks);
        let mut reason_start = ReasonStart::ClickRow;
        for _ in 0..360 {
            let bits = self.chance.bits();
            if self.time_ms >= limit_ms {
                return;
            }
            let track = ((first + bits % 40) % tracks) as u32;
            let ms_played = (31_000 + (bits >> 20 & 0x1fff) as i64).min(model.catalogue.length_ms(track) - 1);
            let at_ms = self.time_ms + ms_played;
            let reason_end = ReasonEnd::FwdBtn;
            let context = Context::Catalog;
            self.emit(
                at_ms,
                EventType::Skip,
                Details { track, ms_played, context, reason_start, reason_end, shuffle: false },
            );
            reason_start = ReasonStart::FwdBtn;
            self.time_ms = at_ms + 40;
        }
    }

    /// Adds an event to the log, and the copy that some clients send.
    #[inline]
    fn emit(&mut self, time_ms: i64, event_type: EventType, details: Details) {
        let model = self.model;
        let key = self.entry.session << EVENT_BITS | self.events;
        self.events += 1;
        let faults = model.faults.faults(key, event_type);
        let bits = model.seed.draw(Purpose::Delay, key);
        let last_us = self.entry.enters_us() + SPAN_US - 1;
        let offline = time_ms * 1000 < self.entry.online_us;
        let arrived_us = match offline {
            // Everything is sent at once as soon as there is a network.
            true => self.entry.online_us + scale(bits, 40_000_000) as i64,
            false => time_ms * 1000 + model.tables.delays_us.get(bits) + (bits >> 12 & 0xffff) as i64,
        };
        let row = Row {
            arrived_us: arrived_us.min(last_us),
            key,
            time_ms,
            session: self.number,
            track: details.track,
            ms_played: details.ms_played as u32,
            context: details.context,
            reason_start: details.reason_start,
            reason_end: details.reason_end,
            event_type,
            shuffle: details.shuffle,
            offline,
            copy: false,
            copy_after_us: 0,
            faults,
        };
        self.out.push(row);
        if model.faults.is_resent(key, faults, event_type) {
            let bits = model.seed.draw(Purpose::Delay, !key);
            let after_us = model.tables.copies_us.get(bits) + (bits >> 12 & 0xffff) as i64;
            let after_us = after_us.min(last_us - row.arrived_us);
            self.out.push(Row {
                arrived_us: row.arrived_us + after_us,
                copy: true,
                copy_after_us: after_us as u32,
                ..row
            });
        }
    }
}

/// What a row says of a playback; of a reaction or an edit, only the track counts.
struct Details {
    track: u32,
    ms_played: i64,
    context: Context,
    reason_start: ReasonStart,
    reason_end: ReasonEnd,
    shuffle: bool,
}

impl Details {
    const fn of(track: u32) -> Self {
        Self {
            track,
            ms_played: 0,
            context: Context::Catalog,
            reason_start: ReasonStart::PlayBtn,
            reason_end: ReasonEnd::EndPlay,
            shuffle: false,
        }
    }
}

/// What a session does to playlists.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sitting {
    None,
    Make,
    Edit,
}

impl Sitting {
    fn of(model: &Model, session: u64) -> Self {
        match model.seed.draw(Purpose::Sitting, session) >> 54 {
            0..=9 => Self::Make,
            10..=30 => Self::Edit,
            _ => Self::None,
        }
    }
}
