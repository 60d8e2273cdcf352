//! One pass over a project: every run that is not settled is sent, then the aliases.

use std::path::Path;

use serde::Serialize;

use super::aliases;
use super::cursor::{CursorFile, DeadLetter, ProjectCursor, RunCursor};
use super::fact::WantedModel;
use super::mlflow::Capability;
use super::outstanding::outstanding;
use super::project::{Project, RunSource};
use super::sender::{Halt, Place, Sender, WriteModel, is_settled, now_ms};
use super::server::{RemoteVersion, SendError, Server, Trouble};
use crate::error::CommandError;
use crate::export::{self, Bundle};
use crate::runs::RunId;
use crate::workspace::Workspace;

/// Which runs a pass looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All, and the aliases.
    Everything,
    /// This one; for following a run at work.
    Run(RunId),
}

/// A fact that cannot be sent, and the run it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetterLine {
    /// The run.
    pub run_id: RunId,
    /// The fact.
    pub fact: String,
    /// Why.
    pub why: String,
}

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunLine {
    /// The run.
    pub run_id: RunId,
    /// Facts sent in this pass.
    pub sent: u64,
    /// Facts left.
    pub pending: u64,
    /// The step of the ladder it reached; none when nothing of it was ever sent.
    pub capability: Option<Capability>,
}

/// What became of a pass; `netsec sync --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Facts sent in this pass.
    pub sent: u64,
    /// Facts left.
    pub pending: u64,
    /// What can never be sent.
    pub dead_letters: Vec<DeadLetterLine>,
    /// The step of the ladder the server is on.
    pub capability: Capability,
    /// The server, without credentials.
    pub server: Option<String>,
    /// Runs that had something to send, or still have.
    pub runs: Vec<RunLine>,
    /// Things a person should look at.
    pub warnings: Vec<String>,
    /// Why the pass stopped early, a sentence.
    pub error: Option<String>,
    /// What to do about it.
    #[serde(skip)]
    pub hint: Option<String>,
}

impl Report {
    /// A report of nothing.
    pub fn empty(server: Option<String>) -> Self {
        Self {
            sent: 0,
            pending: 0,
            dead_letters: Vec::new(),
            capability: Capability::Offline,
            server,
            runs: Vec::new(),
            warnings: Vec::new(),
            error: None,
            hint: None,
        }
    }
}

/// Writes the portable folder of a run's selected model.
fn write_model(run_dir: &Path, wanted: &WantedModel, out: &Path) -> Result<Vec<String>, String> {
    let (Some(artifacts), Some(run)) = (run_dir.parent(), run_dir.file_name()) else {
        return Err("the run's folder has no name".to_owned());
    };
    let run: RunId = run.to_string_lossy().parse()?;
    let workspace = Workspace::new(artifacts.parent().unwrap_or(Path::new(".")));
    let bundle = Bundle::of_run(&workspace, &run).map_err(|e| e.full_message())?;
    if bundle.model.learner.as_str() != wanted.learner {
        return Err(format!("the run's folder holds a {}", bundle.model.learner));
    }
    let files = export::mlflow::write(out, &bundle).map_err(|e| e.to_string())?;
    Ok(files.into_iter().map(|f| f.name).collect())
}

/// Makes one pass. Server trouble is in the report; an error is trouble of our own.
///
/// # Errors
/// When the project cannot be read or a cursor cannot be written.
pub async fn pass<S: Server>(
    server: &S,
    server_key: &str,
    project: &Project,
    scope: &Scope,
) -> Result<Report, CommandError> {
    pass_with(server, server_key, project, scope, write_model).await
}

/// As [`pass`], with another way to write the folder of a model.
pub(super) async fn pass_with<S: Server>(
    server: &S,
    server_key: &str,
    project: &Project,
    scope: &Scope,
    write_model: WriteModel,
) -> Result<Report, CommandError> {
    Pass {
        server,
        server_key,
        project,
        write_model,
        report: Report::empty(Some(
            server_key.split(' ').next().unwrap_or_default().to_owned(),
        )),
        failures: Vec::new(),
    }
    .run(scope)
    .await
}

struct Pass<'a, S: Server> {
    server: &'a S,
    server_key: &'a str,
    project: &'a Project,
    write_model: WriteModel,
    report: Report,
    /// What was given up for the time being.
    failures: Vec<Trouble>,
}

