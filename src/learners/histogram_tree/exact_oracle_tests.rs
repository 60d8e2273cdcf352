//! Shallow trees and small ensembles that have no ties must equal scikit-learn's, split by split.
//!
//! The data and figures are in `tests/oracles/sklearn_small.json`, made by
//! `benches/peers/sklearn_small.py`.

use serde_json::Value;

use super::test_data::{from_columns, labels};
use crate::dataset::{Labels, Matrix};
use crate::learners::{
    AdaboostParams, Criterion, DecisionTreeParams, FitControl, FitRequest, LearnerSpec, Model,
    Weights,
};

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).expect("numbers")
}

fn close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() < 1e-6, "{what} {i}: {a} is not {b}");
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().expect("whole number") as u32
}

fn spec(case: &Value) -> LearnerSpec {
    match case["learner"].as_str() {
        Some("decision_tree") => LearnerSpec::DecisionTree(DecisionTreeParams {
            criterion: match case["criterion"].as_str() {
                Some("entropy") => Criterion::Entropy,
                _ => Criterion::Gini,
            },
            max_depth: number(&case["max_depth"]),
            min_samples_leaf: number(&case["min_samples_leaf"]),
            ..DecisionTreeParams::default()
        }),
        _ => LearnerSpec::Adaboost(AdaboostParams {
            rounds: number(&case["rounds"]),
            learning_rate: case["learning_rate"].as_f64().expect("rate"),
            max_depth: number(&case["max_depth"]),
        }),
    }
}

/// Walks both trees together.
fn same_tree(ours: &Value, at: usize, theirs: &Value, other: usize, splits: &mut usize) {
    let feature = ours["feature"][at].as_i64();
    assert_eq!(feature, theirs["feature"][other].as_i64());
    if feature == Some(-1) {
        return;
    }
    *splits += 1;
    let a = ours["threshold"][at].as_f64().expect("threshold");
    let b = theirs["threshold"][other].as_f64().expect("threshold");
    assert!((a - b).abs() < 1e-6, "threshold {a} is not {b}");
    for side in ["left", "right"] {
        same_tree(
            ours,
            number(&ours[side][at]) as usize,
            theirs,
            number(&theirs[side][other]) as usize,
            splits,
        );
    }
}

fn check(case: &Value, x: &Matrix, y: &Labels, weights: &Weights) {
    let model = Model::fit(
        &spec(case),
        &FitRequest {
            x,
            y,
            weights,
            watch: None,
            seed: 3,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| (),
        },
    )
    .expect("fit");
    let first: Vec<usize> = (0..40).collect();
    let proba = model.predict_proba(&x.take(&first)).expect("predict");
    let theirs: Vec<f64> = case["proba"]
        .as_array()
        .expect("rows")
        .iter()
        .flat_map(numbers)
        .collect();
    let body = serde_json::to_value(&model.body).expect("json");
    if let Some(tree) = case.get("tree") {
        let mut splits = 0;
        same_tree(&body["decision_tree"]["tree"], 0, tree, 0, &mut splits);
        assert!(splits >= 3);
        close(
            &model.importances(),
            &numbers(&tree["importances"]),
            "importance",
        );
    } else {
        let ours = numbers(&body["adaboost"]["weights"]);
        close(&ours, &numbers(&case["weights"]), "estimator weight");
        close(
            &model.importances(),
            &numbers(&case["importances"]),
            "importance",
        );
    }
    close(&proba, &theirs, "probability");
}

#[test]
fn models_without_ties_equal_scikit_learns() {
    let oracle: Value =
        serde_json::from_str(include_str!("../../../tests/oracles/sklearn_small.json"))
            .expect("oracle file");
    let rows: Vec<Vec<f32>> = serde_json::from_value(oracle["x"].clone()).expect("x");
    let columns = (0..rows[0].len()).map(|c| rows.iter().map(|r| r[c]).collect());
    let x = from_columns(columns.collect());
    let codes: Vec<u32> = serde_json::from_value(oracle["y"].clone()).expect("y");
    let row_weights: Vec<f32> =
        serde_json::from_value(oracle["row_weights"].clone()).expect("weights");
    let cases = oracle["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 24);
    for case in cases {
        let y = match case["case"].as_str() {
            Some("binary") => labels(codes.iter().map(|&c| c.min(1)).collect(), 2),
            _ => labels(codes.clone(), 3),
        };
        let weights = Weights {
            rows: (case["weighted"] == true).then(|| row_weights.clone()),
            classes: None,
        };
        println!("{} {} {}", case["learner"], case["case"], case["weighted"]);
        check(case, &x, &y, &weights);
    }
}
