//! What one listener is like, and how listeners differ: a world of averages has none.

use std::collections::HashMap;

use super::{
    events::{DAY_US, Event, NO_ID, Observed},
    figure::{LEAST_N, Spread},
    sums::{Sums, quantile, sorted},
};

/// Plays from which on a listener's habits can be told.
const ENOUGH_PLAYS: u64 = 50;

/// What one listener did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listener {
    pub(crate) events: u64,
    pub(crate) plays: u64,
    pub(crate) half_plays: u64,
    /// Distinct tracks among those.
    pub(crate) distinct_half: u64,
    pub(crate) active_days: u64,
    pub(crate) sittings: u64,
    pub(crate) likes: u64,
    pub(crate) dislikes: u64,
    pub(crate) unlikes: u64,
    pub(crate) premium: Option<bool>,
    pub(crate) last_us: i64,
    pub(crate) skips: u64,
    /// Artists a week, over weeks with plays.
    pub(crate) week_artists: f32,
    /// The local hour in which most plays began.
    pub(crate) favourite_hour: Option<u8>,
    /// In the first half of what was observed and in the second, if there were enough plays in both.
    pub(crate) skip_rates: Option<[f32; 2]>,
    pub(crate) artist_entropies: Option<[f32; 2]>,
}

impl Listener {
    /// What a listener's events say by themselves.
    pub(crate) fn of(events: &[Event], observed: &Observed) -> Self {
        use downbeat_model::EventType::{Dislike, Like, Unlike};
        let count = |kind| events.iter().filter(|event| event.kind == kind).count() as u64;
        let plays = || events.iter().filter(|event| event.is_playback());
        let mut hours = [0u32; 24];
        for hour in plays().filter_map(Event::start_hour) {
            hours[hour] += 1;
        }
        let most = hours.iter().copied().max().filter(|&most| most > 0);
        let middle_us = observed.from_us + (observed.until_us - observed.from_us) / 2;
        let (first, second) = events.split_at(events.partition_point(|event| event.time_us < middle_us));
        let both = |measure: fn(&[Event]) -> Option<f32>| Some([measure(first)?, measure(second)?]);
        Self {
            events: events.len() as u64,
            plays: plays().count() as u64,
            likes: count(Like),
            dislikes: count(Dislike),
            unlikes: count(Unlike),
            premium: events.iter().rev().find_map(|event| event.flags.premium()),
            last_us: events.last().map_or(0, |event| event.time_us),
            skips: plays().filter(|event| event.skipped() == Some(true)).count() as u64,
            favourite_hour: most.and_then(|most| hours.iter().position(|&plays| plays == most)).map(|hour| hour as u8),
            skip_rates: both(skip_rate),
            artist_entropies: both(artist_entropy),
            ..Self::default()
        }
    }

    /// Whether Yambda would have this listener: at least ten actions in 300 days (for a shorter time in proportion, and at
    /// least one), and active at the end, which is taken for the last 30 days.
    pub(crate) fn counted(&self, observed: &Observed) -> bool {
        let least = (10.0 * observed.days() / 300.0).max(1.0);
        self.events as f64 >= least && self.last_us >= observed.until_us - 30 * DAY_US
    }
}

/// Share of the plays that were skipped, if there are enough.
fn skip_rate(events: &[Event]) -> Option<f32> {
    let (mut skips, mut plays) = (0, 0);
    for skipped in events.iter().filter(|event| event.is_playback()).filter_map(Event::skipped) {
        plays += 1;
        skips += u32::from(skipped);
    }
    (plays >= ENOUGH_PLAYS as u32).then(|| skips as f32 / plays as f32)
}

/// Shannon's entropy of the artists of the first plays, in bits. Always as many plays, for entropy grows with them.
fn artist_entropy(events: &[Event]) -> Option<f32> {
    let mut plays: HashMap<i64, u32> = HashMap::new();
    let artists = events.iter().filter(|event| event.is_playback() && event.artist != NO_ID).map(|event| event.artist);
    let mut of = 0;
    for artist in artists.take(ENOUGH_PLAYS as usize) {
        *plays.entry(artist).or_default() += 1;
        of += 1;
    }
    let share = |plays: u32| f64::from(plays) / ENOUGH_PLAYS as f64;
    let mut counts: Vec<u32> = plays.into_values().collect();
    // In one order, so that the sum is the same each time.
    counts.sort_unstable();
    (of == ENOUGH_PLAYS)
        .then(|| -counts.into_iter().map(|plays| share(plays) * share(plays).log2()).sum::<f64>() as f32)
}

