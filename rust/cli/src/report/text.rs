//! A report as a table for a terminal.

use std::fmt::Write as _;

use super::{
    Findings,
    figure::{Measured, Verdict, count, number},
};

/// The whole report, lines of text.
pub(crate) fn table(findings: &Findings) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_table(&mut out, findings);
    out
}

fn write_table(out: &mut String, findings: &Findings) -> std::fmt::Result {
    writeln!(out, "{}", findings.source)?;
    writeln!(
        out,
        "{} days, {} listeners, {} plays; {} rows read, {} duplicates and {} quarantined left out; bots: {}",
        number(findings.days),
        count(findings.listeners),
        count(findings.plays),
        count(findings.read.rows),
        count(findings.read.duplicates),
        count(findings.read.quarantined),
        findings.bots.map_or("not known".to_owned(), |share| format!("{} of plays", number(share))),
    )?;
    for note in &findings.notes {
        writeln!(out, "{note}")?;
    }
    let width = findings.parts.iter().map(|part| part.what.chars().count()).max().unwrap_or(0);
    writeln!(
        out,
        "\n{:<4} {:<6} {:width$} {:>13} {:>9} {:>15}  {:<12} {:>6}  {:>12}",
        "", "rows", "", "target", "measured", "tolerance", "verdict", "score", "n"
    )?;
    let mut last = "";
    for part in &findings.parts {
        let target = if part.target == last { "" } else { part.target };
        last = part.target;
        write!(out, "{target:<4} {:<6} {:width$} {:>13} ", part.rows, part.what, part.goal.target())?;
        let tolerance = part.goal.tolerance();
        match &part.measured {
            &Measured::Value { value, n } => writeln!(
                out,
                "{:>9} {tolerance:>15}  {:<12} {:>6}  {:>12}",
                number(value),
                part.verdict(),
                part.score().map(|score| format!("{score:.2}")).unwrap_or_default(),
                count(n)
            )?,
            Measured::Not(why) => writeln!(out, "{:>9} {tolerance:>15}  {:<12} {why}", "-", part.verdict())?,
        }
    }
    let width = findings.further.iter().map(|figure| figure.what.chars().count()).max().unwrap_or(0);
    let mut last = "";
    for figure in &findings.further {
        if figure.group != last {
            last = figure.group;
            writeln!(out, "\n{:<6} {:width$} {:>9} {:>12}  published", "rows", last.to_uppercase(), "measured", "n")?;
        }
        write!(out, "{:<6} {:width$} ", figure.rows, figure.what)?;
        match &figure.measured {
            &Measured::Value { value, n } => {
                writeln!(out, "{:>9} {:>12}  {}", number(value), count(n), figure.published)?;
            }
            Measured::Not(why) => writeln!(out, "{:>9} {:>12}  {} (not measured: {why})", "-", "", figure.published)?,
        }
    }
    let width = findings.between.iter().map(|spread| spread.what.chars().count()).max().unwrap_or(0);
    writeln!(out, "\n{:width$} {:>9} {:>9} {:>9} {:>12}", "BETWEEN LISTENERS", "p10", "p50", "p90", "listeners")?;
    for spread in &findings.between {
        write!(out, "{:width$} ", spread.what)?;
        match &spread.quantiles {
            Ok([p10, p50, p90]) => {
                write!(out, "{:>9} {:>9} {:>9} ", number(*p10), number(*p50), number(*p90))?;
                writeln!(out, "{:>12}", count(spread.listeners))?;
            }
            Err(why) => writeln!(out, "not measured: {why}")?,
        }
    }
    writeln!(
        out,
        "\n{} hold, {} miss, {} not measured",
        findings.count(Verdict::Holds),
        findings.count(Verdict::Misses),
        findings.count(Verdict::NotMeasured)
    )?;
    let missed: Vec<&str> = missed(findings);
    if !missed.is_empty() {
        writeln!(out, "targets that miss: {}", missed.join(" "))?;
    }
    Ok(())
}

/// The targets of which a part misses.
pub(crate) fn missed(findings: &Findings) -> Vec<&'static str> {
    let mut missed: Vec<&str> =
        findings.parts.iter().filter(|part| part.verdict() == Verdict::Misses).map(|part| part.target).collect();
    missed.dedup();
    missed
}
