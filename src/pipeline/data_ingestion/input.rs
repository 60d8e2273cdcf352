//! Reads what `[source]` names: files or collections.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use super::report::FileReport;
use super::snapshots::{RunSnapshots, parts_dir};
use super::warnings::Warnings;
use super::{MAX_QUARANTINE_SHARE, STAGE};
use crate::config::SourceKind;
use crate::dataset::QuarantinedRow;
use crate::error::{CommandError, ErrorKind};
use crate::events::Event;
use crate::pipeline::StageContext;
use crate::source::mongodb::{MongoServer, Query, Snapshot, Watching, read_collection};
use crate::source::{self, Ingested, ReadOptions};

/// The inputs of a run.
pub(super) enum Inputs {
    /// The files of `[source] path` and `test_path`.
    Files,
    /// The collections, settled.
    Collections(Box<Collections>),
}

pub(super) struct Collections {
    server: MongoServer,
    main: (Query, Snapshot),
    test: Option<(Query, Snapshot)>,
}

impl Inputs {
    pub fn of(ctx: &StageContext<'_>) -> Result<Self, CommandError> {
        let source = &ctx.config.source;
        match source.kind {
            SourceKind::File => Ok(Inputs::Files),
            SourceKind::Mongodb => {
                let (main, test) = Query::of(source)?;
                let settled = RunSnapshots::of_run(ctx.run_dir, source, ctx.control)?;
                let settled = settled.ok_or_else(|| {
                    CommandError::internal("a collection is read without a snapshot")
                })?;
                Ok(Inputs::Collections(Box::new(Collections {
                    server: MongoServer::connect()?,
                    main: (main, settled.main),
                    test: test.zip(settled.test),
                })))
            }
        }
    }

    /// Reads the rows to train on.
    pub fn main(
        &self,
        ctx: &StageContext<'_>,
        warnings: &mut Warnings<'_>,
    ) -> Result<(Ingested, FileReport), CommandError> {
        match self {
            Inputs::Files => file(ctx, &ctx.config.source.path, 0, warnings),
            Inputs::Collections(c) => collection(ctx, &c.server, &c.main, "main", 0, warnings),
        }
    }

    /// Reads the given test rows; `before` rows were read from the other input.
    pub fn test(
        &self,
        ctx: &StageContext<'_>,
        before: u64,
        warnings: &mut Warnings<'_>,
    ) -> Result<(Ingested, FileReport), CommandError> {
        let missing = || CommandError::internal("there are no given test rows to read");
        match self {
            Inputs::Files => {
                let path = ctx.config.source.test_path.as_ref().ok_or_else(missing)?;
                file(ctx, path, before, warnings)
            }
            Inputs::Collections(c) => {
                let test = c.test.as_ref().ok_or_else(missing)?;
                collection(ctx, &c.server, test, "test", before, warnings)
            }
        }
    }
}

/// Records progress now and then, and at the end.
fn progress<'a>(ctx: &'a StageContext<'_>, before: u64) -> impl Fn(u64, Option<u64>) + 'a {
    let last = Cell::new(Instant::now());
    move |rows: u64, of: Option<u64>| {
        let finished = of == Some(rows);
        if finished || last.get().elapsed() >= Duration::from_millis(100) {
            last.set(Instant::now());
            ctx.recorder.record(
                STAGE,
                Event::RowsRead {
                    rows: before + rows,
                    of: of.map(|of| before + of),
                },
            );
        }
    }
}

fn file(
    ctx: &StageContext<'_>,
    path: &Path,
    before: u64,
    warnings: &mut Warnings<'_>,
) -> Result<(Ingested, FileReport), CommandError> {
    if path.as_os_str().is_empty() {
        return Err(CommandError::config("[source] path names no file")
            .hint("`netsec init --data FILE` writes a configuration for a file."));
    }
    let shown = path.display().to_string();
    let path = ctx.workspace.resolve(path);
    let options = ReadOptions {
        header: ctx.config.source.header,
        delimiter: ctx.config.source.delimiter,
        require_label: true,
    };
    let progress = progress(ctx, before);
    let read = source::read_file(&path, ctx.schema, &options, &progress, ctx.control)?;
    check_quarantine(ctx, &shown, read.rows, &read.quarantine).map_err(|e| {
        e.hint("Check the schema, the delimiter and the header of the file.")
            .hint(ALLOWED)
    })?;
    let sha256 = crate::hash::sha256_file(&path)
        .map_err(|e| CommandError::data(format!("{} cannot be read", path.display())).because(e))?;
    warnings.of_input(&shown, &read);
    let report = FileReport::of_file(shown, sha256, &read);
    Ok((read, report))
}

fn collection(
    ctx: &StageContext<'_>,
    server: &MongoServer,
    (query, snapshot): &(Query, Snapshot),
    which: &str,
    before: u64,
    warnings: &mut Warnings<'_>,
) -> Result<(Ingested, FileReport), CommandError> {
    let shown = query.shown();
    let watching = Watching {
        progress: &progress(ctx, before),
        // About the work, not about the result: not for the report.
        notice: &|text| {
            let code = "source".to_owned();
            ctx.recorder.record(STAGE, Event::Warning { code, text });
        },
        control: ctx.control,
    };
    let parts = parts_dir(ctx.run_dir, which);
    let read = read_collection(
        server,
        query,
        snapshot,
        ctx.schema,
        true,
        Some(&parts),
        &watching,
    );
    let read = read.map_err(|e| {
        let error = CommandError::from(e);
        match (error.kind, ctx.run_dir.file_name()) {
            (ErrorKind::Backend, Some(run)) => error.hint(format!(
                "`netsec resume {}` goes on where reading stopped.",
                run.to_string_lossy()
            )),
            _ => error,
        }
    })?;
    if read.resumed > 0 {
        tracing::info!(rows = read.resumed, "went on from rows kept on disk");
    }
    let ingested = read.ingested;
    check_quarantine(ctx, &shown, ingested.rows, &ingested.quarantine).map_err(|e| {
        e.hint("Check the schema; `netsec schema infer` proposes one that fits.")
            .hint("`[source] arrays = \"text\"` keeps arrays as text.")
            .hint(ALLOWED)
    })?;
    if snapshot.without_bound > 0 {
        warnings.add(
            "without_time",
            format!(
                "{shown}: {} documents are not read, for they have no `{}` of the bound's type",
                snapshot.without_bound, snapshot.field
            ),
        );
    }
    warnings.of_input(&shown, &ingested);
    let report = FileReport::of_collection(shown, snapshot, read.one_moment, &ingested);
    Ok((ingested, report))
}

const ALLOWED: &str = "`[source] max_quarantine_share` sets how many unreadable rows are allowed.";

/// Stops when too many rows are unreadable, showing the first reasons.
fn check_quarantine(
    ctx: &StageContext<'_>,
    shown: &str,
    rows: u64,
    quarantine: &[QuarantinedRow],
) -> Result<(), CommandError> {
    let limit = ctx
        .config
        .source
        .max_quarantine_share
        .unwrap_or(MAX_QUARANTINE_SHARE);
    let count = quarantine.len() as u64;
    if count < rows && count as f64 <= limit * rows as f64 {
        return Ok(());
    }
    let first = quarantine
        .iter()
        .take(3)
        .map(|q| format!("{}: {}", q.place(), q.reason))
        .collect::<Vec<_>>()
        .join("; ");
    Err(CommandError::data(format!(
        "{count} of {rows} rows of {shown} cannot be read, more than the {} % allowed; {first}",
        limit * 100.0
    )))
}
