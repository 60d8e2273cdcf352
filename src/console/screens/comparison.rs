//! Compare: is the one better than the other, by how much, how sure, and where is it worse.

use crate::console::canvas::Canvas;
use crate::console::comparison::{Other, Pane};
use crate::console::layout::Room;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::widgets::{Column, ConfusionMatrix, LinePlot, Series, Table, XAxis};
use crate::metrics::PairedVerdict;
use crate::pipeline::model_evaluation::{ClassCurves, CompareDocument, Setting, Side};
use crate::text::{self, count};

/// Parts of an axis: curves are drawn on whole steps.
const STEPS: f64 = 1000.0;
/// The false positive rates a detector is run at lie between these powers of ten.
const DECADES: f64 = 4.0;

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let compare = &model.compare;
    let Some(document) = &compare.document else {
        nothing(model, canvas);
        return;
    };
    let (w, h) = (canvas.width(), canvas.height());
    let title = format!(
        "{} against {}",
        name(&document.first),
        name(&document.second)
    );
    canvas.rule(0, &title, &format!("{} rows", count(document.rows)));
    let rows = document.metrics.len() as u16 + 1;
    let table = rows.min(match room {
        Room::Large => 11,
        Room::Medium => 9,
        Room::Small => 6,
    });
    metrics(document, &mut canvas.part(0, 1, w, table), room);
    let y = 1 + table;
    let last = h.saturating_sub(1);
    let body = last.saturating_sub(y);
    let first = compare.first;
    match room {
        Room::Large => {
            let third = w / 3;
            let plots = body.saturating_sub(7).max(8);
            pane(
                document,
                Pane::Roc,
                first,
                &mut canvas.part(0, y, third, plots),
            );
            pane(
                document,
                Pane::PrecisionRecall,
                first,
                &mut canvas.part(third, y, third, plots),
            );
            let right = match compare.pane {
                Pane::Change => Pane::Change,
                _ => Pane::Confusion,
            };
            pane(
                document,
                right,
                first,
                &mut canvas.part(2 * third, y, w - 2 * third, plots),
            );
            let below = match compare.pane {
                Pane::Rows => Pane::Rows,
                Pane::Slices => Pane::Slices,
                _ => Pane::Differences,
            };
            pane(
                document,
                below,
                first,
                &mut canvas.part(0, y + plots, w, body - plots),
            );
        }
        Room::Medium | Room::Small => {
            pane(
                document,
                compare.pane,
                first,
                &mut canvas.part(0, y, w, body),
            );
        }
    }
    canvas.put_in(
        1,
        last,
        w.saturating_sub(2),
        &verdict(document, room),
        Tone::Title,
    );
}

fn nothing(model: &Model, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "Compare", "");
    let lines = nothing_lines(model, &super::home_key(model));
    for (y, (text, tone)) in lines.iter().enumerate() {
        canvas.put(3, y as u16 + 1, text, *tone);
    }
}

/// Why nothing is compared, and what to do; `home` is how to get to Home.
pub(in crate::console) fn nothing_lines(model: &Model, home: &str) -> Vec<(String, Tone)> {
    let mut lines = Vec::new();
    let mut say = |text: &str, tone: Tone| lines.push((text.to_owned(), tone));
    let compare = &model.compare;
    match (&compare.pair, &compare.refused) {
        (_, Some(why)) => {
            say(why, Tone::Warn);
            say("", Tone::Plain);
            say(
                "Mark two runs on Runs and come back, or choose another run there.",
                Tone::Dim,
            );
        }
        (Some(pair), None) => {
            let other = match &pair.other {
                Other::Champion => "the champion".to_owned(),
                Other::Run(run) => format!("run {}", run.short()),
            };
            say(
                &format!(
                    "Comparing run {} with {other} on its test rows.",
                    pair.first.short()
                ),
                Tone::Busy,
            );
        }
        (None, None) => {
            say("No run to compare yet.", Tone::Plain);
            say("", Tone::Plain);
            say(
                "A finished run is compared with the champion; two marked runs with each other.",
                Tone::Dim,
            );
            if model.run_rows().is_empty() {
                say(
                    &format!("{home} says how to start the first run."),
                    Tone::Dim,
                );
            }
        }
    }
    lines
}

