//! Home: is anything waiting for me, what is running and how far, is the machinery healthy.

use super::{bytes, figure, outcome_word, run_word, stage_word, took, training_share};
use crate::console::canvas::Canvas;
use crate::console::hits::Target;
use crate::console::layout::Room;
use crate::console::model::{ChampionLine, Model, Need, OpenRun};
use crate::console::theme::Tone;
use crate::console::widgets::{Column, Table, gauge};
use crate::drift::concept::Standing;
use crate::events::{
    DriftVerdict, GateVerdict, MeasuredDrift, Outcome, RunState, StageName, StageState, StageStatus,
};
use crate::runs::RunId;
use crate::text::count;

/// Rows the cursor moves over: what needs me, then the runs.
pub fn rows(model: &Model) -> usize {
    model.needs().len() + model.run_rows().len()
}

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    if model.runs.is_none() {
        canvas.put(1, 1, "Reading the runs.", Tone::Dim);
        return;
    }
    if model.run_rows().is_empty() {
        first_run(model, canvas);
        return;
    }
    let (w, h) = (canvas.width(), canvas.height());
    let pipeline = if room == Room::Small { 7 } else { 8 };
    self::pipeline(model, &mut canvas.part(0, 0, w, pipeline), room);
    let rest = h - pipeline;
    match room {
        Room::Large => {
            let left = w * 3 / 5;
            let needs_rows = (needs_lines(model) + 2).min(rest / 2).max(4);
            needs(model, &mut canvas.part(0, pipeline, left, needs_rows));
            runs(
                model,
                &mut canvas.part(0, pipeline + needs_rows, left, rest - needs_rows),
                true,
            );
            canvas.part(left, pipeline, 1, rest).divider(0);
            let right = w - left - 1;
            let news = news_rows(model, right, canvas.glyphs.marks());
            let top = if news.is_empty() {
                0
            } else {
                (news.len() as u16 + 2).min(rest / 2)
            };
            self::news(
                model,
                &news,
                &mut canvas.part(left + 1, pipeline, right, top),
            );
            let y = pipeline + top;
            health(model, &mut canvas.part(left + 1, y, right, 7));
            drift(
                model,
                &mut canvas.part(left + 1, y + 7, right, rest.saturating_sub(top + 7)),
            );
        }
        Room::Medium => {
            let needs_rows = (needs_lines(model) + 1).min(rest / 3).max(2);
            needs(model, &mut canvas.part(0, pipeline, w, needs_rows));
            let news = news_lines(model, true);
            let top = if news.is_empty() {
                0
            } else {
                (news.len() as u16 + 1)
                    .min(4)
                    .min(rest.saturating_sub(needs_rows + 6))
            };
            let mut y = pipeline + needs_rows;
            self::news(model, &news, &mut canvas.part(0, y, w, top));
            y += top;
            let left = rest - needs_rows - top;
            runs(
                model,
                &mut canvas.part(0, y, w, left.saturating_sub(2)),
                true,
            );
            canvas.part(0, y + left - 2, w, 1).rule(0, "Health", "");
            health_line(model, &mut canvas.part(0, y + left - 1, w, 1));
        }
        Room::Small => {
            let many = model.needs().len() as u16;
            let needs_rows = if many == 0 { 0 } else { 1.min(rest) };
            if many > 0 {
                needs_rows_only(model, &mut canvas.part(0, pipeline, w, needs_rows));
            }
            runs(
                model,
                &mut canvas.part(0, pipeline + needs_rows, w, rest - needs_rows),
                false,
            );
        }
    }
}

/// Draws what to do when nothing has happened yet.
fn first_run(model: &Model, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "Welcome", "");
    for (y, (text, tone)) in first_run_lines(model).iter().enumerate() {
        canvas.put(2, y as u16 + 2, text, *tone);
    }
}

