//! The MLflow client against real servers: plain MLflow 3, MLflow with basic auth, and the three
//! DAGsHub-like ones; every call once, every limit probed, every level of the ladder.

use chrono::DateTime;
use netsec::runtime::block_on;
use netsec::tracking::mlflow::{
    ArtifactPath, ArtifactRoot, Capability, Change, Class, Client, Dataset, DatasetInput, LogBatch,
    LoggedModelStatus, Metric, MlflowRunId, NewLoggedModel, NewModelVersion, NewRun, Options,
    Param, Problem, Run, RunStatus, RunUpdate, Server, Tag, VersionStatus, batches,
};

use crate::harness::{Project, Training, text};
use crate::services::{self, needs_servers, unique};

type Env = Vec<(&'static str, String)>;

/// A client as the environment of a command would give it.
fn client(env: &Env) -> Client {
    client_in(env, Options::default())
}

fn client_in(env: &Env, options: Options) -> Client {
    let server = Server::resolve(None, &|name| {
        env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone())
    });
    Client::new(server.unwrap().unwrap(), options).unwrap()
}

/// A client of an address, without credentials.
pub fn client_at(uri: &str, options: Options) -> Client {
    client_in(&vec![("MLFLOW_TRACKING_URI", uri.to_owned())], options)
}

pub fn run_id(text: &str) -> MlflowRunId {
    MlflowRunId::new(text).unwrap()
}

async fn new_run(client: &Client, key: &str) -> Run {
    let experiment_id = client.ensure_experiment(&unique("client")).await.unwrap();
    let run = NewRun {
        experiment_id,
        run_name: "a run".to_owned(),
        start_time: 1_795_352_250_377,
        user_id: Some("ann".to_owned()),
        tags: vec![Tag::short("netsec.idempotency_key", key)],
    };
    client.create_run(&run).await.unwrap()
}

fn metric(key: &str, value: f64, step: i64) -> Metric {
    let at = DateTime::from_timestamp_millis(1_795_352_250_463 + step).unwrap();
    Metric::new(key, value, at, step)
}

