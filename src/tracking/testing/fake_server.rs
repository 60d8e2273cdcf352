//! A tracking server in memory, with the rules of the real one: creating twice makes two, a
//! parameter never changes, a point said twice is stored once, tags are overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rand::Rng;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

use crate::hash;
use crate::tracking::fact::{Input, Status};
use crate::tracking::mlflow::Capability;
use crate::tracking::projection::KEY;
use crate::tracking::server::{
    Batch, RemoteModel, RemoteRun, RemoteVersion, RunToMake, SendError, SentPoint, Server, Trouble,
    VersionToMake,
};

/// How badly requests fare, each with this probability.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// The request does not arrive.
    pub lost: f64,
    /// The reply does not arrive.
    pub mute: f64,
    /// The request arrives twice.
    pub doubled: f64,
    /// A copy arrives some requests later; the reply is lost.
    pub late: f64,
}

impl Faults {
    pub(crate) const BAD: Faults = Faults {
        lost: 0.06,
        mute: 0.06,
        doubled: 0.08,
        late: 0.06,
    };
}

#[derive(Clone, Debug)]
enum Op {
    MakeRun(RunToMake),
    DeleteRun(String),
    Log(String, Batch),
    Input(String, Input),
    Update(String, Status, Option<i64>),
    Put(String, String),
    MakeModel(String, BTreeMap<String, String>),
    LogModel(String, Vec<SentPoint>),
    FinishModel(String),
    DeleteModel(String),
    Output(String, String),
    MakeVersion(VersionToMake),
    TagVersion(String, String, String),
    DeleteVersion(String),
    Alias(String, String),
}

#[derive(Clone, Debug, Default)]
struct Run {
    deleted: bool,
    name: String,
    start_ms: i64,
    status: Option<Status>,
    end_ms: Option<i64>,
    tags: BTreeMap<String, String>,
    params: BTreeMap<String, String>,
    points: BTreeSet<(String, i64, i64, u64)>,
    inputs: BTreeSet<(String, String)>,
    outputs: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Model {
    deleted: bool,
    run: String,
    ready: bool,
    tags: BTreeMap<String, String>,
    points: BTreeSet<(String, i64, i64, u64)>,
}

#[derive(Clone, Debug, Default)]
struct Version {
    source: String,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Store {
    made: u64,
    runs: BTreeMap<String, Run>,
    models: BTreeMap<String, Model>,
    versions: BTreeMap<u64, Version>,
    last_version: u64,
    aliases: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    late: Vec<(u64, Op)>,
    calls: u64,
}

/// The server.
#[derive(Debug)]
pub(crate) struct FakeServer {
    level: Capability,
    faults: Mutex<Faults>,
    random: Mutex<Xoshiro256PlusPlus>,
    store: Mutex<Store>,
    /// Requests that hold this text are refused.
    pub refused: Option<String>,
    /// Nothing answers.
    pub down: bool,
}

enum Made {
    Nothing,
    Run(String),
    Model(String),
    Version(u64),
}

fn error(trouble: Trouble, text: &str) -> SendError {
    SendError {
        trouble,
        text: text.to_owned(),
        hint: String::new(),
    }
}

impl FakeServer {
    pub(crate) fn new(level: Capability, seed: u64, faults: Faults) -> Self {
        Self {
            level,
            faults: Mutex::new(faults),
            random: Mutex::new(Xoshiro256PlusPlus::seed_from_u64(seed)),
            store: Mutex::default(),
            refused: None,
            down: false,
        }
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everything arrive that is still on its way; from now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        *self.faults.lock().unwrap() = Faults::default();
        let mut store = self.store();
        for (_, op) in std::mem::take(&mut store.late) {
            let _ = store.apply(op);
        }
    }

    /// Forgets everything, as a server whose disk was replaced.
    pub(crate) fn wipe(&self) {
        *self.store() = Store::default();
    }

    /// A person deletes the run that carries this key.
    pub(crate) fn delete_by_hand(&self, key: &str) {
        for run in self.store().runs.values_mut() {
            if run.tags.get(KEY).map(String::as_str) == Some(key) {
                run.deleted = true;
            }
        }
    }

    /// A person makes a version and moves an alias to it.
    pub(crate) fn move_alias_by_hand(&self, alias: &str) -> String {
        let mut store = self.store();
        store.last_version += 1;
        let number = store.last_version;
        store.versions.insert(number, Version::default());
        store.aliases.insert(alias.to_owned(), number.to_string());
        number.to_string()
    }

