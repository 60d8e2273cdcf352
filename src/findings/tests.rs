//! Findings of a whole project, read back and held against the data itself.

use std::fs;
use std::sync::Arc;

use chrono::Utc;

use super::testing::{
    CALM, FIRST, LATEST, found, log_of, project, rows, samples, stopped_by_checks,
};
use super::*;
use crate::dataset::query::Filter;
use crate::dataset::{Frame, read_frame};
use crate::drift::binned;
use crate::error::ErrorKind;
use crate::events::{Actor, CheckVerdict, DriftVerdict};
use crate::runs::RunId;

/// The rows of the latest run, both parts.
fn latest_rows() -> Frame {
    let mut both = rows(3200, 9000, true);
    both.append(&rows(800, 12_200, true)).unwrap();
    both
}

#[test]
fn every_check_and_every_column_is_a_finding_of_its_own() {
    let [latest, _] = samples();
    let report = latest.validation.as_ref().unwrap();
    let drift = latest.drift.as_ref().unwrap();
    assert_eq!(
        latest.findings.len(),
        report.checks.len() + drift.columns.len()
    );
    let mut ids: Vec<&str> = latest.findings.iter().map(|f| f.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), latest.findings.len(), "every name once");
    let failing = report
        .checks
        .iter()
        .filter(|c| c.verdict != CheckVerdict::Ok)
        .count();
    let drifted = drift.drifted() as usize;
    assert!(failing > 0 && drifted > 0);
    assert_eq!(latest.problems().count(), failing + drifted);
    assert_eq!(latest.count(Standing::Drift), drifted);
    for id in ["drift.count", "ranges.dst_bytes", "categories.flag"] {
        assert!(latest.find(id).unwrap().standing.is_problem(), "{id}");
    }
    assert_eq!(latest.find("ranges.dst_bytes").unwrap().observed, "9 rows");
    assert_eq!(latest.reference(), Some("v1"));
}

