//! One pass over all events: everything the figures of a report are made of.
//!
//! A *playback* is an event of type `play` or `skip`; `f` is the played share of its track. A *session* is what the client
//! says it is (`session_id`); a *sitting* is what a listener does without a gap of over 30 minutes, reactions included, as
//! services cut it that know no session. A *long, mixed session* has at least ten playbacks, is cut to its first twenty,
//! and holds at least one early skip and one playback that is none: those are the sessions of the published data set MSSD.

use std::collections::{HashMap, HashSet};

use downbeat_model::{Context, EventType, Platform, ReasonEnd, ReasonStart};

use super::{
    events::{DAY_US, Edit, Event, HOUR_US, NO_ID, Observed},
    listeners::Listener,
    zones::{Region, region},
};

/// A sitting ends when nothing happens for longer than this.
const SITTING_GAP_US: i64 = HOUR_US / 2;

/// Edits of a playlist within this of the first are one editing session.
const EDIT_WINDOW_US: i64 = 2 * HOUR_US;

/// The longest session that is counted by itself.
pub(crate) const LONGEST: usize = 200;

/// How many of some are so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) yes: u64,
    pub(crate) of: u64,
}

impl Share {
    pub(crate) fn add(&mut self, yes: bool) {
        self.yes += u64::from(yes);
        self.of += 1;
    }

    /// Adds what is known.
    pub(crate) fn add_known(&mut self, yes: Option<bool>) {
        if let Some(yes) = yes {
            self.add(yes);
        }
    }

    pub(crate) fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.yes as f64 / self.of as f64)
    }
}

/// How often each of `N` cases happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mix<const N: usize>(pub(crate) [u64; N]);

impl<const N: usize> Default for Mix<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Mix<N> {
    pub(crate) fn of(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn shares(&self) -> Option<[f64; N]> {
        let of = self.of();
        (of > 0).then(|| self.0.map(|count| count as f64 / of as f64))
    }

    /// Total variation between this mix and another: half the sum of the differences of the shares.
    pub(crate) fn distance(&self, other: &[f64; N]) -> Option<f64> {
        let sum: f64 = other.iter().sum();
        let shares = self.shares()?;
        Some(shares.iter().zip(other).map(|(one, other)| (one - other / sum).abs()).sum::<f64>() / 2.0)
    }
}

/// What a track was played.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TrackPlays {
    pub(crate) plays: u32,
    pub(crate) skipped_early: u32,
    pub(crate) bot_plays: u32,
}

/// A pair of successive playbacks in a session: whether what ended one is what started the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Handover {
    /// Both the end and the start name the reason.
    pub(crate) both: u64,
    /// At least one of them does.
    pub(crate) either: u64,
}

/// The reasons that both end a playback and start the next.
pub(crate) const HANDOVERS: [(ReasonEnd, ReasonStart); 3] = [
    (ReasonEnd::TrackDone, ReasonStart::TrackDone),
    (ReasonEnd::FwdBtn, ReasonStart::FwdBtn),
    (ReasonEnd::BackBtn, ReasonStart::BackBtn),
];

/// What is known of long, mixed sessions.
#[derive(Debug, Clone, Default)]
pub(crate) struct LongMixed {
    pub(crate) sessions: u64,
    pub(crate) plays: u64,
    pub(crate) skipped: Share,
    pub(crate) skipped_early: Share,
    /// Skipped within 10 seconds.
    pub(crate) skipped_briefly: Share,
    pub(crate) reason_start: Mix<{ ReasonStart::ALL.len() }>,
    pub(crate) reason_end: Mix<{ ReasonEnd::ALL.len() }>,
    pub(crate) context: Mix<{ Context::ALL.len() }>,
    pub(crate) early_by_context: [Share; Context::ALL.len()],
    pub(crate) early_by_premium: [Share; 2],
    pub(crate) context_switches: Share,
    pub(crate) contexts: u64,
    pub(crate) shuffle_changes: Share,
    pub(crate) shuffle: Share,
}

