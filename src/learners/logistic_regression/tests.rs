use std::sync::Mutex;

use super::*;
use crate::learners::{FitControl, Weights};

/// Two overlapping clouds and a third class, with a useless and a constant column.
fn data(rows: usize, classes: u32) -> (Matrix, Labels) {
    let mut state = 7u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f32 / (1u64 << 31) as f32
    };
    let codes: Vec<u32> = (0..rows as u32).map(|r| r % classes).collect();
    let columns = vec![
        codes.iter().map(|&c| c as f32 + 2.0 * draw()).collect(),
        codes
            .iter()
            .map(|&c| 1000.0 * (draw() - 0.3 * (c % 2) as f32))
            .collect(),
        (0..rows).map(|_| draw()).collect(),
        vec![5.0; rows],
    ];
    let names = ["a", "b", "noise", "constant"].map(String::from).to_vec();
    let labels = Labels {
        classes: (0..classes).map(|c| format!("c{c}")).collect(),
        codes,
    };
    (Matrix::from_columns(names, rows, columns), labels)
}

fn fit_with(
    params: &LogisticRegressionParams,
    x: &Matrix,
    y: &Labels,
    weights: &Weights,
) -> Result<LogisticRegression, FitError> {
    LogisticRegression::fit(
        params,
        &FitRequest {
            x,
            y,
            weights,
            watch: None,
            seed: 1,
            threads: 1,
            control: &FitControl::new(),
            progress: &|_| {},
        },
    )
}

fn fit(x: &Matrix, y: &Labels) -> LogisticRegression {
    let tight = LogisticRegressionParams {
        tolerance: 1e-9,
        ..Default::default()
    };
    fit_with(&tight, x, y, &Weights::default()).unwrap()
}

/// The penalised objective has one minimum, where this vanishes for every weight:
/// C * sum (p - y) * z + w, and for every intercept C * sum (p - y).
fn largest_gradient(m: &LogisticRegression, x: &Matrix, y: &Labels) -> f64 {
    let k = y.classes.len();
    let p = m.predict_proba(x, k).unwrap();
    let mut worst = 0.0f64;
    for (output, coefficients) in m.coefficients.iter().enumerate() {
        let class = if m.coefficients.len() == 1 { 1 } else { output };
        let residual =
            |r: usize| p[r * k + class] - f64::from(u8::from(y.codes[r] as usize == class));
        for (feature, w) in coefficients.iter().enumerate() {
            let sum: f64 = (0..x.rows())
                .map(|r| {
                    let z = (f64::from(x.get(r, feature)) - m.scaling.offset[feature])
                        / m.scaling.scale[feature];
                    residual(r) * z
                })
                .sum();
            worst = worst.max((sum + w).abs());
        }
        worst = worst.max((0..x.rows()).map(residual).sum::<f64>().abs());
    }
    worst
}

#[test]
fn two_classes_reach_the_minimum() {
    let (x, y) = data(5000, 2);
    let m = fit(&x, &y);
    assert!(m.converged());
    assert_eq!(m.coefficients.len(), 1);
    assert!(
        largest_gradient(&m, &x, &y) < 1e-3,
        "{}",
        largest_gradient(&m, &x, &y)
    );
    assert_eq!(m.coefficients[0][3], 0.0, "a constant column says nothing");
}

#[test]
fn more_classes_reach_the_minimum() {
    let (x, y) = data(3000, 4);
    let m = fit(&x, &y);
    assert!(m.converged());
    assert!(
        largest_gradient(&m, &x, &y) < 1e-3,
        "{}",
        largest_gradient(&m, &x, &y)
    );
}

