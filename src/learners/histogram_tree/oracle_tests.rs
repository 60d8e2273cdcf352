//! Our trees against scikit-learn's: means over ten seeds within two standard errors.
//!
//! scikit-learn's figures are in `tests/oracles/sklearn_seeds.json`, made by
//! `benches/peers/sklearn_seeds.py`. The slow comparisons (forest and AdaBoost on NSL-KDD over all
//! ten seeds, and the CPU seconds) run when `NETSEC_SLOW_TESTS` is set.

use super::test_data::{Task, binary, nsl, phishing, shared, with_request};
use super::tree::top_class;
use crate::learners::{AdaboostParams, DecisionTreeParams, LearnerSpec, Model, RandomForestParams};

/// Accuracy and ROC AUC of one fit on the test rows.
#[derive(Clone, Copy)]
struct Figures {
    accuracy: f64,
    roc_auc: f64,
}

/// Area under the ROC curve by ranks, ties counted half.
fn auc(scores: &[f64], positive: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut below, mut sum) = (0.0, 0.0);
    for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let positives = group.iter().filter(|&&i| positive[i]).count() as f64;
        let negatives = group.len() as f64 - positives;
        sum += positives * (below + negatives / 2.0);
        below += negatives;
    }
    sum / (below * positive.iter().filter(|p| **p).count() as f64)
}

fn figures(task: &Task, proba: &[f64]) -> Figures {
    let classes = task.y.classes.len();
    let codes = &task.y_test.codes;
    let right = proba
        .chunks_exact(classes)
        .zip(codes)
        .filter(|(row, code)| top_class(row) == **code as usize)
        .count();
    let one_against_rest = |class: usize| {
        let scores: Vec<f64> = proba.chunks_exact(classes).map(|row| row[class]).collect();
        let positive: Vec<bool> = codes.iter().map(|&c| c as usize == class).collect();
        auc(&scores, &positive)
    };
    Figures {
        accuracy: right as f64 / codes.len() as f64,
        roc_auc: if classes == 2 {
            one_against_rest(1)
        } else {
            (0..classes).map(one_against_rest).sum::<f64>() / classes as f64
        },
    }
}

fn mean_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// scikit-learn's figures of a task and learner.
fn oracle(task: &str, learner: &str) -> serde_json::Value {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/oracles/sklearn_seeds.json"))
            .expect("oracle file");
    all["tasks"][task][learner].clone()
}

/// CPU seconds of this thread so far, by the kernel's account; 0 where there is none.
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .unwrap_or_default()
        / 1e9
}

/// Fits over `seeds` in one thread and compares the means with scikit-learn's.
fn compare(name: &str, task: &Task, spec: &LearnerSpec, seeds: u64, slack: f64) {
    let learner = spec.id().as_str();
    let oracle = oracle(name, learner);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("pool");
    let mut accuracy = Vec::new();
    let mut roc_auc = Vec::new();
    let mut cpu = 0.0;
    for seed in 0..seeds {
        let fit = || with_request(&task.x, &task.y, seed, |request| Model::fit(spec, request));
        let model = pool.install(|| {
            let start = cpu_seconds();
            let model = fit().expect("fit");
            cpu += cpu_seconds() - start;
            model
        });
        let proba = model.predict_proba(&task.x_test).expect("predict");
        let f = figures(task, &proba);
        accuracy.push(f.accuracy);
        roc_auc.push(f.roc_auc);
    }
    println!(
        "{name} {learner}: {:.3} CPU s a fit, scikit-learn {:.3}",
        cpu / seeds as f64,
        oracle["fit_cpu_s"]["mean"].as_f64().expect("figure"),
    );
    for (metric, ours) in [("accuracy", &accuracy), ("roc_auc", &roc_auc)] {
        let theirs: Vec<f64> =
            serde_json::from_value(oracle[metric]["values"].clone()).expect("figures");
        let ((a, sd_a), (b, sd_b)) = (mean_sd(ours), mean_sd(&theirs));
        let error = (sd_a.powi(2) / ours.len() as f64 + sd_b.powi(2) / theirs.len() as f64).sqrt();
        println!(
            "{name} {learner} {metric}: ours {a:.5} sd {sd_a:.5}, scikit-learn {b:.5} sd {sd_b:.5}, \
             difference {:+.5} = {:+.2} standard errors",
            a - b,
            (a - b) / error,
        );
        assert!(
            (a - b).abs() <= 2.0 * error + slack,
            "{name} {learner} {metric}: {a} is not {b} within two standard errors of {error}"
        );
    }
}

fn tree() -> LearnerSpec {
    LearnerSpec::DecisionTree(DecisionTreeParams::default())
}
fn forest() -> LearnerSpec {
    LearnerSpec::RandomForest(RandomForestParams::default())
}
fn adaboost() -> LearnerSpec {
    LearnerSpec::Adaboost(AdaboostParams::default())
}

fn slow() -> bool {
    std::env::var_os("NETSEC_SLOW_TESTS").is_some()
}

/// Rows a second and core of one fitted model on the train rows; printed, never asserted.
fn print_speed(name: &str, task: &Task, spec: &LearnerSpec) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("pool").install(|| {
        let fitted = with_request(&task.x, &task.y, 0, |request| Model::fit(spec, request));
        let model = fitted.expect("fit");
        let start = cpu_seconds();
        let mut rows = 0;
        while rows < 20_000 || cpu_seconds() - start < 0.3 && rows < 50_000_000 {
            let proba = model.predict_proba(&task.x).expect("predict");
            rows += proba.len() / task.y.classes.len();
        }
        let speed = rows as f64 / (cpu_seconds() - start);
        println!("{name} {}: predicts {speed:.0} rows a CPU s", spec.id());
    });
}

#[test]
fn phishing_agrees_with_scikit_learn() {
    let Some(shared) = shared("phishing_agrees_with_scikit_learn") else {
        return;
    };
    let task = phishing(&shared);
    compare("phishing", &task, &tree(), 10, 0.0);
    compare("phishing", &task, &forest(), 10, 0.0);
    compare("phishing", &task, &adaboost(), 2, 1e-3);
    if slow() {
        for spec in [tree(), forest(), adaboost()] {
            print_speed("phishing", &task, &spec);
        }
    }
}

#[test]
fn nsl_binary_agrees_with_scikit_learn() {
    let Some(shared) = shared("nsl_binary_agrees_with_scikit_learn") else {
        return;
    };
    let task = binary(nsl(&shared));
    compare("nsl_binary", &task, &tree(), 10, 0.0);
    if slow() {
        compare("nsl_binary", &task, &forest(), 10, 0.0);
    }
    compare("nsl_binary", &task, &adaboost(), 2, 1e-3);
    if slow() {
        for spec in [tree(), forest()] {
            print_speed("nsl_binary", &task, &spec);
        }
    }
}

#[test]
fn nsl_five_classes_agree_with_scikit_learn() {
    let Some(shared) = shared("nsl_five_classes_agree_with_scikit_learn") else {
        return;
    };
    let task = nsl(&shared);
    compare("nsl_5", &task, &tree(), 10, 0.0);
    if slow() {
        compare("nsl_5", &task, &forest(), 10, 0.0);
        compare("nsl_5", &task, &adaboost(), 2, 1e-3);
    }
}
