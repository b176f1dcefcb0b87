//! What happens in a session: playbacks one after the other, what the listener thinks of them, and when the collector hears of it.
//!
//! A session has a mood that decides how much of it is skipped; tracks come from the listener's library or from what is popular,
//! by context. Each playback's start reason is the last one's end reason. A session is played from its key alone, and can be
//! played a piece at a time: a [`Player`] is where it stands.

use std::hint::select_unpredictable;

use downbeat_model::{Context, EventType, Fault, ReasonEnd, ReasonStart};

use crate::{
    Model,
    chance::{Alias, Chance, Purpose, Quantiles, exp, ln, mix, normal, scale, unit},
    device::{COMPUTERS, PHONES},
    listener::Listener,
    place::COUNTRIES,
    plan::Entry,
    playlist::playlist_of,
    row::{Arrival, EVENT_BITS, Faults, Row, Session, event_key, of_session},
};

/// Nothing of a session arrives this long after the moment it enters the log (its beginning, or the end of being offline), in
/// microseconds. Longest session 5 h, a track and its pauses, the slowest delivery 8 min, the latest copy 10 min, a tick.
pub(crate) const SPAN_US: i64 = 6 * 3600 * 1_000_000;

/// A copy arrives at most this long after its original, in microseconds: within the window in which a collector looks for copies.
pub(crate) const COPY_WITHIN_US: i64 = 10 * 60 * 1_000_000;

/// Most events of a session: what their numbers have room for, less one playback's worth.
const MOST_EVENTS: u16 = (1 << EVENT_BITS) - 4;

/// Contexts, their shares of sessions (Music Streaming Sessions, 2018), how much more than the mean is skipped in them (the same),
/// and how much comes from the listener's own library.
const CONTEXTS: [(Context, f64, f64, f64); 6] = [
    (Context::UserCollection, 0.402, 0.02, 0.98),
    (Context::Catalog, 0.228, -0.06, 0.79),
    (Context::EditorialPlaylist, 0.212, -0.01, 0.60),
    (Context::Radio, 0.126, 0.04, 0.69),
    (Context::PersonalizedPlaylist, 0.018, -0.06, 0.69),
    (Context::Charts, 0.014, 0.04, 0.50),
];

/// Milliseconds from the end of a track to the beginning of the next, and bits for more: three in four go on at once, some
/// buttons are pressed while nothing plays.
const PAUSES_MS: [(i64, u64); 3] = [(0, 255), (1_000, 0x1fff), (8_000, 0xffff)];

/// How much more than the mean is skipped of the first playbacks of a session, and of those after: of what came by itself, and
/// of what was reached by hand.
const MOMENTS: [[f64; 5]; 2] = [[-0.12, -0.11, -0.11, -0.11, -0.09], [-0.12, 0.09, 0.09, 0.09, 0.09]];

/// What ends a playback that is skipped, by how often.
const SKIPS: [ReasonEnd; 3] = [ReasonEnd::FwdBtn, ReasonEnd::BackBtn, ReasonEnd::EndPlay];

/// What begins a playback, by what ended the one before.
const NEXT_REASONS: [ReasonStart; ReasonEnd::ALL.len()] = {
    let mut next = [ReasonStart::ClickRow; ReasonEnd::ALL.len()];
    next[ReasonEnd::TrackDone.index()] = ReasonStart::TrackDone;
    next[ReasonEnd::FwdBtn.index()] = ReasonStart::FwdBtn;
    next[ReasonEnd::BackBtn.index()] = ReasonStart::BackBtn;
    next[ReasonEnd::TrackError.index()] = ReasonStart::TrackError;
    next
};

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

/// The share of skips within the first half minute, but for those that end a session.
const EARLY: f64 = 0.785;
const EARLY_MS: f64 = 30_000.0;

