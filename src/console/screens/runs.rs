//! Runs: every run with filter, order and marks; the stages and settings of the one under the
//! cursor beside it.

use super::{figure, run_word, stage_word, took};
use crate::console::canvas::Canvas;
use crate::console::desk::QueueRow;
use crate::console::layout::Room;
use crate::console::model::{Model, OpenRun, RunRow};
use crate::console::theme::Tone;
use crate::console::widgets::{Column, Table};
use crate::events::StageName;
use crate::text;

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let (w, h) = (canvas.width(), canvas.height());
    let table = &model.run_table;
    let shown = table.rows(model.run_rows());
    let mut remark = format!(
        "{} of {}, {}",
        shown.len(),
        model.run_rows().len(),
        table.order.name()
    );
    if !table.filter.is_empty() {
        remark.push_str(&format!(", contains \"{}\"", table.filter));
    }
    canvas.rule(0, "Runs", &remark);
    if shown.is_empty() && model.desk.queue.is_empty() {
        canvas.put(3, 1, nothing(model), Tone::Dim);
        return;
    }
    match room {
        Room::Large => {
            let left = w * 3 / 5;
            list(model, &shown, &mut canvas.part(0, 1, left, h - 1), true);
            canvas.part(left, 1, 1, h - 1).divider(0);
            details(
                model,
                &mut canvas.part(left + 1, 1, w - left - 1, h - 1),
                true,
            );
        }
        Room::Medium => {
            let top = (h - 1).saturating_sub(9);
            list(model, &shown, &mut canvas.part(0, 1, w, top), true);
            details(model, &mut canvas.part(0, 1 + top, w, 9), false);
        }
        Room::Small => list(model, &shown, &mut canvas.part(0, 1, w, h - 1), false),
    }
}

/// Why no run is shown.
pub(in crate::console) fn nothing(model: &Model) -> &'static str {
    match (&model.runs, model.run_rows().is_empty()) {
        (None, _) => "Reading the runs.",
        (_, true) => "There is no run yet; n starts one, or netsec retrain in a shell.",
        (_, false) => "No run contains all these words.",
    }
}

fn list(model: &Model, shown: &[&RunRow], canvas: &mut Canvas<'_>, headings: bool) {
    let columns = [
        Column::left("", 1),
        Column::left("Run", 5),
        Column::left("When", 12),
        Column::left("State", 10),
        Column::right("F1", 7),
        Column::left("Selected", 19),
        Column::left("By", 8),
        Column::left("Note", 30),
    ];
    let queued = model.desk.queue.len();
    let rows = super::queue_rows(model, true)
        .into_iter()
        .chain(shown.iter().map(|r| {
            let (word, tone) = run_word(model, r.id.clone(), r.outcome);
            let plain = |text: String| (text, Tone::Plain);
            let mark = if model.run_table.marks.contains(&r.id) {
                "*"
            } else {
                ""
            };
            vec![
                (mark.to_owned(), Tone::Key),
                plain(r.id.short().to_owned()),
                plain(r.started_at.map_or(String::new(), |t| model.day(t))),
                (word, tone),
                plain(figure(r.f1)),
                plain(r.selected.clone().unwrap_or_else(|| "-".to_owned())),
                plain(r.by.clone()),
                (r.note.clone().unwrap_or_default(), Tone::Dim),
            ]
        }))
        .collect();
    Table {
        columns: &columns,
        rows,
        cursor: match model.run_table.queue_cursor {
            Some(at) => Some(at),
            None => Some(queued + model.run_table.cursor),
        },
        headings,
    }
    .view(canvas);
}

/// Lines from which the details have room for a sentence below each stage.
const ROOMY: u16 = 28;

