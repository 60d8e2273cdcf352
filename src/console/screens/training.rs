//! Train: is it learning, which learner leads, when will it end, can I stop it safely.

use super::{bytes, figure, standing, took, training_share};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::glyphs::Glyphs;
use crate::console::layout::Room;
use crate::console::model::{Model, OpenRun};
use crate::console::theme::Tone;
use crate::console::widgets::{
    Column, LinePlot, Series, Table, XAxis, gauge, mean_by_step, y_axis,
};
use crate::events::{
    ControlCommand, FitPhase, LearnerState, RunState, Split, StageName, StageStatus,
};

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let Some(open) = &model.open else {
        canvas.rule(0, "Train", "");
        canvas.put(2, 2, "There is no run to show.", Tone::Plain);
        let home = model
            .keymap
            .first(Command::GoHome)
            .map_or(String::new(), |k| k.to_string());
        canvas.put(
            2,
            3,
            &format!("{home} goes to Home, which says what to do next."),
            Tone::Dim,
        );
        return;
    };
    let (w, h) = (canvas.width(), canvas.height());
    let learners = model.learners().len() as u16;
    let board = (learners.max(1) + 2).min(h / 2).max(3);
    let top = h - board;
    match room {
        Room::Small => {
            run_short(model, open, &mut canvas.part(0, 0, w, top));
        }
        Room::Medium | Room::Large => {
            let right = if room == Room::Large { 40 } else { 30 };
            let left = w - right - 1;
            plots(model, open, &mut canvas.part(0, 0, left, top));
            canvas.part(left, 0, 1, top).divider(0);
            run(model, open, &mut canvas.part(left + 1, 0, right, top), room);
        }
    }
    leaderboard(model, open, &mut canvas.part(0, top, w, board), room);
}

/// Why a learner has no curve.
pub(in crate::console) fn no_curve(open: &OpenRun, learner: &str) -> &'static str {
    let trainer = open.state.stage(StageName::ModelTrainer);
    match open.state.learner.get(learner) {
        None => "This learner has not begun.",
        Some(_) if trainer.status == StageStatus::Reused => {
            "The training is an earlier run's, taken over as it was: the curves are there."
        }
        Some(l) if l.fit_seconds.is_some() => "This learner reports no curve, only its result.",
        Some(_) => "No figures yet.",
    }
}

fn plots(model: &Model, open: &OpenRun, canvas: &mut Canvas<'_>) {
    let (w, h) = (canvas.width(), canvas.height());
    let Some(name) = model.shown_learner() else {
        canvas.rule(0, "Curves", "");
        canvas.put(2, 2, "Training has not begun.", Tone::Dim);
        return;
    };
    let metrics = model.metrics(name);
    if metrics.is_empty() {
        canvas.rule(0, name, "");
        let why = no_curve(open, name);
        let width = usize::from(w.saturating_sub(3));
        let lines = crate::text::wrap(why, width, canvas.glyphs.marks());
        for (y, line) in (2..h).zip(&lines) {
            canvas.put(2, y, line, Tone::Dim);
        }
        return;
    }
    let two = h >= 18 && metrics.len() > 1;
    let each = if two { h / 2 } else { h };
    for i in 0..if two { 2 } else { 1 } {
        let metric = metrics[(model.metric + i) % metrics.len()];
        let height = if i == 1 { h - each } else { each };
        plot(
            open,
            name,
            metric,
            &mut canvas.part(0, i as u16 * each, w, height),
        );
    }
}