/// A playlist at the end of what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Playlist {
    pub(crate) length: i64,
    pub(crate) edit_windows: u64,
    /// Its age in microseconds, if it was made within what was observed.
    pub(crate) age_us: Option<i64>,
}

/// Everything the figures are made of.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    pub(crate) days: f64,
    pub(crate) plays: u64,
    pub(crate) ms_played: u64,
    pub(crate) kinds: [u64; EventType::ALL.len()],
    // Playbacks.
    pub(crate) with_fraction: u64,
    /// Skipped within 5, 10 and 30 seconds and before the end.
    pub(crate) skipped: [Share; 4],
    /// Skips by the second in which they were made; the last stands for all later ones.
    pub(crate) skip_seconds: Vec<u64>,
    /// Playbacks by hundredths of `f`, from 0 to 1.5; the last stands for all beyond.
    pub(crate) fractions: Vec<u64>,
    pub(crate) below_half: Share,
    pub(crate) to_the_end: Share,
    pub(crate) at_one: Share,
    pub(crate) beyond_one: Share,
    pub(crate) at_zero: Share,
    pub(crate) shuffle: Share,
    pub(crate) context: Mix<{ Context::ALL.len() }>,
    pub(crate) handovers: [Handover; 3],
    pub(crate) hours: Mix<24>,
    /// On weekdays, and at weekends.
    pub(crate) hours_by_weekend: [Mix<24>; 2],
    pub(crate) weekdays: Mix<7>,
    pub(crate) tracks: HashMap<i64, TrackPlays>,
    pub(crate) artists: HashMap<i64, u64>,
    /// Whole seconds of played tracks; the last stands for all longer ones.
    pub(crate) durations: Vec<u64>,
    pub(crate) skip_by_reason_start: [Share; ReasonStart::ALL.len()],
    pub(crate) skip_by_hour: [Share; 24],
    pub(crate) skip_by_weekday: [Share; 7],
    pub(crate) skip_by_platform: [Share; Platform::ALL.len()],
    pub(crate) platforms: Mix<{ Platform::ALL.len() }>,
    /// `f` of one half or more, organic and algorithmic.
    pub(crate) half_by_algorithmic: [Share; 2],
    /// Years between a track's release and its play: this year, last year, the one before, ...
    pub(crate) release_years: Mix<5>,
    pub(crate) bots: Share,
    pub(crate) bot_desktop: Share,
    // Sessions.
    /// Sessions by playbacks; the last stands for all longer ones.
    pub(crate) session_plays: Vec<u64>,
    pub(crate) premium_of_long_sessions: Share,
    pub(crate) long_mixed: LongMixed,
    /// Skipped after a playback that was not, and after one that was.
    pub(crate) skip_after: [Share; 2],
    /// Skipped by position in the session, from its first playback.
    pub(crate) skip_by_position: [Share; 20],
    /// Of sessions with at least ten playbacks.
    pub(crate) nearly_all_skipped: Share,
    pub(crate) nearly_none_skipped: Share,
    /// Pause before a playback: under a second, under a minute, longer.
    pub(crate) pauses: Mix<3>,
    // Listeners.
    pub(crate) listeners: Vec<Listener>,
    /// Seconds between successive playbacks of half a track or more.
    pub(crate) half_gaps: Vec<u32>,
    /// Playbacks, and those of half a track or more, on each day of each listener who did anything.
    pub(crate) day_plays: Vec<u16>,
    pub(crate) day_half_plays: Vec<u16>,
    /// Listeners seen again on day 1, 7 and 30 after the first.
    pub(crate) returns: [Share; 3],
    /// Distinct tracks and playbacks after 10, 100 and 1,000 playbacks of half a track or more, added up over listeners.
    pub(crate) distinct_after: [(u64, u64); 3],
    /// Playbacks of half a track or more on each day observed, and those of a track new to the listener.
    pub(crate) half_by_day: Vec<(u64, u64)>,
    /// Listeners by part of the world.
    pub(crate) regions: Mix<{ Region::ALL.len() }>,
    /// Artists a listener heard in a week.
    pub(crate) week_artists: Vec<u16>,
    // Reactions.
    pub(crate) likes_by_context: [Share; Context::ALL.len()],
    pub(crate) liked_algorithmic: Share,
    /// Dislikes of a track that was playing or had just ended.
    pub(crate) dislike_follows_play: Share,
    pub(crate) playlists: Vec<Playlist>,
}

