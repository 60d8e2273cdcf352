//! What the console's tests share: a realistic run, event by event, and models that stand in it.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::capabilities::Capabilities;
use super::comparison::{Other, Pair};
use super::desk::{Desk, LeaseRow, QueueRow};
use super::glyphs::Glyphs;
use super::jobs::Done;
use super::keymap::Keymap;
use super::message::Message;
use super::model::{ChampionLine, Health, Model, PlanProblem, PlanRow, RunRow, Session};
use super::screens;
use super::theme::Colours;
use super::update::{begin, update};
use crate::config::Config;
use crate::dataset::Labels;
use crate::events::{
    Actor, CheckVerdict, DriftFigure, DriftVerdict, Envelope, Event, FitPhase, GateVerdict,
    LearnerTest, Outcome, ReadLine, RuleResult, Split, StageName, Summary,
};
use crate::metrics::{
    Metric, Resampling, TestMetrics, agreement, most_probable, paired_differences,
};
use crate::pipeline::model_evaluation::{
    CompareDocument, Disagreement, Setting, Side, Slice, SliceReport, curves,
};
use crate::presence::{LastSeen, SeenRun};
use crate::runs::RunId;
use crate::tracking::status::Status;

/// 22 November 2026, 12:30:04 UTC.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_350_604, 0).unwrap()
}

pub fn run_id() -> RunId {
    "20261122-1230-7f3a".parse().unwrap()
}

fn mara() -> Actor {
    Actor {
        name: "mara".into(),
        from: "10.2.0.14".into(),
    }
}

/// Writes envelopes with times that move on.
pub struct Script {
    at: DateTime<Utc>,
    pub events: Vec<Envelope>,
}

impl Script {
    fn say(&mut self, after_ms: i64, stage: Option<StageName>, event: Event) {
        self.at += TimeDelta::milliseconds(after_ms);
        let seq = self.events.len() as u64 + 1;
        self.events.push(Envelope {
            v: 1,
            seq,
            at: self.at,
            stage,
            event,
        });
    }
    fn finish(&mut self, stage: StageName, verdict: CheckVerdict, seconds: f64, summary: &str) {
        let event = Event::StageFinished {
            verdict,
            seconds,
            summary: summary.into(),
            artifacts: vec![],
        };
        self.say((seconds * 1000.0) as i64, Some(stage), event);
    }
    fn begin(&mut self, stage: StageName, why: &str) {
        self.say(5, Some(stage), Event::StageStarted { why: why.into() });
    }
}

pub const LEARNERS: [&str; 5] = [
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "adaboost",
    "xgboost",
];

/// Loss after a round.
fn loss(round: u32) -> f64 {
    0.69 * (-f64::from(round) / 18.0).exp() + 0.06
}

