//! The screens, and the frame they share: header, tabs, message, footer.

mod approval;
pub(in crate::console) mod comparison;
mod data;
pub(in crate::console) mod home;
pub(in crate::console) mod logs;
pub(in crate::console) mod runs;
pub(in crate::console) mod training;
pub(in crate::console) mod validation;

use super::canvas::Canvas;
use super::commands::{COMMANDS, Command, Scope, Screen};
use super::desk::QueueRow;
use super::dialogs::Dialog;
use super::hits::Target;
use super::layout::{self, Room};
use super::model::{Availability, ChampionLine, Model, OpenRun};
use super::theme::Tone;
use crate::events::{FitPhase, Outcome, RunState, StageName, StageStatus};
use crate::runs::RunId;
use crate::text;

pub use home::rows as home_rows;

/// Draws everything; returns where the cursor of a field stands, if one has the focus.
pub fn view(model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let Some(parts) = layout::parts(canvas.width(), canvas.height()) else {
        too_small(model, canvas);
        return None;
    };
    header(
        model,
        &mut canvas.part(0, 0, parts.header.width, 1),
        parts.room,
    );
    tabs(model, &mut canvas.part(0, 1, parts.tabs.width, 1));
    let b = parts.body;
    {
        let mut part = canvas.part(b.x, b.y, b.width, b.height);
        body(model, &mut part, parts.room);
    }
    message(model, &mut canvas.part(0, parts.message.y, b.width, 1));
    footer(model, &mut canvas.part(0, parts.footer.y, b.width, 1));
    let mut cursor = None;
    for dialog in &model.dialogs {
        let mut body = canvas.part(b.x, b.y, b.width, b.height);
        cursor = dialog.view(model, &mut body);
    }
    cursor
}

/// Draws what is between tabs and message line.
pub fn body(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    match model.screen {
        Screen::Home => home::view(model, canvas, room),
        Screen::Data => data::view(model, canvas, room),
        Screen::Validation => validation::view(model, canvas, room),
        Screen::Training => training::view(model, canvas, room),
        Screen::Comparison => comparison::view(model, canvas, room),
        Screen::Approval => approval::view(model, canvas, room),
        Screen::Runs => runs::view(model, canvas, room),
        Screen::Logs => logs::view(model, canvas, room),
    }
}

fn too_small(model: &Model, canvas: &mut Canvas<'_>) {
    let (w, h) = model.size;
    let (sw, sh) = layout::SMALLEST;
    let mut lines = vec![format!("netsec needs {sw}x{sh}, this is {w}x{h}.")];
    if let Some(open) = &model.open {
        lines.push(format!(
            "run {} {}",
            open.id.short(),
            standing(model, open).0
        ));
    }
    let needs = model.needs().len();
    let quit = model
        .keymap
        .first(Command::Quit)
        .map_or(String::new(), |k| format!("{k} quit"));
    lines.push(if needs > 0 {
        format!("{needs} needs you.   {quit}")
    } else {
        quit
    });
    for (y, line) in lines.iter().enumerate() {
        canvas.put(0, y as u16, line, Tone::Plain);
    }
}

fn header(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let needs = model.needs().len();
    let right = match needs {
        0 => String::new(),
        1 => "1 needs you ".to_owned(),
        n => format!("{n} need you "),
    };
    let x = canvas.put(1, 0, "netsec", Tone::Title);
    let x = canvas.put_in(x + 2, 0, 24, &model.session.place, Tone::Plain);
    let champion = match &model.health.champion {
        ChampionLine::Unknown => String::new(),
        ChampionLine::None => "no champion".to_owned(),
        ChampionLine::Version(v, _) if room == Room::Large => format!("champion {v}"),
        ChampionLine::Version(v, _) => v.clone(),
        ChampionLine::Broken(_) => "champion BROKEN".to_owned(),
    };
    let mut x = canvas.put(x + 2, 0, &champion, Tone::Plain);
    if let Some(open) = &model.open {
        let (word, tone) = standing(model, open);
        x = canvas.put(x + 2, 0, &format!("run {}", open.id.short()), Tone::Plain);
        canvas.put(x + 2, 0, &word, tone);
    }
    if !right.is_empty() {
        canvas.put_right(canvas.width(), 0, &format!(" {right}"), Tone::Warn);
    }
}

