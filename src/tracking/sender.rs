//! Brings one run on the server to its wanted state, in pieces that may each be repeated.
//!
//! What makes something is preceded by a search for it, by tag; what cannot ever be sent goes to
//! the dead letters and the rest goes on; the cursor is written after every acknowledgement.

use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use serde_json::json;
use thiserror::Error;

use super::cursor::{CursorError, CursorFile, Made, MadeModel, MadeVersion, RunCursor};
use super::fact::{Content, Point, Slot, Wanted, WantedModel, WantedRun, WantedVersion};
use super::mlflow::Capability as Level;
use super::outstanding::{
    Outstanding, is_gone, model_value, names, outstanding, status_value, stored_param,
    stored_point, stored_tag,
};
use super::projection::{KEY, ROOT};
use super::server::{Batch, RemoteRun, RunToMake, SendError, Server, Trouble, VersionToMake};
use crate::hash;

/// Points in one request.
const POINTS: usize = 1_000;
/// How often something is made after the first try failed in between.
const MAKING: u32 = 5;
/// Where a model's folder lies below a run on servers without logged models.
const MODEL_FOLDER: &str = "model";
/// Rounds of sending and comparing before the rest is left to another time.
const ROUNDS: u32 = 6;

/// Writes the portable folder of a run's selected model and returns its files, by path below
/// `out`.
pub type WriteModel =
    fn(run_dir: &Path, wanted: &WantedModel, out: &Path) -> Result<Vec<String>, String>;

/// Why a run was not brought to its end.
#[derive(Debug, Error)]
pub enum Halt {
    /// The server.
    #[error(transparent)]
    Server(#[from] SendError),
    /// Our own cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

/// Where everything of a run and a server is.
pub struct Place<'a> {
    /// The run's folder.
    pub run_dir: &'a Path,
    /// The server and experiment, as the cursor names them.
    pub server_key: &'a str,
    /// The experiment's name.
    pub experiment: &'a str,
    /// The name models are registered under.
    pub model: &'a str,
    /// Writes the model's folder.
    pub write_model: WriteModel,
}

/// Sends one run.
pub struct Sender<'a, S: Server> {
    pub(super) server: &'a S,
    pub(super) place: Place<'a>,
    pub(super) level: Level,
    pub(super) cursor: RunCursor,
    file: CursorFile<RunCursor>,
}

impl<'a, S: Server> Sender<'a, S> {
    /// A sender that goes on where the cursor says.
    pub fn new(server: &'a S, place: Place<'a>, level: Level) -> Self {
        let file = CursorFile::read(place.run_dir);
        let cursor = file.of(place.server_key);
        Self {
            server,
            place,
            level,
            cursor,
            file,
        }
    }

    /// What the server has acknowledged.
    pub fn cursor(&self) -> &RunCursor {
        &self.cursor
    }

    /// Notes why it stopped, or that it did not.
    pub fn note_error(&mut self, error: Option<String>) -> Result<(), CursorError> {
        if self.cursor.last_error == error {
            return Ok(());
        }
        self.cursor.last_error = error;
        self.save()
    }

    /// Notes what everything looks like now that nothing is left.
    pub fn settle(&mut self, fingerprint: &str) -> Result<(), CursorError> {
        if self.cursor.settled.as_deref() == Some(fingerprint) {
            return Ok(());
        }
        self.cursor.settled = Some(fingerprint.to_owned());
        self.save()
    }

    pub(super) fn save(&mut self) -> Result<(), CursorError> {
        self.file
            .write(self.place.run_dir, self.place.server_key, &self.cursor)
    }

    /// Writes the cursor after the server has changed.
    pub(super) fn changed(&mut self) -> Result<(), CursorError> {
        self.cursor.changed_ms = now_ms();
        self.save()
    }