/// A whole run, up to and with the request for approval.
pub fn whole_run() -> Vec<Envelope> {
    use StageName::*;
    let mut s = Script {
        at: start(),
        events: vec![],
    };
    s.say(
        0,
        None,
        Event::RunStarted {
            run_id: run_id(),
            by: mara(),
            config_sha256: "77aa".repeat(16),
            program: "0.1.0".into(),
            pid: 48213,
            note: Some("weekly retrain".into()),
            resumed: false,
            learners: LEARNERS.map(str::to_owned).to_vec(),
            champion: Some("v1".into()),
        },
    );
    s.begin(DataIngestion, "new data");
    s.say(
        400,
        Some(DataIngestion),
        Event::RowsRead {
            rows: 700_000,
            of: Some(1_412_220),
        },
    );
    s.say(
        400,
        Some(DataIngestion),
        Event::DataIngested {
            source: "flows.csv".into(),
            rows: 1_412_220,
            kept: 1_412_180,
            quarantined: 40,
            digest: "41be".repeat(16),
            train_rows: 1_129_744,
            test_rows: 282_436,
            features: 41,
        },
    );
    s.finish(
        DataIngestion,
        CheckVerdict::Ok,
        41.2,
        "1,412,180 rows kept, 40 in quarantine",
    );
    s.begin(DataValidation, "the snapshot is new");
    for (i, column) in [
        "dst_host_srv_count",
        "src_bytes",
        "service",
        "count",
        "duration",
    ]
    .iter()
    .enumerate()
    {
        let psi = 0.23 - 0.05 * i as f64;
        let verdict = if psi >= 0.2 {
            DriftVerdict::Drift
        } else {
            DriftVerdict::Stable
        };
        s.say(
            100,
            Some(DataValidation),
            Event::DriftMeasured {
                column: (*column).into(),
                psi: Some(psi),
                ks: Some(psi / 2.0),
                n_reference: 1_260_000,
                n_current: 1_412_180,
                verdict,
                decided_by: Some(DriftFigure {
                    name: ["PSI", "decile PSI"][i % 2].into(),
                    value: psi,
                }),
            },
        );
    }
    s.say(
        10,
        Some(DataValidation),
        Event::CheckFinished {
            check: "range".into(),
            column: Some("dst_bytes".into()),
            observed: "4 rows".into(),
            limit: "0 rows".into(),
            verdict: CheckVerdict::Masked,
        },
    );
    s.finish(
        DataValidation,
        CheckVerdict::Warn,
        58.0,
        "1 feature drifted, 1 range breach",
    );
    s.begin(DataTransformation, "validation changed");
    s.finish(
        DataTransformation,
        CheckVerdict::Ok,
        7.3,
        "41 -> 118 columns, fitted on train only",
    );
    s.begin(ModelTrainer, "features changed");
    s.say(
        20,
        Some(ModelTrainer),
        Event::Warning {
            code: "rare_class".into(),
            text: "class u2r has 52 training rows; its recall will be noisy".into(),
        },
    );
    for (i, learner) in LEARNERS.iter().enumerate() {
        train(&mut s, learner, i);
    }
    s.say(
        30,
        Some(ModelTrainer),
        Event::ModelSelected {
            learner: "xgboost".into(),
            threshold: Some(0.412),
            reason: "highest cross-validated F1".into(),
        },
    );
    s.finish(
        ModelTrainer,
        CheckVerdict::Ok,
        201.0,
        "5 learners, xgboost selected (CV F1 0.9588)",
    );
    s.begin(ModelEvaluation, "the model is new");
    for (i, learner) in LEARNERS.iter().enumerate() {
        s.say(
            300,
            Some(ModelEvaluation),
            Event::TestMeasured(LearnerTest {
                learner: (*learner).into(),
                test: test_metrics(0.90 + 0.014 * i as f64),
            }),
        );
    }
    for rule in rules() {
        s.say(5, Some(ModelEvaluation), Event::GateEvaluated(rule));
    }
    s.say(
        5,
        Some(ModelEvaluation),
        Event::GateDecided {
            verdict: GateVerdict::Accept,
            reason: "every rule passes".into(),
        },
    );
    s.finish(
        ModelEvaluation,
        CheckVerdict::Ok,
        4.1,
        "xgboost F1 0.9560 on 282,436 test rows",
    );
    s.begin(ModelPusher, "the gate accepts");
    s.say(
        5,
        Some(ModelPusher),
        Event::ApprovalRequested {
            plan_id: "8d7f19a2c4e1".into(),
            version: "v2".into(),
        },
    );
    s.finish(
        ModelPusher,
        CheckVerdict::Ok,
        0.2,
        "v2 planned, waits for approval",
    );
    s.say(
        10,
        None,
        Event::RunFinished {
            outcome: Outcome::Finished,
            error: None,
        },
    );
    s.events
}

fn train(s: &mut Script, learner: &str, i: usize) {
    let stage = Some(StageName::ModelTrainer);
    let name = || learner.to_owned();
    let folds = 5;
    for fold in 1..=folds + 1 {
        let phase = if fold > folds {
            FitPhase::Final
        } else {
            FitPhase::Fold { fold, folds }
        };
        s.say(
            50,
            stage,
            Event::FitStarted {
                learner: name(),
                phase,
                of: 100,
            },
        );
        for round in (4..=100).step_by(4) {
            s.say(
                60,
                stage,
                Event::TrainingProgress {
                    learner: name(),
                    phase,
                    round,
                    of: 100,
                },
            );
            for (metric, split, value) in [
                ("log_loss", Split::Train, loss(round)),
                (
                    "log_loss",
                    Split::Valid,
                    loss(round) + 0.0004 * f64::from(round),
                ),
                ("f1", Split::Valid, 0.97 - 0.3 * loss(round)),
            ] {
                s.say(
                    0,
                    stage,
                    Event::MetricObserved {
                        learner: name(),
                        metric: metric.into(),
                        split,
                        step: round,
                        value: Some(value),
                        n: 225_948,
                        reason: None,
                    },
                );
            }
        }
        s.say(
            10,
            stage,
            Event::Heartbeat {
                rss: 812_000_000,
                cpu: 1.94,
            },
        );
    }
    let mean = 0.9028 + 0.014 * i as f64;
    let summary = |mean: f64| Summary {
        mean,
        low: mean - 0.0038,
        high: mean + 0.0041,
    };
    s.say(
        20,
        stage,
        Event::LearnerFinished {
            learner: name(),
            params: serde_json::json!({"rounds": 100}),
            fit_seconds: 1.4 * (i as f64 + 1.0),
            cv: BTreeMap::from([
                ("f1".to_owned(), summary(mean)),
                ("roc_auc".to_owned(), summary(mean + 0.02)),
            ]),
        },
    );
}

