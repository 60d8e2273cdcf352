//! Chooses and runs the split kind of the configuration.

use std::collections::HashMap;

use super::split::{self, Indices, Parts};
use super::times::times_of;
use crate::config::{SourceKind, SplitKind};
use crate::dataset::{Frame, Labels, ROW_COLUMN};
use crate::error::CommandError;
use crate::pipeline::StageContext;

/// The kind in force: a given test file or collection replaces the configured kind.
pub(super) fn kind_of(ctx: &StageContext<'_>) -> Result<SplitKind, CommandError> {
    let source = &ctx.config.source;
    let (key, given) = match source.kind {
        SourceKind::File => ("test_path", source.test_path.is_some()),
        SourceKind::Mongodb => ("test_collection", source.test_collection.is_some()),
    };
    match (given, ctx.config.split.kind) {
        (true, _) => Ok(SplitKind::TestFile),
        (false, SplitKind::TestFile) => Err(CommandError::config(format!(
            "[split] kind is `test_file`, but [source] {key} names nothing"
        ))
        .hint(format!(
            "Set `[source] {key}`, or choose another kind of split."
        ))),
        (false, kind) => Ok(kind),
    }
}

/// Numbers rows by equal feature vectors, in the order of their first row.
pub(super) fn vector_ids(digests: &[[u8; 32]]) -> (Vec<u32>, u32) {
    let mut ids: HashMap<&[u8; 32], u32> = HashMap::with_capacity(digests.len());
    let vectors = digests
        .iter()
        .map(|digest| {
            let next = ids.len() as u32;
            *ids.entry(digest).or_insert(next)
        })
        .collect();
    (vectors, ids.len() as u32)
}

/// Divides the kept rows. `first_test` is the first row of a given test file, `rows` the number
/// of rows of the source.
pub(super) fn divide(
    ctx: &StageContext<'_>,
    kind: SplitKind,
    frame: &Frame,
    classes: &Labels,
    vectors: &[u32],
    first_test: Option<usize>,
    rows: u64,
) -> Result<Parts, CommandError> {
    let settings = &ctx.config.split;
    let mut parts = match kind {
        SplitKind::Stratified => {
            let own: Vec<u32>;
            let units = if settings.allow_shared_vectors {
                own = (0..vectors.len() as u32).collect();
                &own
            } else {
                vectors
            };
            split::stratified(
                units,
                &classes.codes,
                classes.classes.len(),
                settings.test_share,
                settings.seed,
            )
        }
        SplitKind::Time => {
            let column = named(frame, "time", settings.time_column.as_deref())?;
            split::by_time(&times_of(frame, column)?, settings.test_share)
        }
        SplitKind::Group => {
            let column = named(frame, "group", settings.group_column.as_deref())?;
            let groups = groups_of(frame, column)?;
            split::by_group(&groups, settings.test_share, settings.seed)
        }
        SplitKind::Indices => by_indices(ctx, frame, rows)?,
        SplitKind::TestFile => {
            let first = first_test.unwrap_or(frame.rows());
            Parts {
                train: (0..first).collect(),
                test: (first..frame.rows()).collect(),
            }
        }
    };
    let moves_rows = matches!(kind, SplitKind::Time | SplitKind::Group);
    if moves_rows && !settings.allow_shared_vectors {
        parts.leave_out_shared(vectors);
    }
    check(&parts, kind, classes)?;
    Ok(parts)
}

fn named<'a>(frame: &Frame, kind: &str, column: Option<&'a str>) -> Result<&'a str, CommandError> {
    let column = column.ok_or_else(|| {
        CommandError::config(format!(
            "[split] kind is `{kind}`, but {kind}_column names no column"
        ))
        .hint(format!("Set `[split] {kind}_column`."))
    })?;
    if frame.has(column) && column != ROW_COLUMN {
        return Ok(column);
    }
    let names = frame.names();
    let near = names
        .iter()
        .filter(|n| *n != ROW_COLUMN)
        .max_by(|a, b| strsim::jaro_winkler(a, column).total_cmp(&strsim::jaro_winkler(b, column)))
        .cloned()
        .unwrap_or_default();
    Err(CommandError::config(format!(
        "[split] {kind}_column is `{column}`, but the data has no such column"
    ))
    .hint(format!("The nearest column is `{near}`.")))
}