    /// Sends all that is left; of a run that has ended also compares and mends.
    pub async fn send(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        if self.cursor.key != wanted.key {
            self.cursor = RunCursor {
                key: wanted.key.clone(),
                ..RunCursor::default()
            };
        }
        for _ in 0..ROUNDS {
            self.cursor.level = Some(self.level);
            self.send_outstanding(wanted).await?;
            if !wanted.ended || is_settled(&self.cursor) || !self.mend(wanted).await? {
                break;
            }
        }
        if outstanding(wanted, &self.cursor, Some(self.level)).count() == 0 {
            self.cursor.seq = wanted.seq;
        }
        self.save()?;
        Ok(())
    }

    async fn send_outstanding(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        let known = self.cursor.clone();
        let left = outstanding(wanted, &known, Some(self.level));
        if left.count() == 0 {
            return Ok(());
        }
        if self.cursor.experiment_id.is_empty() {
            self.cursor.experiment_id = self.server.experiment(self.place.experiment).await?;
        }
        self.make_runs(wanted, &left).await?;
        for (slot, batch) in &left.batches {
            self.log(wanted, slot, batch).await?;
        }
        self.points(wanted, left.points).await?;
        self.inputs(wanted, &left).await?;
        self.artifacts(wanted, &left).await?;
        self.model(wanted).await?;
        self.version(wanted).await?;
        // The end comes last: a finished run on the server is one that has everything.
        for run in &left.statuses {
            let Some(id) = self.id(wanted, &run.slot) else {
                continue;
            };
            let fact = names::status(&run.slot);
            let value = status_value(run.status, run.end_ms);
            let sent = self.server.update_run(&id, run.status, run.end_ms).await;
            self.take(wanted, &run.slot, &fact, &value, sent).await?;
        }
        Ok(())
    }

    /// The server's id of a slot, unless it was deleted there.
    pub(super) fn id(&self, wanted: &Wanted, slot: &Slot) -> Option<String> {
        let run = wanted.run(slot)?;
        if is_gone(run, &self.cursor) {
            return None;
        }
        self.cursor
            .runs
            .get(&slot.key())
            .map(|made| made.id.clone())
    }

    /// Takes the result of sending one fact of a run.
    async fn take(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
        fact: &str,
        value: &str,
        sent: Result<(), SendError>,
    ) -> Result<(), Halt> {
        match sent {
            Ok(()) => self.cursor.acknowledge(fact, value),
            Err(e) if is_final(e.trouble) => {
                if !self.run_went_away(wanted, slot).await? {
                    self.cursor.bury(fact, value, &e.text, now_ms());
                }
            }
            Err(e) => return Err(e.into()),
        }
        self.changed()?;
        Ok(())
    }