fn test_metrics(f1: f64) -> TestMetrics {
    TestMetrics {
        n: 282_436,
        accuracy: f1 + 0.01,
        precision: Some(f1 + 0.002),
        recall: Some(f1 - 0.002),
        f1: Some(f1),
        macro_f1: f1,
        weighted_f1: f1,
        roc_auc: Some(f1 + 0.03),
        pr_auc: Some(f1 + 0.01),
        log_loss: Some(0.1),
        brier: Some(0.03),
        confusion: vec![vec![150_000, 1_000], vec![2_000, 129_436]],
        classes: vec!["normal".into(), "attack".into()],
        per_class: vec![],
        intervals: BTreeMap::new(),
    }
}

pub fn rules() -> Vec<RuleResult> {
    let rule = |rule: &str, observed, limit, reason: &str| RuleResult {
        rule: rule.into(),
        observed: Some(observed),
        limit: Some(limit),
        verdict: GateVerdict::Accept,
        reason: reason.into(),
    };
    vec![
        rule(
            "floor.f1",
            0.956,
            0.69,
            "F1 0.9560 is above the floor 0.6900",
        ),
        rule(
            "champion.f1",
            0.0069,
            0.0,
            "F1 +0.0069 [+0.0031, +0.0107], better than v1",
        ),
        rule(
            "champion.recall",
            0.0413,
            -0.01,
            "recall +0.0413 [+0.0222, +0.0604], better",
        ),
    ]
}

pub fn plan() -> PlanRow {
    PlanRow {
        plan_id: "8d7f19a2c4e1".into(),
        run_id: run_id(),
        version: "v2".into(),
        selected: "xgboost".into(),
        model_sha256: "c41f9a02".repeat(8),
        preprocessor_sha256: "0b77d3e1".repeat(8),
        data_digest: "41be".repeat(16),
        champion_before: Some("v1".into()),
        steps: vec![
            "check that v1 is still the champion and the files still have their hashes".into(),
            "copy model, preprocessor and schema to Artifacts/versions/v2/".into(),
            "swap final_model/ to v2 by one rename".into(),
        ],
        created_at: start() + TimeDelta::minutes(6),
        expires_at: start() + TimeDelta::days(7),
        f1: Some(0.956),
        gate: rules(),
        drifted: Some(1),
        problems: vec![
            PlanProblem {
                id: "drift.src_bytes".into(),
                observed: "PSI 0.2110".into(),
                acknowledged: Some(("jon".into(), "backup jobs moved to the night".into())),
            },
            PlanProblem {
                id: "ranges.dst_bytes".into(),
                observed: "4 rows".into(),
                acknowledged: None,
            },
        ],
        worse_slice: None,
        approvals: 0,
        needed: 1,
    }
}

pub fn rows() -> Vec<RunRow> {
    let row = |id: &str, outcome, selected: Option<&str>, f1, by: &str, note: Option<&str>| {
        let id: RunId = id.parse().unwrap();
        let at = chrono::NaiveDateTime::parse_from_str(
            &format!("{}00", &id.as_str()[..13]),
            "%Y%m%d-%H%M%S",
        );
        RunRow {
            started_at: at.ok().map(|t| t.and_utc()),
            id,
            outcome,
            selected: selected.map(str::to_owned),
            f1,
            by: by.into(),
            note: note.map(str::to_owned),
            seq: 40,
            drift: Default::default(),
        }
    };
    use Outcome::*;
    vec![
        row(
            "20261122-1230-7f3a",
            Running,
            None,
            None,
            "mara",
            Some("weekly retrain"),
        ),
        row("20261120-0905-5e11", Failed, None, None, "timer", None),
        row(
            "20261118-0905-4d9c",
            Finished,
            Some("random_forest"),
            Some(0.9491),
            "demo",
            Some("first champion"),
        ),
        row("20261117-0905-4a02", Cancelled, None, None, "jon", None),
    ]
}