impl Tables {
    pub(crate) fn new() -> Self {
        // The hazard of ending at the n-th playback falls: .088 at 10, .055 at 19 (Music Streaming Sessions). Of shorter ones
        // nothing is published: we let it rise gently to there.
        let mut survival = vec![1.0];
        for n in 1..400 {
            let hazard = (1.32 / f64::from(n + 4)).min(0.055 + 0.0055 * f64::from(n - 1));
            survival.push(survival[n as usize - 1] * (1.0 - hazard));
        }
        Self {
            contexts: Alias::new(&CONTEXTS.map(|context| context.1)),
            lengths: Quantiles::new(|u| survival.partition_point(|&longer| longer > 1.0 - u) as f64),
            skips_ms: Quantiles::through(&[
                (0.0, 0.0),
                (0.16, 0.0),
                (0.34, 1_800.0),
                (0.55, 5_000.0),
                (0.655, 10_000.0),
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
                (1.0, COPY_WITHIN_US as f64 - 2.0e6),
            ]),
        }
    }
}

/// No playlist.
const NO_PLAYLIST: u64 = u64::MAX;

/// The taste of who likes every genre.
const ANYTHING: u32 = u32::MAX;

/// No track.
const NONE: u32 = u32::MAX;

/// A session while it is played. Kept for every session that goes on, so no larger than it has to be.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    session: u64,
    chance: Chance,
    /// Nothing before this is still to come; milliseconds since 1970 UTC.
    time_ms: i64,
    /// No playback begins at this moment or later.
    limit_ms: i64,
    enters_us: i64,
    online_us: i64,
    /// The key of the session that made the playlist which is made or edited in this one.
    playlist: u64,
    /// The chance of a skip but for what the moment adds.
    base: f32,
    expressive: f32,
    hit_share: f32,
    hit: u32,
    library_tracks: u32,
    taste: u32,
    last: u32,
    before_last: u32,
    /// Playbacks still wanted, and had.
    left: u16,
    played: u16,
    /// The playback before which shuffle is switched.
    toggled: u16,
    events: u16,
    device: u16,
    lag_days: i16,
    country: u8,
    /// Index into [`CONTEXTS`].
    context: u8,
    reason_start: ReasonStart,
    shuffle: bool,
    premium: bool,
    incognito: bool,
    bot: bool,
    wrong_clock: bool,
}

/// What a row says of a playback; of a reaction or an edit, only the track counts.
struct Details {
    track: u32,
    ms_played: i64,
    context: Context,
    reason_start: ReasonStart,
    reason_end: ReasonEnd,
}

impl Details {
    const fn of(track: u32) -> Self {
        Self {
            track,
            ms_played: 0,
            context: Context::Catalog,
            reason_start: ReasonStart::PlayBtn,
            reason_end: ReasonEnd::EndPlay,
        }
    }
}

impl Player {
    /// A session at its beginning.
    pub(crate) fn new(model: &Model, entry: &Entry) -> Self {
        let (listener_number, day, _) = of_session(entry.session);
        let listener = model.listeners.listener(listener_number, day);
        let mut chance = model.seed.stream(Purpose::Session, entry.session);
        let device = match chance.below(100) {
            0..=61 if !listener.routine.bot => listener.phone,
            _ => listener.other_device,
        };
        let mut player = Self {
            session: entry.session,
            incognito: chance.hit(0.012),
            time_ms: entry.slot.start_s * 1000 + (mix(entry.session) % 1000) as i64,
            limit_ms: entry.slot.limit_s * 1000,
            enters_us: entry.enters_us(),
            online_us: entry.online_us,
            playlist: NO_PLAYLIST,
            base: 0.0,
            expressive: listener.expressive as f32,
            hit_share: 0.0,
            hit: NONE,
            library_tracks: listener.library_tracks as u32,
            taste: listener.taste,
            last: NONE,
            before_last: NONE,
            left: 360,
            played: 0,
            toggled: u16::MAX,
            events: 0,
            device,
            lag_days: listener.lag_days as i16,
            country: country(model, listener_number, &listener, model.start_day + day),
            context: 1,
            reason_start: ReasonStart::ClickRow,
            shuffle: false,
            premium: listener.premium,
            bot: listener.routine.bot,
            wrong_clock: model.faults.has_wrong_clock(entry.session),
            chance,
        };
        if !player.bot {
            player.playlist = playlist_of(model, entry.session, listener.routine).unwrap_or(NO_PLAYLIST);
            player.settle(model, &listener, day, entry.slot.hour);
        }
        player
    }