/// Buffers that one listener after another uses.
#[derive(Debug, Default)]
struct Buffers {
    by_session: Vec<(i64, u32)>,
    session: Vec<Event>,
    ids: Vec<i64>,
    seen: HashSet<i64>,
}

impl Sums {
    pub(crate) fn of(observed: &Observed) -> Self {
        let mut sums = Self {
            days: observed.days(),
            skip_seconds: vec![0; 601],
            fractions: vec![0; 151],
            durations: vec![0; 1801],
            session_plays: vec![0; LONGEST + 1],
            half_by_day: vec![(0, 0); observed.days().ceil() as usize],
            ..Self::default()
        };
        let mut buffers = Buffers::default();
        for events in observed.listeners() {
            sums.listener(events, observed, &mut buffers);
        }
        sums.playlists =
            observed.edits.chunk_by(|one, next| one.playlist == next.playlist).map(|e| playlist(e, observed)).collect();
        sums
    }

    fn listener(&mut self, events: &[Event], observed: &Observed, buffers: &mut Buffers) {
        for event in events {
            self.kinds[event.kind.index()] += 1;
            if event.is_playback() {
                self.playback(event, observed);
            }
        }
        buffers.by_session.clear();
        let playbacks = events.iter().enumerate().filter(|(_, event)| event.is_playback());
        buffers.by_session.extend(playbacks.map(|(at, event)| (event.session, at as u32)));
        // By session, and in a session as before, in order of time.
        buffers.by_session.sort_unstable();
        for session in buffers.by_session.chunk_by(|one, next| one.0 == next.0) {
            buffers.session.clear();
            buffers.session.extend(session.iter().map(|&(_, at)| events[at as usize]));
            self.session(&buffers.session);
        }
        self.reactions(events);
        if let Some(region) = events.last().and_then(|event| region(event.country)) {
            self.regions.0[region as usize] += 1;
        }
        let half: Vec<&Event> =
            events.iter().filter(|e| e.is_playback() && e.fraction().is_some_and(|f| f >= 0.5)).collect();
        self.half_gaps.extend(half.windows(2).map(|pair| ((pair[1].time_us - pair[0].time_us) / 1_000_000) as u32));
        buffers.seen.clear();
        for (at, event) in half.iter().enumerate() {
            let new = buffers.seen.insert(event.track);
            let day = ((event.time_us - observed.from_us) / DAY_US).max(0) as usize;
            if let Some((plays, distinct)) = self.half_by_day.get_mut(day) {
                *plays += 1;
                *distinct += u64::from(new);
            }
            for (sums, plays) in self.distinct_after.iter_mut().zip([10, 100, 1000]) {
                if at + 1 == plays {
                    sums.0 += buffers.seen.len() as u64;
                    sums.1 += plays as u64;
                }
            }
        }
        let distinct_half = buffers.seen.len() as u64;

        let mut active_days = 0;
        let first_day = events.first().map_or(0, Event::day);
        let mut returned = [false; 3];
        for day in events.chunk_by(|one, next| one.day() == next.day()) {
            active_days += 1;
            let plays = day.iter().filter(|event| event.is_playback());
            self.day_plays.push(plays.clone().count() as u16);
            self.day_half_plays.push(plays.filter(|event| event.fraction().is_some_and(|f| f >= 0.5)).count() as u16);
            for (returned, after) in returned.iter_mut().zip([1, 7, 30]) {
                *returned |= day[0].day() == first_day + after;
            }
        }
        let last_whole_day = (observed.until_us.div_euclid(DAY_US)) - 1;
        for ((share, returned), after) in self.returns.iter_mut().zip(returned).zip([1, 7, 30]) {
            if first_day + after < last_whole_day {
                share.add(returned);
            }
        }
        let (mut weeks, mut artists) = (0u32, 0u32);
        for week in events.chunk_by(|one, next| one.day().div_euclid(7) == next.day().div_euclid(7)) {
            buffers.ids.clear();
            buffers.ids.extend(week.iter().filter(|e| e.is_playback() && e.artist != NO_ID).map(|event| event.artist));
            buffers.ids.sort_unstable();
            buffers.ids.dedup();
            if !buffers.ids.is_empty() {
                self.week_artists.push(buffers.ids.len() as u16);
                weeks += 1;
                artists += buffers.ids.len() as u32;
            }
        }
        let sittings = 1 + events.windows(2).filter(|e| e[1].time_us - e[0].time_us > SITTING_GAP_US).count() as u64;
        let mut listener = Listener::of(events, observed);
        listener.half_plays = half.len() as u64;
        listener.distinct_half = distinct_half;
        listener.active_days = active_days;
        listener.sittings = sittings;
        listener.week_artists = artists as f32 / weeks.max(1) as f32;
        self.listeners.push(listener);
    }