/// Experiments, runs, metrics, inputs and artifacts: what every MLflow has.
async fn runs_and_artifacts(client: &Client) -> Run {
    // Experiments.
    let name = unique("experiment ä'b");
    assert_eq!(client.experiment_by_name(&name).await.unwrap(), None);
    let made = client
        .create_experiment(&name, &[Tag::short("team", "ops")])
        .await
        .unwrap();
    let again = client.create_experiment(&name, &[]).await.unwrap_err();
    assert!(
        matches!(again.problem, Problem::AlreadyExists { .. }),
        "{again}"
    );
    let found = client.experiment_by_name(&name).await.unwrap().unwrap();
    assert_eq!((&found.experiment_id, found.active()), (&made, true));
    assert_eq!(found.tags[0].value(), "ops");
    assert_eq!(client.ensure_experiment(&name).await.unwrap(), made);

    // Runs.
    let key = unique("key");
    let run = new_run(client, &key).await;
    let (id, experiment) = (&run.info.run_id, &run.info.experiment_id);
    assert_eq!(run.info.status, RunStatus::Running);
    let by_tag = client
        .runs_by_tag(experiment, "netsec.idempotency_key", &key)
        .await
        .unwrap();
    assert_eq!(
        by_tag.iter().map(|r| &r.info.run_id).collect::<Vec<_>>(),
        [id]
    );
    assert!(
        client
            .runs_by_tag(experiment, "netsec.idempotency_key", "other")
            .await
            .unwrap()
            .is_empty()
    );
    let params = vec![Param::new("lr", "0.1").0, Param::new("empty", "").0];
    let tags = vec![Tag::short("stage", "train")];
    for batch in batches(
        id,
        vec![metric("loss", 0.5, 0), metric("loss", 0.25, 1)],
        params,
        tags,
    ) {
        // Twice: the second time changes nothing.
        client.log_batch(&batch).await.unwrap();
        client.log_batch(&batch).await.unwrap();
    }
    client
        .set_tag(id, &Tag::short("netsec.gate.verdict", "accept"))
        .await
        .unwrap();
    let history = client.metric_history(id, "loss").await.unwrap();
    assert_eq!(history, [metric("loss", 0.5, 0), metric("loss", 0.25, 1)]);
    let digest = netsec::tracking::mlflow::dataset_digest(&"0123456789abcdef".repeat(4));
    let input = DatasetInput::new(
        "training",
        Dataset {
            name: "flows".to_owned(),
            digest: digest.clone(),
            source_type: "local".to_owned(),
            source: r#"{"uri": "flows.csv"}"#.to_owned(),
            schema: Some(r#"{"mlflow_colspec": []}"#.to_owned()),
            profile: Some(r#"{"num_rows": 100}"#.to_owned()),
        },
    );
    for _ in 0..2 {
        client
            .log_inputs(id, std::slice::from_ref(&input))
            .await
            .unwrap();
    }

    // Artifacts.
    let root = ArtifactRoot::parse(&run.info.artifact_uri).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.onnx");
    let content: Vec<u8> = (0..500_000u32).map(|i| (i / 3) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    let model = ArtifactPath::new("model/model v1.onnx").unwrap();
    client.put_file(&root, &model, &file).await.unwrap();
    assert!(client.artifact(&root, &model, 1 << 20).await.unwrap() == content);
    let too_large = client.artifact(&root, &model, 1_000).await.unwrap_err();
    assert_eq!(too_large.problem, Problem::TooLarge { limit: 1_000 });
    std::fs::write(&file, b"").unwrap();
    client.put_file(&root, &model, &file).await.unwrap();
    let note = ArtifactPath::new("note.txt").unwrap();
    client
        .put_bytes(&root, &note, b"hello".to_vec())
        .await
        .unwrap();
    let listed = client.run_artifacts(id, None).await.unwrap();
    let listed: Vec<(&str, bool, Option<u64>)> = listed
        .iter()
        .map(|e| (e.path.as_str(), e.is_dir, e.bytes()))
        .collect();
    assert!(listed.contains(&("note.txt", false, Some(5))), "{listed:?}");
    assert!(
        listed.iter().any(|(path, dir, _)| *path == "model" && *dir),
        "{listed:?}"
    );
    let folder = ArtifactPath::new("model").unwrap();
    let inside = client.run_artifacts(id, Some(&folder)).await.unwrap();
    assert_eq!(inside[0].path, "model/model v1.onnx");
    let inside = client.artifact_folder(&root, Some(&folder)).await.unwrap();
    assert_eq!(
        (inside[0].path.as_str(), inside[0].bytes()),
        ("model v1.onnx", Some(0))
    );
    let missing = ArtifactPath::new("none.bin").unwrap();
    let missing = client.artifact(&root, &missing, 1_000).await.unwrap_err();
    assert!(
        matches!(missing.problem, Problem::NotFound { .. }),
        "{missing}"
    );

    // The end.
    let ended_at = DateTime::from_timestamp_millis(1_795_352_256_280);
    let update = RunUpdate {
        status: RunStatus::Finished,
        ended_at,
    };
    let info = client.update_run(id, &update).await.unwrap();
    assert_eq!(info.end_time, Some(1_795_352_256_280));
    let read = client.run(id).await.unwrap();
    assert_eq!(read.info.status, RunStatus::Finished);
    assert_eq!(read.data.tag("netsec.gate.verdict"), Some("accept"));
    assert_eq!(read.data.params.len(), 2);
    assert_eq!(read.inputs.dataset_inputs.len(), 1);
    assert_eq!(read.inputs.dataset_inputs[0].dataset.digest, digest);
    let gone = new_run(client, "gone").await.info;
    client.delete_run(&gone.run_id).await.unwrap();
    assert_eq!(
        client.run(&gone.run_id).await.unwrap().info.lifecycle_stage,
        "deleted"
    );
    let late = batches(&gone.run_id, vec![metric("x", 1.0, 0)], vec![], vec![]);
    let late = client.log_batch(&late[0]).await.unwrap_err();
    assert_eq!(late.problem.class(), Class::Rejected);
    let unknown = client.run(&run_id("0000")).await.unwrap_err();
    assert_eq!(unknown.problem.class(), Class::Rejected, "{unknown}");
    run
}

/// The registry, with a version whose files lie at `source`.
async fn registry(client: &Client, new: impl Fn(&str) -> NewModelVersion) {
    let name = unique("flows");
    assert_eq!(client.registered_model(&name).await.unwrap(), None);
    assert_eq!(
        client.version_by_alias(&name, "champion").await.unwrap(),
        None
    );
    client
        .create_registered_model(&name, "about it", &[Tag::short("k", "v")])
        .await
        .unwrap();
    client
        .ensure_registered_model(&name, "about it")
        .await
        .unwrap();
    assert_eq!(
        client.registered_model(&name).await.unwrap().unwrap().tags[0].value(),
        "v"
    );
    let first = client.create_model_version(&new(&name)).await.unwrap();
    let second = client.create_model_version(&new(&name)).await.unwrap();
    assert_eq!((first.number(), second.number()), (Some(1), Some(2)));
    assert_eq!(first.status, VersionStatus::Ready);
    client
        .set_model_version_tag(&name, "2", &Tag::short("netsec.key", "two"))
        .await
        .unwrap();
    let versions = client.model_versions(&name).await.unwrap();
    assert_eq!(
        versions
            .iter()
            .map(|v| v.version.as_str())
            .collect::<Vec<_>>(),
        ["1", "2"]
    );
    let tagged = client
        .model_versions_by_tag(&name, "netsec.key", "two")
        .await
        .unwrap();
    assert_eq!(
        tagged
            .iter()
            .map(|v| v.version.as_str())
            .collect::<Vec<_>>(),
        ["2"]
    );
    assert_eq!(
        client.version_by_alias(&name, "champion").await.unwrap(),
        None
    );
    client.set_alias(&name, "champion", "1").await.unwrap();
    client.set_alias(&name, "champion", "2").await.unwrap();
    let champion = client
        .version_by_alias(&name, "champion")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (champion.version.as_str(), champion.tag("netsec.key")),
        ("2", Some("two"))
    );
    assert_eq!(client.model_version(&name, "2").await.unwrap().version, "2");
    client.delete_alias(&name, "champion").await.unwrap();
    client.delete_alias(&name, "champion").await.unwrap();
    assert_eq!(
        client.version_by_alias(&name, "champion").await.unwrap(),
        None
    );
    let reserved = client.set_alias(&name, "v1", "1").await.unwrap_err();
    assert!(matches!(reserved.problem, Problem::Invalid { .. }));
    client.delete_model_version(&name, "2").await.unwrap();
    assert_eq!(client.model_versions(&name).await.unwrap().len(), 1);
    assert_eq!(client.model_versions("no such model").await.unwrap(), []);
}

async fn everything(client: &Client) {
    let run = runs_and_artifacts(client).await;
    let (id, experiment) = (&run.info.run_id, &run.info.experiment_id);
    let new = NewLoggedModel {
        experiment_id: experiment.clone(),
        name: "clf".to_owned(),
        model_type: Some("netsec".to_owned()),
        source_run_id: id.clone(),
        params: vec![Param::new("trees", "10").0],
        tags: vec![Tag::short("netsec.idempotency_key", "model-1")],
    };
    let model = client.create_logged_model(&new).await.unwrap();
    let model_id = &model.info.model_id;
    assert_eq!(model.info.status, LoggedModelStatus::Pending);
    let root = ArtifactRoot::parse(&model.info.artifact_uri).unwrap();
    let path = ArtifactPath::new("MLmodel").unwrap();
    client
        .put_bytes(&root, &path, b"flavors: {}\n".to_vec())
        .await
        .unwrap();
    let ready = client
        .finalize_logged_model(model_id, LoggedModelStatus::Ready)
        .await
        .unwrap();
    assert_eq!(ready.info.status, LoggedModelStatus::Ready);
    client
        .log_outputs(id, std::slice::from_ref(model_id))
        .await
        .unwrap();
    let figure = metric("test/f1", 0.9, 0)
        .of_model(model_id)
        .on_dataset("flows", "abc");
    client
        .log_batch(&batches(id, vec![figure.clone()], vec![], vec![])[0])
        .await
        .unwrap();
    let by_tag = client.logged_models_by_tag(experiment, "netsec.idempotency_key", "model-1");
    let by_tag = by_tag.await.unwrap();
    assert_eq!(
        by_tag.iter().map(|m| &m.info.model_id).collect::<Vec<_>>(),
        [model_id]
    );
    let read = client.logged_model(model_id).await.unwrap();
    assert_eq!(read.info.source_run_id.as_ref(), Some(id));
    assert_eq!(
        (read.data.params[0].value(), read.data.metrics[0].value()),
        ("10", 0.9)
    );
    assert_eq!(
        client.run(id).await.unwrap().outputs.model_outputs[0].model_id,
        *model_id
    );
    registry(client, |name| NewModelVersion {
        name: name.to_owned(),
        source: format!("models:/{model_id}"),
        run_id: id.clone(),
        model_id: Some(model_id.clone()),
        description: Some("about it".to_owned()),
        tags: vec![Tag::short("netsec.seed", "7")],
    })
    .await;
    client.delete_logged_model(model_id).await.unwrap();
    let gone = client.logged_model(model_id).await.unwrap_err();
    assert!(matches!(gone.problem, Problem::NotFound { .. }), "{gone}");
}

#[test]
fn every_call_on_mlflow_3() {
    needs_servers!();
    let client = client(&services::mlflow().env());
    block_on(async {
        let found = client.capabilities().await;
        assert_eq!((found.level, found.problem), (Capability::Full, None));
        assert_eq!(found.version.as_deref(), Some("3.17.2"));
        client.health().await.unwrap();
        assert!(client.server_info().await.unwrap()["store_type"].is_string());
        everything(&client).await;
    })
    .unwrap();
}

#[test]
fn every_call_with_basic_auth_and_dagshubs_address() {
    needs_servers!();
    let hub = services::dagshub();
    let client = client(&hub.env());
    block_on(async {
        let found = client.capabilities().await;
        assert_eq!((found.level, found.problem), (Capability::Full, None));
        everything(&client).await;
    })
    .unwrap();
}

#[test]
fn a_server_without_logged_models() {
    needs_servers!();
    let hub = services::dagshub();
    let client = client(&hub.env_for(&hub.registry_uri));
    block_on(async {
        assert_eq!(client.capabilities().await.level, Capability::Registry);
        let run = runs_and_artifacts(&client).await;
        let (id, uri) = (&run.info.run_id, &run.info.artifact_uri);
        let missing = client.logged_models_by_tag(&run.info.experiment_id, "a", "b").await;
        assert_eq!(missing.unwrap_err().problem, Problem::Unsupported { status: 404 });
        let json = format!(
            r#"{{"run_id": "{id}", "artifact_path": "model", "utc_time_created": "2026-11-22 12:00:00.000000",
                "flavors": {{"python_function": {{"loader_module": "mlflow.onnx", "data": "model.onnx"}}}}}}"#
        );
        client.log_model(id, &json).await.unwrap();
        let read = client.run(id).await.unwrap();
        assert!(read.data.tag("mlflow.log-model.history").unwrap().contains("mlflow.onnx"));
        registry(&client, |name| NewModelVersion {
            name: name.to_owned(),
            source: format!("{uri}/model"),
            run_id: id.clone(),
            model_id: None,
            description: None,
            tags: Vec::new(),
        })
        .await;
    })
    .unwrap();
}

