//! The model: a logged model, or on older servers a folder among the run's files.

use serde_json::json;

use super::{Halt, MAKING, Sender, is_final, now_ms, pause, rejected};
use crate::tracking::cursor::MadeModel;
use crate::tracking::fact::{Slot, Wanted, WantedModel};
use crate::tracking::mlflow::Capability as Level;
use crate::tracking::outstanding::{
    model_value, names, outstanding, stored_param, stored_point, stored_tag,
};
use crate::tracking::projection::KEY;
use crate::tracking::server::{Batch, Server, Trouble};

/// Where a model's folder lies below a run on servers without logged models.
const MODEL_FOLDER: &str = "model";

impl<S: Server> Sender<'_, S> {
    /// Sends the model. A server that turns out to have no logged models takes a folder.
    pub(super) async fn model(&mut self, wanted: &Wanted) -> Result<(), Halt> {
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
