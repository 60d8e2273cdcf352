use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::events::{CheckVerdict, LogReader, RunState, StageStatus};
use crate::schema::{ClassMapping, Target};

/// Stages that write what they were given, and can be made to fail.
#[derive(Default)]
struct FakeStages {
    ran: Vec<StageName>,
    accepted: BTreeSet<StageName>,
    fail: Option<StageName>,
    panic: Option<StageName>,
    stop_after_round: Option<StageName>,
    cancel: Option<StageName>,
    /// Written into every file, as a changed program would.
    salt: String,
}

impl StageCalls for FakeStages {
    fn run(
        &mut self,
        stage: StageName,
        ctx: &StageContext<'_>,
    ) -> Result<StageOutput<Value>, CommandError> {
        self.ran.push(stage);
        for earlier in stage_key::reads(stage) {
            assert!(self.accepted.contains(earlier), "{earlier} before {stage}");
            assert!(ctx.stage_dir(*earlier).join("out.txt").is_file());
        }
        if self.fail == Some(stage) {
            fs::write(ctx.work_dir.join("half"), "x").unwrap();
            return Err(CommandError::data("bad rows"));
        }
        if self.panic == Some(stage) {
            panic!("index out of bounds");
        }
        if self.cancel == Some(stage) {
            ctx.control.request(StopRequest::Now);
            return Err(CommandError::cancelled("cancelled"));
        }
        if self.stop_after_round == Some(stage) {
            ctx.control.request(StopRequest::AfterRound);
        }
        let mut text = self.salt.clone();
        if stage == StageName::DataIngestion {
            text.push_str(
                &fs::read_to_string(ctx.workspace.resolve(&ctx.config.source.path))
                    .map_err(|e| CommandError::data("no source").because(e))?,
            );
        }
        if stage == StageName::ModelTrainer {
            text.push_str(&ctx.config.training.seed.to_string());
        }
        for earlier in stage_key::reads(stage) {
            text.push_str(&fs::read_to_string(ctx.stage_dir(*earlier).join("out.txt")).unwrap());
        }
        fs::write(ctx.work_dir.join("out.txt"), text).unwrap();
        fs::create_dir(ctx.work_dir.join("more")).unwrap();
        fs::write(ctx.work_dir.join("more/inner"), stage.as_str()).unwrap();
        ctx.recorder.record(
            stage,
            Event::Warning {
                code: stage.to_string(),
                text: "a fact".into(),
            },
        );
        Ok(StageOutput {
            artifact: json!({"stage": stage}),
            verdict: CheckVerdict::Ok,
            summary: format!("{stage} done"),
        })
    }

    fn accept(&mut self, stage: StageName, artifact: Value) -> Result<(), CommandError> {
        assert_eq!(artifact["stage"], stage.as_str());
        self.accepted.insert(stage);
        Ok(())
    }
}

struct Bench {
    dir: tempfile::TempDir,
    config: Config,
    runs: Vec<String>,
    champion: Option<String>,
    from: Option<StageName>,
    spawns: u32,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("data.csv"), "1,2\n").unwrap();
        let mut config = Config::default();
        config.source.path = "data.csv".into();
        config.training.cores = 2;
        Self {
            dir,
            config,
            runs: Vec::new(),
            champion: None,
            from: None,
            spawns: 0,
        }
    }

    fn run_dir(&self, run: &str) -> PathBuf {
        self.dir.path().join("Artifacts").join(run)
    }

    /// Runs, or goes on with, a run.
    fn run(&mut self, run: &str, stages: &mut FakeStages) -> (Result<(), CommandError>, RunState) {
        if !self.runs.contains(&run.to_owned()) {
            self.runs.insert(0, run.to_owned());
        }
        self.spawns += 1;
        let run_dir = self.run_dir(run);
        fs::create_dir_all(&run_dir).unwrap();
        let log = run_dir.join("events.jsonl");
        let recorder = LogRecorder::open(&log).unwrap();
        let others: Vec<PathBuf> = self
            .runs
            .iter()
            .filter(|r| *r != run)
            .map(|r| self.run_dir(r))
            .collect();
        let schema = Schema {
            name: "fake".into(),
            columns: Vec::new(),
            target: Target {
                name: "label".into(),
                column: "label".into(),
                mapping: ClassMapping::Identity { order: Vec::new() },
            },
            headerless: false,
            null_texts: Vec::new(),
            oddities: Vec::new(),
        };
        let result = Runner {
            workspace: &Workspace::new(self.dir.path()),
            config: &self.config,
            schema: &schema,
            run_dir: &run_dir,
            other_runs: &others,
            recorder: &recorder,
            control: &FitControl::new(),
            cores: 2,
            spawn_id: &self.spawns.to_string(),
            from: self.from,
            champion: self.champion.clone(),
        }
        .run(stages);
        recorder.finish().unwrap();
        let lines = LogReader::open(&log).read_all().unwrap();
        let state = RunState::replay(lines.iter().filter_map(|l| l.event()));
        (result, state)
    }

    fn run_ok(&mut self, run: &str) -> (Vec<StageName>, RunState) {
        let mut stages = FakeStages::default();
        let (result, state) = self.run(run, &mut stages);
        result.unwrap();
        (stages.ran, state)
    }

    /// What the finished stages of a run hold, but for their records.
    fn bytes(&self, run: &str) -> Vec<ArtifactRef> {
        StageName::ALL
            .into_iter()
            .flat_map(|s| stage_folder::hash_files(&self.run_dir(run).join(s.as_str()), s).unwrap())
            .collect()
    }
}