/// What to do when nothing has happened yet.
pub(in crate::console) fn first_run_lines(model: &Model) -> Vec<(String, Tone)> {
    let mut lines = Vec::new();
    let mut say = |text: &str, tone: Tone| lines.push((text.to_owned(), tone));
    if model.session.has_config {
        say("There is a config.toml and no run yet.", Tone::Plain);
        say("", Tone::Plain);
        let new = crate::console::commands::Command::NewRun;
        let new = model.keymap.first(new);
        let new = new.map_or("-".to_owned(), |k| k.to_string());
        say(
            &format!("{new}   starts the first retrain (netsec retrain --detach)."),
            Tone::Plain,
        );
        say(
            "    The six stages run in a process of their own; this screen follows.",
            Tone::Dim,
        );
    } else {
        say(
            "There is no config.toml here yet. In a shell, one of",
            Tone::Plain,
        );
        say("", Tone::Plain);
        say("netsec demo", Tone::Key);
        say(
            "    Everything on made-up network flows; needs no data, no server, no account.",
            Tone::Dim,
        );
        say("netsec init --data FILE", Tone::Key);
        say(
            "    Writes a commented config.toml for your CSV, Parquet or NDJSON file.",
            Tone::Dim,
        );
    }
    if let Some(error) = &model.health.config {
        say("", Tone::Plain);
        say(&format!("config.toml: {}", error.message), Tone::Bad);
        for hint in &error.hints {
            say(&format!("hint: {hint}"), Tone::Plain);
        }
    }
    lines
}

fn pipeline(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let Some(open) = &model.open else {
        canvas.rule(0, "Pipeline", "");
        canvas.put(3, 1, "No run is selected.", Tone::Dim);
        return;
    };
    canvas.rule(0, "Pipeline", &run_remark(model, open));
    let columns = [
        Column::left("Stage", 20),
        Column::left("State", 9),
        Column::right("Took", 7),
        Column::left("", 1),
        Column::left("Progress", 60),
    ];
    let rows = StageName::ALL
        .into_iter()
        .map(|name| {
            let stage = open.state.stage(name);
            let (word, tone) = stage_word(stage.status);
            let after = match name {
                StageName::ModelPusher => decided(model, open),
                _ => None,
            };
            let text = after.unwrap_or_else(|| progress(&open.state, stage));
            vec![
                (name.title().to_owned(), Tone::Plain),
                (word, tone),
                (stage.seconds.map_or(String::new(), took), Tone::Plain),
                (String::new(), Tone::Plain),
                (text, Tone::Plain),
            ]
        })
        .collect();
    let h = canvas.height().saturating_sub(1);
    Table {
        columns: &columns,
        rows,
        cursor: None,
        headings: room != Room::Small,
    }
    .view(&mut canvas.part(0, 1, canvas.width(), h));
}

pub(in crate::console) fn run_remark(model: &Model, open: &OpenRun) -> String {
    let state = &open.state;
    let mut remark = format!("run {}", open.id);
    if let Some(at) = state.started_at {
        remark.push_str(&format!("  {}", model.day(at)));
    }
    if let Some(by) = &state.by {
        remark.push_str(&format!("  by {}", by.name));
    }
    if let Some(lease) = model.desk.other_holder(&open.id) {
        remark.push_str(&format!("  in {}'s hands", lease.by.name));
    }
    if let (Some(from), Some(to)) = (state.started_at, state.finished_at) {
        remark.push_str(&format!(
            "  {}",
            took((to - from).num_milliseconds() as f64 / 1000.0)
        ));
    }
    remark
}

/// What a stage has done so far, or did.
pub(in crate::console) fn progress(state: &RunState, stage: &StageState) -> String {
    if stage.status == StageStatus::Running {
        return match stage.name {
            StageName::DataIngestion => match state.rows_read {
                (0, _) => String::new(),
                (rows, None) => format!("{} rows read", count(rows)),
                (rows, Some(of)) => format!("{} of {} rows read", count(rows), count(of)),
            },
            StageName::DataValidation => format!(
                "{} checks, {} to look at",
                state.checks,
                state.problems.len()
            ),
            StageName::ModelTrainer => {
                let share = training_share(state);
                let bar = gauge(share, 10);
                match state
                    .current_learner
                    .as_deref()
                    .and_then(|l| Some((l, state.learner.get(l)?)))
                {
                    Some((name, l)) => format!("{bar} {name} {}/{}", l.round, l.of),
                    None => bar,
                }
            }
            StageName::ModelEvaluation => {
                let measured = state.learner.values().filter(|l| l.test.is_some()).count();
                format!("{measured} of {} learners measured", state.learners.len())
            }
            StageName::DataTransformation | StageName::ModelPusher => String::new(),
        };
    }
    match &stage.error {
        Some(error) => error.message.clone(),
        None => stage.summary.clone(),
    }
}

