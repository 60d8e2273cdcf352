//! The scoring service: the real process, real connections.

pub mod client;
mod clients;
mod ending;
mod hostile;
mod published;
mod routes;
mod security;
mod swap;
mod traffic;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Project, Training, wait_until};

/// A project with a champion.
pub fn with_champion() -> Project {
    let project = Project::new(Training::Short);
    push(&project);
    project
}

/// Retrains, approves, and returns the version in production.
pub fn push(project: &Project) -> String {
    let show = project.json(&["retrain", "--json"]);
    let plan = show["plan_id"]
        .as_str()
        .expect("an accepted run")
        .to_owned();
    let output = project.run(&["approve", &plan, "--reason", "test"]);
    assert!(output.status.success(), "{}", crate::harness::text(&output));
    let manifest = std::fs::read_to_string(project.path().join("final_model/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest.unwrap()).unwrap();
    manifest["version"].as_str().unwrap().to_owned()
}

/// Lets the gate accept a model that is no better than the champion.
pub fn any_model_passes(project: &Project) {
    let config = std::fs::read_to_string(project.config()).unwrap();
    std::fs::write(
        project.config(),
        format!("{config}\n[gate]\nmax_loss = 1.0\n"),
    )
    .unwrap();
}

/// A service at work; killed when it goes out of scope.
pub struct Service {
    child: Child,
    pub address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub fn start(project: &Project) -> Self {
        Self::start_with(project, &[])
    }

    /// Starts with further environment variables, on a free port of loopback.
    pub fn start_with(project: &Project, env: &[(&str, &str)]) -> Self {
        let mut child = project
            .netsec(&["serve", "--listen", "127.0.0.1:0"])
            .envs(env.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().unwrap();
        let lines = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut address = None;
        wait_until("the service to listen", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {:?}", said.lock().unwrap());
            address = said.lock().unwrap().iter().find_map(|line| {
                let (_, rest) = line.split_once("listening on http")?;
                rest.trim_start_matches('s')
                    .trim_start_matches("://")
                    .parse::<SocketAddr>()
                    .ok()
            });
            address.is_some()
        });
        Self {
            child,
            address: address.unwrap(),
            said,
        }
    }

    /// What it said on stderr.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    pub fn wait_for_said(&self, part: &str) {
        wait_until(part, || self.said().iter().any(|line| line.contains(part)));
    }

    pub fn terminate(&self) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the service to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