    pub(crate) fn alias_now(&self, alias: &str) -> Option<String> {
        self.store().aliases.get(alias).cloned()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.store().calls
    }

    /// Everything it holds, ids replaced by idempotency keys.
    pub(crate) fn dump(&self) -> Value {
        let store = self.store();
        let key = |tags: &BTreeMap<String, String>| {
            tags.get(KEY).cloned().unwrap_or_else(|| "none".into())
        };
        let run_key = |id: &str| store.runs.get(id).map_or("?".to_owned(), |r| key(&r.tags));
        let model_key = |id: &str| {
            store
                .models
                .get(id)
                .map_or("?".to_owned(), |m| key(&m.tags))
        };
        let files = |root: &str| -> Vec<(&str, &str)> {
            store
                .files
                .iter()
                .filter_map(|(path, sha)| {
                    Some((path.strip_prefix(root)?.strip_prefix('/')?, sha.as_str()))
                })
                .collect()
        };
        let mut runs: Vec<(String, Value)> = Vec::new();
        for (id, run) in store.runs.iter().filter(|(_, r)| !r.deleted) {
            let mut tags = run.tags.clone();
            for name in ["mlflow.parentRunId", "mlflow.log-model.history"] {
                if let Some(value) = tags.get_mut(name) {
                    for other in store.runs.keys() {
                        *value = value.replace(other.as_str(), &run_key(other));
                    }
                }
            }
            let outputs: Vec<String> = run.outputs.iter().map(|m| model_key(m)).collect();
            runs.push((
                key(&run.tags),
                json!({"name": run.name, "start": run.start_ms, "status": format!("{:?}", run.status),
                       "end": run.end_ms, "tags": tags, "params": run.params, "points": run.points,
                       "inputs": run.inputs, "outputs": outputs, "files": files(&format!("runs/{id}"))}),
            ));
        }
        runs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut models: Vec<(String, Value)> = Vec::new();
        for (id, model) in store.models.iter().filter(|(_, m)| !m.deleted) {
            models.push((
                key(&model.tags),
                json!({"run": run_key(&model.run), "ready": model.ready, "tags": model.tags,
                       "points": model.points, "files": files(&format!("models/{id}"))}),
            ));
        }
        models.sort_by(|a, b| a.0.cmp(&b.0));
        let mut versions: Vec<(String, Value)> = store
            .versions
            .values()
            .map(|v| {
                let mut source = v.source.clone();
                for id in store.models.keys() {
                    source = source.replace(id.as_str(), &model_key(id));
                }
                for id in store.runs.keys() {
                    source = source.replace(id.as_str(), &run_key(id));
                }
                (key(&v.tags), json!({"source": source, "tags": v.tags}))
            })
            .collect();
        versions.sort_by(|a, b| a.0.cmp(&b.0));
        let aliases: Vec<(&String, String)> = store
            .aliases
            .iter()
            .map(|(alias, number)| {
                let version = number
                    .parse()
                    .ok()
                    .and_then(|n: u64| store.versions.get(&n));
                (alias, version.map_or("?".to_owned(), |v| key(&v.tags)))
            })
            .collect();
        json!({"runs": runs, "models": models, "versions": versions, "aliases": aliases})
    }

