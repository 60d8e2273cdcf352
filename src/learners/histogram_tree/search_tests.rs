//! The split search against every split tried by hand, and model files against hostile ones.

use proptest::prelude::*;

use super::codes::CodedMatrix;
use super::criterion::{impurity, side_score};
use super::split::{Item, NodeView, Offer, RowWeight, Scratch, best_split};
use super::test_data::{from_columns, labels, with_request};
use super::tree::{Tree, TreeFile, Values};
use super::{AdaboostModel, DecisionTreeModel, RandomForestModel};
use crate::learners::{AdaboostParams, Criterion, DecisionTreeParams, RandomForestParams};

/// The best score over all thresholds, by counting both sides anew for each; none for no split.
fn by_hand(
    values: &[f32],
    rows: &[(usize, usize, f64)],
    classes: usize,
    criterion: Criterion,
    min_leaf: usize,
) -> Option<f64> {
    let mut best: Option<f64> = None;
    for &(row, _, _) in rows {
        let threshold = values[row];
        let mut sides = [vec![0.0; classes], vec![0.0; classes]];
        let mut counts = [0, 0];
        for &(row, class, weight) in rows {
            let side = usize::from(values[row] > threshold);
            sides[side][class] += weight;
            counts[side] += 1;
        }
        if counts[0] < min_leaf || counts[1] < min_leaf || counts[1] == 0 {
            continue;
        }
        let score: f64 = sides
            .iter()
            .map(|side| side_score(criterion, side.iter().copied()))
            .sum();
        best = Some(best.map_or(score, |b| b.max(score)));
    }
    best
}