    fn playback(&mut self, event: &Event, observed: &Observed) {
        self.plays += 1;
        self.ms_played += event.ms_played as u64;
        let skipped = event.skipped();
        for (share, ms) in self.skipped.iter_mut().zip([5_000, 10_000, 30_000, i32::MAX]) {
            share.add_known(skipped.map(|skipped| skipped && event.ms_played < ms));
        }
        if skipped == Some(true) {
            let last = self.skip_seconds.len() - 1;
            self.skip_seconds[last.min(event.ms_played as usize / 1000)] += 1;
        }
        if let Some(fraction) = event.fraction() {
            self.with_fraction += 1;
            let last = self.fractions.len() - 1;
            self.fractions[last.min((fraction * 100.0) as usize)] += 1;
            self.below_half.add(fraction < 0.5);
            self.to_the_end.add(fraction >= 0.98);
            self.at_one.add((0.99..=1.01).contains(&fraction));
            self.beyond_one.add(fraction > 1.0);
            self.at_zero.add(fraction < 0.005);
            if let Some(algorithmic) = event.algorithmic() {
                self.half_by_algorithmic[usize::from(algorithmic)].add(fraction >= 0.5);
            }
            let last = self.durations.len() - 1;
            self.durations[last.min(event.duration_ms as usize / 1000)] += 1;
        }
        self.shuffle.add_known(event.flags.shuffle());
        if let Some(context) = event.context {
            self.context.0[context.index()] += 1;
        }
        if let (Some(reason), Some(skipped)) = (event.reason_start, skipped) {
            self.skip_by_reason_start[reason.index()].add(skipped);
        }
        if let (Some(hour), Some(weekday)) = (event.start_hour(), event.start_weekday()) {
            self.hours.0[hour] += 1;
            self.hours_by_weekend[usize::from(weekday >= 5)].0[hour] += 1;
            self.weekdays.0[weekday] += 1;
            self.skip_by_hour[hour].add_known(skipped);
            self.skip_by_weekday[weekday].add_known(skipped);
        }
        if let Some(platform) = event.platform {
            self.platforms.0[platform.index()] += 1;
            self.skip_by_platform[platform.index()].add_known(skipped);
        }
        let bot = event.flags.bot();
        if event.track != NO_ID {
            let track = self.tracks.entry(event.track).or_default();
            track.plays += 1;
            track.skipped_early += u32::from(event.skipped_early() == Some(true));
            track.bot_plays += u32::from(bot == Some(true));
            if let Some(&released) = observed.released.get(&event.track) {
                let years = (year(event.time_us.div_euclid(DAY_US)) - year(i64::from(released))).clamp(0, 4);
                self.release_years.0[years as usize] += 1;
            }
        }
        if event.artist != NO_ID {
            *self.artists.entry(event.artist).or_default() += 1;
        }
        self.bots.add_known(bot);
        if bot == Some(true) {
            self.bot_desktop.add_known(event.platform.map(|platform| platform == Platform::Desktop));
        }
    }

