//! Tags of runs and versions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Around, Beginning, RunFiles};
use crate::approval::Decision;
use crate::events::{GateVerdict, RunState};
use crate::hash;
use crate::runs::RunId;
use crate::tracking::fact::{WantedModel, WantedVersion};

/// The tag by which one thing on the server is found again.
pub(crate) const KEY: &str = "netsec.idempotency_key";
/// The tag by which everything of a run is found: the key of the run itself.
pub(crate) const ROOT: &str = "netsec.run_key";

/// The hash of the manifest of a run's artifacts.
pub(super) const MANIFEST: &str = "netsec.run_manifest_sha256";

/// Tags that never change once they are wanted.
const FROZEN: [&str; 10] = [
    KEY,
    ROOT,
    "mlflow.user",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "mlflow.note.content",
    "netsec.run_id",
    "netsec.started_from",
    "netsec.learner",
];

/// Whether a tag's last value counts. All others are frozen from the moment they are wanted.
pub fn may_change(tag: &str) -> bool {
    !FROZEN.contains(&tag)
        && !tag.starts_with("netsec.decision.")
        && !tag.starts_with("netsec.acknowledged.")
}

/// What the tags of a run are made from.
pub(super) struct Known<'a> {
    pub state: &'a RunState,
    pub files: &'a RunFiles,
    pub around: &'a Around<'a>,
    pub key: &'a str,
    pub run_id: &'a RunId,
    pub user: &'a str,
    pub from: &'a str,
    pub note: Option<&'a str>,
    pub program: &'a str,
    pub outcome: &'static str,
    pub version: Option<&'a WantedVersion>,
}

/// Collects tags; those without a value are left out.
#[derive(Default)]
struct Tags(BTreeMap<String, String>);