/// What became of the plan, once nobody waits for it any more.
pub(in crate::console) fn decided(model: &Model, open: &OpenRun) -> Option<String> {
    let (_, version) = open.state.plan.as_ref()?;
    if model.plans.iter().any(|p| p.run_id == open.id) {
        return None;
    }
    Some(match &open.state.decision {
        _ if super::is_champion(model, &open.id) => format!("{version} is in production"),
        Some((decision, by, _)) => format!("{version} {} by {}", super::past(decision), by.name),
        None => format!("{version} was planned and waits no longer; netsec journal tells"),
    })
}

/// What has happened since the person was last here: a heading and a sentence each.
/// `tight` joins what became of runs in one line.
pub(in crate::console) fn news_lines(model: &Model, tight: bool) -> Vec<(String, String)> {
    let news = &model.away.news;
    if news.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let runs = |n: usize, verb: &str| match n {
        1 => format!("1 run {verb}"),
        n => format!("{n} runs {verb}"),
    };
    if !news.ended.is_empty() {
        let each = |(id, outcome): &(RunId, Outcome)| match outcome {
            Outcome::Finished => format!("{} ok", id.short()),
            other => format!("{} {}", id.short(), outcome_word(*other).0),
        };
        let all: Vec<String> = news.ended.iter().map(each).collect();
        lines.push((runs(news.ended.len(), "ended"), all.join(", ")));
    }
    if !news.started.is_empty() {
        let each = |(id, by): &(RunId, String)| format!("{} by {by}", id.short());
        let all: Vec<String> = news.started.iter().map(each).collect();
        lines.push((runs(news.started.len(), "started"), all.join(", ")));
    }
    if !news.went_on.is_empty() {
        let each = |(id, events): &(RunId, u64)| match events {
            1 => format!("{} by 1 event", id.short()),
            n => format!("{} by {} events", id.short(), count(*n)),
        };
        let all: Vec<String> = news.went_on.iter().map(each).collect();
        lines.push((runs(news.went_on.len(), "went on"), all.join(", ")));
    }
    if tight && lines.len() > 1 {
        let all: Vec<String> = lines
            .drain(..)
            .map(|(what, which)| format!("{what}: {which}"))
            .collect();
        lines.push(("Runs".to_owned(), all.join("; ")));
    }
    let decided: Vec<&str> = news.decided.iter().map(String::as_str).collect();
    if !decided.is_empty() {
        lines.push(("Decided".to_owned(), decided.join(", ")));
    }
    if let Some((column, was, now)) = &news.drift {
        let was = was.map_or("?".to_owned(), |v| format!("{v:.2}"));
        let text = format!("PSI {was} -> {now:.2}  {column}");
        lines.push(("Drift rising".to_owned(), text));
    }
    let pending = model.health.tracking.pending;
    if pending > 0 && model.health.tracking.server.is_some() {
        lines.push(("Tracking".to_owned(), format!("{} behind", count(pending))));
    }
    lines
}

/// The same for a narrow column beside the lists: what does not fit goes on in a second line.
fn news_rows(model: &Model, width: u16, marks: crate::text::Marks) -> Vec<(String, String)> {
    let width = usize::from(width.saturating_sub(17));
    let mut rows = Vec::new();
    for (what, text) in news_lines(model, false) {
        let mut wrapped = crate::text::wrap(&text, width, marks).into_iter();
        rows.push((what, wrapped.next().unwrap_or_default()));
        let rest: Vec<String> = wrapped.collect();
        if !rest.is_empty() {
            rows.push((String::new(), rest.join(" ")));
        }
    }
    rows
}

fn news(model: &Model, lines: &[(String, String)], canvas: &mut Canvas<'_>) {
    if lines.is_empty() {
        return;
    }
    let since = model
        .away
        .news
        .since
        .map_or(String::new(), |at| model.day(at));
    canvas.rule(0, "Since you were last here", &since);
    let w = canvas.width();
    for (y, (what, text)) in (1..).zip(lines) {
        canvas.put_in(1, y, 14, what, Tone::Plain);
        canvas.put_in(16, y, w.saturating_sub(17), text, Tone::Plain);
    }
}