/// Numbers rows by the value of a column; rows without a value are one group.
fn groups_of(frame: &Frame, column: &str) -> Result<Vec<u32>, CommandError> {
    let mut ids: HashMap<Option<String>, u32> = HashMap::new();
    let groups: Vec<u32> = frame
        .texts(column)?
        .into_iter()
        .map(|value| {
            let next = ids.len() as u32;
            *ids.entry(value).or_insert(next)
        })
        .collect();
    if ids.len() < 2 {
        return Err(CommandError::data(format!(
            "the group column `{column}` has one value only; at least two groups are needed"
        )));
    }
    Ok(groups)
}

fn by_indices(ctx: &StageContext<'_>, frame: &Frame, rows: u64) -> Result<Parts, CommandError> {
    let path = ctx.config.split.indices.as_ref().ok_or_else(|| {
        CommandError::config("[split] kind is `indices`, but indices names no file")
            .hint("Set `[split] indices` to a JSON file {\"train\": [..], \"test\": [..]}.")
    })?;
    let path = ctx.workspace.resolve(path);
    let bytes = std::fs::read(&path).map_err(|e| {
        CommandError::data(format!("the indices {} cannot be read", path.display())).because(e)
    })?;
    let indices: Indices = serde_json::from_slice(&bytes).map_err(|e| {
        CommandError::data(format!("{} holds no row indices", path.display()))
            .because(e)
            .hint("The form is {\"train\": [0, 2], \"test\": [1]}: rows of the source, from 0.")
    })?;
    let source_rows: Vec<u64> = frame
        .numbers(ROW_COLUMN)?
        .into_iter()
        .map(|r| r as u64)
        .collect();
    split::by_indices(&indices, &source_rows, rows).map_err(|faults| {
        let text = faults
            .iter()
            .map(|(what, list)| {
                let shown: Vec<String> = list.iter().take(5).map(u64::to_string).collect();
                let more = if list.len() > 5 { ", .." } else { "" };
                format!("{} {what} ({}{more})", list.len(), shown.join(", "))
            })
            .collect::<Vec<_>>()
            .join("; ");
        CommandError::data(format!(
            "{} does not fit the source of {rows} rows: {text}",
            path.display()
        ))
        .hint("Indices count the rows of the source from 0, the header not included.")
    })
}

/// Both parts need rows, and train needs two classes.
fn check(parts: &Parts, kind: SplitKind, classes: &Labels) -> Result<(), CommandError> {
    for (name, rows) in [("train", &parts.train), ("test", &parts.test)] {
        if rows.is_empty() {
            let error = CommandError::data(format!("the {name} part of the split has no rows"));
            return Err(match kind {
                SplitKind::Time => error.hint(
                    "Rows of one moment stay together, and test rows whose features stand in \
                     train are left out unless `[split] allow_shared_vectors = true`.",
                ),
                SplitKind::Group => error.hint(
                    "Groups stay together, and test rows whose features stand in train are left \
                     out unless `[split] allow_shared_vectors = true`.",
                ),
                SplitKind::Stratified => error.hint(
                    "Equal rows stay together; more different rows are needed, or \
                     `[split] allow_shared_vectors = true`.",
                ),
                SplitKind::Indices | SplitKind::TestFile => {
                    error.hint("Give at least one row to each part.")
                }
            });
        }
    }
    let first = classes.codes[parts.train[0]];
    if parts.train.iter().all(|&r| classes.codes[r] == first) {
        return Err(CommandError::data(format!(
            "the train part of the split has one class only, `{}`",
            classes.classes[first as usize]
        ))
        .hint("Choose another kind of split or another share."));
    }
    Ok(())
}