    /// Adds the playbacks of a session, in order.
    fn session(&mut self, plays: &[Event]) {
        self.session_plays[plays.len().min(LONGEST)] += 1;
        for (share, event) in self.skip_by_position.iter_mut().zip(plays) {
            share.add_known(event.skipped());
        }
        for pair in plays.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            if let (Some(before), Some(after)) = (before.skipped(), after.skipped()) {
                self.skip_after[usize::from(before)].add(after);
            }
            if let (Some(end), Some(start)) = (before.reason_end, after.reason_start) {
                for (handover, reason) in self.handovers.iter_mut().zip(HANDOVERS) {
                    handover.both += u64::from(end == reason.0 && start == reason.1);
                    handover.either += u64::from(end == reason.0 || start == reason.1);
                }
            }
            let pause_us = after.start_us() - before.time_us;
            self.pauses.0[usize::from(pause_us >= 1_000_000) + usize::from(pause_us >= 60_000_000)] += 1;
        }
        if plays.len() < 10 {
            return;
        }
        self.premium_of_long_sessions.add_known(plays[0].flags.premium());
        let skips: Vec<bool> = plays.iter().filter_map(Event::skipped).collect();
        if !skips.is_empty() {
            let share = skips.iter().filter(|&&skipped| skipped).count() as f64 / skips.len() as f64;
            self.nearly_all_skipped.add(share > 0.9);
            self.nearly_none_skipped.add(share < 0.1);
        }
        let plays = &plays[..plays.len().min(20)];
        let early = plays.iter().filter(|event| event.skipped_early() == Some(true)).count();
        let known = plays.iter().filter(|event| event.skipped_early().is_some()).count();
        if early > 0 && early < known {
            self.long_mixed.add(plays);
        }
    }

    /// Adds what a listener thought of what was played.
    fn reactions(&mut self, events: &[Event]) {
        /// A reaction belongs to a playback that was still on, or had ended no longer ago than this.
        const AFTER_US: i64 = 10 * 60 * 1_000_000;
        for (at, event) in events.iter().enumerate() {
            if !matches!(event.kind, EventType::Like | EventType::Dislike) {
                continue;
            }
            // The playback may end after the reaction, and so come after it.
            let during = events[at..].iter().take_while(|next| next.time_us < event.time_us + HOUR_US);
            let before = events[..at].iter().rev().take_while(|last| last.time_us >= event.time_us - AFTER_US);
            let playback = before
                .chain(during)
                .find(|e| e.is_playback() && e.track == event.track && e.start_us() <= event.time_us);
            match event.kind {
                EventType::Like => {
                    let context = playback.and_then(|playback| playback.context).or(event.context);
                    if let Some(context) = context {
                        self.likes_by_context[context.index()].yes += 1;
                        self.liked_algorithmic.add(matches!(context, Context::Radio | Context::PersonalizedPlaylist));
                    }
                }
                _ => self.dislike_follows_play.add(playback.is_some()),
            }
        }
        for event in events.iter().filter(|event| event.is_playback()) {
            if let Some(context) = event.context {
                self.likes_by_context[context.index()].of += 1;
            }
        }
    }
}

