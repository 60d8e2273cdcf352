//! What `netsec init --mongodb` finds out about a collection and writes into the configuration.

use super::collection::Collection;
use crate::cli::init::{Args, InferredFrom, infer};
use crate::config::{Config, SourceKind, SplitKind};
use crate::dataset::unreadable_documents;
use crate::error::CommandError;
use crate::schema::{self, Schema};
use crate::source::mongodb::Namespace;
use crate::text::count;
use crate::workspace::Workspace;

/// Documents that are looked at. A run looks at all of them; this is to see whether it can work.
const LOOKED_AT: u64 = 50_000;

/// Fills in `[source]` and `[schema]`, and says what was found, one sentence a line.
pub(in crate::cli) fn plan(
    args: &Args,
    text: &str,
    config: &mut Config,
    found: &mut Vec<String>,
) -> Result<Schema, CommandError> {
    let collection = Collection::find(Namespace::parse(text)?)?;
    if collection.documents == 0 {
        return Err(CommandError::data(format!("{text} has no documents"))
            .hint("`netsec import FILE` fills it."));
    }
    config.source.kind = SourceKind::Mongodb;
    config.source.database = Some(collection.namespace.database.clone());
    config.source.collection = Some(collection.namespace.collection.clone());
    let test = args
        .test
        .as_deref()
        .map(|t| test_collection(t, &collection))
        .transpose()?;
    if let Some(test) = &test {
        config.source.test_collection = Some(test.namespace.collection.clone());
        config.split.kind = SplitKind::TestFile;
    }
    let arrays = config.source.arrays;
    let sample = || collection.sample(arrays, LOOKED_AT);
    if args.preset.is_none() {
        let from = InferredFrom {
            table: &sample()?,
            name: &collection.namespace.collection,
            shown: text,
        };
        infer(config, &from, args.label.as_deref(), found)?;
    }
    let schema = schema::resolve(&config.schema, &Workspace::new(&args.dir), sample)?;
    for part in std::iter::once(&collection).chain(&test) {
        found.push(look_at(part, &schema, config)?);
    }
    Ok(schema)
}

/// The collection of given test rows: a name in the same database, with or without the database.
fn test_collection(test: &std::path::Path, train: &Collection) -> Result<Collection, CommandError> {
    let text = test.to_string_lossy();
    let database = &train.namespace.database;
    let prefix = format!("{database}.");
    let name = text.strip_prefix("mongodb:").unwrap_or(&text);
    let name = name.strip_prefix(&prefix).unwrap_or(name);
    Collection::find(Namespace::new(database.clone(), name)?)
}

/// Reads a collection as a run would and says what it is.
fn look_at(
    collection: &Collection,
    schema: &Schema,
    config: &Config,
) -> Result<String, CommandError> {
    let read = collection.load(Some(schema), config.source.arrays, Some(LOOKED_AT))?;
    if let Some(first) = read.quarantine.first()
        && read.quarantine.len() as u64 == read.rows
    {
        return Err(CommandError::data(format!(
            "none of the {} documents of {} that were looked at can be used: {}",
            count(read.rows),
            collection.namespace,
            first.reason
        ))
        .hint("Check the label (`--label`) and the preset."));
    }
    let mut text = collection.summary();
    if collection.documents > read.rows {
        text.push_str(&format!(", the first {} looked at", count(read.rows)));
    }
    match unreadable_documents(&read.quarantine, read.quarantine.len() as u64) {
        Some(said) => text.push_str(&format!("; {said}.")),
        None => text.push_str(", every one looked at can be read."),
    }
    Ok(text)
}
