//! What the file says, gathered from where it is known. What cannot be read is left out.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::approval::Journal;
use crate::config::Config;
use crate::drift::{DriftReport, FeatureDrift, most_moved};
use crate::events::{Outcome, StageName, StageStatus};
use crate::pipeline::model_pusher;
use crate::runs::{RunStore, RunView};
use crate::storage::{self, MODEL_FILE};
use crate::tracking::status::{Status, StatusReader, failures};
use crate::workspace::Workspace;

/// Runs looked at for the last success of each stage. A project that has failed that often in a
/// row is told by the alert on what is missing.
const RUNS: usize = 200;
/// Features named at most, those that moved most; a table may have thousands.
const FEATURES: usize = 200;

/// A stage over the runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageFacts {
    /// Seconds the last one took that was carried out, whatever came of it.
    pub seconds: Option<f64>,
    /// When the last one succeeded.
    pub last_success: Option<DateTime<Utc>>,
}

/// The model in production here.
#[derive(Clone, Debug, PartialEq)]
pub struct ChampionFacts {
    /// The name it is published under.
    pub name: String,
    /// `v3`.
    pub version: String,
    /// The first twelve digits of the SHA-256 of `model.json`.
    pub sha256_12: String,
    /// When its push was ordered.
    pub pushed_at: DateTime<Utc>,
}

/// The journal of decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalFacts {
    /// Whether the chain is whole; `None` when it cannot be read at all.
    pub intact: Option<bool>,
    /// Position of the last record; `None` when the chain is broken.
    pub head: Option<u64>,
    /// Plans that wait for a decision.
    pub pending: Option<u64>,
    /// Records that could not be written.
    pub append_failures: u64,
}

/// The drift of the newest run that measured it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DriftFacts {
    /// The features, the most moved first.
    pub features: Vec<FeatureDrift>,
    /// Features that are not among them.
    pub omitted: usize,
}

/// Everything the file says.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// The stages, in running order.
    pub stages: Vec<(StageName, StageFacts)>,
    /// When the newest run of each outcome ended.
    pub last_ended: BTreeMap<&'static str, DateTime<Utc>>,
    /// The champion.
    pub champion: Option<ChampionFacts>,
    /// The journal.
    pub journal: JournalFacts,
    /// Drift against the champion's data.
    pub drift: DriftFacts,
    /// How sending to the tracking server stands; `None` where none is named.
    pub sync: Option<Status>,
    /// Attempts to send that were given up for the time being, by trouble.
    pub sync_failures: BTreeMap<String, u64>,
}

impl Snapshot {
    /// Looks at everything.
    pub fn take(workspace: &Workspace, config: &Config) -> Self {
        let mut snapshot = Self {
            taken_at: Utc::now(),
            stages: StageName::ALL
                .iter()
                .map(|name| (*name, StageFacts::default()))
                .collect(),
            ..Self::default()
        };
        snapshot.look_at_runs(workspace);
        snapshot.champion = champion(workspace, config);
        snapshot.journal = journal(workspace, config);
        snapshot.sync = StatusReader::default()
            .read(workspace, &config.tracking)
            .ok()
            .filter(|status| status.server.is_some());
        snapshot.sync_failures = failures(workspace, &config.tracking);
        snapshot
    }

    /// From the newest run back, until every stage's last success is known.
    fn look_at_runs(&mut self, workspace: &Workspace) {
        let store = RunStore::new(workspace);
        let mut drift = None;
        for run in store.list().unwrap_or_default().into_iter().take(RUNS) {
            let Ok(view) = store.open(&run) else { continue };
            self.add_run(&view);
            if drift.is_none() {
                let path = view
                    .dir
                    .join(StageName::DataValidation.as_str())
                    .join("drift.json");
                drift = std::fs::read(path)
                    .ok()
                    .and_then(|bytes| serde_json::from_slice::<DriftReport>(&bytes).ok());
            }
            if self.stages.iter().all(|(_, s)| s.last_success.is_some()) {
                break;
            }
        }
        self.drift = drift.map(|report| drift_facts(&report)).unwrap_or_default();
    }

