//! Logs in words: the lines that pass the filter, and the one under the cursor in full.

use super::list;
use crate::console::model::Model;
use crate::console::screens::logs as drawn;

/// A line of the log.
fn row(model: &Model, i: usize) -> String {
    let Some(line) = model.logs.line(i) else {
        return String::new();
    };
    let at = line.at().map_or("-".to_owned(), |at| model.clock(at));
    let stage = line.stage().map_or("run", |s| s.as_str());
    format!("{at} {} {stage}: {}", line.level().word(), line.text())
}

/// The line under the cursor: what it says, everything in it, what to do.
pub fn selected(model: &Model) -> Vec<String> {
    let at = model.logs.cursor();
    let Some(line) = model.logs.line(at) else {
        return Vec::new();
    };
    // While the cursor follows, every new line is told as it comes.
    if model.logs.missed().is_none() {
        return Vec::new();
    }
    let mut out = vec![format!(
        "Line {} of {}: {}",
        at + 1,
        model.logs.len(),
        row(model, at)
    )];
    let fields: Vec<String> = line
        .fields()
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    out.push(format!("  {}", fields.join(", ")));
    out.extend(line.hints().iter().map(|h| format!("  do: {h}")));
    out
}

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    let Some(open) = &model.open else {
        out.push(drawn::nothing("home"));
        return;
    };
    let logs = &model.logs;
    let filter = &logs.filter;
    let mut line = format!(
        "Log of run {}: {} of {} lines, level {} and above, stage {}",
        open.id.short(),
        logs.len(),
        logs.total(),
        filter.level.word().to_lowercase(),
        filter.stage.map_or("all", |s| s.as_str())
    );
    if !filter.find.is_empty() {
        line.push_str(&format!(", contains \"{}\"", filter.find));
    }
    out.push(line + ".");
    if open.outcome.is_none() {
        out.push(super::READING.to_owned());
    } else if logs.is_empty() {
        out.push("No line passes the filter.".to_owned());
    }
    list(out, logs.len(), Some(logs.cursor()), |i| row(model, i));
}
