//! The sections of `config.toml`, one struct each, with their defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::learners::{
    AdaboostParams, DecisionTreeParams, LearnerId, LearnerSpec, LinfaLogisticParams,
    LinfaTreeParams, LogisticRegressionParams, RandomForestParams, XgboostParams,
};

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the rows come from.
    pub source: SourceConfig,
    /// What the columns mean.
    pub schema: SchemaConfig,
    /// How rows are divided into train and test.
    pub split: SplitConfig,
    /// What stops a run and what only warns.
    pub validation: ValidationConfig,
    /// When a column counts as drifted.
    pub drift: DriftConfig,
    /// Imputing, encoding, scaling.
    pub transformation: TransformationConfig,
    /// Which learners, with which settings.
    pub training: TrainingConfig,
    /// What a model must reach to be planned for a push.
    pub gate: GateConfig,
    /// Who may approve, and how long a plan is good.
    pub approval: ApprovalConfig,
    /// Where approved models are published.
    pub storage: StorageConfig,
    /// The MLflow / DAGsHub server that runs are logged to.
    pub tracking: TrackingConfig,
    /// The scoring service.
    pub serve: ServeConfig,
    /// The console.
    pub ui: UiConfig,
}

/// The kind of source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// CSV, Parquet or NDJSON files.
    #[default]
    File,
    /// A MongoDB collection; the server's address comes from the environment.
    Mongodb,
}

/// What becomes of an array in a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrayPolicy {
    /// The document goes to quarantine.
    #[default]
    Refuse,
    /// The array is kept as its JSON text.
    Text,
}

/// `[source]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// The kind of source.
    pub kind: SourceKind,
    /// The file to train on, relative to `config.toml`.
    pub path: PathBuf,
    /// A given test file; replaces the split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_path: Option<PathBuf>,
    /// CSV: whether the first line is a header. Detected when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// CSV: the delimiter, one character. Detected when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Share of rows that may go to quarantine before the run stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_quarantine_share: Option<f64>,
    /// MongoDB: the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// MongoDB: the collection to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// MongoDB: a collection of given test rows; replaces the split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_collection: Option<String>,
    /// MongoDB: which documents, as a query in (extended) JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// MongoDB: fields to read, nested ones by dots; empty = all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// MongoDB: the field that bounds a snapshot instead of `_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_field: Option<String>,
    /// MongoDB: the recorded upper bound of an earlier snapshot, to read the same rows again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// MongoDB: what becomes of arrays.
    #[serde(skip_serializing_if = "is_default")]
    pub arrays: ArrayPolicy,
}

/// For keys that are written only when they say something.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `[schema]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaConfig {
    /// A built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A schema file made by `netsec schema infer`, relative to `config.toml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The label column; overrides the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A named target of the preset (`attack_class`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Label values that are threats; overrides the preset's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub positive: Vec<String>,
    /// Columns that are not features, beyond the preset's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// How rows are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// At random, every class in the same share.
    #[default]
    Stratified,
    /// The newest rows are the test split.
    Time,
    /// All rows of a group on one side.
    Group,
    /// Given row indices.
    Indices,
    /// The test file of `[source] test_path`.
    TestFile,
}

/// `[split]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// How rows are divided.
    pub kind: SplitKind,
    /// Share of rows in the test split, between 0 and 1.
    pub test_share: f64,
    /// Seed of the random kinds.
    pub seed: u64,
    /// `time`: the column that orders the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_column: Option<String>,
    /// `group`: the column whose values stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_column: Option<String>,
    /// `indices`: a JSON file `{"train": [..], "test": [..]}`, 0-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indices: Option<PathBuf>,
    /// Whether the same feature vector may stand on both sides. Off: the random kinds keep equal
    /// vectors together, the given kinds move nothing but report the shared rows.
    pub allow_shared_vectors: bool,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            kind: SplitKind::Stratified,
            test_share: 0.2,
            seed: 42,
            time_column: None,
            group_column: None,
            indices: None,
            allow_shared_vectors: false,
        }
    }
}

/// What a failing check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Not checked.
    Off,
    /// Reported.
    Warn,
    /// Stops the run.
    Stop,
}

/// `[validation]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationConfig {
    /// Largest share of missing values in a column before `nulls` fails.
    pub max_null_share: f64,
    /// Largest share of exact duplicate rows before `duplicates` fails.
    pub max_duplicate_share: f64,
    /// Severity by check id; the rest keep their defaults.
    pub severity: BTreeMap<String, Severity>,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            max_null_share: 0.2,
            max_duplicate_share: 0.01,
            severity: BTreeMap::new(),
        }
    }
}

