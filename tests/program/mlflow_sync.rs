//! `netsec sync` with the real MLflow: what the official Python client reads back, what becomes of
//! servers that are down, old, or behind a network that loses and doubles everything.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netsec::config::TrackingConfig;
use netsec::runs::RunId;
use netsec::runtime::block_on;
use netsec::tracking::mlflow::{Client, Options, Policy, Server};
use netsec::tracking::mlflow_server::MlflowServer;
use netsec::tracking::project::{Project as Source, server_key};
use netsec::tracking::sync::{Report, Scope, pass};
use netsec::workspace::Workspace;
use serde_json::Value;

use crate::fault_proxy::FaultProxy;
use crate::harness::{Project, Training, text, wait_until};
use crate::services::{self, needs_servers, unique};

const DUMP: &str = include_str!("mlflow_dump.py");

type Env = Vec<(&'static str, String)>;

/// A project with an experiment and a registered model of its own.
struct Tracked {
    project: Project,
    experiment: String,
    model: String,
}

impl Tracked {
    fn new(automatic: bool) -> Self {
        let project = Project::new(Training::Short);
        let (experiment, model) = (unique("runs"), unique("threats"));
        let mut config = fs::OpenOptions::new()
            .append(true)
            .open(project.config())
            .unwrap();
        writeln!(
            config,
            "[tracking]\nexperiment = \"{experiment}\"\nmodel = \"{model}\"\nautomatic = {automatic}"
        )
        .unwrap();
        Self {
            project,
            experiment,
            model,
        }
    }

    /// A finished run.
    fn train(&self, env: &Env) -> RunId {
        let output = self
            .project
            .netsec(&["retrain", "--note", "for MLflow"])
            .envs(env.clone())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        self.project.store().list().unwrap().remove(0)
    }

    fn approve(&self, env: &Env) {
        let plan = self.project.json(&["plan", "latest", "--json"]);
        let id = plan["plan_id"].as_str().unwrap();
        let args = ["approve", id, "--reason", "looks right"];
        let output = self
            .project
            .netsec(&args)
            .envs(env.clone())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }

    /// `netsec sync --json`: its exit code and what it printed.
    fn sync(&self, env: &Env) -> (Option<i32>, Value) {
        let output = self
            .project
            .netsec(&["sync", "--json"])
            .envs(env.clone())
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), report)
    }

    fn dump(&self, env: &Env) -> Value {
        dumps(&[(&self.experiment, &self.model)], env).remove(0)
    }
}

/// What a server holds of experiments and models, read by the official client.
fn dumps(pairs: &[(&str, &str)], env: &Env) -> Vec<Value> {
    let args: Vec<&str> = pairs.iter().flat_map(|(e, m)| [*e, *m]).collect();
    serde_json::from_str(&services::run_python(DUMP, &args, env)).unwrap()
}

fn only<'a>(found: &'a Value, what: &str) -> &'a Value {
    let list = found.as_array().unwrap_or_else(|| panic!("no {what}"));
    assert_eq!(list.len(), 1, "{what}");
    &list[0]
}

/// The run itself among the dumped runs.
fn parent(dump: &Value) -> &Value {
    let runs = dump["runs"].as_object().unwrap().values();
    let mut parents = runs.filter(|r| r[0]["tags"].get("mlflow.parentRunId").is_none());
    only(parents.next().expect("a parent run"), "parent run")
}