#[test]
fn probabilities_of_a_row_sum_to_one() {
    for classes in [2, 3] {
        let (x, y) = data(600, classes);
        let m = fit(&x, &y);
        let p = m.predict_proba(&x, classes as usize).unwrap();
        assert_eq!(p.len(), 600 * classes as usize);
        for row in p.chunks(classes as usize) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn a_class_without_rows_has_probability_zero() {
    let (x, mut y) = data(900, 3);
    y.classes.insert(1, "rare".into());
    for code in &mut y.codes {
        *code = [0, 2, 3][*code as usize];
    }
    let m = fit(&x, &y);
    let p = m.predict_proba(&x, 4).unwrap();
    assert!(p.chunks(4).all(|row| row[1] == 0.0 && row[0] > 0.0));
    let m3 = {
        let (x, y) = data(900, 3);
        fit(&x, &y)
    };
    assert_eq!(
        m.coefficients, m3.coefficients,
        "the empty class changes nothing else"
    );
}

#[test]
fn a_weight_of_two_is_a_row_twice() {
    let (x, y) = data(400, 3);
    let weights: Vec<f32> = (0..400).map(|r| 1.0 + (r % 2) as f32).collect();
    let twice: Vec<usize> = (0..400).flat_map(|r| vec![r; 1 + r % 2]).collect();
    let tight = LogisticRegressionParams {
        tolerance: 1e-10,
        ..Default::default()
    };
    // The same scaling on both sides, or the penalty would differ.
    let scaled = |x: &Matrix, s: &Scaling| {
        let columns = (0..x.features())
            .map(|f| {
                x.column(f)
                    .iter()
                    .map(|v| ((f64::from(*v) - s.offset[f]) / s.scale[f]) as f32)
                    .collect()
            })
            .collect();
        Matrix::from_columns(x.names().to_vec(), x.rows(), columns)
    };
    let many = scaled(&x.take(&twice), &Scaling::fit(&x.take(&twice)));
    let rows = Weights {
        rows: Some(weights),
        classes: None,
    };
    let few = fit_with(&tight, &x, &y, &rows).unwrap();
    let many = fit_with(&tight, &many, &y.take(&twice), &Weights::default()).unwrap();
    let few_p = few.predict_proba(&x, 3).unwrap();
    let many_p = many
        .predict_proba(&scaled(&x, &Scaling::fit(&x.take(&twice))), 3)
        .unwrap();
    for (a, b) in few_p.iter().zip(&many_p) {
        assert!((a - b).abs() < 2e-3, "{a} {b}");
    }
}

#[test]
fn class_weights_move_the_balance() {
    let (x, y) = data(2000, 2);
    let heavy = Weights {
        rows: None,
        classes: Some(vec![1.0, 20.0]),
    };
    let plain = fit(&x, &y).predict_proba(&x, 2).unwrap();
    let moved = fit_with(&LogisticRegressionParams::default(), &x, &y, &heavy)
        .unwrap()
        .predict_proba(&x, 2)
        .unwrap();
    let mean = |p: &[f64]| p.chunks(2).map(|r| r[1]).sum::<f64>() / 2000.0;
    assert!(mean(&moved) > mean(&plain) + 0.1);
}

#[test]
fn separable_data_does_not_run_away() {
    let x = Matrix::from_columns(vec!["a".into()], 4, vec![vec![-1.0, -0.5, 0.5, 1.0]]);
    let y = Labels {
        classes: vec!["n".into(), "p".into()],
        codes: vec![0, 0, 1, 1],
    };
    let m = fit(&x, &y);
    assert!(m.coefficients[0][0] > 0.5 && m.coefficients[0][0] < 10.0);
    assert!(largest_gradient(&m, &x, &y) < 1e-6);
}

#[test]
fn reports_each_iteration_and_the_watched_rows() {
    let (x, y) = data(1000, 3);
    let seen = Mutex::new(Vec::new());
    LogisticRegression::fit(
        &LogisticRegressionParams::default(),
        &FitRequest {
            x: &x,
            y: &y,
            weights: &Weights::default(),
            watch: Some((&x, &y)),
            seed: 1,
            threads: 1,
            control: &FitControl::new(),
            progress: &|p| seen.lock().unwrap().push(p),
        },
    )
    .unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 3);
    for (i, p) in seen.iter().enumerate() {
        assert_eq!(p.round as usize, i + 1);
        assert!(p.train[0].1 < 3f64.ln());
    }
    // The same rows are watched as are fitted, so the two curves agree where both exist.
    let first = &seen[0];
    assert!((first.valid[0].1 - first.train[0].1).abs() < 1e-12);
    assert!(seen[1].valid.is_empty() && !seen[4].valid.is_empty());
    assert!(seen.last().unwrap().train[0].1 < first.train[0].1);
}

#[test]
fn stops_when_asked() {
    let (x, y) = data(1000, 3);
    let run = |stop: StopRequest| {
        let control = FitControl::new();
        LogisticRegression::fit(
            &LogisticRegressionParams::default(),
            &FitRequest {
                x: &x,
                y: &y,
                weights: &Weights::default(),
                watch: None,
                seed: 1,
                threads: 1,
                control: &control,
                progress: &|p| {
                    if p.round == 2 {
                        control.request(stop);
                    }
                },
            },
        )
    };
    assert!(matches!(run(StopRequest::Now), Err(FitError::Cancelled)));
    assert_eq!(run(StopRequest::AfterRound).unwrap().iterations, 2);
    assert!(run(StopRequest::None).unwrap().iterations > 2);
}

#[test]
fn refuses_settings_and_data_it_cannot_use() {
    let (x, y) = data(100, 2);
    for (c, tolerance, max_iterations) in [
        (0.0, 1e-4, 10),
        (f64::NAN, 1e-4, 10),
        (1.0, 0.0, 10),
        (1.0, 1e-4, 0),
    ] {
        let params = LogisticRegressionParams {
            c,
            tolerance,
            max_iterations,
        };
        let e = fit_with(&params, &x, &y, &Weights::default());
        assert!(matches!(e, Err(FitError::Setting { .. })), "{params:?}");
    }
    let mut column = vec![0.0; 100];
    column[7] = f32::INFINITY;
    let x = Matrix::from_columns(vec!["a".into()], 100, vec![column]);
    let e = fit_with(&Default::default(), &x, &y, &Weights::default());
    assert!(matches!(e, Err(FitError::Data { .. })));
}

#[test]
fn the_same_at_any_number_of_threads() {
    let (x, y) = data(9000, 3);
    let with = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| fit(&x, &y))
    };
    assert_eq!(with(1), with(3));
}
