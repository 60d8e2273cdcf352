//! Reading `config.toml`: typed errors with file, line, key and a suggestion.

use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::{Config, ServeConfig, StorageConfig, StorageKind, TrainingConfig};
use crate::error::CommandError;

/// Environment variables that carry the prefix but are not overrides of a key.
const NOT_OVERRIDES: [&str; 5] = [
    "NETSEC_CONFIG",
    "NETSEC_LOG",
    "NETSEC_TESTS",
    "NETSEC_TEST_CACHE",
    "NETSEC_SHARED",
];
const PREFIX: &str = "NETSEC_";

/// Why the configuration could not be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration at {0}")]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It is not TOML, or a key or value is wrong.
    #[error("{place}: {message}")]
    Invalid {
        /// File and line, or the environment variable.
        place: String,
        /// What is wrong.
        message: String,
        /// The nearest known key.
        suggestion: Option<String>,
    },
}

impl From<ConfigError> for CommandError {
    fn from(e: ConfigError) -> Self {
        match e {
            ConfigError::Missing(path) => {
                CommandError::config(format!("there is no configuration at {}", path.display()))
                    .hint("`netsec init --data FILE` writes one; `netsec demo` needs none.")
                    .hint("`--config FILE` or NETSEC_CONFIG name one elsewhere.")
            }
            ConfigError::Unreadable { path, source } => {
                let hint = match source.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "Give the user who runs netsec the right to read it."
                    }
                    _ => "It must be a TOML file in UTF-8; `netsec init --data FILE` writes one.",
                };
                CommandError::config(format!("{} cannot be read", path.display()))
                    .because(source)
                    .hint(hint)
            }
            ConfigError::Invalid {
                place,
                message,
                suggestion,
            } => {
                let error = CommandError::config(format!("{place}: {message}"));
                match suggestion {
                    Some(key) => error.hint(format!("Did you mean `{key}`?")),
                    None => error,
                }
            }
        }
    }
}

/// Reads a configuration file and applies overrides from the environment.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing(path.to_owned()));
        }
        Err(source) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    parse(&text, &path.display().to_string(), std::env::vars())
}

/// Parses configuration text; `name` stands for the file in errors, `env` gives the overrides.
pub fn parse(
    text: &str,
    name: &str,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|e| invalid(&e, text, name))?;
    let mut overrides: Vec<(String, String)> = env
        .into_iter()
        .filter(|(key, _)| key.starts_with(PREFIX) && key.contains("__"))
        .filter(|(key, _)| !NOT_OVERRIDES.contains(&key.as_str()))
        .collect();
    overrides.sort();
    let mut config = config;
    if !overrides.is_empty() {
        let mut table: Table = toml::from_str(text).map_err(|e| invalid(&e, text, name))?;
        for (variable, value) in overrides {
            set(&mut table, &variable, &value);
            config = table.clone().try_into().map_err(|e: toml::de::Error| {
                let message = in_plain_words(e.message());
                let suggestion = suggest(&message);
                ConfigError::Invalid {
                    place: format!("environment variable {variable}"),
                    message,
                    suggestion,
                }
            })?;
        }
    }
    check(&config, name)?;
    Ok(config)
}

/// Puts the value of `NETSEC_A__B` at `[a] b`: as TOML when it parses, else as text.
fn set(table: &mut Table, variable: &str, value: &str) {
    let path: Vec<String> = variable[PREFIX.len()..]
        .split("__")
        .map(str::to_ascii_lowercase)
        .collect();
    let parsed = format!("v = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut at = table;
    for section in &path[..path.len() - 1] {
        let entry = at
            .entry(section.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        if !entry.is_table() {
            *entry = Value::Table(Table::new());
        }
        let Value::Table(next) = entry else { return };
        at = next;
    }
    at.insert(path[path.len() - 1].clone(), parsed);
}

fn invalid(e: &toml::de::Error, text: &str, name: &str) -> ConfigError {
    let line = e
        .span()
        .map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
    let message = in_plain_words(e.message().lines().next().unwrap_or_default());
    ConfigError::Invalid {
        place: line.map_or_else(|| name.to_owned(), |l| format!("{name}, line {l}")),
        suggestion: suggest(&message),
        message,
    }
}

/// serde names the types of the program; a reader of a TOML file knows whole numbers and lists.
pub(super) fn in_plain_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let plain = match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a sequence" => "a list, `[\"a\", \"b\"]`",
        other => other,
    };
    format!("{before}expected {plain}")
}