#[test]
fn a_server_with_runs_only() {
    needs_servers!();
    let hub = services::dagshub();
    let client = client(&hub.env_for(&hub.old_uri));
    block_on(async {
        let found = client.capabilities().await;
        assert_eq!((found.level, found.version), (Capability::Runs, None));
        let run = runs_and_artifacts(&client).await;
        let missing = client
            .create_registered_model("flows", "", &[])
            .await
            .unwrap_err();
        assert_eq!(missing.problem.class(), Class::Unsupported);
        let fails = client.log_model(&run.info.run_id, "{}").await.unwrap_err();
        assert!(
            matches!(fails.problem, Problem::Server { status: 500, .. }),
            "{fails}"
        );
    })
    .unwrap();
}

#[test]
fn who_may_not_is_told_so() {
    needs_servers!();
    let hub = services::dagshub();
    let with = |user: &str, password: &str| -> Env {
        vec![
            ("MLFLOW_TRACKING_URI", hub.direct_uri.clone()),
            ("MLFLOW_TRACKING_USERNAME", user.to_owned()),
            ("MLFLOW_TRACKING_PASSWORD", password.to_owned()),
        ]
    };
    block_on(async {
        let ours = client(&hub.env_for(&hub.direct_uri));
        let run = new_run(&ours, "auth").await.info.run_id;
        for (env, sent) in [
            (with(&hub.user, "wrong-password"), true),
            (vec![("MLFLOW_TRACKING_URI", hub.direct_uri.clone())], false),
            (vec![("MLFLOW_TRACKING_URI", hub.uri.clone())], false),
        ] {
            let found = client(&env).capabilities().await;
            assert_eq!(found.level, Capability::Offline);
            match found.problem.unwrap().problem {
                Problem::Unauthorized { sent: s, said } => {
                    assert_eq!(s, sent);
                    assert!(!said.contains("wrong-password"));
                }
                other => panic!("{other:?}"),
            }
        }
        let viewer = client(&with(&hub.viewer, &hub.viewer_password));
        assert_eq!(viewer.run(&run).await.unwrap().info.run_id, run);
        let refused = viewer
            .set_tag(&run, &Tag::short("a", "b"))
            .await
            .unwrap_err();
        assert!(
            matches!(refused.problem, Problem::Forbidden { .. }),
            "{refused}"
        );
        assert_eq!(viewer.capabilities().await.level, Capability::Full);
    })
    .unwrap();
}

