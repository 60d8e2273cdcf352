//! The screens in words: the same model, the same facts, one line each, rows of a list numbered.
//! Pure; nothing here knows how lines are printed. A screen without words of its own is told as
//! it would be drawn.

mod approval;
mod comparison;
mod data;
mod home;
mod logs;
mod runs;
mod training;
mod validation;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::canvas::Canvas;
use crate::console::commands::Screen;
use crate::console::dialogs::lines_of;
use crate::console::glyphs::Glyphs;
use crate::console::layout::Room;
use crate::console::model::{ChampionLine, Model};
use crate::console::screens;

/// Said while a run's log has not been read yet.
const READING: &str = "  its log is being read; an empty line tells the screen again";
/// Rows of a list that are told at once.
const WINDOW: usize = 12;

/// Everything the screen shows.
pub fn screen(model: &Model) -> Vec<String> {
    let mut out = vec![heading(model)];
    match model.screen {
        Screen::Home => home::tell(model, &mut out),
        Screen::Data => {
            if !data::tell(model, &mut out) {
                out.extend(drawn(model));
            }
        }
        Screen::Validation => {
            if !validation::tell(model, &mut out) {
                out.extend(drawn(model));
            }
        }
        Screen::Training => training::tell(model, &mut out),
        Screen::Comparison => comparison::tell(model, &mut out),
        Screen::Approval => approval::tell(model, &mut out),
        Screen::Runs => runs::tell(model, &mut out),
        Screen::Logs => logs::tell(model, &mut out),
    }
    out
}

/// What the cursor of the screen stands on: told anew whenever it changes.
pub fn selected(model: &Model) -> Vec<String> {
    match model.screen {
        Screen::Home => row(home::rows(model), home::cursor(model), |i| {
            home::row(model, i)
        }),
        Screen::Data => data::selected(model),
        Screen::Validation => validation::selected(model),
        Screen::Training => training::selected(model),
        Screen::Comparison => comparison::pane(model),
        Screen::Approval => row(model.plans.len(), model.approval_cursor, |i| {
            approval::row(model, i)
        }),
        Screen::Runs => row(runs::rows(model), model.run_table.cursor, |i| {
            runs::row(model, i)
        }),
        Screen::Logs => logs::selected(model),
    }
}

/// Which row the cursor stands on: its text may change under it without being told again.
pub fn selection(model: &Model) -> String {
    match model.screen {
        Screen::Home => home::selection(model),
        Screen::Data => data::selection(model),
        Screen::Validation => validation::selection(model),
        Screen::Training => format!("{:?}", model.picked_learner),
        Screen::Comparison => format!("{:?} {}", model.compare.pane, model.compare.first),
        Screen::Approval => model.plan().map_or(String::new(), |p| p.plan_id.clone()),
        Screen::Runs => {
            let chosen = model.run_table.chosen(model.run_rows());
            let run = chosen.map(|r| (&r.id, model.run_table.marks.contains(&r.id)));
            format!("{run:?}")
        }
        Screen::Logs => {
            let line = model.logs.line(model.logs.cursor());
            let paused = model.logs.missed().is_some();
            format!("{:?}", line.map(|l| l.seq()).filter(|_| paused))
        }
    }
}

/// Rows of the screen's list, and the one under the cursor.
pub fn rows(model: &Model) -> (usize, usize) {
    match model.screen {
        Screen::Home => (home::rows(model), home::cursor(model)),
        Screen::Approval => (model.plans.len(), model.approval_cursor),
        Screen::Runs => (runs::rows(model), model.run_table.cursor),
        Screen::Logs => (model.logs.len(), model.logs.cursor()),
        Screen::Training => {
            let learners = model.learners();
            let shown = model.shown_learner();
            let at = learners.iter().position(|l| Some(*l) == shown);
            (learners.len(), at.unwrap_or(0))
        }
        Screen::Validation => (model.validation.rows().len(), model.validation.cursor),
        Screen::Data => {
            let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let browser = &model.browser;
            (clamp(browser.rows()), clamp(browser.view.row))
        }
        Screen::Comparison => (0, 0),
    }
}

/// What makes the screen worth telling anew when it changes: what is shown has become something
/// else, rather than grown or moved by a row.
pub fn occasion(model: &Model) -> String {
    let replay = model.open.as_ref().and_then(|o| o.replay);
    let open = model.open.as_ref().map(|o| (&o.id, o.outcome.is_some()));
    match model.screen {
        Screen::Home => format!("{:?} {replay:?}", model.runs.is_some()),
        Screen::Training => format!("{open:?} {replay:?}"),
        Screen::Comparison => {
            let c = &model.compare;
            format!("{:?} {:?} {:?}", c.pair, c.document.is_some(), c.refused)
        }
        Screen::Approval => {
            let plans: Vec<&str> = model.plans.iter().map(|p| p.plan_id.as_str()).collect();
            format!("{plans:?}")
        }
        Screen::Runs => format!(
            "{:?} {:?} {:?}",
            model.run_table.order,
            model.run_table.filter,
            model.runs.is_some()
        ),
        Screen::Logs => format!("{:?} {:?}", open.map(|o| o.0), model.logs.filter),
        Screen::Validation => validation::occasion(model),
        Screen::Data => data::occasion(model),
    }
}

/// Where we are, and how it stands.
fn heading(model: &Model) -> String {
    let mut text = format!("{}: project {}", model.screen.title(), model.session.place);
    match &model.health.champion {
        ChampionLine::Unknown => {}
        ChampionLine::None => text.push_str(", no champion"),
        ChampionLine::Version(v, _) => text.push_str(&format!(", champion {v}")),
        ChampionLine::Broken(_) => text.push_str(", champion BROKEN"),
    }
    if let Some(open) = &model.open {
        let (word, _) = screens::standing(model, open);
        text.push_str(&format!(", run {} {word}", open.id.short()));
    }
    match model.needs().len() {
        0 => {}
        1 => text.push_str(", 1 needs you"),
        n => text.push_str(&format!(", {n} need you")),
    }
    if model.session.view_only.is_some() {
        text.push_str(", view only");
    }
    text.push('.');
    text
}

/// The rows around the cursor, numbered from 1.
fn list(out: &mut Vec<String>, count: usize, at: Option<usize>, tell: impl Fn(usize) -> String) {
    let first = match at {
        Some(at) if at >= WINDOW => at + 1 - WINDOW,
        _ => 0,
    };
    let last = (first + WINDOW).min(count);
    for i in first..last {
        let here = if at == Some(i) { ", selected" } else { "" };
        out.push(format!("  row {}{here}: {}", i + 1, tell(i)));
    }
    if last - first < count {
        out.push(format!("  rows {} to {last} of {count}", first + 1));
    }
}

/// The row under the cursor.
fn row(count: usize, at: usize, tell: impl Fn(usize) -> String) -> Vec<String> {
    if at < count {
        vec![format!("Row {} of {count}: {}", at + 1, tell(at))]
    } else {
        Vec::new()
    }
}

/// Facts that are there, one after the other.
fn join(parts: impl IntoIterator<Item = String>) -> String {
    parts
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The body of a screen as it is drawn, line by line, in ASCII.
fn drawn(model: &Model) -> Vec<String> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 110, 30));
    let mut canvas = Canvas::new(&mut buffer, Glyphs::Ascii, model.theme());
    screens::body(model, &mut canvas, Room::Medium);
    lines_of(&buffer)
}