/// `[drift]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftConfig {
    /// PSI from which a column counts as drifted.
    pub psi: f64,
    /// Jensen-Shannon distance from which a column counts as drifted.
    pub jensen_shannon: f64,
    /// Change of the share of missing values from which a column counts as drifted.
    pub null_share: f64,
    /// False discovery rate of the tests over all columns.
    pub q_value: f64,
    /// Share of drifted columns from which the data set counts as drifted.
    pub dataset_share: f64,
    /// Rows per side below which the verdict is `cannot_tell`.
    pub min_rows: u64,
    /// Whether drift stops the run.
    pub blocks: bool,
}

impl Default for DriftConfig {
    fn default() -> Self {
        Self {
            psi: 0.2,
            jensen_shannon: 0.1,
            null_share: 0.05,
            q_value: 0.01,
            dataset_share: 0.5,
            min_rows: 100,
            blocks: false,
        }
    }
}

/// How missing numbers are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NumericImpute {
    /// The median of the train split.
    #[default]
    Median,
    /// The most frequent value of the train split.
    Mode,
    /// A given number.
    Constant {
        /// The number.
        value: f64,
    },
    /// The mean over the nearest rows of the train split.
    Knn {
        /// Neighbours.
        neighbours: u32,
    },
}

/// How missing categories are filled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CategoricalImpute {
    /// The most frequent value of the train split.
    #[default]
    Mode,
    /// A given value.
    Constant {
        /// The value.
        value: String,
    },
}

/// How categories become numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodeKind {
    /// One 0/1 column per category.
    #[default]
    OneHot,
    /// The category's position in the sorted list.
    Ordinal,
}

/// What a category unseen in train becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCategories {
    /// All zeros (one-hot) or -1 (ordinal).
    #[default]
    Zero,
    /// The column of rare categories; needs `rare`.
    Rare,
    /// An error naming row and value.
    Error,
}

/// Which categories are joined as rare.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct RareCategories {
    /// Categories with fewer train rows than this are joined; 0 = none.
    pub min_rows: u64,
    /// At most this many categories are kept per column; 0 = all.
    pub max_categories: u64,
}

/// How features are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleKind {
    /// As they are. Logistic regression standardises its own input, fold by fold.
    #[default]
    None,
    /// Mean 0, standard deviation 1.
    Standard,
    /// Minimum 0, maximum 1.
    MinMax,
}

/// `[transformation]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformationConfig {
    /// Missing numbers.
    pub numeric_impute: NumericImpute,
    /// Missing categories.
    pub categorical_impute: CategoricalImpute,
    /// Categories to numbers.
    pub encode: EncodeKind,
    /// Categories unseen in train.
    pub unknown: UnknownCategories,
    /// Rare categories.
    pub rare: RareCategories,
    /// Scaling.
    pub scale: ScaleKind,
}

/// Weights of the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// All 1.
    #[default]
    None,
    /// rows / (classes * rows of the class), as scikit-learn's `balanced`.
    Balanced,
}

/// The cross-validated metric that selects the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectionMetric {
    /// F1 of the positive class; macro F1 when there are several.
    #[default]
    F1,
    /// Macro F1.
    MacroF1,
    /// Area under the ROC curve.
    RocAuc,
    /// Average precision.
    PrAuc,
    /// Log loss, smaller is better.
    LogLoss,
    /// Accuracy.
    Accuracy,
}

impl SelectionMetric {
    /// The metric's key in JSON.
    pub fn key(self) -> &'static str {
        match self {
            SelectionMetric::F1 => "f1",
            SelectionMetric::MacroF1 => "macro_f1",
            SelectionMetric::RocAuc => "roc_auc",
            SelectionMetric::PrAuc => "pr_auc",
            SelectionMetric::LogLoss => "log_loss",
            SelectionMetric::Accuracy => "accuracy",
        }
    }
}

