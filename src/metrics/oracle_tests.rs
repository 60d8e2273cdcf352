//! Our figures against scikit-learn's, from `tests/oracles/metrics.json`
//! (`benches/peers/metrics_oracle.py` makes it).

use serde_json::Value;

use super::*;

const ORACLE: &str = include_str!("../../tests/oracles/metrics.json");

fn close(name: &str, ours: Option<f64>, theirs: &Value) {
    match (ours, theirs.as_f64()) {
        (None, None) => {}
        (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{name}: {a}, scikit-learn {b}"),
        (a, b) => panic!("{name}: {a:?}, scikit-learn {b:?}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

#[test]
fn figures_are_scikit_learns() {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    let cases = oracle["cases"].as_array().unwrap();
    assert!(cases.len() >= 14);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels = Labels {
            classes: (0..classes).map(|c| c.to_string()).collect(),
            codes: numbers(&case["truth"]).iter().map(|&t| t as u32).collect(),
        };
        let p: Vec<f64> = numbers(&case["units"]).iter().map(|u| u / 256.0).collect();
        let expected = &case["expected"];
        let ours = TestMetrics::measure(&labels, &p).unwrap();
        for metric in Metric::ALL {
            close(
                &format!("{name}, {metric}"),
                ours.get(metric),
                &expected[metric.key()],
            );
        }
        assert_eq!(
            serde_json::to_value(&ours.confusion).unwrap(),
            expected["confusion"],
            "{name}"
        );
        for (class, theirs) in ours
            .per_class
            .iter()
            .zip(expected["per_class"].as_array().unwrap())
        {
            close(
                &format!("{name}, precision of {}", class.class),
                class.precision,
                &theirs["precision"],
            );
            close(
                &format!("{name}, recall of {}", class.class),
                class.recall,
                &theirs["recall"],
            );
            close(
                &format!("{name}, f1 of {}", class.class),
                class.f1,
                &theirs["f1"],
            );
        }
        // The influences start from the same values.
        for metric in [
            Metric::RocAuc,
            Metric::PrAuc,
            Metric::LogLoss,
            Metric::Brier,
        ] {
            if let Some(found) = influence::influence(metric, &labels.codes, &p, classes) {
                close(
                    &format!("{name}, {metric} by influence"),
                    Some(found.value),
                    &expected[metric.key()],
                );
            }
        }
    }
}

#[test]
fn curves_are_scikit_learns() {
    let oracle: Value = serde_json::from_str(ORACLE).unwrap();
    let mut compared = 0;
    for case in oracle["cases"].as_array().unwrap() {
        let expected = &case["expected"];
        if expected["roc_curve"].is_null() {
            continue;
        }
        let truth = numbers(&case["truth"]);
        let units = numbers(&case["units"]);
        let ranking = Ranking::new(
            truth.len(),
            |r| units[2 * r + 1] / 256.0,
            |r| truth[r] == 1.0,
        );
        for (ours, theirs) in [
            (ranking.roc_curve(), &expected["roc_curve"]),
            (ranking.precision_recall_curve(), &expected["pr_curve"]),
        ] {
            let (x, y) = (numbers(&theirs[0]), numbers(&theirs[1]));
            assert_eq!(ours.len(), x.len(), "{}", case["name"]);
            for (point, (x, y)) in ours.iter().zip(x.iter().zip(&y)) {
                assert!((point.x - x).abs() < 1e-12 && (point.y - y).abs() < 1e-12);
                compared += 1;
            }
        }
    }
    assert!(compared > 100);
}
