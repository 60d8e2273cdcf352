//! Runs in words: the list with filter and order, and what made the run under the cursor.

use super::{join, list};
use crate::console::model::{Model, RunRow};
use crate::console::screens::{self, runs as drawn};
use crate::events::StageName;

/// Rows shown.
pub fn rows(model: &Model) -> usize {
    model.run_table.rows(model.run_rows()).len()
}

/// A run in a line.
pub fn text(model: &Model, run: &RunRow) -> String {
    let (word, _) = screens::run_word(model, run.id.clone(), run.outcome);
    let f1 = run.f1.map_or(String::new(), |v| format!("F1 {v:.4}"));
    join([
        format!("run {}", run.id.short()),
        run.started_at.map_or(String::new(), |t| model.day(t)),
        word,
        f1,
        run.selected.clone().unwrap_or_default(),
        format!("by {}", run.by),
        run.note
            .as_ref()
            .map_or(String::new(), |n| format!("note \"{n}\"")),
    ])
}

/// A row.
pub fn row(model: &Model, i: usize) -> String {
    match model.run_table.rows(model.run_rows()).get(i) {
        Some(run) if model.run_table.marks.contains(&run.id) => {
            format!("{}, marked", text(model, run))
        }
        Some(run) => text(model, run),
        None => String::new(),
    }
}

/// The runs that wait for their turn.
pub fn queued(model: &Model, out: &mut Vec<String>) {
    for (i, q) in model.desk.queue.iter().enumerate() {
        let how = match &q.held {
            Some(why) => format!("cannot start: {why}"),
            None => q.settings.join(", "),
        };
        let note = q
            .note
            .as_ref()
            .map_or(String::new(), |n| format!("note \"{n}\""));
        let by = format!("by {}", q.by);
        let words = join([format!("Queued {}", i + 1), q.id.clone(), by, how, note]);
        out.push(words);
    }
}

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    let table = &model.run_table;
    let shown = rows(model);
    let mut line = format!(
        "{shown} of {} runs, {}",
        model.run_rows().len(),
        table.order.name()
    );
    if !table.filter.is_empty() {
        line.push_str(&format!(", contains \"{}\"", table.filter));
    }
    out.push(line + ".");
    queued(model, out);
    if shown == 0 {
        out.push(drawn::nothing(model).to_owned());
        return;
    }
    list(out, shown, Some(table.cursor), |i| row(model, i));
    let chosen = table.chosen(model.run_rows());
    let open = model.open.as_ref();
    let Some(open) = open.filter(|o| chosen.is_some_and(|c| c.id == o.id)) else {
        return;
    };
    out.push(format!("Run {}:", open.id));
    if open.outcome.is_none() {
        out.push(super::READING.to_owned());
        return;
    }
    for name in StageName::ALL {
        let stage = open.state.stage(name);
        let (word, _) = screens::stage_word(stage.status);
        let took = stage.seconds.map_or(String::new(), screens::took);
        let summary = stage.summary.clone();
        out.push(format!(
            "  {}: {}",
            name.title(),
            join([word, took, summary])
        ));
    }
    for (name, value) in drawn::facts(open) {
        out.push(format!("  {name}: {value}"));
    }
}