/// `[training]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// The learners to train.
    pub learners: Vec<LearnerId>,
    /// Seed of everything random in training.
    pub seed: u64,
    /// Folds of the cross-validation on the train split, at least 2.
    pub folds: u32,
    /// Cores to use; 0 = all.
    pub cores: usize,
    /// The metric that selects the model.
    pub select_by: SelectionMetric,
    /// Weights of the classes.
    pub class_weight: ClassWeight,
    /// A column of row weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_column: Option<String>,
    /// Settings.
    pub logistic_regression: LogisticRegressionParams,
    /// Settings.
    pub decision_tree: DecisionTreeParams,
    /// Settings.
    pub random_forest: RandomForestParams,
    /// Settings.
    pub adaboost: AdaboostParams,
    /// Settings.
    pub xgboost: XgboostParams,
    /// Settings.
    pub linfa_tree: LinfaTreeParams,
    /// Settings.
    pub linfa_logistic: LinfaLogisticParams,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            learners: LearnerId::DEFAULT.to_vec(),
            seed: 42,
            folds: 3,
            cores: 0,
            select_by: SelectionMetric::F1,
            class_weight: ClassWeight::None,
            weight_column: None,
            logistic_regression: LogisticRegressionParams::default(),
            decision_tree: DecisionTreeParams::default(),
            random_forest: RandomForestParams::default(),
            adaboost: AdaboostParams::default(),
            xgboost: XgboostParams::default(),
            linfa_tree: LinfaTreeParams::default(),
            linfa_logistic: LinfaLogisticParams::default(),
        }
    }
}

impl TrainingConfig {
    /// The settings of one learner.
    pub fn spec(&self, learner: LearnerId) -> LearnerSpec {
        match learner {
            LearnerId::LogisticRegression => {
                LearnerSpec::LogisticRegression(self.logistic_regression.clone())
            }
            LearnerId::DecisionTree => LearnerSpec::DecisionTree(self.decision_tree.clone()),
            LearnerId::RandomForest => LearnerSpec::RandomForest(self.random_forest.clone()),
            LearnerId::Adaboost => LearnerSpec::Adaboost(self.adaboost.clone()),
            LearnerId::Xgboost => LearnerSpec::Xgboost(self.xgboost.clone()),
            LearnerId::LinfaTree => LearnerSpec::LinfaTree(self.linfa_tree.clone()),
            LearnerId::LinfaLogistic => LearnerSpec::LinfaLogistic(self.linfa_logistic.clone()),
        }
    }
    /// The number of cores to use, at least 1.
    pub fn core_budget(&self) -> usize {
        let machine = std::thread::available_parallelism().map_or(1, usize::from);
        if self.cores == 0 {
            machine
        } else {
            self.cores.min(machine).max(1)
        }
    }
}

/// `[gate]`: what a model must reach. Floors always apply; the comparison only with a champion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Smallest accuracy gain over always predicting the most frequent class.
    pub min_gain_over_majority: f64,
    /// Floors by metric key, `f1 = 0.8`.
    pub floors: BTreeMap<String, f64>,
    /// The metric compared with the champion.
    pub compare_by: SelectionMetric,
    /// How much worse than the champion the challenger may be at the lower end of the interval.
    pub max_loss: f64,
    /// Resamples of the paired bootstrap.
    pub resamples: u32,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            min_gain_over_majority: 0.0,
            floors: BTreeMap::new(),
            compare_by: SelectionMetric::F1,
            max_loss: 0.01,
            resamples: 1000,
        }
    }
}

/// `[approval]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalConfig {
    /// Approvals by different people a push needs, at least 1.
    pub approvals: u32,
    /// Who may approve; empty = anybody who may write the folder.
    pub approvers: Vec<String>,
    /// Whether the person who started the run may approve it.
    pub self_approval: bool,
    /// Hours a plan is good.
    pub max_plan_age_hours: u64,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            approvals: 1,
            approvers: Vec::new(),
            self_approval: true,
            max_plan_age_hours: 168,
        }
    }
}

/// The kind of store that approved models are published to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    /// A folder.
    #[default]
    Local,
    /// An S3 bucket; endpoint, region and credentials as every AWS tool reads them.
    S3,
}

/// `[storage]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// A folder or a bucket.
    pub kind: StorageKind,
    /// `local`: the folder, relative to `config.toml`.
    pub path: PathBuf,
    /// `s3`: the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// `s3`: where in the bucket blobs, manifests, versions and the pointer lie.
    pub prefix: String,
    /// Where the plain copies for older readers lie.
    pub copies: String,
    /// The name the models are published under.
    pub model: String,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            kind: StorageKind::Local,
            path: PathBuf::from("Artifacts/store"),
            bucket: None,
            prefix: "netsec".to_owned(),
            copies: "final_model".to_owned(),
            model: "netsec".to_owned(),
        }
    }
}

