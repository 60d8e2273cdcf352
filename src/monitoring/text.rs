//! From the facts to the file. Pure.

use chrono::{DateTime, Utc};

use super::{Exposition, Kind, Snapshot};
use crate::tracking::server::Trouble;

/// Writes the facts in the text format.
pub fn render(snapshot: &Snapshot) -> String {
    let mut out = Exposition::new();
    out.family(
        "netsec_build_info",
        "The program that wrote this file.",
        Kind::Gauge,
        [([("version", env!("CARGO_PKG_VERSION"))], 1.0)],
    );
    out.single(
        "netsec_textfile_written_timestamp_seconds",
        "When this file was written.",
        Kind::Gauge,
        Some(seconds(snapshot.taken_at)),
    );
    stages(&mut out, snapshot);
    champion(&mut out, snapshot);
    decisions(&mut out, snapshot);
    drift(&mut out, snapshot);
    sync(&mut out, snapshot);
    out.finish()
}

fn stages(out: &mut Exposition, snapshot: &Snapshot) {
    out.family(
        "netsec_stage_duration_seconds",
        "Seconds the last execution of a stage took.",
        Kind::Gauge,
        snapshot
            .stages
            .iter()
            .filter_map(|(name, s)| Some(([("stage", name.as_str())], s.seconds?))),
    );
    out.family(
        "netsec_stage_last_success_timestamp_seconds",
        "When a stage last succeeded.",
        Kind::Gauge,
        snapshot
            .stages
            .iter()
            .filter_map(|(name, s)| Some(([("stage", name.as_str())], seconds(s.last_success?)))),
    );
    out.family(
        "netsec_run_last_end_timestamp_seconds",
        "When the newest run of an outcome ended.",
        Kind::Gauge,
        snapshot
            .last_ended
            .iter()
            .map(|(outcome, at)| ([("outcome", *outcome)], seconds(*at))),
    );
}

fn champion(out: &mut Exposition, snapshot: &Snapshot) {
    let Some(champion) = &snapshot.champion else {
        return;
    };
    let labels = [
        ("name", champion.name.as_str()),
        ("version", champion.version.as_str()),
        ("sha256_12", champion.sha256_12.as_str()),
        ("stage", "champion"),
    ];
    out.family(
        "netsec_model_info",
        "A model; stage says where: champion is what final_model/ holds.",
        Kind::Gauge,
        [(labels, 1.0)],
    );
    out.single(
        "netsec_model_pushed_timestamp_seconds",
        "When the push of the champion was ordered.",
        Kind::Gauge,
        Some(seconds(champion.pushed_at)),
    );
}

fn decisions(out: &mut Exposition, snapshot: &Snapshot) {
    let journal = &snapshot.journal;
    out.single(
        "netsec_approvals_pending",
        "Plans that wait for a decision.",
        Kind::Gauge,
        journal.pending.map(|n| n as f64),
    );
    out.single(
        "netsec_audit_head_sequence",
        "Position of the journal's last record.",
        Kind::Gauge,
        journal.head.map(|n| n as f64),
    );
    out.single(
        "netsec_audit_chain_intact",
        "Whether the journal's chain of hashes is whole.",
        Kind::Gauge,
        journal.intact.map(|whole| f64::from(u8::from(whole))),
    );
    out.single(
        "netsec_audit_append_failures_total",
        "Records that could not be written to the journal.",
        Kind::Counter,
        Some(journal.append_failures as f64),
    );
}

fn drift(out: &mut Exposition, snapshot: &Snapshot) {
    let drift = &snapshot.drift;
    out.family(
        "netsec_drift_effect",
        "How far a feature of the newest run moved from the champion's data.",
        Kind::Gauge,
        drift.features.iter().flat_map(|f| {
            f.effects
                .iter()
                .map(|(test, value)| ([("feature", f.feature.as_str()), ("test", *test)], *value))
        }),
    );
    out.family(
        "netsec_drift_alarm",
        "Whether a feature of the newest run counts as drifted.",
        Kind::Gauge,
        drift.features.iter().map(|f| {
            (
                [("feature", f.feature.as_str())],
                f64::from(u8::from(f.alarm)),
            )
        }),
    );
    if !drift.features.is_empty() {
        out.single(
            "netsec_drift_features_omitted",
            "Features beyond those named.",
            Kind::Gauge,
            Some(drift.omitted as f64),
        );
    }
}