pub fn health() -> Health {
    Health {
        champion: ChampionLine::Version("v1".into(), "20261118-0905-4d9c".parse().unwrap()),
        disk_free: Some(41_000_000_000),
        config: None,
        settings: Some(Box::new(settings())),
        cores: 2,
        tracking: Status::default(),
        concept: None,
    }
}

/// What `config.toml` says.
pub fn settings() -> Config {
    let mut config = Config::default();
    config.source.path = "flows.csv".into();
    config.schema.label = Some("label".into());
    config
}

/// A start without anything changed.
pub fn plain_start() -> super::jobs::Job {
    super::jobs::Job::Start {
        note: None,
        set: vec![],
        queue: false,
    }
}

/// Two runs that wait behind the one at work.
pub fn desk() -> Desk {
    let row = |id: &str, by: &str, minutes, settings: &[&str], note: Option<&str>| QueueRow {
        id: id.into(),
        created_at: start() + TimeDelta::minutes(minutes),
        by: by.into(),
        note: note.map(str::to_owned),
        settings: settings.iter().map(|s| (*s).to_owned()).collect(),
        held: None,
    };
    Desk {
        queue: vec![
            row("q-1c77", "jon", 2, &["training.folds 10 (config 3)"], None),
            row("q-b04e", "mara", 4, &[], Some("after the feed is back")),
        ],
        stuck: false,
        leases: vec![],
        decisions: Some(vec![]),
    }
}

/// Jon has run 7f3a in hand.
pub fn jons_lease() -> LeaseRow {
    LeaseRow {
        run: run_id(),
        by: Actor {
            name: "jon".into(),
            from: "10.2.0.9".into(),
        },
        since: start() + TimeDelta::minutes(7),
        taken_from: None,
        mine: false,
    }
}

/// Comes back after three days: two runs ended, one began, a plan was decided, a column drifts.
pub fn come_back(model: &mut Model) {
    let mut all = model.run_rows().to_vec();
    all[0].drift = vec![("dst_host_srv_count".to_owned(), 0.23)].into();
    let mut before = LastSeen {
        v: 1,
        at: Some(start() - TimeDelta::days(3)),
        ..LastSeen::default()
    };
    let old = SeenRun {
        seq: 1,
        outcome: Outcome::Running,
    };
    before.runs.insert(all[2].id.clone(), old);
    before.runs.insert(all[3].id.clone(), old);
    before.drift.insert("dst_host_srv_count".into(), 0.08);
    let mut desk = desk();
    desk.queue.clear();
    desk.decisions = Some(vec![(7, "v0 rejected by jon".into())]);
    job_done(model, Done::Runs(all));
    job_done(model, Done::Desk(desk));
    job_done(model, Done::LastSeen(Box::new(before)));
}

pub fn capabilities() -> Capabilities {
    Capabilities {
        colours: Colours::Sixteen,
        theme: crate::config::UiTheme::Terminal,
        glyphs: Glyphs::Braille,
        tmux: false,
    }
}

/// Run 7f3a against the champion.
pub fn pair() -> Pair {
    Pair {
        first: run_id(),
        other: Other::Champion,
    }
}

/// One slice worse beyond chance, one better, one of neither kind.
fn slice_report() -> SliceReport {
    use crate::metrics::PairedVerdict::*;
    let slice = |name: &str, rows, difference: f64, half, verdict| Slice {
        column: "service".into(),
        name: name.into(),
        rows,
        first: 0.9 + difference,
        second: 0.9,
        difference,
        low: difference - half,
        high: difference + half,
        adjusted_p: if verdict == NotSeparable { 0.4 } else { 0.002 },
        verdict,
    };
    let slices = vec![
        slice("service = smtp", 1_911, -0.012, 0.008, Worse),
        slice(
            "duration 0.2 to below 1.5",
            2_812,
            -0.002,
            0.01,
            NotSeparable,
        ),
        slice("service = ftp_data", 640, 0.061, 0.02, Better),
    ];
    SliceReport {
        metric: Metric::F1,
        considered: 61,
        too_small: 4,
        worst: Some(slices[0].clone()),
        best: Some(slices[2].clone()),
        slices,
        caution:
            "61 slices were looked at; 4 more have too few rows. About 4 would look better or \
                  worse by chance alone; a verdict is given only where it holds over all of them \
                  (Holm, 5 %)"
                .into(),
    }
}