pub(in crate::console) fn name(side: &Side) -> String {
    format!("{} ({})", short(side), side.learner)
}

/// A run by its last four characters, a version as it is.
fn short(side: &Side) -> String {
    match side.name.rsplit_once('-') {
        Some((_, last)) => format!("run {last}"),
        None => side.name.clone(),
    }
}

fn metrics(d: &CompareDocument, canvas: &mut Canvas<'_>, room: Room) {
    let columns: &[Column] = match room {
        Room::Small => &[
            Column::left("Metric", 12),
            Column::right("First", 7),
            Column::right("Second", 7),
            Column::left("Verdict", 13),
        ],
        Room::Medium | Room::Large => &[
            Column::left("Metric", 12),
            Column::right("First", 8),
            Column::right("Second", 8),
            Column::right("Change", 9),
            Column::left("  95 % interval", 20),
            Column::left("First is", 13),
        ],
    };
    let rows = d
        .metrics
        .iter()
        .map(|m| {
            let plain = |text: String| (text, Tone::Plain);
            let tone = match m.verdict {
                PairedVerdict::Better => Tone::Good,
                PairedVerdict::NotSeparable => Tone::Dim,
                PairedVerdict::Worse => Tone::Bad,
            };
            let mut cells = vec![
                plain(m.metric.key().to_owned()),
                plain(format!("{:.4}", m.first)),
                plain(format!("{:.4}", m.second)),
            ];
            if room != Room::Small {
                cells.push(plain(format!("{:+.4}", m.difference)));
                cells.push(plain(format!("  [{:+.4}, {:+.4}]", m.low, m.high)));
            }
            cells.push((m.verdict.as_str().to_owned(), tone));
            cells
        })
        .collect();
    Table {
        columns,
        rows,
        cursor: None,
        headings: true,
    }
    .view(canvas);
}

fn pane(d: &CompareDocument, pane: Pane, first: usize, canvas: &mut Canvas<'_>) {
    let (w, h) = (canvas.width(), canvas.height());
    match pane {
        Pane::Roc => {
            canvas.rule(0, "ROC", "false positives, log");
            let log = |x: f64| ((x.max(1e-9).log10() + DECADES) / DECADES).clamp(0.0, 1.0);
            curves(
                d,
                |c| &c.roc,
                log,
                XAxis::Named(&LOG_AXIS),
                &mut canvas.part(0, 1, w, h.saturating_sub(1)),
            );
        }
        Pane::PrecisionRecall => {
            canvas.rule(0, "Precision-recall", "");
            curves(
                d,
                |c| &c.precision_recall,
                |x| x,
                XAxis::Named(&SHARE_AXIS),
                &mut canvas.part(0, 1, w, h.saturating_sub(1)),
            );
        }
        Pane::Confusion | Pane::Change => {
            let change = pane == Pane::Change;
            let title = if change {
                "Change in points"
            } else {
                "Confusion"
            };
            let remark = if change {
                "first minus second"
            } else {
                "first, row %"
            };
            canvas.rule(0, title, remark);
            ConfusionMatrix {
                classes: &d.first.test.classes,
                counts: &d.first.test.confusion,
                before: change.then_some(d.second.test.confusion.as_slice()),
            }
            .view(&mut canvas.part(0, 1, w, h.saturating_sub(1)));
        }
        Pane::Differences => {
            canvas.rule(0, "What differs", "");
            lines(
                &differences(d),
                first,
                &mut canvas.part(0, 1, w, h.saturating_sub(1)),
            );
        }
        Pane::Slices => {
            let remark = format!("{} looked at", d.slices.considered);
            canvas.rule(0, "Slices", &remark);
            lines(
                &slices(d, w),
                first,
                &mut canvas.part(0, 1, w, h.saturating_sub(1)),
            );
        }
        Pane::Rows => {
            let remark = format!("{} disagree", count(d.agreement.disagree));
            canvas.rule(0, "Rows", &remark);
            lines(
                &rows(d),
                first,
                &mut canvas.part(0, 1, w, h.saturating_sub(1)),
            );
        }
    }
}

