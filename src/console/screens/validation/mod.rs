//! Validate: can the data be trusted, and if not, which rows, since when, and what does it do to
//! the champion.
//!
//! Draws what `findings` has put together; the only arithmetic in here is that of widths.

mod context;
mod detail;
mod lines;
mod list;

use self::detail::Space;
use self::lines::{Line, draw};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::glyphs::Glyphs;
use crate::console::layout::Room;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::validation::Section;
use crate::findings::{Findings, Source, Standing};
use crate::text::count;

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let Some(found) = shown(model) else {
        nothing(model, canvas);
        return;
    };
    let (w, h) = (canvas.width(), canvas.height());
    let body = h.saturating_sub(1);
    match room {
        Room::Large => large(model, found, &mut canvas.part(0, 0, w, body)),
        Room::Medium => medium(model, found, &mut canvas.part(0, 0, w, body)),
        Room::Small => small(model, found, &mut canvas.part(0, 0, w, body)),
    }
    let (text, tone) = verdict(found);
    canvas.put_in(1, body, w.saturating_sub(2), &text, tone);
}

/// What is shown: the findings of the run on screen, once there are any.
pub(in crate::console) fn shown(model: &Model) -> Option<&Findings> {
    let found = model.validation.found.as_deref()?;
    let here = model.open.as_ref().is_some_and(|o| o.id == found.run);
    (here && found.source != Source::Nothing).then_some(found)
}

/// A part as lines of text, for whoever does not draw.
pub(in crate::console) fn part_lines(
    model: &Model,
    found: &Findings,
    part: Section,
) -> Vec<String> {
    const WIDTH: usize = 100;
    let lines = lines_of(model, found, part, WIDTH, Glyphs::Ascii);
    lines
        .iter()
        .map(|line| line.iter().map(|(text, _)| text.as_str()).collect())
        .collect()
}

/// Two columns: the list with its context on the left, the finding on the right.
fn large(model: &Model, found: &Findings, canvas: &mut Canvas<'_>) {
    let (w, h) = (canvas.width(), canvas.height());
    let left = w / 2 + 2;
    let right = w - left - 1;
    let labels = context::labels(found, left as usize - 4);
    let changes = context::changes(model, found, left as usize - 4, canvas.glyphs.marks());
    // The list gets what the context leaves, and at least eight rows.
    let wanted = |lines: &[Line], most: u16| (lines.len() as u16).min(most) + 1;
    let mut label_rows = wanted(&labels, 8);
    let mut change_rows = wanted(&changes, 7);
    let groups = found.groups.len() as u16;
    let least = groups + 8;
    while label_rows + change_rows + least > h && label_rows + change_rows > 4 {
        if label_rows > change_rows {
            label_rows -= 1;
        } else {
            change_rows -= 1;
        }
    }
    let list_rows = h.saturating_sub(label_rows + change_rows);
    list::view(
        model,
        found,
        &mut canvas.part(0, 0, left, list_rows),
        Room::Large,
    );
    section(
        model,
        Section::Labels,
        &labels,
        &mut canvas.part(0, list_rows, left, label_rows),
    );
    section(
        model,
        Section::Changes,
        &changes,
        &mut canvas.part(0, list_rows + label_rows, left, change_rows),
    );
    canvas.part(left, 0, 1, h).divider(0);
    let mut part = canvas.part(left + 1, 0, right, h);
    let space = Space {
        width: right as usize - 3,
        bins: 10,
        short: false,
    };
    let lines = detail::lines(model, found, space, part.glyphs);
    section(model, Section::Detail, &lines, &mut part);
}

/// The list above, the chosen part below.
fn medium(model: &Model, found: &Findings, canvas: &mut Canvas<'_>) {
    let (w, h) = (canvas.width(), canvas.height());
    let rows = model.validation.rows().len() as u16;
    let list_rows = (rows + 3).clamp(5, (h / 2).saturating_sub(1).max(5));
    list::view(
        model,
        found,
        &mut canvas.part(0, 0, w, list_rows),
        Room::Medium,
    );
    let below = below(model.validation.section);
    let mut part = canvas.part(0, list_rows, w, h.saturating_sub(list_rows));
    let width = (part.width() as usize).saturating_sub(4);
    let lines = lines_of(model, found, below, width, part.glyphs);
    section(model, below, &lines, &mut part);
}

/// One part at a time.
fn small(model: &Model, found: &Findings, canvas: &mut Canvas<'_>) {
    match model.validation.section {
        Section::Problems => list::view(model, found, canvas, Room::Small),
        other => {
            let width = (canvas.width() as usize).saturating_sub(4);
            let lines = lines_of(model, found, other, width, canvas.glyphs);
            section(model, other, &lines, canvas);
        }
    }
}

/// The part below the list: where the cursor is, and while it is in the list, the detail.
fn below(section: Section) -> Section {
    match section {
        Section::Problems => Section::Detail,
        other => other,
    }
}

