//! What the result of a stage depends on, as a value that can be hashed, kept and compared.
//!
//! Two stages with the same key give the same files. The key holds the *contents* a stage reads
//! (hashes of the source and of the files of earlier stages), so that an earlier stage that ran
//! again and made the same files does not make later ones run again. Paths of machines, times,
//! thread counts and the interface's settings are not in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Config;
use crate::events::{ArtifactRef, StageName};
use crate::hash;

/// Revision of a stage's code. Raise it when a stage gives other files for the same input;
/// results of former revisions are then not reused.
fn revision(stage: StageName) -> u32 {
    match stage {
        // 2: writes `drift_bins.json`.
        StageName::DataValidation => 2,
        StageName::DataIngestion
        | StageName::DataTransformation
        | StageName::ModelTrainer
        | StageName::ModelPusher => 1,
        // 2: slices of the comparison with the champion.
        StageName::ModelEvaluation => 2,
    }
}

/// Earlier stages whose files a stage reads.
pub(super) fn reads(stage: StageName) -> &'static [StageName] {
    use StageName::*;
    match stage {
        DataIngestion => &[],
        DataValidation | DataTransformation => &[DataIngestion],
        ModelTrainer => &[DataIngestion, DataTransformation],
        ModelEvaluation => &[DataIngestion, DataTransformation, ModelTrainer],
        ModelPusher => &[
            DataIngestion,
            DataValidation,
            DataTransformation,
            ModelTrainer,
            ModelEvaluation,
        ],
    }
}

/// Whether a stage looks at the champion.
fn uses_champion(stage: StageName) -> bool {
    matches!(
        stage,
        StageName::DataValidation | StageName::ModelEvaluation | StageName::ModelPusher
    )
}

/// The sections of the configuration a stage reads.
fn sections(stage: StageName, config: &Config) -> Value {
    match stage {
        StageName::DataIngestion => json!({"source": config.source, "split": config.split}),
        StageName::DataValidation => {
            json!({"validation": config.validation, "drift": config.drift})
        }
        StageName::DataTransformation => json!({"transformation": config.transformation}),
        // Folds fit a preprocessor of their own.
        StageName::ModelTrainer => {
            json!({"training": training(config), "transformation": config.transformation})
        }
        StageName::ModelEvaluation => json!({"gate": config.gate, "training": training(config)}),
        StageName::ModelPusher => {
            json!({"gate": config.gate, "approval": config.approval, "storage": config.storage})
        }
    }
}

/// `[training]` without what cannot change the result: the number of cores, and the settings of
/// learners that are not trained.
fn training(config: &Config) -> Value {
    let mut value = json!(config.training);
    if let Some(table) = value.as_object_mut() {
        table.remove("cores");
        for learner in crate::learners::LearnerId::ALL {
            if !config.training.learners.contains(&learner) {
                table.remove(learner.as_str());
            }
        }
    }
    value
}

/// What every stage of a run may depend on.
pub(super) struct Inputs<'a> {
    pub config: &'a Config,
    pub schema_sha256: String,
    /// The files read by ingestion: what they are, and their hash; `None` = cannot be read.
    pub files: &'a BTreeMap<String, Option<String>>,
    /// The champion, `v3 of 20261122-1230-7f3a`.
    pub champion: Option<&'a str>,
    /// The files of the stages done so far.
    pub done: &'a BTreeMap<StageName, Vec<ArtifactRef>>,
}

/// The key of a stage, in parts, so that a difference can be told in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeyParts {
    program: String,
    schema: String,
    config: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    champion: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    stages: BTreeMap<StageName, BTreeMap<String, String>>,
}