/// The bins written beside the report are those its figures were made from.
#[test]
fn the_bins_give_the_figures_of_the_report() {
    let [latest, _] = samples();
    let mut compared = 0;
    for column in &latest.drift.as_ref().unwrap().columns {
        let bins = latest.bins_of(&column.column).unwrap();
        let counts = |bins: &[crate::drift::Bin]| -> Vec<(u64, u64)> {
            bins.iter().map(|b| (b.reference, b.current)).collect()
        };
        assert!(bins.unlisted.is_none());
        let psi = binned::psi(&counts(&bins.bins));
        assert_eq!(psi, column.psi, "{}", column.column);
        let decile = binned::decile_figures(&counts(&bins.deciles));
        assert_eq!(
            decile.map(|d| d.psi),
            column.decile.map(|d| d.psi),
            "{}",
            column.column
        );
        let (_, (before, now)) = bins.of_figure("PSI");
        assert_eq!((before, now), (column.n_reference, column.n_current));
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// What is offered to the data browser selects exactly the rows that the check counted.
#[test]
fn the_rows_behind_a_finding_are_those_that_fail() {
    let [latest, _] = samples();
    let frame = latest_rows();
    let select = |id: &str| {
        let behind = latest.rows_behind(latest.find(id).unwrap()).unwrap();
        let filter = Filter::parse(behind.filter.as_ref().unwrap()).unwrap();
        filter.rows(&frame).unwrap().len() as u64
    };
    for check in &latest.validation.as_ref().unwrap().checks {
        let id = match check.id.as_str() {
            "ranges" | "categories" => format!("{}.{}", check.id, check.column.as_ref().unwrap()),
            _ => continue,
        };
        if check.verdict != CheckVerdict::Ok {
            assert_eq!(select(&id), check.failing_rows, "{id}");
        }
    }
    let nulls = frame.numbers("dst_bytes").unwrap();
    let nulls = nulls.iter().filter(|v| v.is_nan()).count() as u64;
    assert_eq!(nulls, 9);
    assert_eq!(select("nulls.dst_bytes"), nulls);
    let new = frame.texts("service").unwrap();
    let new = new.iter().flatten().filter(|s| *s == "http_8001").count();
    assert_eq!(select("drift.service"), new as u64);
    // The bins that won: more than a fair share of their rows are the shifted ones.
    let won = select("drift.count");
    assert!(won > 500 && won < frame.rows() as u64, "{won}");
}

#[test]
fn the_past_of_a_column_and_what_changed() {
    let [latest, first] = samples();
    let runs: Vec<&str> = latest.history.iter().map(|p| p.run.as_str()).collect();
    assert_eq!(runs, [LATEST, CALM, FIRST]);
    assert_eq!(latest.history[1].drifted(), Some(0));
    assert_eq!(latest.history[2].drifted(), None, "no champion then");
    let psi: Vec<f64> = latest
        .psi_history("count")
        .into_iter()
        .map(|(_, psi)| psi)
        .collect();
    assert_eq!(psi.len(), 2);
    assert!(psi[0] < 0.1 && psi[1] > 0.2, "oldest first: {psi:?}");
    assert!(latest.history[0].problems.contains("ranges.dst_bytes"));
    assert!(!latest.history[1].problems.contains("ranges.dst_bytes"));
    assert!(latest.history[0].has_drifted("count"));
    assert_eq!(first.history.len(), 1);
    let new = latest.bins_of("service").unwrap().new_listed();
    assert_eq!(new[0].label(), "http_8001");
}

#[test]
fn the_champion_and_the_mix_of_the_classes() {
    let [latest, first] = samples();
    let effect = latest.effect.as_ref().unwrap();
    assert_eq!((effect.version.as_str(), effect.metric), ("v1", "macro-F1"));
    let (before, now) = (
        effect.before.as_ref().unwrap(),
        effect.now.as_ref().unwrap(),
    );
    assert_eq!((before.f1, now.f1), (Some(0.954), Some(0.9466)));
    assert_eq!((before.n, now.n), (990, 990));
    // 990 rows, of which 516 and 497 are called harmless.
    let alerts = |harmless: f64| 1000.0 * (990.0 - harmless) / 990.0;
    assert_eq!(before.alerts_per_thousand, Some(alerts(516.0)));
    assert_eq!(now.alerts_per_thousand, Some(alerts(497.0)));
    assert!(first.effect.is_none() && first.evaluated && first.drift.is_none());

    let mix = latest.label_mix.as_ref().unwrap();
    assert_eq!(mix.rows(), (4000, 4000));
    let labels = latest_rows().texts("label").unwrap();
    let normal = labels.iter().flatten().filter(|l| *l == "normal").count() as u64;
    assert_eq!(mix.classes[0].class, "normal");
    assert_eq!(mix.classes[0].current, normal);
    let alone = first.label_mix.as_ref().unwrap();
    assert!(!alone.compared);
    assert_eq!(alone.rows().1, 2500 + 1666 + 20);

    let rank = |id: &str| latest.find(id).unwrap().importance;
    assert_eq!(rank("drift.src_bytes"), Some(1));
    assert_eq!(rank("drift.service"), Some(2), "its features together");
    assert_eq!(rank("drift.flag"), None);
    assert_eq!(latest.important_columns, 3);
}

#[test]
fn the_drift_comes_from_a_slice() {
    let (_dir, workspace) = project();
    let latest = found(&workspace, LATEST);
    let (reference, parts) = latest.snapshots(&workspace).unwrap();
    let bins = &latest.bins.as_ref().unwrap().columns;
    let found = slices(&reference, &parts, bins, "count", "PSI", &|| false).unwrap();
    assert_eq!(found.by.as_deref(), Some("service"));
    assert_eq!(found.slices[0].value, "http");
    assert!(found.slices[0].psi > Some(1.0));
}

#[test]
fn a_run_that_has_not_changed_is_not_read_again() {
    let (_dir, workspace) = project();
    let run: RunId = LATEST.parse().unwrap();
    let mut reader = FindingsReader::default();
    let one = reader.read(&workspace, &run).unwrap();
    assert!(Arc::ptr_eq(&one, &reader.read(&workspace, &run).unwrap()));
    let by = Actor {
        name: "jon".into(),
        from: "here".into(),
    };
    let dir = workspace.run_dir(&run);
    let finding = one.find("drift.count").unwrap();
    acknowledge(&dir, LATEST, finding, by, "known", Utc::now()).unwrap();
    let two = reader.read(&workspace, &run).unwrap();
    assert_eq!(one.acknowledged.of(finding), None);
    assert_eq!(two.acknowledged.of(finding).unwrap().note, "known");
}

#[test]
fn without_reports_the_log_tells() {
    let (_dir, workspace) = project();
    let run: RunId = "20261122-2000-0001".parse().unwrap();
    let dir = workspace.run_dir(&run);
    fs::create_dir_all(&dir).unwrap();
    log_of(&dir, &[]);
    assert_eq!(found(&workspace, run.as_str()).source, Source::Nothing);
    log_of(&dir, &stopped_by_checks());
    let read = found(&workspace, run.as_str());
    assert_eq!(read.source, Source::Log);
    assert_eq!(read.checks, 2);
    let ids: Vec<&str> = read.problems().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["missing_columns.count"]);
    assert_eq!(read.findings[0].standing, Standing::Fail);
    let e = crate::error::CommandError::from(read.named("missing_columns.cout").unwrap_err());
    assert_eq!(e.kind, ErrorKind::NotFound);
    assert_eq!(e.hints, ["Did you mean `missing_columns.count`?"]);
}

#[test]
fn damaged_reports_are_an_error_and_older_runs_have_no_bins() {
    let (_dir, workspace) = project();
    let run: RunId = LATEST.parse().unwrap();
    let stage = workspace.run_dir(&run).join("data_validation");
    fs::remove_file(stage.join("drift_bins.json")).unwrap();
    let old = found(&workspace, LATEST);
    assert!(old.bins.is_none() && old.drift.is_some());
    assert_eq!(old.reference(), Some("v1"), "from the evaluation");
    assert!(!old.label_mix.as_ref().unwrap().compared);
    assert_eq!(
        old.find("drift.count").unwrap().standing,
        Standing::from(DriftVerdict::Drift)
    );
    let drift = stage.join("drift.json");
    let bytes = fs::read(&drift).unwrap();
    fs::write(&drift, &bytes[..bytes.len() / 2]).unwrap();
    let e = FindingsReader::default()
        .read(&workspace, &run)
        .unwrap_err();
    assert_eq!(e.kind, ErrorKind::Data);
    assert!(e.message.contains("drift.json is damaged"), "{e}");
    // A run without a report that can be read is no past.
    let calm = found(&workspace, CALM);
    assert_eq!(calm.history.len(), 2);
    assert!(rows(10, 0, false).rows() == 10 && read_frame(&drift).is_err());
}
