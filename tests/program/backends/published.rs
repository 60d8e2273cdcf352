//! One model's way: rows from MongoDB, approved into the S3 store, its run and versions in MLflow;
//! each read back by the tools that other people use.

use std::collections::BTreeMap;

use serde_json::Value;

use super::site::{Names, Site};
use crate::harness::{flows, text};
use crate::services::{self, needs_servers, run_python};

/// Every object of a bucket with its SHA-256, and the text of the JSON ones.
pub const LIST_BUCKET: &str = r#"
import boto3, hashlib, json, sys
s3 = boto3.client("s3", endpoint_url=__import__("os").environ["AWS_ENDPOINT_URL_S3"])
out = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1]):
    for entry in page.get("Contents", []):
        body = s3.get_object(Bucket=sys.argv[1], Key=entry["Key"])["Body"].read()
        text = body.decode() if entry["Key"].endswith(".json") else None
        out[entry["Key"]] = {"sha256": hashlib.sha256(body).hexdigest(), "text": text}
print(json.dumps(out))
"#;

/// What MLflow's own client sees of a netsec run: the run, its children, its models.
pub const LOOK_AT_RUN: &str = r#"
import json, sys, warnings
warnings.filterwarnings("ignore")
import mlflow
from mlflow.tracking import MlflowClient
experiment, name, model = sys.argv[1:4]
client = MlflowClient()
found = client.get_experiment_by_name(experiment)
def files(run, path=None):
    out = []
    for f in client.list_artifacts(run, path):
        out += files(run, f.path) if f.is_dir else [f.path]
    return sorted(out)
def look(run):
    history = {k: sorted([m.step, m.value] for m in client.get_metric_history(run.info.run_id, k)) for k in run.data.metrics}
    return {"name": run.info.run_name, "status": run.info.status, "params": run.data.params, "tags": run.data.tags,
            "metrics": history, "artifacts": files(run.info.run_id),
            "inputs": [i.dataset.digest for i in run.inputs.dataset_inputs]}
runs = client.search_runs([found.experiment_id], max_results=1000)
parents = [r for r in runs if "mlflow.parentRunId" not in r.data.tags and r.info.run_name == name]
children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") in [p.info.run_id for p in parents]]
versions = client.search_model_versions(f"name = '{model}'")
registered = client.get_registered_model(model) if versions else None
print(json.dumps({
    "parents": [look(r) for r in parents],
    "children": sorted((look(r) for r in children), key=lambda r: r["name"]),
    "others": len(runs) - len(parents) - len(children),
    "versions": [{"version": int(v.version), "tags": v.tags} for v in versions],
    "aliases": {k: int(v) for k, v in (registered.aliases if registered else {}).items()},
}))
"#;

/// Asserts that the store in a bucket is whole: every blob holds what its name says, the pointer
/// names a manifest that is there, and every file of that is there as a blob and as a plain copy.
pub fn assert_store_is_whole(bucket: &Value, model_sha256: &str) {
    let objects: BTreeMap<&str, &Value> = bucket
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, object)| (key.as_str(), object))
        .collect();
    let mut blobs = Vec::new();
    for (key, object) in &objects {
        if let Some(name) = key.strip_prefix("netsec/blobs/sha256/") {
            let hash = name.split('/').next_back().unwrap();
            assert_eq!(object["sha256"], hash, "{key}");
            blobs.push(hash);
        }
    }
    assert!(
        blobs.contains(&model_sha256),
        "{blobs:?} lack {model_sha256}"
    );
    let pointer = objects
        .iter()
        .find(|(key, _)| key.starts_with("netsec/models/") && key.ends_with("/champion.json"))
        .unwrap_or_else(|| panic!("no pointer in {:?}", objects.keys()));
    let manifests: Vec<&str> = objects
        .keys()
        .filter_map(|key| key.strip_prefix("netsec/manifests/")?.strip_suffix(".json"))
        .collect();
    let pointed = pointer.1["text"].as_str().unwrap();
    let manifest = manifests
        .iter()
        .find(|hash| pointed.contains(**hash))
        .unwrap_or_else(|| panic!("{pointed} names none of {manifests:?}"));
    let manifest = objects[format!("netsec/manifests/{manifest}.json").as_str()];
    let manifest = manifest["text"].as_str().unwrap();
    assert!(manifest.contains(model_sha256), "{manifest}");
    let copies: Vec<_> = objects
        .iter()
        .filter(|(key, _)| key.starts_with("final_model/"))
        .collect();
    assert!(
        copies
            .iter()
            .any(|(_, copy)| copy["sha256"] == model_sha256),
        "the model is not among the plain copies"
    );
    for (key, copy) in copies {
        let hash = copy["sha256"].as_str().unwrap();
        assert!(
            key.ends_with("/README.md") || manifest.contains(hash),
            "{key} is not in the manifest"
        );
    }
}

