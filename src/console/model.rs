//! Everything the console knows. Changed by `update` only, read by the screens.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, Utc};

use super::away::Away;
use super::browser::Browser;
use super::capabilities::Capabilities;
use super::commands::{Command, Risk, Screen};
use super::comparison::CompareView;
use super::desk::{Desk, QueueRow};
use super::dialogs::Dialog;
use super::glyphs::Glyphs;
use super::jobs::{JobKey, Jobs};
use super::keymap::Keymap;
use super::link::Link;
use super::log_lines::LogView;
use super::replay::Replay;
use super::run_table::RunTable;
use super::theme::{Theme, Tone};
use super::validation::ValidationView;
use crate::config::Config;
use crate::error::ErrorReport;
use crate::events::{
    ControlCommand, Envelope, Outcome, RuleResult, RunState, StageName, StageStatus,
};
use crate::runs::RunId;
use crate::tracking::status as tracking;
use crate::traffic::ConceptStatus;

/// A run in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// How it stands.
    pub outcome: Outcome,
    /// The selected learner.
    pub selected: Option<String>,
    /// F1 of the selected learner on the test split.
    pub f1: Option<f64>,
    /// Who started it.
    pub by: String,
    /// The user's note.
    pub note: Option<String>,
    /// How far its log goes.
    pub seq: u64,
    /// PSI by column, the largest first.
    pub drift: Arc<Vec<(String, f64)>>,
}

/// A plan that waits for a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// The plan.
    pub plan_id: String,
    /// The run it pushes.
    pub run_id: RunId,
    /// The version it would become.
    pub version: String,
    /// The selected learner.
    pub selected: String,
    /// SHA-256 of the model.
    pub model_sha256: String,
    /// SHA-256 of the preprocessor.
    pub preprocessor_sha256: String,
    /// Digest of the data.
    pub data_digest: String,
    /// The champion it replaces.
    pub champion_before: Option<String>,
    /// What will happen, in order.
    pub steps: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Test F1.
    pub f1: Option<f64>,
    /// The gate's rules.
    pub gate: Vec<RuleResult>,
    /// Columns that drifted.
    pub drifted: Option<u64>,
    /// Problems of the data behind it, the worst first.
    pub problems: Vec<PlanProblem>,
    /// The part of the test rows on which it is worse than the champion beyond chance, in words.
    pub worse_slice: Option<String>,
    /// Approvals so far.
    pub approvals: usize,
    /// Approvals needed.
    pub needed: u32,
}

/// A problem of the data behind a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanProblem {
    /// The finding.
    pub id: String,
    /// What was observed.
    pub observed: String,
    /// Who has taken note of it, and why it may stay.
    pub acknowledged: Option<(String, String)>,
}

/// Whether there is a champion, and which.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ChampionLine {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// This version, made by this run.
    Version(String, RunId),
    /// It cannot be read.
    Broken(String),
}

/// The machinery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The champion.
    pub champion: ChampionLine,
    /// Free bytes where `Artifacts/` lies.
    pub disk_free: Option<u64>,
    /// What is wrong with `config.toml`, when something is.
    pub config: Option<ErrorReport>,
    /// What `config.toml` and the environment say, when they are in order.
    pub settings: Option<Box<Config>>,
    /// Cores of the machine; 0 = not known.
    pub cores: usize,
    /// How sending to the tracking server stands.
    pub tracking: tracking::Status,
    /// How the champion does by analysts' verdicts; `None` without any.
    pub concept: Option<ConceptStatus>,
}

/// The run on screen.
#[derive(Clone, Debug)]
pub struct OpenRun {
    /// The run.
    pub id: RunId,
    /// Which following feeds it.
    pub generation: u64,
    /// Its fold: of the whole log, or of the part that a replay shows.
    pub state: RunState,
    /// Its log so far.
    pub events: Vec<Arc<Envelope>>,
    /// Where a replay stands; `None` shows the run as it is now.
    pub replay: Option<Replay>,
    /// How it stands by lock and log; `None` until the first events came.
    pub outcome: Option<Outcome>,
}

/// Something that waits for the person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need<'a> {
    /// A plan to decide on.
    Plan(&'a PlanRow),
    /// A run without a worker, or with a silent one.
    Run(&'a RunRow),
}

/// A line for the person, with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// When.
    pub at: DateTime<Utc>,
    /// What it means.
    pub tone: Tone,
    /// The line.
    pub text: String,
}

/// Whether a command can run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Enabled,
    /// It cannot, for this reason.
    Disabled(String),
}

