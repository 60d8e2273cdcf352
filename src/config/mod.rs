//! `config.toml` and the environment, made into one typed, checked [`Config`].
//!
//! An unknown key is an error with a suggestion. Any key can be overridden by an environment
//! variable `NETSEC_<SECTION>__<KEY>` (`NETSEC_TRAINING__SEED=7`), and for one run by a
//! [`SettingChange`]. Secrets never stand in the
//! file: they are read from the environment where they are used.

mod changes;
mod load;
mod sections;
pub mod template;

pub use changes::{ChangeError, ChangedSetting, SettingChange, with_changes};
pub use load::{ConfigError, load, parse};
pub use sections::{
    ApprovalConfig, ArrayPolicy, CategoricalImpute, ClassWeight, ColourLevel, Config, DriftConfig,
    EncodeKind, GateConfig, GlyphSet, NumericImpute, PredictionLogKind, RareCategories, ScaleKind,
    SchemaConfig, SelectionMetric, ServeConfig, ServeSource, Severity, SourceConfig, SourceKind,
    SplitConfig, SplitKind, StorageConfig, StorageKind, TrackingConfig, TrainingConfig,
    TransformationConfig, UiConfig, UiTheme, UnknownCategories, ValidationConfig,
};
