//! The scored targets T1 to T18: published figures, each with the tolerance within which a world is believed.
//!
//! All of them are measured over all listeners, bots included; where a published figure is of some listeners or sessions
//! only, the part says so, and `sums` and `listeners` define them.

use std::collections::HashMap;

use super::{
    events::{DAY_US, Observed},
    figure::{Goal, Measured, Part, number},
    published,
    sums::{Handover, LONGEST, Share, Sums, quantile, sorted},
};

/// Artists that must have been played before their shares can be compared with a whole service's.
const LEAST_ARTISTS: usize = 30_000;

/// Days that must have been observed before playlists are old enough to compare.
const PLAYLIST_DAYS: f64 = 200.0;

/// Plays a track at the last rank of a slope must have: below, its rank is mostly chance.
const LEAST_PLAYS_AT_RANK: u32 = 5;

/// The shortest and longest playlist the published lengths are of.
const PLAYLIST_TRACKS: std::ops::RangeInclusive<i64> = 5..=250;

/// Every part of every target, in order.
pub(crate) fn parts(sums: &Sums, observed: &Observed) -> Vec<Part> {
    let mut parts = Vec::new();
    skips(sums, &mut parts);
    reasons(sums, &mut parts);
    contexts(sums, &mut parts);
    sessions(sums, observed, &mut parts);
    activity(sums, observed, &mut parts);
    concentration(sums, &mut parts);
    artists(sums, &mut parts);
    repeats(sums, observed, &mut parts);
    reactions(sums, &mut parts);
    playlists(sums, observed, &mut parts);
    parts
}

fn part(target: &'static str, rows: &'static str, what: impl Into<String>, goal: Goal, measured: Measured) -> Part {
    Part { target, rows, what: what.into(), goal, measured }
}

fn near(target: f64, within: f64) -> Goal {
    Goal::Near { target, within }
}

fn share(share: Share, what: &str) -> Measured {
    Measured::over(share.value(), share.of, what)
}

/// T1 to T3.
fn skips(sums: &Sums, parts: &mut Vec<Part>) {
    let of = "plays with a duration and a reason_end";
    for (&(ms, target), measured) in published::SKIPPED.iter().zip(sums.skipped) {
        let what = ms.map_or("skipped before the end".to_owned(), |ms| format!("skipped within {} s", ms / 1000));
        parts.push(part("T1", "1, 2", what, near(target, 0.03), share(measured, of)));
    }
    let of = "plays with a duration";
    let fractions = [
        ("played less than half (f < 0.5)", near(0.366, 0.05), sums.below_half),
        ("played to the end (f >= 0.98)", near(0.5, 0.05), sums.to_the_end),
        ("the spike at the end (f from 0.99 to 1.01)", Goal::AtLeast(0.40), sums.at_one),
        // The published tolerance, 0.05, would say nothing of a share this small.
        ("played longer than the track (f > 1)", near(0.005, 0.005), sums.beyond_one),
    ];
    parts.extend(fractions.map(|(what, goal, measured)| part("T2", "18", what, goal, share(measured, of))));

    let long = sums.long_mixed.skipped;
    let of = "plays of long, mixed sessions";
    let complete = Measured::over(long.value().map(|skipped| 1.0 - skipped), long.of, of);
    parts.push(part("T3", "7", "not skipped, in long, mixed sessions", near(0.34, 0.05), complete));
    let ratio = long.value().zip(sums.skipped[3].value()).map(|(long, all)| long / all);
    let measured = Measured::over(ratio, long.of, of);
    parts.push(part("T3", "7", "skips there over skips in all plays", Goal::AtLeast(1.0), measured));
}

