//! What surrounds the findings: the mix of the classes, and what changed since the run before.

use super::lines::{Line, line, padded, percent, right, wrapped};
use crate::console::commands::Command;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::findings::{FEW_ROWS, Findings, LabelMix, Past, Source};
use crate::text::{Marks, count};

/// Columns named in a line.
const NAMED: usize = 4;

/// The mix of the classes.
pub(super) fn labels(found: &Findings, width: usize) -> Vec<Line> {
    let Some(mix) = &found.label_mix else {
        let why = match found.source {
            Source::Reports => "The classes of the rows are not kept.",
            Source::Log | Source::Nothing => "The stage left no report on the labels.",
        };
        return vec![line(why, Tone::Dim)];
    };
    let marks = Marks::UTF8;
    let (before, now) = mix.rows();
    // Name, two columns of ten, and the change.
    let name = width.saturating_sub(36).clamp(8, 24);
    let mut lines = Vec::new();
    let reference = found.reference().unwrap_or("reference").to_owned();
    if mix.compared {
        lines.push(line(
            format!(
                "{}{}{}{}",
                padded("Class", name, marks),
                right(&format!("{reference} data"), 11),
                right("this run", 11),
                right("change", 12)
            ),
            Tone::Dim,
        ));
    } else {
        lines.push(line(
            format!(
                "{}{}{}",
                padded("Class", name, marks),
                right("rows", 11),
                right("share", 11)
            ),
            Tone::Dim,
        ));
    }
    for class in &mix.classes {
        let named = padded(&class.class, name, marks);
        lines.push(if !mix.compared {
            line(
                format!(
                    "{named}{}{}",
                    right(&count(class.current), 11),
                    right(&percent(class.current, now), 11)
                ),
                Tone::Plain,
            )
        } else if class.reference.max(class.current) < FEW_ROWS {
            line(
                format!(
                    "{named}{}{}{}",
                    right(&format!("{} rows", class.reference), 11),
                    right(&format!("{} rows", class.current), 11),
                    right("too few", 12)
                ),
                Tone::Plain,
            )
        } else {
            let points = share(class.current, now) - share(class.reference, before);
            line(
                format!(
                    "{named}{}{}{}",
                    right(&percent(class.reference, before), 11),
                    right(&percent(class.current, now), 11),
                    right(&format!("{points:+.1} pt"), 12)
                ),
                Tone::Plain,
            )
        });
    }
    lines.extend(significance(mix, before.min(now), width));
    if !mix.compared {
        let text = match found.drift {
            None => "First run, or no champion: nothing to compare with.",
            Some(_) => "This run has kept no bins; a new run compares the classes.",
        };
        lines.extend(wrapped(text, width, marks, Tone::Dim));
    }
    lines
}

/// A share in per cent.
fn share(part: u64, of: u64) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

/// With many rows every change is significant: that is said, and the size given.
fn significance(mix: &LabelMix, n: u64, width: usize) -> Vec<Line> {
    let Some(chi) = mix.chi_square else {
        return Vec::new();
    };
    let p = match chi.p_value < 0.001 {
        true => "p < 0.001".to_owned(),
        false => format!("p = {:.3}", chi.p_value),
    };
    let text = format!(
        "chi-square {p} at n = {}, Cramer's V {:.3}: judge by size, not by p.",
        count(n),
        chi.cramers_v
    );
    wrapped(&text, width, Marks::UTF8, Tone::Dim)
}