fn sync(out: &mut Exposition, snapshot: &Snapshot) {
    let Some(sync) = &snapshot.sync else { return };
    out.single(
        "netsec_sync_queue_depth",
        "Facts that the tracking server has not got yet.",
        Kind::Gauge,
        Some(sync.pending as f64),
    );
    let oldest = sync.oldest.unwrap_or(snapshot.taken_at);
    out.single(
        "netsec_sync_oldest_seconds",
        "Age of the oldest of them when this file was written.",
        Kind::Gauge,
        Some(((snapshot.taken_at - oldest).num_milliseconds() as f64 / 1000.0).max(0.0)),
    );
    // The age above stands still while nobody writes this file; an alert needs the time.
    out.single(
        "netsec_sync_oldest_timestamp_seconds",
        "When the oldest of them came about.",
        Kind::Gauge,
        sync.oldest.map(seconds),
    );
    out.family(
        "netsec_sync_failures_total",
        "Attempts to send that were given up for the time being, by what went wrong.",
        Kind::Counter,
        Trouble::ALL.map(|trouble| {
            let count = snapshot.sync_failures.get(trouble.as_str()).copied();
            ([("code", trouble.as_str())], count.unwrap_or(0) as f64)
        }),
    );
    out.single(
        "netsec_sync_dead_letters",
        "Facts that the tracking server refused for good.",
        Kind::Gauge,
        Some(sync.dead_letters as f64),
    );
}

fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::FeatureDrift;
    use crate::events::StageName;
    use crate::monitoring::{ChampionFacts, DriftFacts, JournalFacts, StageFacts};
    use crate::tracking::status::Status;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 500_000_000).unwrap()
    }

    #[test]
    fn every_fact_has_its_line() {
        let snapshot = Snapshot {
            taken_at: at(1_000),
            stages: vec![(
                StageName::ModelTrainer,
                StageFacts {
                    seconds: Some(2.25),
                    last_success: Some(at(900)),
                },
            )],
            last_ended: [("finished", at(901))].into(),
            champion: Some(ChampionFacts {
                name: "netsec".into(),
                version: "v3".into(),
                sha256_12: "0123456789ab".into(),
                pushed_at: at(800),
            }),
            journal: JournalFacts {
                intact: Some(true),
                head: Some(7),
                pending: Some(1),
                append_failures: 2,
            },
            drift: DriftFacts {
                features: vec![FeatureDrift {
                    feature: "src \"bytes\"".into(),
                    effects: vec![("psi", 0.5)],
                    alarm: true,
                }],
                omitted: 0,
            },
            sync: Some(Status {
                pending: 12,
                oldest: Some(at(400)),
                ..Status::default()
            }),
            sync_failures: [("down".to_owned(), 3)].into(),
        };
        let text = render(&snapshot);
        for line in [
            "netsec_stage_duration_seconds{stage=\"model_trainer\"} 2.25",
            "netsec_stage_last_success_timestamp_seconds{stage=\"model_trainer\"} 900.5",
            "netsec_run_last_end_timestamp_seconds{outcome=\"finished\"} 901.5",
            "netsec_model_info{name=\"netsec\",version=\"v3\",sha256_12=\"0123456789ab\",stage=\"champion\"} 1",
            "netsec_approvals_pending 1",
            "netsec_audit_head_sequence 7",
            "netsec_audit_chain_intact 1",
            "netsec_audit_append_failures_total 2",
            "netsec_drift_effect{feature=\"src \\\"bytes\\\"\",test=\"psi\"} 0.5",
            "netsec_drift_alarm{feature=\"src \\\"bytes\\\"\"} 1",
            "netsec_sync_queue_depth 12",
            "netsec_sync_oldest_seconds 600",
            "netsec_sync_failures_total{code=\"down\"} 3",
            "netsec_sync_failures_total{code=\"blocked\"} 0",
            "netsec_sync_oldest_timestamp_seconds 400.5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let text = render(&Snapshot::default());
        assert!(!text.contains("netsec_audit_head"), "{text}");
        assert!(!text.contains("netsec_audit_chain"), "{text}");
        assert!(!text.contains("netsec_sync"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}
