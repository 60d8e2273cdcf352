//! Schema files: versioned JSON, made by `netsec schema infer` and edited by people.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{PRESETS, Role, Schema, nearest, preset};
use crate::error::CommandError;

/// The version this program writes.
const VERSION: u32 = 1;

/// What can be wrong with a schema, its name or its file.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// No preset of this name.
    #[error("there is no preset `{name}`")]
    UnknownPreset {
        /// The name given.
        name: String,
        /// The nearest known one.
        suggestion: Option<String>,
    },
    /// The preset has no such target.
    #[error("the schema `{schema}` has no target `{target}`; it has {known}")]
    UnknownTarget {
        /// The schema.
        schema: String,
        /// The target asked for.
        target: String,
        /// The nearest known one.
        suggestion: Option<String>,
        /// The targets there are.
        known: String,
    },
    /// The schema has no such column.
    #[error("{setting} names the column `{column}`, which the schema `{schema}` does not have")]
    UnknownColumn {
        /// The setting that names it.
        setting: String,
        /// The column.
        column: String,
        /// The schema.
        schema: String,
        /// The nearest known one.
        suggestion: Option<String>,
    },
    /// A setting cannot be used as it is.
    #[error("{0}")]
    Setting(String),
    /// The file cannot be read.
    #[error("the schema file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a schema.
    #[error("{place} is not a schema: {message}")]
    Invalid {
        /// File, and line where known.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl SchemaError {
    /// No preset of this name, with the nearest one.
    pub fn unknown_preset(name: &str) -> Self {
        SchemaError::UnknownPreset {
            name: name.to_owned(),
            suggestion: nearest(name, PRESETS).map(str::to_owned),
        }
    }
}

impl From<SchemaError> for CommandError {
    fn from(e: SchemaError) -> Self {
        let message = e.to_string();
        let did_you_mean = |error: CommandError, suggestion: Option<String>| match suggestion {
            Some(name) => error.hint(format!("Did you mean `{name}`?")),
            None => error,
        };
        match e {
            SchemaError::UnknownPreset { suggestion, .. } => {
                did_you_mean(CommandError::config(message), suggestion)
                    .hint(format!("The presets are {}.", PRESETS.join(", ")))
            }
            SchemaError::UnknownTarget { suggestion, .. }
            | SchemaError::UnknownColumn { suggestion, .. } => {
                did_you_mean(CommandError::config(message), suggestion)
            }
            SchemaError::Setting(_) => CommandError::config(message),
            SchemaError::Unreadable { source, .. } => CommandError::config(message).because(source),
            SchemaError::Invalid { .. } => {
                CommandError::config(message).hint("`netsec schema infer FILE` writes one that is.")
            }
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    schema: &'a Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    schema: Schema,
}

/// The JSON text of a schema file.
pub fn to_text(schema: &Schema) -> String {
    let written = Written {
        version: VERSION,
        schema,
    };
    let mut text = serde_json::to_string_pretty(&written)
        .expect("our own types have string keys and no failing Serialize");
    text.push('\n');
    text
}

/// Writes a schema file, atomically.
pub fn write_file(schema: &Schema, path: &Path) -> Result<(), CommandError> {
    crate::files::write_atomic(path, to_text(schema).as_bytes()).map_err(|e| {
        CommandError::backend(format!(
            "the schema file {} cannot be written",
            path.display()
        ))
        .because(e)
    })
}

/// Reads and checks a schema file.
pub fn read_file(path: &Path) -> Result<Schema, SchemaError> {
    let text = std::fs::read_to_string(path).map_err(|source| SchemaError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, name: &str) -> Result<Schema, SchemaError> {
    let invalid = |place: String, message: String| SchemaError::Invalid { place, message };
    let read: Read = serde_json::from_str(text)
        .map_err(|e| invalid(format!("{name}, line {}", e.line()), e.to_string()))?;
    if read.version != VERSION {
        return Err(invalid(
            name.to_owned(),
            format!(
                "its version is {}, this program reads version {VERSION}",
                read.version
            ),
        ));
    }
    check(&read.schema).map_err(|message| invalid(name.to_owned(), message))?;
    Ok(read.schema)
}

/// Checks what types cannot: names, the label, the classes, the ranges.
fn check(schema: &Schema) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for column in &schema.columns {
        for text in std::iter::once(&column.name).chain(&column.aliases) {
            if !seen.insert(text.trim().to_lowercase()) {
                return Err(format!("`{text}` names two columns"));
            }
        }
        if let (Some(min), Some(max)) = (column.min, column.max)
            && min > max
        {
            return Err(format!(
                "column `{}`: min {min} is above max {max}",
                column.name
            ));
        }
    }
    let labels: Vec<&str> = schema
        .columns
        .iter()
        .filter(|c| c.role == Role::Label)
        .map(|c| c.name.as_str())
        .collect();
    if labels != [schema.target.column.as_str()] {
        return Err(format!(
            "the target's column is `{}`, but the columns with the role label are: {}",
            schema.target.column,
            if labels.is_empty() {
                "none".to_owned()
            } else {
                labels.join(", ")
            }
        ));
    }
    if schema.features().next().is_none() {
        return Err("no column is a feature".to_owned());
    }
    Ok(())
}

/// The preset of this name, or an error with the nearest one.
pub fn named_preset(name: &str) -> Result<Schema, CommandError> {
    preset(name).ok_or_else(|| SchemaError::unknown_preset(name).into())
}

/// A schema by the text of `--schema`: a preset's name or a schema file.
pub fn named(text: &str) -> Result<Schema, CommandError> {
    if let Some(schema) = preset(text) {
        return Ok(schema);
    }
    let path = Path::new(text);
    if path.exists() {
        return Ok(read_file(path)?);
    }
    Err(CommandError::from(SchemaError::unknown_preset(text))
        .hint(format!("And there is no schema file `{text}`.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for name in PRESETS {
            let Some(schema) = preset(name) else {
                continue;
            };
            let path = dir.path().join(format!("{name}.json"));
            write_file(&schema, &path).unwrap();
            assert_eq!(read_file(&path).unwrap(), schema);
            assert_eq!(named(path.to_str().unwrap()).unwrap(), schema);
            assert_eq!(named(name).unwrap(), schema);
        }
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        let schema = preset("phishing").unwrap();
        let good = to_text(&schema);
        for (text, part) in [
            ("".to_owned(), "line"),
            (
                good.replace("\"version\": 1", "\"version\": 9"),
                "version is 9",
            ),
            (
                good.replacen("\"name\": \"URL_Length\"", "\"name\": \"SFH\"", 1),
                "two columns",
            ),
            (
                good.replace("\"role\": \"label\"", "\"role\": \"feature\""),
                "none",
            ),
        ] {
            let e = parse(&text, "s.json").unwrap_err().to_string();
            assert!(e.contains(part), "{e}");
        }
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let e = named("phising").unwrap_err();
        assert_eq!(e.kind, crate::error::ErrorKind::Config);
        assert!(e.hints[0].contains("`phishing`"));
    }
}