/// Finds the nearest expected key in serde's "unknown field `x`, expected one of `a`, `b`".
pub(super) fn suggest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    quoted
        .map(|known| (strsim::damerau_levenshtein(wrong, known), known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min()
        .map(|(_, known)| known.to_owned())
}

/// Checks what types cannot: ranges and combinations.
pub(super) fn check(config: &Config, name: &str) -> Result<(), ConfigError> {
    let wrong = |message: String| {
        Err(ConfigError::Invalid {
            place: name.to_owned(),
            message,
            suggestion: None,
        })
    };
    let share = config.split.test_share;
    if !(share > 0.0 && share < 1.0) {
        return wrong(format!(
            "[split] test_share is {share}, it must lie between 0 and 1"
        ));
    }
    if config.training.folds < 2 {
        return wrong(format!(
            "[training] folds is {}, cross-validation needs at least 2",
            config.training.folds
        ));
    }
    if config.training.learners.is_empty() {
        return wrong("[training] learners is empty, name at least one".to_owned());
    }
    if let Some(message) = empty_budget(&config.training) {
        return wrong(message);
    }
    if config.approval.approvals == 0 {
        return wrong("[approval] approvals is 0, a push needs at least 1".to_owned());
    }
    if let Err(message) = check_serve(&config.serve) {
        return wrong(message);
    }
    if let Err(message) = check_storage(&config.storage) {
        return wrong(message);
    }
    if let Err(e) = crate::pipeline::data_validation::check_config(&config.validation) {
        return wrong(format!("{} {}", e.message, e.hints.join(" ")));
    }
    for (key, value) in [
        (
            "[validation] max_null_share",
            config.validation.max_null_share,
        ),
        (
            "[validation] max_duplicate_share",
            config.validation.max_duplicate_share,
        ),
        ("[drift] dataset_share", config.drift.dataset_share),
        ("[drift] null_share", config.drift.null_share),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return wrong(format!("{key} is {value}, it must lie between 0 and 1"));
        }
    }
    Ok(())
}

/// Checks the limits of the scoring service.
fn check_serve(serve: &ServeConfig) -> Result<(), String> {
    let at_least_one = [
        ("poll_seconds", serve.poll_seconds),
        ("max_body_mib", serve.max_body_mib),
        ("max_rows", serve.max_rows),
        ("max_in_flight", u64::from(serve.max_in_flight)),
        ("max_connections", u64::from(serve.max_connections)),
        ("header_seconds", serve.header_seconds),
        ("body_seconds", serve.body_seconds),
        ("request_seconds", serve.request_seconds),
    ];
    if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
        return Err(format!("[serve] {key} is 0, it must be at least 1"));
    }
    if serve.max_body_mib > 1_024 {
        return Err(format!(
            "[serve] max_body_mib is {}, it must be at most 1024",
            serve.max_body_mib
        ));
    }
    if serve.max_bodies_mib < serve.max_body_mib {
        return Err(format!(
            "[serve] max_bodies_mib is {}, less than the {} of one body (max_body_mib)",
            serve.max_bodies_mib, serve.max_body_mib
        ));
    }
    if !(0.0..=1.0).contains(&serve.log_sample) {
        return Err(format!(
            "[serve] log_sample is {}, it must be from 0 to 1",
            serve.log_sample
        ));
    }
    if serve.log_days == 0 {
        return Err("[serve] log_days is 0, it must be at least 1".to_owned());
    }
    if serve.tls_cert.is_some() != serve.tls_key.is_some() {
        return Err("[serve] tls_cert and tls_key belong together; one is missing".to_owned());
    }
    Ok(())
}

/// Names a learner that is to train for no round at all: known before hours of reading, not after.
fn empty_budget(training: &TrainingConfig) -> Option<String> {
    let learner = *training
        .learners
        .iter()
        .find(|l| training.spec(**l).rounds() == 0)?;
    let key = learner.budget_setting()?;
    Some(format!(
        "[training.{learner}] {key} is 0, it must be at least 1"
    ))
}

