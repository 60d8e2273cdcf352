//! `netsec import`: load a file into the configured MongoDB.

use std::path::Path;
use std::sync::Arc;

use super::mongodb::Ticker;
use super::{Globals, data_files, output};
use crate::config::{Config, SourceConfig};
use crate::error::CommandError;
use crate::runtime::block_on;
use crate::schema::{self, Schema};
use crate::source::mongodb::import::{ImportReport, ImportStatus, RowProblem, import_file};
use crate::source::mongodb::{MongoServer, Namespace};
use crate::text::{clean, count};

/// Problems that are shown of each kind.
const SHOWN: usize = 5;

/// Arguments of `netsec import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file: CSV, Parquet or NDJSON.
    pub file: std::path::PathBuf,
    /// Built-in schema: phishing, nsl-kdd, unsw-nb15, cicids2017, demo.
    #[arg(long)]
    pub preset: Option<String>,
    /// The database; the configuration's when left out.
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// The collection; the configuration's when left out.
    #[arg(long, value_name = "NAME")]
    pub collection: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let config = data_files::config(globals)?;
    let source = config.as_ref().map(|c| &c.source);
    let named = args
        .preset
        .as_deref()
        .map(schema::named_preset)
        .transpose()?;
    let server = block_on(MongoServer::from_env())??;
    let namespace = target(args, source, server.default_database())?;
    let configured = source.is_some_and(|s| is_configured(s, &namespace));
    let schema = match named {
        Some(schema) => Some(schema),
        None if configured => schema_of(config.as_ref(), globals)?,
        None => None,
    };
    let options = data_files::options_for(&args.file, globals, config.as_ref());
    output::note!(
        "Importing {} into {} on {}",
        clean(&args.file.display().to_string()),
        clean(&namespace.to_string()),
        server.shown()
    );
    let status = Arc::new(ImportStatus::default());
    let ticker = Ticker::start(&status);
    let report = import_file(
        &server,
        &namespace,
        &args.file,
        schema.as_ref(),
        &options,
        &status,
    );
    ticker.stop();
    let report = report?;
    output::write_text(&report_text(
        &report,
        &args.file,
        &namespace,
        schema.as_ref(),
    ))?;
    if report.refused.0 > 0 {
        return Err(CommandError::data(format!(
            "{} refused {} of the rows",
            namespace,
            count(report.refused.0)
        ))
        .hint(
            "Change the collection's rule or the rows; the same command again inserts the rest.",
        ));
    }
    if report.added + report.there == 0 {
        return Err(CommandError::data(format!(
            "no row of {} could be imported",
            args.file.display()
        ))
        .hint("Check the delimiter and the header, or name a schema with --preset."));
    }
    output::say!("{}", next(globals, configured, &namespace))
}

/// Where the rows go: the options, else the configuration, else the database of the address.
fn target(
    args: &Args,
    source: Option<&SourceConfig>,
    default_database: Option<String>,
) -> Result<Namespace, CommandError> {
    let database = args
        .database
        .clone()
        .or_else(|| source.and_then(|s| s.database.clone()))
        .or(default_database);
    let collection = args
        .collection
        .clone()
        .or_else(|| source.and_then(|s| s.collection.clone()));
    match (database, collection) {
        (Some(database), Some(collection)) => Ok(Namespace::new(database, collection)?),
        (database, _) => Err(CommandError::config(format!(
            "no {} is named to import into",
            if database.is_none() {
                "database"
            } else {
                "collection"
            }
        ))
        .hint("Give --database NAME and --collection NAME.")
        .hint("`netsec init --mongodb DATABASE.COLLECTION` writes both into config.toml.")),
    }
}

/// Whether a namespace is one that the configuration trains on or tests with.
fn is_configured(source: &SourceConfig, namespace: &Namespace) -> bool {
    let collection = Some(&namespace.collection);
    source.database.as_ref() == Some(&namespace.database)
        && (source.collection.as_ref() == collection
            || source.test_collection.as_ref() == collection)
}

/// The schema that the configuration names. One that it would infer is not needed: the columns of
/// the file are looked at anyway.
fn schema_of(config: Option<&Config>, globals: &Globals) -> Result<Option<Schema>, CommandError> {
    let Some(config) = config else {
        return Ok(None);
    };
    Ok(match (&config.schema.preset, &config.schema.file) {
        (Some(preset), _) => Some(schema::named_preset(preset)?),
        (None, Some(file)) => Some(schema::read_file(&globals.workspace().resolve(file))?),
        (None, None) => None,
    })
}