    /// What becomes of a request that changes something.
    fn act(&self, op: Op) -> Result<Made, SendError> {
        if self.down {
            return Err(error(Trouble::Down, "nobody answers"));
        }
        if let Some(text) = &self.refused
            && let Op::Log(_, batch) = &op
            && format!("{batch:?}").contains(text.as_str())
        {
            return Err(error(Trouble::Rejected, "a value is refused"));
        }
        let (fate, delay): (f64, u64) = {
            let mut random = self.random.lock().unwrap();
            (random.r#gen(), random.gen_range(1..60))
        };
        let faults = *self.faults.lock().unwrap();
        let mut store = self.store();
        store.calls += 1;
        let now = store.calls;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut store.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        store.late = later;
        for (_, op) in due {
            let _ = store.apply(op);
        }
        let mut limit = faults.lost;
        if fate < limit {
            return Err(error(Trouble::Down, "the request is lost"));
        }
        limit += faults.mute;
        if fate < limit {
            let _ = store.apply(op);
            return Err(error(Trouble::Down, "the reply is lost"));
        }
        limit += faults.doubled;
        if fate < limit {
            let first = store.apply(op.clone());
            let _ = store.apply(op);
            return first;
        }
        limit += faults.late;
        if fate < limit {
            store.late.push((now + delay, op));
            return Err(error(Trouble::Down, "no reply in time"));
        }
        store.apply(op)
    }

    /// What becomes of a request that only reads.
    fn look<T>(&self, read: impl Fn(&mut Store) -> Result<T, SendError>) -> Result<T, SendError> {
        let faults = *self.faults.lock().unwrap();
        let fate: f64 = self.random.lock().unwrap().r#gen();
        if self.down || fate < faults.lost + faults.mute {
            return Err(error(Trouble::Down, "nobody answers"));
        }
        read(&mut self.store())
    }

    /// As the real client does: what may be repeated is.
    fn again<T>(&self, mut call: impl FnMut() -> Result<T, SendError>) -> Result<T, SendError> {
        let mut tries = 0;
        loop {
            match call() {
                Err(e) if e.trouble == Trouble::Down && tries < 4 && !self.down => tries += 1,
                other => return other,
            }
        }
    }

    fn need(&self, level: Capability) -> Result<(), SendError> {
        if self.level >= level {
            Ok(())
        } else {
            Err(error(Trouble::Unsupported, "no such call"))
        }
    }
}

impl Store {
    fn id(&mut self, what: &str) -> String {
        self.made += 1;
        // Not in the order of making.
        let mark = hash::sha256(format!("{what}{}", self.made).as_bytes());
        format!("{what}-{}", &mark[..12])
    }

    fn active(&mut self, id: &str) -> Result<&mut Run, SendError> {
        match self.runs.get_mut(id) {
            None => Err(error(Trouble::Missing, "no such run")),
            Some(run) if run.deleted => Err(error(Trouble::Rejected, "the run is deleted")),
            Some(run) => Ok(run),
        }
    }

    fn apply(&mut self, op: Op) -> Result<Made, SendError> {
        match op {
            Op::MakeRun(new) => {
                let id = self.id("r");
                let run = Run {
                    name: new.name,
                    start_ms: new.start_ms,
                    status: Some(Status::Running),
                    tags: new.tags,
                    ..Run::default()
                };
                self.runs.insert(id.clone(), run);
                return Ok(Made::Run(id));
            }
            Op::DeleteRun(id) => self.active(&id)?.deleted = true,
            Op::Log(id, batch) => {
                let run = self.active(&id)?;
                for (name, value) in &batch.params {
                    if run.params.get(name).is_some_and(|known| known != value) {
                        return Err(error(Trouble::Rejected, "changing a parameter"));
                    }
                }
                run.params.extend(batch.params);
                run.tags.extend(batch.tags);
                for p in batch.points {
                    run.points
                        .insert((p.name, p.step, p.at_ms, p.value.to_bits()));
                }
            }
            Op::Input(id, input) => {
                self.active(&id)?.inputs.insert((input.name, input.digest));
            }
            Op::Update(id, status, end_ms) => {
                let run = self.active(&id)?;
                run.status = Some(status);
                run.end_ms = end_ms.or(run.end_ms);
            }
            Op::Put(path, sha) => {
                self.files.insert(path, sha);
            }
            Op::MakeModel(run, tags) => {
                let id = self.id("m");
                self.models.insert(
                    id.clone(),
                    Model {
                        run,
                        tags,
                        ..Model::default()
                    },
                );
                return Ok(Made::Model(id));
            }
            Op::LogModel(id, points) => {
                let Some(model) = self.models.get_mut(&id) else {
                    return Err(error(Trouble::Missing, "no such model"));
                };
                for p in points {
                    model
                        .points
                        .insert((p.name, p.step, p.at_ms, p.value.to_bits()));
                }
            }
            Op::FinishModel(id) => match self.models.get_mut(&id) {
                Some(model) => model.ready = true,
                None => return Err(error(Trouble::Missing, "no such model")),
            },
            Op::DeleteModel(id) => match self.models.get_mut(&id) {
                Some(model) => model.deleted = true,
                None => return Err(error(Trouble::Missing, "no such model")),
            },
            Op::Output(run, model) => {
                self.active(&run)?.outputs.insert(model);
            }
            Op::MakeVersion(new) => {
                self.last_version += 1;
                let number = self.last_version;
                self.versions.insert(
                    number,
                    Version {
                        source: new.source,
                        tags: new.tags,
                    },
                );
                return Ok(Made::Version(number));
            }
            Op::TagVersion(number, tag, value) => {
                match number
                    .parse()
                    .ok()
                    .and_then(|n: u64| self.versions.get_mut(&n))
                {
                    Some(version) => version.tags.insert(tag, value),
                    None => return Err(error(Trouble::Missing, "no such version")),
                };
            }
            Op::DeleteVersion(number) => {
                let known = number
                    .parse()
                    .ok()
                    .and_then(|n: u64| self.versions.remove(&n));
                if known.is_none() {
                    return Err(error(Trouble::Missing, "no such version"));
                }
            }
            Op::Alias(alias, number) => {
                self.aliases.insert(alias, number);
            }
        }
        Ok(Made::Nothing)
    }