/// T4 and T5.
fn reasons(sums: &Sums, parts: &mut Vec<Part>) {
    let long = &sums.long_mixed;
    let of = "plays of long, mixed sessions";
    let end = Measured::over(long.reason_end.distance(&published::REASON_END), long.reason_end.of(), of);
    parts.push(part("T4", "22", "reason_end: total variation", Goal::AtMost(0.06), end));
    let start = Measured::over(long.reason_start.distance(&published::REASON_START), long.reason_start.of(), of);
    parts.push(part("T5", "21", "reason_start: total variation", Goal::AtMost(0.06), start));
    for (name, Handover { both, either }) in ["trackdone", "fwdbtn", "backbtn"].into_iter().zip(sums.handovers) {
        let what = format!("ended and started by {name}, of what is either");
        let share = (either > 0).then(|| both as f64 / either as f64);
        let measured = Measured::over(share, either, "pairs of plays");
        parts.push(part("T5", "21", what, Goal::AtLeast(0.97), measured));
    }
}

/// T6: the mix of 2018, or today's. The better of the two is scored.
///
/// Today's, as we declare it: algorithms choose 0.487 of the plays (radio and personalized playlists, however they share
/// them), and the rest is divided as in 2018. The mix of 2018 is of long, mixed sessions, today's of all plays.
fn contexts(sums: &Sums, parts: &mut Vec<Part>) {
    let long = &sums.long_mixed.context;
    let of = "plays of long, mixed sessions with a context";
    let of_2018 = part(
        "T6",
        "23",
        "context: total variation to the mix of 2018",
        Goal::AtMost(0.06),
        Measured::over(long.distance(&published::CONTEXT), long.of(), of),
    );
    let modern = part(
        "T6",
        "23, 54",
        "context: total variation to a mix of today (algorithms choose 0.49)",
        Goal::AtMost(0.06),
        Measured::over(modern_distance(sums), sums.context.of(), "plays with a context"),
    );
    parts.push(match (of_2018.score(), modern.score()) {
        (Some(old), Some(new)) if new < old => modern,
        (None, Some(_)) => modern,
        _ => of_2018,
    });
}

/// Total variation between the contexts of all plays and today's mix; see [`contexts`].
pub(crate) fn modern_distance(sums: &Sums) -> Option<f64> {
    let merge = |[collection, catalog, editorial, radio, personalized, charts]: [f64; 6]| {
        [collection, catalog, editorial, charts, radio + personalized]
    };
    let mut wanted = merge(published::CONTEXT);
    let organic: f64 = wanted[..4].iter().sum();
    for share in &mut wanted[..4] {
        *share *= (1.0 - published::ALGORITHMIC) / organic;
    }
    wanted[4] = published::ALGORITHMIC;
    let shares = merge(sums.context.shares()?);
    Some(shares.iter().zip(wanted).map(|(share, wanted)| (share - wanted).abs()).sum::<f64>() / 2.0)
}

/// T7 to T9.
fn sessions(sums: &Sums, observed: &Observed, parts: &mut Vec<Part>) {
    parts.push(part("T7", "25", "shuffle on", near(0.31, 0.04), share(sums.shuffle, "plays with shuffle")));
    let mut premium = Share::default();
    for listener in sums.listeners.iter().filter(|listener| listener.plays > 0) {
        premium.add_known(listener.premium);
    }
    let goal = Goal::Between { from: 0.39, until: 0.44, within: 0.05 };
    parts.push(part("T7", "63", "premium listeners", goal, share(premium, "listeners with premium")));
    let long = share(sums.premium_of_long_sessions, "sessions of 10 plays or more with premium");
    parts.push(part("T7", "26", "premium, of sessions with 10 plays or more", near(0.82, 0.05), long));

    let at_least = |plays: usize| sums.session_plays[plays..].iter().sum::<u64>();
    let (ten, twenty) = (at_least(10), at_least(20));
    let of = "sessions of 10 plays or more";
    let survive = Measured::over((ten > 0).then(|| twenty as f64 / ten as f64), ten, of);
    parts.push(part("T8", "31", "sessions of 10 plays that reach 20", near(0.477, 0.05), survive));
    let ratio = hazard(sums, 19).zip(hazard(sums, 10)).map(|(late, early)| late / early);
    let measured = Measured::over(ratio.filter(|ratio| *ratio > 0.0), ten, of);
    parts.push(part("T8", "32", "hazard of ending at play 19 over that at 10", near(0.63, 0.12), measured));

    let counted: Vec<_> = sums.listeners.iter().filter(|listener| listener.counted(observed)).collect();
    let total = |of: fn(&super::listeners::Listener) -> u64| counted.iter().map(|listener| of(listener)).sum::<u64>();
    let (plays, sittings, days) = (total(|l| l.plays), total(|l| l.sittings), total(|l| l.active_days));
    let per = |what: u64, each: u64| (each > 0).then(|| what as f64 / each as f64);
    let goal = |target, within| Goal::Relative { target, within };
    let measured = Measured::over(per(plays, sittings), sittings, "sittings");
    parts.push(part("T9", "33", "plays a sitting (gaps of 30 minutes at most)", goal(18.4, 0.20), measured));
    let measured = Measured::over(per(sittings, days), days, "days of listeners");
    parts.push(part("T9", "33", "sittings a listener's active day", goal(2.35, 0.20), measured));
    let gaps = sorted(sums.half_gaps.iter().copied());
    let measured = Measured::over(quantile(&gaps, 0.5), gaps.len() as u64, "gaps");
    parts.push(part("T9", "34", "median seconds between plays of f >= 0.5", goal(200.0, 0.15), measured));
}