fn search<W: RowWeight>(
    values: &[f32],
    items: &[Item<W>],
    classes: usize,
    criterion: Criterion,
    min_leaf: usize,
) -> Offer {
    let x = CodedMatrix::new(&from_columns(vec![values.to_vec()])).expect("finite");
    let mut totals = vec![0.0; classes];
    for item in items {
        totals[usize::from(item.class)] += item.weight.sum().into();
    }
    let view = NodeView {
        items,
        totals: &totals,
        criterion,
        min_leaf,
    };
    best_split(&view, &x.features[0], &mut Scratch::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Few and many distinct values, few and many rows of the node: histograms and sorting.
    #[test]
    fn the_search_finds_the_best_split(
        cells in prop::collection::vec((0u32..3000, 0usize..4, 1u16..4, 0usize..4), 2..400),
        kinds in prop::sample::select(vec![1u32, 2, 3, 20, 300, 3000]),
        keep in 0usize..4,
        entropy: bool,
        min_leaf in prop::sample::select(vec![1usize, 2, 9]),
    ) {
        let criterion = if entropy { Criterion::Entropy } else { Criterion::Gini };
        let values: Vec<f32> = cells.iter().map(|c| (c.0 % kinds) as f32).collect();
        // A node holds some of the rows only.
        let inside = |c: &(u32, usize, u16, usize)| c.3 <= keep;
        let rows: Vec<(usize, usize, f64)> = (cells.iter().enumerate())
            .filter(|(_, c)| inside(c))
            .map(|(row, c)| (row, c.1, f64::from(c.2)))
            .collect();
        prop_assume!(!rows.is_empty());
        let counted: Vec<Item<u16>> = (rows.iter())
            .map(|r| Item { row: r.0 as u32, class: r.1 as u16, weight: r.2 as u16 })
            .collect();
        let weighted: Vec<Item<f64>> = (rows.iter())
            .map(|r| Item { row: r.0 as u32, class: r.1 as u16, weight: r.2 / 8.0 })
            .collect();
        let best = by_hand(&values, &rows, 4, criterion, min_leaf);
        let offers = [
            (search(&values, &counted, 4, criterion, min_leaf), 1.0),
            (search(&values, &weighted, 4, criterion, min_leaf), 8.0),
        ];
        let first = values[rows[0].0];
        let constant = rows.iter().all(|r| values[r.0] == first);
        for (offer, scale) in offers {
            match (offer, best) {
                (Offer::Constant, None) => prop_assert!(constant),
                (Offer::Nothing, None) => prop_assert!(!constant),
                (Offer::Split { score, left, right }, Some(best)) => {
                    prop_assert!(left < right);
                    let score = score * scale;
                    prop_assert!((score - best).abs() <= 1e-9 * best.abs().max(1.0), "{score} {best}");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    /// Nodes in which pure children exist are worth their whole impurity.
    #[test]
    fn a_clean_cut_takes_all_impurity(left in 1usize..60, right in 1usize..60, gap in 1u32..900) {
        let values: Vec<f32> = (0..left).map(|i| i as f32)
            .chain((0..right).map(|i| (60 + gap as usize + i) as f32))
            .collect();
        let items: Vec<Item<u16>> = (0..left + right)
            .map(|row| Item { row: row as u32, class: u16::from(row >= left), weight: 1 })
            .collect();
        let offer = search(&values, &items, 2, Criterion::Gini, 1);
        let Offer::Split { score, left: l, right: r } = offer else {
            return Err(TestCaseError::fail("no split"));
        };
        prop_assert_eq!((usize::from(l), usize::from(r)), (left - 1, left));
        let n = (left + right) as f64;
        prop_assert!((score - n).abs() < 1e-9);
        prop_assert!(impurity(Criterion::Gini, &[left as f64, right as f64]) > 0.0);
    }

    /// Any arrays either are refused or make a tree that predicts without panic or loop.
    #[test]
    fn hostile_trees_do_no_harm(
        feature in prop::collection::vec(-2i32..4, 0..12),
        left in prop::collection::vec(0u32..14, 0..12),
        right_is_next in prop::collection::vec(prop::bool::weighted(0.9), 12),
        value in prop::collection::vec(0u8..3, 0..9),
        cut in 0usize..40,
    ) {
        let n = feature.len();
        let right: Vec<u32> = left.iter().zip(&right_is_next)
            .map(|(l, &next)| if next { l + 1 } else { 1 })
            .collect();
        let file = serde_json::json!({
            "feature": feature,
            "threshold": vec![0.5; if cut == 0 { n + 1 } else { n }],
            "left": left.iter().copied().chain(std::iter::repeat(0)).take(n).collect::<Vec<_>>(),
            "right": right.iter().copied().chain(std::iter::repeat(1)).take(n).collect::<Vec<_>>(),
            "value": value,
        });
        let file: TreeFile = serde_json::from_value(file).expect("arrays of numbers");
        if let Ok(tree) = Tree::from_file(file, 3, 2) {
            let x = from_columns(vec![vec![0.0, 1.0, f32::NAN]; 3]);
            let mut rows = 0;
            tree.walk(Values::of(&x), 0, 3, |_, shares| rows += shares.len());
            prop_assert_eq!(rows, 6);
        }
    }

    /// A written model reads back to the same probabilities, bit by bit; a model cut short or
    /// with a number changed is refused or harmless.
    #[test]
    fn files_read_back_and_damaged_ones_do_no_harm(
        cells in prop::collection::vec((-4i32..5, -1000i32..1000, 0u32..3), 3..80),
        at in 0.0f64..1.0,
        digit in b'0'..=b'9',
    ) {
        let x = from_columns(vec![
            cells.iter().map(|c| c.0 as f32 / 3.0).collect(),
            cells.iter().map(|c| c.1 as f32 * 1.1e-5).collect(),
        ]);
        let y = labels(cells.iter().map(|c| c.2).collect(), 3);
        prop_assume!(y.counts().iter().filter(|n| **n > 0).count() > 1);
        let forest = RandomForestParams { trees: 3, ..RandomForestParams::default() };
        with_request(&x, &y, 1, |request| {
            let tree = DecisionTreeModel::fit(&DecisionTreeParams::default(), request);
            check_file(&tree.expect("fit"), |m| m.predict_proba(&x), at, digit)?;
            let forest = RandomForestModel::fit(&forest, request);
            check_file(&forest.expect("fit"), |m| m.predict_proba(&x), at, digit)?;
            if let Ok(ensemble) = AdaboostModel::fit(&AdaboostParams::default(), request) {
                check_file(&ensemble, |m| m.predict_proba(&x), at, digit)?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

fn check_file<M: serde::Serialize + serde::de::DeserializeOwned>(
    model: &M,
    predict: impl Fn(&M) -> Vec<f64>,
    at: f64,
    digit: u8,
) -> Result<(), TestCaseError> {
    let mut bytes = serde_json::to_vec(model).expect("json");
    let back: M = serde_json::from_slice(&bytes).expect("a written model reads back");
    prop_assert_eq!(predict(model), predict(&back));
    prop_assert!(serde_json::to_vec(&back).expect("json") == bytes);
    let place = (at * bytes.len() as f64) as usize;
    prop_assert!(serde_json::from_slice::<M>(&bytes[..place]).is_err());
    if bytes[place].is_ascii_digit() {
        bytes[place] = digit;
        if let Ok(damaged) = serde_json::from_slice::<M>(&bytes)
            && let Ok(text) = serde_json::to_value(&damaged)
            && text["features"] == 2
        {
            predict(&damaged);
        }
    }
    Ok(())
}
