//! All checks over a file that is not part of a run.
//!
//! Ingestion refuses a file without its columns and sets rows with unreadable values aside. Here
//! both are findings: a missing column becomes a check, and a value that is no number is counted
//! in its column instead of taking its row away.

use std::path::Path;

use super::{ValidationReport, check_readable, check_table};
use crate::config::ValidationConfig;
use crate::dataset::Frame;
use crate::error::CommandError;
use crate::schema::{ColumnKind, Role, Schema, fill_classes};
use crate::source::{Detected, Ingested, ReadOptions, SourceError, load_table};

/// Reads a file and checks it against a schema.
pub fn check_file(
    path: &Path,
    schema: &Schema,
    options: &ReadOptions,
    config: &ValidationConfig,
) -> Result<(ValidationReport, Detected), CommandError> {
    let options = ReadOptions {
        require_label: false,
        ..*options
    };
    let mut read = load(path, schema, &options)?;
    if !read.quarantine.is_empty() {
        // Read once more with every number as text: values that are no numbers stay in view.
        let mut texts = schema.clone();
        for column in &mut texts.columns {
            if column.kind.is_numeric() {
                column.kind = ColumnKind::Category;
            }
        }
        read = load(path, &texts, &options)?;
        read.frame = numbers_again(&read.frame, schema)?;
    }
    let Ingested {
        frame,
        rows,
        quarantine,
        detected,
        ..
    } = read;
    let schema = if frame.has(&schema.target.column) {
        fill_classes(schema, &frame)?
    } else {
        schema.clone()
    };
    let mut report = check_table(&frame, &schema, config);
    let examples = quarantine.iter().map(|q| (q.row, q.reason.clone()));
    report.extend(check_readable(
        rows,
        quarantine.len() as u64,
        examples,
        config,
    ));
    report.rows = rows;
    Ok((report, detected))
}

/// Loads after the schema; where columns are missing, the rest of them.
fn load(path: &Path, schema: &Schema, options: &ReadOptions) -> Result<Ingested, CommandError> {
    match load_table(path, Some(schema), options) {
        Err(SourceError::MissingColumns { .. }) => {
            let mut lenient = schema.clone();
            for column in &mut lenient.columns {
                column.optional = true;
            }
            Ok(load_table(path, Some(&lenient), options)?)
        }
        other => Ok(other?),
    }
}

/// Makes number columns of the texts that are all numbers; the others stay texts, to be found.
fn numbers_again(frame: &Frame, schema: &Schema) -> Result<Frame, CommandError> {
    let mut columns = Vec::new();
    for name in frame.names() {
        let numeric = schema
            .column(&name)
            .is_some_and(|c| c.kind.is_numeric() && c.role != Role::Label);
        let mut column = frame.column(&name)?.clone();
        if numeric && !frame.is_numeric(&name)? {
            let parsed: Result<Vec<Option<f64>>, _> = frame
                .texts(&name)?
                .into_iter()
                .map(|text| text.map(|t| t.trim().parse::<f64>()).transpose())
                .collect();
            if let Ok(values) = parsed {
                column = Frame::number_column(&name, values);
            }
        }
        columns.push(column);
    }
    Ok(Frame::from_columns(columns)?)
}