fn plot(open: &OpenRun, learner: &str, metric: &str, canvas: &mut Canvas<'_>) {
    let Some(l) = open.state.learner.get(learner) else {
        return;
    };
    let curve = |split| {
        l.curves
            .get(&(metric.to_owned(), split))
            .map(|points| mean_by_step(points))
            .filter(|points| !points.is_empty())
    };
    let mut series = Vec::new();
    let mut remark = Vec::new();
    let dashes = match canvas.glyphs {
        Glyphs::Ascii => ["*", "o"],
        Glyphs::Braille | Glyphs::Block => ["──", "╌╌"],
    };
    for (split, word, how, tone, mark) in [
        (Split::Train, "train", dashes[0], Tone::First, '*'),
        (Split::Valid, "valid", dashes[1], Tone::Second, 'o'),
    ] {
        if let Some(points) = curve(split) {
            let last = points.last().map(|p| p.1);
            remark.push(format!("{word} {how} {}", figure(last)));
            series.push(Series {
                points,
                tone,
                mark,
                dotted: split == Split::Valid,
            });
        }
    }
    let share = !metric.contains("loss") && metric != "brier";
    let y = y_axis(
        share,
        series.iter().flat_map(|s| s.points.iter().map(|p| p.1)),
    );
    let last = series
        .iter()
        .filter_map(|s| s.points.last())
        .map(|p| p.0)
        .max();
    let x_max = l.of.max(last.unwrap_or(0)).max(1);
    let (w, h) = (canvas.width(), canvas.height());
    let metric = metric.replace('_', " ");
    let title = if w >= 64 {
        format!("{learner} {metric}")
    } else {
        metric
    };
    canvas.rule(0, &title, &remark.join("  "));
    LinePlot {
        series,
        x: XAxis::Rounds(x_max),
        y,
    }
    .view(&mut canvas.part(0, 1, w, h - 1));
}

/// What the learner at hand is doing.
fn phase_word(l: &LearnerState) -> String {
    match l.phase {
        None => "waiting".to_owned(),
        Some(FitPhase::Fold { fold, folds }) => format!("fold {fold} of {folds}"),
        Some(FitPhase::Final) => "final fit".to_owned(),
    }
}

/// Seconds of training so far, by the log, and an estimate of what is left.
fn timing(open: &OpenRun) -> (Option<f64>, Option<f64>) {
    let stage = open.state.stage(StageName::ModelTrainer);
    if let Some(seconds) = stage.seconds {
        return (Some(seconds), None);
    }
    let (Some(from), Some(to)) = (stage.started_at, open.state.last_event_at) else {
        return (None, None);
    };
    let elapsed = (to - from).num_milliseconds() as f64 / 1000.0;
    let share = training_share(&open.state);
    // Below a tenth the estimate says more about the first learner than about the run.
    let left = (share >= 0.1 && stage.status == StageStatus::Running)
        .then(|| elapsed * (1.0 - share) / share);
    (Some(elapsed), left)
}

/// An estimate, no finer than it is good.
fn about(seconds: f64) -> String {
    let coarse = match seconds {
        s if s < 30.0 => (s / 5.0).ceil() * 5.0,
        s if s < 300.0 => (s / 15.0).ceil() * 15.0,
        s => (s / 60.0).ceil() * 60.0,
    };
    format!("~{}:{:02}", coarse as u64 / 60, coarse as u64 % 60)
}