    /// What a listener brings to a session: mood, time, context.
    fn settle(&mut self, model: &Model, listener: &Listener, day: i64, hour: u8) {
        let mood = {
            let (which, degree) = (self.chance.below(100), unit(self.chance.bits()));
            match which {
                0..=43 => 0.05 + 0.15 * degree,
                44..=76 => 0.35 + 0.4 * degree,
                _ => 0.8 + 0.18 * degree,
            }
        };
        let hour = match hour {
            4..=8 => -0.06,
            21..=23 | 0..=3 => 0.04,
            _ => 0.0,
        };
        // 1970-01-01 was a Thursday.
        let weekend = if matches!((model.start_day + day + 3).rem_euclid(7), 5 | 6) { 0.03 } else { 0.0 };
        let device = match self.device {
            device if PHONES.contains(&device) => 0.02,
            device if COMPUTERS.contains(&device) => -0.06,
            _ => -0.03,
        };
        self.base = (mood - 0.01 + listener.impatience + hour + weekend + device) as f32;
        // Some sessions are for liking things.
        self.expressive *= if self.chance.hit(0.06) { 6.0 } else { 0.68 };
        // Who skips much goes through more: the hazard of ending is smaller in proportion, at each playback.
        let restless = (0.42 + 1.02 * mood) * listener.length;
        let left = exp(restless * ln(1.0 - unit(self.chance.bits())));
        self.left = model.tables.lengths.at(1.0 - left).max(1) as u16;
        self.context = model.tables.contexts.get(self.chance.bits()) as u8;
        self.shuffle = self.chance.hit(0.31);
        if self.chance.hit(0.12) {
            self.toggled = self.chance.below(u64::from(self.left)) as u16;
        }
        self.reason_start = match self.chance.below(100) {
            0..=20 => ReasonStart::AppLoad,
            21..=95 => ReasonStart::ClickRow,
            96..=97 => ReasonStart::PlayBtn,
            _ => ReasonStart::Remote,
        };
        if let Some(hit) = model.catalogue.hit(day) {
            (self.hit, self.hit_share) = (hit.track, hit.share as f32);
        }
    }

    /// What its rows have in common.
    pub(crate) fn session(&self) -> Session {
        Session {
            key: self.session,
            playlist: self.playlist,
            device: self.device,
            lag_days: self.lag_days,
            country: self.country,
            premium: self.premium,
            incognito: self.incognito,
            bot: self.bot,
        }
    }

    /// Hands out the rows of all playbacks that begin before `until_us`, in no order. Returns when the
    /// next begins at the earliest; `None` when the session is over.
    pub(crate) fn play(&mut self, model: &Model, until_us: i64, out: &mut impl FnMut(Arrival)) -> Option<i64> {
        // What happened without a network arrives afterwards, all of it.
        let until_ms = if self.enters_us > self.time_ms * 1000 + 999_999 {
            i64::MAX
        } else {
            until_us.saturating_add(999).div_euclid(1000)
        };
        let (listener, day, _) = of_session(self.session);
        if self.events == 0 && !self.bot {
            self.sit(model, listener, day, out);
        }
        while self.left > 0 && self.time_ms < self.limit_ms && self.events < MOST_EVENTS {
            if self.time_ms >= until_ms {
                return Some(self.time_ms * 1000);
            }
            if self.bot {
                self.farm(model, listener, out);
            } else {
                self.listen(model, listener, day, out);
            }
        }
        if !self.bot {
            self.tidy(model, listener, day, out);
        }
        None
    }

