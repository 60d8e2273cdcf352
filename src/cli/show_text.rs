//! The `show` document as text for people.

use std::fmt::Write as _;

use crate::runs::{ShowDocument, ShowLearner};
use crate::text::clean;

/// The whole view of a run.
pub(super) fn text(run: &ShowDocument) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, run);
    let _ = stages(&mut out, run);
    let _ = leaderboard(&mut out, run);
    let _ = gate(&mut out, run);
    let _ = tail(&mut out, run);
    out
}

fn head(out: &mut String, run: &ShowDocument) -> std::fmt::Result {
    write!(out, "run {}  {}", run.run_id, run.outcome.as_str())?;
    if let Some(by) = &run.by {
        write!(out, "  by {}", clean(by))?;
    }
    if let Some(at) = &run.started_at {
        write!(out, "  started {at}")?;
    }
    if let Some(at) = &run.finished_at {
        write!(out, "  ended {at}")?;
    }
    writeln!(out)?;
    if let Some(note) = &run.note {
        writeln!(out, "note: {}", clean(note))?;
    }
    for setting in &run.settings {
        writeln!(out, "changed: {}", clean(&setting.to_string()))?;
    }
    if let Some(data) = &run.data {
        writeln!(
            out,
            "data: {}, {} rows ({} kept, {} in quarantine), {} to train, {} to test, {} features",
            clean(&data.source),
            data.rows,
            data.kept,
            data.quarantined,
            data.train_rows,
            data.test_rows,
            data.features
        )?;
    }
    let champion = run.champion_before.as_deref().unwrap_or("none");
    writeln!(out, "champion before: {}", clean(champion))
}

fn stages(out: &mut String, run: &ShowDocument) -> std::fmt::Result {
    writeln!(out, "\nstages")?;
    for stage in &run.stages {
        let seconds = stage
            .seconds
            .map_or_else(String::new, |s| format!("{s:.1} s"));
        let line = format!("  {:<9} {:<20} {seconds:>9}", stage.state, stage.name);
        writeln!(
            out,
            "{}",
            match &stage.summary {
                Some(summary) => format!("{line}  {}", clean(summary)),
                None => line.trim_end().to_owned(),
            }
        )?;
        if let Some(why) = &stage.why {
            writeln!(out, "{:>12}why: {}", "", clean(why))?;
        }
        if let Some(error) = &stage.error {
            writeln!(out, "{:>12}error: {}", "", clean(&error.message))?;
        }
    }
    Ok(())
}

fn leaderboard(out: &mut String, run: &ShowDocument) -> std::fmt::Result {
    if run.leaderboard.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nleaderboard (* = selected by cross-validation)")?;
    writeln!(
        out,
        "  {:<20} {:>7}  {:<24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "learner",
        "fit s",
        "cv f1 [95 %]",
        "accuracy",
        "precis.",
        "recall",
        "f1",
        "roc_auc",
        "log_loss"
    )?;
    for row in &run.leaderboard {
        let mark = if run.selected.as_ref() == Some(&row.learner) {
            '*'
        } else {
            ' '
        };
        writeln!(out, "{mark} {}", learner(row))?;
    }
    if let Some(threshold) = run.threshold {
        writeln!(out, "operating point of the selected model: {threshold:.4}")?;
    }
    Ok(())
}

fn learner(row: &ShowLearner) -> String {
    let name = clean(&row.learner);
    if let Some(error) = &row.error {
        return format!("{name:<20} failed: {}", clean(&error.message));
    }
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
    let cv = row.cv.get("f1").map_or_else(
        || "-".to_owned(),
        |s| format!("{:.4} [{:.4}, {:.4}]", s.mean, s.low, s.high),
    );
    let seconds = row
        .fit_seconds
        .map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"));
    let test = row.test.as_ref();
    format!(
        "{name:<20} {seconds:>7}  {cv:<24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        figure(test.map(|t| t.accuracy)),
        figure(test.and_then(|t| t.precision)),
        figure(test.and_then(|t| t.recall)),
        figure(test.and_then(|t| t.f1)),
        figure(test.and_then(|t| t.roc_auc)),
        figure(test.and_then(|t| t.log_loss)),
    )
}

fn gate(out: &mut String, run: &ShowDocument) -> std::fmt::Result {
    let Some(gate) = &run.gate else { return Ok(()) };
    writeln!(
        out,
        "\ngate: {}, {}",
        gate.verdict.words(),
        clean(&gate.reason)
    )?;
    for rule in &gate.rules {
        writeln!(
            out,
            "  {:<12} {:<20} {}",
            rule.verdict.words(),
            clean(&rule.rule),
            clean(&rule.reason)
        )?;
    }
    Ok(())
}

fn tail(out: &mut String, run: &ShowDocument) -> std::fmt::Result {
    match (&run.plan_id, &run.decision) {
        (Some(plan), None) => writeln!(
            out,
            "\nplan {plan} waits for approval: netsec approve {plan} --reason \"...\"",
            plan = clean(plan)
        )?,
        (Some(plan), Some(decision)) => writeln!(
            out,
            "\nplan {}: {} by {}: {}",
            clean(plan),
            clean(&decision.decision),
            clean(&decision.by),
            clean(&decision.reason)
        )?,
        (None, _) => {}
    }
    if !run.warnings.is_empty() {
        writeln!(out, "\nwarnings")?;
        for warning in &run.warnings {
            writeln!(out, "  {}: {}", clean(&warning.code), clean(&warning.text))?;
        }
    }
    if let Some(error) = &run.error {
        writeln!(out, "\nerror: {}", clean(&error.message))?;
        for hint in &error.hints {
            writeln!(out, "  hint: {}", clean(hint))?;
        }
    }
    for damage in &run.log_damage {
        writeln!(out, "LOG DAMAGED: {}", clean(damage))?;
    }
    Ok(())
}