fn needs_lines(model: &Model) -> u16 {
    model.needs().len().clamp(1, 8) as u16
}

fn needs(model: &Model, canvas: &mut Canvas<'_>) {
    let n = model.needs().len();
    canvas.rule(0, &format!("Needs you ({n})"), "");
    let h = canvas.height().saturating_sub(1);
    if n == 0 {
        canvas.put(3, 1, "Nothing waits for you.", Tone::Dim);
        return;
    }
    needs_rows_only(model, &mut canvas.part(0, 1, canvas.width(), h));
}

fn needs_rows_only(model: &Model, canvas: &mut Canvas<'_>) {
    let needs = model.needs();
    let rows = needs
        .iter()
        .map(|n| vec![(need_text(model, n), Tone::Plain)])
        .collect();
    Table {
        columns: &[Column::left("", 60)],
        rows,
        cursor: (model.home_cursor < needs.len()).then_some(model.home_cursor),
        headings: false,
    }
    .view(canvas);
    if model.home_cursor >= needs.len() {
        rows_elsewhere(model, canvas, 0, 0..needs.len());
    }
}

/// What a click chooses in the list in which the cursor is not.
fn rows_elsewhere(model: &Model, canvas: &Canvas<'_>, y: u16, rows: std::ops::Range<usize>) {
    for (y, row) in (y..canvas.height()).zip(rows) {
        let way = row as isize - model.home_cursor as isize;
        canvas.hit(0, y, canvas.width(), 1, Target::Step(way));
    }
}

pub(in crate::console) fn need_text(model: &Model, need: &Need<'_>) -> String {
    match need {
        Need::Plan(p) => {
            let passed = p
                .gate
                .iter()
                .filter(|r| r.verdict == GateVerdict::Accept)
                .count();
            format!(
                "Approve {} (run {}, {}): {passed}/{} gates pass, F1 {}",
                p.version,
                p.run_id.short(),
                model.day(p.created_at),
                p.gate.len(),
                figure(p.f1),
            )
        }
        Need::Run(r) => {
            let resume = model
                .keymap
                .first(crate::console::commands::Command::ResumeRun)
                .map_or(String::new(), |k| format!("; {k} resumes it"));
            format!("Run {} {}{resume}", r.id.short(), outcome_word(r.outcome).0)
        }
    }
}

fn runs(model: &Model, canvas: &mut Canvas<'_>, headings: bool) {
    let runs = model.run_rows();
    let remark = if !model.desk.queue.is_empty() {
        queue_remark(model)
    } else if runs.len() as u16 + 2 > canvas.height() {
        format!("{} runs", runs.len())
    } else {
        String::new()
    };
    canvas.rule(0, "Recent runs", &remark);
    let columns = [
        Column::left("Run", 5),
        Column::left("When", 12),
        Column::left("State", 10),
        Column::right("F1", 7),
        Column::left("Selected", 20),
        Column::left("By", 8),
        Column::left("Note", 30),
    ];
    let needs = model.needs().len();
    let queued = model.desk.queue.len();
    let rows = super::queue_rows(model, false)
        .into_iter()
        .chain(runs.iter().map(|r| {
            let (word, tone) = run_word(model, r.id.clone(), r.outcome);
            vec![
                (r.id.short().to_owned(), Tone::Plain),
                (
                    r.started_at.map_or(String::new(), |t| model.day(t)),
                    Tone::Plain,
                ),
                (word, tone),
                (figure(r.f1), Tone::Plain),
                (
                    r.selected.clone().unwrap_or_else(|| "-".to_owned()),
                    Tone::Plain,
                ),
                (r.by.clone(), Tone::Plain),
                (r.note.clone().unwrap_or_default(), Tone::Dim),
            ]
        }))
        .collect();
    let h = canvas.height().saturating_sub(1);
    Table {
        columns: &columns,
        rows,
        cursor: model.home_cursor.checked_sub(needs).map(|at| at + queued),
        headings,
    }
    .view(&mut canvas.part(0, 1, canvas.width(), h));
    if model.home_cursor < needs {
        let y = 1 + u16::from(headings) + queued as u16;
        rows_elsewhere(model, canvas, y, needs..needs + runs.len());
    }
}

