//! `netsec sagemaker`: SageMaker's layout in a folder of its own.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{flows, text, wait_until, without_settings};
use crate::serving::client;

/// What SageMaker mounts at `/opt/ml`.
struct Container {
    dir: tempfile::TempDir,
}

impl Container {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let it = Self { dir };
        it.write("input/data/training/flows.csv", &flows(600));
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn hyperparameters(&self, more: &str) {
        self.write(
            "input/config/hyperparameters.json",
            &format!(
                "{{\"schema.label\": \"attack\", \"training.folds\": \"2\", \
                 \"training.learners\": \"[\\\"decision_tree\\\"]\"{more}}}"
            ),
        );
    }

    fn command(&self, action: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netsec"));
        without_settings(&mut command);
        command
            .args(["sagemaker", action, "--prefix"])
            .arg(self.dir.path())
            .env("TRAINING_JOB_NAME", "nightly-7")
            .stdin(Stdio::null());
        command
    }

    fn train(&self) -> Output {
        self.command("train").output().unwrap()
    }

    fn failure(&self) -> String {
        std::fs::read_to_string(self.path("output/failure")).unwrap()
    }
}

/// A service at work; killed when it goes out of scope.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start(container: &Container, read_only: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        if read_only {
            set_mode(&container.path("model"), 0o555);
        }
        let child = container
            .command("serve")
            .env("SAGEMAKER_BIND_TO_PORT", port.to_string())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut it = Self { child, address };
        wait_until("/ping", || {
            assert!(
                it.child.try_wait().unwrap().is_none(),
                "the service has ended"
            );
            client::Client::connect(address)
                .and_then(|mut c| c.get("/ping"))
                .is_ok_and(|reply| reply.status == 200)
        });
        it
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn an_approved_job_trains_a_model_that_serves() {
    let container = Container::new();
    container.hyperparameters(", \"approve_reason\": \"the nightly job\", \"note\": \"night\"");
    let output = container.train();
    assert!(output.status.success(), "{}", text(&output));
    assert!(container.path("model/manifest.json").is_file());
    assert!(!container.path("output/failure").exists());
    // The decision stands in the journal of the run's folder, by the job.
    let journal =
        std::fs::read_to_string(container.path("output/data/Artifacts/journal.jsonl")).unwrap();
    assert!(
        journal.contains("\"the nightly job\"") && journal.contains("nightly-7"),
        "{journal}"
    );

    let serving = Serving::start(&container, true);
    let csv = "duration,bytes,service,flags\n0.5,100.0,http,1\n0.9,1400.0,dns,2\n";
    let reply = client::post(serving.address, "/invocations", "text/csv", csv);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.text().is_empty());
    // The platform asks these two and nothing else; a host of its own is no matter.
    let mut other = client::Client::connect(serving.address).unwrap();
    assert_eq!(other.get("/runs").unwrap().status, 403);
    let request = format!(
        "POST /invocations HTTP/1.1\r\nHost: model.internal\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n{csv}",
        csv.len()
    );
    other.raw().write_all(request.as_bytes()).unwrap();
    assert_eq!(other.reply().unwrap().status, 200);
    // SIGTERM ends it as SageMaker asks.
    let mut serving = serving;
    kill_process(
        Pid::from_raw(serving.child.id() as i32).unwrap(),
        Signal::TERM,
    )
    .unwrap();
    let mut status = None;
    wait_until("the end", || {
        status = serving.child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{status:?}");
    set_mode(&container.path("model"), 0o755);
}

#[test]
fn a_candidate_nobody_approved_is_not_served() {
    let container = Container::new();
    container.hyperparameters("");
    let output = container.train();
    assert!(output.status.success(), "{}", text(&output));
    assert!(container.path("model/model.json").is_file());
    assert!(!container.path("model/manifest.json").exists());
    let output = container.command("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(
        text(&output).contains("was not approved"),
        "{}",
        text(&output)
    );
    // The folder of the run is a workspace: a person approves there.
    let plan = std::fs::read_to_string(container.path("model/plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let mut approve = Command::new(env!("CARGO_BIN_EXE_netsec"));
    without_settings(&mut approve);
    let output = approve
        .args([
            "approve",
            plan["plan_id"].as_str().unwrap(),
            "--reason",
            "looks good",
        ])
        .current_dir(container.path("output/data"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn what_is_wrong_stands_in_the_failure_file() {
    let container = Container::new();
    container.write("input/config/hyperparameters.json", "{\"epochs\": \"7\"}");
    let output = container.train();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(
        container
            .failure()
            .contains("`epochs` is no hyperparameter")
    );

    container.hyperparameters(", \"training.seed\": \"many\"");
    assert_eq!(container.train().status.code(), Some(3));
    assert!(
        container.failure().contains("hyperparameter training.seed"),
        "{}",
        container.failure()
    );

    container.hyperparameters(", \"source.path\": \"missing.csv\"");
    assert!(!container.train().status.success());
    assert!(
        container.failure().contains("missing.csv"),
        "{}",
        container.failure()
    );
}

#[test]
fn a_job_that_is_stopped_keeps_the_best_so_far() {
    let container = Container::new();
    container.write(
        "input/config/hyperparameters.json",
        "{\"schema.label\": \"attack\", \"training.folds\": \"2\", \
         \"training.learners\": \"[\\\"random_forest\\\"]\", \
         \"training.random_forest.trees\": \"1000000\"}",
    );
    let mut job = container
        .command("train")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let artifacts = container.path("output/data/Artifacts");
    wait_until("training", || {
        std::fs::read_dir(&artifacts).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                std::fs::read_to_string(entry.path().join("events.jsonl"))
                    .is_ok_and(|log| log.contains("training_progress"))
            })
        })
    });
    kill_process(Pid::from_raw(job.id() as i32).unwrap(), Signal::TERM).unwrap();
    let mut status = None;
    wait_until("the job to end", || {
        status = job.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{status:?}");
    assert!(container.path("model/model.json").is_file());
}