/// Where the session stands and who sits at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The folder of the project, for people.
    pub place: String,
    /// Login name and origin, for people.
    pub who: String,
    /// Why this session may not write, if it may not.
    pub view_only: Option<String>,
    /// Whether there is a `config.toml`.
    pub has_config: bool,
    /// Offset of local time.
    pub offset: FixedOffset,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Colours and glyphs.
    pub capabilities: Capabilities,
    /// Keys.
    pub keymap: Keymap,
    /// The session.
    pub session: Session,
    /// The screen.
    pub screen: Screen,
    /// Open dialogs, the last one on top.
    pub dialogs: Vec<Dialog>,
    /// The runs, newest first; `None` until they were read.
    pub runs: Option<Vec<RunRow>>,
    /// The plans that wait.
    pub plans: Vec<PlanRow>,
    /// The machinery.
    pub health: Health,
    /// Whether the start form opens as soon as `config.toml` was read.
    pub form_wanted: bool,
    /// What waits for its turn, and who has what in hand.
    pub desk: Desk,
    /// What has happened since the person was last here.
    pub away: Away,
    /// The run on screen.
    pub open: Option<OpenRun>,
    /// Whether the newest run is shown when a newer one starts.
    pub follow_newest: bool,
    /// Cursor on Home, over what needs me and then the runs.
    pub home_cursor: usize,
    /// The learner that was picked on Train; `None` follows the one at work.
    pub picked_learner: Option<String>,
    /// Which metric the first plot shows.
    pub metric: usize,
    /// Cursor on Approve.
    pub approval_cursor: usize,
    /// The Data screen.
    pub browser: Browser,
    /// The Compare screen.
    pub compare: CompareView,
    /// The Validate screen.
    pub validation: ValidationView,
    /// The Runs screen.
    pub run_table: RunTable,
    /// The Logs screen.
    pub logs: LogView,
    /// The last receipt: a sentence and what was done.
    pub receipt: Option<(String, Vec<String>)>,
    /// The message line.
    pub said: Option<Said>,
    /// The last error, for `!`.
    pub last_error: Option<ErrorReport>,
    /// When this console last started a sender.
    pub sync_started: Option<DateTime<Utc>>,
    /// The books of the jobs.
    pub jobs: Jobs,
    /// What the link to the terminal carries.
    pub link: Link,
    /// Number of followings so far.
    pub followings: u64,
    /// Whether the screen may differ from the model.
    pub dirty: bool,
    /// Whether the mouse is the console's; else it is the terminal's.
    pub mouse: bool,
    /// Whether the console ends.
    pub quit: bool,
}

impl Model {
    /// A console that knows nothing yet.
    pub fn new(
        size: (u16, u16),
        capabilities: Capabilities,
        keymap: Keymap,
        session: Session,
    ) -> Self {
        Self {
            size,
            capabilities,
            keymap,
            session,
            screen: Screen::Home,
            dialogs: Vec::new(),
            runs: None,
            plans: Vec::new(),
            health: Health::default(),
            form_wanted: false,
            desk: Desk::default(),
            away: Away::default(),
            open: None,
            follow_newest: true,
            home_cursor: 0,
            picked_learner: None,
            metric: 0,
            approval_cursor: 0,
            browser: Browser::default(),
            compare: CompareView::default(),
            validation: ValidationView::default(),
            run_table: RunTable::default(),
            logs: LogView::default(),
            receipt: None,
            said: None,
            last_error: None,
            sync_started: None,
            jobs: Jobs::default(),
            link: Link::default(),
            followings: 0,
            dirty: true,
            mouse: false,
            quit: false,
        }
    }