fn tabs(model: &Model, canvas: &mut Canvas<'_>) {
    let wide = canvas.width() >= 100;
    let mut x = u16::from(wide);
    for screen in Screen::ALL {
        let go = match screen {
            Screen::Home => Command::GoHome,
            Screen::Data => Command::GoData,
            Screen::Validation => Command::GoValidation,
            Screen::Training => Command::GoTraining,
            Screen::Comparison => Command::GoComparison,
            Screen::Approval => Command::GoApproval,
            Screen::Runs => Command::GoRuns,
            Screen::Logs => Command::GoLogs,
        };
        let key = model
            .keymap
            .first(go)
            .map_or(String::new(), |k| k.to_string());
        let star = if screen == Screen::Approval && !model.plans.is_empty() {
            "*"
        } else {
            ""
        };
        let text = if wide {
            format!("{key} {}{star}", screen.title())
        } else {
            format!("{key}{}{star}", screen.short_title())
        };
        let begin = x;
        x = if screen == model.screen {
            canvas.put(x, 0, &format!("[{text}]"), Tone::Cursor)
        } else {
            canvas.put(x, 0, &format!(" {text} "), Tone::Plain)
        };
        canvas.hit(begin, 0, x.saturating_sub(begin), 1, Target::Run(go));
        x += u16::from(wide);
    }
    let mode = if model.session.view_only.is_some() {
        "view only "
    } else {
        "operate "
    };
    if x + mode.len() as u16 <= canvas.width() {
        canvas.put_right(canvas.width(), 0, mode, Tone::Dim);
    }
}

fn message(model: &Model, canvas: &mut Canvas<'_>) {
    if let Some(said) = &model.said {
        let x = canvas.put(1, 0, &model.clock(said.at), Tone::Dim);
        canvas.put_in(x + 2, 0, canvas.width(), &said.text, said.tone);
    }
}

/// Keys that work here, from the table, those first that can run now.
fn footer(model: &Model, canvas: &mut Canvas<'_>) {
    let dialog = !model.dialogs.is_empty();
    let reading = matches!(
        model.dialogs.last(),
        Some(Dialog::Help(_) | Dialog::Notice(_) | Dialog::Data(_))
    );
    let palette = matches!(model.dialogs.last(), Some(Dialog::Palette(_)));
    let mut specs: Vec<_> = COMMANDS
        .iter()
        .filter(|s| s.footer > 0)
        .filter(|s| {
            if palette {
                matches!(
                    s.command,
                    Command::DialogActivate | Command::Copy | Command::DialogClose
                )
            } else if reading {
                s.command == Command::DialogClose
            } else if dialog {
                s.scope == Scope::Dialog
            } else {
                s.scope.covers(model.screen)
            }
        })
        .filter(|s| model.availability(s.command) == Availability::Enabled)
        .collect();
    specs.sort_by_key(|s| s.footer);
    let piece = |s: &&'static super::commands::CommandSpec| {
        model
            .keymap
            .first_on(s.command, model.screen)
            .map(|k| (capital(&k.to_string()), label(s.command, s.label, palette)))
    };
    // Help and quit keep their places; the others give way from the right.
    let last: Vec<_> = specs
        .iter()
        .filter(|s| matches!(s.command, Command::Help | Command::Quit))
        .filter_map(piece)
        .collect();
    let others = specs
        .iter()
        .filter(|s| !matches!(s.command, Command::Help | Command::Quit));
    let marks = canvas.glyphs.marks();
    let long = |(key, label): &(String, &str)| {
        (text::width(key, marks) + text::width(label, marks) + 3) as u16
    };
    let reserved: u16 = last.iter().map(long).sum();
    let mut x = 1;
    for p in others.filter_map(piece) {
        if x + long(&p) + reserved > canvas.width() {
            break;
        }
        x = canvas.put_all(
            x,
            0,
            &[
                (p.0.as_str(), Tone::Key),
                (" ", Tone::Plain),
                (p.1, Tone::Plain),
            ],
        ) + 2;
    }
    for p in last {
        x = canvas.put_all(
            x,
            0,
            &[
                (p.0.as_str(), Tone::Key),
                (" ", Tone::Plain),
                (p.1, Tone::Plain),
            ],
        ) + 2;
    }
}