/// Checks the names of the published store: they become keys of objects and paths of files.
fn check_storage(storage: &StorageConfig) -> Result<(), String> {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '='))
    };
    if !plain(&storage.model) {
        return Err(format!(
            "[storage] model is `{}`, it must be a name of letters, digits, `-`, `_` and `.`",
            storage.model
        ));
    }
    for (key, prefix) in [("prefix", &storage.prefix), ("copies", &storage.copies)] {
        let trimmed = prefix.trim_matches('/');
        if !trimmed.is_empty() && !trimmed.split('/').all(plain) {
            return Err(format!(
                "[storage] {key} is `{prefix}`, it must be names of letters, digits, `-`, `_` and \
                 `.` with single slashes between them"
            ));
        }
    }
    let bucket = storage.bucket.as_deref().unwrap_or_default();
    match storage.kind {
        StorageKind::Local if storage.path.as_os_str().is_empty() => {
            Err("[storage] path is empty, it must name a folder".to_owned())
        }
        StorageKind::S3 if bucket.trim().is_empty() => {
            Err("[storage] kind is `s3`, but [storage] bucket names none".to_owned())
        }
        StorageKind::S3 if bucket.contains(['/', ':', '?', '#']) || bucket.contains(' ') => Err(
            format!("[storage] bucket is `{bucket}`, it must be the bucket's name alone"),
        ),
        StorageKind::S3
            if storage.copies.trim_matches('/').is_empty()
                || storage.copies.trim_matches('/') == storage.prefix.trim_matches('/') =>
        {
            Err(
                "[storage] copies must name a folder of its own, besides [storage] prefix"
                    .to_owned(),
            )
        }
        StorageKind::Local | StorageKind::S3 => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_store_is_named_in_full() {
        let wrong = |text: &str| parse(text, "c", none()).unwrap_err().to_string();
        assert!(wrong("[storage]\nkind = \"s3\"").contains("bucket names none"));
        assert!(wrong("[storage]\nkind = \"s3\"\nbucket = \"s3://x/y\"").contains("name alone"));
        assert!(wrong("[storage]\nmodel = \"../x\"").contains("model is"));
        assert!(wrong("[storage]\nprefix = \"a/../b\"").contains("prefix is"));
        let same = "[storage]\nkind = \"s3\"\nbucket = \"b\"\ncopies = \"netsec/\"";
        assert!(wrong(same).contains("folder of its own"));
        parse(
            "[storage]\nkind = \"s3\"\nbucket = \"b\"\nprefix = \"\"",
            "c",
            none(),
        )
        .unwrap();
    }

    fn none() -> Vec<(String, String)> {
        Vec::new()
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(parse("", "config.toml", none()).unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_names_line_and_suggestion() {
        let e = parse("[split]\ntest_shar = 0.3\n", "config.toml", none()).unwrap_err();
        let ConfigError::Invalid {
            place,
            message,
            suggestion,
        } = e
        else {
            panic!("{e}")
        };
        assert_eq!(place, "config.toml, line 2");
        assert!(message.contains("test_shar"), "{message}");
        assert_eq!(suggestion.as_deref(), Some("test_share"));
    }

    #[test]
    fn an_unknown_learner_is_named() {
        let e = parse("[training]\nlearners = [\"xgbost\"]", "c", none()).unwrap_err();
        let ConfigError::Invalid { suggestion, .. } = e else {
            panic!("{e}")
        };
        assert_eq!(suggestion.as_deref(), Some("xgboost"));
    }

    #[test]
    fn the_environment_overrides_and_is_named_in_errors() {
        let env = vec![
            ("NETSEC_TRAINING__SEED".to_owned(), "7".to_owned()),
            (
                "NETSEC_TRAINING__XGBOOST__ROUNDS".to_owned(),
                "3".to_owned(),
            ),
            ("NETSEC_SCHEMA__PRESET".to_owned(), "phishing".to_owned()),
            ("NETSEC_CONFIG".to_owned(), "elsewhere".to_owned()),
        ];
        let config = parse("", "c", env).unwrap();
        assert_eq!(config.training.seed, 7);
        assert_eq!(config.training.xgboost.rounds, 3);
        assert_eq!(config.schema.preset.as_deref(), Some("phishing"));
        let e = parse("", "c", [("NETSEC_SPLIT__SEDE".to_owned(), "1".to_owned())]).unwrap_err();
        let ConfigError::Invalid {
            place, suggestion, ..
        } = e
        else {
            panic!("{e}")
        };
        assert!(place.contains("NETSEC_SPLIT__SEDE"));
        assert_eq!(suggestion.as_deref(), Some("seed"));
    }

    #[test]
    fn ranges_are_checked() {
        assert!(parse("[split]\ntest_share = 1.5", "c", none()).is_err());
        assert!(parse("[training]\nfolds = 1", "c", none()).is_err());
        assert!(parse("[approval]\napprovals = 0", "c", none()).is_err());
    }

    #[test]
    fn the_written_form_reads_back() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(parse(&text, "c", none()).unwrap(), Config::default());
    }
}
