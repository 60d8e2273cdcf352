//! Progress of a run on stderr: sentences for what stays, and on a terminal one line below them
//! that is drawn over and over.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use chrono::{DateTime, Local, TimeDelta, Utc};

use super::follow::Viewer;
use super::output::Reader;
use crate::error::CommandError;
use crate::events::{Envelope, Event, LearnerState, ReadLine, RunState, StageStatus};
use crate::text::{clean, clean_to};

/// Nothing is drawn before this, so that a short run does not flicker.
const QUIET_FOR: Duration = Duration::from_millis(250);
/// The live line is drawn at most this often.
const REDRAW: Duration = Duration::from_millis(200);
/// Without a live line, progress is said at most this often, by the log's clock.
const SAY_EVERY: TimeDelta = TimeDelta::seconds(5);

/// Chooses the events worth a line of their own in an append-only view: progress only every few
/// seconds, the beginnings of fits not at all.
#[derive(Default)]
pub(super) struct Sentences {
    said: BTreeMap<String, DateTime<Utc>>,
}

impl Sentences {
    /// The line of an event, with its time; `None` when it is not worth one. With
    /// `with_progress` unset, progress is left to somebody else.
    pub(super) fn line(&mut self, envelope: &Envelope, with_progress: bool) -> Option<String> {
        let series = match &envelope.event {
            Event::FitStarted { .. } => return None,
            Event::TrainingProgress { .. } => Some("training".to_owned()),
            Event::RowsRead { .. } => Some("rows".to_owned()),
            _ => None,
        };
        if let Some(series) = series {
            if !with_progress {
                return None;
            }
            let due = self
                .said
                .get(&series)
                .is_none_or(|&last| envelope.at - last >= SAY_EVERY);
            if !due {
                return None;
            }
            self.said.insert(series, envelope.at);
        }
        let time = envelope.at.with_timezone(&Local).format("%H:%M:%S");
        Some(format!("{time} {}", envelope.sentence()?))
    }
}

/// Shows a run on stderr.
pub(super) struct Progress {
    live: bool,
    sentences: Sentences,
    begun: Instant,
    drawn_at: Option<Instant>,
    line_is_drawn: bool,
}

impl Progress {
    /// A live line when stderr is a terminal that can overwrite one, else lines only.
    pub(super) fn on_stderr() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
        Self {
            live: io::stderr().is_terminal() && !dumb,
            sentences: Sentences::default(),
            begun: Instant::now(),
            drawn_at: None,
            line_is_drawn: false,
        }
    }

    fn draw(&mut self, state: &RunState, now: Instant) {
        let due = now.duration_since(self.begun) >= QUIET_FOR
            && self
                .drawn_at
                .is_none_or(|at| now.duration_since(at) >= REDRAW);
        if !self.live || !due {
            return;
        }
        self.drawn_at = Some(now);
        let line = live_line(state, Utc::now(), width());
        if !line.is_empty() {
            write_err(&format!("\r\x1b[K{line}"));
            self.line_is_drawn = true;
        }
    }

    fn erase(&mut self) {
        if self.line_is_drawn {
            write_err("\r\x1b[K");
            self.line_is_drawn = false;
            self.drawn_at = None;
        }
    }
}

impl Viewer for Progress {
    fn line(&mut self, line: &ReadLine, state: &RunState) -> Result<Reader, CommandError> {
        let said = match line {
            ReadLine::Event { envelope, .. } => self.sentences.line(envelope, !self.live),
            ReadLine::Damaged(d) => Some(format!("LOG DAMAGED at event {}: {}", d.seq, d.reason)),
            ReadLine::Restarted => None,
        };
        if let Some(said) = said {
            self.erase();
            write_err(&format!("{said}\n"));
        }
        self.draw(state, Instant::now());
        Ok(Reader::There)
    }

    fn pause(&mut self, state: &RunState) {
        self.draw(state, Instant::now());
    }

    fn end(&mut self) {
        self.erase();
    }
}

/// Progress that nobody can see is no reason to end: errors of stderr are ignored.
/// Writes to stderr; that nobody reads it stops nothing.
pub(super) fn write_err(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Columns of the terminal on stderr.
pub(super) fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stderr())
        .map(|size| usize::from(size.ws_col))
        .ok()
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}

