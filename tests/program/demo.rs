//! The demo from end to end, and every decision a user can take on its result.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program in `dir` with the demo's configuration.
fn netsec(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsec"));
    crate::harness::without_settings(&mut command);
    command
        .args(args)
        .env("NETSEC_CONFIG", dir.join("config.toml"))
        .env("USER", "mara")
        .current_dir(dir)
        .output()
        .expect("the program starts")
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let output = netsec(dir, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{args:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn json(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&ok(dir, args)).expect("one JSON document")
}

#[test]
fn the_demo_ends_with_a_plan_that_can_be_decided() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let dir_text = dir.to_str().unwrap();
    let summary = ok(
        home.path(),
        &[
            "demo",
            "--headless",
            "--rows",
            "6000",
            "--seed",
            "7",
            "--dir",
            dir_text,
        ],
    );
    assert!(summary.contains("waiting     plan"), "{summary}");

    // Two runs, the first one's model in production, the second waiting.
    let runs = json(&dir, &["runs", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 2);
    let show = json(&dir, &["show", "latest", "--json"]);
    assert_eq!(show["outcome"], "finished");
    assert_eq!(show["champion_before"], "v1");
    assert_eq!(show["gate"]["verdict"], "accept");
    let data = &show["data"];
    assert_eq!(
        data["rows"].as_u64().unwrap(),
        data["kept"].as_u64().unwrap() + data["quarantined"].as_u64().unwrap()
    );
    assert!(
        data["quarantined"].as_u64().unwrap() > 0,
        "the demo has unreadable rows"
    );
    let drifted = ok(&dir, &["show", "latest"]);
    assert!(drifted.contains("data_validation"), "{drifted}");
    let plan = json(&dir, &["plan", "latest", "--json"]);
    let id = plan["plan_id"].as_str().unwrap();
    assert_eq!(plan["plan_id"], show["plan_id"]);
    assert_eq!(
        plan["evidence"]["drifted"].as_u64().map(|n| n > 0),
        Some(true),
        "{plan}"
    );

    // The first approval stands in the journal under the demo's name.
    let journal = ok(&dir, &["journal", "--json"]);
    let first: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    assert_eq!(first["decision"], "approve");
    assert_eq!(first["by"]["name"], "demo");

    // A reason that says nothing is refused; a real one pushes.
    let output = netsec(&dir, &["approve", id, "--reason", " "]);
    assert_eq!(output.status.code(), Some(2));
    assert!(ok(&dir, &["approve", id, "--reason", "better"]).contains("v2 is in production"));
    let again = netsec(&dir, &["approve", id, "--reason", "again"]);
    assert_eq!(again.status.code(), Some(5));
    assert!(ok(&dir, &["journal", "verify"]).contains("final_model/ is v2"));

    // Every row comes back in its order, with a prediction unless it could not be read.
    let input = dir.join("data").join("flows_newer.csv");
    let scored = ok(&dir, &["predict", input.to_str().unwrap()]);
    let lines = std::fs::read_to_string(&input).unwrap().lines().count();
    assert_eq!(scored.lines().count(), lines);
    assert!(
        scored
            .lines()
            .next()
            .unwrap()
            .ends_with(",predicted_label,predicted_score")
    );

    // Back to the first, and the journal knows what was in production when.
    assert!(ok(&dir, &["rollback", "--reason", "test"]).contains("v1 is in production"));
    let now = json(&dir, &["journal", "--as-of", "2999-01-01", "--json"]);
    assert_eq!(now["subject"]["version"], "v1");
    ok(&dir, &["doctor"]);

    // A forged journal is noticed and nothing is decided on it.
    let path = dir.join("Artifacts").join("journal.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("better", "bettor", 1)).unwrap();
    assert_eq!(netsec(&dir, &["journal", "verify"]).status.code(), Some(5));
    let output = netsec(&dir, &["rollback", "v2", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn the_demo_leaves_another_project_alone() {
    let home = tempfile::tempdir().unwrap();
    let text = "[schema]\npreset = \"phishing\"\n";
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    let dir = home.path().to_str().unwrap();
    let output = netsec(home.path(), &["demo", "--headless", "--dir", dir]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        std::fs::read_to_string(home.path().join("config.toml")).unwrap(),
        text
    );
}