const LATER: [StageName; 5] = [
    StageName::DataValidation,
    StageName::DataTransformation,
    StageName::ModelTrainer,
    StageName::ModelEvaluation,
    StageName::ModelPusher,
];

#[test]
fn a_first_run_runs_everything_and_leaves_only_whole_folders() {
    let mut bench = Bench::new();
    let (ran, state) = bench.run_ok("a");
    assert_eq!(ran, StageName::ALL);
    for stage in &state.stages {
        assert_eq!(stage.status, StageStatus::Ok, "{}", stage.name);
        assert_eq!(stage.artifacts.len(), 3, "{:?}", stage.artifacts);
    }
    assert_eq!(state.stages[0].why, "first run");
    assert_eq!(
        state.stages[0].artifacts[0].path,
        "data_ingestion/artifact.json"
    );
    let names: Vec<String> = fs::read_dir(bench.run_dir("a"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("writing"))
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn an_unchanged_second_run_reuses_all_but_the_plan_and_says_its_facts_again() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, [StageName::ModelPusher]);
    let ingestion = state.stage(StageName::DataIngestion);
    assert_eq!(ingestion.status, StageStatus::Reused);
    assert_eq!(
        ingestion.why,
        "unchanged since run a: same source file, schema, settings and program; 3 files re-hashed"
    );
    assert_eq!(ingestion.summary, "data_ingestion done");
    assert_eq!(state.warnings.len(), 6);
    assert_eq!(bench.bytes("a"), bench.bytes("b"));
}

#[test]
fn a_changed_setting_runs_its_stage_and_those_that_read_its_files() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    bench.config.training.seed = 7;
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, LATER[2..]);
    assert_eq!(
        state.stage(StageName::ModelTrainer).why,
        "since run a: config [training] changed: seed 42 -> 7"
    );
    assert!(
        state
            .stage(StageName::ModelEvaluation)
            .why
            .contains("model_trainer made other files: out.txt")
    );
    // Back again: the older run still has it.
    bench.config.training.seed = 42;
    let (ran, state) = bench.run_ok("c");
    assert_eq!(ran, [StageName::ModelPusher]);
    assert!(
        state
            .stage(StageName::ModelTrainer)
            .why
            .starts_with("unchanged since run a")
    );
}

#[test]
fn a_changed_source_runs_everything_and_is_named() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    fs::write(bench.dir.path().join("data.csv"), "3,4\n").unwrap();
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, StageName::ALL);
    let why = &state.stages[0].why;
    assert!(why.contains("the source file data.csv changed: "), "{why}");
}

#[test]
fn a_changed_champion_runs_what_looks_at_it() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    bench.champion = Some("v1 of a".into());
    let (ran, state) = bench.run_ok("b");
    assert_eq!(
        ran,
        [
            StageName::DataValidation,
            StageName::ModelEvaluation,
            StageName::ModelPusher
        ]
    );
    assert_eq!(
        state.stage(StageName::DataValidation).why,
        "since run a: the champion changed: none -> v1 of a"
    );
}

#[test]
fn from_forces_a_stage_and_all_after_it_but_not_twice_in_one_run() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    bench.from = Some(StageName::DataTransformation);
    let mut stages = FakeStages {
        fail: Some(StageName::ModelEvaluation),
        ..FakeStages::default()
    };
    let (result, state) = bench.run("b", &mut stages);
    assert!(result.is_err());
    assert_eq!(stages.ran, LATER[1..4]);
    assert_eq!(
        state.stage(StageName::ModelTrainer).why,
        "--from data_transformation"
    );
    let (ran, _) = bench.run_ok("b");
    assert_eq!(ran, LATER[3..]);
}

#[test]
fn altered_files_of_another_run_are_not_reused() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    let file = bench.run_dir("a").join("data_validation/more/inner");
    fs::write(&file, "forged").unwrap();
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, [StageName::DataValidation, StageName::ModelPusher]);
    assert_eq!(
        state.stage(StageName::DataValidation).why,
        "files of run a were altered: data_validation/more/inner"
    );
    // A file too many is found as well.
    fs::write(bench.run_dir("b").join("model_trainer/extra"), "x").unwrap();
    fs::remove_dir_all(bench.run_dir("a")).unwrap();
    let (ran, state) = bench.run_ok("c");
    assert_eq!(ran, [StageName::ModelTrainer, StageName::ModelPusher]);
    assert!(
        state
            .stage(StageName::ModelTrainer)
            .why
            .contains("model_trainer/extra")
    );
}

