//! Reads the source, snapshots it in Parquet and splits it.
//!
//! In: the files or collections of `[source]`. Out: `train.parquet`, `test.parquet`, `quarantine.ndjson` and
//! `report.json` in the stage's folder, the same bytes for the same input. Values are read, never
//! judged: what is implausible is validation's business.

mod artifact;
mod classes;
mod divide;
mod input;
mod report;
mod snapshots;
mod split;
#[cfg(test)]
mod tests;
mod times;
mod warnings;

pub use artifact::DataIngestionArtifact;
pub use snapshots::{RunSnapshots, forget_parts};

use std::path::Path;

use polars::prelude::{Column, DataType};

use self::input::Inputs;
use self::report::{ClassReport, FileReport, Report, SplitReport};
use self::split::Parts;
use self::warnings::Warnings;
use super::{StageContext, StageOutput};
use crate::config::SplitKind;
use crate::dataset::{
    Frame, Labels, TestFrame, TrainFrame, digest_frame, read_frame, row_digests, write_frame,
    write_quarantine,
};
use crate::error::CommandError;
use crate::events::{CheckVerdict, Event, StageName};
use crate::learners::StopRequest;
use crate::source::Ingested;
use crate::text::count;

const STAGE: StageName = StageName::DataIngestion;
const TRAIN: &str = "train.parquet";
const TEST: &str = "test.parquet";
/// Share of rows that may go to quarantine when the configuration says nothing.
const MAX_QUARANTINE_SHARE: f64 = 0.1;

/// Runs the stage.
pub fn run(ctx: &StageContext<'_>) -> Result<StageOutput<DataIngestionArtifact>, CommandError> {
    let kind = divide::kind_of(ctx)?;
    let mut warnings = Warnings::new(ctx);
    let inputs = Inputs::of(ctx)?;
    let main = inputs.main(ctx, &mut warnings)?;
    let mut files = vec![main.1];
    let Ingested {
        mut frame,
        rows: main_rows,
        mut quarantine,
        ..
    } = main.0;
    let mut rows = main_rows;
    let mut first_test = None;
    if kind == SplitKind::TestFile {
        let (test, report) = inputs.test(ctx, rows, &mut warnings)?;
        first_test = Some(frame.rows());
        frame.append(&aligned(&frame, test.frame)?)?;
        rows += test.rows;
        quarantine.extend(test.quarantine);
        files.push(report);
    }
    let classes = classes::classify(ctx.schema, &frame)?;
    check_control(ctx)?;
    let features: Vec<&str> = ctx
        .schema
        .features()
        .map(|c| c.name.as_str())
        .filter(|name| frame.has(name))
        .collect();
    if features.is_empty() {
        return Err(CommandError::data(format!(
            "the schema `{}` leaves no feature column",
            ctx.schema.name
        ))
        .hint("Check the roles of the columns and `[schema] ignore`."));
    }
    let (vectors, distinct) = divide::vector_ids(&row_digests(&frame, &features)?);
    check_control(ctx)?;
    let parts = divide::divide(ctx, kind, &frame, &classes, &vectors, first_test, main_rows)?;
    let kept = frame.rows() as u64;
    let left_out = kept - (parts.train.len() + parts.test.len()) as u64;
    let shared = parts.shared(&vectors);
    warn_of_split(&mut warnings, kind, &parts, &classes, shared, left_out);
    let digests = digest_frame(&frame)?;
    check_control(ctx)?;

    write_frame(&frame.take(&parts.train)?, &ctx.work_dir.join(TRAIN))?;
    check_control(ctx)?;
    write_frame(&frame.take(&parts.test)?, &ctx.work_dir.join(TEST))?;
    let failed = |e| CommandError::backend("the ingestion report cannot be written").because(e);
    let quarantine_file = ctx.work_dir.join("quarantine.ndjson");
    write_quarantine(&quarantine_file, &quarantine).map_err(failed)?;
    let source = files
        .iter()
        .map(FileReport::summary)
        .collect::<Vec<_>>()
        .join(" and ");
    let report = Report {
        split: SplitReport {
            kind,
            seed: ctx.config.split.seed,
            test_share_wanted: ctx.config.split.test_share,
            train_rows: parts.train.len() as u64,
            test_rows: parts.test.len() as u64,
            left_out,
            shared_vectors: shared,
        },
        classes: class_counts(&classes, &parts),
        distinct_vectors: u64::from(distinct),
        digest: digests.digest.clone(),
        column_digests: digests.columns.clone(),
        warnings: warnings.texts.clone(),
        files,
    };
    crate::files::write_json(&ctx.work_dir.join("report.json"), &report).map_err(failed)?;

    let artifact = DataIngestionArtifact {
        source,
        rows,
        kept,
        quarantined: quarantine.len() as u64,
        train_rows: parts.train.len() as u64,
        test_rows: parts.test.len() as u64,
        left_out,
        shared_vectors: shared,
        digest: digests.digest,
        column_digests: digests.columns,
        classes: classes.classes,
    };
    ctx.recorder.record(
        STAGE,
        Event::DataIngested {
            source: artifact.source.clone(),
            rows,
            kept,
            quarantined: artifact.quarantined,
            digest: artifact.digest.clone(),
            train_rows: artifact.train_rows,
            test_rows: artifact.test_rows,
            features: features.len() as u64,
        },
    );
    let summary = summary(&artifact, features.len());
    Ok(StageOutput {
        artifact,
        verdict: if warnings.texts.is_empty() {
            CheckVerdict::Ok
        } else {
            CheckVerdict::Warn
        },
        summary,
    })
}