fn lines_of(
    model: &Model,
    found: &Findings,
    section: Section,
    width: usize,
    glyphs: Glyphs,
) -> Vec<Line> {
    match section {
        Section::Problems | Section::Detail => {
            let space = Space {
                width,
                bins: 7,
                short: true,
            };
            detail::lines(model, found, space, glyphs)
        }
        Section::Labels => context::labels(found, width),
        Section::Changes => context::changes(model, found, width, glyphs.marks()),
    }
}

/// A part that is read: its rule and its lines, scrolled when the cursor keys move in it.
fn section(model: &Model, which: Section, lines: &[Line], canvas: &mut Canvas<'_>) {
    let view = &model.validation;
    let (w, h) = (canvas.width(), canvas.height());
    if h == 0 {
        return;
    }
    let here = view.section == which;
    let rows = h as usize - 1;
    let first = match here {
        true => view.first.min(lines.len().saturating_sub(rows)),
        false => 0,
    };
    let title = match which {
        Section::Problems => "Checks".to_owned(),
        Section::Detail => view.chosen().map_or("Detail".to_owned(), |f| f.id.clone()),
        Section::Labels => "Label mix".to_owned(),
        Section::Changes => "What changed".to_owned(),
    };
    let title = if here { format!("> {title}") } else { title };
    let remark = if lines.len() > rows {
        format!("{}-{} of {}", first + 1, first + rows, lines.len())
    } else {
        String::new()
    };
    canvas.rule(0, &title, &remark);
    let mut part = canvas.part(0, 1, w, h - 1);
    draw(&mut part, lines.get(first..).unwrap_or(&[]));
}

/// How the whole stands, and whether it stops the run.
pub(in crate::console) fn verdict(found: &Findings) -> (String, Tone) {
    let n = |standing| found.count(standing);
    let (failed, drifted, warned) = (
        n(Standing::Fail),
        n(Standing::Drift),
        n(Standing::Warn) + n(Standing::Masked),
    );
    let blocks = found.limits.blocks;
    let (word, tone) = if failed > 0 {
        ("FAILED: the checks stopped the run", Tone::Bad)
    } else if drifted > 0 && blocks {
        (
            "WARN: drift of the table stops a run ([drift] blocks)",
            Tone::Warn,
        )
    } else if drifted + warned > 0 {
        ("WARN: training may continue", Tone::Warn)
    } else {
        ("ok: nothing was found", Tone::Good)
    };
    let ok = n(Standing::Ok);
    let cannot = n(Standing::CannotTell);
    let mut text = format!("Verdict {word}. ");
    if found.source == Source::Log {
        text.push_str(&format!("{} checks, {failed} failed", found.checks));
    } else {
        text.push_str(&format!("{} ok, {warned} warn", count(ok as u64)));
        if found.drift.is_some() {
            text.push_str(&format!(", {drifted} drifted"));
        }
        if cannot > 0 {
            text.push_str(&format!(", {cannot} cannot tell"));
        }
        if failed > 0 {
            text.push_str(&format!(", {failed} failed"));
        }
    }
    text.push('.');
    (text, tone)
}

/// What to do when there is nothing to show.
fn nothing(model: &Model, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "Checks", "");
    let key = |command| {
        model
            .keymap
            .first(command)
            .map_or("-".to_owned(), |k| super::capital(&k.to_string()))
    };
    let width = canvas.width().saturating_sub(6) as usize;
    let marks = canvas.glyphs.marks();
    let mut lines: Vec<(String, Tone)> = Vec::new();
    let view = &model.validation;
    match &model.open {
        None => {
            lines.push(("There is no run yet.".to_owned(), Tone::Plain));
            lines.push((String::new(), Tone::Plain));
            let home = key(Command::GoHome);
            lines.push((
                format!(
                    "A retrain checks its data before it trains, and compares it with the data \
                     the champion was trained on. {home} shows how to start one; netsec validate \
                     FILE checks a file without a run."
                ),
                Tone::Dim,
            ));
        }
        Some(open) => {
            let run = open.id.short();
            match (&view.refused, &view.found) {
                (Some(why), _) => lines.push((why.clone(), Tone::Warn)),
                (None, Some(f)) if f.run == open.id => {
                    let live = open.state.finished_at.is_none();
                    lines.push((
                        match live {
                            true => format!("Run {run} has not validated its data yet."),
                            false => format!("Run {run} ended before it validated its data."),
                        },
                        Tone::Plain,
                    ));
                    lines.push((String::new(), Tone::Plain));
                    lines.push((
                        match live {
                            true => "The findings show here as soon as the stage ends.".to_owned(),
                            false => format!(
                                "{} tells what it did; another run can be chosen on {} Runs.",
                                key(Command::GoLogs),
                                key(Command::GoRuns)
                            ),
                        },
                        Tone::Dim,
                    ));
                }
                (None, _) => lines.push((format!("Reading what run {run} found."), Tone::Busy)),
            }
        }
    }
    let mut y = 1;
    for (text, tone) in lines {
        let wrapped = crate::text::wrap(&text, width, marks);
        for line in wrapped {
            canvas.put(3, y, &line, tone);
            y += 1;
        }
        if text.is_empty() {
            y += 1;
        }
    }
}
