//! A report as JSON, for programs.

use serde_json::{Value, json};

use super::{
    Findings,
    figure::{Goal, Measured, Verdict},
    text::missed,
};

/// The whole report. A figure that was not measured has `measured` null and says why in `reason`.
pub(crate) fn json(findings: &Findings) -> Value {
    json!({
        "source": findings.source,
        "notes": findings.notes,
        "days": findings.days,
        "listeners": findings.listeners,
        "plays": findings.plays,
        "bots": findings.bots,
        "rows": findings.read.rows,
        "duplicates": findings.read.duplicates_known.then_some(findings.read.duplicates),
        "quarantined": findings.read.quarantined,
        "holds": findings.count(Verdict::Holds),
        "misses": findings.count(Verdict::Misses),
        "not_measured": findings.count(Verdict::NotMeasured),
        "targets_that_miss": missed(findings),
        "targets": findings.parts.iter().map(|part| {
            let mut one = json!({
                "target": part.target,
                "rows": part.rows,
                "what": part.what,
                "goal": goal(part.goal),
                "verdict": part.verdict().text(),
                "score": part.score().map(rounded),
            });
            measured(&mut one, &part.measured);
            one
        }).collect::<Vec<_>>(),
        "further": findings.further.iter().map(|figure| {
            let mut one = json!({
                "group": figure.group,
                "rows": figure.rows,
                "what": figure.what,
                "published": figure.published,
            });
            measured(&mut one, &figure.measured);
            one
        }).collect::<Vec<_>>(),
        "between_listeners": findings.between.iter().map(|spread| json!({
            "what": spread.what,
            "listeners": spread.listeners,
            "p10_p50_p90": spread.quantiles.as_ref().ok().map(|quantiles| quantiles.map(rounded)),
            "reason": spread.quantiles.as_ref().err(),
        })).collect::<Vec<_>>(),
    })
}

fn measured(one: &mut Value, measured: &Measured) {
    one["measured"] = json!(measured.value().map(rounded));
    one["n"] = json!(measured.n());
    if let Measured::Not(why) = measured {
        one["reason"] = json!(why);
    }
}

fn goal(goal: Goal) -> Value {
    match goal {
        Goal::Near { target, within } => json!({"near": rounded(target), "within": within}),
        Goal::Between { from, until, within } => json!({"from": from, "until": until, "within": within}),
        Goal::Span { from, until } => json!({"from": from, "until": until, "within": 0}),
        Goal::Relative { target, within } => json!({"near": target, "within_share": within}),
        Goal::LogRatio { target, within } => json!({"near": target, "within_log_ratio": within}),
        Goal::AtLeast(least) => json!({"at_least": least}),
        Goal::AtMost(most) => json!({"at_most": most}),
    }
}

/// Six digits are more than any figure has.
fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
