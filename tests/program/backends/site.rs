//! A workspace with the environment of its backends, and the whole program to run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use toml::Table;

use crate::harness::{text, without_settings};
use crate::services;

/// What a site has of its own on the servers.
pub struct Names {
    pub database: String,
    pub bucket: String,
    pub experiment: String,
    pub model: String,
}

impl Names {
    pub fn new(bucket: String) -> Self {
        Self {
            database: services::unique("backends"),
            bucket,
            experiment: services::unique("experiment"),
            model: services::unique("model"),
        }
    }
}

/// A folder, variables, and everything that was said in it.
pub struct Site {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    said: Mutex<Vec<u8>>,
}

impl Site {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["home", "tmp", "work"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Self {
            dir,
            env: Vec::new(),
            said: Mutex::new(Vec::new()),
        }
    }

    /// Sets variables for every command from now on.
    pub fn set<K: Into<String>>(&mut self, pairs: impl IntoIterator<Item = (K, String)>) {
        for (name, value) in pairs {
            let name = name.into();
            self.env.retain(|(known, _)| *known != name);
            self.env.push((name, value));
        }
    }

    /// The workspace.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Everything this site may write: workspace, home, temporary files.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// All output of all commands so far.
    pub fn said(&self) -> Vec<u8> {
        self.said.lock().unwrap().clone()
    }

    pub fn netsec(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netsec"));
        without_settings(&mut command);
        command
            .current_dir(self.path())
            .args(args)
            .env("USER", "tester")
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.dir.path().join("tmp"))
            .env("RUST_BACKTRACE", "0")
            .env_remove("SSH_CONNECTION")
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, whatever that is.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, &[])
    }

    /// The same with variables for this command alone.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let begun = std::time::Instant::now();
        let output = self
            .netsec(args)
            .envs(env.iter().copied())
            .output()
            .unwrap();
        // Shown when a test fails: a command that waited says where the time went.
        println!("{:.1} s: {args:?}", begun.elapsed().as_secs_f64());
        let mut said = self.said.lock().unwrap();
        said.extend_from_slice(&output.stdout);
        said.extend_from_slice(&output.stderr);
        output
    }

    /// Runs a command that must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must succeed and prints one JSON document.
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// A configuration that uses all backends: rows from the collection `flows`.
    pub fn write_config(&self, names: &Names) {
        let text = format!(
            "[source]\nkind = \"mongodb\"\ndatabase = \"{}\"\ncollection = \"flows\"\n\
             [schema]\nlabel = \"attack\"\n[storage]\nkind = \"s3\"\nbucket = \"{}\"\n\
             [tracking]\nexperiment = \"{}\"\nmodel = \"{}\"\n",
            names.database, names.bucket, names.experiment, names.model
        );
        fs::write(self.path().join("config.toml"), text).unwrap();
    }

    /// Changes keys of `config.toml`; the text is TOML of the sections to change.
    pub fn configure(&self, changes: &str) {
        let path = self.path().join("config.toml");
        let mut table: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        merge(&mut table, changes.parse().unwrap());
        fs::write(&path, toml::to_string(&table).unwrap()).unwrap();
    }

    /// Imports a file, writes a configuration that reads it from there, and returns what `import`
    /// said.
    pub fn import(&self, file: &Path, preset: &str, database: &str, collection: &str) -> String {
        let output = self.run(&[
            "import",
            file.to_str().unwrap(),
            "--preset",
            preset,
            "--database",
            database,
            "--collection",
            collection,
        ]);
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    }
}

fn merge(into: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(more)) => merge(known, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Path and SHA-256 of every file the stages of a run made, from its `show` document.
pub fn artifacts(show: &Value) -> Vec<(String, String)> {
    show["stages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|stage| stage["artifacts"].as_array().unwrap())
        .map(|file| {
            (
                file["path"].as_str().unwrap().to_owned(),
                file["sha256"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

/// Asserts that two runs made the same files, byte for byte, but for those that tell where the
/// rows came from and when.
pub fn assert_same_bytes(one: &Value, other: &Value) {
    // They name the source. The plan carries the run's id and its time.
    let tells = |path: &str| {
        matches!(
            path,
            "data_ingestion/report.json" | "data_ingestion/artifact.json"
        ) || path.starts_with("model_pusher/")
    };
    let kept = |show: &Value| -> Vec<(String, String)> {
        artifacts(show)
            .into_iter()
            .filter(|(path, _)| !tells(path))
            .collect()
    };
    let (one, other) = (kept(one), kept(other));
    assert!(
        one.iter()
            .any(|(path, _)| path == "data_ingestion/train.parquet"),
        "{one:?}"
    );
    assert!(
        one.iter()
            .any(|(path, _)| path == "model_trainer/selected.json"),
        "{one:?}"
    );
    assert_eq!(one, other);
}
