//! Chance without state: every draw is a hash of what it is for, so that any of them can be repeated alone.
//!
//! The hash is the finaliser of splitmix64 (Steele, Lea and Flood 2014; constants by Stafford), a bijection of 64 bits, over a
//! key that is unique to its subject xor a constant that is unique to the purpose and the seed. Distributions are tables made once
//! per world. All arithmetic is on integers, or uses only the operations IEEE 754 defines to the last bit (`+ - * / sqrt`), so
//! that a world is the same on every machine; [`exp`] and [`ln`] are our own for that reason.

use std::hint::select_unpredictable;

/// The fractional part of the golden ratio: successive multiples are far apart.
pub(crate) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bijection of 64 bits under which similar numbers become unrelated ones.
pub(crate) const fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number below `bound` for one of 32 bits: half of lowbias32 (Wellons 2018), for what is asked so often that [`mix`] would show.
#[inline]
pub(crate) const fn scatter(mut x: u32, bound: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    ((x as u64 * bound as u64) >> 32) as u32
}

/// What a draw is for. Two purposes share no chance.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Purpose {
    UserId = 1,
    TrackId,
    ArtistId,
    SessionId,
    PlaylistId,
    EventIdHigh,
    EventIdLow,
    Person,
    Habits,
    Library,
    Day,
    OfflineDay,
    Session,
    Travel,
    Release,
    TrackArtist,
    TrackLength,
    TrackName,
    ArtistTraits,
    ArtistName,
    PlaylistName,
    Event,
    FaultForm,
    WrongClock,
    Lifetime,
    Tier,
    Playlist,
    PlaylistSittings,
    Hit,
    TrackGenre,
    PlaylistBlocks,
    Ticks,
}

/// One more than the last purpose.
const PURPOSES: usize = Purpose::Ticks as usize + 1;

/// The source of all chance in a world: a key for each purpose.
#[derive(Debug, Clone)]
pub(crate) struct Seed([u64; PURPOSES]);

impl Seed {
    pub(crate) const fn new(seed: u64) -> Self {
        let seed = mix(seed ^ GOLDEN);
        let mut keys = [0; PURPOSES];
        let mut purpose = 0;
        while purpose < PURPOSES {
            keys[purpose] = mix(seed.wrapping_add((purpose as u64).wrapping_mul(GOLDEN)));
            purpose += 1;
        }
        Self(keys)
    }

    /// 64 bits for a subject.
    #[inline]
    pub(crate) const fn draw(&self, purpose: Purpose, subject: u64) -> u64 {
        mix(self.0[purpose as usize] ^ subject.wrapping_mul(GOLDEN))
    }

    /// Any number of draws for a subject.
    #[inline]
    pub(crate) const fn stream(&self, purpose: Purpose, subject: u64) -> Chance {
        Chance(self.draw(purpose, subject))
    }

    /// A number below 2^63 for a subject below 2^63; two subjects never share one. It says nothing about its subject.
    #[inline]
    pub(crate) const fn id(&self, purpose: Purpose, subject: u64) -> u64 {
        const MASK: u64 = (1 << 63) - 1;
        // Each step is a bijection of 63 bits: addition, xor with a shift to the right, multiplication by an odd number.
        let mut x = (subject + (self.0[purpose as usize] & MASK)) & MASK;
        x ^= x >> 32;
        x = x.wrapping_mul(0x6a09_e667_f3bc_c909) & MASK;
        x ^= x >> 29;
        x = x.wrapping_mul(0x3c6e_f372_fe94_f82b) & MASK;
        x ^ (x >> 32)
    }
}

/// Draws in sequence (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A whole number below `bound`.
    #[inline]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scale(self.bits(), bound)
    }

    /// Whether something of probability `p` happens.
    #[inline]
    pub(crate) fn hit(&mut self, p: f64) -> bool {
        unit(self.bits()) < p
    }
}

