//! Home in words: stages, what needs me, runs, health, drift.

use super::{join, list};
use crate::console::model::{Model, Need};
use crate::console::screens::{self, home as drawn};
use crate::events::{DriftVerdict, StageName};

/// Rows the cursor moves over.
pub fn rows(model: &Model) -> usize {
    screens::home_rows(model)
}

/// Where it stands.
pub fn cursor(model: &Model) -> usize {
    model.home_cursor
}

/// What it stands on.
pub fn selection(model: &Model) -> String {
    let needs = model.needs();
    match needs.get(model.home_cursor) {
        Some(Need::Plan(p)) => format!("plan {}", p.plan_id),
        Some(Need::Run(r)) => format!("need {}", r.id),
        None => model
            .run_rows()
            .get(model.home_cursor - needs.len())
            .map_or(String::new(), |r| format!("run {}", r.id)),
    }
}

/// A row: something that needs me, or a run.
pub fn row(model: &Model, i: usize) -> String {
    let needs = model.needs();
    if let Some(need) = needs.get(i) {
        return drawn::need_text(model, need);
    }
    match model.run_rows().get(i - needs.len()) {
        Some(run) => super::runs::text(model, run),
        None => String::new(),
    }
}

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    if model.runs.is_none() {
        out.push("Reading the runs.".to_owned());
        return;
    }
    if model.run_rows().is_empty() {
        let lines = drawn::first_run_lines(model);
        let texts = lines.into_iter().map(|(text, _)| text);
        out.extend(texts.filter(|text| !text.is_empty()));
        health(model, out);
        return;
    }
    if let Some(open) = &model.open {
        let remark = drawn::run_remark(model, open);
        let parts: Vec<&str> = remark.split("  ").collect();
        out.push(format!("Pipeline of {}:", parts.join(", ")));
        let known = open.outcome.is_some();
        if !known {
            out.push(super::READING.to_owned());
        }
        for name in StageName::ALL.into_iter().filter(|_| known) {
            let stage = open.state.stage(name);
            let (word, _) = screens::stage_word(stage.status);
            let text = match name {
                StageName::ModelPusher => drawn::decided(model, open),
                _ => None,
            };
            let text = text.unwrap_or_else(|| drawn::progress(&open.state, stage));
            let took = stage.seconds.map_or(String::new(), screens::took);
            out.push(format!("  {}: {}", name.title(), join([word, took, text])));
        }
    }
    out.push(match model.needs().len() {
        0 => "Needs you: nothing.".to_owned(),
        1 => "Needs you: 1, row 1.".to_owned(),
        n => format!("Needs you: {n}, rows 1 to {n}."),
    });
    let news = drawn::news_lines(model, false);
    if !news.is_empty() {
        let since = model
            .away
            .news
            .since
            .map_or(String::new(), |at| model.day(at));
        out.push(format!("Since you were last here, {since}:"));
        out.extend(
            news.into_iter()
                .map(|(what, text)| format!("  {what}: {text}")),
        );
    }
    super::runs::queued(model, out);
    out.push(format!("Runs: {}, newest first.", model.run_rows().len()));
    list(out, rows(model), Some(cursor(model)), |i| row(model, i));
    health(model, out);
    drift(model, out);
}

fn health(model: &Model, out: &mut Vec<String>) {
    out.push("Health:".to_owned());
    for (name, text, word, _) in drawn::health_lines(model) {
        let name = if name.is_empty() { "and" } else { name };
        out.push(format!("  {name}: {}", join([text, word.to_owned()])));
    }
}

fn drift(model: &Model, out: &mut Vec<String>) {
    let Some(open) = &model.open else { return };
    if open.outcome.is_none() {
        return;
    }
    let drift = &open.state.drift;
    let moved: Vec<String> = drift
        .iter()
        .filter(|d| d.verdict == DriftVerdict::Drift)
        .map(|d| match d.figure() {
            Some((name, value)) => format!("{} {name} {value:.3}", d.column),
            None => d.column.clone(),
        })
        .collect();
    let text = match (drift.len(), moved.len()) {
        (0, _) => "not measured".to_owned(),
        (n, 0) => format!("none of {n} columns"),
        (n, m) => format!("{m} of {n} columns: {}", moved.join(", ")),
    };
    out.push(format!("Drift in run {}: {text}.", open.id.short()));
}