/// What changed since the run before, and who has taken note.
pub(super) fn changes(model: &Model, found: &Findings, width: usize, marks: Marks) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut say = |text: String, tone: Tone| lines.extend(wrapped(&text, width, marks, tone));
    for (text, tone) in new_values(found) {
        say(text, tone);
    }
    let mut history = found.history.iter();
    let now = history.next();
    let drifted: Vec<String> = found
        .history
        .iter()
        .take(3)
        .enumerate()
        .filter_map(|(at, past)| {
            let n = past.drifted()?;
            Some(match at {
                0 if n == 1 => "1 column drifted now".to_owned(),
                0 => format!("{n} columns drifted now"),
                _ => format!("{n} in run {}", past.run.short()),
            })
        })
        .collect();
    if !drifted.is_empty() {
        say(format!("{}.", drifted.join(", ")), Tone::Plain);
    }
    match (now, history.next()) {
        (Some(now), Some(former)) => {
            for (text, tone) in since(now, former) {
                say(text, tone);
            }
        }
        (Some(_), None) => say(
            "First run that validated its data: nothing to compare with.".to_owned(),
            Tone::Dim,
        ),
        (None, _) => {}
    }
    let problems = found.problems().count();
    let noted = found
        .problems()
        .filter(|f| found.acknowledged.of(f).is_some())
        .count();
    if problems > 0 {
        let key = model
            .keymap
            .first(Command::AcknowledgeFinding)
            .map_or("-".to_owned(), |k| k.to_string());
        say(
            match noted {
                0 => format!("Acknowledged by nobody yet ({key} acknowledges with a note)."),
                n => format!("{n} of {problems} problems acknowledged ({key} notes another)."),
            },
            if noted == problems {
                Tone::Good
            } else {
                Tone::Plain
            },
        );
    }
    if found.acknowledged.damaged > 0 {
        say(
            format!(
                "{} acknowledgements cannot be read.",
                found.acknowledged.damaged
            ),
            Tone::Warn,
        );
    }
    lines
}

/// Values that the champion was not trained on.
fn new_values(found: &Findings) -> Vec<(String, Tone)> {
    let columns = found.bins.iter().flat_map(|b| &b.columns);
    let with_new: Vec<_> = columns.filter(|c| c.new_values > 0).collect();
    let mut lines: Vec<(String, Tone)> = with_new
        .iter()
        .take(NAMED)
        .map(|column| {
            let named: Vec<String> = column
                .new_listed()
                .into_iter()
                .take(3)
                .map(|b| {
                    let rows = if b.current == 1 { "row" } else { "rows" };
                    format!("{} ({} {rows})", b.label(), count(b.current))
                })
                .collect();
            let more = (column.new_values as usize).saturating_sub(named.len());
            let more = match more {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let text = format!(
                "new values in {}: {}{more}",
                column.column,
                named.join(", ")
            );
            (text, Tone::Plain)
        })
        .collect();
    if with_new.len() > NAMED {
        let text = format!("new values in {} more columns", with_new.len() - NAMED);
        lines.push((text, Tone::Plain));
    }
    lines
}

/// What is a problem now and was none in the former run, and the other way round.
fn since(now: &Past, former: &Past) -> Vec<(String, Tone)> {
    let run = former.run.short();
    let mut lines = Vec::new();
    let mut list = |what: &str, names: Vec<String>, tone: Tone| {
        if names.is_empty() {
            return;
        }
        let more = names.len().saturating_sub(NAMED);
        let mut text = format!(
            "{what}: {}",
            names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ")
        );
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        lines.push((text, tone));
    };
    if let (Some(now_drift), Some(former_drift)) = (&now.drift, &former.drift) {
        let names = |of: &std::collections::BTreeMap<String, _>, not: &Past, this: &Past| {
            of.keys()
                .filter(|c| this.has_drifted(c) && !not.has_drifted(c))
                .cloned()
                .collect::<Vec<String>>()
        };
        list(
            &format!("drifted since run {run}"),
            names(now_drift, former, now),
            Tone::Warn,
        );
        list(
            &format!("no longer drifted since run {run}"),
            names(former_drift, now, former),
            Tone::Plain,
        );
    }
    list(
        &format!("new problems since run {run}"),
        now.problems.difference(&former.problems).cloned().collect(),
        Tone::Warn,
    );
    list(
        &format!("in order since run {run}"),
        former.problems.difference(&now.problems).cloned().collect(),
        Tone::Plain,
    );
    lines
}