/// Reads the train part from the folder of a finished ingestion stage.
pub fn load_train(stage_dir: &Path) -> Result<TrainFrame, CommandError> {
    Ok(TrainFrame(read_frame(&stage_dir.join(TRAIN))?))
}

/// Reads the test part from the folder of a finished ingestion stage.
pub fn load_test(stage_dir: &Path) -> Result<TestFrame, CommandError> {
    Ok(TestFrame(read_frame(&stage_dir.join(TEST))?))
}

fn summary(artifact: &DataIngestionArtifact, features: usize) -> String {
    let mut text = format!(
        "{} rows, {features} features, {} train, {} test",
        count(artifact.rows),
        count(artifact.train_rows),
        count(artifact.test_rows)
    );
    if artifact.quarantined > 0 {
        text.push_str(&format!(", {} in quarantine", count(artifact.quarantined)));
    }
    if artifact.left_out > 0 {
        text.push_str(&format!(", {} left out", count(artifact.left_out)));
    }
    if artifact.shared_vectors > 0 {
        text.push_str(&format!(
            ", {} test rows known from train",
            artifact.shared_vectors
        ));
    }
    text
}

fn check_control(ctx: &StageContext<'_>) -> Result<(), CommandError> {
    match ctx.control.stop() {
        StopRequest::Now => Err(CommandError::cancelled("ingestion was cancelled")),
        StopRequest::None | StopRequest::AfterRound => Ok(()),
    }
}

fn warn_of_split(
    warnings: &mut Warnings<'_>,
    kind: SplitKind,
    parts: &Parts,
    classes: &Labels,
    shared: u64,
    left_out: u64,
) {
    if shared > 0 {
        warnings.add(
            "shared_vectors",
            format!(
                "{shared} of {} test rows have a feature vector that also stands in train; the \
                 test figures will look better than they are",
                parts.test.len()
            ),
        );
    }
    if left_out > 0 {
        let why = match kind {
            SplitKind::Indices => "the given indices name them in neither part",
            _ => "their features stand in train, or their time is missing",
        };
        warnings.add(
            "left_out",
            format!("{left_out} kept rows are in neither part: {why}"),
        );
    }
    for report in class_counts(classes, parts) {
        let (absent, present, rows) = match (report.train, report.test) {
            (0, n) if n > 0 => ("train", "test", n),
            (n, 0) if n > 0 => ("test", "train", n),
            _ => continue,
        };
        warnings.add(
            &format!("class_absent_from_{absent}"),
            format!(
                "class `{}` is absent from {absent}, its {rows} rows are all in {present}",
                report.class
            ),
        );
    }
}

fn class_counts(classes: &Labels, parts: &Parts) -> Vec<ClassReport> {
    let count = |rows: &[usize]| {
        let mut counts = vec![0u64; classes.classes.len()];
        for &row in rows {
            counts[classes.codes[row] as usize] += 1;
        }
        counts
    };
    let (train, test) = (count(&parts.train), count(&parts.test));
    let all = count(&(0..classes.codes.len()).collect::<Vec<_>>());
    classes
        .classes
        .iter()
        .enumerate()
        .map(|(i, class)| ClassReport {
            class: class.clone(),
            train: train[i],
            test: test[i],
            left_out: all[i] - train[i] - test[i],
        })
        .collect()
}

/// Gives a given test file the columns of the train file: optional columns may differ.
fn aligned(train: &Frame, test: Frame) -> Result<Frame, CommandError> {
    let rows = test.rows();
    let columns: Result<Vec<Column>, CommandError> = train
        .polars()
        .columns()
        .iter()
        .map(|column| {
            let name = column.name();
            if test.has(name) {
                return Ok(test.column(name)?.clone());
            }
            let empty = match column.dtype() {
                DataType::String => Frame::text_column::<&str>(name, &vec![None; rows]),
                _ => Frame::number_column(name, vec![None; rows]),
            };
            Ok(empty)
        })
        .collect();
    Ok(Frame::from_columns(columns?)?)
}
