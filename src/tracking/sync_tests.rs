//! Whole passes against a server in memory that loses, doubles and delays.

use serde_json::Value;

use super::cursor::{CursorFile, RunCursor};
use super::mlflow::Capability;
use super::project::Project;
use super::sync::{self, Report, Scope, pass_with};
use super::testing::{FakeServer, Faults, Sample, decision, fake_model};
use crate::approval::Decision;
use crate::config::TrackingConfig;
use crate::runs::RunId;

const KEY: &str = "http://fake netsec";

fn project(sample: &Sample) -> Project {
    Project::open(&sample.workspace(), &TrackingConfig::default()).unwrap()
}

fn pass(server: &FakeServer, sample: &Sample) -> Report {
    let project = project(sample);
    crate::runtime::block_on(pass_with(
        server,
        KEY,
        &project,
        &Scope::Everything,
        fake_model,
    ))
    .unwrap()
    .unwrap()
}

fn cursor(sample: &Sample, run: &RunId) -> RunCursor {
    CursorFile::read(&sample.run_dir(run)).of(KEY)
}

/// Two finished runs; the first one's model is in production.
fn two_runs() -> Sample {
    let sample = Sample::new();
    let first = sample.write(1, usize::MAX);
    decision(&sample.workspace(), &first, Decision::Approve);
    decision(&sample.workspace(), &first, Decision::Pushed);
    sample.write(2, usize::MAX);
    sample
}

fn clean_dump(level: Capability) -> Value {
    let (sample, server) = (two_runs(), FakeServer::new(level, 0, Faults::default()));
    let report = pass(&server, &sample);
    assert_eq!((report.pending, &report.error), (0, &None), "{report:?}");
    server.dump()
}

/// Decision tags carry the time of the journal record: not the same in two samples.
fn without_journal(dump: &Value) -> Value {
    let mut dump = dump.clone();
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|k, _| {
                    !k.starts_with("netsec.decision.")
                        && k != "netsec.approval.event_hash"
                        && k != "netsec.run_manifest_sha256"
                });
                if let Some(files) = map.get_mut("files").and_then(Value::as_array_mut) {
                    // The summary tells the decisions, the manifest its hash.
                    files.retain(|f| f[0] != "summary.txt" && f[0] != "manifest.json");
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut dump);
    dump
}

#[test]
fn a_clean_pass_brings_everything_and_a_second_one_nothing() {
    let (sample, server) = (
        two_runs(),
        FakeServer::new(Capability::Full, 0, Faults::default()),
    );
    let first = pass(&server, &sample);
    assert_eq!((first.pending, first.error.clone()), (0, None), "{first:?}");
    assert!(first.sent > 100 && first.dead_letters.is_empty() && first.warnings.is_empty());
    let dump = server.dump();
    assert_eq!(dump["runs"].as_array().unwrap().len(), 6);
    assert_eq!(dump["models"].as_array().unwrap().len(), 2);
    assert_eq!(dump["versions"].as_array().unwrap().len(), 2);
    assert_eq!(server.alias_now("champion").as_deref(), Some("1"));
    assert_eq!(server.alias_now("challenger").as_deref(), Some("2"));
    let calls = server.calls();
    let second = pass(&server, &sample);
    assert_eq!((second.sent, second.pending), (0, 0));
    assert_eq!(server.calls(), calls, "nothing is changed twice");
    assert_eq!(server.dump(), dump);
}

