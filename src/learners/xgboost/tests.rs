use std::sync::Mutex;

use super::*;
use crate::learners::{FitControl, Weights};

/// Rows whose class shows in two noisy features.
fn data(rows: usize, classes: u32) -> (Matrix, Labels) {
    let mut state = 5u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f32 / (1u64 << 31) as f32
    };
    let codes: Vec<u32> = (0..rows as u32).map(|r| r % classes).collect();
    let columns = vec![
        codes.iter().map(|&c| c as f32 + 1.5 * draw()).collect(),
        (0..rows).map(|_| draw()).collect(),
        codes
            .iter()
            .map(|&c| (c % 2) as f32 + 3.0 * draw())
            .collect(),
    ];
    let names = ["a", "noise", "b"].map(String::from).to_vec();
    let labels = Labels {
        classes: (0..classes).map(|c| format!("c{c}")).collect(),
        codes,
    };
    (Matrix::from_columns(names, rows, columns), labels)
}

struct Setup {
    params: XgboostParams,
    weights: Weights,
    threads: usize,
    stop: Option<(u32, StopRequest)>,
    watch: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            params: XgboostParams {
                rounds: 10,
                ..Default::default()
            },
            weights: Weights::default(),
            threads: 1,
            stop: None,
            watch: false,
        }
    }
}

fn fit(setup: &Setup, x: &Matrix, y: &Labels) -> (Result<Xgboost, FitError>, Vec<Progress>) {
    let control = FitControl::new();
    let seen = Mutex::new(Vec::new());
    let fitted = Xgboost::fit(
        &setup.params,
        &FitRequest {
            x,
            y,
            weights: &setup.weights,
            watch: setup.watch.then_some((x, y)),
            seed: 9,
            threads: setup.threads,
            control: &control,
            progress: &|p| {
                if let Some((round, stop)) = setup.stop
                    && p.round == round
                {
                    control.request(stop);
                }
                seen.lock().unwrap().push(p);
            },
        },
    );
    (fitted, seen.into_inner().unwrap())
}

fn json(model: &Xgboost) -> String {
    serde_json::to_string(model).unwrap()
}

fn log_loss(p: &[f64], y: &Labels) -> f64 {
    let k = y.classes.len();
    let sum: f64 = y
        .codes
        .iter()
        .enumerate()
        .map(|(r, &c)| -p[r * k + c as usize].ln())
        .sum();
    sum / y.rows() as f64
}

#[test]
fn reports_the_log_loss_of_each_round() {
    for classes in [2, 3] {
        let (x, y) = data(500, classes);
        let setup = Setup {
            watch: true,
            ..Default::default()
        };
        let (model, seen) = fit(&setup, &x, &y);
        assert_eq!(seen.len(), 10);
        for (i, p) in seen.iter().enumerate() {
            assert_eq!((p.round, p.of), (i as u32 + 1, 10));
            assert_eq!(p.train[0].0, "log_loss");
            // The same rows are watched as are fitted.
            assert!((p.train[0].1 - p.valid[0].1).abs() < 1e-6);
        }
        let p = model.unwrap().predict_proba(&x, classes as usize).unwrap();
        let last = seen[9].train[0].1;
        assert!(
            (log_loss(&p, &y) - last).abs() < 1e-5,
            "{} {last}",
            log_loss(&p, &y)
        );
        assert!(last < seen[0].train[0].1);
    }
}