    fn add_run(&mut self, view: &RunView) {
        if let Some(at) = view.state.finished_at
            && let Some(word) = ended(view.outcome())
        {
            self.last_ended
                .entry(word)
                .and_modify(|known| *known = at.max(*known))
                .or_insert(at);
        }
        for stage in &view.state.stages {
            let Some((_, facts)) = self.stages.iter_mut().find(|(n, _)| *n == stage.name) else {
                continue;
            };
            let (ran, good) = match stage.status {
                StageStatus::Ok | StageStatus::Warn => (true, true),
                StageStatus::Reused => (false, true),
                StageStatus::Failed => (true, false),
                StageStatus::Waiting | StageStatus::Running | StageStatus::Cancelled => {
                    (false, false)
                }
            };
            if ran && facts.seconds.is_none() {
                facts.seconds = stage.seconds;
            }
            if good && facts.last_success.is_none() {
                let took = TimeDelta::try_milliseconds(
                    (stage.seconds.unwrap_or(0.0) * 1000.0).round() as i64,
                );
                facts.last_success = stage
                    .started_at
                    .or(view.state.started_at)
                    .map(|at| at + took.unwrap_or_default());
            }
        }
    }
}

/// The word of an outcome that is an end.
fn ended(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Finished => Some("finished"),
        Outcome::Failed => Some("failed"),
        Outcome::Cancelled => Some("cancelled"),
        Outcome::Crashed => Some("crashed"),
        Outcome::Running | Outcome::Stalled => None,
    }
}

fn champion(workspace: &Workspace, config: &Config) -> Option<ChampionFacts> {
    let manifest = storage::load_champion(workspace).ok()??.manifest;
    let hash = manifest.files.get(MODEL_FILE)?;
    Some(ChampionFacts {
        name: config.storage.model.clone(),
        version: manifest.version.clone(),
        sha256_12: hash.chars().take(12).collect(),
        pushed_at: manifest.pushed_at,
    })
}

fn journal(workspace: &Workspace, config: &Config) -> JournalFacts {
    use crate::approval::JournalError;
    let append_failures = Journal::append_failures(workspace);
    match Journal::read(workspace) {
        Ok(records) => JournalFacts {
            intact: Some(true),
            head: Some(records.last().map_or(0, |r| r.seq)),
            pending: model_pusher::pending(workspace, config)
                .ok()
                .map(|plans| plans.len() as u64),
            append_failures,
        },
        Err(JournalError::Broken { .. }) => JournalFacts {
            intact: Some(false),
            append_failures,
            ..JournalFacts::default()
        },
        Err(JournalError::File { .. }) => JournalFacts {
            append_failures,
            ..JournalFacts::default()
        },
    }
}

fn drift_facts(report: &DriftReport) -> DriftFacts {
    let (features, omitted) = most_moved(report, FEATURES);
    DriftFacts { features, omitted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_has_no_facts_and_no_failure() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = Snapshot::take(&Workspace::new(dir.path()), &Config::default());
        assert_eq!(snapshot.stages.len(), 6);
        assert!(
            snapshot
                .stages
                .iter()
                .all(|(_, s)| s.last_success.is_none())
        );
        assert_eq!(snapshot.champion, None);
        assert_eq!(snapshot.journal.intact, Some(true));
        assert_eq!(snapshot.journal.head, Some(0));
        assert_eq!(snapshot.journal.pending, Some(0));
    }

    #[test]
    fn a_broken_chain_is_a_fact() {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        std::fs::create_dir_all(workspace.artifacts()).unwrap();
        std::fs::write(workspace.journal(), "{\"v\":1}\n").unwrap();
        let facts = journal(&workspace, &Config::default());
        assert_eq!(facts.intact, Some(false));
        assert_eq!(facts.head, None);
    }

    #[test]
    fn the_most_moved_features_are_named() {
        let column = |name: String, psi: f64, verdict: &str| {
            serde_json::json!({
                "column": name, "kind": "numeric", "n_reference": 10, "n_current": 10,
                "null_share": [0.0, 0.0], "ks": null, "psi": psi, "jensen_shannon": null,
                "wasserstein": null, "chi_square": null, "decile": null, "effect": null,
                "q_value": null, "smallest_detectable": null, "verdict": verdict, "reasons": {}
            })
        };
        let mut columns: Vec<_> = (0..300)
            .map(|i| column(format!("c{i}"), f64::from(i) / 1000.0, "stable"))
            .collect();
        columns.push(column("alarmed".to_owned(), 0.0, "drift"));
        let report: DriftReport = serde_json::from_value(serde_json::json!({
            "n_reference": 10, "n_current": 10, "columns": columns, "multivariate": null,
            "verdict": "drift", "reasons": {}
        }))
        .unwrap();
        let facts = drift_facts(&report);
        assert_eq!(facts.features.len(), 200);
        assert_eq!(facts.omitted, 101);
        assert_eq!(facts.features[0].feature, "alarmed");
        assert!(facts.features[0].alarm);
        assert_eq!(facts.features[1].feature, "c299");
    }
}