/// How listeners differ, and how true they are to themselves.
pub(crate) fn spreads(sums: &Sums) -> Vec<Spread> {
    let days = sums.days;
    let enough = || sums.listeners.iter().filter(|listener| listener.plays >= ENOUGH_PLAYS);
    let spread = |what, values: Vec<f64>| {
        let quantiles = [0.1, 0.5, 0.9].map(|share| quantile(&values, share).unwrap_or(f64::NAN));
        Spread { what, quantiles: some(values.len(), quantiles), listeners: values.len() as u64 }
    };
    vec![
        spread("share of plays skipped", sorted(enough().map(|l| l.skips as f64 / l.plays as f64))),
        spread("plays a day", sorted(sums.listeners.iter().map(|l| l.plays as f64 / days))),
        spread("share of days active", sorted(sums.listeners.iter().map(|l| l.active_days as f64 / days))),
        spread("sittings an active day", sorted(enough().map(|l| l.sittings as f64 / l.active_days.max(1) as f64))),
        spread(
            "share of plays (f >= 0.5) that repeat a track",
            sorted(enough().filter(|l| l.half_plays > 0).map(|l| 1.0 - l.distinct_half as f64 / l.half_plays as f64)),
        ),
        spread("artists a week", sorted(enough().map(|l| l.week_artists))),
        spread("favourite local hour", sorted(enough().filter_map(|l| l.favourite_hour))),
        spread(
            "bits of artist entropy in 50 plays",
            sorted(sums.listeners.iter().filter_map(|l| l.artist_entropies).map(|[first, _]| first)),
        ),
    ]
}

/// Correlation between the first half of the time observed and the second, over listeners: of the skip rate, and of the
/// artist entropy. With the number of listeners.
pub(crate) fn halves(sums: &Sums) -> [(&'static str, Option<f64>, u64); 2] {
    let of = |pairs: Vec<[f32; 2]>| (correlation(&pairs), pairs.len() as u64);
    let (skips, skippers) = of(sums.listeners.iter().filter_map(|listener| listener.skip_rates).collect());
    let (artists, fans) = of(sums.listeners.iter().filter_map(|listener| listener.artist_entropies).collect());
    [
        ("share of plays skipped: first half against second, over listeners", skips, skippers),
        ("artist entropy in 50 plays: first half against second, over listeners", artists, fans),
    ]
}

fn some(listeners: usize, quantiles: [f64; 3]) -> Result<[f64; 3], String> {
    match listeners as u64 >= LEAST_N {
        true => Ok(quantiles),
        false => Err(format!("{listeners} listeners with enough plays; needs {LEAST_N}")),
    }
}

/// Pearson's correlation.
fn correlation(pairs: &[[f32; 2]]) -> Option<f64> {
    let n = pairs.len() as f64;
    let mean = |at: usize| pairs.iter().map(|pair| f64::from(pair[at])).sum::<f64>() / n;
    let means = [mean(0), mean(1)];
    let product = |one: usize, other: usize| {
        pairs
            .iter()
            .map(|pair| (f64::from(pair[one]) - means[one]) * (f64::from(pair[other]) - means[other]))
            .sum::<f64>()
    };
    let scale = (product(0, 0) * product(1, 1)).sqrt();
    (scale > 0.0).then(|| product(0, 1) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sums::tests::{observed, playback};

    #[test]
    fn halves_are_told_apart_by_the_middle_of_the_time_observed() {
        // On the first day all is skipped and of one artist; on the second nothing is, and two artists share the plays.
        let first = (0..50).map(|at| playback(1, 1, at * 100, 1, 1_000));
        let second = (0..50).map(|at| playback(1, 2, 86_400 + at * 100, 10 * (at % 2), 99_000));
        let sums = Sums::of(&observed(2, first.chain(second).collect()));
        let listener = sums.listeners[0];
        assert_eq!((listener.plays, listener.skips), (100, 50));
        assert_eq!(listener.skip_rates, Some([1.0, 0.0]));
        assert_eq!(listener.artist_entropies, Some([0.0, 1.0]));
        assert_eq!(listener.favourite_hour, Some(1));
    }

    #[test]
    fn a_listener_is_counted_who_was_active_at_the_end() {
        let world = observed(300, Vec::new());
        let listener = |events, last_day: i64| Listener { events, last_us: last_day * DAY_US, ..Listener::default() };
        assert!(listener(10, 270).counted(&world));
        assert!(!listener(9, 299).counted(&world));
        assert!(!listener(10, 269).counted(&world));
        assert!(listener(1, 27).counted(&observed(28, Vec::new())));
    }

    #[test]
    fn correlation_of_hand_made_pairs() {
        assert_eq!(correlation(&[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), Some(1.0));
        assert_eq!(correlation(&[[1.0, 1.0], [2.0, 0.0]]), Some(-1.0));
        assert_eq!(correlation(&[[1.0, 1.0], [1.0, 0.0]]), None);
    }

    #[test]
    fn a_spread_needs_listeners() {
        let spreads = spreads(&Sums::of(&observed(1, vec![playback(1, 1, 0, 1, 1_000)])));
        assert!(spreads.iter().all(|spread| spread.quantiles.is_err()));
    }
}
