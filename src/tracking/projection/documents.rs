//! Artifacts made from the log: confusion matrices, curves, a summary for people.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{Around, RunFiles};
use crate::events::{RunState, Split, StageName, StageStatus};
use crate::text::count;

/// Hashes of all other artifacts of a run.
pub(super) const MANIFEST: &str = "manifest.json";

/// Every document of a run, by path.
pub(super) fn of_run(
    state: &RunState,
    files: &RunFiles,
    around: &Around<'_>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (learner, known) in &state.learner {
        if let Some(test) = &known.test {
            let matrix = json!({
                "learner": learner,
                "classes": test.classes,
                "rows": "truth",
                "columns": "prediction",
                "confusion": test.confusion,
            });
            found.insert(format!("confusion_matrix/{learner}.json"), pretty(&matrix));
        }
    }
    // Curves grow point by point while a learner trains; the document is for the whole ones.
    if done(state, StageName::ModelTrainer) {
        for (learner, known) in &state.learner {
            let curves: Vec<Value> = known
                .curves
                .iter()
                .map(|((metric, split), points)| {
                    json!({"metric": metric, "split": split_word(*split), "points": points})
                })
                .collect();
            if !curves.is_empty() {
                let document = json!({"learner": learner, "curves": curves});
                found.insert(format!("curves/training_{learner}.json"), pretty(&document));
            }
        }
    }
    if done(state, StageName::ModelEvaluation)
        && let Some(curves) = &files.curves
    {
        found.insert(
            "curves/roc_and_precision_recall.json".to_owned(),
            pretty(curves),
        );
    }
    if state.finished_at.is_some() {
        found.insert("summary.txt".to_owned(), summary(state, around));
    }
    found
}

/// The columns of a schema, in the form MLflow's pages show.
pub(super) fn columns(schema: &Value) -> String {
    let columns: Vec<Value> = schema
        .get("columns")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|column| {
            let name = column.get("name")?.as_str()?;
            let kind = match column.get("kind").and_then(Value::as_str) {
                Some("integer") => "long",
                Some("real") => "double",
                _ => "string",
            };
            Some(json!({"name": name, "type": kind, "required": false}))
        })
        .collect();
    json!({"mlflow_colspec": columns}).to_string()
}

/// The run in plain text.
fn summary(state: &RunState, around: &Around<'_>) -> String {
    let mut lines = Vec::new();
    let mut say = |name: &str, text: String| lines.push(format!("{name:<12}{text}"));
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    if let Some(run) = &state.run_id {
        say("run", run.to_string());
    }
    if let Some(by) = &state.by {
        say("by", format!("{} from {}", by.name, by.from));
    }
    if let Some(note) = &state.note {
        say("note", note.clone());
    }
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    if let (Some(from), Some(to)) = (state.started_at, state.finished_at) {
        say("time", format!("{} to {}", time(from), time(to)));
    }
    if let Some(source) = &state.source {
        let (kept, bad) = (count(state.kept), count(state.quarantined));
        say(
            "data",
            format!("{source}: {kept} rows kept, {bad} in quarantine"),
        );
    }
    if let Some(digest) = &state.digest {
        say("digest", digest.clone());
    }
    for stage in &state.stages {
        let name = stage.name.as_str();
        let text = if stage.summary.is_empty() {
            String::new()
        } else {
            format!(": {}", stage.summary)
        };
        say("stage", format!("{name} {}{text}", stage.status.as_str()));
    }
    for learner in &state.learners {
        let known = state.learner.get(learner);
        let test = known.and_then(|l| l.test.as_ref());
        let f1 = known.and_then(|l| l.cv.get("f1")).map(|s| s.mean);
        say(
            "learner",
            format!(
                "{learner}: cross-validated F1 {}, test F1 {}, test accuracy {}{}",
                figure(f1),
                figure(test.and_then(|t| t.f1)),
                figure(test.map(|t| t.accuracy)),
                if state.selected.as_ref() == Some(learner) {
                    ", selected"
                } else {
                    ""
                },
            ),
        );
    }
    for rule in &state.gate_rules {
        say("rule", format!("{}: {}", rule.rule, rule.reason));
    }
    if let Some((_, reason)) = &state.gate {
        say("gate", reason.clone());
    }
    if let Some((plan, version)) = &state.plan {
        say("plan", format!("{plan}, as {version}"));
    }
    for record in &around.decisions {
        let (decision, by) = (record.decision.as_str(), &record.by.name);
        say(
            "decision",
            format!(
                "{decision} by {by} at {}: {}",
                time(record.at),
                record.reason
            ),
        );
    }
    if let Some(error) = &state.error {
        say("error", error.message.clone());
    }
    let mut text: String = lines.iter().map(|l| crate::text::clean(l) + "\n").collect();
    if state.warnings.is_empty() {
        return text;
    }
    text.push_str("\nwarnings\n");
    for (code, warning) in &state.warnings {
        text.push_str(&format!(
            "  {}: {}\n",
            crate::text::clean(code),
            crate::text::clean(warning)
        ));
    }
    text
}

fn done(state: &RunState, stage: StageName) -> bool {
    matches!(
        state.stage(stage).status,
        StageStatus::Ok | StageStatus::Warn | StageStatus::Reused
    )
}

fn split_word(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Valid => "valid",
        Split::Test => "test",
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
