//! What was scored, kept and used: the log in a collection, replay, a candidate in the shadow.

use serde_json::{Value, json};

use super::client::Client;
use super::{Service, with_champion};
use crate::harness::{Project, text, wait_until};
use crate::services::{Servers, needs_servers};

/// Scores the project's table and returns the ids of its predictions.
fn score(service: &Service, project: &Project) -> Vec<String> {
    let table = std::fs::read(project.path().join("flows.csv")).unwrap();
    let headers = [("Content-Type", "text/csv"), ("Accept", "application/json")];
    let mut client = Client::connect(service.address).unwrap();
    let reply = client.send("POST", "/predict", &headers, &table).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    let predictions = document["predictions"].as_array().unwrap();
    let id = |p: &Value| p["prediction_id"].as_str().unwrap().to_owned();
    predictions.iter().map(id).collect()
}

/// A verdict on a prediction: status and reply.
fn verdict(service: &Service, id: &str) -> (u16, String) {
    let body = json!({"verdicts": [{"prediction_id": id, "label": "0"}]}).to_string();
    let mut client = Client::connect(service.address).unwrap();
    let reply = client
        .post("/feedback", "application/json", body.as_bytes())
        .unwrap();
    (reply.status, reply.text())
}

/// A counter of `/metrics`.
fn counter(service: &Service, series: &str) -> u64 {
    let text = Client::connect(service.address)
        .and_then(|mut client| client.get("/metrics"))
        .unwrap()
        .text();
    let line = text.lines().find_map(|l| l.strip_prefix(series));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

const WRITTEN: &str = "netsec_prediction_log_rows_total{state=\"written\"}";

#[test]
fn predictions_go_into_a_collection_whose_server_may_be_away_for_a_while() {
    needs_servers!();
    let servers = Servers::own(&["mongod"]);
    let mongodb = servers.mongodb();
    let project = with_champion();
    let env = [
        ("MONGODB_URI", mongodb.uri.as_str()),
        ("NETSEC_SERVE__LOG_TO", "mongodb"),
        ("NETSEC_SERVE__LOG_DATABASE", "traffic"),
    ];
    let mut service = Service::start_with(&project, &env);
    let first = score(&service, &project);
    wait_until("rows in the collection", || {
        counter(&service, WRITTEN) == 600
    });
    // While the server is away requests are answered, and rows wait for it.
    servers.kill("mongod");
    let later = score(&service, &project);
    let (status, said) = verdict(&service, &first[0]);
    assert_eq!(status, 200, "{said}");
    servers.start("mongod");
    wait_until("the rest", || counter(&service, WRITTEN) == 1_200);
    service.terminate();
    assert!(service.wait().success());

    // Nothing is in memory any more: verdicts are joined in the collection.
    let service = Service::start_with(&project, &env);
    let (status, said) = verdict(&service, &later[5]);
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("\"recorded\""), "{said}");
    assert_eq!(verdict(&service, "0193a5b6c7d8-1a2b3c4d-17").0, 404);
    servers.kill("mongod");
    let (status, said) = verdict(&service, &later[6]);
    assert_eq!(status, 503, "{said}");
    servers.start("mongod");

    let replay = project
        .netsec(&["replay", "latest", "--json"])
        .envs(env)
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", text(&replay));
    let found: Value = serde_json::from_slice(&replay.stdout).unwrap();
    assert_eq!(found["rows"], 1_200);
    assert_eq!(found["answered_by"]["v1"], 1_200);
    // The champion's own run answers as the champion did.
    assert_eq!(
        (&found["new_alerts"], &found["gone_alerts"]),
        (&0.into(), &0.into())
    );
    assert!(!project.path().join("Artifacts/predictions").exists());
    let mut told = service.said().join("\n");
    for log in std::fs::read_dir(project.path().join("Artifacts/logs")).unwrap() {
        told += &std::fs::read_to_string(log.unwrap().path()).unwrap();
    }
    assert!(
        mongodb.passwords.iter().all(|p| !told.contains(p)),
        "{told}"
    );
}

#[test]
fn a_collection_needs_a_server_that_is_named() {
    let project = with_champion();
    let output = project
        .netsec(&["serve", "--listen", "127.0.0.1:0"])
        .env("NETSEC_SERVE__LOG_TO", "mongodb")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("MONGODB_URI"), "{}", text(&output));
}

#[test]
fn a_shadow_counts_what_a_replay_finds() {
    let project = with_champion();
    // A candidate that answers otherwise now and then; whether the gate takes it is no matter.
    let _ = project
        .netsec(&["retrain"])
        .env("NETSEC_TRAINING__LEARNERS", "[\"decision_tree\"]")
        .env("NETSEC_TRAINING__DECISION_TREE__MAX_DEPTH", "1")
        .output()
        .unwrap();
    let mut service = Service::start_with(&project, &[("NETSEC_SERVE__SHADOW", "latest")]);
    score(&service, &project);
    let shadow = |state| {
        let series = format!("netsec_shadow_rows_total{{state=\"{state}\"}}");
        counter(&service, &series)
    };
    wait_until("the shadow", || shadow("scored") == 600);
    let counted = ["alerts", "shadow_alerts", "new_alerts", "gone_alerts"].map(shadow);
    service.terminate();
    assert!(service.wait().success());
    let found = project.json(&["replay", "latest", "--json"]);
    assert_eq!(
        (&found["rows"], &found["not_scored"]),
        (&600.into(), &0.into())
    );
    let replayed = ["alerts_before", "alerts_after", "new_alerts", "gone_alerts"];
    assert_eq!(counted, replayed.map(|key| found[key].as_u64().unwrap()));
    assert!(counted[2] + counted[3] > 0, "{found}");
    // For people: the same as a table.
    let told = text(&project.run(&["replay", "latest"]));
    assert!(told.contains("600 rows of recent traffic"), "{told}");
    let nothing = project.run(&["replay", "latest", "--days", "0"]);
    assert_eq!(nothing.status.code(), Some(7), "{}", text(&nothing));
}

#[test]
fn what_was_scored_is_compared_with_what_the_champion_was_trained_on() {
    let project = with_champion();
    let nothing = project.run(&["drift", "--scored"]);
    assert_eq!(nothing.status.code(), Some(7), "{}", text(&nothing));
    let mut service = Service::start(&project);
    score(&service, &project);
    wait_until("the log", || counter(&service, WRITTEN) == 600);
    let alike = project.json(&["drift", "--scored", "--json"]);
    assert_eq!(alike["n_current"], 600);
    assert_eq!(alike["verdict"], "stable", "{alike}");
    let columns = alike["columns"].as_array().unwrap();
    let names: Vec<&str> = columns
        .iter()
        .filter_map(|c| c["column"].as_str())
        .collect();
    assert!(
        names.contains(&"bytes") && !names.contains(&"predicted_score"),
        "{names:?}"
    );

    // Traffic of another kind, more of it than of the first.
    let other = "duration,bytes,service,flags\n".to_owned() + &"9.5,9.5,dns,7\n".repeat(3_000);
    let mut client = Client::connect(service.address).unwrap();
    let reply = client
        .post("/predict", "text/csv", other.as_bytes())
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    wait_until("the log", || counter(&service, WRITTEN) == 3_600);
    service.terminate();
    assert!(service.wait().success());
    let moved = project.json(&["drift", "--scored", "--json"]);
    assert_eq!(
        (&moved["n_current"], &moved["verdict"]),
        (&3_600.into(), &"drift".into())
    );
    let told = text(&project.run(&["drift", "--scored", "--days", "1"]));
    assert!(told.contains("3600 current rows"), "{told}");
}
