//! The stages from ingestion to evaluation on real tables, against the figures of scikit-learn
//! and XGBoost in Python on the same rows (`baselines/results.md` beside the data).

use std::path::{Path, PathBuf};

use super::*;
use crate::config::{Config, SplitKind};
use crate::learners::FitControl;
use crate::pipeline::data_transformation;
use crate::pipeline::model_trainer::{self, testing::Recording};
use crate::schema::Schema;
use crate::workspace::Workspace;

/// Measured test figures of a run over the first five stages but validation.
struct Measured {
    learners: Vec<LearnerTest>,
    verdict: GateVerdict,
}

impl Measured {
    fn of(&self, learner: &str) -> &TestMetrics {
        &self
            .learners
            .iter()
            .find(|l| l.learner == learner)
            .unwrap()
            .test
    }
}

fn shared(test: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("NETSEC_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    if shared.join("data").is_dir() {
        Some(shared)
    } else {
        println!("skipped: needs ../shared ({test})");
        None
    }
}

fn run(root: &Path, config: &Config, schema: &Schema) -> Measured {
    let workspace = Workspace::new(root);
    let run_dir = workspace.run_dir(&"20261122-1230-7f3a".parse().unwrap());
    let recording = Recording::default();
    let control = FitControl::new();
    let work = |stage: StageName| {
        let dir = run_dir.join(stage.as_str());
        std::fs::create_dir_all(&dir).unwrap();
        dir
    };
    let ctx = |work_dir| StageContext {
        workspace: &workspace,
        config,
        schema,
        run_dir: &run_dir,
        work_dir,
        recorder: &recording,
        control: &control,
        cores: 2,
    };
    let dir = work(StageName::DataIngestion);
    let ingestion = data_ingestion::run(&ctx(&dir)).unwrap().artifact;
    let dir = work(StageName::DataTransformation);
    let transformation = data_transformation::run(&ctx(&dir), &ingestion)
        .unwrap()
        .artifact;
    files::write_json(&dir.join("artifact.json"), &transformation).unwrap();
    let dir = work(StageName::ModelTrainer);
    let trainer = model_trainer::run(&ctx(&dir), &ingestion, &transformation)
        .unwrap()
        .artifact;
    let dir = work(StageName::ModelEvaluation);
    let evaluation = super::run(&ctx(&dir), &ingestion, &trainer, None)
        .unwrap()
        .artifact;
    let learners = recording
        .events()
        .into_iter()
        .filter_map(|e| match e {
            Event::TestMeasured(t) => Some(t),
            _ => None,
        })
        .collect();
    Measured {
        learners,
        verdict: evaluation.verdict,
    }
}

fn near(what: &str, ours: f64, python: f64, most: f64) {
    println!("{what}: {ours:.4}, Python {python:.4}");
    assert!(
        (ours - python).abs() <= most,
        "{what}: {ours}, Python {python}"
    );
}

#[test]
fn phishing_on_the_rows_of_the_python_figures() {
    let Some(shared) = shared("phishing_on_the_rows_of_the_python_figures") else {
        return;
    };
    let mut config = Config::default();
    config.source.path = shared.join("data/phishing_uci/phisingData.csv");
    config.split.kind = SplitKind::Indices;
    config.split.indices = Some(shared.join("baselines/phishing_split.json"));
    let dir = tempfile::tempdir().unwrap();
    let measured = run(dir.path(), &config, &schema::preset("phishing").unwrap());
    assert_eq!(measured.verdict, GateVerdict::Accept);
    assert_eq!(measured.learners.len(), 5);
    let linear = measured.of("logistic_regression");
    near(
        "logistic regression, accuracy",
        linear.accuracy,
        0.9281,
        0.003,
    );
    near(
        "logistic regression, ROC-AUC",
        linear.roc_auc.unwrap(),
        0.9785,
        0.003,
    );
    let tree = measured.of("decision_tree");
    near("tree, accuracy", tree.accuracy, 0.9697, 0.01);
    let forest = measured.of("random_forest");
    near("forest, accuracy", forest.accuracy, 0.9756, 0.01);
    if cfg!(feature = "xgboost") {
        let xgboost = measured.of("xgboost");
        near("XGBoost, accuracy", xgboost.accuracy, 0.9760, 0.004);
        near("XGBoost, ROC-AUC", xgboost.roc_auc.unwrap(), 0.9967, 0.002);
        near("XGBoost, F1", xgboost.f1.unwrap(), 0.9727, 0.004);
    }
}

/// Minutes of training: runs with `NETSEC_SLOW_TESTS=1` alone. The learners' own oracle tests
/// hold the same figures at every run.
#[test]
fn nsl_kdd_binary_on_the_official_split() {
    if std::env::var_os("NETSEC_SLOW_TESTS").is_none() {
        println!("skipped: needs NETSEC_SLOW_TESTS=1 (nsl_kdd_binary_on_the_official_split)");
        return;
    }
    let Some(shared) = shared("nsl_kdd_binary_on_the_official_split") else {
        return;
    };
    let mut config = Config::default();
    config.source.path = shared.join("data/nsl_kdd/KDDTrain+.txt.zst");
    config.source.test_path = Some(shared.join("data/nsl_kdd/KDDTest+.txt.zst"));
    config.split.kind = SplitKind::TestFile;
    let dir = tempfile::tempdir().unwrap();
    let measured = run(dir.path(), &config, &schema::preset("nsl-kdd").unwrap());
    if cfg!(feature = "xgboost") {
        // 0.7879 in the shared figures is XGBoost 3.2.0's; 0.8018 is that of the version we link
        // (see the learners' own oracle tests).
        let xgboost = measured.of("xgboost");
        near("XGBoost, accuracy", xgboost.accuracy, 0.8018, 0.004);
        near("XGBoost, ROC-AUC", xgboost.roc_auc.unwrap(), 0.9613, 0.002);
    }
    for l in &measured.learners {
        println!(
            "{}: accuracy {:.4}, ROC-AUC {:?}",
            l.learner, l.test.accuracy, l.test.roc_auc
        );
    }
}