#[test]
fn limits_are_the_servers() {
    needs_servers!();
    let client = client(&services::mlflow().env());
    block_on(async {
        let id = &new_run(&client, "limits").await.info.run_id;
        let metrics: Vec<Metric> = (0..2_050).map(|i| metric("many", i as f64, i)).collect();
        let odd = [
            metric("det@fpr=0.1%", 1.0, 0),
            metric("nan", f64::NAN, 0),
            metric("inf", f64::NEG_INFINITY, 0),
            metric("tiny", -5e-324, 0),
            metric(&"k".repeat(300), 2.0, 0),
            metric("/../a//b/", 3.0, 0),
            metric("größe:x", 4.0, 0),
        ];
        let long = "é".repeat(6_001);
        let (param, change) = Param::new("long", &long);
        assert_eq!(
            change,
            Some(Change::Cut {
                key: "long".into(),
                characters: 6_001
            })
        );
        let mut params: Vec<Param> = (0..250)
            .map(|i| Param::new(&format!("p{i}"), "v").0)
            .collect();
        params.push(param.clone());
        let full = Param::new("full", &"é".repeat(6_000)).0;
        params.push(full.clone());
        let tag = Tag::new("long", &"ä".repeat(9_000)).0;
        let mut tags: Vec<Tag> = (0..250)
            .map(|i| Tag::short(&format!("t{i}"), "v"))
            .collect();
        tags.push(tag.clone());
        let all: Vec<Metric> = metrics.iter().chain(&odd).cloned().collect();
        let requests = batches(id, all, params, tags);
        for batch in &requests {
            client.log_batch(batch).await.unwrap();
        }
        assert_eq!(client.metric_history(id, "many").await.unwrap(), metrics);
        let read = client.run(id).await.unwrap();
        for sent in &odd {
            let got = read
                .data
                .metrics
                .iter()
                .find(|m| m.key() == sent.key())
                .unwrap();
            assert_eq!(
                got.value().to_bits(),
                sent.value().to_bits(),
                "{}",
                sent.key()
            );
        }
        // Nothing was cut in silence: what is read is what was sent.
        for sent in [&param, &full] {
            assert!(read.data.params.contains(sent));
        }
        assert!(read.data.tags.contains(&tag));
        assert_eq!(read.data.params.len(), 252);

        // Beyond the limits the server refuses, and a refused batch leaves nothing.
        let batch = |metrics: Vec<Metric>, params: Vec<Param>| LogBatch {
            run_id: id.clone(),
            metrics,
            params,
            tags: Vec::new(),
        };
        let many = (0..1_001).map(|i| metric("over", 0.0, i)).collect();
        let refused = client.log_batch(&batch(many, vec![])).await.unwrap_err();
        assert!(
            matches!(refused.problem, Problem::Invalid { .. }),
            "{refused}"
        );
        let changed = vec![Param::new("p0", "other").0, Param::new("new", "x").0];
        let refused = client
            .log_batch(&batch(vec![metric("atomic", 1.0, 0)], changed))
            .await;
        assert!(matches!(
            refused.unwrap_err().problem,
            Problem::Invalid { .. }
        ));
        let read = client.run(id).await.unwrap();
        assert!(!read.data.params.iter().any(|p| p.key() == "new"));
        assert!(
            !read
                .data
                .metrics
                .iter()
                .any(|m| ["over", "atomic"].contains(&m.key()))
        );
    })
    .unwrap();
}