impl KeyParts {
    pub(super) fn of(stage: StageName, inputs: &Inputs<'_>) -> Self {
        let files = match stage {
            StageName::DataIngestion => inputs.files.clone(),
            _ => BTreeMap::new(),
        };
        let stages = reads(stage)
            .iter()
            .map(|earlier| {
                let files = inputs.done.get(earlier).into_iter().flatten();
                let files = files.map(|a| (a.path.clone(), a.sha256.clone())).collect();
                (*earlier, files)
            })
            .collect();
        Self {
            program: format!(
                "netsec {}, {stage} revision {}",
                env!("CARGO_PKG_VERSION"),
                revision(stage)
            ),
            schema: inputs.schema_sha256.clone(),
            // Through text and back: numbers then compare equal to those read from a file.
            config: settled(sections(stage, inputs.config)),
            files,
            champion: inputs
                .champion
                .filter(|_| uses_champion(stage))
                .map(str::to_owned),
            stages,
        }
    }

    pub(super) fn sha256(&self) -> String {
        hash::sha256_json(self)
    }

    /// What changed from `before` to `self`, one phrase a change; empty when nothing did.
    pub(super) fn changes_since(&self, before: &KeyParts) -> String {
        let mut changes = Vec::new();
        if self.program != before.program {
            changes.push(format!(
                "the program changed: {} -> {}",
                before.program, self.program
            ));
        }
        for (what, sha) in &self.files {
            match before.files.get(what) {
                Some(old) if old == sha => {}
                Some(old) => changes.push(format!(
                    "the {what} changed: {} -> {}",
                    short(old.as_deref()),
                    short(sha.as_deref())
                )),
                None => changes.push(format!("there is a {what} now")),
            }
        }
        for what in before.files.keys() {
            if !self.files.contains_key(what) {
                changes.push(format!("there is no {what} any more"));
            }
        }
        if self.schema != before.schema {
            changes.push("the schema changed".to_owned());
        }
        changes.extend(config_changes(&before.config, &self.config));
        if self.champion != before.champion {
            let name = |c: &Option<String>| c.clone().unwrap_or_else(|| "none".to_owned());
            changes.push(format!(
                "the champion changed: {} -> {}",
                name(&before.champion),
                name(&self.champion)
            ));
        }
        for (stage, files) in &self.stages {
            let old = before.stages.get(stage);
            let differing: Vec<&str> = files
                .iter()
                .filter(|(path, sha)| old.and_then(|o| o.get(*path)) != Some(sha))
                .map(|(path, _)| path.rsplit('/').next().unwrap_or(path))
                .collect();
            if !differing.is_empty() {
                changes.push(format!("{stage} made other files: {}", some(&differing)));
            } else if old.is_some_and(|o| o.len() != files.len()) {
                changes.push(format!("{stage} made fewer files"));
            }
        }
        changes.join("; ")
    }
}

fn settled(value: Value) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(value)
}

fn short(sha: Option<&str>) -> String {
    match sha {
        Some(sha) => sha.chars().take(8).collect(),
        None => "unreadable".to_owned(),
    }
}

/// At most three names, and how many more there are.
pub(super) fn some(names: &[&str]) -> String {
    match names.len() {
        0..=3 => names.join(", "),
        n => format!("{} and {} more", names[..3].join(", "), n - 3),
    }
}

fn config_changes(before: &Value, now: &Value) -> Vec<String> {
    let (Some(old), Some(new)) = (before.as_object(), now.as_object()) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    for (section, value) in new {
        let mut differing = Vec::new();
        differences(
            "",
            old.get(section).unwrap_or(&Value::Null),
            value,
            &mut differing,
        );
        if !differing.is_empty() {
            let texts: Vec<&str> = differing.iter().map(String::as_str).collect();
            changes.push(format!("config [{section}] changed: {}", some(&texts)));
        }
    }
    changes
}