impl LongMixed {
    fn add(&mut self, plays: &[Event]) {
        self.sessions += 1;
        let mut contexts = [false; Context::ALL.len()];
        for event in plays {
            self.plays += 1;
            self.skipped.add_known(event.skipped());
            let early = event.skipped_early();
            self.skipped_early.add_known(early);
            self.skipped_briefly.add_known(event.skipped().map(|skipped| skipped && event.ms_played < 10_000));
            if let Some(reason) = event.reason_start {
                self.reason_start.0[reason.index()] += 1;
            }
            if let Some(reason) = event.reason_end {
                self.reason_end.0[reason.index()] += 1;
            }
            if let Some(context) = event.context {
                self.context.0[context.index()] += 1;
                self.early_by_context[context.index()].add_known(early);
                contexts[context.index()] = true;
            }
            if let Some(premium) = event.flags.premium() {
                self.early_by_premium[usize::from(premium)].add_known(early);
            }
            self.shuffle.add_known(event.flags.shuffle());
        }
        self.contexts += contexts.iter().filter(|&&there| there).count() as u64;
        for pair in plays.windows(2) {
            if let (Some(before), Some(after)) = (pair[0].context, pair[1].context) {
                self.context_switches.add(before != after);
            }
        }
        let mut shuffles = plays.iter().filter_map(|event| event.flags.shuffle());
        if let Some(first) = shuffles.next() {
            self.shuffle_changes.add(shuffles.any(|shuffle| shuffle != first));
        }
    }
}

/// What became of a playlist, from all of its changes in order.
fn playlist(edits: &[Edit], observed: &Observed) -> Playlist {
    let mut playlist = Playlist { length: 0, edit_windows: 0, age_us: None };
    let mut window_us = None;
    for edit in edits {
        match edit.kind {
            EventType::PlaylistCreate => playlist.age_us = Some(observed.until_us - edit.time_us),
            EventType::PlaylistAdd => playlist.length += 1,
            _ => playlist.length -= 1,
        }
        if edit.kind != EventType::PlaylistCreate
            && window_us.is_none_or(|began| edit.time_us >= began + EDIT_WINDOW_US)
        {
            window_us = Some(edit.time_us);
            playlist.edit_windows += 1;
        }
    }
    playlist
}

/// The year of a day counted from 1970.
fn year(day: i64) -> i64 {
    use chrono::{DateTime, Datelike};
    DateTime::from_timestamp(day * 86_400, 0).map_or(1970, |time| i64::from(time.year()))
}

/// The value below which a share of the sorted values lies, between the two nearest.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