#[test]
fn stops_when_asked() {
    let (x, y) = data(300, 2);
    let stopped = |stop| {
        fit(
            &Setup {
                stop: Some((3, stop)),
                ..Default::default()
            },
            &x,
            &y,
        )
    };
    let (model, seen) = stopped(StopRequest::AfterRound);
    assert_eq!((model.unwrap().rounds(), seen.len()), (3, 3));
    let (model, seen) = stopped(StopRequest::Now);
    assert!(matches!(model, Err(FitError::Cancelled)));
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_stopped_fit_is_the_beginning_of_the_whole_one() {
    let (x, y) = data(300, 3);
    let stop = Some((4, StopRequest::AfterRound));
    let stopped = fit(
        &Setup {
            stop,
            ..Default::default()
        },
        &x,
        &y,
    )
    .0
    .unwrap();
    let params = XgboostParams {
        rounds: 4,
        ..Default::default()
    };
    let short = fit(
        &Setup {
            params,
            ..Default::default()
        },
        &x,
        &y,
    )
    .0
    .unwrap();
    assert_eq!(json(&stopped), json(&short));
}

#[test]
fn weights_change_the_model_and_a_weight_of_zero_hides_a_row() {
    let (x, y) = data(400, 2);
    let with = |weights| {
        fit(
            &Setup {
                weights,
                ..Default::default()
            },
            &x,
            &y,
        )
        .0
        .unwrap()
    };
    let mean = |m: &Xgboost| {
        let p = m.predict_proba(&x, 2).unwrap();
        p.chunks(2).map(|r| r[1]).sum::<f64>() / 400.0
    };
    let plain = with(Weights::default());
    let heavy = with(Weights {
        rows: None,
        classes: Some(vec![1.0, 30.0]),
    });
    assert!(
        mean(&heavy) > mean(&plain) + 0.02,
        "{} {}",
        mean(&heavy),
        mean(&plain)
    );
    // Rows with flipped labels, but without weight, change nothing.
    let flipped = Labels {
        classes: y.classes.clone(),
        codes: y
            .codes
            .iter()
            .enumerate()
            .map(|(r, &c)| if r % 5 == 0 { 1 - c } else { c })
            .collect(),
    };
    let weights = Weights {
        rows: Some(
            (0..400)
                .map(|r| if r % 5 == 0 { 0.0 } else { 1.0 })
                .collect(),
        ),
        classes: None,
    };
    let setup = Setup {
        weights,
        ..Default::default()
    };
    let (a, b) = (
        fit(&setup, &x, &y).0.unwrap(),
        fit(&setup, &x, &flipped).0.unwrap(),
    );
    assert_eq!(json(&a), json(&b));
}

#[test]
fn missing_values_are_allowed_and_infinite_ones_are_not() {
    let (x, y) = data(200, 2);
    let with = |value: f32| {
        let mut columns: Vec<Vec<f32>> = (0..3).map(|f| x.column(f).to_vec()).collect();
        columns[1][7] = value;
        Matrix::from_columns(x.names().to_vec(), 200, columns)
    };
    let model = fit(&Setup::default(), &with(f32::NAN), &y).0.unwrap();
    let p = model.predict_proba(&with(f32::NAN), 2).unwrap();
    assert!(p.iter().all(|p| p.is_finite()));
    let e = fit(&Setup::default(), &with(f32::INFINITY), &y)
        .0
        .unwrap_err();
    assert!(
        e.to_string().contains("`noise`") && e.to_string().contains("row 7"),
        "{e}"
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let (x, y) = data(50, 2);
    let d = XgboostParams::default;
    for (params, name) in [
        (XgboostParams { rounds: 0, ..d() }, "rounds"),
        (
            XgboostParams {
                learning_rate: 0.0,
                ..d()
            },
            "learning_rate",
        ),
        (
            XgboostParams {
                max_depth: 65,
                ..d()
            },
            "max_depth",
        ),
        (
            XgboostParams {
                min_child_weight: -1.0,
                ..d()
            },
            "min_child_weight",
        ),
        (
            XgboostParams {
                subsample: 1.5,
                ..d()
            },
            "subsample",
        ),
        (
            XgboostParams {
                colsample_bytree: 0.0,
                ..d()
            },
            "colsample_bytree",
        ),
        (
            XgboostParams {
                reg_lambda: f64::NAN,
                ..d()
            },
            "reg_lambda",
        ),
        (
            XgboostParams {
                reg_alpha: -0.1,
                ..d()
            },
            "reg_alpha",
        ),
        (
            XgboostParams {
                gamma: f64::INFINITY,
                ..d()
            },
            "gamma",
        ),
        (XgboostParams { max_bin: 1, ..d() }, "max_bin"),
    ] {
        let e = fit(
            &Setup {
                params,
                ..Default::default()
            },
            &x,
            &y,
        )
        .0
        .unwrap_err();
        assert!(
            matches!(e, FitError::Setting { .. }) && e.to_string().contains(name),
            "{e}"
        );
    }
}

#[test]
fn gains_are_those_of_the_features_that_tell() {
    let (x, y) = data(600, 3);
    let gains = fit(&Setup::default(), &x, &y).0.unwrap().total_gain(3);
    assert!(gains[0] > gains[2] && gains[2] > gains[1], "{gains:?}");
}

#[test]
fn sampling_depends_on_the_seed_only() {
    let (x, y) = data(5000, 3);
    let params = XgboostParams {
        rounds: 5,
        subsample: 0.5,
        colsample_bytree: 0.7,
        ..Default::default()
    };
    let with = |threads| {
        let setup = Setup {
            params: params.clone(),
            threads,
            ..Default::default()
        };
        json(&fit(&setup, &x, &y).0.unwrap())
    };
    let one = with(1);
    assert!(one == with(1), "twice the same");
    for threads in [2, 3, 7] {
        assert!(one == with(threads), "{threads} threads");
    }
}

#[test]
fn fits_and_predicts_from_several_threads_at_once() {
    let (x, y) = data(2000, 3);
    let model = fit(&Setup::default(), &x, &y).0.unwrap();
    let p = model.predict_proba(&x, 3).unwrap();
    let wanted = json(&model);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(model.predict_proba(&x, 3).unwrap(), p);
                assert_eq!(json(&fit(&Setup::default(), &x, &y).0.unwrap()), wanted);
            });
        }
    });
}