/// How many wait, and whether anybody starts them.
fn queue_remark(model: &Model) -> String {
    let n = model.desk.queue.len();
    let held = model.desk.queue.iter().any(|q| q.held.is_some());
    match (model.desk.stuck, held) {
        (true, _) => format!("{n} queued, nothing at work: netsec queue start"),
        (false, true) => format!("{n} queued, one CANNOT START"),
        (false, false) => format!("{n} queued"),
    }
}

pub(in crate::console) fn health_lines(
    model: &Model,
) -> Vec<(&'static str, String, &'static str, Tone)> {
    let mut lines = Vec::new();
    let (text, word, tone) = match &model.health.champion {
        ChampionLine::Unknown => ("not looked at yet".to_owned(), "", Tone::Dim),
        ChampionLine::None => (
            "none yet; approve a plan to make one".to_owned(),
            "",
            Tone::Plain,
        ),
        ChampionLine::Version(v, run) => {
            (format!("{v} from run {}", run.short()), "ok", Tone::Good)
        }
        ChampionLine::Broken(why) => (why.clone(), "FAILED", Tone::Bad),
    };
    lines.push(("Champion", text, word, tone));
    if let Some(run) = model.run_rows().first() {
        let (word, tone) = outcome_word(run.outcome);
        let when = run.started_at.map_or(String::new(), |t| model.day(t));
        lines.push((
            "Last run",
            format!("{} {when} {word}", run.id.short()),
            if tone == Tone::Bad { "look" } else { "ok" },
            if tone == Tone::Bad {
                Tone::Bad
            } else {
                Tone::Good
            },
        ));
    }
    if let Some(free) = model.health.disk_free {
        let low = free < 1_000_000_000;
        lines.push((
            "Disk",
            format!("{} free", bytes(free)),
            if low { "WARN" } else { "ok" },
            if low { Tone::Warn } else { Tone::Good },
        ));
    }
    lines.extend(tracking(model));
    if let Some(concept) = &model.health.concept {
        let (word, tone) = match concept.standing() {
            Standing::Stable => ("ok", Tone::Good),
            Standing::Warning => ("WARN", Tone::Warn),
            Standing::Drift => ("DRIFT", Tone::Bad),
        };
        lines.push(("Verdicts", concept.sentence(), word, tone));
    }
    match &model.health.config {
        Some(error) => lines.push(("Config", error.message.clone(), "FAILED", Tone::Bad)),
        None if model.session.has_config => {}
        None => lines.push((
            "Config",
            "there is no config.toml".to_owned(),
            "WARN",
            Tone::Warn,
        )),
    }
    lines
}

/// How sending to the tracking server stands, and what is the matter with it; nothing where no
/// server is named.
fn tracking(model: &Model) -> Vec<(&'static str, String, &'static str, Tone)> {
    let status = &model.health.tracking;
    if let Some(problem) = &status.problem {
        return vec![("Tracking", problem.clone(), "FAILED", Tone::Bad)];
    }
    if status.server.is_none() {
        return Vec::new();
    }
    let level = match status.capability {
        None => "not reached yet".to_owned(),
        Some(level) => serde_json::to_value(level)
            .ok()
            .and_then(|v| Some(v.as_str()?.to_owned()))
            .unwrap_or_default(),
    };
    let waits = match (status.pending, status.oldest) {
        (0, _) => "all sent".to_owned(),
        (n, None) => format!("{} wait", count(n)),
        (n, Some(since)) => format!("{} wait since {}", count(n), model.day(since)),
    };
    let trouble = status.last_error.as_ref().filter(|_| status.pending > 0);
    let refused = status.dead_letters > 0;
    let (word, tone) = if trouble.is_some() || !status.warnings.is_empty() || refused {
        ("WARN", Tone::Warn)
    } else if status.sending {
        ("sending", Tone::Busy)
    } else if status.pending > 0 {
        ("waits", Tone::Plain)
    } else {
        ("ok", Tone::Good)
    };
    let mut lines = vec![("Tracking", format!("{level}, {waits}"), word, tone)];
    let mut said: Vec<String> = Vec::new();
    if refused {
        said.push(format!("{} refused", count(status.dead_letters)));
    }
    said.extend(trouble.or(status.warnings.first()).cloned());
    if !said.is_empty() {
        lines.push(("", said.join("; "), "", Tone::Warn));
    }
    lines
}

