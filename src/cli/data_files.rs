//! Files named on the command line: how they are read and what their columns mean.

use std::path::Path;

use super::Globals;
use crate::browse;
use crate::config::Config;
use crate::dataset::RawTable;
use crate::error::CommandError;
use crate::schema::{self, Schema};
use crate::source::{ReadOptions, read_raw};

/// A schema and where it came from.
pub struct Chosen {
    /// The schema.
    pub schema: Schema,
    /// For people: the preset's name, the file, or that it was inferred.
    pub origin: String,
    /// The guesses of an inferred schema.
    pub notes: Vec<String>,
}

/// The configuration, if there is one; a wrong one is an error.
pub fn config(globals: &Globals) -> Result<Option<Config>, CommandError> {
    globals.has_config().then(|| globals.config()).transpose()
}

/// How a file is read: as `[source]` says when it is the file of `[source]`, else detected.
pub fn options_for(file: &Path, globals: &Globals, config: Option<&Config>) -> ReadOptions {
    browse::options_for(file, config, &globals.workspace())
}

/// Reads a whole file as text, for inference: classes may be missing from its beginning.
pub fn sample(file: &Path, options: &ReadOptions) -> Result<RawTable, CommandError> {
    Ok(read_raw(file, options, None)?.0)
}

/// The schema of a file: the one named (`--schema`), else the configuration's, else inferred.
pub fn choose_schema(
    file: &Path,
    named: Option<&str>,
    options: &ReadOptions,
    globals: &Globals,
    config: Option<&Config>,
) -> Result<Chosen, CommandError> {
    if let Some(text) = named {
        return Ok(Chosen {
            schema: schema::named(text)?,
            origin: text.to_owned(),
            notes: Vec::new(),
        });
    }
    if let Some(config) = config {
        let read = || sample(file, options);
        return Ok(Chosen {
            schema: schema::resolve(&config.schema, &globals.workspace(), read)?,
            origin: globals.config_file().display().to_string(),
            notes: Vec::new(),
        });
    }
    let inferred = schema::infer(&sample(file, options)?, &file_name(file), None);
    Ok(Chosen {
        schema: inferred.schema,
        origin: "inferred from the rows".to_owned(),
        notes: inferred.notes,
    })
}

/// The last part of a path, for names and titles.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    )
}