    /// One playback.
    fn listen(&mut self, model: &Model, listener: u32, day: i64, out: &mut impl FnMut(Arrival)) {
        self.shuffle ^= self.played == self.toggled;
        let (what, whether, how) = (self.chance.bits(), self.chance.bits(), self.chance.bits());
        let more = mix(how);
        let (least_ms, most_ms) = PAUSES_MS[usize::from(what >> 56 > 195) + usize::from(what >> 56 > 235)];
        self.time_ms += least_ms + (how & most_ms) as i64;
        let (context, _, nervous, familiar) = CONTEXTS[usize::from(self.context)];
        let back = if self.before_last == NONE { self.last } else { self.before_last };
        let track = if self.reason_start == ReasonStart::BackBtn && back != NONE {
            back
        } else {
            self.choose(model, listener, day, familiar, context, what)
        };
        let length_ms = model.catalogue.length_ms(track);
        let by_hand = matches!(self.reason_start, ReasonStart::FwdBtn | ReasonStart::BackBtn);
        let moment = MOMENTS[usize::from(by_hand)][usize::from(self.played.min(4))];
        // Who has gone through so many has found something, or does not listen closely any more.
        let settled = -0.016 * f64::from(self.played.saturating_sub(18).min(28));
        let skip = f64::from(self.base) + moment + nervous + settled;
        let stops = self.left == 1 && how >> 60 < 10;
        let (event_type, ms_played, reason_end) = if stops {
            let reason = match how >> 52 & 255 {
                0..=230 => ReasonEnd::EndPlay,
                231..=243 => ReasonEnd::Logout,
                _ => ReasonEnd::Remote,
            };
            (EventType::Skip, (length_ms as f64 * unit(more).sqrt()) as i64, reason)
        } else if unit(whether) < skip {
            let button = SKIPS[usize::from(how >> 52 & 255 > 202) + usize::from(how >> 52 & 255 > 233)];
            (EventType::Skip, skip_ms(model, more, length_ms), button)
        } else if whether & 0x7ff == 0 {
            // Something broke: no skip, for nobody wanted it.
            (EventType::Play, scale(more, length_ms as u64) as i64, ReasonEnd::TrackError)
        } else if whether & 0x7f == 1 {
            // Went back within the track.
            (EventType::Play, length_ms + scale(more, length_ms as u64 / 2) as i64, ReasonEnd::TrackDone)
        } else {
            (EventType::Play, length_ms, ReasonEnd::TrackDone)
        };
        self.time_ms += ms_played;
        let reason_start = self.reason_start;
        let details = Details { track, ms_played, context, reason_start, reason_end };
        self.emit(model, self.time_ms, event_type, &details, out);
        self.react(model, event_type, &details, more, out);
        (self.before_last, self.last) = (self.last, track);
        self.reason_start = NEXT_REASONS[reason_end.index()];
        // Whoever looks for something else often looks elsewhere; playlists end, too.
        if self.reason_start == ReasonStart::ClickRow && how >> 40 & 3 != 0 || how >> 32 & 127 == 0 {
            self.context = model.tables.contexts.get(mix(what)) as u8;
        }
        self.left -= 1;
        self.played += 1;
    }

    /// A track for a context: one of the listener's own, or one that is new to them.
    #[inline]
    fn choose(&mut self, model: &Model, listener: u32, day: i64, familiar: f64, context: Context, bits: u64) -> u32 {
        let u = unit(bits);
        if u < familiar {
            // The bits that matter least to the fraction.
            return self.owned(model, listener, day, self.place(bits << 24));
        }
        let more = mix(bits);
        let new = 1.0 - familiar;
        if u < familiar + new * f64::from(self.hit_share) {
            return self.hit;
        }
        if u > familiar + new * 0.88
            && let Some(track) = model.catalogue.new_release(more, day)
        {
            return track;
        }
        let everybody = matches!(context, Context::Charts | Context::EditorialPlaylist);
        self.to_taste(model, more, day, everybody)
    }

    /// A place in the listener's library; some they play far more than others.
    #[inline]
    fn place(&self, bits: u64) -> u64 {
        // The fifth power of a fraction, in 2^32nds.
        let u = bits >> 32;
        let square = (u * u) >> 32;
        let fifth = (((square * square) >> 32) * u) >> 32;
        (u64::from(self.library_tracks) * fifth) >> 32
    }