/// What came of it: the first is better, and worse where it hurts.
pub fn compared() -> CompareDocument {
    let classes = vec!["normal".to_owned(), "attack".to_owned()];
    let labels = Labels {
        codes: (0..400).map(|r| u32::from(r % 4 == 0)).collect(),
        classes,
    };
    let scores = |spread: f64| -> Vec<f64> {
        (0..400)
            .flat_map(|r| {
                let noise = f64::from((r * 7919) % 401) / 401.0 - 0.5;
                let middle = if r % 4 == 0 { 0.7 } else { 0.3 };
                let p = f64::clamp(middle + spread * noise, 0.01, 0.99);
                [1.0 - p, p]
            })
            .collect()
    };
    let (a, b) = (scores(0.55), scores(0.75));
    let resampling = Resampling {
        resamples: 100,
        ..Resampling::default()
    };
    let side = |name: &str, learner: &str, p: &[f64]| Side {
        name: name.to_owned(),
        learner: learner.to_owned(),
        test: TestMetrics::measure(&labels, p).unwrap(),
        curves: curves(&labels, p),
    };
    let setting = |name: &str, first: i64, second: i64| Setting {
        name: name.to_owned(),
        first: Some(first.into()),
        second: Some(second.into()),
    };
    CompareDocument {
        first: side("20261122-1230-7f3a", "xgboost", &a),
        second: side("v1", "random_forest", &b),
        rows_in_test: 410,
        rows: 400,
        seen_by_first: Some(0),
        seen_by_second: Some(10),
        rows_note: "of 410 test rows, 10 were trained on by v1; compared on the 400 that neither \
                    has seen"
            .to_owned(),
        metrics: paired_differences(&labels, &a, &b, &Metric::ALL, resampling).unwrap(),
        slices: slice_report(),
        agreement: agreement(&labels.codes, &most_probable(&a, 2), &most_probable(&b, 2)),
        disagreements: vec![Disagreement {
            row: 17,
            truth: "attack".to_owned(),
            first: "attack".to_owned(),
            first_probability: 0.61,
            second: "normal".to_owned(),
            second_probability: 0.52,
        }],
        parameters: vec![setting("training.seed", 42, 7)],
        data: vec![setting("rows", 1_412_180, 1_398_114)],
        notes: vec![],
    }
}

/// A model before anything was read.
pub fn empty(size: (u16, u16)) -> Model {
    let session = Session {
        place: "ids-demo".into(),
        who: "mara (10.2.0.14)".into(),
        view_only: None,
        has_config: true,
        offset: FixedOffset::east_opt(0).unwrap(),
    };
    let mut model = Model::new(size, capabilities(), Keymap::default(), session);
    begin(&mut model, start());
    model
}

/// Hands in what a job brought, under the number it runs with.
pub fn job_done(model: &mut Model, done: Done) {
    use super::jobs::{Job, JobKey};
    let key = match done {
        Done::Runs(_) => JobKey::Runs,
        Done::Plans(_) => JobKey::Plans,
        Done::Health(_) => JobKey::Health,
        Done::SyncStarted => JobKey::Sync,
        Done::Compared(..) => JobKey::Compare,
        Done::Findings(_) => JobKey::Findings,
        Done::Sliced(..) => JobKey::Slices,
        Done::Browsed(number, _) => model
            .browser
            .active
            .iter()
            .find(|a| a.asking.number == number)
            .map_or(JobKey::Rows, |a| a.key),
        Done::Desk(_) | Done::Drained(_) => JobKey::Desk,
        Done::Hands => JobKey::Hands,
        Done::LastSeen(_) | Done::SeenNoted => JobKey::Seen,
        _ => JobKey::Action,
    };
    // A reading job runs already or is begun here, as the loop would.
    let generation = match model.jobs.running(key) {
        Some(generation) => generation,
        None => {
            let job = match key {
                JobKey::Runs => Job::Runs,
                JobKey::Plans => Job::Plans,
                JobKey::Health => Job::Health,
                JobKey::Sync => Job::Sync,
                JobKey::Compare => Job::Compare(pair()),
                JobKey::Findings => Job::Findings(run_id()),
                JobKey::Slices => Job::Slices(crate::console::validation::Slicing {
                    run: run_id(),
                    column: String::new(),
                    stop: Default::default(),
                }),
                JobKey::Desk => Job::Desk,
                JobKey::Hands => Job::Hold(run_id()),
                JobKey::Seen => Job::LastSeen,
                _ => plain_start(),
            };
            model.jobs.submit(job, start()).map_or(0, |(g, _)| g)
        }
    };
    update(
        model,
        Message::JobDone {
            key,
            generation,
            result: Ok(done),
        },
        start(),
    );
}

