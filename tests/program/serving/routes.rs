//! Every route of a service at work, and that it gives what `netsec predict` gives.

use std::process::Command;

use serde_json::{Value, json};

use super::client::{get, post};
use super::{Service, with_champion};
use crate::harness::{flows, text};

/// A body with a row that cannot be read, as a file and as text.
fn some_flows() -> String {
    let mut body = flows(200);
    body.push_str("0.5,abc,http,1,0\n");
    body.push_str("0.5,10,gopher,,1\n");
    body
}

#[test]
fn every_route_answers_and_agrees_with_batch_prediction() {
    let project = with_champion();
    let service = Service::start(&project);
    let at = service.address;
    let said = service.said().join("\n");
    assert!(said.contains("v1 is in use"), "{said}");

    let body = some_flows();
    std::fs::write(project.path().join("new.csv"), &body).unwrap();
    let output = project.run(&["predict", "new.csv"]);
    assert!(output.status.success(), "{}", text(&output));
    let batch = String::from_utf8(output.stdout).unwrap();

    // CSV in, CSV out: the same rows, labels and scores.
    let reply = post(at, "/predict", "text/csv", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-netsec-model-version"), Some("v1"));
    let served = reply.text();
    assert_eq!(served.lines().count(), batch.lines().count());
    for (row, (served, batch)) in served.lines().zip(batch.lines()).enumerate().skip(1) {
        let served: Vec<&str> = served.split(',').collect();
        let batch: Vec<&str> = batch.split(',').collect();
        assert_eq!(served[..6], batch[..6], "row {row}");
        match (served[6].parse::<f64>(), batch[6].parse::<f64>()) {
            (Ok(a), Ok(b)) => assert!((a - b).abs() < 1e-12, "row {row}: {a} {b}"),
            (Err(_), Err(_)) => assert!(served[8].contains("rows[200].bytes"), "{served:?}"),
            other => panic!("row {row}: {other:?}"),
        }
    }
    assert!(served.lines().last().unwrap().split(',').nth(5) != Some(""));

    // The same rows by the other routes.
    let readable: Vec<&str> = body.lines().filter(|line| !line.contains("abc")).collect();
    let names: Vec<&str> = readable[0].split(',').collect();
    let rows: Vec<Vec<Value>> = readable[1..]
        .iter()
        .map(|line| {
            line.split(',')
                .map(|cell| match cell.parse::<f64>() {
                    _ if cell.is_empty() => Value::Null,
                    Ok(number) => number.into(),
                    Err(_) => cell.into(),
                })
                .collect()
        })
        .collect();
    let records: Vec<Value> = rows
        .iter()
        .map(|row| {
            names
                .iter()
                .map(|n| (*n).to_owned())
                .zip(row.clone())
                .collect()
        })
        .collect();
    let expected: Vec<(String, f64)> = batch
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells[1] != "abc")
        .map(|cells| (cells[5].to_owned(), cells[6].parse().unwrap()))
        .collect();
    let predictions = |value: &Value| -> Vec<(String, f64)> {
        value["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| {
                (
                    p["predicted_label"].as_str().unwrap().to_owned(),
                    p["predicted_score"].as_f64().unwrap(),
                )
            })
            .collect()
    };
    for (path, document) in [
        ("/predict", json!({"rows": records})),
        ("/predict", json!(records)),
        ("/invocations", json!({"dataframe_records": records})),
        (
            "/invocations",
            json!({"dataframe_split": {"columns": names, "data": rows}}),
        ),
        ("/invocations", json!({"instances": records})),
    ] {
        let reply = post(at, path, "application/json", &document.to_string());
        assert_eq!(reply.status, 200, "{path} {}", reply.text());
        assert_eq!(predictions(&reply.json()), expected, "{path}");
        assert_eq!(reply.json()["model_version"], "v1");
    }
    let inputs: Vec<Value> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| **name != "attack")
        .map(|(at, name)| {
            let data: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
            let datatype = if *name == "service" { "BYTES" } else { "FP64" };
            json!({"name": name, "shape": [data.len()], "datatype": datatype, "data": data})
        })
        .collect();
    let document = json!({"id": "x", "inputs": inputs}).to_string();
    let reply = post(at, "/v2/models/netsec/infer", "application/json", &document);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let value = reply.json();
    let labels: Vec<&str> = value["outputs"][0]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect();
    assert!(labels.iter().zip(&expected).all(|(a, b)| *a == b.0));

    // The rest.
    for (path, part) in [
        ("/ping", "ready"),
        ("/health", "ready"),
        ("/ready", "v1"),
        ("/live", "live"),
        ("/version", env!("CARGO_PKG_VERSION")),
        ("/v2", "netsec"),
        ("/v2/health/live", "live"),
        ("/v2/health/ready", "ready"),
        ("/v2/models/netsec", "\"duration\""),
        ("/v2/models/netsec/versions/v1/ready", "ready"),
        ("/runs", "finished"),
        ("/runs/latest", "leaderboard"),
        ("/metrics", "netsec_predictions_total{"),
        ("/docs", "/predict"),
        ("/openapi.json", "3.1.0"),
    ] {
        let reply = get(at, path);
        assert_eq!(reply.status, 200, "{path} {}", reply.text());
        assert!(reply.text().contains(part), "{path} {}", reply.text());
    }
    let show = project.json(&["show", "latest", "--json"]);
    assert_eq!(get(at, "/runs/latest").json(), show);
    assert_eq!(get(at, "/").header("location"), Some("/docs"));
    assert_eq!(get(at, "/runs/20200101-0000-0000").status, 404);

    // The health check says the same from outside.
    let address = at.to_string();
    let healthy = project.run(&["healthcheck", &address]);
    assert!(healthy.status.success(), "{}", text(&healthy));
    drop(service);
    let gone = project.run(&["healthcheck", &address]);
    assert_eq!(gone.status.code(), Some(6), "{}", text(&gone));
}

#[test]
fn without_a_champion_it_waits_and_takes_up_the_first_one() {
    let project = crate::harness::Project::new(crate::harness::Training::Short);
    let service = Service::start(&project);
    assert_eq!(get(service.address, "/ready").status, 503);
    assert_eq!(get(service.address, "/live").status, 200);
    let unwell = project.run(&["healthcheck", &service.address.to_string()]);
    assert_eq!(unwell.status.code(), Some(6), "{}", text(&unwell));
    let live = project.run(&["healthcheck", "--live", &service.address.to_string()]);
    assert!(live.status.success(), "{}", text(&live));
    super::push(&project);
    service.wait_for_said("v1 is in use");
    assert_eq!(get(service.address, "/ready").status, 200);
}

#[test]
fn curl_uploads_a_file() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: needs curl (curl_uploads_a_file)");
        return;
    }
    let project = with_champion();
    let service = Service::start(&project);
    let output = Command::new("curl")
        .args([
            "-sS",
            "--fail",
            "-F",
            "file=@flows.csv",
            "-H",
            "Accept: text/html",
        ])
        .arg(format!("http://{}/predict", service.address))
        .current_dir(project.path())
        .output()
        .unwrap();
    let page = text(&output);
    assert!(output.status.success(), "{page}");
    assert!(
        page.contains("<table>") && page.contains("600 rows"),
        "{page}"
    );
}