/// 64 random bits as a whole number below `bound`.
#[inline]
pub(crate) const fn scale(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// 64 random bits as a fraction from 0 to just below 1.
#[inline]
pub(crate) const fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A distribution of whole numbers as its quantiles, straight between them: a draw costs two loads, from a table so small that
/// it stays near.
#[derive(Debug, Clone)]
pub(crate) struct Quantiles(Box<[u32; Self::STEPS + 1]>);

impl Quantiles {
    const STEPS: usize = 1024;

    /// From the inverse distribution function, which never falls; values from 0 to 2^32.
    pub(crate) fn new(inverse: impl Fn(f64) -> f64) -> Self {
        let mut values = Box::new([0; Self::STEPS + 1]);
        for (i, value) in values.iter_mut().enumerate() {
            *value = inverse((i as f64 + 0.5) / (Self::STEPS + 1) as f64) as u32;
        }
        Self(values)
    }

    /// From points (share, value) of the distribution function, straight between them; the first share is 0, the last 1.
    pub(crate) fn through(points: &[(f64, f64)]) -> Self {
        Self::new(|u| {
            let i = points.iter().rposition(|point| point.0 <= u).unwrap_or(0).min(points.len() - 2);
            let ((u0, v0), (u1, v1)) = (points[i], points[i + 1]);
            v0 + (v1 - v0) * (u - u0) / (u1 - u0)
        })
    }

    /// The value at a share from 0 to 1.
    pub(crate) fn at(&self, u: f64) -> i64 {
        self.get(((u * (1u64 << Self::BITS) as f64) as u64).min((1 << Self::BITS) - 1))
    }

    /// Bits that make a share.
    pub(crate) const BITS: u32 = 26;

    /// One value, by the lowest 26 bits.
    #[inline]
    pub(crate) fn get(&self, bits: u64) -> i64 {
        let step = (bits >> 16) as usize % Self::STEPS;
        let (from, until) = (u64::from(self.0[step]), u64::from(self.0[step + 1]));
        (from + (((until - from) * (bits & 0xffff)) >> 16)) as i64
    }

    /// The share, from 0 to just below 1, at which [`get`](Self::get) finds its value.
    #[inline]
    pub(crate) const fn share(bits: u64) -> f64 {
        (bits & ((1 << Self::BITS) - 1)) as f64 * (1.0 / (1u64 << Self::BITS) as f64)
    }
}

/// A choice by weight in constant time (Vose 1991).
#[derive(Debug, Clone)]
pub(crate) struct Alias(Vec<(u32, u32)>);

impl Alias {
    pub(crate) fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut cells: Vec<(u32, u32)> = (0..weights.len() as u32).map(|i| (u32::MAX, i)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|&i| shares[i] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            cells[poor] = ((shares[poor] * f64::from(u32::MAX)) as u32, rich as u32);
            shares[rich] -= 1.0 - shares[poor];
            if shares[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self(cells)
    }

    /// The index of one weight.
    #[inline]
    pub(crate) fn get(&self, bits: u64) -> usize {
        let cell = ((u64::from(bits as u32) * self.0.len() as u64) >> 32) as usize;
        let (threshold, other) = self.0[cell];
        select_unpredictable(((bits >> 32) as u32) < threshold, cell, other as usize)
    }
}

/// A power law over ranks whose exponent bends, in constant time and whatever the number of ranks.
///
/// The first ranks are weighted one by one, the others in groups that grow by 2 %, evenly inside.
#[derive(Debug, Clone)]
pub(crate) struct Ranks(Vec<Groups>);

/// A cell of an [`Alias`] over groups of ranks, with the groups themselves: one load after the other would take longer.
#[derive(Debug, Clone)]
struct Groups {
    threshold: u32,
    /// The cell's own group, and the other: its first rank, and how many it has.
    groups: [(u32, u32); 2],
}

impl Ranks {
    /// For fewer than 2^32 ranks. `exponents`: (first rank, counted from 1; exponent from there on), the first from rank 1.
    pub(crate) fn new(count: u64, exponents: &[(u64, f64)]) -> Self {
        const SINGLE: u64 = 256;
        let mut bounds = vec![0];
        let mut weights = Vec::new();
        // Weight of rank 1 is 1; where the exponent changes, the weights meet.
        let weight = |rank: f64| {
            let mut log = 0.0;
            for (i, &(from, exponent)) in exponents.iter().enumerate() {
                let until = exponents.get(i + 1).map_or(f64::INFINITY, |next| next.0 as f64);
                if rank <= from as f64 {
                    break;
                }
                log -= exponent * ln(rank.min(until) / from as f64);
            }
            exp(log)
        };
        let mut from = 0;
        while from < count {
            let until = if from < SINGLE { from + 1 } else { (from + from / 50 + 1).min(count) };
            weights.push(weight((from + until + 1) as f64 / 2.0) * (until - from) as f64);
            bounds.push(until);
            from = until;
        }
        let group = |n: usize| (bounds[n] as u32, (bounds[n + 1] - bounds[n]) as u32);
        let cells = Alias::new(&weights).0.into_iter().enumerate();
        Self(
            cells
                .map(|(n, (threshold, other))| Groups { threshold, groups: [group(n), group(other as usize)] })
                .collect(),
        )
    }

    /// A rank, counted from 0.
    #[inline]
    pub(crate) fn get(&self, bits: u64) -> u64 {
        let place = u64::from(bits as u32) * self.0.len() as u64;
        let Groups { threshold, groups: [own, other] } = self.0[(place >> 32) as usize];
        let (from, count) = select_unpredictable(((bits >> 32) as u32) < threshold, own, other);
        // Where in the cell it fell decides within the group.
        u64::from(from) + ((u64::from(place as u32) * u64::from(count)) >> 32)
    }
}

/// e^x.
pub(crate) fn exp(x: f64) -> f64 {
    /// 1 / n!.
    const TERMS: [f64; 14] = {
        let mut terms = [1.0; 14];
        let mut n = 1;
        while n < 14 {
            terms[n] = terms[n - 1] / n as f64;
            n += 1;
        }
        terms
    };
    // x = k ln 2 + r with |r| <= ln 2 / 2; the series of e^r is exact to the last bits after 13 terms. Its even and its odd
    // terms are summed side by side.
    let k = (x * std::f64::consts::LOG2_E + 0.5).floor().clamp(-1000.0, 1000.0);
    let r = x - k * std::f64::consts::LN_2;
    let (mut even, mut odd) = (0.0, 0.0);
    for n in (0..7).rev() {
        even = even * (r * r) + TERMS[2 * n];
        odd = odd * (r * r) + TERMS[2 * n + 1];
    }
    (even + odd * r) * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// The natural logarithm of a positive, normal number.
pub(crate) fn ln(x: f64) -> f64 {
    // x = m 2^k with m from 0.7 to 1.4; ln m = 2 artanh((m - 1) / (m + 1)).
    const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let k = (x.to_bits() as i64 - ROOT_HALF as i64) >> 52;
    let m = f64::from_bits((x.to_bits() as i64 - (k << 52)) as u64);
    let z = (m - 1.0) / (m + 1.0);
    let mut sum = 0.0;
    for n in (0..12).rev() {
        sum = sum * (z * z) + 1.0 / f64::from(2 * n + 1);
    }
    k as f64 * std::f64::consts::LN_2 + 2.0 * z * sum
}

/// The quantile function of the standard normal distribution (Acklam 2003, relative error below 1.2e-9), 0 < `u` < 1.
pub(crate) fn normal(u: f64) -> f64 {
    const A: [f64; 6] = [
        -39.69683028665376,
        220.9460984245205,
        -275.9285104469687,
        138.357751867269,
        -30.66479806614716,
        2.506628277459239,
    ];
    const B: [f64; 6] =
        [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1.0];
    const C: [f64; 6] = [
        -0.007784894002430293,
        -0.3223964580411365,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = u.min(1.0 - u);
    if tail < 0.02425 {
        let q = (-2.0 * ln(tail)).sqrt();
        let z = polynomial(&C, q) / polynomial(&D, q);
        return if u < 0.5 { z } else { -z };
    }
    let q = u - 0.5;
    q * polynomial(&A, q * q) / polynomial(&B, q * q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_ln_and_normal_agree_with_the_standard_library_and_the_tables() {
        for x in [-20.0, -1.0, -1e-9, 0.0, 0.3, 1.0, 12.5] {
            assert!((exp(x) / f64::exp(x) - 1.0).abs() < 1e-14, "exp {x}");
        }
        for x in [1e-12, 0.1, 0.999, 1.0, 2.0, 3.7, 1e15] {
            assert!((ln(x) - f64::ln(x)).abs() < 1e-13, "ln {x}");
        }
        for (u, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.025, -1.959_964), (0.999, 3.090_232), (0.001, -3.090_232)] {
            assert!((normal(u) - z).abs() < 1e-6, "normal {u}");
        }
    }

    #[test]
    fn ids_are_below_two_to_the_63_and_never_shared() {
        let seed = Seed::new(11);
        let ids: std::collections::BTreeSet<u64> = (0..100_000).map(|i| seed.id(Purpose::TrackId, i)).collect();
        assert_eq!(ids.len(), 100_000);
        assert!(ids.iter().all(|&id| id < 1 << 63));
    }

    #[test]
    fn a_choice_by_weight_follows_the_weights() {
        let alias = Alias::new(&[1.0, 0.0, 3.0, 4.0]);
        let mut chance = Seed::new(3).stream(Purpose::Day, 0);
        let mut counts = [0; 4];
        (0..80_000).for_each(|_| counts[alias.get(chance.bits())] += 1);
        assert_eq!(counts[1], 0);
        for (i, expected) in [(0, 10_000.0), (2, 30_000.0), (3, 40_000.0)] {
            assert!((f64::from(counts[i]) / expected - 1.0).abs() < 0.05, "{counts:?}");
        }
    }

    #[test]
    fn ranks_bend_where_they_are_told_to() {
        let ranks = Ranks::new(100_000, &[(1, 0.5), (1_000, 1.2)]);
        let mut chance = Seed::new(3).stream(Purpose::Day, 0);
        let mut counts = vec![0u32; 100_000];
        (0..2_000_000).for_each(|_| counts[ranks.get(chance.bits()) as usize] += 1);
        let around =
            |rank: usize| f64::from(counts[rank * 9 / 10..rank * 11 / 10].iter().sum::<u32>()) / (rank as f64 / 5.0);
        let slope = |from: usize, until: usize| ln(around(until) / around(from)) / ln(until as f64 / from as f64);
        assert!((slope(50, 900) + 0.5).abs() < 0.05, "{}", slope(50, 900));
        assert!((slope(1_100, 30_000) + 1.2).abs() < 0.05, "{}", slope(1_100, 30_000));
    }
}
