//! A small run with two learners, its folder included.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::approval::{Decision, Evidence, Journal, Subject};
use crate::events::testing::bytes_of;
use crate::events::{
    Actor, ArtifactRef, CheckVerdict, Envelope, Event, FitPhase, GateVerdict, LearnerTest, Outcome,
    RuleResult, Split, StageName, Summary,
};
use crate::hash;
use crate::metrics::TestMetrics;
use crate::runs::{EVENTS_FILE, RunId};
use crate::tracking::fact::WantedModel;
use crate::workspace::Workspace;

/// A workspace with runs.
pub(crate) struct Sample {
    pub dir: tempfile::TempDir,
}

/// Writes two files instead of a model.
pub(crate) fn fake_model(
    _: &Path,
    wanted: &WantedModel,
    out: &Path,
) -> Result<Vec<String>, String> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(out)?;
        fs::write(out.join("MLmodel"), &wanted.key)?;
        fs::write(out.join("model.onnx"), &wanted.model_sha256)
    };
    write().map_err(|e| e.to_string())?;
    Ok(vec!["MLmodel".to_owned(), "model.onnx".to_owned()])
}

pub(crate) fn actor() -> Actor {
    Actor {
        name: "ada".into(),
        from: "here".into(),
    }
}

/// Appends a decision on a run to the journal.
pub(crate) fn decision(workspace: &Workspace, run: &RunId, decision: Decision) {
    let subject = Subject {
        run_id: run.to_string(),
        version: "v1".into(),
        ..Subject::default()
    };
    Journal::open(workspace)
        .unwrap()
        .append(decision, actor(), "because", subject, Evidence::default())
        .unwrap();
}