/// The share of the sessions with at least `plays` playbacks that have no more.
pub(crate) fn hazard(sums: &Sums, plays: usize) -> Option<f64> {
    debug_assert!(plays < LONGEST);
    let left: u64 = sums.session_plays[plays..].iter().sum();
    (left > 0).then(|| sums.session_plays[plays] as f64 / left as f64)
}

/// T10 to T12.
fn activity(sums: &Sums, observed: &Observed, parts: &mut Vec<Part>) {
    let counted = || sums.listeners.iter().filter(|listener| listener.counted(observed));
    let plays = sorted(counted().map(|listener| listener.plays as f64));
    let n = plays.len() as u64;
    let median = quantile(&plays, 0.5).filter(|median| *median > 0.0);
    for (what, share, target) in [("p90", 0.9, 4.21), ("p95", 0.95, 5.54)] {
        let ratio = quantile(&plays, share).zip(median).map(|(high, median)| high / median);
        let what = format!("plays a listener: {what} over the median");
        let goal = Goal::LogRatio { target, within: 0.2 };
        parts.push(part("T10", "35", what, goal, Measured::over(ratio, n, "listeners")));
    }
    let days = observed.days();
    let active = sorted(counted().map(|listener| listener.active_days as f64 / days));
    let mean = active.iter().sum::<f64>() / active.len().max(1) as f64;
    let of = "listeners";
    parts.push(part("T11", "36", "share of days active: mean", near(0.357, 0.06), Measured::over(Some(mean), n, of)));
    let measured = Measured::over(quantile(&active, 0.5), n, of);
    parts.push(part("T11", "36", "share of days active: median", near(0.286, 0.06), measured));
    let spread = quantile(&active, 0.9).zip(quantile(&active, 0.1)).map(|(high, low)| high - low);
    // "Wide spread", says the published statistic; the number is ours: half of what is possible.
    let measured = Measured::over(spread, n, of);
    parts.push(part("T11", "36", "share of days active: p90 less p10", Goal::AtLeast(0.5), measured));

    let of = "plays with a local time";
    let n = sums.hours.of();
    let distance = Measured::over(sums.hours.distance(&published::HOURS), n, of);
    parts.push(part("T12", "39", "plays by local hour: total variation", Goal::AtMost(0.06), distance));
    let most = sums.hours.0.iter().copied().max().unwrap_or(0);
    let least = sums.hours.0.iter().copied().min().unwrap_or(0);
    let ratio = (least > 0).then(|| most as f64 / least as f64);
    let goal = Goal::Span { from: 5.0, until: 9.5 };
    parts.push(part("T12", "39, 40", "busiest hour over the quietest", goal, Measured::over(ratio, n, of)));
}

/// Plays of each thing, most played first.
pub(crate) fn ranked<T>(of: &HashMap<i64, T>, plays: impl Fn(&T) -> u64) -> Vec<u64> {
    let mut counts: Vec<u64> = of.values().map(plays).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    counts
}

