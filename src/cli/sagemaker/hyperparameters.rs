//! `hyperparameters.json`: settings of the configuration by their names, and two words of our own.

use std::path::Path;

use serde_json::Value;

use crate::config::{self, Config, ConfigError};
use crate::error::CommandError;

/// Why the job is to approve its own plan.
const APPROVE_REASON: &str = "approve_reason";
/// The run's note.
const NOTE: &str = "note";
/// What SageMaker and its SDK add for themselves.
const THEIRS: [&str; 2] = ["sagemaker_", "_tuning"];

/// What the hyperparameters ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hyperparameters {
    /// (`training.seed`, `7`): keys of the configuration with values as in TOML.
    settings: Vec<(String, String)>,
    /// A note that stays with the run.
    pub note: Option<String>,
    /// Approve the plan with this reason, where the policy allows it.
    pub approve_reason: Option<String>,
}

impl Hyperparameters {
    /// Reads the file; a job without one has none.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let invalid = |reason: String| {
            CommandError::config(format!("{}: {reason}", path.display()))
                .hint("It must be one JSON object of names and strings.")
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(invalid(e.to_string())),
        };
        let document: Value = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
        let Value::Object(pairs) = document else {
            return Err(invalid("it is not an object".to_owned()));
        };
        let mut read = Self::default();
        for (name, value) in pairs {
            // SageMaker turns every value into a string.
            let value = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            match name.as_str() {
                NOTE => read.note = Some(value),
                APPROVE_REASON => read.approve_reason = Some(value),
                name if THEIRS.iter().any(|theirs| name.starts_with(theirs)) => {}
                name if is_setting(name) => read.settings.push((name.to_owned(), value)),
                name => {
                    return Err(CommandError::config(format!(
                        "{}: `{}` is no hyperparameter",
                        path.display(),
                        crate::text::clean(name)
                    ))
                    .hint("Settings are named as in config.toml, `training.seed`; besides them there are `note` and `approve_reason`."));
                }
            }
        }
        Ok(read)
    }

    /// The configuration: a base, and the settings over it.
    pub(super) fn apply(&self, base: &str, name: &str) -> Result<Config, CommandError> {
        let variable =
            |key: &str| format!("NETSEC_{}", key.replace('.', "__").to_ascii_uppercase());
        let overrides = self.settings.iter().map(|(k, v)| (variable(k), v.clone()));
        config::parse(base, name, overrides).map_err(|e| match e {
            // The configuration knows them as variables; whoever started the job does not.
            ConfigError::Invalid {
                place,
                message,
                suggestion,
            } => {
                let meant = self
                    .settings
                    .iter()
                    .find(|(key, _)| place.ends_with(&format!(" {}", variable(key))));
                ConfigError::Invalid {
                    place: meant.map_or(place, |(key, _)| format!("hyperparameter {key}")),
                    message,
                    suggestion,
                }
                .into()
            }
            other => other.into(),
        })
    }
}

/// `section.key`, also deeper, as the configuration names its keys.
fn is_setting(name: &str) -> bool {
    name.contains('.')
        && name.split('.').all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                && !part.contains("__")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Hyperparameters, CommandError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hyperparameters.json");
        std::fs::write(&path, text).unwrap();
        Hyperparameters::read(&path)
    }

    #[test]
    fn settings_are_laid_over_the_base() {
        let read = read(
            r#"{"training.seed": "7", "training.learners": "[\"decision_tree\"]", "note": "night",
                "training.random_forest.trees": 20, "sagemaker_region": "eu-west-1", "_tuning_x": "1"}"#,
        )
        .unwrap();
        assert_eq!(read.note.as_deref(), Some("night"));
        assert_eq!(read.approve_reason, None);
        let config = read
            .apply("[training]\nfolds = 2\nseed = 3\n", "base")
            .unwrap();
        assert_eq!(config.training.seed, 7);
        assert_eq!(config.training.folds, 2);
        assert_eq!(config.training.learners.len(), 1);
        assert_eq!(config.training.random_forest.trees, 20);
    }

    #[test]
    fn a_wrong_value_names_the_hyperparameter() {
        let read = read(r#"{"training.seed": "many", "training.folds": "3"}"#).unwrap();
        let error = read.apply("", "base").unwrap_err().to_string();
        assert!(error.contains("hyperparameter training.seed"), "{error}");
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for text in [
            r#"{"seed": "7"}"#,
            r#"{"training..seed": "7"}"#,
            r#"{"Training.Seed": "7"}"#,
            "[]",
            "{",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_file_is_no_hyperparameters() {
        let none = Hyperparameters::read(Path::new("/nowhere/hyperparameters.json")).unwrap();
        assert_eq!(none, Hyperparameters::default());
    }
}
