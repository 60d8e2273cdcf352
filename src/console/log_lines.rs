//! The run log as lines for people: a level, a sentence, and the filter of the Logs screen. The
//! lines share the events with the rest of the console.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::ErrorReport;
use crate::events::{CheckVerdict, DriftVerdict, Envelope, Event, GateVerdict, Outcome, StageName};
use crate::text::clean;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Parts of a series: heartbeats, progress, metrics, checks within their limits.
    Detail,
    /// The course of the run.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// The next level of the filter's cycle.
    pub fn next(self) -> Self {
        match self {
            Level::Detail => Level::Info,
            Level::Info => Level::Warn,
            Level::Warn => Level::Error,
            Level::Error => Level::Detail,
        }
    }
    /// The word; capitals for what needs a look.
    pub fn word(self) -> &'static str {
        match self {
            Level::Detail => "detail",
            Level::Info => "info",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

/// One line. Its texts are made when they are looked at: most of a long log is never shown.
#[derive(Clone, Debug, PartialEq)]
pub enum LogLine {
    /// An event.
    Event(Arc<Envelope>),
    /// A place that cannot be read.
    Damaged {
        /// The sequence number that should have stood there.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
}

impl LogLine {
    /// Position in the log.
    pub fn seq(&self) -> u64 {
        match self {
            LogLine::Event(envelope) => envelope.seq,
            LogLine::Damaged { seq, .. } => *seq,
        }
    }
    /// When; damage has no time.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            LogLine::Event(envelope) => Some(envelope.at),
            LogLine::Damaged { .. } => None,
        }
    }
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            LogLine::Event(envelope) => level(envelope),
            LogLine::Damaged { .. } => Level::Error,
        }
    }
    /// The stage it belongs to.
    pub fn stage(&self) -> Option<StageName> {
        match self {
            LogLine::Event(envelope) => envelope.stage,
            LogLine::Damaged { .. } => None,
        }
    }
    /// What happened, without the stage, which stands in a column of its own.
    pub fn text(&self) -> String {
        match self {
            LogLine::Event(envelope) => {
                let text = envelope
                    .sentence()
                    .unwrap_or_else(|| detail(&envelope.event));
                let stage = envelope.stage.map(|stage| format!("{stage}: "));
                match stage.and_then(|s| text.strip_prefix(&s).map(str::to_owned)) {
                    Some(rest) => rest,
                    None => text,
                }
            }
            LogLine::Damaged { seq, reason } => {
                format!("LOG DAMAGED at seq {seq}: {}", clean(reason))
            }
        }
    }
    /// Name and value of everything the event says.
    pub fn fields(&self) -> Vec<(String, String)> {
        match self {
            LogLine::Event(envelope) => fields(&envelope.event),
            LogLine::Damaged { .. } => Vec::new(),
        }
    }
    /// What to do, when there is something.
    pub fn hints(&self) -> Vec<String> {
        match self {
            LogLine::Event(envelope) => {
                error(&envelope.event).map_or_else(Vec::new, |e| e.hints.clone())
            }
            LogLine::Damaged { .. } => {
                vec!["What stands before and after is shown; the run goes on.".to_owned()]
            }
        }
    }
}

/// Which lines are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter {
    /// From this level on.
    pub level: Level,
    /// Of this stage only.
    pub stage: Option<StageName>,
    /// That contain this text, upper and lower case alike.
    pub find: String,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self {
            level: Level::Info,
            stage: None,
            find: String::new(),
        }
    }
}

impl LogFilter {
    /// Whether a line is shown.
    pub fn takes(&self, line: &LogLine) -> bool {
        line.level() >= self.level
            && (self.stage.is_none() || line.stage() == self.stage)
            && (self.find.is_empty()
                || line
                    .text()
                    .to_lowercase()
                    .contains(&self.find.to_lowercase()))
    }
    /// The next stage of the filter's cycle: all, then each.
    pub fn next_stage(&mut self) {
        self.stage = match self.stage {
            None => StageName::ALL.first().copied(),
            Some(stage) => {
                let at = StageName::ALL.iter().position(|s| *s == stage);
                at.and_then(|at| StageName::ALL.get(at + 1)).copied()
            }
        };
    }
}

