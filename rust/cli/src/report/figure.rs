//! What a report is made of: figures, and what they are held against.

use std::fmt;

/// Fewer observations than this say nothing.
pub(crate) const LEAST_N: u64 = 30;

/// A measured value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measured {
    /// The value, over so many observations.
    Value { value: f64, n: u64 },
    /// Why it could not be measured.
    Not(String),
}

impl Measured {
    /// A value over `n` observations; too few of them are no measurement. `what` names the observations, e.g. `plays`.
    pub(crate) fn over(value: Option<f64>, n: u64, what: &str) -> Self {
        match value {
            Some(value) if n >= LEAST_N && value.is_finite() => Self::Value { value, n },
            _ if n >= LEAST_N => Self::Not(format!("undefined over {n} {what}")),
            _ => Self::Not(format!("{n} {what}; needs {LEAST_N}")),
        }
    }

    pub(crate) fn value(&self) -> Option<f64> {
        match *self {
            Self::Value { value, .. } => Some(value),
            Self::Not(_) => None,
        }
    }

    pub(crate) fn n(&self) -> Option<u64> {
        match *self {
            Self::Value { n, .. } => Some(n),
            Self::Not(_) => None,
        }
    }
}

/// What a value should be, and how far off it may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// A number, give or take.
    Near {
        target: f64,
        within: f64,
    },
    /// A range, give or take.
    Between {
        from: f64,
        until: f64,
        within: f64,
    },
    /// A range of a ratio; its middle is the geometric one.
    Span {
        from: f64,
        until: f64,
    },
    /// A number, give or take a share of it.
    Relative {
        target: f64,
        within: f64,
    },
    /// A positive number, by the logarithm of the ratio to it.
    LogRatio {
        target: f64,
        within: f64,
    },
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// Distance in units of the tolerance: up to 1 holds.
    pub(crate) fn score(self, value: f64) -> f64 {
        match self {
            Self::Near { target, within } => (value - target).abs() / within,
            Self::Between { from, until, within } => {
                (value - (from + until) / 2.0).abs() / ((until - from) / 2.0 + within)
            }
            Self::Span { from, until } => {
                let middle = (from * until).sqrt();
                (value / middle).ln().abs() / (until / middle).ln()
            }
            Self::Relative { target, within } => (value / target - 1.0).abs() / within,
            Self::LogRatio { target, within } => (value / target).ln().abs() / within,
            Self::AtLeast(least) => least / value.max(f64::MIN_POSITIVE),
            Self::AtMost(most) => value / most,
        }
    }

    /// The target as it is printed.
    pub(crate) fn target(self) -> String {
        match self {
            Self::Near { target, .. } | Self::Relative { target, .. } | Self::LogRatio { target, .. } => number(target),
            Self::Between { from, until, .. } | Self::Span { from, until } => {
                format!("{} to {}", number(from), number(until))
            }
            Self::AtLeast(least) => format!("≥ {}", number(least)),
            Self::AtMost(most) => format!("≤ {}", number(most)),
        }
    }

    /// The tolerance as it is printed.
    pub(crate) fn tolerance(self) -> String {
        match self {
            Self::Near { within, .. } | Self::Between { within, .. } => format!("±{}", number(within)),
            Self::Relative { within, .. } => format!("±{:.0} %", within * 100.0),
            Self::LogRatio { within, .. } => format!("log ratio {}", number(within)),
            Self::Span { .. } | Self::AtLeast(_) | Self::AtMost(_) => "–".to_owned(),
        }
    }
}

/// Whether a target is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Misses,
    NotMeasured,
}

impl Verdict {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Misses => "misses",
            Self::NotMeasured => "not measured",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// One part of a scored target.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// `T1` to `T18`.
    pub(crate) target: &'static str,
    /// Rows of the published statistics it rests on.
    pub(crate) rows: &'static str,
    pub(crate) what: String,
    pub(crate) goal: Goal,
    pub(crate) measured: Measured,
}

impl Part {
    pub(crate) fn score(&self) -> Option<f64> {
        self.measured.value().map(|value| self.goal.score(value))
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self.score() {
            None => Verdict::NotMeasured,
            Some(score) if score <= 1.0 => Verdict::Holds,
            Some(_) => Verdict::Misses,
        }
    }
}

/// A figure that is shown beside what is published, not scored.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What it belongs to, e.g. `skips`.
    pub(crate) group: &'static str,
    /// Rows of the published statistics, if any.
    pub(crate) rows: &'static str,
    pub(crate) what: String,
    /// As published; empty where nothing is.
    pub(crate) published: String,
    pub(crate) measured: Measured,
}

/// How a property differs from listener to listener.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    pub(crate) what: &'static str,
    /// p10, p50 and p90, or why they were not measured.
    pub(crate) quantiles: Result<[f64; 3], String>,
    pub(crate) listeners: u64,
}

/// A number with as many digits as a reader needs.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size == 0.0 => 0,
        _ if size >= 1000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ if size >= 0.01 => 3,
        _ if size >= 0.001 => 4,
        _ => return format!("{value:.1e}"),
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A count with its thousands apart.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_one_at_the_edge_of_the_tolerance() {
        for (goal, value) in [
            (Goal::Near { target: 0.5, within: 0.25 }, 0.75),
            (Goal::Between { from: 1.0, until: 2.0, within: 0.5 }, 0.5),
            (Goal::Span { from: 4.0, until: 9.0 }, 9.0),
            (Goal::Relative { target: 20.0, within: 0.25 }, 15.0),
            (Goal::LogRatio { target: 1.0, within: 2f64.ln() }, 2.0),
            (Goal::AtLeast(0.5), 0.5),
            (Goal::AtMost(0.06), 0.06),
        ] {
            assert!((goal.score(value) - 1.0).abs() < 1e-9, "{goal:?}");
        }
    }

    #[test]
    fn what_could_not_be_measured_neither_holds_nor_misses() {
        let part = |measured| Part {
            target: "T1",
            rows: "1",
            what: String::new(),
            goal: Goal::Near { target: 0.0, within: 1.0 },
            measured,
        };
        assert_eq!(part(Measured::Not("why".into())).verdict(), Verdict::NotMeasured);
        assert_eq!(part(Measured::over(Some(0.0), 29, "plays")).verdict(), Verdict::NotMeasured);
        assert_eq!(part(Measured::over(Some(0.5), 30, "plays")).verdict(), Verdict::Holds);
        assert_eq!(part(Measured::over(Some(1.5), 30, "plays")).verdict(), Verdict::Misses);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.4141, "0.414"),
            (18.4, "18.4"),
            (3076.4, "3076"),
            (0.25, "0.25"),
            (0.0049, "0.0049"),
            (2e-5, "2.0e-5"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
    }
}
