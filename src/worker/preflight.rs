//! A look before the start: is the source there, can its columns be read, is there room on the
//! disk. Reads a few rows and writes nothing; what only the whole of the data can tell is left to
//! the run.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, SourceKind};
use crate::error::{CommandError, ErrorKind};
use crate::learners::LearnerId;
use crate::runtime::block_on;
use crate::schema;
use crate::source::mongodb::{MongoServer, Query};
use crate::source::{self, ReadOptions};
use crate::workspace::Workspace;

/// Rows that are read to see whether a file can be read at all.
const ROWS: usize = 200;
/// Bytes a run needs besides the copy of its data: models, reports, logs.
const BESIDES: u64 = 64 << 20;

/// Something that would stop the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The setting it is about, `source.path`; empty when it is about none.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
    /// The class of the error.
    #[serde(skip)]
    pub kind: ErrorKind,
}

impl Problem {
    fn new(key: &str, error: &CommandError) -> Self {
        Self {
            key: key.to_owned(),
            message: error.full_message(),
            hints: error.hints.clone(),
            kind: error.kind,
        }
    }
}

/// One error of all the problems there are.
///
/// # Errors
/// When there is one.
pub fn refuse(problems: &[Problem]) -> Result<(), CommandError> {
    let Some(first) = problems.first() else {
        return Ok(());
    };
    let mut error = CommandError::new(first.kind, first.message.clone());
    error.hints.clone_from(&first.hints);
    for other in &problems[1..] {
        error = error.hint(format!("Also: {}", other.message));
    }
    Err(error)
}

/// Looks for what would stop a run of this configuration.
pub fn preflight(workspace: &Workspace, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    match config.source.kind {
        SourceKind::File => {
            let path = config.source.path.as_path();
            if path.as_os_str().is_empty() {
                let error = CommandError::config("no data file is named")
                    .hint("`[source] path` names a CSV, Parquet or NDJSON file.");
                problems.push(Problem::new("source.path", &error));
            } else {
                problems.extend(file(workspace, config, path, "source.path"));
            }
            if let Some(path) = &config.source.test_path {
                problems.extend(file(workspace, config, path, "source.test_path"));
            }
        }
        SourceKind::Mongodb => {
            if let Err(e) = collections(config) {
                problems.push(Problem::new("source.collection", &e));
            }
        }
    }
    problems.extend(schema_file(workspace, config));
    if config.training.learners.contains(&LearnerId::Xgboost) && !cfg!(feature = "xgboost") {
        let error = CommandError::config("this build of netsec leaves XGBoost out")
            .hint("Leave the learner xgboost out, or build with default features.");
        problems.push(Problem::new("training.learners", &error));
    }
    problems.extend(disk(workspace, config));
    problems
}

/// Whether a file can be read, and has the columns it must have.
fn file(workspace: &Workspace, config: &Config, path: &Path, key: &str) -> Option<Problem> {
    let options = ReadOptions {
        header: config.source.header,
        delimiter: config.source.delimiter,
        require_label: false,
    };
    let path = workspace.resolve(path);
    let table = match source::read_raw(&path, &options, Some(ROWS)) {
        Ok((table, _)) => table,
        Err(e) => return Some(Problem::new(key, &e.into())),
    };
    let named = config.schema.preset.is_none() && config.schema.file.is_none();
    let label = config.schema.label.as_ref().filter(|_| named)?;
    let same = |name: &String| name.trim().eq_ignore_ascii_case(label.trim());
    if table.names.iter().any(same) {
        return None;
    }
    let names: Vec<&str> = table.names.iter().take(8).map(String::as_str).collect();
    let error = CommandError::data(format!(
        "{} has no column `{label}`, which [schema] label names; it has {}",
        path.display(),
        names.join(", ")
    ))
    .hint("Choose another file, or name its label: `--set schema.label=COLUMN`.");
    Some(Problem::new(key, &error))
}

