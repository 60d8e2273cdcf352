//! A project in a temporary folder and the program to run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use netsec::events::{Envelope, Event, LogReader, StageName};
use netsec::runs::{EVENTS_FILE, RunId, RunStore, RunView, last_holder};
use netsec::workspace::Workspace;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The longest a condition is waited for. Only a hang takes so long; no test asserts a time.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A workspace with a small table to train on.
pub struct Project {
    dir: tempfile::TempDir,
}

/// How long the training of a project takes.
#[derive(Clone, Copy, PartialEq)]
pub enum Training {
    /// A second or less.
    Short,
    /// Long enough to be interrupted anywhere.
    Long,
    /// Longer than any test waits: has to be stopped.
    Endless,
}

impl Project {
    pub fn new(training: Training) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("flows.csv"), flows(600)).unwrap();
        let trees = match training {
            Training::Short => 5,
            Training::Long => 400,
            Training::Endless => 1_000_000,
        };
        fs::write(
            dir.path().join("config.toml"),
            format!(
                "[source]\npath = \"flows.csv\"\n[schema]\nlabel = \"attack\"\n\
                 [training]\nlearners = [\"decision_tree\", \"random_forest\"]\nfolds = 2\ncores = 2\n\
                 [training.random_forest]\ntrees = {trees}\n"
            ),
        )
        .unwrap();
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// The program, in this project, without the environment of whoever runs the tests.
    pub fn netsec(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netsec"));
        without_settings(&mut command);
        command
            .current_dir(self.path())
            .args(args)
            .env("USER", "tester")
            .env("RUST_BACKTRACE", "0")
            .env_remove("SSH_CONNECTION")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.netsec(args).output().unwrap()
    }

    /// Runs a command that must succeed and reads the JSON it prints.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a run and returns at once.
    pub fn start(&self) -> RunId {
        let value = self.json(&["retrain", "--detach", "--json"]);
        value["run_id"].as_str().unwrap().parse().unwrap()
    }

    pub fn store(&self) -> RunStore {
        RunStore::new(&Workspace::new(self.path()))
    }

    pub fn view(&self, run: &RunId) -> RunView {
        self.store().open(run).unwrap()
    }

    pub fn run_dir(&self, run: &RunId) -> PathBuf {
        Workspace::new(self.path()).run_dir(run)
    }

    pub fn events(&self, run: &RunId) -> Vec<Envelope> {
        LogReader::open(&self.run_dir(run).join(EVENTS_FILE))
            .read_all()
            .unwrap()
            .iter()
            .map(|line| line.event().expect("an undamaged log").clone())
            .collect()
    }

    /// Waits until the log holds an event.
    pub fn wait_for(&self, run: &RunId, what: &str, wanted: impl Fn(&Envelope) -> bool) {
        let mut reader = LogReader::open(&self.run_dir(run).join(EVENTS_FILE));
        wait_until(what, || {
            reader
                .read_all()
                .unwrap()
                .iter()
                .any(|line| line.event().is_some_and(&wanted))
        });
    }

    pub fn wait_for_training(&self, run: &RunId) {
        self.wait_for(run, "progress of a forest", |e| {
            matches!(&e.event, Event::TrainingProgress { learner, .. } if learner == "random_forest")
        });
    }

    pub fn wait_for_end(&self, run: &RunId) {
        wait_until("the end of the run", || {
            let view = self.view(run);
            view.state.finished_at.is_some() && !view.liveness.is_held()
        });
    }

    pub fn wait_until_free(&self, run: &RunId) {
        wait_until("the lock", || !self.view(run).liveness.is_held());
    }

    /// Sends a signal to the worker of a run.
    pub fn signal(&self, run: &RunId, signal: Signal) {
        let pid = last_holder(&self.run_dir(run)).unwrap().pid;
        // It may have ended in between.
        let _ = kill_process(Pid::from_raw(pid as i32).unwrap(), signal);
    }

    /// Hashes of all files of the stages up to the evaluation; a plan carries the run's id and
    /// its time.
    pub fn final_bytes(&self, run: &RunId) -> Vec<(String, String)> {
        let state = self.view(run).state;
        state
            .stages
            .iter()
            .filter(|stage| stage.name != StageName::ModelPusher)
            .flat_map(|stage| &stage.artifacts)
            .map(|file| {
                let path = self.run_dir(run).join(&file.path);
                let sha256 = netsec::hash::sha256_file(&path).unwrap();
                assert_eq!(sha256, file.sha256, "{}", file.path);
                (file.path.clone(), sha256)
            })
            .collect()
    }
}

/// Takes settings, servers and credentials of whoever runs the tests out of a command's
/// environment: a test must neither depend on them nor send anything there.
pub fn without_settings(command: &mut Command) {
    const PREFIXES: [&str; 6] = [
        "NETSEC_", "MONGODB_", "MONGO_", "AWS_", "MLFLOW_", "DAGSHUB_",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// A file of the shared data, where it is there; else says that the test is skipped.
pub fn shared_data(path: &str, test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

/// Polls a condition.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn text(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Flows of which about a third are attacks: long, with many bytes, over few services. Seeded by
/// nothing: the same rows every time.
pub fn flows(rows: u32) -> String {
    let mut state = 7u64;
    let mut draw = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1u32 << 24)
    };
    let mut text = String::from("duration,bytes,service,flags,attack\n");
    for _ in 0..rows {
        let attack = draw() < 0.35;
        let shift = if attack { 0.45 } else { 0.0 };
        let duration = draw() + shift;
        let bytes = 1000.0 * (draw() + shift);
        let service =
            ["http", "dns", "smtp", "ssh"][(draw() * if attack { 2.0 } else { 4.0 }) as usize];
        let flags = (draw() * 8.0) as u32;
        text.push_str(&format!(
            "{duration:.6},{bytes:.3},{service},{flags},{}\n",
            u8::from(attack)
        ));
    }
    text
}
