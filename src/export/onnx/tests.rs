//! The graph without ONNX: its bytes, and trees pruned and walked.

use proptest::prelude::*;

use super::ensemble::pruned;
use crate::config::{NumericImpute, TransformationConfig};
use crate::export::testing::{bundle, spec_of, specs};
use crate::export::{mlflow, xgboost};
use crate::learners::LearnerId;
use crate::learners::plain_tree::{Comparison, PlainNode, PlainTree};

#[test]
fn the_same_model_gives_the_same_bytes() {
    for classes in [2, 4] {
        for spec in specs() {
            let plain = TransformationConfig::default();
            // Fitted twice, not merely written twice; linfa's trees differ from fit to fit.
            let first = bundle(&spec, classes, &plain);
            let second = match spec.id() {
                LearnerId::LinfaTree => first.clone(),
                _ => bundle(&spec, classes, &plain),
            };
            let bytes = super::encode(&first).unwrap();
            assert_eq!(bytes, super::encode(&second).unwrap(), "{}", spec.id());
            assert!(bytes.len() > 500);
        }
    }
}

#[test]
fn the_folder_names_what_lies_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("model");
    let bundle = bundle(
        &spec_of(LearnerId::DecisionTree),
        2,
        &TransformationConfig::default(),
    );
    let files = mlflow::write(&place, &bundle).unwrap();
    assert_eq!(files, mlflow::write(&place, &bundle).unwrap());
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.join("manifest.json")).unwrap()).unwrap();
    for file in files.iter().filter(|f| f.name != "manifest.json") {
        let found = crate::hash::sha256_file(&place.join(&file.name)).unwrap();
        assert_eq!(found, file.sha256);
        assert_eq!(manifest["files"][&file.name], found, "{}", file.name);
    }
    let text = std::fs::read_to_string(place.join("MLmodel")).unwrap();
    for part in [
        "loader_module: mlflow.onnx",
        r#""name":"service""#,
        r#""dtype":"object""#,
        "netsec.threshold: '0.4'",
        "utc_time_created: '2026-11-22 18:30:00.000000'",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn columns_named_like_outputs_keep_their_names() {
    let mut bundle = bundle(
        &spec_of(LearnerId::DecisionTree),
        4,
        &TransformationConfig::default(),
    );
    bundle.model.classes[1] = "x_".into();
    bundle.model.classes[2] = "x".into();
    let names = |b: &crate::export::Bundle| -> Vec<String> {
        super::outputs(b)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(
        names(&bundle),
        ["label", "score", "p_normal", "p_x_", "p_x", "p_r2l"]
    );
    bundle.model.classes[1] = "x".into();
    assert_eq!(names(&bundle)[3..5], ["p_x", "p_x_"]);
}

#[test]
fn only_xgboost_has_a_file_of_xgboost() {
    let tree = bundle(
        &spec_of(LearnerId::DecisionTree),
        2,
        &TransformationConfig::default(),
    );
    let e = xgboost::encode(&tree, "m.ubj".as_ref()).unwrap_err();
    assert!(e.to_string().contains("decision_tree"), "{e}");
}

#[cfg(feature = "xgboost")]
#[test]
fn xgboost_writes_its_own_formats() {
    let boosted = bundle(
        &spec_of(LearnerId::Xgboost),
        2,
        &TransformationConfig::default(),
    );
    let json = xgboost::encode(&boosted, "m.json".as_ref()).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let names = document["learner"]["attributes"]["netsec.features"].as_str();
    assert!(names.unwrap().contains("service=tcp"));
    let ubj = xgboost::encode(&boosted, "m.UBJ".as_ref()).unwrap();
    assert_eq!(ubj[0], b'{');
    assert_ne!(ubj, json);
    assert!(xgboost::encode(&boosted, "m.bin".as_ref()).is_err());
}

#[test]
fn every_imputation_can_be_written() {
    for numeric_impute in [
        NumericImpute::Median,
        NumericImpute::Mode,
        NumericImpute::Constant { value: -1.0 },
        NumericImpute::Knn { neighbours: 3 },
    ] {
        let settings = TransformationConfig {
            numeric_impute,
            ..TransformationConfig::default()
        };
        super::encode(&bundle(&spec_of(LearnerId::DecisionTree), 2, &settings)).unwrap();
    }
}

/// A tree of random shape: each number says whether the next open node is a split.
fn tree() -> impl Strategy<Value = PlainTree<(usize, f64)>> {
    prop::collection::vec((any::<bool>(), 0_usize..3, -2_i8..3, 0_usize..2), 1..60).prop_map(
        |choices| {
            let mut nodes: Vec<Option<PlainNode<(usize, f64)>>> = vec![None];
            let mut at = 0;
            while at < nodes.len() {
                let (splits, feature, value, target) =
                    choices.get(at).copied().unwrap_or((false, 0, 1, 0));
                nodes[at] = Some(if splits && at < choices.len() {
                    let left = nodes.len();
                    nodes.extend([None, None]);
                    PlainNode::Split {
                        feature,
                        threshold: f64::from(value),
                        left,
                        right: left + 1,
                        missing_left: target == 0,
                    }
                } else {
                    PlainNode::Leaf((target, f64::from(value)))
                });
                at += 1;
            }
            PlainTree {
                comparison: Comparison::AtMost,
                nodes: nodes.into_iter().flatten().collect(),
            }
        },
    )
}

fn walk(tree: &PlainTree<(usize, f64)>, row: &[f64]) -> (usize, f64) {
    let mut at = 0;
    loop {
        match &tree.nodes[at] {
            PlainNode::Leaf(vote) => return *vote,
            PlainNode::Split {
                feature,
                threshold,
                left,
                right,
                ..
            } => {
                at = if row[*feature] <= *threshold {
                    *left
                } else {
                    *right
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_pruned_tree_answers_the_same(
        tree in tree(),
        rows in prop::collection::vec(prop::array::uniform3(-3.0..3.0_f64), 20),
    ) {
        let small = pruned(&tree);
        prop_assert!(small.nodes.len() <= tree.nodes.len());
        for row in rows {
            prop_assert_eq!(walk(&small, &row), walk(&tree, &row));
        }
        for (at, node) in small.nodes.iter().enumerate() {
            if let PlainNode::Split { left, right, .. } = node {
                prop_assert!(*left > at && *right > at);
            }
        }
    }

    /// Why thresholds are exported as `double` and never moved: every `float` compares with the
    /// wide threshold as with the narrow one, and a `double` threshold stays what it is.
    #[test]
    fn comparing_wide_is_comparing_narrow(a in any::<u32>(), b in any::<u32>()) {
        let (value, threshold) = (f32::from_bits(a), f32::from_bits(b));
        prop_assert_eq!(value <= threshold, f64::from(value) <= f64::from(threshold));
        prop_assert_eq!(value < threshold, f64::from(value) < f64::from(threshold));
    }
}