/// A line of the run's column: name, text, tone.
type Line = (&'static str, String, Tone);

pub(in crate::console) fn run_lines(model: &Model, open: &OpenRun, bar: usize) -> Vec<Line> {
    let state = &open.state;
    let (word, tone) = standing(model, open);
    let mut lines: Vec<Line> = vec![("state", word, tone)];
    if let Some((name, l)) = model
        .shown_learner()
        .and_then(|n| Some((n, state.learner.get(n)?)))
    {
        lines.push(("learner", name.to_owned(), Tone::Plain));
        let done = l.fit_seconds.is_some();
        if let Some(error) = &l.error {
            lines.push(("", format!("FAILED: {}", error.message), Tone::Bad));
        } else if done {
            lines.push(("", "done".to_owned(), Tone::Good));
        } else {
            lines.push(("", phase_word(l), Tone::Plain));
            lines.push(("round", format!("{} of {}", l.round, l.of), Tone::Plain));
            let share = f64::from(l.round) / f64::from(l.of.max(1));
            lines.push(("", gauge(share, bar), Tone::Busy));
        }
    }
    let (elapsed, left) = timing(open);
    if let Some(elapsed) = elapsed {
        let left = left.map_or(String::new(), |s| format!("   left {}", about(s)));
        // Whole tens while it runs: a figure that changes with every event is only noise.
        let running = state.stage(StageName::ModelTrainer).status == StageStatus::Running;
        let shown = if running {
            (elapsed / 10.0).floor() * 10.0
        } else {
            elapsed
        };
        let shown = if running && shown < 10.0 {
            "< 0:10".to_owned()
        } else {
            took(shown)
        };
        lines.push(("training", format!("{shown}{left}"), Tone::Plain));
    }
    if let Some((command, by)) = state.controls.last() {
        let word = match command {
            ControlCommand::StopAfterRound => "stop",
            ControlCommand::Cancel => "cancel",
        };
        lines.push(("asked", format!("{word} by {}", by.name), Tone::Warn));
    }
    lines
}

fn run(model: &Model, open: &OpenRun, canvas: &mut Canvas<'_>, room: Room) {
    let state = &open.state;
    canvas.rule(0, &format!("Run {}", open.id.short()), "");
    let bar = if room == Room::Large { 24 } else { 18 };
    let mut lines = run_lines(model, open, bar);
    if state.train_rows > 0 {
        for (name, rows) in [("train", state.train_rows), ("test", state.test_rows)] {
            lines.push((
                name,
                format!("{} rows", crate::text::count(rows)),
                Tone::Plain,
            ));
        }
    }
    let h = canvas.height();
    let mut y = 1;
    for (name, text, tone) in &lines {
        if y >= h {
            return;
        }
        canvas.put(1, y, name, Tone::Dim);
        canvas.put(10, y, text, *tone);
        y += 1;
    }
    if y + 3 <= h {
        let w = canvas.width();
        canvas.part(0, y, w, 1).rule(0, "Machine", "");
        y += 1;
        match state.heartbeat {
            Some((rss, cpu)) => {
                canvas.put(1, y, "worker", Tone::Dim);
                canvas.put(
                    10,
                    y,
                    &format!("{}, {cpu:.1} cores", bytes(rss)),
                    Tone::Plain,
                );
            }
            None => {
                canvas.put(1, y, "No heartbeat in the log.", Tone::Dim);
            }
        }
        y += 1;
        if let Some(at) = state.last_event_at {
            canvas.put(1, y, "last log", Tone::Dim);
            // The minute: the worker's heartbeat is the proof of life, not a running clock.
            canvas.put(10, y, &model.day(at), Tone::Plain);
        }
        y += 1;
    }
    if !state.warnings.is_empty() && y + 2 <= h {
        let w = canvas.width();
        canvas
            .part(0, y, w, 1)
            .rule(0, "Warnings", &state.warnings.len().to_string());
        y += 1;
        for (_, text) in state.warnings.iter().rev() {
            for line in crate::text::wrap(text, w as usize - 2, canvas.glyphs.marks()) {
                if y >= h {
                    return;
                }
                canvas.put(1, y, &line, Tone::Plain);
                y += 1;
            }
        }
    }
}

/// The run in as few lines as there are.
fn run_short(model: &Model, open: &OpenRun, canvas: &mut Canvas<'_>) {
    canvas.rule(0, &format!("Run {}", open.id.short()), "");
    let h = canvas.height();
    for (i, (name, text, tone)) in run_lines(model, open, 30)
        .into_iter()
        .filter(|(name, text, _)| !name.is_empty() || !text.is_empty())
        .enumerate()
    {
        let y = i as u16 + 1;
        if y >= h {
            break;
        }
        canvas.put(1, y, name, Tone::Dim);
        canvas.put(11, y, &text, tone);
    }
}

/// How a learner stands, in a word or two.
pub(in crate::console) fn learner_word(
    state: &RunState,
    name: &str,
    l: &LearnerState,
) -> (String, Tone) {
    if l.error.is_some() {
        ("FAILED".to_owned(), Tone::Bad)
    } else if state.selected.as_deref() == Some(name) {
        ("SELECTED".to_owned(), Tone::Good)
    } else if l.fit_seconds.is_some() {
        ("done".to_owned(), Tone::Plain)
    } else if l.phase.is_some() {
        (phase_word(l), Tone::Busy)
    } else {
        ("waiting".to_owned(), Tone::Dim)
    }
}

/// One row per learner: cross-validation with its interval, the test split once it was opened.
fn leaderboard(model: &Model, open: &OpenRun, canvas: &mut Canvas<'_>, room: Room) {
    let state = &open.state;
    let remark = match (&state.selected, state.threshold) {
        (Some(name), Some(t)) => format!("selected {name}, threshold {t:.3}"),
        (Some(name), None) => format!("selected {name}"),
        (None, _) => "selection looks at cross-validation only".to_owned(),
    };
    canvas.rule(0, "Leaderboard", &remark);
    let columns: &[Column] = match room {
        Room::Large => &[
            Column::left("Learner", 20),
            Column::left("State", 13),
            Column::right("CV F1", 7),
            Column::left("95 % interval", 18),
            Column::right("CV AUC", 7),
            Column::right("test F1", 7),
            Column::right("test AUC", 8),
            Column::right("accuracy", 8),
            Column::right("fit", 7),
            Column::left("", 4),
        ],
        Room::Medium => &[
            Column::left("Learner", 20),
            Column::left("State", 12),
            Column::right("CV F1", 6),
            Column::left("95 % interval", 16),
            Column::right("test F1", 7),
            Column::right("fit", 6),
            Column::left("", 4),
        ],
        Room::Small => &[
            Column::left("Learner", 20),
            Column::left("State", 12),
            Column::right("CV F1", 6),
            Column::right("test F1", 7),
            Column::left("", 4),
        ],
    };
    let learners = model.learners();
    if learners.is_empty() {
        canvas.put(
            3,
            1,
            "The worker has not said yet which learners it trains.",
            Tone::Dim,
        );
        return;
    }
    let shown = model.shown_learner();
    let waiting = LearnerState::default();
    let rows = learners
        .iter()
        .map(|name| {
            let l = state.learner.get(*name).unwrap_or(&waiting);
            let (word, tone) = learner_word(state, name, l);
            let cv = |metric: &str| l.cv.get(metric).copied();
            let f1 = cv("f1");
            let interval = f1.map_or(String::new(), |s| format!("[{:.4}, {:.4}]", s.low, s.high));
            let test = l.test.as_ref();
            let plain = |text: String| (text, Tone::Plain);
            let name = plain((*name).to_owned());
            let fit = plain(l.fit_seconds.map_or("-".to_owned(), took));
            let cv_f1 = plain(figure(f1.map(|s| s.mean)));
            let test_f1 = plain(figure(test.and_then(|t| t.f1)));
            match room {
                Room::Large => vec![
                    name,
                    (word, tone),
                    cv_f1,
                    plain(interval),
                    plain(figure(cv("roc_auc").map(|s| s.mean))),
                    test_f1,
                    plain(figure(test.and_then(|t| t.roc_auc))),
                    plain(figure(test.map(|t| t.accuracy))),
                    fit,
                ],
                Room::Medium => vec![name, (word, tone), cv_f1, plain(interval), test_f1, fit],
                Room::Small => vec![name, (word, tone), cv_f1, test_f1],
            }
        })
        .collect();
    let (w, h) = (canvas.width(), canvas.height());
    Table {
        columns,
        rows,
        cursor: shown.and_then(|s| learners.iter().position(|l| *l == s)),
        headings: true,
    }
    .view(&mut canvas.part(0, 1, w, h - 1));
}