impl Tags {
    fn put(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }
    fn put_some(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

/// The tags of the run itself.
pub(super) fn of_run(known: &Known<'_>) -> BTreeMap<String, String> {
    let state = known.state;
    let mut tags = Tags::default();
    tags.put(KEY, known.key);
    tags.put(ROOT, known.key);
    tags.put("mlflow.user", known.user);
    tags.put("mlflow.source.name", "netsec retrain");
    tags.put("mlflow.source.type", "LOCAL");
    tags.put_some("mlflow.source.git.commit", known.files.git_commit.clone());
    tags.put_some("mlflow.note.content", known.note);
    tags.put("netsec.run_id", known.run_id.as_str());
    tags.put("netsec.started_from", known.from);
    tags.put("netsec.program", known.program);
    tags.put("netsec.outcome", known.outcome);
    tags.put_some("netsec.config_sha256", state.config_sha256.clone());
    let config = |section: &str| known.files.config.as_ref()?.get(section);
    if let (Some(gate), Some(approval)) = (config("gate"), config("approval")) {
        let policy = serde_json::json!({"gate": gate, "approval": approval});
        tags.put("netsec.policy_sha256", hash::sha256_json(&policy));
    }
    let seed = config("training")
        .and_then(|t| t.get("seed"))
        .map(Value::to_string);
    tags.put_some("netsec.seed", seed);
    if let Some(digest) = &state.digest {
        tags.put("netsec.data_digest", digest.as_str());
        tags.put_some("netsec.schema_digest", known.files.schema_sha256.clone());
    }
    tags.put(
        "netsec.champion_before",
        or_none(state.champion_before.as_deref()),
    );
    // What a stage said may be withdrawn when it runs again: then the tag says so.
    tags.put("netsec.selected", or_none(state.selected.as_deref()));
    let threshold = state.threshold.map(|t| t.to_string());
    tags.put("netsec.threshold", or_none(threshold.as_deref()));
    let gate = state.gate.as_ref();
    tags.put(
        "netsec.gate.verdict",
        gate.map_or("none", |(v, _)| verdict(*v)),
    );
    tags.put("netsec.gate.reason", or_none(gate.map(|(_, r)| r.as_str())));
    for rule in &state.gate_rules {
        let text = format!("{}: {}", verdict(rule.verdict), rule.reason);
        tags.put(&format!("netsec.gate.rule.{}", rule.rule), text);
    }
    tags.put(
        "netsec.plan_id",
        or_none(state.plan.as_ref().map(|(p, _)| p.as_str())),
    );
    tags.put(
        "netsec.version",
        or_none(known.version.map(|v| v.version.as_str())),
    );
    tags.put("netsec.warnings", state.warnings.len().to_string());
    tags.put_some(
        "netsec.error",
        state.error.as_ref().map(|e| e.message.clone()),
    );
    let aliases: Vec<&str> = aliases(known.around).collect();
    tags.put(
        "netsec.aliases",
        if aliases.is_empty() {
            "none".to_owned()
        } else {
            aliases.join(",")
        },
    );
    if known.version.is_some() {
        tags.put("netsec.registered_model", known.around.model);
    }
    decisions(&mut tags, known.around);
    acknowledged(&mut tags, known.around);
    tags.0
}

/// The tags of a learner's child run.
pub(super) fn of_learner(
    state: &RunState,
    learner: &str,
    key: &str,
    root: &str,
    run_id: &RunId,
    user: &str,
) -> BTreeMap<String, String> {
    let mut tags = Tags::default();
    tags.put(KEY, key);
    tags.put(ROOT, root);
    tags.put("mlflow.user", user);
    tags.put("mlflow.source.name", "netsec retrain");
    tags.put("mlflow.source.type", "LOCAL");
    tags.put("netsec.run_id", run_id.as_str());
    tags.put("netsec.learner", learner);
    let selected = state.selected.as_deref() == Some(learner);
    tags.put("netsec.selected", if selected { "yes" } else { "no" });
    let failed = state.learner.get(learner).and_then(|l| l.error.as_ref());
    tags.put_some("netsec.error", failed.map(|e| e.message.clone()));
    tags.0
}

/// The tags of a registered version.
pub(super) fn of_version(
    state: &RunState,
    model: &WantedModel,
    around: &Around<'_>,
    key: &str,
    begun: &Beginning,
    plan_id: &str,
    version: &str,
) -> BTreeMap<String, String> {
    let mut tags = Tags::default();
    tags.put(KEY, key);
    tags.put(ROOT, begun.key.as_str());
    tags.put("netsec.run_id", begun.run_id.as_str());
    tags.put("netsec.version", version);
    tags.put("netsec.plan_id", plan_id);
    tags.put("netsec.learner", model.learner.as_str());
    tags.put("netsec.model_sha256", model.model_sha256.as_str());
    tags.put(
        "netsec.preprocessor_sha256",
        model.preprocessor_sha256.as_str(),
    );
    tags.put_some("netsec.data_digest", state.digest.clone());
    tags.put(
        "netsec.gate.verdict",
        state.gate.as_ref().map_or("none", |(v, _)| verdict(*v)),
    );
    let f1 = state
        .learner
        .get(&model.learner)
        .and_then(|l| l.test.as_ref()?.f1);
    tags.put_some("netsec.f1", f1.map(|f| f.to_string()));
    decisions(&mut tags, around);
    acknowledged(&mut tags, around);
    tags.0
}

/// Who decided what, when, why and under which hash of the journal. One frozen tag per record, so
/// that nothing a person did is ever overwritten, and two for the last word.
fn decisions(tags: &mut Tags, around: &Around<'_>) {
    for record in &around.decisions {
        tags.put(
            &format!("netsec.decision.{}", record.seq),
            format!(
                "{} by {} from {} at {}: {} (journal record {}, {})",
                record.decision.as_str(),
                record.by.name,
                record.by.from,
                record
                    .at
                    .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
                record.reason,
                record.seq,
                record.hash,
            ),
        );
    }
    let last = around.decisions.last();
    tags.put(
        "netsec.decision",
        last.map_or("none", |r| r.decision.as_str()),
    );
    tags.put_some("netsec.approval.event_hash", last.map(|r| r.hash.clone()));
    let approvers: Vec<&str> = around
        .decisions
        .iter()
        .filter(|r| r.decision == Decision::Approve)
        .map(|r| r.by.name.as_str())
        .collect();
    if !approvers.is_empty() {
        tags.put("netsec.approved_by", approvers.join(", "));
    }
}

/// Who has taken note of which finding, and why: one frozen tag per note.
fn acknowledged(tags: &mut Tags, around: &Around<'_>) {
    for note in around.acknowledged {
        tags.put(
            &format!("netsec.acknowledged.{}", note.seq),
            format!(
                "{} ({}) by {} from {} at {}: {}",
                note.check,
                note.observed,
                note.by.name,
                note.by.from,
                note.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
                note.note,
            ),
        );
    }
}

/// The aliases that should point at a run's version.
fn aliases<'a>(around: &Around<'_>) -> impl Iterator<Item = &'a str> {
    [
        (around.challenger, "challenger"),
        (around.champion, "champion"),
    ]
    .into_iter()
    .filter_map(|(is, name)| is.then_some(name))
}

fn or_none(text: Option<&str>) -> &str {
    text.filter(|t| !t.is_empty()).unwrap_or("none")
}

fn verdict(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Accept => "accept",
        GateVerdict::Refuse => "refuse",
        GateVerdict::CannotTell => "cannot_tell",
    }
}
