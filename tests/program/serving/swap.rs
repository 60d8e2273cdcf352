//! A new champion under load, and models that cannot be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::client::{Client, get};
use super::{Service, push, with_champion};
use crate::harness::{flows, text, wait_until};

const ROW: &str = r#"[{"duration": 1.2, "bytes": 1300.5, "service": "http", "flags": 3}]"#;

#[test]
fn the_model_is_swapped_under_load_without_a_failed_request() {
    let project = with_champion();
    // Another model: more data gives another tree.
    std::fs::write(project.path().join("flows.csv"), flows(900)).unwrap();
    super::any_model_passes(&project);
    push(&project);
    let service = Service::start_with(&project, &[("NETSEC_SERVE__POLL_SECONDS", "1")]);
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4)
        .map(|kind| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let address = service.address;
            std::thread::spawn(
                move || -> Result<std::collections::BTreeSet<String>, String> {
                    let batch = flows(3_000);
                    let mut seen = std::collections::BTreeSet::new();
                    let mut client = Client::connect(address).map_err(|e| e.to_string())?;
                    while !stop.load(Ordering::Relaxed) {
                        let reply = if kind == 0 {
                            client.post("/predict", "text/csv", batch.as_bytes())
                        } else {
                            client.post("/predict", "application/json", ROW.as_bytes())
                        };
                        let reply = reply.map_err(|e| e.to_string())?;
                        if reply.status != 200 {
                            return Err(format!("{} {}", reply.status, reply.text()));
                        }
                        let version = reply.header("x-netsec-model-version").unwrap().to_owned();
                        if kind != 0 && reply.json()["model_version"] != version.as_str() {
                            return Err("header and body name different versions".to_owned());
                        }
                        seen.insert(version);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(seen)
                },
            )
        })
        .collect();
    for round in 0..3 {
        for (version, from) in [("v1", "v2"), ("v2", "v1")] {
            let output = project.run(&["rollback", version, "--reason", "swap under load"]);
            assert!(output.status.success(), "{}", text(&output));
            let said = format!("{version} is in use instead of {from}");
            wait_until(&said, || {
                service
                    .said()
                    .iter()
                    .filter(|line| line.contains(&said))
                    .count()
                    > round
            });
            let before = answered.load(Ordering::Relaxed);
            wait_until("more requests", || {
                answered.load(Ordering::Relaxed) > before + 20
            });
        }
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        let seen = thread.join().unwrap().unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
    }
    let metrics = get(service.address, "/metrics").text();
    assert!(metrics.contains("netsec_model_swaps_total 6"), "{metrics}");
}

#[test]
fn a_damaged_model_changes_nothing_and_is_told() {
    let project = with_champion();
    let service = Service::start_with(&project, &[("NETSEC_SERVE__POLL_SECONDS", "1")]);
    let folder = project.path().join("final_model");
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let damaged = manifest.replacen("\"version\": \"v1\"", "\"version\": \"v7\"", 1);
    assert_ne!(damaged, manifest);
    std::fs::write(folder.join("model.json"), "{}").unwrap();
    std::fs::write(folder.join("manifest.json"), damaged).unwrap();
    service.wait_for_said("v1 stays in use");
    let mut client = Client::connect(service.address).unwrap();
    let reply = client
        .post("/predict", "application/json", ROW.as_bytes())
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-netsec-model-version"), Some("v1"));
    assert!(
        !client
            .get("/metrics")
            .unwrap()
            .text()
            .contains("netsec_model_load_failures_total 0")
    );
}