fn collections(config: &Config) -> Result<(), CommandError> {
    let (query, test) = Query::of(&config.source)?;
    block_on(async {
        let server = MongoServer::from_env().await?;
        server.ping().await?;
        server.require_collection(&query.namespace).await?;
        if let Some(test) = &test {
            server.require_collection(&test.namespace).await?;
        }
        Ok(())
    })?
    .map_err(|e: source::mongodb::MongoError| e.into())
}

/// A preset or a schema file; one that is inferred needs the whole of the data.
fn schema_file(workspace: &Workspace, config: &Config) -> Option<Problem> {
    let schema = &config.schema;
    let (named, key) = match (&schema.preset, &schema.file) {
        (None, None) => return None,
        (Some(_), _) => (schema.preset.is_some(), "schema.preset"),
        (None, Some(_)) => (true, "schema.file"),
    };
    // Another label than the schema's is looked up in the data, which is the run's matter.
    let without_label = crate::config::SchemaConfig {
        label: None,
        positive: Vec::new(),
        ..schema.clone()
    };
    let no_rows = || {
        Err(CommandError::internal(
            "no rows are needed for a named schema",
        ))
    };
    match schema::resolve(&without_label, workspace, no_rows) {
        Err(e) if named => Some(Problem::new(key, &e)),
        _ => None,
    }
}

/// Room for the run's own copy of the rows: never larger than the file, mostly much smaller.
fn disk(workspace: &Workspace, config: &Config) -> Option<Problem> {
    let root = if workspace.root().as_os_str().is_empty() {
        Path::new(".")
    } else {
        workspace.root()
    };
    let stat = rustix::fs::statvfs(root).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let data = match config.source.kind {
        SourceKind::File => workspace
            .resolve(&config.source.path)
            .metadata()
            .map_or(0, |m| m.len()),
        SourceKind::Mongodb => 0,
    };
    let needed = data + BESIDES;
    if free >= needed {
        return None;
    }
    let megabytes = |n: u64| n as f64 / 1e6;
    let error = CommandError::backend(format!(
        "{:.0} MB are free where Artifacts/ lies, the run may need {:.0} MB",
        megabytes(free),
        megabytes(needed)
    ))
    .hint("Remove folders of old runs under Artifacts/.");
    Some(Problem::new("", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> (tempfile::TempDir, Workspace, Config) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rows.csv"), text).unwrap();
        let mut config = Config::default();
        config.source.path = "rows.csv".into();
        config.schema.label = Some("attack".into());
        let workspace = Workspace::new(dir.path());
        (dir, workspace, config)
    }

    #[test]
    fn a_project_in_order_has_no_problem() {
        let (_dir, workspace, config) = project("a,attack\n1,0\n2,1\n");
        assert_eq!(preflight(&workspace, &config), []);
        assert!(refuse(&[]).is_ok());
    }

    #[test]
    fn a_file_that_is_not_there_or_has_no_label_is_a_problem_of_its_key() {
        let (_dir, workspace, mut config) = project("a,b\n1,0\n2,1\n");
        let found = preflight(&workspace, &config);
        assert_eq!(found[0].key, "source.path");
        assert!(found[0].message.contains("no column `attack`"), "{found:?}");
        config.source.path = "gone.csv".into();
        config.source.test_path = Some("gone too.csv".into());
        config.schema.preset = Some("phishng".into());
        let found = preflight(&workspace, &config);
        let keys: Vec<&str> = found.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["source.path", "source.test_path", "schema.preset"]);
        let e = refuse(&found).unwrap_err();
        assert_eq!(e.kind, ErrorKind::Data);
        assert!(e.hints.iter().any(|h| h.contains("gone too.csv")));
    }

    #[test]
    fn no_file_at_all_is_said() {
        let (_dir, workspace, mut config) = project("");
        assert_eq!(preflight(&workspace, &config)[0].key, "source.path");
        config.source.path = "".into();
        assert!(
            preflight(&workspace, &config)[0]
                .message
                .contains("no data file")
        );
    }
}
