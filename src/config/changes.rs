//! Settings changed for one run, without touching `config.toml`: `training.folds=5`.
//!
//! The same keys, types and checks as in the file. What belongs to the project and not to a run
//! (gate, approval, storage, tracking, console) cannot be changed this way: a gate that whoever
//! starts a run may lower is none.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;
use toml::{Table, Value};

use super::load::{check, in_plain_words, suggest};
use super::{Config, ConfigError};
use crate::error::CommandError;

/// The sections whose keys a run may change.
const OF_A_RUN: [&str; 7] = [
    "source",
    "schema",
    "split",
    "validation",
    "drift",
    "transformation",
    "training",
];

/// A key and its new value as it was written: TOML, or plain text where the key takes text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// The key with its section, `training.xgboost.rounds`.
    pub key: String,
    /// The value as written.
    pub value: String,
}

impl SettingChange {
    /// A change of this key to this value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
    /// A change of this key to this text, whatever the text looks like.
    pub fn text(key: impl Into<String>, text: &str) -> Self {
        Self::new(key, written(&Json::String(text.to_owned())))
    }
}

impl FromStr for SettingChange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok(Self::new(key.trim(), value.trim())),
            _ => Err("expected KEY=VALUE, `training.folds=5`".to_owned()),
        }
    }
}

/// A setting of a run that is not what `config.toml` and the environment say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSetting {
    /// The key with its section.
    pub key: String,
    /// The value of this run; null when the run leaves the key out.
    pub value: Json,
    /// The value in the configuration at the time; null when it had none.
    pub in_config: Json,
}

impl ChangedSetting {
    /// `KEY=VALUE` as `netsec retrain --set` reads it, not yet quoted for a shell.
    pub fn argument(&self) -> String {
        format!("{}={}", self.key, written(&self.value))
    }
}

impl fmt::Display for ChangedSetting {
    /// `training.folds 5 (config 3)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, written(&self.value))?;
        match &self.in_config {
            Json::Null => Ok(()),
            before => write!(f, " (config {})", written(before)),
        }
    }
}

/// A value as short as it can be written so that it is read back as the same.
fn written(value: &Json) -> String {
    let plain = |text: &str| {
        !text.is_empty()
            && text == text.trim()
            && !text.contains([',', '[', ']', '{', '"', '\''])
            && toml_of(text).is_none()
    };
    match value {
        Json::String(text) if plain(text) => text.clone(),
        Json::Array(items)
            // A single name is read as a list where a list is wanted.
            if !items.is_empty() && items.iter().all(|i| i.as_str().is_some_and(plain)) =>
        {
            items
                .iter()
                .filter_map(Json::as_str)
                .collect::<Vec<_>>()
                .join(",")
        }
        // JSON of texts, numbers, truths and lists of them is TOML as well.
        other => other.to_string(),
    }
}