/// Share of the plays that the first `ranks` of the ranked have.
pub(crate) fn top(ranked: &[u64], ranks: usize) -> f64 {
    let total: u64 = ranked.iter().sum();
    ranked.iter().take(ranks).sum::<u64>() as f64 / total.max(1) as f64
}

/// How unevenly the ranked are played: 0 all alike, 1 a single one.
pub(crate) fn gini(ranked: &[u64]) -> f64 {
    let n = ranked.len() as f64;
    let total: u64 = ranked.iter().sum();
    // The least played has place 1.
    let weighted: f64 = ranked.iter().rev().enumerate().map(|(at, &plays)| (at + 1) as f64 * plays as f64).sum();
    2.0 * weighted / (n * total as f64) - (n + 1.0) / n
}

/// The slope of plays on rank, log on log, by least squares over ranks spaced evenly on the logarithm.
pub(crate) fn slope(ranked: &[u64], from: usize, until: usize) -> f64 {
    const POINTS: usize = 40;
    let ratio = (until as f64 / from as f64).ln();
    let points = (0..=POINTS).map(|at| {
        let rank = (from as f64 * (ratio * at as f64 / POINTS as f64).exp()).round() as usize;
        ((rank as f64).ln(), (ranked[rank - 1] as f64).ln())
    });
    let (mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0);
    for (rank, plays) in points {
        x += rank;
        y += plays;
        xx += rank * rank;
        xy += rank * plays;
    }
    let n = (POINTS + 1) as f64;
    (n * xy - x * y) / (n * xx - x * x)
}

/// T13 and T14.
fn concentration(sums: &Sums, parts: &mut Vec<Part>) {
    let ranked = ranked(&sums.tracks, |track| u64::from(track.plays));
    let plays: u64 = ranked.iter().sum();
    let [of_top, of_gini, of_once] = published::concentration(plays as f64);
    let top = top(&ranked, (ranked.len() as f64 * 0.01).round().max(1.0) as usize);
    let once = ranked.iter().filter(|&&plays| plays == 1).count() as f64 / ranked.len().max(1) as f64;
    for (what, target, within, value) in [
        ("plays of the top 1 % of tracks", of_top, 0.10, top),
        ("Gini coefficient of plays per track", of_gini, 0.05, gini(&ranked)),
        ("tracks played once", of_once, 0.10, once),
    ] {
        let measured = Measured::over(Some(value), plays, "plays with a track");
        parts.push(part("T13", "47", format!("{what}, at this many plays"), near(target, within), measured));
    }
    for (from, until, target) in published::RANK_SLOPES {
        let last = ranked.get(until - 1).copied().unwrap_or(0);
        let measured = match last >= u64::from(LEAST_PLAYS_AT_RANK) {
            true => Measured::over(Some(slope(&ranked, from, until)), plays, "plays with a track"),
            false => Measured::Not(format!(
                "track number {until} has {last} plays; needs {LEAST_PLAYS_AT_RANK} to tell its rank"
            )),
        };
        let what = format!("slope of plays on rank, {from} to {until}");
        parts.push(part("T14", "46", what, near(target, 0.12), measured));
    }
}

/// T15.
fn artists(sums: &Sums, parts: &mut Vec<Part>) {
    let ranked = ranked(&sums.artists, |&plays| plays);
    let plays: u64 = ranked.iter().sum();
    for (ranks, goal) in [
        (10, near(0.05, 0.02)),
        (100, Goal::Between { from: 0.19, until: 0.23, within: 0.05 }),
        (1000, near(0.50, 0.08)),
    ] {
        let measured = match ranked.len() >= LEAST_ARTISTS {
            true => Measured::over(Some(top(&ranked, ranks)), plays, "plays with an artist"),
            false => Measured::Not(format!("{} artists were played; needs {LEAST_ARTISTS}", ranked.len())),
        };
        parts.push(part("T15", "49, 50", format!("plays of the top {ranks} artists"), goal, measured));
    }
}