    /// The theme.
    pub fn theme(&self) -> Theme {
        Theme {
            colours: self.capabilities.colours,
            name: self.capabilities.theme,
        }
    }
    /// The glyphs.
    pub fn glyphs(&self) -> Glyphs {
        self.capabilities.glyphs
    }
    /// The runs that were read.
    pub fn run_rows(&self) -> &[RunRow] {
        self.runs.as_deref().unwrap_or(&[])
    }
    /// The queued run under the cursor of Runs.
    pub fn queued_row(&self) -> Option<&QueueRow> {
        if self.screen != Screen::Runs {
            return None;
        }
        self.desk.queue.get(self.run_table.queue_cursor?)
    }
    /// Puts the cursor of Runs on a run, or on the nearest row there is.
    pub fn seek_run(&mut self, run: Option<&RunId>) {
        let rows = self.runs.as_deref().unwrap_or(&[]);
        self.run_table.seek(rows, run);
    }
    /// What waits for the person: plans, and the newest run when its worker is gone or silent.
    pub fn needs(&self) -> Vec<Need<'_>> {
        let run = self
            .run_rows()
            .first()
            .filter(|r| matches!(r.outcome, Outcome::Crashed | Outcome::Stalled));
        self.plans
            .iter()
            .map(Need::Plan)
            .chain(run.map(Need::Run))
            .collect()
    }
    /// The plan under the cursor of Approve.
    pub fn plan(&self) -> Option<&PlanRow> {
        self.plans.get(self.approval_cursor)
    }
    /// The learners of the open run, in order.
    pub fn learners(&self) -> Vec<&str> {
        let Some(open) = &self.open else {
            return Vec::new();
        };
        let mut all: Vec<&str> = open.state.learners.iter().map(String::as_str).collect();
        for name in open.state.learner.keys() {
            if !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        all
    }
    /// The learner the plots show: the picked one, else the selected one of a finished run, else
    /// the one at work.
    pub fn shown_learner(&self) -> Option<&str> {
        let learners = self.learners();
        let state = &self.open.as_ref()?.state;
        let ended = state.finished_at.is_some();
        [
            self.picked_learner.as_deref(),
            state.selected.as_deref().filter(|_| ended),
            state.current_learner.as_deref(),
        ]
        .into_iter()
        .flatten()
        .find(|name| learners.contains(name))
        .or(learners.first().copied())
    }
    /// Metrics with a curve for a learner: losses first, then the contract's order, then the rest.
    pub fn metrics(&self, learner: &str) -> Vec<&str> {
        const ORDER: [&str; 5] = ["log_loss", "f1", "roc_auc", "pr_auc", "accuracy"];
        let Some(state) = self
            .open
            .as_ref()
            .and_then(|o| o.state.learner.get(learner))
        else {
            return Vec::new();
        };
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in state.curves.keys() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.sort_by_key(|n| ORDER.iter().position(|o| o == n).unwrap_or(ORDER.len()));
        names
    }
    /// Time of day where the person sits.
    pub fn clock(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.session.offset)
            .format("%H:%M:%S")
            .to_string()
    }
    /// Day and time where the person sits.
    pub fn day(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.session.offset)
            .format("%d %b %H:%M")
            .to_string()
    }

    /// Whether a command can run now, and why not.
    pub fn availability(&self, command: Command) -> Availability {
        let no = |why: &str| Availability::Disabled(why.to_owned());
        let spec = super::commands::of(command);
        if spec.risk != Risk::None {
            // The decision dialog may be opened to read; its buttons are dim.
            if let Some(why) = self
                .session
                .view_only
                .as_ref()
                .filter(|_| command != Command::Decide)
            {
                return no(why);
            }
            if self.jobs.busy(JobKey::Action) {
                return no("the last action is still at work");
            }
        }
        let outcome = self.open.as_ref().and_then(|o| o.outcome);
        let live = matches!(outcome, Some(Outcome::Running | Outcome::Stalled));
        match command {
            Command::NewRun if !self.session.has_config => {
                no("there is no config.toml; run netsec init or netsec demo first")
            }
            Command::NewRun => match &self.health.config {
                Some(error) => no(&format!("config.toml: {}", error.message)),
                None => Availability::Enabled,
            },
            // On a queued run the same key takes it out of the queue.
            Command::CancelRun if self.queued_row().is_some() => Availability::Enabled,
            Command::QueueSooner if self.queued_row().is_none() => {
                no("the cursor is on no queued run")
            }
            Command::QueueSooner if self.run_table.queue_cursor == Some(0) => {
                no("it is the first already")
            }
            Command::MarkRead if self.away.news.is_empty() => no("nothing is new"),
            Command::QueueStart if self.desk.queue.is_empty() => no("nothing is queued"),
            Command::StopAfterRound | Command::CancelRun if self.open.is_none() => {
                no("there is no run")
            }
            Command::StopAfterRound if !live => no("the run is not at work"),
            Command::StopAfterRound if self.asked(ControlCommand::StopAfterRound) => {
                no("the run was asked to stop already")
            }
            Command::StopAfterRound if !self.training() => {
                no("only training has rounds; x cancels the run")
            }
            Command::CancelRun if !live => no("the run is not at work"),
            Command::ResumeRun => match outcome {
                None => no("there is no run"),
                Some(Outcome::Running | Outcome::Stalled) => no("the run is at work"),
                Some(Outcome::Finished) => no("the run is finished"),
                Some(Outcome::Failed | Outcome::Cancelled | Outcome::Crashed) => {
                    Availability::Enabled
                }
            },
            Command::OpenRun | Command::MarkRun if self.queued_row().is_some() => {
                no("this run has not started yet")
            }
            Command::OpenRun | Command::MarkRun
                if self.run_table.chosen(self.run_rows()).is_none() =>
            {
                no("there is no run")
            }
            Command::CompareMarked if self.run_table.marks.len() < 2 => {
                no("two runs must be marked on Runs")
            }
            Command::CompareChampion if self.open.is_none() => no("there is no run"),
            Command::Replay if self.open.as_ref().is_none_or(|o| o.events.is_empty()) => {
                no("there is no run to replay")
            }
            Command::ReplayBack
            | Command::ReplayForward
            | Command::ReplayStageBack
            | Command::ReplayStageForward
                if self.open.as_ref().is_none_or(|o| o.replay.is_none()) =>
            {
                no("no replay is shown")
            }
            Command::FindingDetail
            | Command::FindingRows
            | Command::AcknowledgeFinding
            | Command::CopyFinding
                if self.validation.chosen().is_none() =>
            {
                no("there is no finding")
            }
            Command::AcknowledgeFinding
                if self
                    .validation
                    .chosen()
                    .is_some_and(|f| !f.standing.is_problem()) =>
            {
                no("the finding is no problem")
            }
            Command::Open if self.needs().is_empty() && self.run_rows().is_empty() => {
                no("there is no run yet")
            }
            Command::NextLearner | Command::PreviousLearner if self.learners().len() < 2 => {
                no("there is no other learner")
            }
            Command::FollowLearner if self.picked_learner.is_none() => {
                no("the plots follow already")
            }
            Command::NextMetric
                if self
                    .shown_learner()
                    .is_none_or(|l| self.metrics(l).len() < 2) =>
            {
                no("there is no other metric")
            }
            Command::Decide | Command::Approve | Command::Reject if self.plan().is_none() => {
                no("no plan waits for a decision")
            }
            Command::DataExport if self.jobs.busy(JobKey::Export) => {
                no("the last export is still at work; Esc ends it")
            }
            Command::DataUndo if self.browser.stack.is_empty() && self.browser.facet.is_none() => {
                no("there is no view to go back to")
            }
            Command::DataPart if self.open.is_none() => no("there is no run"),
            Command::OpenDisagreements if self.compare.document.is_none() => {
                no("nothing is compared yet")
            }
            command if command.needs_rows() && self.browser.opened.is_none() => {
                no("nothing is open; o opens something")
            }
            Command::LastError if self.last_error.is_none() => no("there was no error"),
            Command::Back if self.screen == Screen::Home => no("this is the first screen"),
            _ => Availability::Enabled,
        }
    }

    fn asked(&self, command: ControlCommand) -> bool {
        self.open
            .as_ref()
            .is_some_and(|o| o.state.controls.iter().any(|(c, _)| *c == command))
    }

    fn training(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|o| o.state.stage(StageName::ModelTrainer).status == StageStatus::Running)
    }

    /// The shell command that does the same as a command of the table, filled in.
    pub fn shell(&self, command: Command) -> Option<String> {
        let template = super::commands::of(command).shell?;
        let run = match command {
            Command::GoApproval => self.plan().map(|p| p.run_id.as_str()),
            _ => self.open.as_ref().map(|o| o.id.as_str()),
        };
        let plan = self.plan().map(|p| p.plan_id.as_str());
        let finding = self.validation.chosen();
        let check = finding.map_or("CHECK", |f| f.id.as_str());
        let filter = || {
            let found = self.validation.found.as_ref()?;
            found.rows_behind(finding?)?.filter
        };
        let data = match self.browser.arguments() {
            Some(arguments) => arguments,
            None => run.unwrap_or("latest").to_owned(),
        };
        if let (Command::FindingRows, Some(found), Some(finding), Some(run)) =
            (command, &self.validation.found, finding, run)
        {
            // A row of the quarantine has no condition, and what has none shows everything.
            match found.rows_behind(finding) {
                Some(rows) if rows.quarantined => {
                    return Some(format!("netsec data {run}:quarantine"));
                }
                None => return Some(format!("netsec data {run}")),
                Some(_) => {}
            }
        }
        let queued = self.queued_row().map(|q| q.id.as_str());
        if command == Command::CancelRun
            && let Some(id) = queued
        {
            return Some(format!("netsec queue remove {id}"));
        }
        Some(
            template
                .replace("{run}", run.unwrap_or("latest"))
                .replace("{plan}", plan.unwrap_or("PLAN"))
                .replace("{check}", &quoted(check))
                .replace(
                    "{filter}",
                    &quoted(&filter().unwrap_or("FILTER".to_owned())),
                )
                .replace("{data}", &data)
                .replace("{queued}", queued.unwrap_or("ID")),
        )
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
