//! The stage: checks on train and test, drift against the champion's reference.

use super::report::ValidationReport;
use super::{
    BINS_FILE, BinsDocument, DRIFT_FILE, DataValidationArtifact, Reference, VALIDATION_FILE,
    check_config, check_readable, check_split, check_table,
};
use crate::dataset::{Frame, read_frame};
use crate::drift;
use crate::error::CommandError;
use crate::events::{CheckVerdict, DriftFigure, DriftVerdict, Event, StageName};
use crate::learners::StopRequest;
use crate::pipeline::data_ingestion::{self, DataIngestionArtifact};
use crate::pipeline::{StageContext, StageOutput};
use crate::schema::fill_classes;
use crate::storage::Champion;
use crate::text::count;

const STAGE: StageName = StageName::DataValidation;
/// Failing checks named in the error.
const SHOWN: usize = 5;

/// Runs the stage.
pub fn run(
    ctx: &StageContext<'_>,
    ingestion: &DataIngestionArtifact,
    champion: Option<&Champion>,
) -> Result<StageOutput<DataValidationArtifact>, CommandError> {
    check_config(&ctx.config.validation)?;
    let folder = ctx.stage_dir(StageName::DataIngestion);
    let train = data_ingestion::load_train(&folder)?.0;
    let test = data_ingestion::load_test(&folder)?.0;
    let mut both = train.clone();
    both.append(&test)?;
    // An open list of classes is the data's own: a new value is a class, not a fault.
    let schema = fill_classes(ctx.schema, &both).unwrap_or_else(|_| ctx.schema.clone());
    let mut report = check_table(&both, &schema, &ctx.config.validation);
    cancelled(ctx)?;
    let unreadable = ingestion.quarantined;
    report.extend(check_readable(
        ingestion.rows,
        unreadable,
        [],
        &ctx.config.validation,
    ));
    report.extend(check_split(&train, &test, &schema, &ctx.config.validation));
    write(ctx, VALIDATION_FILE, &report)?;
    record_checks(ctx, &report);
    if report.verdict == CheckVerdict::Fail {
        return Err(refusal(&report));
    }
    cancelled(ctx)?;
    let drift = measure_drift(ctx, &both, champion)?;
    let warnings = report.with(CheckVerdict::Warn).count() as u64;
    let drifted = drift.as_ref().map(|d| d.columns);
    let table_drifts = drift
        .as_ref()
        .is_some_and(|d| d.table == DriftVerdict::Drift);
    let mut summary = format!(
        "{} checks over {} rows, {warnings} warnings",
        report.checks.len(),
        count(report.rows)
    );
    match (champion, &drift) {
        (None, _) => summary.push_str("; no champion to measure drift against"),
        (Some(c), None) => summary.push_str(&format!("; the reference of {} is gone", c.version)),
        (Some(c), Some(d)) => summary.push_str(&format!(
            "; {} of {} columns drifted since {}",
            d.columns, d.compared, c.version
        )),
    }
    Ok(StageOutput {
        artifact: DataValidationArtifact {
            checks: report.checks.len() as u64,
            warnings,
            drifted,
        },
        verdict: if warnings > 0 || table_drifts {
            CheckVerdict::Warn
        } else {
            CheckVerdict::Ok
        },
        summary,
    })
}

/// The error of a report with a failing check of severity `stop`: exit 4, the failing checks named.
pub fn refusal(report: &ValidationReport) -> CommandError {
    let failing: Vec<&str> = report
        .with(CheckVerdict::Fail)
        .map(|c| c.text.as_str())
        .collect();
    let mut text = failing
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join("; ");
    if failing.len() > SHOWN {
        text.push_str(&format!("; and {} more", failing.len() - SHOWN));
    }
    let ids: std::collections::BTreeSet<&str> = report
        .with(CheckVerdict::Fail)
        .map(|c| c.id.as_str())
        .collect();
    CommandError::data(format!("the data failed its checks: {text}")).hint(format!(
        "Mend the data or the schema; `[validation.severity]` decides which checks stop ({}).",
        ids.into_iter().collect::<Vec<_>>().join(", ")
    ))
}

fn cancelled(ctx: &StageContext<'_>) -> Result<(), CommandError> {
    match ctx.control.stop() {
        StopRequest::Now => Err(CommandError::cancelled("data_validation was cancelled")),
        StopRequest::None | StopRequest::AfterRound => Ok(()),
    }
}

fn write<T: serde::Serialize>(
    ctx: &StageContext<'_>,
    name: &str,
    value: &T,
) -> Result<(), CommandError> {
    let path = ctx.work_dir.join(name);
    crate::files::write_json(&path, value).map_err(|e| {
        CommandError::backend(format!("{} cannot be written", path.display())).because(e)
    })
}

fn record_checks(ctx: &StageContext<'_>, report: &ValidationReport) {
    for check in &report.checks {
        let event = Event::CheckFinished {
            check: check.id.clone(),
            column: check.column.clone(),
            observed: check.observed.to_string(),
            limit: check.limit.to_string(),
            verdict: check.verdict,
        };
        ctx.recorder.record(STAGE, event);
    }
}

/// What the stage keeps of a drift report.
struct Drift {
    columns: u64,
    compared: u64,
    table: DriftVerdict,
}

/// Compares the snapshot with the one the champion was fitted on, while that is kept.
fn measure_drift(
    ctx: &StageContext<'_>,
    current: &Frame,
    champion: Option<&Champion>,
) -> Result<Option<Drift>, CommandError> {
    let Some((champion, path)) = champion.and_then(|c| Some((c, c.reference.as_ref()?))) else {
        return Ok(None);
    };
    if !path.is_file() {
        let text = format!(
            "drift cannot be measured: the reference of {} is not at {}",
            champion.version,
            path.display()
        );
        let code = "no_reference".to_owned();
        ctx.recorder.record(STAGE, Event::Warning { code, text });
        return Ok(None);
    }
    let reference = read_frame(path)?;
    let (report, bins) =
        drift::compare_with_bins(&reference, current, ctx.schema, &ctx.config.drift)?;
    cancelled(ctx)?;
    write(ctx, DRIFT_FILE, &report)?;
    let bins = BinsDocument {
        version: 1,
        reference: Reference {
            version: champion.version.clone(),
            run_id: champion.run_id.to_string(),
        },
        columns: bins,
    };
    write(ctx, BINS_FILE, &bins)?;
    let mut drifted = Vec::new();
    for column in &report.columns {
        if column.verdict == DriftVerdict::Drift {
            drifted.push(column.column.as_str());
        }
        let event = Event::DriftMeasured {
            column: column.column.clone(),
            psi: column.psi,
            ks: column.ks.map(|ks| ks.statistic),
            n_reference: column.n_reference,
            n_current: column.n_current,
            verdict: column.verdict,
            decided_by: column.effect.and_then(|value| {
                let name = column.reasons.get("effect")?.clone();
                Some(DriftFigure { name, value })
            }),
        };
        ctx.recorder.record(STAGE, event);
    }
    if ctx.config.drift.blocks && report.verdict == DriftVerdict::Drift {
        let shown = drifted.iter().take(SHOWN).copied().collect::<Vec<_>>();
        return Err(CommandError::data(format!(
            "the data drifted since {} was trained: {} of {} columns, {} among them",
            champion.version,
            drifted.len(),
            report.columns.len(),
            shown.join(", ")
        ))
        .hint("`[drift] blocks = false` lets a run go on; drift.json has the figures."));
    }
    Ok(Some(Drift {
        columns: drifted.len() as u64,
        compared: report.columns.len() as u64,
        table: report.verdict,
    }))
}
