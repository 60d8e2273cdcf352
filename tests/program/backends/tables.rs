//! The public tables, imported into the real MongoDB and retrained from there, beside runs from
//! the files: equal digests and equal bytes of every model.

use std::path::Path;

use serde_json::Value;

use super::site::{Site, assert_same_bytes};
use crate::harness::shared_data;
use crate::services::{self, needs_servers};

/// Learners that are quick enough for a test, one of each kind.
const QUICK: &str = r#"
[training]
learners = ["logistic_regression", "decision_tree", "random_forest", "adaboost", "xgboost"]
folds = 2
[training.random_forest]
trees = 5
[training.adaboost]
rounds = 5
[training.xgboost]
rounds = 5
"#;

/// For a table of 125,000 rows.
const QUICKER: &str = r#"
[training]
learners = ["decision_tree", "xgboost"]
folds = 2
[training.xgboost]
rounds = 3
"#;

/// A run from files.
fn from_files(init: &[&str], changes: &str) -> Value {
    let site = Site::new();
    site.ok(&[&["init"], init].concat());
    site.configure(changes);
    site.json(&["retrain", "--json"])
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_phishing_table_gives_the_same_models_from_mongodb_as_from_the_file() {
    needs_servers!();
    let Some(file) = shared_data(
        "data/phishing_uci/phisingData.csv",
        "the_phishing_table_gives_the_same_models_from_mongodb_as_from_the_file",
    ) else {
        return;
    };
    let expected = from_files(&["--preset", "phishing", "--data", text(&file)], QUICK);

    let database = services::unique("backends");
    let mut site = Site::new();
    site.set(services::mongodb().env());
    let said = site.import(&file, "phishing", &database, "phishing");
    assert!(said.contains("11,055") || said.contains("11055"), "{said}");
    site.ok(&[
        "init",
        "--preset",
        "phishing",
        "--mongodb",
        &format!("{database}.phishing"),
    ]);
    site.configure(QUICK);
    let show = site.json(&["retrain", "--json"]);
    assert_eq!(show["outcome"], "finished");
    assert_eq!(show["data"]["rows"], 11_055);
    assert_eq!(show["data"]["digest"], expected["data"]["digest"]);
    assert_eq!(show["leaderboard"].as_array().unwrap().len(), 5);
    assert_same_bytes(&show, &expected);
}

#[test]
fn nsl_kdd_gives_the_same_models_from_mongodb_as_from_the_files() {
    needs_servers!();
    let name = "nsl_kdd_gives_the_same_models_from_mongodb_as_from_the_files";
    let (Some(train), Some(test)) = (
        shared_data("data/nsl_kdd/KDDTrain+.txt.zst", name),
        shared_data("data/nsl_kdd/KDDTest+.txt.zst", name),
    ) else {
        return;
    };
    let expected = from_files(
        &[
            "--preset",
            "nsl-kdd",
            "--data",
            text(&train),
            "--test",
            text(&test),
        ],
        QUICKER,
    );

    let database = services::unique("backends");
    let mut site = Site::new();
    site.set(services::mongodb().env());
    site.import(&train, "nsl-kdd", &database, "train");
    site.import(&test, "nsl-kdd", &database, "test");
    // The second import of a file adds nothing.
    site.import(&test, "nsl-kdd", &database, "test");
    site.ok(&[
        "init",
        "--preset",
        "nsl-kdd",
        "--mongodb",
        &format!("{database}.train"),
        "--test",
        "test",
    ]);
    site.configure(QUICKER);
    let show = site.json(&["retrain", "--json"]);
    assert_eq!(show["outcome"], "finished");
    assert_eq!(show["data"], {
        let mut data = expected["data"].clone();
        data["source"] = show["data"]["source"].clone();
        data
    });
    assert_same_bytes(&show, &expected);
}