#[test]
fn a_failed_stage_leaves_nothing_and_a_resumed_run_ends_with_the_same_bytes() {
    for failing in StageName::ALL {
        let mut bench = Bench::new();
        let mut stages = FakeStages {
            fail: Some(failing),
            ..FakeStages::default()
        };
        let (result, state) = bench.run("a", &mut stages);
        assert_eq!(result.unwrap_err().kind, ErrorKind::Data);
        assert_eq!(state.stage(failing).status, StageStatus::Failed);
        assert!(!bench.run_dir("a").join(failing.as_str()).exists());
        let (ran, state) = bench.run_ok("a");
        assert_eq!(ran, StageName::ALL[failing as usize..]);
        if failing != StageName::DataIngestion {
            assert_eq!(
                state.stages[0].why,
                "finished before the run was interrupted; 3 files re-hashed"
            );
        }
        let mut undisturbed = Bench::new();
        undisturbed.run_ok("a");
        assert_eq!(bench.bytes("a"), undisturbed.bytes("a"));
    }
}

#[test]
fn altered_files_of_an_interrupted_run_are_made_anew() {
    let mut bench = Bench::new();
    let mut stages = FakeStages {
        fail: Some(StageName::ModelPusher),
        ..FakeStages::default()
    };
    bench.run("a", &mut stages).0.unwrap_err();
    let undisturbed = bench.run_dir("a").join("model_trainer/out.txt");
    let before = fs::read(&undisturbed).unwrap();
    fs::write(&undisturbed, "forged").unwrap();
    let (ran, state) = bench.run_ok("a");
    assert_eq!(ran, [StageName::ModelTrainer, StageName::ModelPusher]);
    assert_eq!(
        state.stage(StageName::ModelTrainer).why,
        "files of this run were altered: model_trainer/out.txt"
    );
    assert_eq!(fs::read(&undisturbed).unwrap(), before);
}

#[test]
fn what_a_killed_attempt_left_is_swept_away() {
    let mut bench = Bench::new();
    let dir = bench.run_dir("a");
    for left in ["data_ingestion.writing-9", "model_trainer.writing-9.old"] {
        fs::create_dir_all(dir.join(left)).unwrap();
        fs::write(dir.join(left).join("half"), "x").unwrap();
    }
    fs::create_dir_all(dir.join("mine")).unwrap();
    bench.run_ok("a");
    assert!(!dir.join("data_ingestion.writing-9").exists());
    assert!(!dir.join("model_trainer.writing-9.old").exists());
    assert!(dir.join("mine").exists());
}

#[test]
fn a_panic_in_a_stage_is_an_internal_error_of_that_stage() {
    let mut bench = Bench::new();
    let mut stages = FakeStages {
        panic: Some(StageName::DataValidation),
        ..FakeStages::default()
    };
    let (result, state) = bench.run("a", &mut stages);
    let e = result.unwrap_err();
    assert_eq!(e.kind, ErrorKind::Internal);
    assert!(e.message.contains("index out of bounds"));
    let error = state
        .stage(StageName::DataValidation)
        .error
        .as_ref()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Internal);
}

#[test]
fn a_cancelled_stage_is_no_failure_and_nothing_after_it_runs() {
    let mut bench = Bench::new();
    let mut stages = FakeStages {
        cancel: Some(StageName::DataTransformation),
        ..FakeStages::default()
    };
    let (result, state) = bench.run("a", &mut stages);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(stages.ran.last(), Some(&StageName::DataTransformation));
    assert_eq!(
        state.stage(StageName::DataTransformation).status,
        StageStatus::Running
    );
}

#[test]
fn a_trainer_that_was_told_to_stop_early_is_not_reused_by_another_run() {
    let mut bench = Bench::new();
    let mut stages = FakeStages {
        stop_after_round: Some(StageName::ModelTrainer),
        ..FakeStages::default()
    };
    bench.run("a", &mut stages).0.unwrap();
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, [StageName::ModelTrainer, StageName::ModelPusher]);
    assert_eq!(
        state.stage(StageName::ModelTrainer).why,
        "run a was told to stop early"
    );
}

#[test]
fn an_earlier_stage_that_makes_the_same_files_again_runs_nothing_after_it() {
    let mut bench = Bench::new();
    bench.run_ok("a");
    bench.config.source.header = Some(true);
    let (ran, state) = bench.run_ok("b");
    assert_eq!(ran, [StageName::DataIngestion, StageName::ModelPusher]);
    assert_eq!(
        state.stages[0].why,
        "since run a: config [source] changed: header unset -> true"
    );
}

#[test]
fn a_source_that_is_not_there_is_the_stages_error() {
    let mut bench = Bench::new();
    bench.config.source.path = "missing.csv".into();
    let mut stages = FakeStages::default();
    let (result, _) = bench.run("a", &mut stages);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Data);
}
