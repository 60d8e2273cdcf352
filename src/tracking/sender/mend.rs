//! The comparison at the end of a run: the server is read back, what was made twice is deleted,
//! and what is not as wanted is sent again.
//!
//! A request may arrive twice, or long after its sender has given up. So it is not enough to have
//! been told that something is stored: the end is what the server itself says.

use std::collections::BTreeMap;

use super::model::history_tag;
use super::{Halt, Sender, now_ms};
use crate::tracking::fact::{Content, Slot, Wanted};
use crate::tracking::mlflow::Capability as Level;
use crate::tracking::outstanding::{is_gone, names, stored_param, stored_point, stored_tag};
use crate::tracking::projection::KEY;
use crate::tracking::server::{RemoteRun, Server, Trouble};

impl<S: Server> Sender<'_, S> {
    /// Compares and mends. True when something has to be sent again.
    pub(super) async fn mend(&mut self, wanted: &Wanted) -> Result<bool, Halt> {
        if self.id(wanted, &Slot::Parent).is_none() {
            return Ok(false);
        }
        let mut again = self.mend_runs(wanted).await?;
        again |= self.mend_artifacts(wanted).await?;
        if self.level == Level::Full {
            again |= self.mend_models(wanted).await?;
        }
        if self.level >= Level::Registry {
            again |= self.mend_versions(wanted).await?;
        }
        if !again {
            self.cursor.verified_ms = now_ms();
            self.save()?;
        }
        Ok(again)
    }

    async fn mend_runs(&mut self, wanted: &Wanted) -> Result<bool, Halt> {
        let found = self.find_runs(wanted).await?;
        let mut again = false;
        for run in &wanted.runs {
            if is_gone(run, &self.cursor) {
                continue;
            }
            let Some(id) = self.id(wanted, &run.slot) else {
                again = true;
                continue;
            };
            let same = |r: &&RemoteRun| r.tags.get(KEY) == Some(&run.key);
            let Some(kept) = found.iter().filter(same).find(|r| r.id == id) else {
                again |= self.mend_lost(wanted, &run.slot, &id).await?;
                continue;
            };
            // The one that everything was sent to stays; the others are empty doubles.
            for double in found.iter().filter(same).filter(|r| r.id != id) {
                self.server.delete_run(&double.id).await?;
                self.changed()?;
            }
            again |= self.differs(wanted, &run.slot, kept);
        }
        Ok(again)
    }

    /// A run that the search does not find: deleted, lost, or its tags were changed.
    async fn mend_lost(&mut self, wanted: &Wanted, slot: &Slot, id: &str) -> Result<bool, Halt> {
        match self.server.read_run(id).await {
            Ok(run) if run.deleted => {
                self.bury_run(wanted, slot);
                self.changed()?;
                Ok(false)
            }
            // Its tags are not what they were: they are sent again.
            Ok(run) => Ok(self.differs(wanted, slot, &run)),
            Err(e) if matches!(e.trouble, Trouble::Missing | Trouble::Rejected) => {
                self.lose_run(slot);
                self.changed()?;
                Ok(true)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Forgets what the server does not have as wanted. True when there was something.
    fn differs(&mut self, wanted: &Wanted, slot: &Slot, remote: &RemoteRun) -> bool {
        let Some(run) = wanted.run(slot) else {
            return false;
        };
        let mut wrong = Vec::new();
        for (name, value) in &run.tags {
            let (name, value) = stored_tag(name, value);
            if remote.tags.get(&name) != Some(&value) {
                wrong.push(names::tag(slot, &name));
            }
        }
        for (name, value) in &run.params {
            let (name, value) = stored_param(name, value);
            // Another value can only be somebody else's, and never be changed: sending it again
            // makes it a dead letter.
            if remote.params.get(&name) != Some(&value) {
                wrong.push(names::param(slot, &name));
            }
        }
        if remote.status != Some(run.status)
            || (run.end_ms.is_some() && remote.end_ms != run.end_ms)
        {
            wrong.push(names::status(slot));
        }
        // Buried facts are wrong for good.
        wrong.retain(|fact| !self.cursor.dead.iter().any(|d| d.fact == *fact));
        let mut differs = !wrong.is_empty();
        for fact in wrong {
            self.cursor.forget(&fact);
        }
        let missing = wanted.points.iter().filter(|p| p.slot == *slot).any(|p| {
            !remote.metrics.contains(&stored_point(p).name)
                && !self.cursor.dead.iter().any(|d| d.fact == names::point(p))
        });
        if missing {
            self.cursor.points = 0;
            differs = true;
        }
        if *slot == Slot::Parent {
            let missing = wanted.inputs.iter().any(|i| {
                !remote.inputs.iter().any(|(_, digest)| *digest == i.digest)
                    && !self
                        .cursor
                        .dead
                        .iter()
                        .any(|d| d.fact == names::input(&i.name))
            });
            if missing {
                self.cursor.inputs = 0;
                differs = true;
            }
            let folder = self.cursor.model.as_ref().is_some_and(|m| m.id.is_none());
            let (name, value) = history_tag(&remote.id);
            if folder && remote.tags.get(&name) != Some(&value) {
                self.cursor.forget(names::MODEL);
                differs = true;
            }
        }
        differs
    }

    /// Artifacts whose content has changed on the way: a late copy of the older one may have come
    /// last.
    async fn mend_artifacts(&mut self, wanted: &Wanted) -> Result<bool, Halt> {
        let Some(root) = self
            .cursor
            .runs
            .get(&Slot::Parent.key())
            .map(|m| m.root.clone())
        else {
            return Ok(false);
        };
        let mut again = false;
        for path in self.cursor.resent.clone() {
            let Some(expected) = wanted.artifacts.get(&path).map(Content::sha256) else {
                continue;
            };
            if self.server.sha256_of(&root, &path).await?.as_ref() != Some(&expected) {
                self.cursor.forget(&names::artifact(&path));
                again = true;
            }
        }
        Ok(again)
    }

    async fn mend_models(&mut self, wanted: &Wanted) -> Result<bool, Halt> {
        let (Some(model), Some(made)) = (&wanted.model, self.cursor.model.clone()) else {
            return Ok(false);
        };
        let Some(id) = made.id else { return Ok(false) };
        let experiment = self.cursor.experiment_id.clone();
        let found = self
            .server
            .find_models(&experiment, KEY, &model.key)
            .await?;
        for double in found.iter().filter(|m| m.id != id) {
            self.server.delete_model(&double.id).await?;
            self.changed()?;
        }
        match found.iter().find(|m| m.id == id) {
            Some(remote) if remote.ready => Ok(false),
            Some(_) => {
                self.cursor.forget(names::MODEL);
                Ok(true)
            }
            None => {
                // Deleted by somebody: the run and the version still stand.
                let value = crate::tracking::outstanding::model_value(model, self.level);
                let why = "the logged model was deleted on the server";
                self.cursor.bury(names::MODEL, &value, why, now_ms());
                self.changed()?;
                Ok(false)
            }
        }
    }

    async fn mend_versions(&mut self, wanted: &Wanted) -> Result<bool, Halt> {
        let (Some(version), Some(made)) = (&wanted.version, self.cursor.version.clone()) else {
            return Ok(false);
        };
        let mut found = self.server.versions(self.place.model).await?;
        found.retain(|v| v.tags.get(KEY) == Some(&version.key));
        for double in found.iter().filter(|v| v.number != made.number) {
            self.server
                .delete_version(self.place.model, &double.number)
                .await?;
            self.changed()?;
        }
        let Some(remote) = found.iter().find(|v| v.number == made.number) else {
            let why = "the version was deleted on the server";
            self.cursor
                .bury(names::VERSION, &version.key, why, now_ms());
            self.cursor.version = None;
            self.changed()?;
            return Ok(false);
        };
        let stored: BTreeMap<String, String> =
            version.tags.iter().map(|(n, v)| stored_tag(n, v)).collect();
        let mut again = false;
        for (name, value) in &stored {
            let fact = names::version_tag(name);
            let buried = self.cursor.dead.iter().any(|d| d.fact == fact);
            if remote.tags.get(name) != Some(value) && !buried {
                self.cursor.forget(&fact);
                again = true;
            }
        }
        Ok(again)
    }
}