const LOG_AXIS: [(f64, &str); 5] = [
    (0.0, "1e-4"),
    (0.25, "1e-3"),
    (0.5, "1e-2"),
    (0.75, "0.1"),
    (1.0, "1"),
];
const SHARE_AXIS: [(f64, &str); 3] = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")];

/// The class whose curves are shown.
pub(in crate::console) fn class_shown(d: &CompareDocument) -> Option<&ClassCurves> {
    d.first
        .curves
        .iter()
        .skip(usize::from(d.first.curves.len() > 2))
        .max_by_key(|c| c.support)
}

/// The curves of both for the first class, the second dotted. With several classes it is the
/// threat with the most rows.
fn curves(
    d: &CompareDocument,
    part: impl Fn(&ClassCurves) -> &Vec<crate::metrics::CurvePoint>,
    scale: impl Fn(f64) -> f64,
    x: XAxis,
    canvas: &mut Canvas<'_>,
) {
    let Some(class) = class_shown(d) else {
        canvas.put(1, 0, "There are no curves.", Tone::Dim);
        return;
    };
    let points = |side: &Side| -> Vec<(u32, f64)> {
        side.curves
            .iter()
            .find(|c| c.class == class.class)
            .map(|c| {
                part(c)
                    .iter()
                    .map(|p| ((scale(p.x) * STEPS).round() as u32, p.y))
                    .collect()
            })
            .unwrap_or_default()
    };
    let series = vec![
        Series {
            points: points(&d.second),
            tone: Tone::Second,
            mark: 'o',
            dotted: true,
        },
        Series {
            points: points(&d.first),
            tone: Tone::First,
            mark: '*',
            dotted: false,
        },
    ];
    let y =
        crate::console::widgets::y_axis(true, series.iter().flat_map(|s| &s.points).map(|p| p.1));
    let h = canvas.height();
    LinePlot { series, x, y }.view(&mut canvas.part(0, 0, canvas.width(), h.saturating_sub(1)));
    let legend =
        |first: &str, second: &str| format!("{}: solid {first}, dotted {second}", class.class);
    let whole = legend(&name(&d.first), &name(&d.second));
    let room = usize::from(canvas.width().saturating_sub(2));
    // Which line is whose comes before what made it.
    let legend = match text::width(&whole, canvas.glyphs.marks()) <= room {
        true => whole,
        false => legend(&short(&d.first), &short(&d.second)),
    };
    canvas.put_in(
        1,
        h.saturating_sub(1),
        canvas.width().saturating_sub(2),
        &legend,
        Tone::Dim,
    );
}

fn lines(lines: &[(String, Tone)], first: usize, canvas: &mut Canvas<'_>) {
    let visible = canvas.height() as usize;
    let first = first.min(lines.len().saturating_sub(visible));
    for (y, (line, tone)) in lines.iter().skip(first).take(visible).enumerate() {
        canvas.put_in(1, y as u16, canvas.width().saturating_sub(2), line, *tone);
    }
}