fn metrics(f1: f64) -> TestMetrics {
    TestMetrics {
        n: 40,
        accuracy: 0.9,
        precision: Some(0.8),
        recall: None,
        f1: Some(f1),
        macro_f1: f1,
        weighted_f1: f1,
        roc_auc: Some(0.95),
        pr_auc: None,
        log_loss: Some(0.3),
        brier: Some(0.1),
        confusion: vec![vec![20, 2], vec![2, 16]],
        classes: vec!["normal".into(), "attack".into()],
        per_class: Vec::new(),
        intervals: Default::default(),
    }
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(self.dir.path())
    }

    pub(crate) fn run_dir(&self, run: &RunId) -> PathBuf {
        self.workspace().run_dir(run)
    }

    /// The id of run `n`.
    pub(crate) fn run_id(n: u16) -> RunId {
        RunId::new(crate::events::testing::moment(i64::from(n) * 60), n)
    }

    /// The events of a finished run with an accepted plan.
    pub(crate) fn events(n: u16) -> Vec<Envelope> {
        let mut events: Vec<(Option<StageName>, Event)> = Vec::new();
        let file = |path: &str| ArtifactRef {
            path: path.to_owned(),
            sha256: hash::sha256(path.as_bytes()),
        };
        let finished = |files: &[&str]| Event::StageFinished {
            verdict: CheckVerdict::Ok,
            seconds: 1.5,
            summary: "done".into(),
            artifacts: files.iter().map(|f| file(f)).collect(),
        };
        let started = || Event::StageStarted {
            why: "first run".into(),
        };
        events.push((
            None,
            Event::RunStarted {
                run_id: Self::run_id(n),
                by: actor(),
                config_sha256: "c0".into(),
                program: "0.1.0".into(),
                pid: 7,
                note: Some("a note".into()),
                resumed: false,
                learners: vec!["decision_tree".into(), "xgboost".into()],
                champion: None,
            },
        ));
        let stage = Some(StageName::DataIngestion);
        events.push((stage, started()));
        events.push((
            stage,
            Event::DataIngested {
                source: "flows.csv".into(),
                rows: 202,
                kept: 200,
                quarantined: 2,
                digest: hash::sha256(b"rows"),
                train_rows: 160,
                test_rows: 40,
                features: 4,
            },
        ));
        events.push((
            stage,
            finished(&["data_ingestion/report.json", "data_ingestion/train.parquet"]),
        ));
        let stage = Some(StageName::DataTransformation);
        events.push((stage, finished(&["data_transformation/preprocessor.json"])));
        let stage = Some(StageName::ModelTrainer);
        events.push((stage, started()));
        for learner in ["decision_tree", "xgboost"] {
            let learner = learner.to_owned();
            let phase = FitPhase::Fold { fold: 1, folds: 2 };
            events.push((
                stage,
                Event::FitStarted {
                    learner: learner.clone(),
                    phase,
                    of: 30,
                },
            ));
            for step in 1..=3 {
                events.push((
                    stage,
                    Event::MetricObserved {
                        learner: learner.clone(),
                        metric: "log_loss".into(),
                        split: Split::Valid,
                        step,
                        value: Some(1.0 / f64::from(step)),
                        n: 80,
                        reason: None,
                    },
                ));
            }
            events.push((
                stage,
                Event::CurveMeasured {
                    learner: learner.clone(),
                    metric: "log_loss".into(),
                    split: Split::Valid,
                    n: 80,
                    points: (1..=30).map(|s| (s, 1.0 / f64::from(s))).collect(),
                },
            ));
            let cv = [("f1", 0.8), ("log_loss", 0.4)].map(|(name, mean)| {
                let summary = Summary {
                    mean,
                    low: mean - 0.1,
                    high: mean + 0.1,
                };
                (name.to_owned(), summary)
            });
            events.push((
                stage,
                Event::LearnerFinished {
                    learner,
                    params: json!({"depth": 3, "deep": {"er": "text"}, "list": [1, 2], "none": null}),
                    fit_seconds: 0.25,
                    cv: cv.into(),
                },
            ));
        }
        events.push((
            stage,
            Event::ModelSelected {
                learner: "xgboost".into(),
                threshold: Some(0.4),
                reason: "best".into(),
            },
        ));
        events.push((
            stage,
            finished(&["model_trainer/trainer.json", "model_trainer/xgboost.json"]),
        ));
        let stage = Some(StageName::ModelEvaluation);
        for (learner, f1) in [("decision_tree", 0.7), ("xgboost", 0.85)] {
            let test = metrics(f1);
            events.push((
                stage,
                Event::TestMeasured(LearnerTest {
                    learner: learner.into(),
                    test,
                }),
            ));
        }
        events.push((
            stage,
            Event::GateEvaluated(RuleResult {
                rule: "floor.majority".into(),
                observed: Some(0.2),
                limit: Some(0.0),
                verdict: GateVerdict::Accept,
                reason: "more than nothing".into(),
            }),
        ));
        let verdict = GateVerdict::Accept;
        events.push((
            stage,
            Event::GateDecided {
                verdict,
                reason: "all pass".into(),
            },
        ));
        events.push((stage, finished(&["model_evaluation/evaluation.json"])));
        let stage = Some(StageName::ModelPusher);
        let (plan_id, version) = (format!("plan{n}"), format!("v{n}"));
        events.push((stage, Event::ApprovalRequested { plan_id, version }));
        events.push((stage, finished(&["model_pusher/plan.json"])));
        events.push((
            None,
            Event::RunFinished {
                outcome: Outcome::Finished,
                error: None,
            },
        ));
        crate::events::testing::numbered(events)
    }

    /// Writes a run's folder with the first `lines` events of its log.
    pub(crate) fn write(&self, n: u16, lines: usize) -> RunId {
        let run = Self::run_id(n);
        let dir = self.run_dir(&run);
        for path in [
            "data_ingestion/report.json",
            "model_trainer/trainer.json",
            "model_evaluation/evaluation.json",
            "model_pusher/plan.json",
        ] {
            let file = dir.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            // The bytes whose hash the events hold.
            fs::write(file, path).unwrap();
        }
        fs::write(
            dir.join("config.toml"),
            "[training]\nseed = 7\n[gate]\nmax_loss = 0.01\n[approval]\napprovals = 1\n",
        )
        .unwrap();
        let events = Self::events(n);
        let lines = lines.min(events.len());
        fs::write(dir.join(EVENTS_FILE), bytes_of(&events[..lines])).unwrap();
        run
    }
}
