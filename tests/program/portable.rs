//! Exported models, run by those they are exported for: ONNX Runtime, MLflow and XGBoost in
//! Python predict what we predict, on every row of the test tables, on rows with unknown
//! categories, gaps and numbers beyond all bounds.

use std::fs;
use std::path::{Path, PathBuf};

use netsec::config::{
    CategoricalImpute, EncodeKind, NumericImpute, RareCategories, ScaleKind, TransformationConfig,
    UnknownCategories,
};
use netsec::dataset::{Frame, Labels, TrainFrame, number_text};
use netsec::export::{self, Bundle};
use netsec::learners::{
    AdaboostParams, DecisionTreeParams, FitControl, FitRequest, LearnerId, LearnerSpec,
    LinfaLogisticParams, LinfaTreeParams, LogisticRegressionParams, Model, RandomForestParams,
    Weights, XgboostParams,
};
use netsec::pipeline::batch_prediction;
use netsec::pipeline::data_transformation::{Preprocessor, TransformationPlan};
use netsec::schema::{self, Schema};
use netsec::source::{self, ReadOptions};
use serde_json::Value;

use crate::harness::{Project, Training, text};
use crate::services::{self, needs_servers};

const SCRIPT: &str = include_str!("portable.py");

/// Every learner with settings that keep a fit short.
fn learners() -> Vec<LearnerSpec> {
    vec![
        LearnerSpec::LogisticRegression(LogisticRegressionParams::default()),
        LearnerSpec::DecisionTree(DecisionTreeParams::default()),
        LearnerSpec::RandomForest(RandomForestParams {
            trees: 30,
            ..RandomForestParams::default()
        }),
        LearnerSpec::Adaboost(AdaboostParams {
            rounds: 20,
            max_depth: 2,
            ..AdaboostParams::default()
        }),
        LearnerSpec::Xgboost(XgboostParams {
            rounds: 25,
            ..XgboostParams::default()
        }),
        LearnerSpec::LinfaTree(LinfaTreeParams {
            max_depth: 6,
            ..LinfaTreeParams::default()
        }),
        LearnerSpec::LinfaLogistic(LinfaLogisticParams {
            max_iterations: 15,
            ..LinfaLogisticParams::default()
        }),
    ]
}

/// The shared data, or a word on why the test is left out.
fn shared(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("NETSEC_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if path.join("data").is_dir() {
        return Some(path);
    }
    println!("skipped: needs ../shared ({test})");
    None
}

fn load(path: &Path, schema: &Schema) -> Frame {
    source::load_table(path, Some(schema), &ReadOptions::default())
        .unwrap()
        .frame
}

/// The rows of a table, every `step`th from `first` on.
fn every(frame: &Frame, first: usize, step: usize) -> Frame {
    let rows: Vec<usize> = (first..frame.rows()).step_by(step).collect();
    frame.take(&rows).unwrap()
}

/// The feature columns as CSV, and after them the first rows once more with one cell changed:
/// unknown categories, gaps, infinities, and numbers that no `float` holds.
fn write_rows(path: &Path, schema: &Schema, frame: &Frame, strange: bool) {
    let columns: Vec<_> = schema.features().collect();
    let cells: Vec<Vec<Option<String>>> = columns
        .iter()
        .map(|c| frame.texts(&c.name).unwrap())
        .collect();
    let names: Vec<String> = columns
        .iter()
        .map(|c| format!("\"{}\"", c.name.replace('"', "\"\"")))
        .collect();
    let mut out = names.join(",") + "\n";
    let mut push = |row: usize, changed: Option<(usize, &str)>| {
        let line: Vec<&str> = (0..columns.len())
            .map(|c| match changed {
                Some((column, value)) if column == c => value,
                _ => cells[c][row].as_deref().unwrap_or_default(),
            })
            .collect();
        out.push_str(&line.join(","));
        out.push('\n');
    };
    for row in 0..frame.rows() {
        push(row, None);
    }
    if strange {
        const NUMBERS: [&str; 9] = [
            "", "1e300", "-1e300", "inf", "-inf", "-0.0", "1e-320", "16777217", "0.1",
        ];
        for row in 0..frame.rows().min(500) {
            let column = row % columns.len();
            let value = if columns[column].kind.is_numeric() {
                NUMBERS[(row / columns.len()) % NUMBERS.len()]
            } else {
                ["never_seen", ""][(row / columns.len()) % 2]
            };
            push(row, Some((column, value)));
        }
    }
    fs::write(path, out).unwrap();
}

/// A table to train on and the rows to predict.
struct Task<'a> {
    name: &'a str,
    schema: Schema,
    train: Frame,
    /// CSV of the rows to predict, in the folder of the trial.
    rows: &'a str,
}

