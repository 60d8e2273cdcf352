//! What a run found out about its data: the same figures on the command line, in the files and on
//! the Validate screen; notes from both, in the evidence of the plan and in what MLflow is told.

use std::path::Path;
use std::process::{Command, Output};

use netsec::runs::RunStore;
use netsec::tracking::project::Project;
use netsec::workspace::Workspace;
use serde_json::Value;

use crate::pty::{Session, command};

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
fn findings_are_the_same_everywhere_and_acknowledged_once() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let dir_text = dir.to_str().unwrap();
    let demo = ["demo", "--headless", "--rows", "3000", "--seed", "7"];
    ok(home.path(), &[&demo[..], &["--dir", dir_text]].concat());

    // The run's own report is what the two files give when they are compared again.
    let of_run = ok(&dir, &["drift", "latest", "--json"]);
    let reference = "Artifacts/versions/v1/reference.parquet";
    let of_files = ok(
        &dir,
        &["drift", reference, "data/flows_newer.csv", "--json"],
    );
    assert_eq!(of_run, of_files);
    let drift: Value = serde_json::from_str(&of_run).unwrap();
    let drifted: Vec<&Value> = drift["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["verdict"] == "drift")
        .collect();
    assert!(drifted.len() > 1, "the demo's newer batch drifts");

    // The first run had nothing to compare with.
    let runs = json(&dir, &["runs", "--json"]);
    let first = runs[1]["run_id"].as_str().unwrap();
    assert_eq!(netsec(&dir, &["drift", first]).status.code(), Some(7));
    let checks = json(&dir, &["validate", "latest", "--json"]);
    let warned = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["verdict"] == "warn")
        .count();

    // On the screen: every drifted column with its figures.
    let mut console = Session::open((120, 36), console(&dir));
    console.wait_text("APPROVE?");
    console.keys("3");
    console.wait_text("Verdict WARN");
    let told = format!("{warned} warn, {} drifted", drifted.len());
    console.wait_text(&told);
    // The largest first, by the figure that the verdict rests on.
    for _ in &drifted {
        let column = console.screen(|s| {
            let text = s.contents();
            let cursor = text.lines().find(|l| l.starts_with(" > drift."));
            cursor.map(|l| l[9..].split_whitespace().next().unwrap().to_owned())
        });
        let column = column.expect("the cursor stands on a drift");
        let report = drifted.iter().find(|c| c["column"] == column.as_str());
        let psi = report.expect("it drifted")["psi"].as_f64().unwrap();
        console.wait_text(&format!("PSI {psi:.4}"));
        console.keys("j");
        console.wait("the cursor to move", |s| {
            !s.contents().contains(&format!(" > drift.{column}"))
        });
    }

    // A note from the console; the cursor goes back to the first drift.
    console.keys("ga");
    console.wait_text("Why it may stay");
    console.keys("known shift\r\r");
    console.wait_text("is acknowledged");
    console.wait_text("acknowledged by tester");
    // And one from the shell, refused without words and for what is no problem.
    let column = drifted[0]["column"].as_str().unwrap();
    let id = format!("drift.{column}");
    let code = |args: &[&str]| netsec(&dir, args).status.code();
    assert_eq!(
        code(&["acknowledge", "latest", &id, "--note", " "]),
        Some(2)
    );
    assert_eq!(
        code(&["acknowledge", "latest", "drift.nothing", "--note", "x"]),
        Some(7)
    );
    ok(
        &dir,
        &["acknowledge", "latest", &id, "--note", "seen before"],
    );
    let text = ok(&dir, &["validate", "latest"]);
    assert!(
        text.contains("acknowledged by tester: known shift"),
        "{text}"
    );
    assert!(text.contains("acknowledged by mara: seen before"), "{text}");

    // The plan's evidence names it, and MLflow will be told.
    console.keys("6\r");
    console.wait_text("ack by tester");
    drop(console);
    let workspace = Workspace::new(&dir);
    let project = Project::open(&workspace, &Default::default()).unwrap();
    let run = RunStore::new(&workspace).resolve("latest").unwrap();
    let wanted = project.source(&run).wanted().unwrap().unwrap();
    let tags = &wanted.runs[0].tags;
    assert!(tags["netsec.acknowledged.1"].ends_with(": known shift"));
    assert!(tags["netsec.acknowledged.2"].contains("by mara"));
}

fn console(dir: &Path) -> portable_pty::CommandBuilder {
    let mut command = command(env!("CARGO_BIN_EXE_netsec"), dir);
    command.args(["--config", "config.toml", "console"]);
    command
}