#[test]
fn the_official_client_reads_back_what_the_log_says() {
    needs_servers!();
    let env = services::mlflow().env();
    let tracked = Tracked::new(false);
    let run = tracked.train(&env);
    tracked.approve(&env);
    let (code, report) = tracked.sync(&env);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (&report["pending"], &report["capability"]),
        (&0.into(), &"full".into()),
        "{report}"
    );
    assert_eq!(report["dead_letters"], Value::Array(vec![]));
    assert!(report["sent"].as_u64().unwrap() > 100);

    let dump = tracked.dump(&env);
    let show = tracked.project.json(&["show", "latest", "--json"]);
    assert_eq!(
        dump["runs"].as_object().unwrap().len(),
        3,
        "the run and its two learners"
    );
    let parent = parent(&dump);
    assert_eq!(parent["name"], run.as_str());
    assert_eq!(parent["status"], "FINISHED");
    let tags = &parent["tags"];
    assert_eq!(tags["netsec.data_digest"], show["data"]["digest"]);
    assert_eq!(tags["netsec.selected"], show["selected"]);
    assert_eq!(tags["netsec.config_sha256"], show["config_sha256"]);
    assert_eq!(tags["netsec.gate.verdict"], "accept");
    assert_eq!(tags["netsec.decision"], "pushed");
    assert_eq!(tags["mlflow.user"], "tester");
    assert_eq!(tags["mlflow.note.content"], "for MLflow");
    assert!(
        tags["netsec.decision.1"]
            .as_str()
            .unwrap()
            .contains("approve by tester"),
        "{tags}"
    );
    assert_eq!(parent["params"]["training.folds"], "2");
    // The data set, its whole digest in the source.
    let input = only(&parent["inputs"], "data set");
    let digest = show["data"]["digest"].as_str().unwrap();
    assert_eq!(input[1], digest[..32]);
    assert!(input[3].as_str().unwrap().contains(digest));
    for path in [
        "data_ingestion/report.json",
        "data_validation/validation.json",
        "model_evaluation/evaluation.json",
        "confusion_matrix/random_forest.json",
        "curves/roc_and_precision_recall.json",
        "summary.txt",
    ] {
        assert!(
            parent["artifacts"].get(path).is_some(),
            "{path}: {}",
            parent["artifacts"]
        );
    }
    // The figures are those of `netsec show`, the curves those of the log.
    for row in show["leaderboard"].as_array().unwrap() {
        let learner = row["learner"].as_str().unwrap();
        let mut children = dump["runs"].as_object().unwrap().values();
        let child = children
            .find(|r| r[0]["tags"]["netsec.learner"] == learner)
            .unwrap();
        let child = only(child, "child run");
        assert_eq!(
            child["tags"]["mlflow.parentRunId"],
            tags["netsec.idempotency_key"]
        );
        for metric in ["accuracy", "f1", "roc_auc", "log_loss"] {
            assert_eq!(
                child["metrics"][format!("test/{metric}")][0][2],
                row["test"][metric],
                "{learner} {metric}"
            );
        }
        assert_eq!(child["metrics"]["cv/f1"][0][2], row["cv"]["f1"]["mean"]);
        for (name, value) in row["params"].as_object().unwrap() {
            if !value.is_object() {
                let text = value.as_str().map_or(value.to_string(), str::to_owned);
                assert_eq!(child["params"][name], text, "{learner} {name}");
            }
        }
    }
    let forest = dump["runs"].as_object().unwrap().values();
    let forest = forest
        .map(|r| &r[0])
        .find(|r| r["tags"]["netsec.learner"] == "random_forest")
        .unwrap();
    assert!(
        forest["metrics"]["valid/log_loss"]
            .as_array()
            .unwrap()
            .len()
            > 1,
        "{}",
        forest["metrics"]
    );
    let (_, models) = dump["models"].as_object().unwrap().iter().next().unwrap();
    let model = only(models, "logged model");
    assert!(
        model["status"].as_str().unwrap().contains("READY"),
        "{model}"
    );
    assert!(
        model["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m[0] == "test/f1")
    );
    let (key, versions) = dump["versions"].as_object().unwrap().iter().next().unwrap();
    let version = only(versions, "version");
    assert_eq!(version["tags"]["netsec.version"], "v1");
    assert_eq!(dump["aliases"]["champion"], key.as_str());
    assert_eq!(dump["aliases"]["challenger"], key.as_str());

    // The model loads by its alias and predicts what netsec predicts.
    let ours = tracked
        .project
        .run(&["predict", "flows.csv", "-o", "ours.csv"]);
    assert!(ours.status.success(), "{}", text(&ours));
    let worst = services::run_python(
        "import sys, pandas, mlflow.pyfunc\n\
         flows = pandas.read_csv(sys.argv[2])\n\
         ours = pandas.read_csv(sys.argv[3], dtype={'predicted_label': str})\n\
         model = mlflow.pyfunc.load_model(f'models:/{sys.argv[1]}@challenger')\n\
         theirs = model.predict(flows.drop(columns=['attack']))\n\
         theirs = pandas.DataFrame({k: getattr(v, 'ravel', lambda: v)() for k, v in dict(theirs).items()})\n\
         print((theirs.iloc[:, 0].astype(str) != ours['predicted_label']).sum(),\n\
               (theirs.iloc[:, 1] - ours['predicted_score']).abs().max())\n",
        &[
            &tracked.model,
            tracked.project.path().join("flows.csv").to_str().unwrap(),
            tracked.project.path().join("ours.csv").to_str().unwrap(),
        ],
        &env,
    );
    let figures: Vec<f64> = worst
        .split_whitespace()
        .map(|w| w.parse().unwrap())
        .collect();
    assert!(figures[0] == 0.0 && figures[1] <= 1e-6, "{worst}");

    // A second sync has nothing to do and changes nothing.
    let (code, again) = tracked.sync(&env);
    assert_eq!((code, &again["sent"]), (Some(0), &0.into()), "{again}");
    assert_eq!(tracked.dump(&env), dump);
}