/// Fits a learner and writes its exports and our own predictions into `top/name`.
fn export_one(top: &Path, task: &Task<'_>, spec: &LearnerSpec, settings: &TransformationConfig) {
    let labels = schema::labels(&task.schema, &task.train).unwrap();
    let train = TrainFrame(task.train.clone());
    let plan = TransformationPlan::new(&task.schema, settings);
    let preprocessor = Preprocessor::fit(&train, &plan).unwrap();
    let x = preprocessor.transform(&train.0).unwrap();
    let model = fit(spec, &x, &labels);
    let frame = load(&top.join(task.rows), &task.schema);
    let matrix = preprocessor.transform(&frame).unwrap();
    let probabilities = model.predict_proba(&matrix).unwrap();
    let classes = model.classes.len();
    // A score that rows really have: whoever is a hair off gives them the other label.
    let threshold = (classes == 2).then(|| {
        let mut scores: Vec<f64> = probabilities.iter().skip(1).step_by(2).copied().collect();
        scores.sort_by(f64::total_cmp);
        let inner: Vec<f64> = scores.iter().copied().filter(|s| *s > 0.2).collect();
        inner.first().copied().unwrap_or(0.5)
    });
    let bundle = Bundle {
        model,
        preprocessor,
        schema: task.schema.clone(),
        threshold,
        run_id: "20261122-1830-0abc".parse().unwrap(),
        version: None,
        example: Some(every(&train.0, 0, train.0.rows() / 5)),
    };
    let name = format!("{}-{}", task.name, spec.id());
    let folder = top.join(name);
    export::mlflow::write(&folder, &bundle).unwrap();
    fs::write(folder.join("rows"), task.rows).unwrap();
    let predictions = batch_prediction::predict_with(
        &bundle.model,
        &bundle.preprocessor,
        bundle.threshold,
        &frame,
    )
    .unwrap();
    let outputs = export::onnx::outputs(&bundle);
    let outputs: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    let mut text = outputs.join(",") + "\n";
    for (p, row) in predictions.iter().zip(probabilities.chunks_exact(classes)) {
        text.push_str(&format!("{},{}", bundle.model.classes[p.class], p.score));
        if classes > 2 {
            row.iter().for_each(|p| text.push_str(&format!(",{p}")));
        }
        text.push('\n');
    }
    fs::write(folder.join("expected.csv"), text).unwrap();
    if spec.id() == LearnerId::Xgboost {
        for name in ["model.ubj", "model.json"] {
            let path = folder.join(name);
            let bytes = export::xgboost::encode(&bundle, &path).unwrap();
            export::write_file(&path, &bytes).unwrap();
        }
        let raw: Vec<u8> = matrix.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(folder.join("matrix.f32"), raw).unwrap();
        let raw: Vec<u8> = probabilities.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(folder.join("probabilities.f64"), raw).unwrap();
    }
}

fn fit(spec: &LearnerSpec, x: &netsec::dataset::Matrix, y: &Labels) -> Model {
    Model::fit(
        spec,
        &FitRequest {
            x,
            y,
            weights: &Weights::default(),
            watch: None,
            seed: 7,
            threads: 2,
            control: &FitControl::new(),
            progress: &|_| {},
        },
    )
    .unwrap()
}

/// What Python found, checked: equal labels, scores within 1e-6, XGBoost's own without any
/// difference.
fn judge(top: &Path, wanted: usize, mlflow: bool) -> Value {
    let mut args = vec![top.to_str().unwrap()];
    if mlflow {
        args.push("--mlflow");
    }
    let printed = services::run_python(SCRIPT, &args, &[]);
    let summary: Value = serde_json::from_str(&printed).unwrap();
    println!("{summary:#}");
    let models = summary.as_object().unwrap();
    assert_eq!(models.len(), wanted);
    for (name, found) in models {
        for way in ["onnx", "mlflow"] {
            let Some(found) = found.get(way) else {
                assert!(way == "mlflow" && !mlflow);
                continue;
            };
            assert_eq!(found["other_labels"], 0, "{name} by {way}: {found}");
            let largest = found["largest_difference"].as_f64();
            assert!(
                largest.is_some_and(|d| d <= 1e-6),
                "{name} by {way}: {found}"
            );
        }
        if name.ends_with("xgboost") {
            assert_eq!(found["xgboost"]["model.ubj"], 0.0, "{name}");
            assert_eq!(found["xgboost"]["model.json"], 0.0, "{name}");
        }
    }
    summary
}

