//! `netsec compare`: compare two runs, or a run with the champion, on the same rows.

use std::io::Write;

use serde_json::Value;

use super::Globals;
use crate::error::CommandError;
use crate::metrics::Resampling;
use crate::pipeline::model_evaluation::{CompareDocument, Setting, SliceReport, compare_runs};
use crate::text;

/// Arguments of `netsec compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// The other run, or `champion`.
    pub other: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let resamples = if globals.has_config() {
        globals.config()?.gate.resamples
    } else {
        Resampling::default().resamples
    };
    let document = compare_runs(&workspace, &args.run, &args.other, resamples)?;
    let out = if args.json {
        let mut json = serde_json::to_string_pretty(&document)
            .map_err(|e| CommandError::internal(format!("the document cannot be written: {e}")))?;
        json.push('\n');
        json
    } else {
        table(&document)
    };
    // A reader that has gone (`| head`) wants no more.
    let _ = std::io::stdout().write_all(out.as_bytes());
    Ok(())
}

/// The document as a person reads it.
fn table(d: &CompareDocument) -> String {
    let mut out = format!(
        "first   {} ({})\nsecond  {} ({})\n\n{}\n\n",
        text::clean(&d.first.name),
        d.first.learner,
        text::clean(&d.second.name),
        d.second.learner,
        text::clean(&d.rows_note),
    );
    out.push_str(&format!(
        "{:<12} {:>9} {:>9} {:>11}   {:<21} first is\n",
        "metric", "first", "second", "difference", "95 % interval"
    ));
    for m in &d.metrics {
        out.push_str(&format!(
            "{:<12} {:>9.4} {:>9.4} {:>+11.4}   [{:>+8.4}, {:>+8.4}]   {}\n",
            m.metric.key(),
            m.first,
            m.second,
            m.difference,
            m.low,
            m.high,
            m.verdict.as_str()
        ));
    }
    let a = &d.agreement;
    out.push_str(&format!(
        "\n{} of {} rows get different classes: {} right by the first alone, {} by the second alone; \
         {} rows are right by both, {} by neither\n",
        a.disagree, a.rows, a.only_first_right, a.only_second_right, a.both_right, a.neither_right
    ));
    out.push_str(&slices(&d.slices));
    section(&mut out, "settings that differ", &d.parameters);
    section(&mut out, "data that differs", &d.data);
    for note in &d.notes {
        out.push_str(&format!("\nnote: {}\n", text::clean(note)));
    }
    out
}

/// The worst slices and the best, and how to read them.
fn slices(report: &SliceReport) -> String {
    let mut out = format!("\nslices: {}\n", report.caution);
    for (word, slice) in [("worse", &report.worst), ("better", &report.best)] {
        match slice {
            Some(slice) => {
                let words = text::clean(&slice.words(report.metric));
                out.push_str(&format!("  {word} on {words}\n"));
            }
            None => out.push_str(&format!("  {word} on none beyond chance\n")),
        }
    }
    out
}

fn section(out: &mut String, title: &str, settings: &[Setting]) {
    out.push_str(&format!("\n{title}: "));
    if settings.is_empty() {
        out.push_str("none\n");
        return;
    }
    out.push('\n');
    // Columns of another digest are one line: there may be a hundred of them.
    let (columns, rest): (Vec<&Setting>, Vec<&Setting>) =
        settings.iter().partition(|s| s.name.starts_with("column "));
    for setting in rest {
        out.push_str(&format!(
            "  {:<34} {:<24} {}\n",
            text::clean(&setting.name),
            value(setting.first.as_ref()),
            value(setting.second.as_ref())
        ));
    }
    if !columns.is_empty() {
        out.push_str(&format!("  values differ in {} columns\n", columns.len()));
    }
}

fn value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(s)) => text::clean_to(s, 24),
        Some(other) => text::clean_to(&other.to_string(), 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::events::StageName;
    use crate::pipeline::model_trainer::{self, testing::MadeUpRun};

    fn trained(root: &std::path::Path, id: &str, seed: u64, depth: u32) -> MadeUpRun {
        let mut run = MadeUpRun::binary(root, id, 300, seed);
        run.config.training.decision_tree.max_depth = depth;
        run.config.training.learners = vec![crate::learners::LearnerId::DecisionTree];
        run.stage(StageName::ModelTrainer, 1, |ctx| {
            model_trainer::run(ctx, &run.ingestion, &run.transformation).unwrap();
        });
        run
    }

    #[test]
    fn two_runs_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        let first = trained(dir.path(), "20261122-1230-7f3a", 1, 4);
        trained(dir.path(), "20261122-1231-1b2c", 2, 1);
        let d = compare_runs(&first.workspace, "7f3a", "1b2c", 300).unwrap();
        assert_eq!(d.first.name, "20261122-1230-7f3a");
        assert_eq!(
            (d.rows, d.seen_by_first, d.seen_by_second),
            (150, Some(0), Some(0))
        );
        assert_eq!(d.metrics.len(), crate::metrics::Metric::ALL.len());
        let names: Vec<&str> = d.parameters.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["decision_tree.max_depth"]);
        assert!(d.data.iter().any(|s| s.name == "digest"));
        let text = table(&d);
        assert!(
            text.contains("decision_tree.max_depth") && text.contains("roc_auc"),
            "{text}"
        );
        assert!(text.contains("values differ in"), "{text}");
        assert!(text.contains("slice"), "{text}");
        let same = compare_runs(&first.workspace, "latest", "1b2c", 300).unwrap();
        assert!(same.parameters.is_empty() && same.data.is_empty());
        assert_eq!(same.agreement.disagree, 0);
        assert!(
            same.metrics
                .iter()
                .all(|m| m.verdict.as_str() == "not separable")
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let run = trained(dir.path(), "20261122-1230-7f3a", 3, 3);
        let kind = |a: &str, b: &str| compare_runs(&run.workspace, a, b, 100).unwrap_err().kind;
        assert_eq!(kind("7f3a", "champion"), ErrorKind::NotFound);
        assert_eq!(kind("7f3a", "ffff"), ErrorKind::NotFound);
        assert_eq!(kind("champion", "7f3a"), ErrorKind::Usage);
    }
}
