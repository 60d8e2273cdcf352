//! Compare in words: every metric with its verdict, and the view that is chosen.

use crate::console::comparison::Pane;
use crate::console::layout::Room;
use crate::console::model::Model;
use crate::console::screens::comparison as drawn;
use crate::metrics::CurvePoint;
use crate::pipeline::model_evaluation::{ClassCurves, CompareDocument, Side};
use crate::text::count;

/// False positive rates at which the curves are read.
const RATES: [f64; 3] = [0.001, 0.01, 0.1];
/// Recalls at which precision is read.
const RECALLS: [f64; 3] = [0.5, 0.9, 0.99];
/// Lines of a view that are told at once.
const WINDOW: usize = 15;

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    let Some(d) = &model.compare.document else {
        let lines = drawn::nothing_lines(model, "home").into_iter();
        out.extend(lines.map(|(text, _)| text).filter(|text| !text.is_empty()));
        return;
    };
    out.push(format!(
        "{} against {}, {} rows. {}",
        drawn::name(&d.first),
        drawn::name(&d.second),
        count(d.rows),
        drawn::verdict(d, Room::Large)
    ));
    for m in &d.metrics {
        out.push(format!(
            "  {}: {:.4} against {:.4}, change {:+.4}, 95 % interval {:+.4} to {:+.4}: {}",
            m.metric.key(),
            m.first,
            m.second,
            m.difference,
            m.low,
            m.high,
            m.verdict.as_str()
        ));
    }
    out.extend(pane(model));
}

/// The view that is chosen.
pub fn pane(model: &Model) -> Vec<String> {
    let Some(d) = &model.compare.document else {
        return Vec::new();
    };
    let first = model.compare.first;
    match model.compare.pane {
        Pane::Roc => curve(
            d,
            "ROC curve, recall",
            "false positive rate",
            &RATES,
            |c| &c.roc,
            |points, at| {
                let reached = points.iter().filter(|p| p.x <= at).map(|p| p.y);
                reached.reduce(f64::max)
            },
        ),
        Pane::PrecisionRecall => curve(
            d,
            "Precision-recall curve, precision",
            "recall",
            &RECALLS,
            |c| &c.precision_recall,
            |points, at| {
                let reached = points.iter().filter(|p| p.x >= at).map(|p| p.y);
                reached.reduce(f64::max)
            },
        ),
        Pane::Confusion => confusion(&d.first, None),
        Pane::Change => confusion(&d.first, Some(&d.second)),
        Pane::Slices => told(
            &format!("Slices, {} looked at", d.slices.considered),
            drawn::slices(d, 400),
            first,
        ),
        Pane::Differences => told("What differs", drawn::differences(d), first),
        Pane::Rows => told(
            &format!("Rows, {} disagree", count(d.agreement.disagree)),
            drawn::rows(d),
            first,
        ),
    }
}

/// Lines of a view from the first that is shown.
fn told(
    title: &str,
    lines: Vec<(String, crate::console::theme::Tone)>,
    first: usize,
) -> Vec<String> {
    let all = lines.len();
    let first = first.min(all.saturating_sub(1));
    let mut out = vec![format!("{title}:")];
    for (line, _) in lines.into_iter().skip(first).take(WINDOW) {
        // Columns are for the eye.
        let words: Vec<&str> = line.split_whitespace().collect();
        out.push(format!("  {}", words.join(" ")));
    }
    if all > WINDOW {
        let last = (first + WINDOW).min(all);
        out.push(format!("  lines {} to {last} of {all}", first + 1));
    }
    out
}

fn curve(
    d: &CompareDocument,
    title: &str,
    axis: &str,
    places: &[f64],
    part: impl Fn(&ClassCurves) -> &Vec<CurvePoint>,
    read: impl Fn(&[CurvePoint], f64) -> Option<f64>,
) -> Vec<String> {
    let Some(class) = drawn::class_shown(d) else {
        return vec!["There are no curves.".to_owned()];
    };
    let of = |side: &Side, at: f64| {
        let curves = side.curves.iter().find(|c| c.class == class.class);
        let value = curves.and_then(|c| read(part(c), at));
        value.map_or("-".to_owned(), |v| format!("{v:.4}"))
    };
    let mut out = vec![format!("{title} of {}:", class.class)];
    for at in places {
        out.push(format!(
            "  at {axis} {at}: {} against {}",
            of(&d.first, *at),
            of(&d.second, *at)
        ));
    }
    out
}

/// For every true class how often it was taken for which; with `before` the change in points.
fn confusion(side: &Side, before: Option<&Side>) -> Vec<String> {
    let share = |side: &Side, i: usize, j: usize| -> Option<f64> {
        let row = side.test.confusion.get(i)?;
        let all: u64 = row.iter().sum();
        (all > 0).then(|| row.get(j).map_or(0.0, |n| *n as f64 / all as f64 * 100.0))
    };
    let mut out = vec![match before {
        None => "Confusion of the first:".to_owned(),
        Some(_) => "Change of the confusion in points, first minus second:".to_owned(),
    }];
    for (i, truth) in side.test.classes.iter().enumerate() {
        let mut cells = Vec::new();
        for (j, said) in side.test.classes.iter().enumerate() {
            let Some(now) = share(side, i, j) else {
                continue;
            };
            match before {
                None => {
                    let n = side.test.confusion[i].get(j).copied().unwrap_or(0);
                    if n > 0 {
                        cells.push(format!("{said} {} ({now:.1} %)", count(n)));
                    }
                }
                Some(before) => {
                    let change = now - share(before, i, j).unwrap_or(0.0);
                    if change.abs() >= 0.05 {
                        cells.push(format!("{said} {change:+.1}"));
                    }
                }
            }
        }
        let cells = match cells.is_empty() {
            true if before.is_some() => "no change".to_owned(),
            true => "no rows".to_owned(),
            false => cells.join(", "),
        };
        out.push(format!("  {truth} was said to be: {cells}"));
    }
    out
}