#[test]
fn a_run_is_followed_by_itself_and_a_decision_is_sent_by_itself() {
    needs_servers!();
    let env = services::mlflow().env();
    let tracked = Tracked::new(true);
    let run = tracked.train(&env);
    let cursor = tracked.project.run_dir(&run).join("sync.json");
    let settled = || -> Option<Value> {
        let file: Value = serde_json::from_slice(&fs::read(&cursor).ok()?).ok()?;
        let server = file["servers"].as_object()?.values().next()?.clone();
        Some(server).filter(|s| s["settled"].is_string())
    };
    wait_until("the follower", || settled().is_some());
    tracked.approve(&env);
    wait_until("the decision on the server", || {
        settled().is_some_and(|s| s["facts"].get("tag run netsec.approved_by").is_some())
    });
    let whole = tracked.project.path().join("Artifacts/sync.json");
    wait_until("the alias", || {
        fs::read_to_string(&whole).is_ok_and(|text| text.contains("champion"))
    });
    let (code, report) = tracked.sync(&env);
    assert_eq!((code, &report["pending"]), (Some(0), &0.into()), "{report}");
    let dump = tracked.dump(&env);
    assert_eq!(parent(&dump)["tags"]["netsec.decision"], "pushed");
    assert!(dump["aliases"].get("champion").is_some(), "{dump}");
}

#[test]
fn a_server_that_is_down_costs_the_run_nothing() {
    needs_servers!();
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let down: Env = vec![("MLFLOW_TRACKING_URI", format!("http://{nobody}"))];
    let tracked = Tracked::new(true);
    tracked.train(&down);
    let (code, report) = tracked.sync(&down);
    assert_eq!(code, Some(6), "{report}");
    let pending = report["pending"].as_u64().unwrap();
    assert!(
        pending > 100 && report["capability"] == "offline",
        "{report}"
    );
    let env = services::mlflow().env();
    let (code, report) = tracked.sync(&env);
    assert_eq!((code, &report["pending"]), (Some(0), &0.into()), "{report}");
    assert_eq!(parent(&tracked.dump(&env))["status"], "FINISHED");
}

#[test]
fn without_a_server_it_says_so() {
    let tracked = Tracked::new(true);
    tracked.train(&Vec::new());
    let output = tracked.project.run(&["sync", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["pending"].as_u64().unwrap() > 100);
    assert_eq!(report["capability"], "offline");
    assert!(
        text(&output).contains("MLFLOW_TRACKING_URI"),
        "{}",
        text(&output)
    );
}

#[test]
fn dagshubs_older_servers_get_what_they_can_hold() {
    needs_servers!();
    let dagshub = services::dagshub();
    let mut direct = dagshub.env_for(&dagshub.direct_uri);
    direct.push(("NETSEC_DUMP", "light".to_owned()));
    for (uri, level) in [
        (&dagshub.uri, "full"),
        (&dagshub.registry_uri, "registry"),
        (&dagshub.old_uri, "runs"),
    ] {
        let env = dagshub.env_for(uri);
        let tracked = Tracked::new(false);
        let run = tracked.train(&env);
        tracked.approve(&env);
        let (code, report) = tracked.sync(&env);
        assert_eq!(code, Some(0), "{level}: {report}");
        assert_eq!(report["capability"], level, "{report}");
        assert_eq!(
            (&report["pending"], &report["dead_letters"]),
            (&0.into(), &Value::Array(vec![]))
        );
        let dump = tracked.dump(&direct);
        assert_eq!(dump["runs"].as_object().unwrap().len(), 3, "{level}");
        let parent = parent(&dump);
        assert_eq!(parent["status"], "FINISHED");
        assert_eq!(parent["tags"]["netsec.version"], "v1");
        assert_eq!(parent["tags"]["netsec.aliases"], "challenger,champion");
        let counts = |what: &str| dump[what].as_object().map_or(0, |m| m.len());
        let held = (counts("models"), counts("versions"), counts("aliases"));
        let folder = parent["artifacts"].get("model/MLmodel").is_some();
        match level {
            "full" => assert_eq!((held, folder), ((1, 1, 2), false)),
            "registry" => assert_eq!((held, folder), ((0, 1, 2), true)),
            _ => assert_eq!((held, folder), ((0, 0, 0), true)),
        }
        let password = dagshub.password.as_bytes();
        for file in files_below(&tracked.project.run_dir(&run)) {
            let bytes = fs::read(&file).unwrap();
            assert!(
                !bytes.windows(password.len()).any(|w| w == password),
                "{}",
                file.display()
            );
        }
    }
}

fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Copies the state of a project without what was sent of it.
fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        if file.file_name().is_some_and(|n| n == "sync.json") {
            continue;
        }
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
    }
}