    /// After a refusal: whether the run is not there any more. One that somebody deleted stays
    /// deleted; one that the server has lost is made again.
    async fn run_went_away(&mut self, wanted: &Wanted, slot: &Slot) -> Result<bool, Halt> {
        let Some(id) = self.id(wanted, slot) else {
            return Ok(true);
        };
        match self.server.read_run(&id).await {
            Ok(run) if run.deleted => {
                self.bury_run(wanted, slot);
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(e) if matches!(e.trouble, Trouble::Missing | Trouble::Rejected) => {
                self.lose_run(slot);
                Ok(true)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Somebody deleted the run on the server: that is their decision.
    pub(super) fn bury_run(&mut self, wanted: &Wanted, slot: &Slot) {
        if let Some(run) = wanted.run(slot) {
            let why = "the run was deleted on the server; nothing more is sent to it";
            self.cursor.bury(&names::run(slot), &run.key, why, now_ms());
        }
    }

    /// The server does not know the run any more.
    pub(super) fn lose_run(&mut self, slot: &Slot) {
        self.cursor.runs.remove(&slot.key());
        self.cursor.forget_slot(&slot.key());
        if *slot == Slot::Parent {
            // Whatever hung on it was lost with it, the experiment perhaps among it.
            self.cursor.experiment_id.clear();
            self.cursor.model = None;
            self.cursor.version = None;
            self.cursor
                .facts
                .retain(|fact, _| !fact.starts_with(names::VERSION));
        }
    }

    async fn make_runs(&mut self, wanted: &Wanted, left: &Outstanding<'_>) -> Result<(), Halt> {
        if left.runs.is_empty() {
            return Ok(());
        }
        let mut found = self.find_runs(wanted).await?;
        for run in &left.runs {
            let mut tries = 0;
            let made = loop {
                if let Some(known) = choose(&found, &run.key) {
                    break known.clone();
                }
                match self
                    .server
                    .make_run(&self.cursor.experiment_id, &self.to_make(wanted, run))
                    .await
                {
                    Ok(made) => break made,
                    Err(e) if e.trouble == Trouble::Down && tries < MAKING => {
                        tries += 1;
                        pause(tries).await;
                        // It may have been made although nobody said so.
                        found = self.find_runs(wanted).await?;
                    }
                    Err(e) => return Err(e.into()),
                }
            };
            self.cursor.runs.insert(
                run.slot.key(),
                Made {
                    id: made.id,
                    root: made.root,
                },
            );
            self.cursor.sent += 1;
            self.changed()?;
        }
        Ok(())
    }

    pub(super) async fn find_runs(&self, wanted: &Wanted) -> Result<Vec<RemoteRun>, SendError> {
        let experiment = &self.cursor.experiment_id;
        self.server.find_runs(experiment, ROOT, &wanted.key).await
    }

    fn to_make(&self, wanted: &Wanted, run: &WantedRun) -> RunToMake {
        let mut tags: std::collections::BTreeMap<String, String> = run
            .tags
            .iter()
            .filter(|(name, _)| [KEY, ROOT].contains(&name.as_str()) || name.starts_with("mlflow."))
            .map(|(name, value)| stored_tag(name, value))
            .collect();
        if let Some((name, value)) = self.parent_tag(wanted, &run.slot) {
            tags.insert(name, value);
        }
        RunToMake {
            name: run.name.clone(),
            user: run.user.clone(),
            start_ms: run.start_ms,
            tags,
        }
    }

    /// The tag that hangs a child run below its parent.
    pub(super) fn parent_tag(&self, wanted: &Wanted, slot: &Slot) -> Option<(String, String)> {
        match slot {
            Slot::Parent => None,
            Slot::Learner(_) => {
                let parent = self.id(wanted, &Slot::Parent)?;
                Some(("mlflow.parentRunId".to_owned(), parent))
            }
        }
    }

    /// Logs parameters and tags; what the server refuses is found by halving and buried.
    async fn log(&mut self, wanted: &Wanted, slot: &Slot, batch: &Batch) -> Result<(), Halt> {
        let mut stack = vec![batch.clone()];
        let mut looked = false;
        while let Some(batch) = stack.pop() {
            let Some(id) = self.id(wanted, slot) else {
                return Ok(());
            };
            match self.server.log(&id, &batch).await {
                Ok(()) => {
                    for (name, value) in &batch.params {
                        self.cursor.acknowledge(&names::param(slot, name), value);
                    }
                    for (name, value) in &batch.tags {
                        self.cursor.acknowledge(&names::tag(slot, name), value);
                    }
                }
                Err(e) if is_final(e.trouble) => {
                    if !looked && self.run_went_away(wanted, slot).await? {
                        self.changed()?;
                        return Ok(());
                    }
                    looked = true;
                    match halves(batch) {
                        Ok((a, b)) => stack.extend([b, a]),
                        Err(one) => {
                            for (name, value) in &one.params {
                                self.cursor.bury(
                                    &names::param(slot, name),
                                    value,
                                    &e.text,
                                    now_ms(),
                                );
                            }
                            for (name, value) in &one.tags {
                                self.cursor
                                    .bury(&names::tag(slot, name), value, &e.text, now_ms());
                            }
                        }
                    }
                }
                Err(e) => return Err(e.into()),
            }
            self.changed()?;
        }
        Ok(())
    }

    /// Logs metric points in the order of the list; the cursor moves on by whole chunks.
    async fn points(&mut self, wanted: &Wanted, points: &[Point]) -> Result<(), Halt> {
        for chunk in points.chunks(POINTS) {
            let mut slots: Vec<&Slot> = Vec::new();
            for point in chunk {
                if !slots.contains(&&point.slot) {
                    slots.push(&point.slot);
                }
            }
            for slot in slots {
                let of_slot: Vec<&Point> = chunk.iter().filter(|p| p.slot == *slot).collect();
                self.points_of(wanted, slot, of_slot).await?;
            }
            // A run that was lost on the way begins again from the start.
            if wanted
                .runs
                .iter()
                .all(|r| is_gone(r, &self.cursor) || self.cursor.runs.contains_key(&r.slot.key()))
            {
                self.cursor.points += chunk.len();
                self.cursor.sent += chunk.len() as u64;
            }
            self.changed()?;
        }
        Ok(())
    }

    async fn points_of(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
        points: Vec<&Point>,
    ) -> Result<(), Halt> {
        let mut stack = vec![points];
        let mut looked = false;
        while let Some(points) = stack.pop() {
            let Some(id) = self.id(wanted, slot) else {
                return Ok(());
            };
            let batch = Batch {
                points: points.iter().map(|p| stored_point(p)).collect(),
                ..Batch::default()
            };
            match self.server.log(&id, &batch).await {
                Ok(()) => {}
                Err(e) if is_final(e.trouble) => {
                    if !looked && self.run_went_away(wanted, slot).await? {
                        return Ok(());
                    }
                    looked = true;
                    if let [one] = points[..] {
                        let value = format!("{} {}", one.value, one.at_ms);
                        self.cursor
                            .bury(&names::point(one), &value, &e.text, now_ms());
                    } else {
                        let (a, b) = points.split_at(points.len() / 2);
                        stack.extend([b.to_vec(), a.to_vec()]);
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    async fn inputs(&mut self, wanted: &Wanted, left: &Outstanding<'_>) -> Result<(), Halt> {
        for input in left.inputs {
            let Some(id) = self.id(wanted, &Slot::Parent) else {
                return Ok(());
            };
            match self.server.log_input(&id, input).await {
                Ok(()) => {}
                Err(e) if is_final(e.trouble) => {
                    if self.run_went_away(wanted, &Slot::Parent).await? {
                        self.changed()?;
                        return Ok(());
                    }
                    self.cursor
                        .bury(&names::input(&input.name), &input.digest, &e.text, now_ms());
                }
                Err(e) => return Err(e.into()),
            }
            self.cursor.inputs += 1;
            self.cursor.sent += 1;
            self.changed()?;
        }
        Ok(())
    }

    async fn artifacts(&mut self, wanted: &Wanted, left: &Outstanding<'_>) -> Result<(), Halt> {
        for (path, content) in &left.artifacts {
            let Some(made) = self.cursor.runs.get(&Slot::Parent.key()).cloned() else {
                return Ok(());
            };
            let fact = names::artifact(path);
            let sha256 = content.sha256();
            let sent = match content {
                Content::Text(text) => {
                    self.server
                        .put_bytes(&made.root, path, text.as_bytes())
                        .await
                }
                Content::File { path: file, .. } => {
                    let file = self.place.run_dir.join(file);
                    match unaltered(&file, &sha256) {
                        Ok(()) => self.server.put_file(&made.root, path, &file).await,
                        Err(why) => Err(rejected(why)),
                    }
                }
            };
            if sent.is_ok()
                && self.cursor.facts.contains_key(&fact)
                && !self.cursor.resent.iter().any(|p| p == path)
            {
                self.cursor.resent.push((*path).to_owned());
            }
            self.take(wanted, &Slot::Parent, &fact, &sha256, sent)
                .await?;
        }
        Ok(())
    }

    /// Sends the model. A server that turns out to have no logged models takes a folder.
    async fn model(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        loop {
            let known = self.cursor.clone();
            let Some(model) = outstanding(wanted, &known, Some(self.level)).model else {
                return Ok(());
            };
            let Some(run) = self.id(wanted, &Slot::Parent) else {
                return Ok(());
            };
            let value = model_value(model, self.level);
            let sent = if self.level == Level::Full {
                self.logged_model(wanted, model, &run).await
            } else {
                self.model_folder(model, &run).await
            };
            match sent {
                Ok(()) => self.cursor.acknowledge(names::MODEL, &value),
                Err(Halt::Server(e))
                    if e.trouble == Trouble::Unsupported && self.level == Level::Full =>
                {
                    self.level = Level::Registry;
                    self.cursor.level = Some(self.level);
                }
                Err(Halt::Server(e)) if is_final(e.trouble) || e.trouble == Trouble::Forbidden => {
                    self.cursor.bury(names::MODEL, &value, &e.text, now_ms());
                }
                Err(e) => return Err(e),
            }
            self.changed()?;
        }
    }

    async fn logged_model(
        &mut self,
        wanted: &Wanted,
        model: &WantedModel,
        run: &str,
    ) -> Result<(), Halt> {
        let experiment = self.cursor.experiment_id.clone();
        let known = self
            .cursor
            .model
            .clone()
            .filter(|m| m.key == model.key && m.id.is_some());
        let made = match known {
            Some(made) => made,
            None => {
                let params = model
                    .params
                    .iter()
                    .map(|(n, v)| stored_param(n, v))
                    .collect();
                let tags = model.tags.iter().map(|(n, v)| stored_tag(n, v)).collect();
                let mut tries = 0;
                let remote = loop {
                    let mut found = self
                        .server
                        .find_models(&experiment, KEY, &model.key)
                        .await?;
                    found.sort_by(|a, b| a.id.cmp(&b.id));
                    if let Some(known) = found.into_iter().next() {
                        break known;
                    }
                    match self
                        .server
                        .make_model(&experiment, self.place.model, run, &tags, &params)
                        .await
                    {
                        Ok(made) => break made,
                        Err(e) if e.trouble == Trouble::Down && tries < MAKING => {
                            tries += 1;
                            pause(tries).await;
                        }
                        Err(e) => return Err(e.into()),
                    }
                };
                let made = MadeModel {
                    key: model.key.clone(),
                    id: Some(remote.id),
                    root: remote.root,
                };
                self.cursor.model = Some(made.clone());
                self.changed()?;
                made
            }
        };
        let id = made.id.clone().unwrap_or_default();
        self.upload(model, &made.root, "").await?;
        let figures: Vec<_> = wanted
            .points
            .iter()
            .filter(|p| p.slot == Slot::Parent && p.name.starts_with("test/"))
            .map(stored_point)
            .collect();
        if !figures.is_empty() {
            self.server.log_of_model(run, &id, &figures).await?;
        }
        self.server.finish_model(&id).await?;
        self.server.add_output(run, &id).await?;
        Ok(())
    }

    /// The way of 2.x: the folder lies among the run's artifacts and a tag says so. The tag is set
    /// directly and not through `runs/log-model`, which only appends to it: repeated, it would
    /// name the model twice, and DAGsHub's server fails on it.
    async fn model_folder(&mut self, model: &WantedModel, run: &str) -> Result<(), Halt> {
        let Some(parent) = self.cursor.runs.get(&Slot::Parent.key()).cloned() else {
            return Ok(());
        };
        self.upload(model, &parent.root, MODEL_FOLDER).await?;
        let (name, value) = history_tag(run);
        let batch = Batch {
            tags: vec![(name, value)],
            ..Batch::default()
        };
        self.server.log(run, &batch).await?;
        self.cursor.model = Some(MadeModel {
            key: model.key.clone(),
            id: None,
            root: format!("{}/{MODEL_FOLDER}", parent.root),
        });
        Ok(())
    }

    async fn upload(&mut self, model: &WantedModel, root: &str, folder: &str) -> Result<(), Halt> {
        let scratch = tempfile::Builder::new()
            .prefix(".model-")
            .tempdir_in(self.place.run_dir)
            .map_err(|e| rejected(format!("the model's folder cannot be written: {e}")))?;
        let out = scratch.path().join("model");
        let files = (self.place.write_model)(self.place.run_dir, model, &out).map_err(rejected)?;
        for file in files {
            let path = if folder.is_empty() {
                file.clone()
            } else {
                format!("{folder}/{file}")
            };
            self.server.put_file(root, &path, &out.join(&file)).await?;
        }
        Ok(())
    }

    /// Makes the version and tags it. A server without a registry keeps it in the run's tags.
    async fn version(&mut self, wanted: &Wanted) -> Result<(), Halt> {
        loop {
            let known = self.cursor.clone();
            let left = outstanding(wanted, &known, Some(self.level));
            let sent = match (left.version, &known.version) {
                (Some(version), _) if left.model.is_none() => match self.source(wanted) {
                    Some(_) => self.make_version(wanted, version).await,
                    // Its model is a dead letter.
                    None => Err(rejected("its model could not be sent".to_owned()).into()),
                },
                (None, Some(made)) if !left.version_tags.is_empty() => {
                    self.tag_version(&made.number.clone(), &left.version_tags)
                        .await
                }
                _ => return Ok(()),
            };
            match sent {
                Ok(()) => {}
                Err(Halt::Server(e))
                    if e.trouble == Trouble::Unsupported && self.level >= Level::Registry =>
                {
                    self.level = Level::Runs;
                    self.cursor.level = Some(self.level);
                }
                Err(Halt::Server(e)) if e.trouble == Trouble::Missing && left.version.is_none() => {
                    // Somebody deleted the version: that is their decision.
                    if let Some(version) = &wanted.version {
                        let why = "the version was deleted on the server";
                        self.cursor
                            .bury(names::VERSION, &version.key, why, now_ms());
                        self.cursor.version = None;
                    }
                }
                Err(Halt::Server(e)) if is_final(e.trouble) || e.trouble == Trouble::Forbidden => {
                    if let Some(version) = left.version {
                        self.cursor
                            .bury(names::VERSION, &version.key, &e.text, now_ms());
                    } else {
                        for (name, value) in &left.version_tags {
                            self.cursor
                                .bury(&names::version_tag(name), value, &e.text, now_ms());
                        }
                    }
                }
                Err(e) => return Err(e),
            }
            self.changed()?;
        }
    }

    /// Where the model lies, as a version's source: `models:/m-..` or a folder of the run.
    fn source(&self, wanted: &Wanted) -> Option<(String, Option<String>)> {
        let model = wanted.model.as_ref()?;
        let made = self.cursor.model.as_ref().filter(|m| m.key == model.key)?;
        if self
            .cursor
            .is_done(names::MODEL, &model_value(model, self.level))
            && !self.cursor.dead.iter().any(|d| d.fact == names::MODEL)
        {
            Some(match &made.id {
                Some(id) => (format!("models:/{id}"), Some(id.clone())),
                None => (made.root.clone(), None),
            })
        } else {
            None
        }
    }

    async fn make_version(&mut self, wanted: &Wanted, version: &WantedVersion) -> Result<(), Halt> {
        let (Some((source, model)), Some(run)) =
            (self.source(wanted), self.id(wanted, &Slot::Parent))
        else {
            return Err(rejected("its model could not be sent".to_owned()).into());
        };
        let name = self.place.model;
        self.server.registered_model(name).await?;
        let tags: std::collections::BTreeMap<_, _> =
            version.tags.iter().map(|(n, v)| stored_tag(n, v)).collect();
        let to_make = VersionToMake {
            name: name.to_owned(),
            source,
            run,
            model,
            description: version.description.clone(),
            tags,
        };
        let mut tries = 0;
        let made = loop {
            let mut found = self.server.versions(name).await?;
            found.retain(|v| v.tags.get(KEY) == Some(&version.key));
            found.sort_by_key(|v| v.number.parse::<u64>().unwrap_or(u64::MAX));
            if let Some(known) = found.into_iter().next() {
                break known;
            }
            match self.server.make_version(&to_make).await {
                Ok(made) => break made,
                Err(e) if e.trouble == Trouble::Down && tries < MAKING => {
                    tries += 1;
                    pause(tries).await;
                }
                Err(e) => return Err(e.into()),
            }
        };
        for (tag, value) in &made.tags {
            self.cursor.acknowledge(&names::version_tag(tag), value);
        }
        self.cursor.version = Some(MadeVersion {
            key: version.key.clone(),
            number: made.number,
        });
        self.cursor.sent += 1;
        Ok(())
    }

    async fn tag_version(&mut self, number: &str, tags: &[(String, String)]) -> Result<(), Halt> {
        for (name, value) in tags {
            self.server
                .tag_version(self.place.model, number, name, value)
                .await?;
            self.cursor.acknowledge(&names::version_tag(name), value);
        }
        Ok(())
    }
}

/// The tag by which 2.x knows that a run holds a model.
pub(super) fn history_tag(run: &str) -> (String, String) {
    let value = json!([{
        "run_id": run,
        "artifact_path": MODEL_FOLDER,
        "flavors": {"python_function": {"loader_module": "mlflow.onnx"}, "onnx": {}},
    }]);
    ("mlflow.log-model.history".to_owned(), value.to_string())
}

/// Whether a comparison with the server has been made so long after the last change that nothing
/// sent before can still be on its way.
pub(super) fn is_settled(cursor: &RunCursor) -> bool {
    cursor.verified_ms >= cursor.changed_ms + LATE_MS
}

/// The longest a request may be on its way, milliseconds.
pub(super) const LATE_MS: i64 = 60_000;

/// The run to keep among those with a key: by the smallest id, so that every sender chooses the
/// same.
fn choose<'a>(found: &'a [RemoteRun], key: &str) -> Option<&'a RemoteRun> {
    found
        .iter()
        .filter(|r| !r.deleted && r.tags.get(KEY).map(String::as_str) == Some(key))
        .min_by(|a, b| a.id.cmp(&b.id))
}

/// What will fail again however often it is sent.
fn is_final(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Rejected | Trouble::Missing | Trouble::Unsupported
    )
}

fn rejected(text: String) -> SendError {
    SendError {
        trouble: Trouble::Rejected,
        text,
        hint: "Check that the run's folder is whole.".to_owned(),
    }
}

/// Two halves of a batch; one that cannot be divided comes back.
fn halves(mut batch: Batch) -> Result<(Batch, Batch), Batch> {
    if batch.len() < 2 {
        return Err(batch);
    }
    let mut rest = Batch::default();
    if batch.params.is_empty() || batch.tags.is_empty() {
        rest.params = batch.params.split_off(batch.params.len() / 2);
        rest.tags = batch.tags.split_off(batch.tags.len() / 2);
    } else {
        rest.tags = std::mem::take(&mut batch.tags);
    }
    Ok((batch, rest))
}

fn unaltered(file: &Path, sha256: &str) -> Result<(), String> {
    match hash::sha256_file(file) {
        Ok(found) if found == sha256 => Ok(()),
        Ok(_) => Err("the file is not the one its stage recorded".to_owned()),
        Err(e) => Err(format!("the file cannot be read: {}", e.kind())),
    }
}

async fn pause(tries: u32) {
    let most = Duration::from_millis(100 << tries.min(6));
    tokio::time::sleep(most.mul_f64(0.5 + 0.5 * rand::random::<f64>())).await;
}

pub(super) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}
