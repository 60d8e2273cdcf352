//! Registered models load elsewhere: MLflow's own client predicts what `netsec predict` does.

use std::fs;

use serde_json::Value;

use super::site::Site;
use crate::harness::flows;
use crate::services::{self, needs_servers, run_python};

/// Those that can be selected.
const LEARNERS: [&str; 5] = [
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "adaboost",
    "xgboost",
];

/// Loads every model by its alias and predicts the rows of a CSV with the types that pandas gives;
/// prints the labels and scores of each.
const PREDICT: &str = r#"
import json, sys, warnings
warnings.filterwarnings("ignore")
import mlflow, numpy, pandas
rows = pandas.read_csv(sys.argv[1])
out = {}
for name in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(f"models:/{name}@challenger")
    got = model.predict(rows)
    columns = got.items() if isinstance(got, (dict, pandas.DataFrame)) else [("only", got)]
    out[name] = {str(k): numpy.asarray(v).reshape(len(rows), -1).tolist() for k, v in columns}
print(json.dumps(out))
"#;

#[test]
fn every_learner_is_loaded_from_the_registry_and_predicts_the_same() {
    needs_servers!();
    let mlflow = services::mlflow();
    let scratch = tempfile::tempdir().unwrap();
    let all = flows(3_000);
    let mut lines = all.lines();
    let header = lines.next().unwrap();
    let lines: Vec<&str> = lines.collect();
    let (train, held_out) = lines.split_at(2_000);
    let rows = scratch.path().join("held_out.csv");
    let unlabelled = |line: &str| line.rsplit_once(',').unwrap().0.to_owned();
    let mut text = unlabelled(header);
    for line in held_out {
        text.push('\n');
        text.push_str(&unlabelled(line));
    }
    fs::write(&rows, text + "\n").unwrap();

    let mut expected = Vec::new();
    for learner in LEARNERS {
        let model = services::unique(learner);
        let mut site = Site::new();
        site.set(mlflow.env());
        let mut text = header.to_owned();
        for line in train {
            text.push('\n');
            text.push_str(line);
        }
        fs::write(site.path().join("flows.csv"), text + "\n").unwrap();
        let experiment = services::unique("registry");
        site.ok(&["init", "--data", "flows.csv", "--label", "attack"]);
        site.configure(&format!(
            "[training]\nlearners = [\"{learner}\"]\nfolds = 2\n[training.random_forest]\ntrees = 5\n\
             [training.adaboost]\nrounds = 5\n[training.xgboost]\nrounds = 5\n[tracking]\nmodel = \"{model}\"\nexperiment = \"{experiment}\"\n"
        ));
        let show = site.json(&["retrain", "--json"]);
        assert_eq!(show["selected"], learner);
        let plan = show["plan_id"].as_str().unwrap();
        site.ok(&["approve", plan, "--reason", "a test"]);
        let predicted = site.path().join("predicted.ndjson");
        site.ok(&[
            "predict",
            rows.to_str().unwrap(),
            "-o",
            predicted.to_str().unwrap(),
        ]);
        super::published::sync(&site);
        let predicted: Vec<Value> = fs::read_to_string(&predicted)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(predicted.len(), held_out.len());
        expected.push((model, predicted));
    }

    let mut args = vec![rows.to_str().unwrap()];
    args.extend(expected.iter().map(|(model, _)| model.as_str()));
    let answers: Value = serde_json::from_str(&run_python(PREDICT, &args, &mlflow.env())).unwrap();
    for (model, predicted) in &expected {
        compare(model, &answers[model.as_str()], predicted);
    }
}

/// Equal labels on every row, and a difference of at most 1e-6 in every score.
fn compare(model: &str, answer: &Value, predicted: &[Value]) {
    let columns = answer.as_object().unwrap();
    let named = |part: &str| {
        columns
            .iter()
            .find(|(name, _)| name.contains(part))
            .unwrap_or_else(|| panic!("{model} answers {:?}", columns.keys()))
            .1
    };
    let (labels, scores) = (named("label"), named("score"));
    let mut seen = std::collections::BTreeSet::new();
    for (row, ours) in predicted.iter().enumerate() {
        let label = plain(&labels[row][0]);
        assert_eq!(label, plain(&ours["predicted_label"]), "{model}, row {row}");
        seen.insert(label);
        let ours = ours["predicted_score"].as_f64().unwrap();
        let score = scores[row][0].as_f64().unwrap();
        assert!(
            (score - ours).abs() <= 1e-6,
            "{model}, row {row}: {score} and {ours}"
        );
    }
    assert_eq!(seen.len(), 2, "{model} gives one label to all rows");
}

/// A label as text: `1`, `1.0` and `"1"` are the same class.
fn plain(label: &Value) -> String {
    match label {
        Value::Number(n) if n.as_f64().is_some_and(|f| f.fract() == 0.0) => {
            format!("{}", n.as_f64().unwrap() as i64)
        }
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}
