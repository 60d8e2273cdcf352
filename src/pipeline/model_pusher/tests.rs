//! Plans, decisions, pushes and rollbacks on real files, with crashes between the steps.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{Duration, Utc};
use serde_json::json;

use super::plan::PushPlan;
use super::*;
use crate::approval::{Decision, Journal};
use crate::config::{Config, TransformationConfig};
use crate::dataset::{Frame, TrainFrame};
use crate::error::ErrorKind;
use crate::events::Actor;
use crate::hash;
use crate::learners::{LearnerId, Model, ModelBody};
use crate::pipeline::data_transformation::{Preprocessor, TransformationPlan};
use crate::runs::RunId;
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::storage::{self, load_champion};
use crate::workspace::Workspace;

pub(super) fn actor(name: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        from: "here".to_owned(),
    }
}

fn schema() -> Schema {
    let label = ColumnSpec {
        role: Role::Label,
        ..ColumnSpec::feature("label", ColumnKind::Category)
    };
    Schema {
        name: "test".to_owned(),
        columns: vec![ColumnSpec::feature("a", ColumnKind::Real), label],
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Binary {
                negative: vec!["normal".to_owned()],
                positive: Vec::new(),
                names: ["normal".to_owned(), "attack".to_owned()],
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    }
}

/// A folder in memory where there is one: these tests make thousands of small files durable, and
/// waiting for a disk would be nearly all of their time.
pub(super) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

pub(super) struct House {
    _dir: tempfile::TempDir,
    pub(super) workspace: Workspace,
    pub(super) config: Config,
}

impl House {
    pub(super) fn new() -> Self {
        let dir = scratch();
        let workspace = Workspace::new(dir.path());
        Self {
            _dir: dir,
            workspace,
            config: Config::default(),
        }
    }

    /// A finished run whose model says `share` for the threat class, with its plan.
    pub(super) fn run(&self, number: u16, share: f64) -> PushPlan {
        let run_id = RunId::new(Utc::now(), number);
        let run = self.workspace.run_dir(&run_id);
        let dir = |name: &str| {
            let dir = run.join(name);
            fs::create_dir_all(&dir).unwrap();
            dir
        };
        let schema = schema();
        let train =
            Frame::from_columns(vec![Frame::number_column("a", vec![Some(1.0), Some(2.0)])]);
        let plan = TransformationPlan::new(&schema, &TransformationConfig::default());
        let preprocessor = Preprocessor::fit(&TrainFrame(train.unwrap()), &plan).unwrap();
        preprocessor
            .save(&dir("data_transformation").join("preprocessor.json"))
            .unwrap();
        let model = Model {
            learner: LearnerId::DecisionTree,
            classes: vec!["normal".to_owned(), "attack".to_owned()],
            features: vec!["a".to_owned()],
            body: ModelBody::Prior(vec![1.0 - share, share]),
        };
        model
            .save(&dir("model_trainer").join("decision_tree.json"))
            .unwrap();
        let pusher = dir("model_pusher");
        fs::write(
            pusher.join("schema.json"),
            serde_json::to_vec(&schema).unwrap(),
        )
        .unwrap();
        let started = json!({
            "v": 1, "seq": 1, "at": Utc::now(), "kind": "run_started", "run_id": run_id,
            "by": {"name": "mara", "from": "here"}, "config_sha256": "", "program": "", "pid": 1,
        });
        fs::write(run.join("events.jsonl"), format!("{started}\n")).unwrap();
        let sha = |path: &str| hash::sha256_file(&run.join(path)).unwrap();
        let champion = load_champion(&self.workspace).unwrap().map(|c| c.version);
        let seen = super::look::look(&self.workspace, &self.config.storage);
        let next = storage::versions(&self.workspace).unwrap().len() as u64;
        let next = next.max(seen.highest_version) + 1;
        let mut plan = PushPlan {
            plan_id: String::new(),
            run_id: run_id.clone(),
            version: format!("v{next}"),
            model_sha256: sha("model_trainer/decision_tree.json"),
            preprocessor_sha256: sha("data_transformation/preprocessor.json"),
            schema_sha256: sha("model_pusher/schema.json"),
            data_digest: "digest".to_owned(),
            champion_before: champion,
            selected: LearnerId::DecisionTree,
            threshold: Some(0.5),
            classes: vec!["normal".to_owned(), "attack".to_owned()],
            targets: super::look::targets(&self.config.storage),
            published: Some(seen.published),
            steps: Vec::new(),
            evidence: PlanEvidence::default(),
            created_at: Utc::now(),
            expires_at: Utc::now() + Duration::hours(1),
        };
        plan.plan_id = plan.expected_id();
        fs::write(pusher.join("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
        plan
    }

    pub(super) fn approve(&self, plan: &PushPlan, name: &str) -> Result<Receipt, CommandError> {
        approve(
            &self.workspace,
            &self.config,
            &plan.plan_id,
            actor(name),
            "because",
        )
    }

    pub(super) fn rollback(&self, version: Option<&str>) -> Result<Receipt, CommandError> {
        rollback(
            &self.workspace,
            &self.config,
            version,
            actor("mara"),
            "because",
        )
    }

    pub(super) fn champion(&self) -> Option<String> {
        load_champion(&self.workspace).unwrap().map(|c| c.version)
    }

    pub(super) fn decisions(&self) -> Vec<Decision> {
        Journal::read(&self.workspace)
            .unwrap()
            .iter()
            .map(|r| r.decision)
            .collect()
    }
}

#[test]
fn an_approved_plan_is_in_production_with_its_receipts() {
    let house = House::new();
    let plan = house.run(1, 0.3);
    assert_eq!(pending(&house.workspace, &house.config).unwrap().len(), 1);
    let receipt = house.approve(&plan, "mara").unwrap();
    assert!(receipt.pushed);
    assert_eq!(house.champion().as_deref(), Some("v1"));
    assert_eq!(
        house.decisions(),
        [Decision::Approve, Decision::Push, Decision::Pushed]
    );
    assert!(pending(&house.workspace, &house.config).unwrap().is_empty());
    let again = house.approve(&plan, "jon").unwrap_err();
    assert_eq!(again.kind, ErrorKind::Refused);
    // Who watches the run sees the decision in its log.
    let log = house
        .workspace
        .run_dir(&plan.run_id)
        .join(crate::runs::EVENTS_FILE);
    let lines = crate::events::LogReader::open(&log).read_all().unwrap();
    let state = crate::events::RunState::replay(lines.iter().filter_map(|l| l.event()));
    let (decision, by, _) = state.decision.unwrap();
    assert_eq!((decision.as_str(), by.name.as_str()), ("approve", "mara"));
    assert!(
        state
            .push_steps
            .iter()
            .any(|s| s.contains("final_model/ is v1"))
    );
}

#[test]
fn a_changed_champion_makes_the_plan_stale() {
    let house = House::new();
    let first = house.run(1, 0.3);
    let second = house.run(2, 0.4);
    house.approve(&first, "mara").unwrap();
    let e = house.approve(&second, "mara").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Refused);
    assert!(e.message.contains("champion has changed"), "{e}");
    assert_eq!(house.champion().as_deref(), Some("v1"));
}

#[test]
fn an_altered_model_or_plan_is_refused() {
    let house = House::new();
    let plan = house.run(1, 0.3);
    let model = house
        .workspace
        .run_dir(&plan.run_id)
        .join("model_trainer")
        .join("decision_tree.json");
    let whole = fs::read_to_string(&model).unwrap();
    fs::write(&model, whole.replace("0.3", "0.9")).unwrap();
    assert_eq!(
        house.approve(&plan, "mara").unwrap_err().kind,
        ErrorKind::Refused
    );
    fs::write(&model, whole).unwrap();
    let path = house
        .workspace
        .run_dir(&plan.run_id)
        .join("model_pusher")
        .join("plan.json");
    let mut forged = plan.clone();
    forged.data_digest = "another".to_owned();
    fs::write(&path, serde_json::to_vec(&forged).unwrap()).unwrap();
    assert_eq!(
        house.approve(&plan, "mara").unwrap_err().kind,
        ErrorKind::Refused
    );
    assert!(house.decisions().is_empty());
    assert_eq!(house.champion(), None);
}

#[test]
fn two_approvals_need_two_people() {
    let mut house = House::new();
    house.config.approval.approvals = 2;
    let plan = house.run(1, 0.3);
    assert!(!house.approve(&plan, "mara").unwrap().pushed);
    assert_eq!(
        house.approve(&plan, "mara").unwrap_err().kind,
        ErrorKind::Refused
    );
    assert_eq!(house.champion(), None);
    assert!(house.approve(&plan, "jon").unwrap().pushed);
    assert_eq!(house.champion().as_deref(), Some("v1"));
    let manifest = load_champion(&house.workspace).unwrap().unwrap().manifest;
    assert_eq!(manifest.approvals.len(), 2);
}

#[test]
fn the_starter_may_not_approve_where_the_policy_says_so() {
    let mut house = House::new();
    house.config.approval.self_approval = false;
    let plan = house.run(1, 0.3);
    assert!(
        house
            .approve(&plan, "mara")
            .unwrap_err()
            .message
            .contains("self_approval")
    );
    assert!(house.approve(&plan, "jon").unwrap().pushed);
}

#[test]
fn a_refused_plan_stays_refused() {
    let house = House::new();
    let plan = house.run(1, 0.3);
    let (workspace, config) = (&house.workspace, &house.config);
    let e = reject(workspace, config, &plan.plan_id, actor("mara"), "  ").unwrap_err();
    assert_eq!(e.kind, ErrorKind::Usage);
    reject(
        workspace,
        config,
        &plan.plan_id,
        actor("mara"),
        "drift unexplained",
    )
    .unwrap();
    let e = house.approve(&plan, "jon").unwrap_err();
    assert!(e.message.contains("drift unexplained"), "{e}");
}

#[test]
fn rolls_back_and_forth() {
    let house = House::new();
    for number in 1..=3 {
        let plan = house.run(number, 0.1 * f64::from(number));
        house.approve(&plan, "mara").unwrap();
    }
    house.rollback(None).unwrap();
    assert_eq!(house.champion().as_deref(), Some("v2"));
    house.rollback(None).unwrap();
    assert_eq!(house.champion().as_deref(), Some("v1"));
    assert_eq!(house.rollback(None).unwrap_err().kind, ErrorKind::NotFound);
    house.rollback(Some("v3")).unwrap();
    assert_eq!(house.champion().as_deref(), Some("v3"));
    assert_eq!(
        house.rollback(Some("v3")).unwrap_err().kind,
        ErrorKind::Refused
    );
    assert_eq!(
        house.rollback(Some("v9")).unwrap_err().kind,
        ErrorKind::NotFound
    );
}

#[test]
fn a_damaged_final_model_is_mended_by_its_own_version() {
    let house = House::new();
    house.approve(&house.run(1, 0.3), "mara").unwrap();
    fs::write(house.workspace.final_model().join("model.json"), "{}").unwrap();
    assert!(load_champion(&house.workspace).is_err());
    house.rollback(Some("v1")).unwrap();
    assert_eq!(house.champion().as_deref(), Some("v1"));
}

/// The journal is cut after each record in turn, and the folders put back as they were at each
/// step: whatever a crash leaves, the next decision finishes the push.
#[test]
fn a_push_that_died_between_any_two_steps_is_finished() {
    for keep_version in [false, true] {
        for put_in_place in [false, true] {
            let house = House::new();
            let plan = house.run(1, 0.3);
            house.approve(&plan, "mara").unwrap();
            let text = fs::read_to_string(house.workspace.journal()).unwrap();
            let ordered: String = text.split_inclusive('\n').take(2).collect();
            fs::write(house.workspace.journal(), ordered).unwrap();
            if !keep_version {
                fs::remove_dir_all(house.workspace.versions()).unwrap();
            }
            if !put_in_place {
                fs::remove_dir_all(house.workspace.final_model()).unwrap();
            }
            let receipt = house.approve(&plan, "mara").unwrap();
            assert!(receipt.pushed);
            assert_eq!(house.champion().as_deref(), Some("v1"));
            assert_eq!(
                house.decisions(),
                [Decision::Approve, Decision::Push, Decision::Pushed]
            );
        }
    }
}

#[test]
fn of_two_approvers_at_once_exactly_one_pushes() {
    let house = House::new();
    let plan = house.run(1, 0.3);
    let results: Vec<_> = std::thread::scope(|scope| {
        let one = scope.spawn(|| house.approve(&plan, "mara"));
        let two = scope.spawn(|| house.approve(&plan, "jon"));
        [one, two].map(|t| t.join().unwrap()).into_iter().collect()
    });
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
    assert_eq!(
        house.decisions(),
        [Decision::Approve, Decision::Push, Decision::Pushed]
    );
}

#[test]
fn a_reader_never_sees_a_mixed_pair() {
    let house = House::new();
    let shares = [0.25, 0.75];
    for (number, share) in [(1, shares[0]), (2, shares[1])] {
        house.approve(&house.run(number, share), "mara").unwrap();
    }
    let done = AtomicBool::new(false);
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut read = 0;
            while !done.load(Ordering::Relaxed) {
                let champion = load_champion(&house.workspace)
                    .unwrap()
                    .expect("never away");
                let expected = if champion.version == "v1" {
                    shares[0]
                } else {
                    shares[1]
                };
                assert!(matches!(&champion.model.body, ModelBody::Prior(p) if p[1] == expected));
                read += 1;
            }
            read
        });
        for round in 0..40 {
            house
                .rollback(Some(if round % 2 == 0 { "v1" } else { "v2" }))
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(read > 0);
}
