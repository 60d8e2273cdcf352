//! What the tests of training, evaluation and comparison share: a run made by hand, up to and
//! including data transformation, on made-up rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::config::Config;
use crate::dataset::{self, Frame, ROW_COLUMN, TrainFrame};
use crate::events::{Event, StageName};
use crate::files;
use crate::hash;
use crate::learners::{FitControl, LearnerId};
use crate::pipeline::data_ingestion::DataIngestionArtifact;
use crate::pipeline::data_transformation::{
    DataTransformationArtifact, Preprocessor, TransformationPlan,
};
use crate::pipeline::{Recorder, StageContext};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::workspace::Workspace;

/// Keeps every event.
#[derive(Default)]
pub(crate) struct Recording(Mutex<Vec<Event>>);

impl Recording {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
    /// Codes of the warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.events()
            .into_iter()
            .filter_map(|e| match e {
                Event::Warning { code, .. } => Some(code),
                _ => None,
            })
            .collect()
    }
}

impl Recorder for Recording {
    fn record(&self, _stage: StageName, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// The schema of the made-up rows: `bytes` and `rate` lean with the label, `noise` does not.
pub(crate) fn schema(order: &[&str]) -> Schema {
    let label = ColumnSpec {
        role: Role::Label,
        ..ColumnSpec::feature("label", ColumnKind::Category)
    };
    Schema {
        name: "made up".into(),
        columns: vec![
            ColumnSpec::feature("bytes", ColumnKind::Real),
            ColumnSpec::feature("rate", ColumnKind::Real),
            ColumnSpec::feature("noise", ColumnKind::Real),
            ColumnSpec::feature("protocol", ColumnKind::Category),
            label,
        ],
        target: Target {
            name: "label".into(),
            column: "label".into(),
            mapping: ClassMapping::Identity {
                order: order.iter().map(|&s| s.to_owned()).collect(),
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    }
}

/// Made-up rows. `shares` gives each class its share; `overlap` how far classes run into each
/// other (0 = apart).
pub(crate) fn frame(
    rows: usize,
    seed: u64,
    classes: &[&str],
    shares: &[f64],
    overlap: f64,
) -> Frame {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut columns: [Vec<Option<f64>>; 3] = Default::default();
    let mut protocols = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..rows {
        let mut at: f64 = rng.r#gen();
        let class = shares
            .iter()
            .position(|&share| {
                at -= share;
                at < 0.0
            })
            .unwrap_or(0);
        let mut around = |centre: f64, spread: f64| centre + spread * (rng.r#gen::<f64>() - 0.5);
        columns[0].push(Some(around(class as f64, 0.8 + overlap)));
        columns[1].push(Some(around(-(class as f64), 0.9 + overlap)));
        columns[2].push(Some(around(0.0, 4.0)));
        let udp = around(0.3 + 0.1 * class as f64, 1.0) > 0.5;
        protocols.push(Some(if udp { "udp" } else { "tcp" }));
        labels.push(Some(classes[class]));
    }
    let [bytes, rate, noise] = columns;
    Frame::from_columns(vec![
        Frame::number_column(ROW_COLUMN, (0..rows).map(|r| Some(r as f64)).collect()),
        Frame::number_column("bytes", bytes),
        Frame::number_column("rate", rate),
        Frame::number_column("noise", noise),
        Frame::text_column("protocol", &protocols),
        Frame::text_column("label", &labels),
    ])
    .unwrap()
}

/// A run on disk, ready for training.
pub(crate) struct MadeUpRun {
    pub(crate) workspace: Workspace,
    pub(crate) config: Config,
    pub(crate) schema: Schema,
    pub(crate) run_dir: PathBuf,
    pub(crate) ingestion: DataIngestionArtifact,
    pub(crate) transformation: DataTransformationArtifact,
    pub(crate) recording: Recording,
    pub(crate) control: FitControl,
}

impl MadeUpRun {
    /// Writes the folders of ingestion and transformation for these two parts.
    pub(crate) fn new(
        root: &Path,
        id: &str,
        classes: &[&str],
        train: &Frame,
        test: &Frame,
    ) -> Self {
        let workspace = Workspace::new(root);
        let run_dir = workspace.run_dir(&id.parse().unwrap());
        let dir = run_dir.join("data_ingestion");
        fs::create_dir_all(&dir).unwrap();
        dataset::write_frame(train, &dir.join("train.parquet")).unwrap();
        dataset::write_frame(test, &dir.join("test.parquet")).unwrap();
        let mut config = Config::default();
        config.training.learners = vec![LearnerId::DecisionTree, LearnerId::RandomForest];
        config.training.random_forest.trees = 7;
        config.training.decision_tree.max_depth = 4;
        let digests = dataset::digest_frame(train).unwrap();
        let rows = (train.rows() + test.rows()) as u64;
        let ingestion = DataIngestionArtifact {
            source: "made up".into(),
            rows,
            kept: rows,
            quarantined: 0,
            train_rows: train.rows() as u64,
            test_rows: test.rows() as u64,
            left_out: 0,
            shared_vectors: 0,
            digest: digests.digest,
            column_digests: digests.columns,
            classes: classes.iter().map(|&c| c.to_owned()).collect(),
        };
        // As in a real run the schema does not know the classes of an open mapping.
        let schema = schema(&[]);
        let plan = TransformationPlan::new(&schema, &config.transformation);
        let preprocessor = Preprocessor::fit(&TrainFrame(train.clone()), &plan).unwrap();
        let dir = run_dir.join("data_transformation");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("preprocessor.json");
        preprocessor.save(&path).unwrap();
        let transformation = DataTransformationArtifact {
            preprocessor_sha256: hash::sha256_file(&path).unwrap(),
            columns_in: 4,
            columns_out: preprocessor.feature_names().len() as u64,
        };
        files::write_json(&dir.join("artifact.json"), &transformation).unwrap();
        files::write_json(&run_dir.join("data_ingestion/artifact.json"), &ingestion).unwrap();
        Self {
            workspace,
            config,
            schema,
            run_dir,
            ingestion,
            transformation,
            recording: Recording::default(),
            control: FitControl::new(),
        }
    }
    /// A run of two classes, `rows` train rows, half as many test rows.
    pub(crate) fn binary(root: &Path, id: &str, rows: usize, seed: u64) -> Self {
        let classes = ["normal", "attack"];
        Self::new(
            root,
            id,
            &classes,
            &frame(rows, seed, &classes, &[0.7, 0.3], 0.8),
            &frame(rows / 2, seed + 1000, &classes, &[0.7, 0.3], 0.8),
        )
    }
    /// Runs a stage in its folder, as the runner does, on a pool of `cores`.
    pub(crate) fn stage<T: Send>(
        &self,
        stage: StageName,
        cores: usize,
        work: impl FnOnce(&StageContext<'_>) -> T + Send,
    ) -> T {
        let work_dir = self.run_dir.join(stage.as_str());
        fs::create_dir_all(&work_dir).unwrap();
        let ctx = StageContext {
            workspace: &self.workspace,
            config: &self.config,
            schema: &self.schema,
            run_dir: &self.run_dir,
            work_dir: &work_dir,
            recorder: &self.recording,
            control: &self.control,
            cores,
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(cores)
            .build()
            .unwrap()
            .install(|| work(&ctx))
    }
}