/// `[tracking]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackingConfig {
    /// The server; the environment variable `MLFLOW_TRACKING_URI` comes first. Nothing is sent
    /// while neither names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The experiment.
    pub experiment: String,
    /// The name of the registered model.
    pub model: String,
    /// Whether runs and consoles send by themselves; off: `netsec sync` does.
    pub automatic: bool,
}

impl Default for TrackingConfig {
    fn default() -> Self {
        Self {
            uri: None,
            experiment: "netsec".to_owned(),
            model: "netsec".to_owned(),
            automatic: true,
        }
    }
}

/// Which glyphs plots are drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlyphSet {
    /// Braille in a UTF-8 locale, else ASCII.
    #[default]
    Auto,
    /// Braille dots.
    Braille,
    /// Block elements.
    Block,
    /// ASCII only.
    Ascii,
}

/// The colours of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UiTheme {
    /// The terminal's own 16 colours, no background.
    #[default]
    Terminal,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// The set of Okabe and Ito on a dark ground.
    ColourBlind,
    /// The same hues on white.
    ColourBlindLight,
}

/// How many colours the console may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColourLevel {
    /// By `NO_COLOR`, `COLORTERM` and `TERM`.
    #[default]
    Auto,
    /// None.
    None,
    /// The terminal's own 16.
    #[serde(rename = "16")]
    Sixteen,
    /// The 256 of xterm.
    #[serde(rename = "256")]
    Indexed,
    /// 24 bits.
    #[serde(rename = "24bit")]
    True,
}

/// Where the scoring service finds its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServeSource {
    /// `final_model/` beside the configuration.
    #[default]
    Local,
    /// The published store of `[storage]`, by its pointer.
    Storage,
}

/// Where the prediction log is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PredictionLogKind {
    /// Segments in `Artifacts/predictions/`.
    #[default]
    Parquet,
    /// A collection of the server that the environment names.
    MongoDb,
}

/// `[serve]`. Tokens come from the environment, see the service's own documentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// Address and port.
    pub listen: String,
    /// Where the model comes from.
    pub source: ServeSource,
    /// Seconds between two looks at the pointer.
    pub poll_seconds: u64,
    /// TLS: the certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// TLS: its key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Largest body of a request, MiB.
    pub max_body_mib: u64,
    /// Most rows of a request.
    pub max_rows: u64,
    /// MiB of bodies held at once.
    pub max_bodies_mib: u64,
    /// Requests worked on at once.
    pub max_in_flight: u32,
    /// Connections open at once.
    pub max_connections: u32,
    /// Seconds a request may take to send its head.
    pub header_seconds: u64,
    /// Seconds a request may take to send its body.
    pub body_seconds: u64,
    /// Seconds a request may be worked on.
    pub request_seconds: u64,
    /// Seconds that requests in flight get when the service is told to end.
    pub drain_seconds: u64,
    /// Where scored rows are kept.
    pub log_to: PredictionLogKind,
    /// mongodb: the database of the prediction log.
    pub log_database: String,
    /// mongodb: its collection.
    pub log_collection: String,
    /// Share of scored rows that the prediction log keeps, from 0 to 1.
    pub log_sample: f64,
    /// Days that the prediction log is kept.
    pub log_days: u32,
    /// Seconds between two comparisons of what was scored with what the champion was trained on; 0
    /// never.
    pub drift_seconds: u64,
    /// A run whose model scores the same rows in the shadow.
    pub shadow: Option<String>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            source: ServeSource::Local,
            poll_seconds: 2,
            tls_cert: None,
            tls_key: None,
            max_body_mib: 32,
            max_rows: 1_000_000,
            max_bodies_mib: 64,
            max_in_flight: 64,
            max_connections: 512,
            header_seconds: 10,
            body_seconds: 30,
            request_seconds: 50,
            drain_seconds: 25,
            log_to: PredictionLogKind::Parquet,
            log_database: "netsec".to_owned(),
            log_collection: "predictions".to_owned(),
            log_sample: 1.0,
            log_days: 30,
            drift_seconds: 900,
            shadow: None,
        }
    }
}

/// `[ui]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UiConfig {
    /// Glyphs of plots.
    pub glyphs: GlyphSet,
    /// Colours of the screens.
    pub theme: UiTheme,
    /// How many colours may be used.
    pub colours: ColourLevel,
    /// Keys by command id, `"training.stop-after-round" = "c"`.
    pub keys: BTreeMap<String, String>,
}