/// Stages, data and settings of the run under the cursor, once its log was read.
fn details(model: &Model, canvas: &mut Canvas<'_>, tall: bool) {
    if let Some(row) = model.queued_row() {
        queued(model, row, canvas);
        return;
    }
    let chosen = model.run_table.chosen(model.run_rows());
    let Some(open) = model
        .open
        .as_ref()
        .filter(|o| chosen.is_some_and(|c| c.id == o.id))
    else {
        return;
    };
    canvas.rule(0, &format!("Run {}", open.id), "");
    let width = canvas.width().saturating_sub(2) as usize;
    let marks = canvas.glyphs.marks();
    // Beside a list there is no room for what a stage made, but below its name there is.
    let below = width < 80 && canvas.height() >= ROOMY;
    let mut y = 1;
    for name in StageName::ALL {
        let stage = open.state.stage(name);
        let (word, tone) = stage_word(stage.status);
        canvas.put_in(1, y, 19, name.title(), Tone::Plain);
        canvas.put_in(21, y, 9, &word, tone);
        let seconds = stage.seconds.map_or(String::new(), took);
        canvas.put_right(38, y, &seconds, Tone::Plain);
        // What became of the plan is not the run's to know.
        let summary = match name {
            StageName::ModelPusher => super::home::decided(model, open),
            _ => None,
        };
        let summary = summary.unwrap_or_else(|| stage.summary.clone());
        if !below {
            let room = canvas.width().saturating_sub(41);
            canvas.put_in(40, y, room, &summary, Tone::Dim);
        }
        y += 1;
        let lines = text::wrap(&summary, width.saturating_sub(3), marks);
        let lines = lines.iter().filter(|l| below && !l.is_empty());
        for line in lines.take(2) {
            canvas.put(3, y, line, Tone::Dim);
            y += 1;
        }
    }
    y += u16::from(tall);
    let most = if below { 8 } else { 3 };
    for (name, value) in facts(open) {
        for (i, line) in text::wrap(&value, width.saturating_sub(12), marks)
            .into_iter()
            .take(most)
            .enumerate()
        {
            if i == 0 {
                canvas.put(1, y, name, Tone::Dim);
            }
            canvas.put(13, y, &line, Tone::Plain);
            y += 1;
        }
    }
}

/// What a queued run will be.
fn queued(model: &Model, row: &QueueRow, canvas: &mut Canvas<'_>) {
    canvas.rule(0, &format!("Queued run {}", row.id), "");
    let mut facts = vec![
        ("asked by", row.by.clone()),
        ("since", model.day(row.created_at)),
    ];
    if let Some(note) = &row.note {
        facts.push(("note", note.clone()));
    }
    match row.settings.is_empty() {
        true => facts.push(("settings", "as config.toml said".to_owned())),
        false => facts.extend(row.settings.iter().map(|s| ("changed", s.clone()))),
    }
    if let Some(why) = &row.held {
        facts.push(("CANNOT", why.clone()));
    }
    let width = canvas.width().saturating_sub(14) as usize;
    let marks = canvas.glyphs.marks();
    let mut y = 1;
    for (name, value) in facts {
        canvas.put(1, y, name, Tone::Dim);
        for line in text::wrap(&value, width, marks).into_iter().take(3) {
            canvas.put(13, y, &line, Tone::Plain);
            y += 1;
        }
    }
}

/// What made the run what it is.
pub(in crate::console) fn facts(open: &OpenRun) -> Vec<(&'static str, String)> {
    let state = &open.state;
    let mut facts = Vec::new();
    if let Some(note) = &state.note {
        facts.push(("note", note.clone()));
    }
    if let Some(learner) = &state.selected {
        facts.push(("selected", learner.clone()));
        if let Some(params) = state.learner.get(learner).and_then(|l| l.params.as_ref()) {
            facts.push(("settings", settings(params)));
        }
    }
    if let Some((verdict, reason)) = &state.gate {
        facts.push(("gate", format!("{}: {reason}", verdict.words())));
    }
    facts
}

/// Settings as `name value`, one after the other.
fn settings(params: &serde_json::Value) -> String {
    match params.as_object() {
        Some(map) => map
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) => format!("{name} {text}"),
                None => format!("{name} {value}"),
            })
            .collect::<Vec<_>>()
            .join(", "),
        None => params.to_string(),
    }
}