fn health(model: &Model, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "Health", "");
    let w = canvas.width();
    for (i, (name, text, word, tone)) in health_lines(model).iter().enumerate() {
        let y = i as u16 + 1;
        canvas.put(1, y, name, Tone::Plain);
        canvas.put_in(11, y, w.saturating_sub(20), text, Tone::Plain);
        canvas.put_right(w.saturating_sub(1), y, word, *tone);
    }
}

fn health_line(model: &Model, canvas: &mut Canvas<'_>) {
    let mut x = 1;
    // The list above has the last run already.
    let lines = health_lines(model).into_iter();
    // What is the matter is too long for one line with the others.
    for (name, text, word, tone) in lines.filter(|l| !matches!(l.0, "Last run" | "")) {
        let piece = format!("{name} {text} ");
        x = canvas.put(x, 0, &piece, Tone::Plain);
        x = canvas.put(x, 0, word, tone) + 2;
    }
}

fn drift(model: &Model, canvas: &mut Canvas<'_>) {
    let Some(open) = &model.open else {
        return;
    };
    let mut drift: Vec<_> = open.state.drift.iter().collect();
    // What drifted comes first, whichever figure decided it; then by size.
    drift.sort_by(|a, b| {
        let drifted = |d: &MeasuredDrift| d.verdict == DriftVerdict::Drift;
        let size = |d: &MeasuredDrift| d.figure().map_or(f64::NEG_INFINITY, |(_, v)| v);
        drifted(b)
            .cmp(&drifted(a))
            .then_with(|| size(b).total_cmp(&size(a)))
    });
    let moved = drift
        .iter()
        .filter(|d| d.verdict == DriftVerdict::Drift)
        .count();
    canvas.rule(
        0,
        &format!("Drift in run {}", open.id.short()),
        &if drift.is_empty() {
            String::new()
        } else {
            format!("{moved} of {} columns", drift.len())
        },
    );
    if drift.is_empty() {
        let why = if open.state.champion_before.is_none() {
            "Not measured: there was no champion to compare with."
        } else if open
            .state
            .stage(StageName::DataValidation)
            .seconds
            .is_some()
        {
            "Not measured in this run."
        } else {
            "Not measured yet."
        };
        canvas.put(1, 1, why, Tone::Dim);
        return;
    }
    let w = canvas.width();
    canvas.put(1, 1, "Column", Tone::Dim);
    // Logs of older programs do not say what decided.
    let heading = match drift.iter().any(|d| d.decided_by.is_some()) {
        true => "decided by",
        false => "measured",
    };
    canvas.put_right(w.saturating_sub(12), 1, heading, Tone::Dim);
    let h = canvas.height();
    for (i, measured) in drift.into_iter().enumerate() {
        let y = i as u16 + 2;
        if y >= h {
            break;
        }
        let (word, tone) = match measured.verdict {
            DriftVerdict::Stable => ("stable", Tone::Plain),
            DriftVerdict::Drift => ("DRIFT", Tone::Warn),
            DriftVerdict::CannotTell => ("too few", Tone::Dim),
        };
        // The figure that decided, by its name: another one may contradict the verdict.
        let figure = measured.figure().map_or("-".to_owned(), |(name, v)| {
            format!("{} {v:.3}", short_figure(name))
        });
        let x = canvas.put_right(w.saturating_sub(12), y, &figure, Tone::Plain);
        canvas.put_in(1, y, x.saturating_sub(2), &measured.column, Tone::Plain);
        canvas.put(w.saturating_sub(10), y, word, tone);
    }
}

/// The name of a figure of drift as it fits beside its value; the Validate screen has the whole.
fn short_figure(name: &str) -> &str {
    match name {
        "Jensen-Shannon distance" => "JS",
        "change of the share of missing values" => "missing",
        "change of the share of infinite values" => "infinite",
        other => other,
    }
}