/// What the Logs screen shows of the run.
#[derive(Clone, Debug, Default)]
pub struct LogView {
    /// The filter.
    pub filter: LogFilter,
    /// Every line so far.
    lines: Vec<LogLine>,
    /// Positions of the lines that are shown.
    shown: Vec<usize>,
    /// The line under the cursor, among the shown ones.
    cursor: usize,
    /// Lines that came while the cursor stood elsewhere than at the end; `None` follows.
    missed: Option<usize>,
}

impl LogView {
    /// Takes a line in.
    pub fn push(&mut self, line: LogLine) {
        if self.filter.takes(&line) {
            self.shown.push(self.lines.len());
            match &mut self.missed {
                Some(missed) => *missed += 1,
                None => self.cursor = self.shown.len() - 1,
            }
        }
        self.lines.push(line);
    }
    /// Forgets the lines, keeps the filter: another run, or a log that began anew.
    pub fn clear(&mut self) {
        *self = Self {
            filter: self.filter.clone(),
            ..Self::default()
        };
    }
    /// Applies another filter; the cursor stays on its line, or the nearest before it.
    pub fn set_filter(&mut self, filter: LogFilter) {
        let line = self.shown.get(self.cursor).copied();
        self.filter = filter;
        self.shown = (0..self.lines.len())
            .filter(|i| self.filter.takes(&self.lines[*i]))
            .collect();
        let last = self.shown.len().saturating_sub(1);
        self.cursor = match line {
            Some(line) if self.missed.is_some() => self
                .shown
                .partition_point(|i| *i <= line)
                .saturating_sub(1)
                .min(last),
            _ => last,
        };
    }
    /// Moves the cursor; at the end it follows again.
    pub fn step(&mut self, by: isize) {
        let last = self.shown.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        self.missed = if self.cursor == last {
            None
        } else {
            Some(self.missed.unwrap_or(0))
        };
    }
    /// Lines in the log.
    pub fn total(&self) -> usize {
        self.lines.len()
    }
    /// Lines shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }
    /// Whether no line is shown.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
    /// A shown line.
    pub fn line(&self, at: usize) -> Option<&LogLine> {
        self.shown.get(at).map(|i| &self.lines[*i])
    }
    /// The cursor, among the shown lines.
    pub fn cursor(&self) -> usize {
        self.cursor
    }
    /// Lines that came since the cursor left the end; `None` while it follows.
    pub fn missed(&self) -> Option<usize> {
        self.missed
    }
}

fn error(event: &Event) -> Option<&ErrorReport> {
    match event {
        Event::StageFailed { error } | Event::LearnerFailed { error, .. } => Some(error),
        Event::RunFinished { error, .. } => error.as_ref(),
        _ => None,
    }
}

fn level(envelope: &Envelope) -> Level {
    match &envelope.event {
        Event::StageFailed { .. } | Event::LearnerFailed { .. } => Level::Error,
        Event::RunFinished { outcome, .. } => match outcome {
            Outcome::Finished => Level::Info,
            Outcome::Cancelled => Level::Warn,
            _ => Level::Error,
        },
        Event::CheckFinished { verdict, .. } => match verdict {
            CheckVerdict::Ok => Level::Detail,
            CheckVerdict::Masked | CheckVerdict::Warn => Level::Warn,
            CheckVerdict::Fail => Level::Error,
        },
        Event::DriftMeasured { verdict, .. } => match verdict {
            DriftVerdict::Stable | DriftVerdict::CannotTell => Level::Detail,
            DriftVerdict::Drift => Level::Warn,
        },
        Event::StageFinished { verdict, .. } | Event::StageReused { verdict, .. } => {
            match verdict {
                CheckVerdict::Ok => Level::Info,
                _ => Level::Warn,
            }
        }
        Event::GateEvaluated(rule) if rule.verdict != GateVerdict::Accept => Level::Warn,
        Event::GateDecided { verdict, .. } if *verdict != GateVerdict::Accept => Level::Warn,
        Event::Warning { .. } => Level::Warn,
        Event::Heartbeat { .. }
        | Event::RowsRead { .. }
        | Event::TrainingProgress { .. }
        | Event::MetricObserved { .. }
        | Event::CurveMeasured { .. }
        | Event::Unknown => Level::Detail,
        Event::RunStarted { .. }
        | Event::StageStarted { .. }
        | Event::DataIngested { .. }
        | Event::FitStarted { .. }
        | Event::LearnerFinished { .. }
        | Event::ModelSelected { .. }
        | Event::TestMeasured(_)
        | Event::GateEvaluated(_)
        | Event::GateDecided { .. }
        | Event::ApprovalRequested { .. }
        | Event::ApprovalDecided { .. }
        | Event::PushStepFinished { .. }
        | Event::ControlReceived { .. } => Level::Info,
        Event::LeaseTaken { .. } => Level::Warn,
    }
}

