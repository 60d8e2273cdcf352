//! Behaviour of the three learners on small made-up data.

use std::sync::Mutex;

use super::test_data::{from_columns, labels, with_request};
use super::{AdaboostModel, DecisionTreeModel, RandomForestModel};
use crate::dataset::{Labels, Matrix};
use crate::learners::{
    AdaboostParams, DecisionTreeParams, FitControl, FitError, FitRequest, LearnerSpec, MaxFeatures,
    Model, Progress, RandomForestParams, StopRequest, Weights,
};

/// A stream of numbers that look random.
fn stream(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(2) + 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

/// Three noisy classes over features of few and of many values.
fn noisy(rows: usize, features: usize, seed: u64) -> (Matrix, Labels) {
    let mut next = stream(seed);
    let columns: Vec<Vec<f32>> = (0..features)
        .map(|f| {
            let kinds = [2, 3, 50, 100_000][f % 4];
            (0..rows).map(|_| (next() % kinds) as f32).collect()
        })
        .collect();
    let codes = (0..rows)
        .map(|row| {
            let sum = columns[0][row] + columns[1][row] + columns[2][row] / 25.0;
            if next().is_multiple_of(10) {
                (next() % 3) as u32
            } else {
                (sum as u32).min(2)
            }
        })
        .collect();
    (from_columns(columns), labels(codes, 3))
}

fn three_specs() -> [LearnerSpec; 3] {
    [
        LearnerSpec::DecisionTree(DecisionTreeParams::default()),
        LearnerSpec::RandomForest(RandomForestParams {
            trees: 12,
            ..RandomForestParams::default()
        }),
        LearnerSpec::Adaboost(AdaboostParams {
            rounds: 8,
            max_depth: 2,
            ..AdaboostParams::default()
        }),
    ]
}

fn fit(spec: &LearnerSpec, x: &Matrix, y: &Labels) -> Model {
    with_request(x, y, 7, |request| Model::fit(spec, request)).expect("fit")
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("pool")
        .install(work)
}

fn right(model: &Model, x: &Matrix, y: &Labels) -> usize {
    let proba = model.predict_proba(x).expect("predict");
    proba
        .chunks_exact(y.classes.len())
        .zip(&y.codes)
        .filter(|(row, code)| super::tree::top_class(row) == **code as usize)
        .count()
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_any_number_of_threads() {
    // Large enough that a single tree searches its features in parallel.
    let (x, y) = noisy(40_000, 28, 1);
    for spec in three_specs() {
        let spec = match spec {
            LearnerSpec::RandomForest(p) => LearnerSpec::RandomForest(RandomForestParams {
                trees: 6,
                max_depth: 10,
                ..p
            }),
            LearnerSpec::DecisionTree(p) => {
                LearnerSpec::DecisionTree(DecisionTreeParams { max_depth: 9, ..p })
            }
            other => other,
        };
        let bytes = |threads| {
            in_pool(threads, || {
                serde_json::to_vec(&fit(&spec, &x, &y)).expect("json")
            })
        };
        let one = bytes(1);
        assert!(one == bytes(2) && one == bytes(5), "{}", spec.id());
    }
}

#[test]
fn another_seed_gives_another_forest() {
    let (x, y) = noisy(500, 8, 2);
    let spec = &three_specs()[1];
    let [a, b] = [1, 2].map(|seed| {
        let model = with_request(&x, &y, seed, |request| Model::fit(spec, request)).expect("fit");
        serde_json::to_string(&model).expect("json")
    });
    assert_ne!(a, b);
}

#[test]
fn four_classes_of_two_binary_features_are_told_apart() {
    let codes: Vec<u32> = (0..4000).map(|i| i % 4).collect();
    let x = from_columns(vec![
        codes.iter().map(|c| (c % 2) as f32).collect(),
        codes.iter().map(|c| (c / 2) as f32).collect(),
        vec![1.0; 4000],
    ]);
    let y = labels(codes, 4);
    for spec in &three_specs()[..2] {
        let model = fit(spec, &x, &y);
        assert_eq!(right(&model, &x, &y), 4000, "{}", spec.id());
        let importances = model.importances();
        assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(importances[2], 0.0);
    }
}

#[test]
fn a_split_without_gain_still_leads_on() {
    // XOR: no first split improves anything, the second level is pure.
    let x = from_columns(vec![
        (0..400).map(|i| (i % 2) as f32).collect(),
        (0..400).map(|i| (i / 2 % 2) as f32).collect(),
    ]);
    let y = labels((0..400).map(|i| (i % 2) ^ (i / 2 % 2)).collect(), 2);
    assert_eq!(right(&fit(&three_specs()[0], &x, &y), &x, &y), 400);
}

#[test]
fn unlimited_trees_learn_distinct_rows_by_heart() {
    let mut next = stream(9);
    let column: Vec<f32> = (0..5000).map(|i| i as f32 * 1e-7).collect();
    let x = from_columns(vec![column]);
    let y = labels((0..5000).map(|_| (next() % 5) as u32).collect(), 5);
    assert_eq!(right(&fit(&three_specs()[0], &x, &y), &x, &y), 5000);
}

#[test]
fn thresholds_lie_halfway_between_values_of_the_node() {
    // Below x0 <= 0.5 the values of x1 are 0 and 10 only, though 4 occurs elsewhere.
    let x = from_columns(vec![
        vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
        vec![0.0, 10.0, 10.0, 4.0, 4.0, 4.0, 4.0],
    ]);
    let y = labels(vec![0, 1, 1, 2, 2, 2, 2], 3);
    let model = fit(&three_specs()[0], &x, &y);
    let probe = from_columns(vec![vec![0.0, 0.0], vec![5.0, 5.1]]);
    let proba = model.predict_proba(&probe).expect("predict");
    assert_eq!(proba, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn depth_and_row_limits_are_kept() {
    let (x, y) = noisy(2000, 8, 3);
    for weights in [None, Some(vec![0.5; 2000])] {
        for (max_depth, min_split, min_leaf) in [(3, 2, 1), (0, 400, 1), (0, 2, 150)] {
            let params = DecisionTreeParams {
                max_depth,
                min_samples_split: min_split,
                min_samples_leaf: min_leaf,
                ..DecisionTreeParams::default()
            };
            let control = FitControl::new();
            let model = DecisionTreeModel::fit(
                &params,
                &FitRequest {
                    x: &x,
                    y: &y,
                    weights: &Weights {
                        rows: weights.clone(),
                        classes: None,
                    },
                    watch: None,
                    seed: 0,
                    threads: 1,
                    control: &control,
                    progress: &|_| (),
                },
            )
            .expect("fit");
            // Rows that end in the same leaf have equal shares; leaves can only be larger in sum.
            let json = serde_json::to_value(&model).expect("json");
            let file = &json["tree"];
            let get = |name: &str, i: usize| file[name][i].as_i64().expect("number");
            let mut counts = vec![0u32; model.nodes()];
            let mut depths = vec![0u32; model.nodes()];
            for row in 0..x.rows() {
                let mut at = 0;
                counts[0] += 1;
                while get("feature", at) >= 0 {
                    let value = x.get(row, get("feature", at) as usize);
                    let threshold = file["threshold"][at].as_f64().expect("number") as f32;
                    let side = if value <= threshold { "left" } else { "right" };
                    let child = get(side, at) as usize;
                    depths[child] = depths[at] + 1;
                    counts[child] += 1;
                    at = child;
                }
            }
            assert!(model.nodes() > 5);
            for node in 0..model.nodes() {
                assert!(max_depth == 0 || depths[node] <= max_depth);
                assert!(counts[node] >= min_leaf);
                assert!(get("feature", node) < 0 || counts[node] >= min_split);
            }
        }
    }
}

#[test]
fn a_weight_of_two_is_a_row_twice_and_zero_is_none() {
    let (x, y) = noisy(600, 4, 4);
    let weights: Vec<f32> = (0..600).map(|i| (i % 3) as f32).collect();
    let twice: Vec<usize> = (0..600).flat_map(|i| vec![i; i % 3]).collect();
    let params = DecisionTreeParams {
        max_depth: 4,
        ..DecisionTreeParams::default()
    };
    let spec = LearnerSpec::DecisionTree(params);
    let weighted = Model::fit(
        &spec,
        &FitRequest {
            x: &x,
            y: &y,
            weights: &Weights {
                rows: Some(weights),
                classes: None,
            },
            watch: None,
            seed: 7,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| (),
        },
    )
    .expect("fit");
    let repeated = fit(&spec, &x.take(&twice), &y.take(&twice));
    assert_eq!(
        weighted.predict_proba(&x).expect("predict"),
        repeated.predict_proba(&x).expect("predict")
    );
}

#[test]
fn class_weights_pull_a_forest_towards_the_rare_class() {
    let mut next = stream(5);
    let x = from_columns(vec![(0..2000).map(|_| (next() % 20) as f32).collect()]);
    let y = labels(
        (0..2000)
            .map(|_| u32::from(next().is_multiple_of(20)))
            .collect(),
        2,
    );
    let mean_share = |bootstrap: bool, classes: Option<Vec<f32>>| {
        let params = RandomForestParams {
            trees: 10,
            bootstrap,
            ..RandomForestParams::default()
        };
        let request = FitRequest {
            x: &x,
            y: &y,
            weights: &Weights {
                rows: None,
                classes,
            },
            watch: None,
            seed: 0,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| (),
        };
        let model = RandomForestModel::fit(&params, &request).expect("fit");
        model.predict_proba(&x).chunks(2).map(|p| p[1]).sum::<f64>() / 2000.0
    };
    for bootstrap in [false, true] {
        let plain = mean_share(bootstrap, None);
        let weighted = mean_share(bootstrap, Some(vec![1.0, 19.0]));
        assert!((plain - 0.05).abs() < 0.02, "{plain}");
        assert!((weighted - 0.5).abs() < 0.1, "{weighted}");
    }
}

#[test]
fn what_is_not_finite_is_refused_and_named() {
    for bad in [f32::NAN, f32::INFINITY] {
        let x = from_columns(vec![vec![0.0, 1.0, 2.0], vec![0.0, bad, 1.0]]);
        let y = labels(vec![0, 1, 1], 2);
        for spec in three_specs() {
            let error = with_request(&x, &y, 0, |request| Model::fit(&spec, request));
            let text = error.expect_err("refused").to_string();
            assert!(text.contains("`f1`") && text.contains("row 1"), "{text}");
        }
    }
}

#[test]
fn missing_values_go_right_when_predicting() {
    let x = from_columns(vec![vec![0.0, 1.0, 0.0, 1.0]]);
    let y = labels(vec![0, 1, 0, 1], 2);
    let probe = from_columns(vec![vec![f32::NAN]]);
    let spec = &three_specs()[0];
    let proba = fit(spec, &x, &y).predict_proba(&probe).expect("predict");
    assert_eq!(proba, [0.0, 1.0]);
}

#[test]
fn wrong_settings_and_data_are_refused() {
    let (x, y) = noisy(50, 4, 6);
    let specs = [
        LearnerSpec::DecisionTree(DecisionTreeParams {
            min_samples_split: 1,
            ..DecisionTreeParams::default()
        }),
        LearnerSpec::DecisionTree(DecisionTreeParams {
            min_samples_leaf: 0,
            ..DecisionTreeParams::default()
        }),
        LearnerSpec::RandomForest(RandomForestParams {
            max_features: MaxFeatures::Share(1.5),
            ..RandomForestParams::default()
        }),
        LearnerSpec::RandomForest(RandomForestParams {
            trees: 0,
            ..RandomForestParams::default()
        }),
        LearnerSpec::Adaboost(AdaboostParams {
            learning_rate: f64::NAN,
            ..AdaboostParams::default()
        }),
    ];
    for spec in specs {
        let error = with_request(&x, &y, 0, |request| Model::fit(&spec, request));
        assert!(
            matches!(error, Err(FitError::Setting { .. })),
            "{spec:?} {error:?}"
        );
    }
    let short = labels(vec![0; 49], 3);
    let empty = from_columns(vec![Vec::new()]);
    for (x, y) in [(&x, &short), (&empty, &labels(Vec::new(), 2))] {
        let error = with_request(x, y, 0, |request| Model::fit(&three_specs()[0], request));
        assert!(matches!(error, Err(FitError::Data { .. })));
    }
}

#[test]
fn a_cancel_ends_every_fit() {
    let (x, y) = noisy(500, 8, 8);
    for spec in three_specs() {
        let control = FitControl::new();
        control.request(StopRequest::Now);
        let error = Model::fit(
            &spec,
            &FitRequest {
                x: &x,
                y: &y,
                weights: &Weights::default(),
                watch: None,
                seed: 0,
                threads: 1,
                control: &control,
                progress: &|_| (),
            },
        );
        assert!(matches!(error, Err(FitError::Cancelled)), "{}", spec.id());
    }
}

#[test]
fn a_stop_after_the_round_keeps_the_first_rounds() {
    let (x, y) = noisy(800, 8, 10);
    for spec in &three_specs()[1..] {
        let whole = serde_json::to_value(fit(spec, &x, &y)).expect("json");
        for (threads, after) in [(1, 0), (1, 3), (3, 3)] {
            let control = FitControl::new();
            if after == 0 {
                control.request(StopRequest::AfterRound);
            }
            let progress = |p: Progress| {
                if p.round >= after {
                    control.request(StopRequest::AfterRound);
                }
            };
            let model = in_pool(threads, || {
                Model::fit(
                    spec,
                    &FitRequest {
                        x: &x,
                        y: &y,
                        weights: &Weights::default(),
                        watch: None,
                        seed: 7,
                        threads,
                        control: &control,
                        progress: &progress,
                    },
                )
            });
            let part = serde_json::to_value(model.expect("a shorter model")).expect("json");
            let name = spec.id().as_str();
            let trees = |v: &serde_json::Value| -> Vec<serde_json::Value> {
                v["body"][name]["trees"].as_array().expect("trees").clone()
            };
            let (part, whole) = (trees(&part), trees(&whole));
            if threads == 1 {
                assert_eq!(part.len() as u32, after.max(1), "{name}");
            }
            assert!(!part.is_empty() && part.len() <= whole.len());
            assert_eq!(part[..], whole[..part.len()], "{name}");
        }
    }
}

#[test]
fn curves_are_the_same_at_any_number_of_threads_and_end_at_the_model() {
    let (x, y) = noisy(900, 8, 11);
    let (watched, truth) = noisy(300, 8, 12);
    for spec in three_specs() {
        let run = |threads| {
            let seen = Mutex::new(Vec::new());
            let sink = |p: Progress| seen.lock().expect("lock").push(p);
            let model = in_pool(threads, || {
                Model::fit(
                    &spec,
                    &FitRequest {
                        x: &x,
                        y: &y,
                        weights: &Weights::default(),
                        watch: Some((&watched, &truth)),
                        seed: 7,
                        threads,
                        control: &FitControl::new(),
                        progress: &sink,
                    },
                )
            })
            .expect("fit");
            (model, seen.into_inner().expect("lock"))
        };
        let (model, seen) = run(1);
        assert_eq!(seen, run(4).1);
        let rounds: Vec<u32> = seen.iter().map(|p| p.round).collect();
        assert_eq!(rounds, (1..=spec.rounds()).collect::<Vec<_>>());
        let proba = model.predict_proba(&watched).expect("predict");
        let expected = super::curve::figures(&proba, &truth);
        let last = &seen.last().expect("progress").valid;
        for (got, want) in last.iter().zip(&expected) {
            assert_eq!(got.0, want.0);
            assert!((got.1 - want.1).abs() < 1e-12, "{got:?} {want:?}");
        }
        assert_eq!(last.len(), 2);
    }
}

#[test]
fn probabilities_sum_to_one_and_classes_without_rows_get_none() {
    let (x, mut y) = noisy(700, 8, 13);
    y.classes.insert(0, "never".into());
    for code in &mut y.codes {
        *code += 1;
    }
    for spec in three_specs() {
        let proba = fit(&spec, &x, &y).predict_proba(&x).expect("predict");
        for row in proba.chunks_exact(4) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert_eq!(row[0], 0.0);
        }
    }
}

#[test]
fn a_class_that_alone_has_weight_is_certain() {
    let x = from_columns(vec![vec![1.0, 2.0, 3.0]]);
    let y = labels(vec![1, 0, 1], 2);
    for spec in three_specs() {
        let request = FitRequest {
            x: &x,
            y: &y,
            weights: &Weights {
                rows: Some(vec![1.0, 0.0, 2.0]),
                classes: None,
            },
            watch: None,
            seed: 0,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| (),
        };
        let model = Model::fit(&spec, &request).expect("fit");
        let proba = model.predict_proba(&x).expect("predict");
        assert_eq!(proba, [0.0, 1.0].repeat(3), "{}", spec.id());
    }
}

#[test]
fn adaboost_stops_at_a_perfect_tree_and_refuses_chance() {
    let x = from_columns(vec![vec![0.0, 0.0, 1.0, 1.0]]);
    let params = AdaboostParams::default();
    let fit = |codes| {
        let y = labels(codes, 2);
        with_request(&x, &y, 0, |request| AdaboostModel::fit(&params, request))
    };
    assert_eq!(fit(vec![0, 0, 1, 1]).expect("fit").trees(), 1);
    let error = fit(vec![0, 1, 0, 1]).expect_err("chance").to_string();
    assert!(error.contains("chance"), "{error}");
}

#[test]
fn other_features_are_refused_when_predicting() {
    let (x, y) = noisy(100, 4, 14);
    let model = fit(&three_specs()[0], &x, &y);
    let fewer = from_columns(vec![vec![0.0; 3]; 3]);
    assert!(model.predict_proba(&fewer).is_err());
}