pub(in crate::console) fn differences(d: &CompareDocument) -> Vec<(String, Tone)> {
    let mut out = vec![(d.rows_note.clone(), Tone::Plain)];
    for (what, settings) in [("settings", &d.parameters), ("data", &d.data)] {
        // Columns of another digest are one line: there may be a hundred of them.
        let (columns, rest): (Vec<&Setting>, Vec<&Setting>) =
            settings.iter().partition(|s| s.name.starts_with("column "));
        for s in rest {
            let side = |v: &Option<serde_json::Value>| match v {
                None | Some(serde_json::Value::Null) => "-".to_owned(),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            out.push((
                format!(
                    "{what:<9} {:<32} {}  |  {}",
                    s.name,
                    side(&s.first),
                    side(&s.second)
                ),
                Tone::Plain,
            ));
        }
        if !columns.is_empty() {
            out.push((
                format!("{what:<9} the values differ in {} columns", columns.len()),
                Tone::Plain,
            ));
        }
        if settings.is_empty() {
            out.push((format!("{what:<9} no difference"), Tone::Dim));
        }
    }
    out.extend(
        d.notes
            .iter()
            .map(|note| (format!("note: {note}"), Tone::Warn)),
    );
    out
}

/// The verdicts, how to read them, then every slice, worst first.
pub(in crate::console) fn slices(d: &CompareDocument, width: u16) -> Vec<(String, Tone)> {
    let report = &d.slices;
    let mut out = Vec::new();
    for (word, slice, tone) in [
        ("worse on ", &report.worst, Tone::Bad),
        ("better on", &report.best, Tone::Good),
    ] {
        out.push(match slice {
            Some(slice) => (format!("{word} {}", slice.words(report.metric)), tone),
            None => (format!("{word} no slice beyond chance"), Tone::Dim),
        });
    }
    let room = usize::from(width.saturating_sub(2));
    let caution = text::wrap(&report.caution, room, text::Marks::UTF8);
    out.extend(caution.into_iter().map(|line| (line, Tone::Dim)));
    for slice in &report.slices {
        let tone = match slice.verdict {
            PairedVerdict::Better => Tone::Good,
            PairedVerdict::NotSeparable => Tone::Plain,
            PairedVerdict::Worse => Tone::Bad,
        };
        let word = match slice.verdict {
            PairedVerdict::NotSeparable => "-",
            verdict => verdict.as_str(),
        };
        out.push((
            format!(
                "{word:<7} {:+.4} [{:+.4}, {:+.4}]  {:.4} {:.4} {:>9}  {}",
                slice.difference,
                slice.low,
                slice.high,
                slice.first,
                slice.second,
                count(slice.rows),
                slice.name
            ),
            tone,
        ));
    }
    out
}

pub(in crate::console) fn rows(d: &CompareDocument) -> Vec<(String, Tone)> {
    let a = &d.agreement;
    let mut out = vec![(
        format!(
            "right by the first alone {}, by the second alone {}, by neither {}",
            count(a.only_first_right),
            count(a.only_second_right),
            count(a.neither_right)
        ),
        Tone::Plain,
    )];
    out.push((
        format!(
            "{:>9}  {:<14} {:<22} {:<22}",
            "row", "truth", "first", "second"
        ),
        Tone::Dim,
    ));
    let said = |class: &str, p: f64| format!("{} {p:.3}", text::clean_to(class, 14));
    for row in &d.disagreements {
        let tone = if row.first == row.truth {
            Tone::Good
        } else if row.second == row.truth {
            Tone::Bad
        } else {
            Tone::Warn
        };
        let who = match tone {
            Tone::Good => "first right",
            Tone::Bad => "second right",
            _ => "both wrong",
        };
        out.push((
            format!(
                "{:>9}  {:<14} {:<22} {:<22} {who}",
                row.row,
                text::clean_to(&row.truth, 14),
                said(&row.first, row.first_probability),
                said(&row.second, row.second_probability)
            ),
            tone,
        ));
    }
    let shown = d.disagreements.len() as u64;
    if a.disagree > shown {
        out.push((format!("and {} more", count(a.disagree - shown)), Tone::Dim));
    }
    out
}

/// The whole in a sentence.
pub(in crate::console) fn verdict(d: &CompareDocument, room: Room) -> String {
    let of = |v: PairedVerdict| d.metrics.iter().filter(|m| m.verdict == v).count();
    let short = format!(
        "better on {} of {} metrics, worse on {}, not separable on {}",
        of(PairedVerdict::Better),
        d.metrics.len(),
        of(PairedVerdict::Worse),
        of(PairedVerdict::NotSeparable)
    );
    match room {
        Room::Large => format!("{} is {short} (paired bootstrap, 95 %).", name(&d.first)),
        Room::Medium | Room::Small => format!("First {short}."),
    }
}