/// Why a setting cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{message}", .key.as_ref().map_or_else(String::new, |k| format!("{k}: ")))]
pub struct ChangeError {
    /// The key it is about, where one of them is to blame.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<ChangeError> for CommandError {
    fn from(e: ChangeError) -> Self {
        let error = CommandError::config(e.to_string());
        match e.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// The configuration with the changes in it, checked, and what really differs from before.
///
/// # Errors
/// An unknown key, a value of the wrong type or out of range, a key that is not a run's to change.
pub fn with_changes(
    config: &Config,
    changes: &[SettingChange],
) -> Result<(Config, Vec<ChangedSetting>), ChangeError> {
    let unwritable = |message: String| ChangeError {
        key: None,
        message,
        hint: None,
    };
    let before = Table::try_from(config).map_err(|e| unwritable(e.to_string()))?;
    let mut table = before.clone();
    let mut changed = config.clone();
    for change in changes {
        let path = path_of(&change.key)?;
        let fail = |message: &str| {
            let message = in_plain_words(message);
            ChangeError {
                key: Some(change.key.clone()),
                hint: suggest(&message).map(|near| format!("Did you mean `{near}`?")),
                message,
            }
        };
        changed = match read(&table, &path, value_of(&change.value)) {
            Ok((with, config)) => {
                table = with;
                config
            }
            // A list of names may be written without brackets and quotes.
            Err(e) => match read(&table, &path, list_of(&change.value)) {
                Ok((with, config)) => {
                    table = with;
                    config
                }
                Err(as_list) => {
                    // Where a list is wanted, what is wrong within it is worth more.
                    let wanted = !as_list.message().starts_with("invalid type: sequence");
                    let e = if wanted { as_list } else { e };
                    return Err(fail(e.message().lines().next().unwrap_or_default()));
                }
            },
        };
    }
    if let Err(e) = check(&changed, "the changed settings") {
        return Err(blamed(&e, changes));
    }
    let after = Table::try_from(&changed).map_err(|e| unwritable(e.to_string()))?;
    let mut found: Vec<ChangedSetting> = Vec::new();
    for change in changes {
        let path = path_of(&change.key)?;
        let (value, in_config) = (json_at(&after, &path), json_at(&before, &path));
        if value != in_config && found.iter().all(|f| f.key != change.key) {
            found.push(ChangedSetting {
                key: change.key.clone(),
                value,
                in_config,
            });
        }
    }
    Ok((changed, found))
}

/// The parts of a key that a run may change.
fn path_of(key: &str) -> Result<Vec<&str>, ChangeError> {
    let path: Vec<&str> = key.split('.').collect();
    let refuse = |message: &str, hint: String| {
        Err(ChangeError {
            key: Some(key.to_owned()),
            message: message.to_owned(),
            hint: Some(hint),
        })
    };
    if path.len() < 2 || path.iter().any(|part| part.is_empty()) {
        return refuse(
            "a key has its section before it",
            "Write `training.folds=5`, `training.xgboost.rounds=200`.".to_owned(),
        );
    }
    if !OF_A_RUN.contains(&path[0]) {
        return refuse(
            "this is not a setting of a run",
            format!(
                "A run may change {}; the rest is the project's and stands in config.toml.",
                OF_A_RUN.join(", ")
            ),
        );
    }
    Ok(path)
}

fn read(table: &Table, path: &[&str], value: Value) -> Result<(Table, Config), toml::de::Error> {
    let mut with = table.clone();
    put(&mut with, path, value);
    let config = with.clone().try_into()?;
    Ok((with, config))
}

fn put(table: &mut Table, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => drop(table.insert((*key).to_owned(), value)),
        [section, rest @ ..] => {
            let mut inner = match table.remove(*section) {
                Some(Value::Table(inner)) => inner,
                _ => Table::new(),
            };
            put(&mut inner, rest, value);
            table.insert((*section).to_owned(), Value::Table(inner));
        }
    }
}

fn toml_of(text: &str) -> Option<Value> {
    // One value and nothing after it: a line end would begin another key.
    if text.contains(['\n', '\r']) {
        return None;
    }
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
}

/// TOML when it parses, else text.
fn value_of(text: &str) -> Value {
    toml_of(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn list_of(text: &str) -> Value {
    let items = text.split(',').map(str::trim).filter(|t| !t.is_empty());
    Value::Array(items.map(|t| Value::String(t.to_owned())).collect())
}

fn json_at(table: &Table, path: &[&str]) -> Json {
    let mut at = table.get(path[0]);
    for part in &path[1..] {
        at = at.and_then(|v| v.get(*part));
    }
    at.and_then(|v| serde_json::to_value(v).ok())
        .unwrap_or(Json::Null)
}

/// The check names `[section] key`; the change of that key is to blame.
fn blamed(e: &ConfigError, changes: &[SettingChange]) -> ChangeError {
    let (message, suggestion) = match e {
        ConfigError::Invalid {
            message,
            suggestion,
            ..
        } => (message.clone(), suggestion.clone()),
        other => (other.to_string(), None),
    };
    let named = |change: &&SettingChange| {
        change.key.rsplit_once('.').is_some_and(|(section, key)| {
            message
                .strip_prefix(&format!("[{section}] {key}"))
                .is_some_and(|rest| rest.starts_with(' '))
        })
    };
    ChangeError {
        key: changes.iter().find(named).map(|c| c.key.clone()),
        message,
        hint: suggestion.map(|near| format!("Did you mean `{near}`?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learners::LearnerId;
    use proptest::prelude::*;

    fn changes(texts: &[&str]) -> Vec<SettingChange> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn refused(texts: &[&str]) -> ChangeError {
        with_changes(&Config::default(), &changes(texts)).unwrap_err()
    }

    #[test]
    fn changed_settings_are_in_the_configuration_and_named_with_what_was_there() {
        let texts = [
            "training.learners=xgboost, decision_tree",
            "training.folds=5",
            "training.xgboost.rounds=20",
            "source.path=new rows.csv",
            "training.seed=42",
        ];
        let (config, found) = with_changes(&Config::default(), &changes(&texts)).unwrap();
        assert_eq!(
            config.training.learners,
            [LearnerId::Xgboost, LearnerId::DecisionTree]
        );
        assert_eq!(
            (config.training.folds, config.training.xgboost.rounds),
            (5, 20)
        );
        assert_eq!(config.source.path.to_str(), Some("new rows.csv"));
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told[1], "training.folds 5 (config 3)");
        assert_eq!(found.len(), 4, "the seed is what it was: {told:?}");
        assert_eq!(
            found[0].argument(),
            "training.learners=xgboost,decision_tree"
        );
    }

    #[test]
    fn one_learner_is_a_list_too() {
        let (config, found) =
            with_changes(&Config::default(), &changes(&["training.learners=xgboost"])).unwrap();
        assert_eq!(config.training.learners, [LearnerId::Xgboost]);
        let again = changes(&[&found[0].argument()]);
        assert_eq!(with_changes(&Config::default(), &again).unwrap().0, config);
    }

    #[test]
    fn what_is_wrong_is_said_at_its_key() {
        let e = refused(&["training.seed=1", "training.folds=1"]);
        assert_eq!(e.key.as_deref(), Some("training.folds"));
        assert!(e.message.contains("at least 2"), "{e}");
        let e = refused(&["training.fold=3"]);
        assert_eq!(e.hint.as_deref(), Some("Did you mean `folds`?"));
        let e = refused(&["training.folds=many"]);
        assert!(e.message.contains("a whole number"), "{e}");
        let e = refused(&["training.learners="]);
        assert_eq!(e.key.as_deref(), Some("training.learners"));
        assert!(e.message.contains("name at least one"), "{e}");
        let e = refused(&["training.learners=xgbost"]);
        assert_eq!(e.hint.as_deref(), Some("Did you mean `xgboost`?"));
        let e = refused(&["training.xgboost.rounds=0"]);
        assert_eq!(e.key.as_deref(), Some("training.xgboost.rounds"));
        let e = refused(&["training.folds=3\nseed=1"]);
        assert_eq!(e.key.as_deref(), Some("training.folds"));
    }

    #[test]
    fn gate_and_approval_are_not_a_run_s_to_change() {
        for text in [
            "gate.max_loss=1",
            "approval.approvals=1",
            "storage.path=x",
            "ui.glyphs=ascii",
            "folds=3",
            "training=1",
        ] {
            assert!(refused(&[text]).hint.is_some(), "{text}");
        }
        assert!("training.folds".parse::<SettingChange>().is_err());
    }

    proptest! {
        /// What is written for the shell is read back as the same value.
        #[test]
        fn a_written_text_reads_back(text in "\\PC{1,12}") {
            prop_assume!(text.trim() == text && !text.is_empty());
            let setting = ChangedSetting {
                key: "source.path".to_owned(),
                value: Json::String(text.clone()),
                in_config: Json::Null,
            };
            let change: SettingChange = setting.argument().parse().unwrap();
            let (config, _) = with_changes(&Config::default(), &[change]).unwrap();
            prop_assert_eq!(config.source.path.to_str(), Some(text.as_str()));
        }

        #[test]
        fn no_change_panics(key in "[a-z._]{0,20}", value in "\\PC{0,20}") {
            let _ = with_changes(&Config::default(), &[SettingChange::new(key, value)]);
        }
    }
}