/// One pass with short patience, in this process.
fn one_pass(uri: &str, dir: &Path, experiment: &str, model: &str) -> Report {
    let server = Server::from_env(Some(uri)).unwrap().unwrap();
    let options = Options {
        call: Duration::from_secs(2),
        ..Options::default()
    };
    let server = MlflowServer::new(Client::new(server, options).unwrap()).with_policy(Policy {
        first: Duration::from_millis(10),
        longest: Duration::from_millis(200),
        ..Policy::default()
    });
    let tracking = TrackingConfig {
        experiment: experiment.to_owned(),
        model: model.to_owned(),
        ..TrackingConfig::default()
    };
    let project = Source::open(&Workspace::new(dir), &tracking).unwrap();
    let key = server_key("http://faults", experiment);
    block_on(pass(&server, &key, &project, &Scope::Everything))
        .unwrap()
        .unwrap()
}

/// Twenty seeds; `NETSEC_SYNC_SEEDS=500` for the long run (benches/sync_faults).
#[test]
fn through_a_network_that_loses_and_doubles_it_ends_as_a_clean_run() {
    needs_servers!();
    let seeds: u64 = std::env::var("NETSEC_SYNC_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20);
    let behind = services::mlflow().uri;
    let env = services::mlflow().env();
    let tracked = Tracked::new(false);
    tracked.train(&Vec::new());
    tracked.approve(&Vec::new());
    let names: Vec<(String, String)> = (0..=seeds)
        .map(|n| (unique(&format!("faults-{n}")), unique("model")))
        .collect();
    let next = AtomicU64::new(0);
    let harmed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let Some((experiment, model)) = names.get(seed as usize) else {
                        return;
                    };
                    let dir = tempfile::tempdir().unwrap();
                    copy(tracked.project.path(), dir.path());
                    // Seed 0 is the clean run that all others must equal.
                    let proxy = match seed {
                        0 => FaultProxy::faithful(&behind),
                        seed => FaultProxy::with_faults(&behind, seed),
                    };
                    for _ in 0..20 {
                        if one_pass(&proxy.uri(), dir.path(), experiment, model)
                            .error
                            .is_none()
                        {
                            break;
                        }
                    }
                    proxy.calm();
                    let last = one_pass(&proxy.uri(), dir.path(), experiment, model);
                    assert_eq!(
                        (last.pending, &last.error),
                        (0, &None),
                        "seed {seed}: {last:?}"
                    );
                    assert_eq!(
                        (last.dead_letters, last.warnings),
                        (vec![], vec![]),
                        "seed {seed}"
                    );
                    harmed.fetch_add(proxy.harmed().len() as u64, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(
        harmed.load(Ordering::SeqCst) > seeds * 10,
        "the proxy did its work"
    );
    for part in names[1..].chunks(50) {
        let mut pairs = vec![(names[0].0.as_str(), names[0].1.as_str())];
        pairs.extend(part.iter().map(|(e, m)| (e.as_str(), m.as_str())));
        let mut found = dumps(&pairs, &env);
        let clean = found.remove(0);
        assert_eq!(clean["runs"].as_object().unwrap().len(), 3);
        for ((experiment, _), dump) in part.iter().zip(found) {
            assert_eq!(dump, clean, "{experiment}");
        }
    }
}
