//! The registered version of the model and its tags.

use std::collections::BTreeMap;

use super::{Halt, MAKING, Sender, is_final, now_ms, pause, rejected};
use crate::tracking::cursor::MadeVersion;
use crate::tracking::fact::{Slot, Wanted, WantedVersion};
use crate::tracking::mlflow::Capability as Level;
use crate::tracking::outstanding::{model_value, names, outstanding, stored_tag};
use crate::tracking::projection::KEY;
use crate::tracking::server::{Server, Trouble, VersionToMake};

impl<S: Server> Sender<'_, S> {
    /// Makes the version and tags it. A server without a registry keeps it in the run's tags.
    pub(super) async fn version(&mut self, wanted: &Wanted) -> Result<(), Halt> {
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
        let tags: BTreeMap<_, _> = version.tags.iter().map(|(n, v)| stored_tag(n, v)).collect();
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