/// Values in their order, as numbers.
pub(crate) fn sorted<T: Copy + Into<f64>>(values: impl IntoIterator<Item = T>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().map(Into::into).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The value below which a share of what was counted by whole numbers lies.
pub(crate) fn counted_quantile(counts: &[u64], share: f64) -> Option<f64> {
    let of: u64 = counts.iter().sum();
    let wanted = share * of as f64;
    let mut below = 0;
    for (value, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        if (below + count) as f64 >= wanted {
            return Some(value as f64 + (wanted - below as f64) / count as f64);
        }
        below += count;
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::events::Flags;

    /// A playback that ended at a second, of a track of 100 s: `sk` a skip, anything else played to its end.
    pub(crate) fn playback(user: i64, session: i64, at_s: i64, track: i64, ms_played: i32) -> Event {
        let whole = ms_played >= 98_000;
        Event {
            user,
            time_us: at_s * 1_000_000,
            session,
            track,
            artist: track / 10,
            ms_played,
            duration_ms: 100_000,
            order: 0,
            zone_minutes: 60,
            kind: if whole { EventType::Play } else { EventType::Skip },
            context: Some(Context::Radio),
            reason_start: Some(ReasonStart::TrackDone),
            reason_end: Some(if whole { ReasonEnd::TrackDone } else { ReasonEnd::FwdBtn }),
            platform: Some(Platform::Android),
            country: *b"DE",
            flags: Flags::new(Some(true), Some(true), Some(false)),
        }
    }

    /// Events of some days from 1970 on.
    pub(crate) fn observed(days: i64, events: Vec<Event>) -> Observed {
        let mut observed = Observed { until_us: days * DAY_US, events, ..Observed::default() };
        observed.sort();
        observed
    }

    fn share(yes: u64, of: u64) -> Share {
        Share { yes, of }
    }

    #[test]
    fn skips_are_counted_by_when_they_were_made() {
        // 4 s and 20 s are skips, 97 s one at the end; 98 s is whole, whatever the type says.
        let plays = [4_000, 20_000, 97_000, 98_000, 101_000].map(|ms| playback(1, 1, 1000, 7, ms));
        let sums = Sums::of(&observed(1, plays.to_vec()));
        assert_eq!(sums.skipped, [share(1, 5), share(1, 5), share(2, 5), share(3, 5)]);
        assert_eq!((sums.skip_seconds[4], sums.skip_seconds[20], sums.skip_seconds[97]), (1, 1, 1));
        assert_eq!((sums.below_half, sums.to_the_end), (share(2, 5), share(2, 5)));
        assert_eq!((sums.beyond_one, sums.at_one), (share(1, 5), share(1, 5)));
    }

    #[test]
    fn what_is_not_known_is_not_counted() {
        let mut play = playback(1, 1, 1000, 7, 4_000);
        (play.duration_ms, play.flags, play.context, play.zone_minutes) =
            (0, Flags::default(), None, crate::report::events::NO_ZONE);
        let sums = Sums::of(&observed(1, vec![play]));
        assert_eq!(
            (sums.plays, sums.skipped[3].of, sums.shuffle.of, sums.context.of(), sums.hours.of()),
            (1, 0, 0, 0, 0)
        );
        assert_eq!(sums.bots.of, 0);
    }

    #[test]
    fn a_long_mixed_session_is_cut_to_twenty_and_holds_both_kinds() {
        let session = |session, plays: i64, skip: fn(i64) -> bool| {
            (0..plays)
                .map(move |at| playback(1, session, 1000 * session + at, at, if skip(at) { 1_000 } else { 99_000 }))
        };
        let events = session(1, 25, |at| at == 3)
            .chain(session(2, 12, |_| true)) // Nothing but skips.
            .chain(session(3, 9, |at| at == 3)) // Too short.
            .chain(session(4, 25, |at| at == 22)) // The only skip is cut off.
            .collect();
        let sums = Sums::of(&observed(1, events));
        assert_eq!((sums.long_mixed.sessions, sums.long_mixed.plays), (1, 20));
        assert_eq!(sums.long_mixed.skipped_early, share(1, 20));
        assert_eq!((sums.session_plays[25], sums.session_plays[12], sums.session_plays[9]), (2, 1, 1));
        assert_eq!((sums.nearly_all_skipped, sums.nearly_none_skipped), (share(1, 3), share(2, 3)));
    }

    #[test]
    fn a_skip_is_followed_within_its_session_only() {
        let events = vec![
            playback(1, 1, 100, 1, 1_000),
            playback(1, 2, 150, 1, 99_000), // Another session in between.
            playback(1, 1, 200, 2, 1_000),
            playback(1, 1, 400, 3, 99_000),
        ];
        let sums = Sums::of(&observed(1, events));
        assert_eq!(sums.skip_after, [share(0, 0), share(1, 2)]);
        // fwdbtn ended the first two, and no playback was started by it.
        let handovers = sums.handovers.map(|handover| (handover.both, handover.either));
        assert_eq!(handovers, [(0, 2), (0, 2), (0, 0)]);
        // 200 s less 1 s of play less 100 s; 400 s less 99 s less 200 s.
        assert_eq!(sums.pauses.0, [0, 0, 2]);
    }

    #[test]
    fn a_sitting_is_cut_by_a_gap_of_more_than_thirty_minutes() {
        let events = [0, 1800, 3601, 90_000].map(|at| playback(1, at, at, 1, 60_000)).to_vec();
        let sums = Sums::of(&observed(3, events));
        let listener = sums.listeners[0];
        assert_eq!((listener.sittings, listener.active_days, listener.plays), (3, 2, 4));
        assert_eq!((listener.half_plays, listener.distinct_half), (4, 1));
        assert_eq!(sums.half_gaps, [1800, 1801, 86_399]);
        assert_eq!(sums.half_by_day, [(3, 1), (1, 0), (0, 0)]);
    }

    #[test]
    fn the_hour_is_that_of_the_listeners_clock_when_the_play_began() {
        // It ended at 00:00:30 UTC on a Thursday, and began half a minute before; the clock is an hour ahead.
        let sums = Sums::of(&observed(1, vec![playback(1, 1, 30, 1, 60_000)]));
        assert_eq!((sums.hours.0[0], sums.weekdays.0[3]), (1, 1));
        let sums = Sums::of(&observed(1, vec![playback(1, 1, -3_600, 1, 60_000)]));
        assert_eq!((sums.hours.0[23], sums.weekdays.0[2]), (1, 1));
    }

    #[test]
    fn a_reaction_belongs_to_the_playback_it_was_made_in() {
        let reaction = |kind, at_s, track| Event { kind, context: None, ..playback(1, 1, at_s, track, 0) };
        let events = vec![
            playback(1, 1, 1000, 1, 99_000),
            reaction(EventType::Like, 950, 1),     // During it.
            reaction(EventType::Dislike, 1100, 1), // Soon after.
            reaction(EventType::Dislike, 2000, 1), // Long after.
            reaction(EventType::Dislike, 950, 2),  // Of another track.
        ];
        let sums = Sums::of(&observed(1, events));
        assert_eq!(sums.likes_by_context[Context::Radio.index()], share(1, 1));
        assert_eq!(sums.dislike_follows_play, share(1, 3));
    }

    #[test]
    fn a_playlist_grows_and_is_edited_in_windows_of_two_hours() {
        use EventType::{PlaylistAdd, PlaylistCreate, PlaylistRemove};
        let edit = |minutes: i64, kind| Edit { playlist: 1, time_us: minutes * 60_000_000, kind };
        let edits = [
            edit(0, PlaylistCreate),
            edit(1, PlaylistAdd),
            edit(120, PlaylistAdd), // 119 minutes after the first.
            edit(121, PlaylistAdd), // 120 minutes after it: a new window.
            edit(240, PlaylistRemove),
            edit(241, PlaylistAdd),
        ];
        let made = playlist(&edits, &observed(10, Vec::new()));
        assert_eq!(made, Playlist { length: 3, edit_windows: 3, age_us: Some(10 * DAY_US) });
        assert_eq!(playlist(&edits[1..2], &observed(10, Vec::new())).age_us, None);
    }

    #[test]
    fn a_return_counts_only_where_it_could_have_been_seen() {
        let seen = |days: &[i64]| days.iter().map(|day| playback(1, *day, day * 86_400, 1, 99_000)).collect();
        let sums = Sums::of(&observed(9, seen(&[0, 7])));
        assert_eq!(sums.returns, [share(0, 1), share(1, 1), share(0, 0)]);
    }

    #[test]
    fn mixes_are_compared_by_total_variation() {
        assert_eq!(Mix([5, 5]).distance(&[0.5, 0.5]), Some(0.0));
        assert_eq!(Mix([10, 0]).distance(&[0.0, 1.0]), Some(1.0));
        assert_eq!(Mix([6, 4]).distance(&[1.0, 1.0]).map(|d| (d * 1e9).round()), Some(1e8));
        assert_eq!(Mix([0, 0]).distance(&[0.5, 0.5]), None);
    }

    #[test]
    fn quantiles_lie_between_the_nearest() {
        let values = sorted([4u32, 1, 3, 2]);
        assert_eq!([0.0, 0.5, 1.0].map(|share| quantile(&values, share)), [Some(1.0), Some(2.5), Some(4.0)]);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(counted_quantile(&[0, 2, 0, 2], 0.5), Some(2.0));
        assert_eq!(counted_quantile(&[0, 0], 0.5), None);
    }
}
