//! Small fitted models of every learner, for the tests of this folder.

use super::Bundle;
use crate::config::TransformationConfig;
use crate::dataset::{Frame, Labels, TrainFrame};
use crate::learners::{FitControl, FitRequest, LearnerId, LearnerSpec, Model, Weights};
use crate::pipeline::data_transformation::{Preprocessor, TransformationPlan};
use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Role, Schema, Target};

/// A spec of every learner, small.
pub(super) fn specs() -> Vec<LearnerSpec> {
    use crate::learners::*;
    let mut specs = vec![
        LearnerSpec::LogisticRegression(LogisticRegressionParams::default()),
        LearnerSpec::DecisionTree(DecisionTreeParams::default()),
        LearnerSpec::RandomForest(RandomForestParams {
            trees: 7,
            ..RandomForestParams::default()
        }),
        LearnerSpec::Adaboost(AdaboostParams {
            rounds: 6,
            ..AdaboostParams::default()
        }),
        LearnerSpec::LinfaTree(LinfaTreeParams::default()),
        LearnerSpec::LinfaLogistic(LinfaLogisticParams::default()),
    ];
    if cfg!(feature = "xgboost") {
        specs.push(LearnerSpec::Xgboost(XgboostParams {
            rounds: 5,
            ..XgboostParams::default()
        }));
    }
    specs
}

/// Rows with two numbers and a category that lean with the class.
pub(super) fn frame(rows: usize, classes: usize) -> (Frame, Vec<u32>) {
    let draw = |row: usize, salt: usize| ((row * 7919 + salt * 104_729) % 1009) as f64 / 1009.0;
    let codes: Vec<u32> = (0..rows)
        .map(|r| (draw(r, 1) * classes as f64) as u32)
        .collect();
    let number = |salt: usize| {
        (0..rows)
            .map(|r| (draw(r, salt + 2) > 0.02).then(|| f64::from(codes[r]) + 1.5 * draw(r, salt)))
            .collect()
    };
    let names = ["tcp", "udp", "icmp", "gre"];
    let service: Vec<Option<&str>> = (0..rows)
        .map(|r| Some(names[(codes[r] as usize + (draw(r, 9) * 2.0) as usize) % 4]))
        .collect();
    let frame = Frame::from_columns(vec![
        Frame::number_column("bytes", number(3)),
        Frame::text_column("service", &service),
        Frame::number_column("rate", number(5)),
    ]);
    (frame.unwrap(), codes)
}

/// A fitted model of these settings on the rows of [`frame`].
pub(super) fn bundle(
    spec: &LearnerSpec,
    classes: usize,
    transformation: &TransformationConfig,
) -> Bundle {
    let names: Vec<String> = ["normal", "dos", "probe", "r2l"][..classes]
        .iter()
        .map(|&c| c.to_owned())
        .collect();
    let schema = Schema {
        name: "made up".into(),
        columns: vec![
            ColumnSpec::feature("bytes", ColumnKind::Real),
            ColumnSpec::feature("service", ColumnKind::Category),
            ColumnSpec::feature("rate", ColumnKind::Real),
            ColumnSpec {
                role: Role::Label,
                ..ColumnSpec::feature("label", ColumnKind::Category)
            },
        ],
        target: Target {
            name: "label".into(),
            column: "label".into(),
            mapping: ClassMapping::Identity {
                order: names.clone(),
            },
        },
        headerless: false,
        null_texts: Vec::new(),
        oddities: Vec::new(),
    };
    let (frame, codes) = frame(300, classes);
    let train = TrainFrame(frame);
    let plan = TransformationPlan::new(&schema, transformation);
    let preprocessor = Preprocessor::fit(&train, &plan).unwrap();
    let x = preprocessor.transform(&train.0).unwrap();
    let y = Labels {
        classes: names,
        codes,
    };
    let model = Model::fit(
        spec,
        &FitRequest {
            x: &x,
            y: &y,
            weights: &Weights::default(),
            watch: None,
            seed: 3,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| {},
        },
    )
    .unwrap();
    Bundle {
        model,
        preprocessor,
        schema,
        threshold: (classes == 2).then_some(0.4),
        run_id: "20261122-1830-0abc".parse().unwrap(),
        version: None,
        example: Some(train.0.take(&[0, 1, 2]).unwrap()),
    }
}

/// The settings of the one learner.
pub(super) fn spec_of(id: LearnerId) -> LearnerSpec {
    specs().into_iter().find(|s| s.id() == id).unwrap()
}