/// T16: over plays of half a track or more, as published.
fn repeats(sums: &Sums, observed: &Observed, parts: &mut Vec<Part>) {
    let days = observed.days();
    let counted = || sums.listeners.iter().filter(|listener| listener.counted(observed));
    let plays: u64 = counted().map(|listener| listener.half_plays).sum();
    let distinct: u64 = counted().map(|listener| listener.distinct_half).sum();
    let share = (plays > 0).then(|| 1.0 - distinct as f64 / plays as f64);
    let what = format!("plays (f >= 0.5) that repeat a track of the listener, in {} days", number(days));
    let measured = Measured::over(share, plays, "plays of half a track or more");
    parts.push(part("T16", "52", what, near(published::repeats(days), 0.05), measured));
}

/// T17.
fn reactions(sums: &Sums, parts: &mut Vec<Part>) {
    use downbeat_model::EventType::{Dislike, Like, Unlike};
    for (what, kind, target) in [("likes", Like, 19.0), ("dislikes", Dislike, 2.4), ("unlikes", Unlike, 7.0)] {
        let rate = (sums.plays > 0).then(|| sums.kinds[kind.index()] as f64 * 1000.0 / sums.plays as f64);
        let goal = Goal::Relative { target, within: 0.25 };
        let measured = Measured::over(rate, sums.plays, "plays");
        parts.push(part("T17", "56", format!("{what} per 1,000 plays"), goal, measured));
    }
}

