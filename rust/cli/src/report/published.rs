//! Published listener statistics as they are compared with. The rows named are those of docs/published-statistics.md, the table of
//! published statistics, which names the source of each.
//!
//! MSSD: the Music Streaming Sessions Dataset (2018); mini: its published sample of 10,000 sessions. Yambda: 300 days of a
//! second service. MPD: a million playlists.

use downbeat_model::{Context, ReasonEnd, ReasonStart};

/// Share of plays skipped within 5, 10 and 30 seconds and before the end (row 1).
pub(crate) const SKIPPED: [(Option<i32>, f64); 4] =
    [(Some(5_000), 0.2414), (Some(10_000), 0.2897), (Some(30_000), 0.3505), (None, 0.486)];

/// Share of skips made by so many seconds (row 2).
pub(crate) const SKIP_TIME: [(f64, f64); 3] = [(5.0, 0.497), (10.0, 0.596), (30.0, 0.721)];

/// Reasons playback started, in mini (row 21).
pub(crate) const REASON_START: [f64; ReasonStart::ALL.len()] =
    [0.3281, 0.4760, 0.0776, 0.1043, 0.0116, 0.0009, 0.0008, 0.0005, 0.0001];

/// Reasons playback ended, in mini (row 22).
pub(crate) const REASON_END: [f64; ReasonEnd::ALL.len()] =
    [0.3437, 0.4848, 0.0782, 0.00005, 0.0883, 0.0016, 0.0, 0.0034];

/// Contexts, in mini (row 23).
pub(crate) const CONTEXT: [f64; Context::ALL.len()] = [0.4017, 0.2279, 0.2124, 0.1257, 0.0177, 0.0145];

/// Share of listens an algorithm chose, at a service of today (row 54).
pub(crate) const ALGORITHMIC: f64 = 0.487;

/// Early skips by context, in mini (row 14).
pub(crate) const SKIP_BY_CONTEXT: [f64; Context::ALL.len()] = [0.546, 0.457, 0.508, 0.554, 0.452, 0.555];

/// Sessions of 10, 11 ... 19 and of 20 or more plays, of all with at least 10 (row 31).
pub(crate) const SESSION_PLAYS: [f64; 11] =
    [0.0882, 0.0769, 0.0673, 0.0588, 0.0517, 0.0453, 0.0400, 0.0352, 0.0314, 0.0278, 0.4774];

/// Plays by local hour (row 39).
pub(crate) const HOURS: [f64; 24] = [
    0.034, 0.024, 0.017, 0.013, 0.009, 0.007, 0.010, 0.014, 0.020, 0.033, 0.044, 0.050, 0.058, 0.064, 0.069, 0.069,
    0.070, 0.065, 0.062, 0.057, 0.056, 0.059, 0.053, 0.043,
];

/// Plays of a table, then at that size: share of the top 1 % of tracks, Gini coefficient, share of tracks played once (row 47).
pub(crate) const CONCENTRATION: [(f64, [f64; 3]); 6] = [
    (1e5, [0.224, 0.517, 0.728]),
    (1e6, [0.396, 0.731, 0.619]),
    (1e7, [0.564, 0.865, 0.480]),
    (4.65e7, [0.654, 0.915, 0.384]),
    (1e8, [0.689, 0.931, 0.329]),
    (1e9, [0.753, 0.957, 0.138]),
];

/// Slope of plays on rank, log on log, over a range of ranks (row 46).
pub(crate) const RANK_SLOPES: [(usize, usize, f64); 3] =
    [(10, 1_000, -0.65), (100, 10_000, -0.85), (1_000, 100_000, -1.07)];

/// Plays on half a track or more that one listener of Yambda made in 299 days, on average, and the distinct tracks in them
/// (row 52): 29,135,186 and 8,950,418 over 9,238 listeners.
pub(crate) const REPEATS: (f64, f64, f64) = (299.0, 29_135_186.0 / 9_238.0, 8_950_418.0 / 9_238.0);

/// The published concentration at a table of `plays` plays: interpolated in the logarithm, the edges stand for what is
/// beyond them.
pub(crate) fn concentration(plays: f64) -> [f64; 3] {
    let after = CONCENTRATION.partition_point(|&(size, _)| size <= plays);
    let (Some(low), Some(high)) = (after.checked_sub(1), CONCENTRATION.get(after)) else {
        return CONCENTRATION[after.min(CONCENTRATION.len() - 1)].1;
    };
    let (from, below) = CONCENTRATION[low];
    let share = (plays / from).ln() / (high.0 / from).ln();
    std::array::from_fn(|at| below[at] + share * (high.1[at] - below[at]))
}

/// The share of a listener's plays that repeat a track, after so many days.
///
/// What is published is one point: 0.693 after 299 days (row 52). The curve through it is our derivation: the distinct tracks of
/// a listener grow as a power of the plays, `D(n) = n^b` with `D(1) = 1`, as they do in real catalogues (Heaps' law), at the
/// published pace of 10.5 plays a day. So `b = ln 969 / ln 3154 = 0.853` and `repeats(d) = 1 - n^(b - 1)`, where
/// `n = 10.5 d`: 0.29 after a day, 0.47 after a week, 0.57 after 28 days, 0.69 after 299. It never falls below what drawing
/// by popularity alone would give (0.163 after 3,076 plays).
pub(crate) fn repeats(days: f64) -> f64 {
    let (observed, plays, distinct) = REPEATS;
    let exponent = distinct.ln() / plays.ln();
    let plays = (plays / observed * days).max(1.0);
    1.0 - plays.powf(exponent - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_add_up_to_one() {
        for mix in [&REASON_START[..], &REASON_END, &CONTEXT, &SESSION_PLAYS, &HOURS] {
            assert!((mix.iter().sum::<f64>() - 1.0).abs() < 0.005, "{mix:?}");
        }
    }

    #[test]
    fn concentration_is_read_between_the_published_sizes() {
        assert_eq!(concentration(1e6), [0.396, 0.731, 0.619]);
        assert_eq!(concentration(1.0), concentration(1e5));
        assert_eq!(concentration(1e12), concentration(1e9));
        let between = concentration(10f64.powf(5.5));
        for (value, wanted) in between.iter().zip([0.31, 0.624, 0.6735]) {
            assert!((value - wanted).abs() < 1e-9);
        }
    }

    #[test]
    fn repeats_grow_to_the_published_share() {
        assert!((repeats(299.0) - 0.693).abs() < 0.001);
        for (days, share) in [(1.0, 0.29), (7.0, 0.47), (28.0, 0.57)] {
            assert!((repeats(days) - share).abs() < 0.01, "{days} {}", repeats(days));
        }
        assert_eq!(repeats(0.0), 0.0);
    }
}