#[test]
fn other_programs_are_not_mlflow() {
    needs_servers!();
    let (mongodb, tls) = (services::mongodb(), services::mongodb_tls());
    block_on(async {
        let database = client_at(&format!("http://{}", mongodb.address), Options::default());
        let problem = database.capabilities().await.problem.unwrap().problem;
        assert!(matches!(problem, Problem::NotMlflow { .. }), "{problem:?}");
        // A TLS server whose authority is not known, and then known.
        let uri = format!("https://{}", tls.address);
        let unknown = client_at(&uri, Options::default()).capabilities().await;
        let problem = unknown.problem.unwrap().problem;
        let Problem::Tls { reason } = &problem else {
            panic!("{problem:?}")
        };
        assert!(reason.contains("authority that is not known"), "{reason}");
        let known = client(&vec![
            ("MLFLOW_TRACKING_URI", uri),
            ("MLFLOW_TRACKING_SERVER_CERT_PATH", tls.ca.unwrap()),
        ]);
        let problem = known.capabilities().await.problem.unwrap().problem;
        assert!(
            !matches!(problem, Problem::Tls { .. } | Problem::Unreachable { .. }),
            "{problem:?}"
        );
    })
    .unwrap();
}

#[test]
fn doctor_says_what_the_tracking_server_is() {
    needs_servers!();
    let project = Project::new(Training::Short);
    let line = |env: &Env| {
        let mut command = project.netsec(&["doctor", "--json"]);
        let output = command
            .envs(env.iter().map(|(k, v)| (k, v)))
            .output()
            .unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = found
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["check"] == "tracking")
            .cloned();
        (found.unwrap(), output.status.code(), text(&output))
    };
    let (found, _, _) = line(&Vec::new());
    assert_eq!(found["state"], "ok");
    assert!(found["text"].as_str().unwrap().starts_with("no server"));
    let (found, _, _) = line(&services::mlflow().env());
    assert_eq!(found["state"], "ok", "{found}");
    assert!(
        found["text"]
            .as_str()
            .unwrap()
            .starts_with("MLflow 3.17.2 at http://127.0.0.1:")
    );
    let hub = services::dagshub();
    let (found, _, said) = line(&hub.env_for(&hub.old_uri));
    assert_eq!(found["state"], "warn", "{found}");
    assert!(
        found["text"]
            .as_str()
            .unwrap()
            .contains("runs and artifacts only")
    );
    assert!(!said.contains(&hub.password));
    let wrong = vec![(
        "MLFLOW_TRACKING_URI",
        hub.uri.replace("://", "://tester:planted-secret@"),
    )];
    let (found, code, said) = line(&wrong);
    assert_eq!(
        (found["state"].as_str(), code),
        (Some("fail"), Some(6)),
        "{found}"
    );
    assert!(!said.contains("planted-secret"));
}
