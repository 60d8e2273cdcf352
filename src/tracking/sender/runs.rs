//! The runs of a training run on the server: its own and one per learner; made, found, lost.

use std::collections::BTreeMap;

use super::{Halt, MAKING, Sender, now_ms, pause};
use crate::tracking::cursor::Made;
use crate::tracking::fact::{Slot, Wanted, WantedRun};
use crate::tracking::outstanding::{Outstanding, is_gone, names, stored_tag};
use crate::tracking::projection::{KEY, ROOT};
use crate::tracking::server::{RemoteRun, RunToMake, SendError, Server, Trouble};

impl<S: Server> Sender<'_, S> {
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

    /// After a refusal: whether the run is not there any more. One that somebody deleted stays
    /// deleted; one that the server has lost is made again.
    pub(super) async fn run_went_away(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
    ) -> Result<bool, Halt> {
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

    pub(super) async fn make_runs(
        &mut self,
        wanted: &Wanted,
        left: &Outstanding<'_>,
    ) -> Result<(), Halt> {
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
        let mut tags: BTreeMap<String, String> = run
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
}

/// The run to keep among those with a key: by the smallest id, so that every sender chooses the
/// same.
fn choose<'a>(found: &'a [RemoteRun], key: &str) -> Option<&'a RemoteRun> {
    found
        .iter()
        .filter(|r| !r.deleted && r.tags.get(KEY).map(String::as_str) == Some(key))
        .min_by(|a, b| a.id.cmp(&b.id))
}