/// The line about what is going on now, narrower than the terminal so that it never wraps.
fn live_line(state: &RunState, now: DateTime<Utc>, width: usize) -> String {
    let Some(stage) = state
        .stages
        .iter()
        .find(|s| s.status == StageStatus::Running)
    else {
        return String::new();
    };
    let seconds = stage
        .started_at
        .map_or(0, |at| (now - at).num_seconds().max(0));
    let mut line = format!("{} {seconds} s", stage.name);
    let learner = state
        .current_learner
        .as_ref()
        .and_then(|name| Some((name, state.learner.get(name)?)));
    match (stage.name, learner) {
        (crate::events::StageName::ModelTrainer, Some((name, learner))) => {
            line.push_str(&fit(name, learner));
        }
        (crate::events::StageName::DataIngestion, _) => match state.rows_read {
            (0, _) => {}
            (rows, Some(of)) if of > 0 => {
                line.push_str(&format!("  {} {rows}/{of} rows", bar(rows, of)));
            }
            (rows, _) => line.push_str(&format!("  {rows} rows")),
        },
        _ => {}
    }
    clean_to(&line, width.saturating_sub(1))
}

fn fit(name: &str, learner: &LearnerState) -> String {
    let phase = learner.phase.map(|p| p.label()).unwrap_or_default();
    let mut text = format!(
        "  {} {phase} {} {}/{}",
        clean(name),
        bar(learner.round.into(), learner.of.into()),
        learner.round,
        learner.of
    );
    for ((metric, split), points) in &learner.curves {
        if let (crate::events::Split::Valid, Some((_, value))) = (split, points.last()) {
            text.push_str(&format!("  {} {value:.4}", clean(metric)));
        }
    }
    text
}

/// Twelve characters of bar.
fn bar(done: u64, of: u64) -> String {
    const WIDTH: u64 = 12;
    let filled = (done.min(of) * WIDTH).checked_div(of).unwrap_or(0) as usize;
    format!(
        "[{}{}]",
        "#".repeat(filled),
        "-".repeat(WIDTH as usize - filled)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{FitPhase, StageName};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap_or_default()
    }

    fn trainer(seq: u64, seconds: i64, event: Event) -> Envelope {
        Envelope {
            v: 1,
            seq,
            at: at(seconds),
            stage: Some(StageName::ModelTrainer),
            event,
        }
    }

    fn progress(seq: u64, seconds: i64, round: u32) -> Envelope {
        trainer(
            seq,
            seconds,
            Event::TrainingProgress {
                learner: "xgboost".into(),
                phase: FitPhase::Fold { fold: 2, folds: 3 },
                round,
                of: 100,
            },
        )
    }

    #[test]
    fn bars_fill_and_never_overflow() {
        assert_eq!(bar(0, 100), "[------------]");
        assert_eq!(bar(50, 100), "[######------]");
        assert_eq!(bar(200, 100), "[############]");
        assert_eq!(bar(1, 0), "[------------]");
    }

    #[test]
    fn the_live_line_tells_stage_learner_and_round_and_fits_the_terminal() {
        let started = trainer(
            1,
            0,
            Event::StageStarted {
                why: "first run".into(),
            },
        );
        let state = RunState::replay(&[started, progress(2, 1, 50)]);
        assert_eq!(
            live_line(&state, at(7), 80),
            "model_trainer 7 s  xgboost fold 2/3 [######------] 50/100"
        );
        for width in 0..80 {
            assert!(live_line(&state, at(7), width).len() <= width.saturating_sub(1));
        }
        assert_eq!(live_line(&RunState::default(), at(0), 80), "");
    }

    #[test]
    fn progress_is_said_every_few_seconds_or_left_to_the_live_line() {
        let mut sentences = Sentences::default();
        assert!(sentences.line(&progress(1, 0, 1), true).is_some());
        assert!(sentences.line(&progress(2, 1, 2), true).is_none());
        assert!(sentences.line(&progress(3, 6, 3), true).is_some());
        assert!(sentences.line(&progress(4, 60, 4), false).is_none());
    }
}