/// What an event without a sentence says, in short.
fn detail(event: &Event) -> String {
    fields(event)
        .into_iter()
        .take(6)
        .map(|(name, value)| {
            if name == "kind" {
                value
            } else {
                format!("{name} {value}")
            }
        })
        .collect::<Vec<_>>()
        .join("  ")
}

/// Everything an event says: its kind first, nested names joined by dots.
fn fields(event: &Event) -> Vec<(String, String)> {
    fn walk(name: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let name = if name.is_empty() {
                        key.clone()
                    } else {
                        format!("{name}.{key}")
                    };
                    walk(&name, value, out);
                }
            }
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => out.push((name.to_owned(), clean(text))),
            serde_json::Value::Array(list) if list.len() > 6 => {
                out.push((name.to_owned(), format!("{} entries", list.len())));
            }
            other => out.push((name.to_owned(), clean(&other.to_string()))),
        }
    }
    let mut out = Vec::new();
    if let Ok(value) = serde_json::to_value(event) {
        walk("", &value, &mut out);
    }
    out.sort_by_key(|(name, _)| name != "kind");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::testing::whole_run;

    fn view() -> LogView {
        let mut view = LogView::default();
        for envelope in whole_run() {
            view.push(LogLine::Event(Arc::new(envelope)));
        }
        view
    }

    #[test]
    fn series_are_detail_and_the_rest_is_told() {
        let view = view();
        assert!(view.len() > 20 && view.len() < view.total());
        for at in 0..view.len() {
            let line = view.line(at).unwrap();
            assert!(line.level() >= Level::Info);
            assert!(!line.text().is_empty(), "{line:?}");
        }
    }

    #[test]
    fn a_filter_keeps_the_cursor_on_its_line_and_following_goes_on() {
        let mut view = view();
        assert_eq!(view.cursor(), view.len() - 1);
        view.step(-8);
        assert_eq!(view.missed(), Some(0));
        let seq = view.line(view.cursor()).unwrap().seq();
        let mut filter = view.filter.clone();
        filter.level = Level::Detail;
        view.set_filter(filter);
        assert_eq!(view.line(view.cursor()).unwrap().seq(), seq);
        view.push(LogLine::Damaged {
            seq: 9_999,
            reason: "cut".to_owned(),
        });
        assert_eq!(view.missed(), Some(1));
        view.step(isize::MAX / 2);
        assert_eq!(view.missed(), None);
        assert_eq!(view.line(view.cursor()).unwrap().seq(), 9_999);
    }

    #[test]
    fn finding_looks_at_the_text_and_the_stage() {
        let mut view = view();
        let filter = LogFilter {
            level: Level::Detail,
            stage: Some(StageName::DataValidation),
            find: "PSI".to_owned(),
        };
        view.set_filter(filter.clone());
        for at in 0..view.len() {
            assert!(filter.takes(view.line(at).unwrap()));
        }
        let mut stages = Vec::new();
        let mut cycle = LogFilter::default();
        for _ in 0..=StageName::ALL.len() {
            cycle.next_stage();
            stages.push(cycle.stage);
        }
        assert_eq!(stages.last(), Some(&None));
        assert_eq!(stages.iter().flatten().count(), StageName::ALL.len());
    }
}
