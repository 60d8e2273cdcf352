//! Logs: what happened, in order, and what to do about the line under the cursor.

use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::layout::{Room, first_row};
use crate::console::log_lines::{Level, LogLine};
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::events::StageName;
use crate::text;

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let (w, h) = (canvas.width(), canvas.height());
    let Some(open) = &model.open else {
        canvas.rule(0, "Logs", "");
        canvas.put(3, 1, &nothing(&super::home_key(model)), Tone::Dim);
        return;
    };
    let logs = &model.logs;
    let remark = format!(
        "run {}   {} lines",
        open.id.short(),
        text::count(logs.total() as u64)
    );
    canvas.rule(0, "Logs", &remark);
    let pane = match room {
        Room::Large => 7,
        Room::Medium => 5,
        Room::Small => 2,
    };
    let list = h.saturating_sub(pane + 2);
    if logs.is_empty() {
        canvas.put(3, 1, "No line passes the filter.", Tone::Dim);
    }
    let first = first_row(logs.cursor(), logs.len(), list as usize);
    for y in 0..list {
        let at = first + y as usize;
        let Some(line) = logs.line(at) else { break };
        row(
            model,
            line,
            at == logs.cursor(),
            &mut canvas.part(0, y + 1, w, 1),
            room,
        );
    }
    if let Some(line) = logs.line(logs.cursor()) {
        detail(line, &mut canvas.part(0, list + 1, w, pane));
    }
    state(model, &mut canvas.part(0, h.saturating_sub(1), w, 1));
}

/// What to do when there is no run; `home` is how to get to Home.
pub(in crate::console) fn nothing(home: &str) -> String {
    format!("There is no run yet; {home} says how to start one, and its log shows here.")
}

fn tone(level: Level) -> Tone {
    match level {
        Level::Detail => Tone::Dim,
        Level::Info => Tone::Plain,
        Level::Warn => Tone::Warn,
        Level::Error => Tone::Bad,
    }
}

fn row(model: &Model, line: &LogLine, here: bool, canvas: &mut Canvas<'_>, room: Room) {
    if here {
        canvas.put(1, 0, ">", Tone::Cursor);
    }
    let clock = line.at().map_or("-".to_owned(), |at| model.clock(at));
    canvas.put_in(3, 0, 8, &clock, Tone::Dim);
    canvas.put_in(12, 0, 6, line.level().word(), tone(line.level()));
    let mut x = 19;
    if room != Room::Small {
        canvas.put_in(x, 0, 10, line.stage().map_or("run", short), Tone::Dim);
        x += 11;
    }
    let tone = if here { Tone::Cursor } else { Tone::Plain };
    canvas.put_in(
        x,
        0,
        canvas.width().saturating_sub(x + 1),
        &line.text(),
        tone,
    );
}

/// A stage in one word.
fn short(stage: StageName) -> &'static str {
    match stage {
        StageName::DataIngestion => "ingest",
        StageName::DataValidation => "validate",
        StageName::DataTransformation => "transform",
        StageName::ModelTrainer => "train",
        StageName::ModelEvaluation => "evaluate",
        StageName::ModelPusher => "push",
    }
}

/// The line in full: its text, what the event says, and what to do.
fn detail(line: &LogLine, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "", &format!("seq {}", line.seq()));
    let width = canvas.width().saturating_sub(2) as usize;
    let marks = canvas.glyphs.marks();
    let mut lines: Vec<(String, Tone)> = Vec::new();
    for hint in line.hints() {
        lines.push((format!("do: {hint}"), Tone::Key));
    }
    let said = line.text();
    let whole = text::wrap(&said, width, marks);
    // Only what the list had to cut is repeated.
    if whole.len() > 1 || said.len() + 32 > width {
        lines.extend(whole.into_iter().map(|l| (l, Tone::Plain)));
    }
    let fields: Vec<String> = line
        .fields()
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "kind" => value,
            _ => format!("{name} {value}"),
        })
        .collect();
    lines.extend(
        text::wrap(&fields.join(", "), width, marks)
            .into_iter()
            .map(|l| (l, Tone::Dim)),
    );
    for (y, (text, tone)) in lines.iter().enumerate() {
        canvas.put(1, y as u16 + 1, text, *tone);
    }
}

/// The filter, and whether new lines move the screen.
fn state(model: &Model, canvas: &mut Canvas<'_>) {
    let logs = &model.logs;
    let filter = &logs.filter;
    let mut text = format!("level >= {}", filter.level.word().to_lowercase());
    text.push_str(&format!("   stage: {}", filter.stage.map_or("all", short)));
    if !filter.find.is_empty() {
        text.push_str(&format!("   contains \"{}\"", filter.find));
    }
    text.push_str(&format!(
        "   {} of {} lines",
        text::count(logs.len() as u64),
        text::count(logs.total() as u64)
    ));
    let x = canvas.put(1, 0, &text, Tone::Dim);
    if let Some(missed) = logs.missed() {
        let key = model
            .keymap
            .first(Command::End)
            .map_or(String::new(), |k| format!(", {k} follows again"));
        let new = match missed {
            0 => String::new(),
            1 => ", 1 new line".to_owned(),
            n => format!(", {n} new lines"),
        };
        canvas.put(x + 3, 0, &format!("PAUSED{key}{new}"), Tone::Warn);
    }
}