    fn remote(&self, id: &str) -> Option<RemoteRun> {
        let run = self.runs.get(id)?;
        Some(RemoteRun {
            id: id.to_owned(),
            root: format!("runs/{id}"),
            status: run.status,
            end_ms: run.end_ms,
            deleted: run.deleted,
            tags: run.tags.clone(),
            params: run.params.clone(),
            metrics: run.points.iter().map(|p| p.0.clone()).collect(),
            inputs: run.inputs.iter().cloned().collect(),
        })
    }

    fn remote_model(&self, id: &str) -> Option<RemoteModel> {
        let model = self.models.get(id)?;
        Some(RemoteModel {
            id: id.to_owned(),
            root: format!("models/{id}"),
            ready: model.ready,
            tags: model.tags.clone(),
        })
    }
}

fn missing() -> SendError {
    error(Trouble::Missing, "no such thing")
}

impl Server for FakeServer {
    async fn level(&self) -> Result<Capability, SendError> {
        self.again(|| self.look(|_| Ok(self.level)))
    }
    async fn experiment(&self, name: &str) -> Result<String, SendError> {
        self.again(|| self.look(|_| Ok(name.to_owned())))
    }
    async fn find_runs(
        &self,
        _: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteRun>, SendError> {
        self.again(|| {
            self.look(|store| {
                let found = store.runs.iter().filter(|(_, r)| {
                    !r.deleted && r.tags.get(tag).map(String::as_str) == Some(value)
                });
                Ok(found.filter_map(|(id, _)| store.remote(id)).collect())
            })
        })
    }
    async fn read_run(&self, id: &str) -> Result<RemoteRun, SendError> {
        self.again(|| self.look(|store| store.remote(id).ok_or_else(missing)))
    }
    async fn make_run(&self, _: &str, run: &RunToMake) -> Result<RemoteRun, SendError> {
        match self.act(Op::MakeRun(run.clone()))? {
            Made::Run(id) => self.store().remote(&id).ok_or_else(missing),
            _ => Err(missing()),
        }
    }
    async fn delete_run(&self, id: &str) -> Result<(), SendError> {
        let _ = self.again(|| self.act(Op::DeleteRun(id.to_owned())));
        Ok(())
    }
    async fn log(&self, id: &str, batch: &Batch) -> Result<(), SendError> {
        self.again(|| self.act(Op::Log(id.to_owned(), batch.clone())))
            .map(drop)
    }
    async fn log_input(&self, id: &str, input: &Input) -> Result<(), SendError> {
        self.again(|| self.act(Op::Input(id.to_owned(), input.clone())))
            .map(drop)
    }
    async fn update_run(
        &self,
        id: &str,
        status: Status,
        end_ms: Option<i64>,
    ) -> Result<(), SendError> {
        self.again(|| self.act(Op::Update(id.to_owned(), status, end_ms)))
            .map(drop)
    }
    async fn put_file(&self, root: &str, path: &str, file: &Path) -> Result<(), SendError> {
        let sha = hash::sha256_file(file).map_err(|e| error(Trouble::Rejected, &e.to_string()))?;
        self.again(|| self.act(Op::Put(format!("{root}/{path}"), sha.clone())))
            .map(drop)
    }
    async fn put_bytes(&self, root: &str, path: &str, bytes: &[u8]) -> Result<(), SendError> {
        let sha = hash::sha256(bytes);
        self.again(|| self.act(Op::Put(format!("{root}/{path}"), sha.clone())))
            .map(drop)
    }
    async fn sha256_of(&self, root: &str, path: &str) -> Result<Option<String>, SendError> {
        self.again(|| self.look(|store| Ok(store.files.get(&format!("{root}/{path}")).cloned())))
    }
    async fn find_models(
        &self,
        _: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<RemoteModel>, SendError> {
        self.need(Capability::Full)?;
        self.again(|| {
            self.look(|store| {
                let found = store.models.iter().filter(|(_, m)| {
                    !m.deleted && m.tags.get(tag).map(String::as_str) == Some(value)
                });
                Ok(found.filter_map(|(id, _)| store.remote_model(id)).collect())
            })
        })
    }
    async fn make_model(
        &self,
        _: &str,
        _: &str,
        run: &str,
        tags: &BTreeMap<String, String>,
        _: &BTreeMap<String, String>,
    ) -> Result<RemoteModel, SendError> {
        self.need(Capability::Full)?;
        match self.act(Op::MakeModel(run.to_owned(), tags.clone()))? {
            Made::Model(id) => self.store().remote_model(&id).ok_or_else(missing),
            _ => Err(missing()),
        }
    }
    async fn log_of_model(
        &self,
        run: &str,
        model: &str,
        points: &[SentPoint],
    ) -> Result<(), SendError> {
        let batch = Batch {
            points: points.to_vec(),
            ..Batch::default()
        };
        self.again(|| self.act(Op::Log(run.to_owned(), batch.clone())))?;
        self.again(|| self.act(Op::LogModel(model.to_owned(), points.to_vec())))
            .map(drop)
    }
    async fn finish_model(&self, id: &str) -> Result<(), SendError> {
        self.again(|| self.act(Op::FinishModel(id.to_owned())))
            .map(drop)
    }
    async fn delete_model(&self, id: &str) -> Result<(), SendError> {
        self.again(|| self.act(Op::DeleteModel(id.to_owned())))
            .map(drop)
    }
    async fn add_output(&self, run: &str, model: &str) -> Result<(), SendError> {
        self.again(|| self.act(Op::Output(run.to_owned(), model.to_owned())))
            .map(drop)
    }
    async fn registered_model(&self, _: &str) -> Result<(), SendError> {
        self.need(Capability::Registry)?;
        self.again(|| self.look(|_| Ok(())))
    }
    async fn versions(&self, _: &str) -> Result<Vec<RemoteVersion>, SendError> {
        self.need(Capability::Registry)?;
        self.again(|| {
            self.look(|store| {
                let versions = store.versions.iter();
                Ok(versions
                    .map(|(number, v)| RemoteVersion {
                        number: number.to_string(),
                        tags: v.tags.clone(),
                    })
                    .collect())
            })
        })
    }
    async fn make_version(&self, version: &VersionToMake) -> Result<RemoteVersion, SendError> {
        self.need(Capability::Registry)?;
        match self.act(Op::MakeVersion(version.clone()))? {
            Made::Version(number) => Ok(RemoteVersion {
                number: number.to_string(),
                tags: version.tags.clone(),
            }),
            _ => Err(missing()),
        }
    }
    async fn tag_version(
        &self,
        _: &str,
        number: &str,
        tag: &str,
        value: &str,
    ) -> Result<(), SendError> {
        let op = Op::TagVersion(number.to_owned(), tag.to_owned(), value.to_owned());
        self.again(|| self.act(op.clone())).map(drop)
    }
    async fn delete_version(&self, _: &str, number: &str) -> Result<(), SendError> {
        match self.again(|| self.act(Op::DeleteVersion(number.to_owned()))) {
            Err(e) if e.trouble != Trouble::Missing => Err(e),
            _ => Ok(()),
        }
    }
    async fn alias(&self, _: &str, alias: &str) -> Result<Option<String>, SendError> {
        self.again(|| self.look(|store| Ok(store.aliases.get(alias).cloned())))
    }
    async fn set_alias(&self, _: &str, alias: &str, number: &str) -> Result<(), SendError> {
        self.again(|| self.act(Op::Alias(alias.to_owned(), number.to_owned())))
            .map(drop)
    }
}