    /// The track at a place in the listener's library.
    #[inline]
    fn owned(&self, model: &Model, listener: u32, day: i64, place: u64) -> u32 {
        let (since, bits) = self.since(model, listener, day, place);
        self.to_taste(model, bits, since, false)
    }

    /// Since when the track at a place in the listener's library has been there, for in time each makes room for another, and 64
    /// bits that decide on the track.
    #[inline]
    fn since(&self, model: &Model, listener: u32, day: i64, place: u64) -> (i64, u64) {
        let keep = model.listeners.library(listener, place);
        let stays = 90 + (keep & 511) as i64;
        let turn = (model.start_day + day + (keep >> 20 & 1023) as i64) / stays;
        // What it makes room for was there by then.
        let since = turn * stays - (keep >> 20 & 1023) as i64 - model.start_day;
        (since, mix(keep ^ turn as u64))
    }

    /// A track there is on a day: what `everybody` plays, or rather what the listener likes.
    #[inline]
    fn to_taste(&self, model: &Model, bits: u64, day: i64, everybody: bool) -> u32 {
        let taste = select_unpredictable(everybody | (bits & 3 == 0), ANYTHING, self.taste);
        model.catalogue.to_taste(taste, bits, day)
    }

    /// What the listener thinks of a playback, at a moment of it. Likes and unlikes come with what was heard, dislikes with what was not.
    #[inline]
    fn react(
        &mut self,
        model: &Model,
        event_type: EventType,
        played: &Details,
        bits: u64,
        out: &mut impl FnMut(Arrival),
    ) {
        let u = unit(bits);
        let (like, dislike, unlike) = match event_type {
            EventType::Play => (0.030, 0.0004, 0.003),
            _ => (0.007, 0.0045, 0.001),
        };
        let expressive = f64::from(self.expressive);
        let reaction = if u < like * expressive {
            EventType::Like
        } else if u < (like + dislike) * expressive {
            EventType::Dislike
        } else if u < (like + dislike + unlike) * expressive {
            EventType::Unlike
        } else {
            return;
        };
        let before_end_ms = scale(mix(bits), played.ms_played as u64 + 1) as i64;
        self.emit(model, self.time_ms - before_end_ms, reaction, &Details::of(played.track), out);
    }

    /// A library is tidied: unlikes, a few seconds apart.
    fn tidy(&mut self, model: &Model, listener: u32, day: i64, out: &mut impl FnMut(Arrival)) {
        if !self.chance.hit(0.004) {
            return;
        }
        for _ in 0..5 + self.chance.below(35) {
            let bits = self.chance.bits();
            self.time_ms += 800 + (bits & 4095) as i64;
            if self.events >= MOST_EVENTS {
                return;
            }
            let track = self.owned(model, listener, day, self.place(mix(bits)));
            self.emit(model, self.time_ms, EventType::Unlike, &Details::of(track), out);
        }
    }

    /// A playlist is made or edited.
    fn sit(&mut self, model: &Model, listener: u32, day: i64, out: &mut impl FnMut(Arrival)) {
        if self.playlist == NO_PLAYLIST {
            return;
        }
        let made_on = of_session(self.playlist).1;
        let mut content = model.seed.stream(Purpose::PlaylistSittings, self.playlist);
        let first_tracks = model.playlists.first_tracks(&mut content);
        let content = content.bits();
        let pause = |bits: u64| 1_500 + (bits & 0x1fff) as i64;
        if self.playlist == self.session {
            self.emit(model, self.time_ms, EventType::PlaylistCreate, &Details::of(0), out);
            for n in 0..first_tracks {
                self.time_ms += pause(self.chance.bits());
                let track = self.owned(model, listener, made_on, self.place(mix(content.wrapping_add(n))));
                self.emit(model, self.time_ms, EventType::PlaylistAdd, &Details::of(track), out);
            }
        } else {
            for _ in 0..model.playlists.edits(self.chance.bits()) {
                let bits = self.chance.bits();
                self.time_ms += pause(bits);
                let (event_type, track) = if bits >> 60 < 2 {
                    let n = scale(mix(bits), first_tracks);
                    (
                        EventType::PlaylistRemove,
                        self.owned(model, listener, made_on, self.place(mix(content.wrapping_add(n)))),
                    )
                } else {
                    (EventType::PlaylistAdd, self.owned(model, listener, day, self.place(mix(bits))))
                };
                self.emit(model, self.time_ms, event_type, &Details::of(track), out);
            }
        }
    }

