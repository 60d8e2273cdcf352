//! `netsec schema`: propose a schema, or compare two.

use std::path::Path;

use super::table::{Align, TextTable};
use super::{Globals, data_files, output};
use crate::error::CommandError;
use crate::schema::{self, Schema};
use crate::source::ReadOptions;
use crate::text::clean;

/// Arguments of `netsec schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What `netsec schema` does.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Propose a schema for a file.
    Infer {
        /// The file.
        file: std::path::PathBuf,
        /// The label column.
        #[arg(long)]
        label: Option<String>,
        /// Print JSON and no advice.
        #[arg(long)]
        json: bool,
    },
    /// Compare two schemas (preset names, schema files or data files).
    Diff {
        /// The first.
        a: String,
        /// The second.
        b: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    match &args.action {
        Action::Infer { file, label, json } => infer(file, label.as_deref(), *json, globals),
        Action::Diff { a, b, json } => diff(a, b, *json),
    }
}

/// The schema goes to stdout, ready for a file; the guesses go to stderr.
fn infer(
    file: &Path,
    label: Option<&str>,
    json: bool,
    globals: &Globals,
) -> Result<(), CommandError> {
    // A configuration that is wrong elsewhere must not stop a look at a file.
    let config = data_files::config(globals).ok().flatten();
    let options = data_files::options_for(file, globals, config.as_ref());
    let table = data_files::sample(file, &options)?;
    if let Some(label) = label {
        let names: Vec<&str> = table.names.iter().map(|n| n.trim()).collect();
        if !names.iter().any(|n| n.eq_ignore_ascii_case(label.trim())) {
            let error = CommandError::usage(format!(
                "--label names `{label}`, which {} does not have",
                file.display()
            ));
            return Err(match schema::nearest(label, names) {
                Some(near) => error.hint(format!("Did you mean `{near}`?")),
                None => error,
            });
        }
    }
    let inferred = schema::infer(&table, &data_files::file_name(file), label);
    for note in &inferred.notes {
        output::note!("note: {}", clean(note));
    }
    if !json {
        output::note!("note: save it with `> schema.json`; `[schema] file` then names it.");
    }
    output::write_text(&schema::to_text(&inferred.schema))
}

/// A preset, a schema file, or a data file to infer from.
fn any_schema(text: &str) -> Result<Schema, CommandError> {
    let path = Path::new(text);
    if schema::PRESETS.contains(&text) || !path.exists() {
        return schema::named(text);
    }
    match schema::read_file(path) {
        Ok(schema) => Ok(schema),
        Err(not_a_schema) => {
            if path.extension().is_some_and(|e| e == "json") {
                return Err(not_a_schema.into());
            }
            let table = data_files::sample(path, &ReadOptions::default())?;
            Ok(schema::infer(&table, &data_files::file_name(path), None).schema)
        }
    }
}

fn diff(a: &str, b: &str, json: bool) -> Result<(), CommandError> {
    let difference = schema::diff(&any_schema(a)?, &any_schema(b)?);
    if json {
        return output::write_json(&difference);
    }
    if difference.is_empty() {
        return output::write_text("The schemas are the same.\n");
    }
    let mut text = String::new();
    for (sign, columns) in [("-", &difference.removed), ("+", &difference.added)] {
        for column in columns {
            text.push_str(&format!("{sign} {}\n", clean(column)));
        }
    }
    if difference.reordered {
        text.push_str("The shared columns stand in another order.\n");
    }
    if let Some([before, after]) = &difference.target {
        text.push_str(&format!("target: {} -> {}\n", clean(before), clean(after)));
    }
    if !difference.changed.is_empty() {
        let mut table = TextTable::new([
            ("column", Align::Left),
            ("property", Align::Left),
            ("before", Align::Left),
            ("after", Align::Left),
        ]);
        for c in &difference.changed {
            table.row([c.column.as_str(), c.property, &c.before, &c.after]);
        }
        text.push_str(&table.render());
    }
    output::write_text(&text)
}