fn report_text(
    report: &ImportReport,
    file: &Path,
    namespace: &Namespace,
    schema: Option<&Schema>,
) -> String {
    let mut lines = vec![format!(
        "{}: {}, {} rows, sha256 {}",
        file.display(),
        report.detected.summary(),
        count(report.rows),
        &report.sha256[..12]
    )];
    let (numbers, columns) = report.columns;
    lines.push(format!(
        "{columns} columns, {}.",
        match schema {
            Some(schema) => format!("{numbers} of them numbers by the schema `{}`", schema.name),
            None if report.detected.delimiter.is_some() =>
                format!("{numbers} of them numbers by their values"),
            None => "with the types of the file".to_owned(),
        }
    ));
    lines.push(match (report.added, report.there) {
        (0, there) if there > 0 => format!(
            "Nothing added: all {} documents of this file are in {namespace} already.",
            count(there)
        ),
        (added, 0) => format!("{} documents added to {namespace}.", count(added)),
        (added, there) => format!(
            "{} documents added to {namespace}; {} of this file were there already.",
            count(added),
            count(there)
        ),
    });
    problems(
        &mut lines,
        "cannot be read, not imported",
        &report.unreadable,
    );
    problems(&mut lines, "refused by the server", &report.refused);
    if let Some(stored) = &report.stored_as_text {
        lines.push(format!(
            "{} in columns of numbers kept as text, the first `{}` in column `{}`, row {}.",
            plural(stored.cells, "value", "values"),
            stored.value,
            stored.column,
            count(stored.row)
        ));
    }
    if report.missing_texts > 0 {
        lines.push(format!(
            "{} left out of their documents: the text means missing.",
            plural(report.missing_texts, "cell", "cells")
        ));
    }
    if report.rounded > 0 {
        lines.push(format!(
            "{} of 2^53 or more, perhaps with digits lost.",
            plural(report.rounded, "number", "numbers")
        ));
    }
    for column in &report.left_out {
        lines.push(format!(
            "The column `{column}` is not stored: documents have ids made of file and row."
        ));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&clean(&line));
        text.push('\n');
    }
    text
}

fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn problems(lines: &mut Vec<String>, what: &str, (all, first): &(u64, Vec<RowProblem>)) {
    if *all == 0 {
        return;
    }
    lines.push(format!("{} {what}:", plural(*all, "row", "rows")));
    for problem in first.iter().take(SHOWN) {
        let line = problem
            .line
            .map_or_else(String::new, |line| format!(" (line {})", count(line)));
        lines.push(format!(
            "  row {}{line}: {}",
            count(problem.row),
            problem.reason
        ));
    }
    if *all > SHOWN as u64 {
        lines.push(format!("  and {} more", count(all - SHOWN as u64)));
    }
}

/// What to do next.
fn next(globals: &Globals, configured: bool, namespace: &Namespace) -> String {
    let option = if globals.config_file() == Path::new("config.toml") {
        String::new()
    } else {
        format!(" --config {}", globals.config_file().display())
    };
    clean(&if configured {
        format!("Next: `netsec{option} retrain` trains on it.")
    } else {
        format!(
            "Next: `netsec data mongodb:{namespace}` shows the rows, `netsec init --mongodb \
             {namespace}` writes a configuration."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(database: Option<&str>, collection: Option<&str>) -> Args {
        Args {
            file: "f.csv".into(),
            preset: None,
            database: database.map(str::to_owned),
            collection: collection.map(str::to_owned),
        }
    }

    #[test]
    fn options_come_before_the_configuration_and_that_before_the_address() {
        let source = SourceConfig {
            database: Some("security".to_owned()),
            collection: Some("flows".to_owned()),
            ..SourceConfig::default()
        };
        let to = |a: &Args, s: Option<&SourceConfig>, d: Option<&str>| {
            target(a, s, d.map(str::to_owned))
                .map(|n| n.to_string())
                .map_err(|e| e.message)
        };
        let none = args(None, None);
        assert_eq!(
            to(&none, Some(&source), Some("x")).unwrap(),
            "security.flows"
        );
        let both = args(Some("d"), Some("c.e"));
        assert_eq!(to(&both, Some(&source), None).unwrap(), "d.c.e");
        assert_eq!(to(&args(None, Some("c")), None, Some("x")).unwrap(), "x.c");
        assert!(to(&none, None, None).unwrap_err().contains("no database"));
        assert!(
            to(&none, None, Some("x"))
                .unwrap_err()
                .contains("no collection")
        );
        assert!(is_configured(
            &source,
            &Namespace::parse("security.flows").unwrap()
        ));
        assert!(!is_configured(
            &source,
            &Namespace::parse("security.other").unwrap()
        ));
    }
}
