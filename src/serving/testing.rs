//! Models small enough to be fitted inside of a test.

use std::sync::Arc;

use super::layout::Layout;
use super::prediction_log::PredictionLog;
use super::scoring::Work;
use super::served::ServedModel;
use crate::config::{TransformationConfig, UnknownCategories};
use crate::dataset::{Frame, Labels, TrainFrame};
use crate::learners::{DecisionTreeParams, FitControl, FitRequest, LearnerSpec, Model, Weights};
use crate::pipeline::data_transformation::{
    CompiledPreprocessor, Preprocessor, TransformationPlan,
};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};
use crate::storage::{Champion, MODEL_FILE, Manifest};

/// Three features and a label.
fn flow_schema() -> Schema {
    let mut label = ColumnSpec::feature("label", ColumnKind::Category);
    label.role = Role::Label;
    Schema {
        name: "flows".to_owned(),
        columns: vec![
            ColumnSpec::feature("duration", ColumnKind::Real),
            ColumnSpec::feature("bytes", ColumnKind::Integer),
            ColumnSpec::feature("service", ColumnKind::Category),
            label,
        ],
        target: Target {
            name: "label".to_owned(),
            column: "label".to_owned(),
            mapping: ClassMapping::Binary {
                negative: vec!["benign".to_owned()],
                positive: Vec::new(),
                names: ["benign".to_owned(), "attack".to_owned()],
            },
        },
        headerless: false,
        null_texts: vec!["?".to_owned()],
        oddities: Vec::new(),
    }
}

fn frame() -> Frame {
    let rows = 40;
    let services: Vec<Option<&str>> = (0..rows)
        .map(|i| Some(if i % 3 == 0 { "http" } else { "dns" }))
        .collect();
    Frame::from_columns(vec![
        Frame::number_column(
            "duration",
            (0..rows).map(|i| Some(f64::from(i) / 40.0)).collect(),
        ),
        Frame::number_column(
            "bytes",
            (0..rows).map(|i| Some(f64::from(i * 25))).collect(),
        ),
        Frame::text_column("service", &services),
    ])
    .unwrap()
}

fn fitted(schema: &Schema, unknown: UnknownCategories) -> Preprocessor {
    let settings = TransformationConfig {
        unknown,
        ..TransformationConfig::default()
    };
    Preprocessor::fit(
        &TrainFrame(frame()),
        &TransformationPlan::new(schema, &settings),
    )
    .unwrap()
}

fn model(unknown: UnknownCategories, version: &str) -> ServedModel {
    let schema = flow_schema();
    let preprocessor = fitted(&schema, unknown);
    let x = preprocessor.transform(&frame()).unwrap();
    let y = Labels {
        classes: schema.target.classes(),
        codes: (0..40).map(|i| u32::from(i >= 20)).collect(),
    };
    let control = FitControl::new();
    let weights = Weights::default();
    let request = FitRequest {
        x: &x,
        y: &y,
        weights: &weights,
        watch: None,
        seed: 1,
        threads: 1,
        control: &control,
        progress: &|_| {},
    };
    let model = Model::fit(
        &LearnerSpec::DecisionTree(DecisionTreeParams::default()),
        &request,
    )
    .unwrap();
    let manifest = Manifest {
        format: Manifest::FORMAT.to_owned(),
        format_version: Manifest::FORMAT_VERSION,
        version: version.to_owned(),
        run_id: "20261122-1230-7f3a".to_owned(),
        plan_id: "p".to_owned(),
        learner: "decision_tree".to_owned(),
        classes: schema.target.classes(),
        threshold: Some(0.5),
        files: [(MODEL_FILE.to_owned(), "ab".repeat(32))].into(),
        data_digest: String::new(),
        f1: None,
        approvals: Vec::new(),
        champion_before: None,
        journal_hash: String::new(),
        pushed_at: chrono::DateTime::UNIX_EPOCH,
        program: None,
        gate_sha256: None,
    };
    let champion = Champion {
        version: version.to_owned(),
        run_id: manifest.run_id.parse().unwrap(),
        model,
        preprocessor,
        schema,
        threshold: manifest.threshold,
        reference: None,
        manifest,
    };
    ServedModel::new("netsec", champion).unwrap()
}

/// A tree over flows that takes unknown categories; long flows are attacks.
pub fn flow_model() -> ServedModel {
    model(UnknownCategories::Zero, "v1")
}

/// The same that refuses them.
pub fn closed_flow_model() -> ServedModel {
    model(UnknownCategories::Error, "v1")
}

/// The layout of the flows.
pub fn flow_layout() -> Layout {
    flow_model().layout().clone()
}

/// A layout of two whole numbers whose schema has the label last.
pub fn phishing_like() -> (Layout, Schema) {
    let mut schema = flow_schema();
    schema.columns.remove(2);
    schema.columns.remove(0);
    schema
        .columns
        .insert(1, ColumnSpec::feature("duration", ColumnKind::Real));
    let preprocessor = CompiledPreprocessor::new(fitted(&schema, UnknownCategories::Zero));
    (Layout::new(&schema, &preprocessor), schema)
}

/// Work without limits worth mentioning.
pub fn work() -> Work {
    Work {
        max_rows: 1_000_000,
        cancelled: Arc::default(),
        log: PredictionLog::default(),
        request_id: "r".into(),
    }
}