#[test]
fn every_learner_predicts_the_same_elsewhere() {
    needs_servers!();
    let Some(shared) = shared("every_learner_predicts_the_same_elsewhere") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path();
    let phishing = schema::preset("phishing").unwrap();
    let table = load(&shared.join("data/phishing_uci/phisingData.csv"), &phishing);
    write_rows(
        &top.join("phishing.csv"),
        &phishing,
        &every(&table, 0, 5),
        true,
    );
    let nsl = shared.join("data/nsl_kdd");
    let binary = schema::preset("nsl-kdd").unwrap();
    let five = schema::preset_target("nsl-kdd", "attack_class").unwrap();
    let train = load(&nsl.join("KDDTrain+.txt.zst"), &binary);
    let test = load(&nsl.join("KDDTest+.txt.zst"), &binary);
    write_rows(&top.join("nsl.csv"), &binary, &test, true);
    let tasks = [
        Task {
            name: "phishing",
            schema: phishing,
            train: every(&table, 1, 5),
            rows: "phishing.csv",
        },
        Task {
            name: "nsl2",
            schema: binary,
            train: every(&train, 0, 20),
            rows: "nsl.csv",
        },
        Task {
            name: "nsl5",
            schema: five,
            train: every(&train, 0, 20),
            rows: "nsl.csv",
        },
    ];
    for task in &tasks {
        for spec in learners() {
            export_one(top, task, &spec, &TransformationConfig::default());
        }
    }
    judge(top, 21, true);
}

#[test]
fn every_transformation_predicts_the_same_elsewhere() {
    needs_servers!();
    let Some(shared) = shared("every_transformation_predicts_the_same_elsewhere") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path();
    let nsl = shared.join("data/nsl_kdd");
    let schema = schema::preset_target("nsl-kdd", "attack_class").unwrap();
    // Gaps to learn from: every seventh cell of the first numbers.
    let train = every(&load(&nsl.join("KDDTrain+.txt.zst"), &schema), 3, 60);
    let train = with_gaps(&train, &["duration", "src_bytes", "count"]);
    let test = every(&load(&nsl.join("KDDTest+.txt.zst"), &schema), 0, 10);
    write_rows(&top.join("strange.csv"), &schema, &test, true);
    write_rows(&top.join("plain.csv"), &schema, &every(&train, 0, 4), false);
    let rare = RareCategories {
        min_rows: 20,
        max_categories: 12,
    };
    let constant = CategoricalImpute::Constant {
        value: "none".to_owned(),
    };
    let all = [
        (
            "median-rare-standard",
            TransformationConfig {
                unknown: UnknownCategories::Rare,
                rare,
                scale: ScaleKind::Standard,
                ..TransformationConfig::default()
            },
        ),
        (
            "mode-ordinal-minmax",
            TransformationConfig {
                numeric_impute: NumericImpute::Mode,
                encode: EncodeKind::Ordinal,
                scale: ScaleKind::MinMax,
                ..TransformationConfig::default()
            },
        ),
        (
            "constant-ordinal-rare",
            TransformationConfig {
                numeric_impute: NumericImpute::Constant { value: -7.5 },
                categorical_impute: constant,
                encode: EncodeKind::Ordinal,
                unknown: UnknownCategories::Rare,
                rare,
                ..TransformationConfig::default()
            },
        ),
        (
            "knn-standard",
            TransformationConfig {
                numeric_impute: NumericImpute::Knn { neighbours: 5 },
                scale: ScaleKind::Standard,
                ..TransformationConfig::default()
            },
        ),
        (
            "error",
            TransformationConfig {
                unknown: UnknownCategories::Error,
                rare,
                ..TransformationConfig::default()
            },
        ),
    ];
    for (name, settings) in &all {
        let task = Task {
            name,
            schema: schema.clone(),
            train: train.clone(),
            // Unknown categories are an error there: seen apart.
            rows: if *name == "error" {
                "plain.csv"
            } else {
                "strange.csv"
            },
        };
        for spec in [&learners()[0], &learners()[4]] {
            export_one(top, &task, spec, settings);
        }
    }
    let odd = odd_names(&schema, &train);
    write_rows(&top.join("odd.csv"), &odd.0, &every(&odd.1, 0, 7), true);
    let task = Task {
        name: "odd-names",
        schema: odd.0,
        train: odd.1,
        rows: "odd.csv",
    };
    export_one(top, &task, &learners()[1], &TransformationConfig::default());
    judge(top, 11, true);
    let refused = services::run_python(
        "import sys, onnxruntime, numpy, pandas\n\
         s = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n\
         rows = pandas.read_csv(sys.argv[2])[:1].astype({'service': object})\n\
         rows.loc[0, 'service'] = 'never_seen'\n\
         kinds = {'tensor(double)': numpy.float64, 'tensor(string)': object}\n\
         feed = {i.name: numpy.array(rows[i.name], dtype=kinds[i.type]) for i in s.get_inputs()}\n\
         try:\n    s.run(None, feed); print('predicted')\n\
         except Exception as e: print(e)\n",
        &[
            top.join("error-xgboost/model.onnx").to_str().unwrap(),
            top.join("plain.csv").to_str().unwrap(),
        ],
        &[],
    );
    assert!(
        refused.contains("a value of service is unknown to the model"),
        "{refused}"
    );
}

