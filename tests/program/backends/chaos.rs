//! The servers die and come back at random while a run reads, trains, is sent and is pushed:
//! nothing lost, nothing doubled, and the run ends with the bytes of an undisturbed one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::published::{
    Backends, LIST_BUCKET, LOOK_AT_RUN, assert_store_is_whole, connected, sync,
};
use super::site::{Names, Site, assert_same_bytes};
use crate::harness::text;
use crate::services::{Servers, needs_servers, run_python};

/// Long enough that servers come and go in the middle.
const LONGER: &str = r#"
[training]
learners = ["decision_tree", "random_forest"]
folds = 2
[training.random_forest]
trees = 150
"#;

/// A site taken through retrain, approve and sync; what MLflow then holds of it.
fn whole_way(site: &Site, names: &Names, backends: &Backends<'_>) -> (Value, Value) {
    let show = site.json(&["retrain", "--json"]);
    approve(site, &show);
    (show.clone(), seen(site, names, backends, &show))
}

fn approve(site: &Site, show: &Value) {
    let plan = show["plan_id"].as_str().unwrap();
    site.ok(&["approve", plan, "--reason", "a test"]);
}

/// Everything sent, as MLflow's client sees it, with the site's own names taken out.
fn seen(site: &Site, names: &Names, backends: &Backends<'_>, show: &Value) -> Value {
    sync(site);
    let run = show["run_id"].as_str().unwrap();
    let mut text = run_python(
        LOOK_AT_RUN,
        &[&names.experiment, run, &names.model],
        &backends.tracking,
    );
    for (name, stands_for) in [
        (run, "RUN"),
        (&names.database, "DATABASE"),
        (&names.bucket, "BUCKET"),
        (&names.experiment, "EXPERIMENT"),
        (&names.model, "MODEL"),
    ] {
        text = text.replace(name, stands_for);
    }
    serde_json::from_str(&text).unwrap()
}

/// What two sites must agree in: everything but ids, times and who asked.
fn comparable(seen: &Value) -> Value {
    let run = |run: &Value| {
        // Seconds a fit took are measured, not computed.
        let metrics: serde_json::Map<String, Value> = run["metrics"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, points)| {
                let measured = key.contains("second") || key.contains("elapsed");
                let points = if measured {
                    Value::from(points.as_array().unwrap().len())
                } else {
                    points.clone()
                };
                (key.clone(), points)
            })
            .collect();
        serde_json::json!({
            "status": run["status"], "params": run["params"], "metrics": metrics,
            "tags": run["tags"].as_object().unwrap().keys().collect::<Vec<_>>(),
            "artifacts": run["artifacts"].as_array().unwrap().len(), "inputs": run["inputs"],
        })
    };
    let all = |key: &str| -> Vec<Value> { seen[key].as_array().unwrap().iter().map(run).collect() };
    serde_json::json!({
        "parents": all("parents"), "children": all("children"), "others": seen["others"],
        "versions": seen["versions"].as_array().unwrap().len(), "aliases": seen["aliases"],
    })
}

/// Runs a command again and again while a backend is what is missing.
fn in_the_end(site: &Site, first: &[&str], again: &[&str]) {
    let mut args = first;
    for _ in 0..40 {
        let output = site.run(args);
        match output.status.code() {
            Some(0) => return,
            Some(6) => std::thread::sleep(Duration::from_millis(200)),
            _ => panic!("{args:?}: {}", text(&output)),
        }
        args = again;
    }
    panic!("{again:?} never succeeded");
}

#[test]
fn servers_that_die_and_come_back_disturb_nothing() {
    needs_servers!();
    let servers = Servers::own(&["mongod", "s3", "mlflow"]);
    let backends = Backends {
        mongodb: servers.mongodb().env(),
        s3: servers.s3().env(),
        tracking: servers.mlflow().env(),
        bucket: Box::new(|name| servers.bucket(name)),
    };
    let (calm, calm_names) = connected(&backends, LONGER);
    let (expected, expected_seen) = whole_way(&calm, &calm_names, &backends);

    let (site, names) = connected(&backends, LONGER);
    let over = AtomicBool::new(false);
    let (show, kills) = std::thread::scope(|scope| {
        let (servers, over) = (&servers, &over);
        let tormentors = [(1, "mongod"), (2, "s3"), (3, "mlflow")]
            .map(|(seed, name)| scope.spawn(move || torment(servers, name, seed, over)));
        // A panic in here must end the threads too, or the scope waits for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            in_the_end(&site, &["retrain"], &["resume", "latest"]);
            let show = site.json(&["show", "latest", "--json"]);
            let plan = show["plan_id"].as_str().unwrap().to_owned();
            let approve = ["approve", plan.as_str(), "--reason", "a test"];
            in_the_end(&site, &approve, &approve);
            show
        }));
        over.store(true, Ordering::Relaxed);
        (done, tormentors.map(|thread| thread.join().unwrap()))
    });
    let show = show.unwrap_or_else(|e| std::panic::resume_unwind(e));
    println!("mongod, s3 and mlflow were killed {kills:?} times");
    assert!(kills.iter().all(|kills| *kills > 0), "{kills:?}");

    assert_eq!(show["outcome"], "finished");
    assert_same_bytes(&show, &expected);
    let bucket: Value =
        serde_json::from_str(&run_python(LIST_BUCKET, &[&names.bucket], &backends.s3)).unwrap();
    let plan = site.json(&["plan", show["run_id"].as_str().unwrap(), "--json"]);
    assert_store_is_whole(&bucket, plan["model_sha256"].as_str().unwrap());
    let versions = bucket
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| key.contains("/versions/"))
        .count();
    assert_eq!(versions, 1, "{bucket}");
    let seen = seen(&site, &names, &backends, &show);
    assert_eq!(comparable(&seen), comparable(&expected_seen));
}

/// Kills a server and brings it back, at moments that a seed draws, until it is over; leaves it
/// running and returns how often.
fn torment(servers: &Servers, name: &'static str, seed: u64, over: &AtomicBool) -> u32 {
    let mut kills = 0;
    let mut state = seed;
    let mut pause = move |from: u64, to: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(from + (state >> 33) % (to - from)));
    };
    while !over.load(Ordering::Relaxed) {
        servers.kill(name);
        kills += 1;
        pause(20, 400);
        servers.start(name);
        pause(100, 2_000);
    }
    kills
}