fn differences(path: &str, before: &Value, now: &Value, found: &mut Vec<String>) {
    if before == now {
        return;
    }
    if let (Some(old), Some(new)) = (before.as_object(), now.as_object()) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let inner = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            differences(
                &inner,
                old.get(key).unwrap_or(&Value::Null),
                new.get(key).unwrap_or(&Value::Null),
                found,
            );
        }
        return;
    }
    let text = |value: &Value| match value {
        Value::Null => "unset".to_owned(),
        other => crate::text::clean_to(&other.to_string(), 60),
    };
    found.push(format!("{path} {} -> {}", text(before), text(now)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(
        stage: StageName,
        config: &Config,
        sha: &str,
        champion: Option<&str>,
    ) -> (KeyParts, String) {
        let files = [("source file data.csv".to_owned(), Some(sha.to_owned()))].into();
        let done = [(
            StageName::DataIngestion,
            vec![ArtifactRef {
                path: "data_ingestion/train.parquet".into(),
                sha256: sha.into(),
            }],
        )]
        .into();
        let parts = KeyParts::of(
            stage,
            &Inputs {
                config,
                schema_sha256: "s".into(),
                files: &files,
                champion,
                done: &done,
            },
        );
        let sha = parts.sha256();
        (parts, sha)
    }

    #[test]
    fn the_same_inputs_give_the_same_key_also_after_reading_it_back() {
        let config = Config::default();
        for stage in StageName::ALL {
            let (parts, sha) = key(stage, &config, "aa", None);
            let back: KeyParts =
                serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
            assert_eq!(back, parts);
            assert_eq!(back.sha256(), sha);
            assert_eq!(parts.changes_since(&back), "");
        }
    }

    #[test]
    fn a_changed_setting_is_named_with_both_values() {
        let before = Config::default();
        let mut after = Config::default();
        after.training.xgboost.rounds = 200;
        let (old, _) = key(StageName::ModelTrainer, &before, "aa", None);
        let (new, _) = key(StageName::ModelTrainer, &after, "aa", None);
        assert_ne!(old.sha256(), new.sha256());
        assert_eq!(
            new.changes_since(&old),
            "config [training] changed: xgboost.rounds 100 -> 200"
        );
        // Ingestion does not read it.
        let (_, a) = key(StageName::DataIngestion, &before, "aa", None);
        let (_, b) = key(StageName::DataIngestion, &after, "aa", None);
        assert_eq!(a, b);
    }

    #[test]
    fn cores_and_learners_that_are_not_trained_change_nothing() {
        let before = Config::default();
        let mut after = Config::default();
        after.training.cores = 7;
        after.training.linfa_tree.max_depth = 3;
        let (_, a) = key(StageName::ModelTrainer, &before, "aa", None);
        let (_, b) = key(StageName::ModelTrainer, &after, "aa", None);
        assert_eq!(a, b);
    }

    #[test]
    fn a_changed_source_is_named_and_so_are_the_files_of_earlier_stages() {
        let config = Config::default();
        let (old, _) = key(StageName::DataIngestion, &config, "aaaaaaaaaa", None);
        let (new, _) = key(StageName::DataIngestion, &config, "bbbbbbbbbb", None);
        assert_eq!(
            new.changes_since(&old),
            "the source file data.csv changed: aaaaaaaa -> bbbbbbbb"
        );
        let (old, _) = key(StageName::DataTransformation, &config, "aa", None);
        let (new, _) = key(StageName::DataTransformation, &config, "bb", None);
        assert_eq!(
            new.changes_since(&old),
            "data_ingestion made other files: train.parquet"
        );
    }

    #[test]
    fn the_champion_matters_where_it_is_looked_at() {
        let config = Config::default();
        let (old, a) = key(StageName::ModelEvaluation, &config, "aa", None);
        let (new, b) = key(StageName::ModelEvaluation, &config, "aa", Some("v1"));
        assert_ne!(a, b);
        assert_eq!(new.changes_since(&old), "the champion changed: none -> v1");
        let (_, a) = key(StageName::ModelTrainer, &config, "aa", None);
        let (_, b) = key(StageName::ModelTrainer, &config, "aa", Some("v1"));
        assert_eq!(a, b);
    }
}