/// T18: playlists made within the time observed and at least 60 % of it old, for young ones are not grown yet; of 5 to 250
/// tracks at its end, as the published ones were chosen.
fn playlists(sums: &Sums, observed: &Observed, parts: &mut Vec<Part>) {
    let days = observed.days();
    let old = (days * 0.6 * DAY_US as f64) as i64;
    let grown: Vec<_> = sums
        .playlists
        .iter()
        .filter(|list| list.age_us.is_some_and(|age| age >= old) && PLAYLIST_TRACKS.contains(&list.length))
        .collect();
    let lengths = sorted(grown.iter().map(|list| list.length as f64));
    let windows = sorted(grown.iter().map(|list| list.edit_windows as f64));
    let measured = |values: &[f64], share| match days >= PLAYLIST_DAYS {
        true => Measured::over(quantile(values, share), values.len() as u64, "grown playlists"),
        false => Measured::Not(format!("{} days; needs {PLAYLIST_DAYS}", number(days))),
    };
    let goal = |target| Goal::LogRatio { target, within: 0.25 };
    for (name, share, target) in [("p25", 0.25, 26.0), ("median", 0.5, 49.0), ("p90", 0.9, 148.0)] {
        let what = format!("tracks in a playlist: {name}");
        parts.push(part("T18", "60", what, goal(target), measured(&lengths, share)));
    }
    let what = "sittings a playlist was edited in: median";
    parts.push(part("T18", "61", what, goal(10.0), measured(&windows, 0.5)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        events::Event,
        figure::Verdict,
        sums::tests::{observed, playback},
    };

    fn find<'a>(parts: &'a [Part], target: &str, what: &str) -> &'a Part {
        parts.iter().find(|part| part.target == target && part.what.contains(what)).unwrap()
    }

    fn measured(events: Vec<Event>, days: i64, target: &str, what: &str) -> f64 {
        let observed = observed(days, events);
        find(&parts(&Sums::of(&observed), &observed), target, what).measured.value().unwrap()
    }

    #[test]
    fn every_target_has_its_parts_and_an_empty_source_passes_none() {
        let observed = observed(1, Vec::new());
        let parts = parts(&Sums::of(&observed), &observed);
        for number in 1..=18 {
            assert!(parts.iter().any(|part| part.target == format!("T{number}")), "T{number}");
        }
        for part in &parts {
            assert_eq!(part.verdict(), Verdict::NotMeasured, "{part:?}");
        }
    }

    #[test]
    fn concentration_of_hand_made_counts() {
        assert_eq!(gini(&[1, 1, 1, 1]), 0.0);
        assert_eq!(gini(&[4, 0, 0, 0]), 0.75);
        // (2 * (1*1 + 2*3)) / (2 * 4) - 3/2
        assert_eq!(gini(&[3, 1]), 0.25);
        assert_eq!(top(&[6, 3, 1], 1), 0.6);
        assert_eq!(top(&[6, 3, 1], 9), 1.0);
        let power: Vec<u64> = (1..=1000).map(|rank| (1e9 / rank as f64) as u64).collect();
        assert!((slope(&power, 10, 1000) + 1.0).abs() < 1e-3);
    }

    #[test]
    fn hand_made_listening_gives_the_figures_computed_by_hand() {
        // 40 listeners, each on one of 4 days: 5 plays in one sitting, of tracks 1 1 2 2 3, three minutes apart; the third a skip.
        let plays = |user: i64| {
            [1, 1, 2, 2, 3].into_iter().enumerate().map(move |(at, track)| {
                let ms = if at == 2 { 2_000 } else { 99_000 };
                playback(user, user, 40_000 + 180 * at as i64, track, ms)
            })
        };
        let events = || (0..40).flat_map(plays).collect::<Vec<_>>();
        for (target, what, wanted) in [
            ("T1", "within 5 s", 0.2),
            ("T1", "before the end", 0.2),
            ("T2", "to the end", 0.8),
            ("T5", "trackdone, of what is either", 0.75), // Three of the four handovers.
            ("T6", "context", 1.0 - published::ALGORITHMIC), // All radio.
            ("T7", "shuffle", 1.0),
            ("T7", "premium listeners", 1.0),
            ("T9", "plays a sitting", 5.0),
            ("T9", "sittings a listener's", 1.0),
            ("T9", "median seconds", 180.0), // 180, 360, 180
            ("T10", "p90 over the median", 1.0),
            ("T11", "mean", 0.25),
            ("T12", "total variation", 1.0 - published::HOURS[12] / published::HOURS.iter().sum::<f64>()),
            ("T13", "played once", 0.0),
            ("T16", "repeat", 0.25), // Four plays of half or more: 1 1 2 3.
            ("T17", "likes", 0.0),
        ] {
            let value = measured(events(), 4, target, what);
            assert!((value - wanted).abs() < 1e-9, "{target} {what}: {value}, not {wanted}");
        }
    }

    #[test]
    fn sessions_end_as_often_as_counted() {
        // 60 sessions: of 10, 19 and 20 plays, twenty each.
        let session = |id: i64, plays: i64| (0..plays).map(move |at| playback(id, id, at * 100, at, 99_000));
        let events: Vec<Event> = (0..60).flat_map(|id| session(id, [10, 19, 20][(id % 3) as usize])).collect();
        let reach = measured(events.clone(), 1, "T8", "reach 20");
        assert!((reach - 1.0 / 3.0).abs() < 1e-9);
        // 20 of 40 over 20 of 60.
        assert!((measured(events, 1, "T8", "hazard") - 1.5).abs() < 1e-9);
    }

    #[test]
    fn playlists_are_measured_when_they_are_old_enough() {
        use super::super::{events::Edit, sums::Sums};
        use downbeat_model::EventType::{PlaylistAdd, PlaylistCreate};
        let mut world = observed(300, Vec::new());
        // 40 playlists of 49 tracks, ten sittings, made on the first day; 40 of six, made late.
        for playlist in 0..80 {
            let first = if playlist < 40 { 0 } else { 200 * DAY_US };
            world.edits.push(Edit { playlist, time_us: first, kind: PlaylistCreate });
            for add in 0..if playlist < 40 { 49 } else { 6 } {
                world.edits.push(Edit { playlist, time_us: first + (add % 10) * DAY_US + add, kind: PlaylistAdd });
            }
        }
        world.sort();
        let old = parts(&Sums::of(&world), &world);
        assert_eq!(find(&old, "T18", "tracks in a playlist: median").measured, Measured::Value { value: 49.0, n: 40 });
        assert_eq!(find(&old, "T18", "sittings").measured, Measured::Value { value: 10.0, n: 40 });
        world.until_us = 199 * DAY_US;
        let young = parts(&Sums::of(&world), &world);
        assert_eq!(find(&young, "T18", "sittings").measured, Measured::Not("199 days; needs 200".to_owned()));
    }
}