impl<S: Server> Pass<'_, S> {
    async fn run(mut self, scope: &Scope) -> Result<Report, CommandError> {
        let artifacts = self.project.workspace.artifacts();
        let mut file = CursorFile::<ProjectCursor>::read(&artifacts);
        let mut cursor = file.of(self.server_key);
        self.report
            .warnings
            .extend(self.project.journal_problem.clone());
        let level = match self.server.level().await {
            Ok(level) => {
                cursor.level = Some(level);
                self.report.capability = level;
                Some(level)
            }
            Err(e) => {
                self.stop(&e);
                None
            }
        };
        for run in &self.project.runs {
            if matches!(scope, Scope::Run(only) if only != run) {
                continue;
            }
            let source = self.project.source(run);
            let level = level.filter(|_| self.report.error.is_none());
            self.one(&source, level, cursor.level).await?;
        }
        if let (Some(level), Scope::Everything, None) = (level, scope, &self.report.error)
            && level >= Capability::Registry
            && let Err(e) = self.aliases(&mut cursor).await
        {
            self.stop(&e);
        }
        cursor.last_error.clone_from(&self.report.error);
        cursor.pending = self.report.pending;
        for trouble in self.failures {
            *cursor
                .failures
                .entry(trouble.as_str().to_owned())
                .or_default() += 1;
        }
        if *scope == Scope::Everything {
            cursor.warnings.clone_from(&self.report.warnings);
        }
        if cursor != file.of(self.server_key) {
            file.write(&artifacts, self.server_key, &cursor)?;
        }
        Ok(self.report)
    }

    fn stop(&mut self, e: &SendError) {
        self.failures.push(e.trouble);
        if self.report.error.is_none() {
            self.report.error = Some(e.text.clone());
            self.report.hint = Some(e.hint.clone());
        }
    }

    /// Sends a run where a level is given, and counts what is left of it.
    async fn one(
        &mut self,
        source: &RunSource<'_>,
        level: Option<Capability>,
        known_level: Option<Capability>,
    ) -> Result<(), CommandError> {
        let known = CursorFile::<RunCursor>::read(&source.dir).of(self.server_key);
        let print = fingerprint(source, level.or(known_level));
        if known.settled.as_deref() == Some(&print) && (level.is_none() || is_settled(&known)) {
            self.bury(&source.run, &known.dead);
            return Ok(());
        }
        let Some(wanted) = source.wanted()? else {
            return Ok(());
        };
        let before = known.sent;
        let (cursor, reached) = match level {
            None => (known, known_level),
            Some(level) => {
                let place = Place {
                    run_dir: &source.dir,
                    server_key: self.server_key,
                    experiment: &self.project.tracking.experiment,
                    model: &self.project.tracking.model,
                    write_model: self.write_model,
                };
                let mut sender = Sender::new(self.server, place, level);
                let error = match sender.send(&wanted).await {
                    Ok(()) => None,
                    Err(Halt::Cursor(e)) => return Err(e.into()),
                    Err(Halt::Server(e)) => {
                        // Something that is wrong with this one run only must not stop the others.
                        if matches!(e.trouble, Trouble::Down | Trouble::Blocked) {
                            self.stop(&e);
                        } else {
                            self.failures.push(e.trouble);
                            let warning = format!("run {}: {}", source.run, e.text);
                            self.report.warnings.push(warning);
                        }
                        Some(e.text)
                    }
                };
                sender.note_error(error.clone())?;
                let reached = sender.cursor().level;
                let left = outstanding(&wanted, sender.cursor(), reached).count();
                if error.is_none() && left == 0 && wanted.ended {
                    sender.settle(&print)?;
                }
                (sender.cursor().clone(), reached)
            }
        };
        let pending = outstanding(&wanted, &cursor, reached).count();
        let sent = cursor.sent.saturating_sub(before);
        if sent > 0 || pending > 0 {
            self.report.runs.push(RunLine {
                run_id: source.run.clone(),
                sent,
                pending,
                capability: cursor.level,
            });
        }
        self.report.sent += sent;
        self.report.pending += pending;
        self.bury(&source.run, &cursor.dead);
        Ok(())
    }

    fn bury(&mut self, run: &RunId, dead: &[DeadLetter]) {
        self.report
            .dead_letters
            .extend(dead.iter().map(|letter| DeadLetterLine {
                run_id: run.clone(),
                fact: letter.fact.clone(),
                why: letter.why.clone(),
            }));
    }

    async fn aliases(&mut self, cursor: &mut ProjectCursor) -> Result<(), SendError> {
        let number_of = |run: Option<RunId>| {
            let dir = self.project.workspace.run_dir(&run?);
            let cursor = CursorFile::<RunCursor>::read(&dir).of(self.server_key);
            Some(cursor.version?.number)
        };
        let wanted = [
            ("champion", number_of(self.project.champion())),
            ("challenger", number_of(self.project.challenger().cloned())),
        ];
        let name = &self.project.tracking.model;
        let mut versions: Option<Vec<RemoteVersion>> = None;
        for (alias, number) in wanted {
            let Some(number) = number else { continue };
            if versions.is_none() {
                versions = Some(self.server.versions(name).await?);
            }
            let known = versions.as_deref().unwrap_or_default();
            let entry = cursor.aliases.entry(alias.to_owned()).or_default();
            let now = now_ms();
            let warning =
                aliases::project(self.server, name, alias, &number, known, entry, now).await?;
            self.report.warnings.extend(warning);
        }
        Ok(())
    }
}

/// What a run and its surroundings look like, and what it was sent to.
pub(super) fn fingerprint(source: &RunSource<'_>, level: Option<Capability>) -> String {
    format!("{} {level:?}", source.fingerprint())
}

/// What is left, counted without a server.
///
/// # Errors
/// When the project cannot be read.
pub fn count(server_key: &str, project: &Project) -> Result<Report, CommandError> {
    let mut report = Report::empty(None);
    let file = CursorFile::<ProjectCursor>::read(&project.workspace.artifacts());
    let level = file.of(server_key).level;
    for run in &project.runs {
        let source = project.source(run);
        let known = CursorFile::<RunCursor>::read(&source.dir).of(server_key);
        if known.settled.as_deref() == Some(&fingerprint(&source, level)) {
            continue;
        }
        if let Some(wanted) = source.wanted()? {
            report.pending += outstanding(&wanted, &known, known.level.or(level)).count();
        }
    }
    report.warnings.extend(project.journal_problem.clone());
    Ok(report)
}