/// Columns that are called like outputs, and like nothing a format would choose.
fn odd_names(schema: &Schema, frame: &Frame) -> (Schema, Frame) {
    let new = |name: &str| match name {
        "service" => "label".to_owned(),
        "label" => "truth".to_owned(),
        "duration" => "score".to_owned(),
        "src_bytes" => "it's: \"odd\" \u{e9}\u{2028} {x}".to_owned(),
        other => other.to_owned(),
    };
    let mut schema = schema.clone();
    for column in &mut schema.columns {
        column.aliases.clear();
        column.name = new(&column.name);
    }
    schema.target.column = new(&schema.target.column);
    let columns = frame
        .names()
        .iter()
        .map(|name| {
            let mut column = frame.column(name).unwrap().clone();
            column.rename(new(name).into());
            column
        })
        .collect();
    (schema, Frame::from_columns(columns).unwrap())
}

/// The table with every seventh cell of these columns missing.
fn with_gaps(frame: &Frame, columns: &[&str]) -> Frame {
    let all = frame
        .names()
        .iter()
        .map(|name| {
            if !columns.contains(&name.as_str()) {
                return frame.column(name).unwrap().clone();
            }
            let values = frame.numbers(name).unwrap();
            let shift = name.len();
            let holed = values
                .into_iter()
                .enumerate()
                .map(|(row, v)| ((row + shift) % 7 != 0).then_some(v))
                .collect();
            Frame::number_column(name, holed)
        })
        .collect();
    Frame::from_columns(all).unwrap()
}

/// The program from end to end: retrain, approve, export, and compare with `netsec predict`.
#[test]
fn the_program_exports_its_champion() {
    needs_servers!();
    let project = Project::new(Training::Short);
    let e = project.run(&["export", "champion", "--format", "onnx", "-o", "m.onnx"]);
    assert_eq!(e.status.code(), Some(7), "{}", text(&e));
    let run = project.json(&["retrain", "--json"])["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let export = |what: &str, format: &str, place: &str| {
        project.run(&["export", what, "--format", format, "-o", place])
    };
    let of_run = export(&run, "onnx", "run.onnx");
    assert!(of_run.status.success(), "{}", text(&of_run));
    let plan = project.json(&["plan", "latest", "--json"]);
    let plan = plan["plan_id"].as_str().unwrap().to_owned();
    let approved = project.run(&["approve", &plan, "--reason", "a test"]);
    assert!(approved.status.success(), "{}", text(&approved));
    let folder = export("champion", "mlflow", "models/champion");
    let said = text(&folder);
    assert!(folder.status.success(), "{said}");
    let sha256 =
        netsec::hash::sha256_file(&project.path().join("models/champion/model.onnx")).unwrap();
    assert!(said.contains(&sha256), "{said}");
    assert!(
        said.contains("mlflow.pyfunc.load_model(\"models/champion\")"),
        "{said}"
    );
    // Once more over itself, but not over other things.
    assert!(
        export("champion", "mlflow", "models/champion")
            .status
            .success()
    );
    fs::create_dir(project.path().join("other")).unwrap();
    fs::write(project.path().join("other/file"), "kept").unwrap();
    let e = export("champion", "mlflow", "other");
    assert_eq!(e.status.code(), Some(2), "{}", text(&e));
    assert_eq!(
        fs::read(project.path().join("other/file")).unwrap(),
        b"kept"
    );
    let e = export("champion", "xgboost", "m.ubj");
    assert_eq!(e.status.code(), Some(2), "{}", text(&e));
    assert!(text(&e).contains("--format onnx"), "{}", text(&e));

    let predicted = project.run(&["predict", "flows.csv", "-o", "predicted.csv"]);
    assert!(predicted.status.success(), "{}", text(&predicted));
    let found = services::run_python(
        "import sys, mlflow, pandas\n\
         expected = pandas.read_csv(sys.argv[2], float_precision='round_trip')\n\
         rows = pandas.read_csv(sys.argv[3])\n\
         found = pandas.DataFrame(mlflow.pyfunc.load_model(sys.argv[1]).predict(rows))\n\
         print(len(found), (found['label'].astype(str) != expected['predicted_label'].astype(str)).sum(),\n\
               abs(found['score'] - expected['predicted_score']).max() <= 1e-6)\n",
        &["models/champion", "predicted.csv", "flows.csv"].map(|f| {
            // The script runs elsewhere.
            Box::leak(
                project
                    .path()
                    .join(f)
                    .display()
                    .to_string()
                    .into_boxed_str(),
            ) as &str
        }),
        &[],
    );
    assert_eq!(found.trim(), format!("{} 0 True", number_text(600.0)));
}