#[test]
fn whatever_goes_wrong_the_server_ends_as_after_a_clean_run() {
    let seeds = std::env::var("NETSEC_SYNC_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(6);
    for level in [Capability::Full, Capability::Registry, Capability::Runs] {
        let expected = without_journal(&clean_dump(level));
        for seed in 0..seeds {
            let server = FakeServer::new(level, seed, Faults::BAD);
            let sample = two_runs();
            for _ in 0..30 {
                if pass(&server, &sample).error.is_none() {
                    break;
                }
            }
            server.calm();
            let last = pass(&server, &sample);
            assert_eq!(
                (last.pending, &last.error),
                (0, &None),
                "{level:?} seed {seed}: {last:?}"
            );
            assert_eq!(last.dead_letters, [], "{level:?} seed {seed}");
            let found = without_journal(&server.dump());
            assert_eq!(found, expected, "{level:?} seed {seed}");
        }
    }
}

#[test]
fn a_run_sent_piece_by_piece_ends_as_one_sent_at_once() {
    let expected = without_journal(&clean_dump(Capability::Full));
    for seed in 0..5 {
        let server = FakeServer::new(Capability::Full, seed, Faults::BAD);
        let sample = two_runs();
        let all = Sample::events(2).len();
        for lines in (1..=all).step_by(7).chain([all]) {
            sample.write(2, lines);
            pass(&server, &sample);
        }
        server.calm();
        for _ in 0..3 {
            pass(&server, &sample);
        }
        assert_eq!(without_journal(&server.dump()), expected, "seed {seed}");
    }
}

#[test]
fn a_lost_cursor_doubles_nothing() {
    let (sample, server) = (
        two_runs(),
        FakeServer::new(Capability::Full, 0, Faults::default()),
    );
    pass(&server, &sample);
    let dump = server.dump();
    for n in 1..=2 {
        std::fs::remove_file(sample.run_dir(&Sample::run_id(n)).join("sync.json")).unwrap();
    }
    std::fs::remove_file(sample.workspace().artifacts().join("sync.json")).unwrap();
    let report = pass(&server, &sample);
    assert!(
        report.sent > 100 && report.warnings.is_empty(),
        "{report:?}"
    );
    assert_eq!(server.dump(), dump);
}

#[test]
fn a_dead_server_costs_nothing_but_time() {
    let sample = two_runs();
    let mut server = FakeServer::new(Capability::Full, 0, Faults::default());
    server.down = true;
    let report = pass(&server, &sample);
    assert!(
        report.error.is_some() && report.pending > 100 && report.sent == 0,
        "{report:?}"
    );
    assert_eq!(report.capability, Capability::Offline);
    assert_eq!(
        report.pending,
        sync::count(KEY, &project(&sample)).unwrap().pending
    );
    server.down = false;
    assert_eq!(pass(&server, &sample).pending, 0);
}

#[test]
fn what_is_refused_is_a_dead_letter_and_the_rest_goes_on() {
    let sample = two_runs();
    let mut server = FakeServer::new(Capability::Full, 0, Faults::default());
    server.refused = Some("netsec.gate.reason".into());
    let report = pass(&server, &sample);
    assert_eq!((report.pending, &report.error), (0, &None), "{report:?}");
    let facts: Vec<&str> = report
        .dead_letters
        .iter()
        .map(|d| d.fact.as_str())
        .collect();
    assert_eq!(
        facts,
        ["tag run netsec.gate.reason", "tag run netsec.gate.reason"]
    );
    assert_eq!(report.dead_letters[0].why, "a value is refused");
    let dump = server.dump();
    let parents = dump["runs"].as_array().unwrap().iter();
    assert_eq!(
        parents
            .filter(|r| r[1]["tags"]["netsec.gate.verdict"] == "accept")
            .count(),
        2
    );
    // Still known in the next pass, and not tried again.
    let calls = server.calls();
    assert_eq!(pass(&server, &sample).dead_letters.len(), 2);
    assert_eq!(server.calls(), calls);
}

#[test]
fn a_point_that_is_refused_is_one_dead_letter() {
    let sample = Sample::new();
    sample.write(1, usize::MAX);
    let mut server = FakeServer::new(Capability::Full, 0, Faults::default());
    server.refused = Some("cv/f1_low".into());
    let report = pass(&server, &sample);
    assert_eq!(report.pending, 0);
    assert_eq!(
        report.dead_letters.len(),
        2,
        "one of each learner: {:?}",
        report.dead_letters
    );
}

#[test]
fn a_run_deleted_by_somebody_stays_deleted() {
    let (sample, server) = (
        two_runs(),
        FakeServer::new(Capability::Full, 0, Faults::default()),
    );
    pass(&server, &sample);
    let run = Sample::run_id(2);
    server.delete_by_hand(&cursor(&sample, &run).key);
    decision(&sample.workspace(), &run, Decision::Reject);
    let report = pass(&server, &sample);
    assert_eq!(report.pending, 0, "{report:?}");
    assert!(
        report
            .dead_letters
            .iter()
            .any(|d| d.run_id == run && d.why.contains("deleted")),
        "{report:?}"
    );
    let runs = server.dump()["runs"].as_array().unwrap().len();
    assert_eq!(runs, 5, "the learners' runs are still there");
    assert_eq!(pass(&server, &sample).sent, 0);
}

#[test]
fn a_server_that_lost_everything_gets_everything_again() {
    let (sample, server) = (
        two_runs(),
        FakeServer::new(Capability::Full, 0, Faults::default()),
    );
    pass(&server, &sample);
    let dump = server.dump();
    server.wipe();
    for _ in 0..3 {
        pass(&server, &sample);
    }
    let versions = |d: &Value| d["versions"].clone();
    assert_eq!(server.dump()["runs"], dump["runs"]);
    assert_eq!(versions(&server.dump()), versions(&dump));
}

#[test]
fn a_decision_after_the_end_is_sent_and_the_alias_follows() {
    let sample = Sample::new();
    let run = sample.write(1, usize::MAX);
    let server = FakeServer::new(Capability::Full, 0, Faults::default());
    pass(&server, &sample);
    assert_eq!(server.alias_now("champion"), None);
    assert_eq!(server.alias_now("challenger").as_deref(), Some("1"));
    decision(&sample.workspace(), &run, Decision::Approve);
    decision(&sample.workspace(), &run, Decision::Pushed);
    let report = pass(&server, &sample);
    assert_eq!(report.pending, 0);
    assert_eq!(server.alias_now("champion").as_deref(), Some("1"));
    let tags = server.dump()["versions"][0][1]["tags"].clone();
    assert_eq!(tags["netsec.decision"], "pushed");
    assert_eq!(tags["netsec.approved_by"], "ada");
    assert!(
        tags["netsec.decision.1"]
            .as_str()
            .unwrap()
            .starts_with("approve by ada from here at ")
    );
}

#[test]
fn an_alias_moved_by_somebody_is_told_and_left() {
    let (sample, server) = (
        two_runs(),
        FakeServer::new(Capability::Full, 0, Faults::default()),
    );
    pass(&server, &sample);
    let foreign = server.move_alias_by_hand("champion");
    let report = pass(&server, &sample);
    assert!(
        report
            .warnings
            .iter()
            .any(|w| w.contains("somebody else moved it")),
        "{report:?}"
    );
    assert_eq!(server.alias_now("champion"), Some(foreign));
    assert_eq!(report.pending, 0);
}

#[test]
fn lower_steps_of_the_ladder_lose_nothing_they_can_hold() {
    for (level, models, versions) in [(Capability::Registry, 0, 2), (Capability::Runs, 0, 0)] {
        let (sample, server) = (two_runs(), FakeServer::new(level, 0, Faults::default()));
        let report = pass(&server, &sample);
        assert_eq!(
            (report.pending, report.capability),
            (0, level),
            "{report:?}"
        );
        assert!(report.dead_letters.is_empty());
        let dump = server.dump();
        assert_eq!(dump["models"].as_array().unwrap().len(), models);
        assert_eq!(dump["versions"].as_array().unwrap().len(), versions);
        let champion = dump["runs"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r[1]["tags"]["netsec.aliases"] == "champion");
        let champion = champion.expect("the registry is mirrored in tags");
        assert_eq!(champion[1]["tags"]["netsec.version"], "v1");
        let files = champion[1]["files"].to_string();
        assert!(
            files.contains("model/MLmodel") && files.contains("summary.txt"),
            "{files}"
        );
        assert_eq!(cursor(&sample, &Sample::run_id(1)).level, Some(level));
    }
}

#[test]
fn a_damaged_journal_stops_decisions_and_nothing_else() {
    let sample = two_runs();
    std::fs::write(sample.workspace().journal(), "{\"v\":1}\n").unwrap();
    let server = FakeServer::new(Capability::Full, 0, Faults::default());
    let report = pass(&server, &sample);
    assert_eq!(report.pending, 0);
    assert!(
        report.warnings[0].contains("decisions and aliases are not sent"),
        "{report:?}"
    );
    assert_eq!(server.alias_now("champion"), None);
}