#[test]
fn scores_are_the_library_s_bit_for_bit() {
    for classes in [2, 3, 5] {
        for (max_depth, subsample) in [(1, 1.0), (6, 1.0), (0, 0.7)] {
            let (x, y) = data(3_000, classes);
            let setup = Setup {
                params: XgboostParams {
                    rounds: 40,
                    max_depth,
                    subsample,
                    ..Default::default()
                },
                ..Default::default()
            };
            let model = fit(&setup, &x, &y).0.unwrap();
            let library = ffi::Predictor::from_json(json(&model).as_bytes()).unwrap();
            // Blocks that are whole, cut and of one row; without and with missing values, some far
            // out and some on the thresholds themselves.
            let mut rough = x.data().to_vec();
            for (at, value) in rough.iter_mut().enumerate() {
                match at % 11 {
                    0 => *value = f32::NAN,
                    1 => *value = 1e30 * (at as f32 - 500.0),
                    2 => *value = value.round(),
                    _ => {}
                }
            }
            let rough = Matrix::from_data(x.names().to_vec(), x.rows(), rough);
            for x in [&x, &rough] {
                for rows in [1, 7, 64, 65, 3_000] {
                    let x = x.take(&(0..rows).collect::<Vec<_>>());
                    let ours = model.predict_proba(&x, classes as usize).unwrap();
                    let theirs = library.predict(&x).unwrap();
                    let wide: Vec<u64> = match classes {
                        2 => (theirs.iter())
                            .flat_map(|p| [1.0 - f64::from(*p), f64::from(*p)])
                            .map(f64::to_bits)
                            .collect(),
                        _ => theirs.iter().map(|p| f64::from(*p).to_bits()).collect(),
                    };
                    let ours: Vec<u64> = ours.into_iter().map(f64::to_bits).collect();
                    assert_eq!(
                        ours, wide,
                        "{classes} classes, depth {max_depth}, {rows} rows"
                    );
                }
            }
        }
    }
}

#[test]
fn a_document_that_would_lead_astray_is_refused() {
    let (x, y) = data(300, 3);
    let model = fit(&Setup::default(), &x, &y).0.unwrap();
    let good: serde_json::Value = serde_json::to_value(&model).unwrap();
    let trees = "/learner/gradient_booster/model/trees/0";
    for (path, value) in [
        (format!("{trees}/left_children/0"), "99999"),
        (format!("{trees}/left_children/0"), "0"),
        (format!("{trees}/right_children/0"), "1"),
        (format!("{trees}/right_children/0"), "-1"),
        (format!("{trees}/parents/0"), "0"),
        (format!("{trees}/parents/1"), "2"),
        (format!("{trees}/split_indices/0"), "3"),
        (format!("{trees}/split_type/0"), "1"),
        (format!("{trees}/default_left/0"), "2"),
        (format!("{trees}/split_conditions"), "[]"),
        (format!("{trees}/sum_hessian/0"), "1e60"),
        (format!("{trees}/id"), "1"),
        (format!("{trees}/tree_param/num_nodes"), "\"1000000\""),
        (format!("{trees}/tree_param/size_leaf_vector"), "\"7\""),
        ("/learner/gradient_booster/model/tree_info/0".into(), "2"),
        (
            "/learner/gradient_booster/model/iteration_indptr/1".into(),
            "2",
        ),
        ("/learner/gradient_booster/name".into(), "\"dart\""),
        ("/learner/learner_model_param/num_class".into(), "\"4\""),
        ("/learner/learner_model_param/num_feature".into(), "\"2\""),
        (
            "/learner/learner_model_param/base_score".into(),
            "\"[0.5]\"",
        ),
        ("/learner/objective/name".into(), "\"rank:ndcg\""),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(&path).unwrap() = serde_json::from_str(value).unwrap();
        let refused = match serde_json::from_value::<Xgboost>(bad) {
            Err(_) => true,
            Ok(model) => model.check(3, 3).is_err(),
        };
        assert!(refused, "{path} = {value}");
    }
    assert!(model.check(3, 3).is_ok());
    assert!(model.check(4, 3).is_err() && model.check(2, 3).is_err() && model.check(3, 4).is_err());
}