    /// One playback of a bot: unpopular tracks for hours, each just long enough to count.
    fn farm(&mut self, model: &Model, listener: u32, out: &mut impl FnMut(Arrival)) {
        let bits = self.chance.bits();
        let tracks = model.catalogue.tracks();
        let first = scale(mix(u64::from(listener)), tracks);
        let track = ((first + bits % 600) % tracks) as u32;
        let ms_played = (31_000 + (bits >> 20 & 0x1fff) as i64).min(model.catalogue.length_ms(track) - 1);
        self.time_ms += ms_played;
        let details = Details {
            track,
            ms_played,
            context: Context::Catalog,
            reason_start: self.reason_start,
            reason_end: ReasonEnd::FwdBtn,
        };
        self.emit(model, self.time_ms, EventType::Skip, &details, out);
        self.reason_start = ReasonStart::FwdBtn;
        self.time_ms += 40;
        self.left -= 1;
    }

    /// Adds an event to the log, and the copy that some clients send.
    #[inline]
    fn emit(
        &mut self,
        model: &Model,
        time_ms: i64,
        event_type: EventType,
        details: &Details,
        out: &mut impl FnMut(Arrival),
    ) {
        let number = self.events;
        let key = event_key(self.session, number);
        self.events += 1;
        let bits = model.seed.draw(Purpose::Event, key);
        let faults = if self.wrong_clock { Faults::WRONG_CLOCK } else { model.faults.faults(bits, key, event_type) };
        // The collector writes it down in the tick after the one in which it comes. And a copy within the span.
        let last_us = self.enters_us + SPAN_US - 1 - COPY_WITHIN_US;
        let offline = time_ms * 1000 < self.online_us;
        let arrived_us = match offline {
            // Everything is sent at once as soon as there is a network.
            true => self.online_us + scale(bits << 12, 40_000_000) as i64,
            false => time_ms * 1000 + model.tables.delays_us.get(bits),
        } + (1 << model.cut.tick_bits);
        let track = match faults.contains(Fault::OrphanTrack) {
            true => model.catalogue.tracks() as u32 + (bits >> 12 & 0xf_ffff) as u32,
            false => details.track,
        };
        let row = Row {
            arrived_us: 0,
            time_ms: 0,
            session: 0,
            track,
            ms_played: details.ms_played as u32,
            number,
            faults,
            context: details.context,
            reason_start: details.reason_start,
            reason_end: details.reason_end,
            event_type,
            shuffle: self.shuffle,
            offline,
            copy: false,
        };
        let arrived_us = arrived_us.min(last_us);
        out(Arrival { arrived_us, time_ms, row });
        if model.faults.is_resent(bits, key, faults, event_type) {
            let arrived_us = arrived_us + copy_after_us(model, key);
            out(Arrival { arrived_us, time_ms, row: Row { copy: true, ..row } });
        }
    }
}

/// How long after its original a copy comes, in microseconds; by two ticks less than [`COPY_WITHIN_US`], so that it arrives within.
#[cold]
pub(crate) fn copy_after_us(model: &Model, key: u64) -> i64 {
    let bits = model.seed.draw(Purpose::Event, !key);
    model.tables.copies_us.get(bits)
}

/// How far a skipped track got.
#[inline]
fn skip_ms(model: &Model, bits: u64, length_ms: i64) -> i64 {
    let most = length_ms * 97 / 100;
    let (u, early) = (Quantiles::share(bits), model.tables.skips_ms.get(bits));
    let rest = (most - EARLY_MS as i64).max(0) as f64;
    let share = (u - EARLY) / (1.0 - EARLY);
    // Later rather than sooner.
    let late = EARLY_MS as i64 + (rest * share * (1.5 - 0.5 * share)) as i64;
    select_unpredictable(u < EARLY, early, late).min(most)
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