/// What a key is said to do: Enter runs what the palette has chosen.
fn label(command: Command, usual: &'static str, palette: bool) -> &'static str {
    match command {
        Command::DialogActivate if palette => "run",
        _ => usual,
    }
}

/// The key of Home, for whoever says what to do next.
fn home_key(model: &Model) -> String {
    let key = model.keymap.first(Command::GoHome);
    key.map_or("Home".to_owned(), |k| format!("{k} (Home)"))
}

/// Named keys with a capital, as they stand on keyboards.
pub(in crate::console) fn capital(key: &str) -> String {
    let mut chars = key.chars();
    match chars.next() {
        Some(c) if key.len() > 1 => c.to_ascii_uppercase().to_string() + chars.as_str(),
        _ => key.to_owned(),
    }
}

/// How a run stands, in a word or two, with its tone.
pub fn standing(model: &Model, open: &OpenRun) -> (String, Tone) {
    let state = &open.state;
    if let Some((_, share)) = open.replay.and_then(|r| r.moment(&open.events)) {
        return (format!("REPLAY {:.0}%", share * 100.0), Tone::Warn);
    }
    let Some(outcome) = open.outcome else {
        return ("reading".to_owned(), Tone::Dim);
    };
    match outcome {
        Outcome::Running => {
            let running = state
                .stages
                .iter()
                .find(|s| s.status == StageStatus::Running);
            let word = match running.map(|s| s.name) {
                None => "STARTING".to_owned(),
                Some(StageName::DataIngestion) => "INGESTING".to_owned(),
                Some(StageName::DataValidation) => "VALIDATING".to_owned(),
                Some(StageName::DataTransformation) => "TRANSFORMING".to_owned(),
                Some(StageName::ModelTrainer) => {
                    format!("TRAINING {:.0}%", (training_share(state) * 100.0).floor())
                }
                Some(StageName::ModelEvaluation) => "EVALUATING".to_owned(),
                Some(StageName::ModelPusher) => "PLANNING".to_owned(),
            };
            (word, Tone::Busy)
        }
        // Decisions are taken after the worker ended: the plans that wait and the champion know
        // of them, the run's log need not.
        Outcome::Finished if model.plans.iter().any(|p| p.run_id == open.id) => {
            ("APPROVE?".to_owned(), Tone::Warn)
        }
        Outcome::Finished if is_champion(model, &open.id) => ("champion".to_owned(), Tone::Good),
        Outcome::Finished => match &state.decision {
            Some((decision, ..)) => (past(decision), Tone::Good),
            None => ("finished".to_owned(), Tone::Good),
        },
        other => outcome_word(other),
    }
}

/// Whether this run made the champion.
fn is_champion(model: &Model, run: &RunId) -> bool {
    matches!(&model.health.champion, ChampionLine::Version(_, made_by) if made_by == run)
}

/// The word of a run in the list: the champion and what waits are said.
pub(in crate::console) fn run_word(model: &Model, id: RunId, outcome: Outcome) -> (String, Tone) {
    if model.plans.iter().any(|p| p.run_id == id) {
        return ("APPROVE?".to_owned(), Tone::Warn);
    }
    if is_champion(model, &id) {
        return ("champion".to_owned(), Tone::Good);
    }
    match &model.open {
        // The run on screen is known better than the list.
        Some(open) if open.id == id && open.outcome.is_some() => {
            let (word, tone) = standing(model, open);
            match word.split_once(' ') {
                Some((first, _)) => (first.to_lowercase(), tone),
                None => (word, tone),
            }
        }
        _ => outcome_word(outcome),
    }
}

/// The queued runs as rows of a table of runs; `marks`: with the column of marks.
fn queue_rows(model: &Model, marks: bool) -> Vec<Vec<(String, Tone)>> {
    let row = |(i, q): (usize, &QueueRow)| {
        let (word, tone) = match q.held {
            Some(_) => ("CANNOT".to_owned(), Tone::Bad),
            None => (format!("queued {}", i + 1), Tone::Busy),
        };
        let plain = |text: &str| (text.to_owned(), Tone::Plain);
        let what = [q.note.clone().unwrap_or_default(), q.settings.join(", ")];
        let what: Vec<String> = what.into_iter().filter(|t| !t.is_empty()).collect();
        let mut cells = vec![
            plain(q.id.trim_start_matches("q-")),
            (model.day(q.created_at), Tone::Plain),
            (word, tone),
            plain("-"),
            plain("-"),
            plain(&q.by),
            (what.join("; "), Tone::Dim),
        ];
        if marks {
            cells.insert(0, plain(""));
        }
        cells
    };
    model.desk.queue.iter().enumerate().map(row).collect()
}

fn past(decision: &str) -> String {
    match decision {
        "approve" => "approved".to_owned(),
        "reject" => "rejected".to_owned(),
        other => other.to_owned(),
    }
}

/// The word of an outcome; capitals for what went wrong.
pub fn outcome_word(outcome: Outcome) -> (String, Tone) {
    let (word, tone) = match outcome {
        Outcome::Running => ("running", Tone::Busy),
        Outcome::Finished => ("finished", Tone::Good),
        Outcome::Failed => ("FAILED", Tone::Bad),
        Outcome::Cancelled => ("cancelled", Tone::Warn),
        Outcome::Stalled => ("STALLED", Tone::Bad),
        Outcome::Crashed => ("CRASHED", Tone::Bad),
    };
    (word.to_owned(), tone)
}

/// The word of a stage and its tone.
pub(in crate::console) fn stage_word(status: StageStatus) -> (String, Tone) {
    let tone = match status {
        StageStatus::Waiting => Tone::Dim,
        StageStatus::Running => Tone::Busy,
        StageStatus::Ok | StageStatus::Reused => Tone::Good,
        StageStatus::Warn | StageStatus::Cancelled => Tone::Warn,
        StageStatus::Failed => Tone::Bad,
    };
    let word = match status {
        StageStatus::Warn | StageStatus::Failed => status.as_str().to_uppercase(),
        _ => status.as_str().to_owned(),
    };
    (word, tone)
}

/// The share of the training stage that is done: learners, and within a learner its folds and
/// its final fit, all counted alike. A measure of progress, not of time.
pub fn training_share(state: &RunState) -> f64 {
    let all = state.learners.len().max(state.learner.len());
    if all == 0 {
        return 0.0;
    }
    let done: f64 = state
        .learner
        .values()
        .map(|l| {
            if l.fit_seconds.is_some() || l.error.is_some() {
                return 1.0;
            }
            let share =
                |(round, of): (u32, u32)| (f64::from(round) / f64::from(of.max(1))).min(1.0);
            // The fits on the folds and the final one count alike. Folds are fitted at the same
            // time, so that the last event does not tell how far all of them are.
            match l.phase {
                None => 0.0,
                Some(FitPhase::Fold { folds, .. }) => {
                    let within: f64 = l.folds.values().copied().map(share).sum();
                    within / f64::from(folds.saturating_add(1))
                }
                Some(FitPhase::Final) => {
                    let folds = l.folds.len() as f64;
                    (folds + share((l.round, l.of))) / (folds + 1.0)
                }
            }
        })
        .sum();
    (done / all as f64).clamp(0.0, 1.0)
}

/// Seconds as `0:41` or `1:02:03`; below ten seconds with a tenth.
pub fn took(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let s = seconds.round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// Bytes as `3.1 GB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A figure with four decimals, `-` when there is none.
pub fn figure(v: Option<f64>) -> String {
    v.map_or("-".to_owned(), |v| format!("{v:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_for_people() {
        assert_eq!(took(0.42), "0.4 s");
        assert_eq!(took(41.2), "0:41");
        assert_eq!(took(3723.0), "1:02:03");
        assert_eq!(took(f64::NAN), "-");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3_140_000_000), "3.1 GB");
        assert_eq!(figure(None), "-");
    }
}