/// A site whose rows lie in MongoDB, whose models go to a bucket and whose runs go to MLflow, all
/// of its own on the given servers. Returns it with the names of bucket, experiment and model.
pub fn connected(servers: &Backends, training: &str) -> (Site, Names) {
    let names = Names::new((servers.bucket)("backends"));
    let mut site = Site::new();
    site.set(servers.mongodb.clone());
    site.set(servers.s3.clone());
    site.set(servers.tracking.clone());
    let file = site.path().join("flows.csv");
    std::fs::write(&file, flows(3_000)).unwrap();
    let imported = site.run(&[
        "import",
        "flows.csv",
        "--database",
        &names.database,
        "--collection",
        "flows",
    ]);
    assert!(imported.status.success(), "{}", text(&imported));
    site.ok(&[
        "init",
        "--mongodb",
        &format!("{}.flows", names.database),
        "--label",
        "attack",
        "--s3",
        &names.bucket,
        "--experiment",
        &names.experiment,
    ]);
    site.configure(&format!(
        "[tracking]\nmodel = \"{}\"\n{training}",
        names.model
    ));
    (site, names)
}

/// The variables of the backends, and how to make a bucket.
pub struct Backends<'a> {
    pub mongodb: Vec<(&'static str, String)>,
    pub s3: Vec<(&'static str, String)>,
    pub tracking: Vec<(&'static str, String)>,
    pub bucket: Box<dyn Fn(&str) -> String + 'a>,
}

/// Those of the whole test run.
pub fn shared_backends() -> Backends<'static> {
    Backends {
        mongodb: services::mongodb().env(),
        s3: services::s3().env(),
        tracking: services::mlflow().env(),
        bucket: Box::new(services::bucket),
    }
}

/// Short trainings of two learners.
pub const TWO_LEARNERS: &str = r#"
[training]
learners = ["decision_tree", "random_forest"]
folds = 2
[training.random_forest]
trees = 5
"#;

/// Sends until nothing is left, and returns the last answer.
pub fn sync(site: &Site) -> Value {
    let answer = site.json(&["sync", "--json"]);
    assert_eq!(answer["pending"], 0, "{answer}");
    assert_eq!(answer["dead_letters"], serde_json::json!([]), "{answer}");
    answer
}

#[test]
fn a_model_goes_from_mongodb_to_s3_and_mlflow_and_is_found_there_by_others() {
    needs_servers!();
    let backends = shared_backends();
    let (site, names) = connected(&backends, TWO_LEARNERS);
    let show = site.json(&["retrain", "--json"]);
    let run = show["run_id"].as_str().unwrap().to_owned();
    let plan_id = show["plan_id"].as_str().unwrap().to_owned();
    let plan = site.json(&["plan", &run, "--json"]);
    site.ok(&["approve", &plan_id, "--reason", "as good as they come"]);

    let bucket: Value =
        serde_json::from_str(&run_python(LIST_BUCKET, &[&names.bucket], &backends.s3)).unwrap();
    assert_store_is_whole(&bucket, plan["model_sha256"].as_str().unwrap());

    sync(&site);
    let seen: Value = serde_json::from_str(&run_python(
        LOOK_AT_RUN,
        &[&names.experiment, &run, &names.model],
        &backends.tracking,
    ))
    .unwrap();
    assert_eq!(seen["parents"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["others"], 0, "{seen}");
    let parent = &seen["parents"][0];
    assert_eq!(parent["status"], "FINISHED");
    let digest = show["data"]["digest"].as_str().unwrap();
    let input = parent["inputs"][0].as_str().unwrap();
    assert!(digest.starts_with(input), "{input} is not of {digest}");
    assert!(
        parent["artifacts"].as_array().unwrap().len() >= 3,
        "{parent}"
    );

    // Every learner is there with the figures of the leaderboard.
    let children = seen["children"].as_array().unwrap();
    assert_eq!(children.len(), 2, "{seen}");
    for row in show["leaderboard"].as_array().unwrap() {
        let learner = row["learner"].as_str().unwrap();
        let child = children
            .iter()
            .find(|child| child["name"].as_str().unwrap().contains(learner))
            .unwrap_or_else(|| panic!("no run of {learner} in {seen}"));
        let points = child["metrics"]["test/f1"].as_array().unwrap();
        assert_eq!(points.len(), 1, "{child}");
        let (sent, known) = (&points[0][1], &row["test"]["f1"]);
        assert_eq!(sent.as_f64().unwrap(), known.as_f64().unwrap(), "{learner}");
        assert!(!child["params"].as_object().unwrap().is_empty(), "{child}");
    }

    // One version, which is what is in production.
    let versions = seen["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 1, "{seen}");
    assert_eq!(
        seen["aliases"]["champion"], versions[0]["version"],
        "{seen}"
    );

    // Sent once is sent for good.
    let again = sync(&site);
    assert_eq!(again["sent"], 0, "{again}");
}