/// Hands in events of the open run.
pub fn feed(model: &mut Model, events: &[Envelope], alive: bool) {
    let generation = model.open.as_ref().map_or(0, |o| o.generation);
    let lines = events
        .iter()
        .map(|e| ReadLine::Event {
            envelope: Box::new(e.clone()),
            raw: String::new(),
        })
        .collect();
    let now = events.last().map_or(start(), |e| e.at);
    update(
        model,
        Message::RunEvents {
            generation,
            lines,
            alive,
            created_at: Some(start()),
        },
        now,
    );
}

/// A model in the middle of the run's training.
pub fn training(size: (u16, u16)) -> Model {
    let mut model = empty(size);
    job_done(&mut model, Done::Runs(rows()));
    job_done(&mut model, Done::Plans(vec![]));
    job_done(&mut model, Done::Health(health()));
    let events = whole_run();
    let upto = events
        .iter()
        .position(|e| {
            matches!(&e.event, Event::TrainingProgress { learner, phase: FitPhase::Fold { fold: 3, .. }, round: 60, .. } if learner == "random_forest")
        })
        .unwrap();
    feed(&mut model, &events[..upto], true);
    model
}

/// A model after the run, with its plan waiting.
pub fn waiting(size: (u16, u16)) -> Model {
    let mut model = empty(size);
    let mut rows = rows();
    rows[0].outcome = Outcome::Finished;
    rows[0].selected = Some("xgboost".into());
    rows[0].f1 = Some(0.956);
    job_done(&mut model, Done::Runs(rows));
    job_done(&mut model, Done::Plans(vec![plan()]));
    job_done(&mut model, Done::Health(health()));
    feed(&mut model, &whole_run(), false);
    model
}

/// Presses keys, written as in `config.toml`.
pub fn press(model: &mut Model, keys: &str) -> Vec<super::effect::Effect> {
    let mut effects = Vec::new();
    for key in keys.split_whitespace() {
        effects.extend(update(model, Message::Key(key_event(key)), start()));
    }
    effects
}

pub fn key_event(key: &str) -> crossterm::event::KeyEvent {
    use crossterm::event::{KeyEvent, KeyModifiers};
    let chord = super::keymap::Chord::parse(key).unwrap();
    let modifiers = if chord.ctrl() {
        KeyModifiers::CONTROL
    } else {
        KeyModifiers::NONE
    };
    KeyEvent::new(chord.code(), modifiers)
}

/// Types text into the field with the focus.
pub fn type_text(model: &mut Model, text: &str) {
    for c in text.chars() {
        let key = crossterm::event::KeyEvent::new(
            crossterm::event::KeyCode::Char(c),
            crossterm::event::KeyModifiers::NONE,
        );
        update(model, Message::Key(key), start());
    }
}

/// Draws a model.
pub fn draw(model: &Model) -> Buffer {
    let (w, h) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
    screens::view(
        model,
        &mut Canvas::new(&mut buffer, model.glyphs(), model.theme()),
    );
    buffer
}

/// An action that was asked for fails.
pub fn fail_action(model: &mut Model, error: crate::error::ErrorReport) {
    use super::jobs::JobKey;
    let job = plain_start();
    let generation = model.jobs.submit(job, start()).map_or(0, |(g, _)| g);
    update(
        model,
        Message::JobDone {
            key: JobKey::Action,
            generation,
            result: Err(error),
        },
        start(),
    );
}
