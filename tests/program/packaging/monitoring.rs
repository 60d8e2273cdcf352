//! The rules and the dashboard against a real Prometheus, a real node exporter and a real service.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::repository;
use crate::harness::{flows, text, wait_until};
use crate::services::{self, needs_servers};
use crate::serving::{self, Service, client};

/// A process that ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command) -> Killed {
    Killed(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn promtool(folder: &Path, args: &[&str], input: Option<&str>) -> std::process::Output {
    use std::io::Write;
    let mut child = Command::new(folder.join("usr/bin/promtool"))
        .args(args)
        .current_dir(repository("deploy/monitoring"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(input.unwrap_or_default().as_bytes())
        .unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn the_rules_fire_when_they_should() {
    needs_servers!();
    let Some(folder) = services::debian("prometheus") else {
        return;
    };
    for args in [
        &["check", "rules", "alerts.yml"][..],
        &["test", "rules", "alerts_test.yml", "alerts_week_test.yml"],
    ] {
        let output = promtool(&folder, args, None);
        assert!(output.status.success(), "{}", text(&output));
    }
    // Every alert has a case in which it fires.
    let file =
        |name: &str| std::fs::read_to_string(repository("deploy/monitoring").join(name)).unwrap();
    let cases = file("alerts_test.yml") + &file("alerts_week_test.yml");
    for line in file("alerts.yml").lines() {
        if let Some(name) = line.trim().strip_prefix("- alert: ") {
            let fires = format!("alertname: {name}\n        exp_alerts:");
            assert!(cases.contains(&fires), "no case in which {name} fires");
        }
    }
}

#[test]
fn every_query_of_the_dashboard_finds_what_was_scraped() {
    needs_servers!();
    let Some(folder) = services::debian("prometheus") else {
        return;
    };
    let project = serving::with_champion();
    let service = Service::start_with(&project, &[("NETSEC_SERVE__DRIFT_SECONDS", "1")]);
    // Enough for a segment of the prediction log, so that there is something to compare.
    let many = flows(12_000);
    let reply = client::post(service.address, "/predict", "text/csv", &many);
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Something of everything: scored rows, a broken field, a refused request.
    let good = "duration,bytes,service,flags\n0.5,100.0,http,1\n0.9,1400.0,gopher,2\n";
    for body in [
        good,
        "duration,bytes,service,flags\nx,100.0,http,1\n",
        "duration\n1\n",
    ] {
        client::post(service.address, "/predict", "text/csv", body);
    }
    let metrics = client::get(service.address, "/metrics").text();
    let textfile =
        std::fs::read_to_string(project.path().join("Artifacts/metrics/netsec.prom")).unwrap();
    for (name, body) in [("/metrics", &metrics), ("netsec.prom", &textfile)] {
        let output = promtool(&folder, &["check", "metrics"], Some(body));
        assert!(output.status.success(), "{name}: {}", text(&output));
    }

    let dir = tempfile::tempdir().unwrap();
    let (node, prometheus) = (free_address(), free_address());
    let _node = spawn(
        Command::new(folder.join("usr/bin/prometheus-node-exporter"))
            .arg("--collector.disable-defaults")
            .arg("--collector.textfile")
            .arg(format!(
                "--collector.textfile.directory={}",
                project.path().join("Artifacts/metrics").display()
            ))
            .arg(format!("--web.listen-address={node}")),
    );
    let configuration = dir.path().join("prometheus.yml");
    std::fs::write(
        &configuration,
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n\
             - job_name: netsec-serve\n  static_configs: [{{targets: ['{}']}}]\n\
             - job_name: node\n  static_configs: [{{targets: ['{node}']}}]\n",
            repository("deploy/monitoring/alerts.yml").display(),
            service.address
        ),
    )
    .unwrap();
    let _prometheus = spawn(
        Command::new(folder.join("usr/bin/prometheus"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={prometheus}"))
            .arg("--web.console.templates=/nonexistent")
            .arg("--web.console.libraries=/nonexistent"),
    );
    wait_until("Prometheus to have scraped both twice", || {
        query(
            prometheus,
            "count(count_over_time(up[1m]) >= 3 and up == 1) == 2",
        )
        .is_some_and(|found| !found.is_empty())
    });
    client::post(service.address, "/predict", "text/csv", good);

    let dashboard: Value = serde_json::from_slice(
        &std::fs::read(repository("deploy/monitoring/grafana.json")).unwrap(),
    )
    .unwrap();
    let mut seen = BTreeSet::new();
    for expression in expressions(&dashboard) {
        // As Grafana does with its variables.
        let asked = expression
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*");
        assert!(!asked.contains('$'), "a variable is left in {asked}");
        // These have nothing to say on a first model and without a tracking server: they must be
        // valid, and that is all.
        let may_be_empty = ["netsec_drift", "netsec_model_loaded_timestamp"]
            .iter()
            .any(|name| asked.contains(name));
        wait_until(&asked, || {
            let found = query(prometheus, &asked)
                .unwrap_or_else(|| panic!("Prometheus does not understand {asked}"));
            may_be_empty || !found.is_empty()
        });
        seen.insert(asked);
    }
    assert!(seen.len() > 20, "{seen:?}");
    // What the rules go by is there under the names they use.
    let rules = std::fs::read_to_string(repository("deploy/monitoring/alerts.yml")).unwrap();
    let later = [
        "netsec_drift_alarm",
        "netsec_sync_oldest_timestamp_seconds",
        "netsec_sync_failures_total",
    ];
    for name in names(&rules) {
        if later.contains(&name.as_str()) {
            continue;
        }
        wait_until(&name, || {
            query(prometheus, &name).is_some_and(|found| !found.is_empty())
        });
    }
    // Scoring with the champion: the alert that compares them is silent.
    let firing = query(
        prometheus,
        "ALERTS{alertname=~\"NetsecModelMismatch|NetsecDown\"}",
    )
    .unwrap();
    assert!(firing.is_empty(), "{firing:?}");
}

/// The result of an instant query; `None` when it is not understood or nobody answers.
fn query(prometheus: SocketAddr, expression: &str) -> Option<Vec<Value>> {
    let mut encoded = String::new();
    for byte in expression.bytes() {
        encoded.push_str(&format!("%{byte:02X}"));
    }
    let path = format!("/api/v1/query?query={encoded}");
    let reply = client::Client::connect(prometheus).ok()?.get(&path).ok()?;
    let document: Value = serde_json::from_slice(&reply.body).ok()?;
    (document["status"] == "success").then(|| {
        document["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    })
}

/// Every query of a dashboard: of its panels, its annotations.
fn expressions(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(text) if key == "expr" => vec![text.to_owned()],
                _ => expressions(value),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

/// Names of our metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("netsec_") && !word.ends_with("prom"))
        .map(str::to_owned)
        .collect()
}
