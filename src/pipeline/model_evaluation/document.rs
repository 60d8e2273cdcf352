//! The document of `netsec compare`: two models side by side, and what made them differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::comparison::{Comparison, ComparisonError, ScoredRows};
use super::contender::Contender;
use super::report::{ClassCurves, curves};
use super::slices::{SliceReport, slices};
use crate::config;
use crate::dataset::{Frame, Labels, ROW_COLUMN};
use crate::error::CommandError;
use crate::events::StageName;
use crate::metrics::{Agreement, PairedDifference, Resampling, TestMetrics, most_probable};
use crate::pipeline::data_ingestion::DataIngestionArtifact;
use crate::pipeline::model_trainer::{TRAINER_FILE, TrainerReport};
use crate::runs::{CONFIG_FILE, REQUEST_FILE, RunRequest};

/// `netsec compare --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareDocument {
    /// The run named first; its test rows are the ones compared on.
    pub first: Side,
    /// The other run, or the champion.
    pub second: Side,
    /// Test rows there are.
    pub rows_in_test: u64,
    /// Rows compared.
    pub rows: u64,
    /// Test rows whose feature vector the first was trained on; null when unknown.
    pub seen_by_first: Option<u64>,
    /// Test rows whose feature vector the second was trained on; null when unknown.
    pub seen_by_second: Option<u64>,
    /// Which rows were compared and why.
    pub rows_note: String,
    /// Metrics of both with the difference (first minus second), its 95 % interval and whether
    /// the first is better.
    pub metrics: Vec<PairedDifference>,
    /// Where the first is better or worse: the same on parts of the rows.
    pub slices: SliceReport,
    /// Where they agree.
    pub agreement: Agreement,
    /// Rows on which they name different classes, the first 200 of them.
    pub disagreements: Vec<Disagreement>,
    /// Settings that differ.
    pub parameters: Vec<Setting>,
    /// What differs in the data.
    pub data: Vec<Setting>,
    /// What could not be compared, one sentence each.
    pub notes: Vec<String>,
}

/// Rows of a document on which the two disagree, at most.
pub const SHOWN_ROWS: usize = 200;

/// One of the two models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Run id or version.
    pub name: String,
    /// Which learner.
    pub learner: String,
    /// Its figures on the rows compared, at 0.5 or the most probable class.
    pub test: TestMetrics,
    /// Its curves on the rows compared, one entry a class (binary tasks: the threat alone).
    pub curves: Vec<ClassCurves>,
}

/// A row on which the two name different classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// The 0-based row of the source.
    pub row: u64,
    /// Its class.
    pub truth: String,
    /// The class by the first.
    pub first: String,
    /// The probability the first gives its class.
    pub first_probability: f64,
    /// The class by the second.
    pub second: String,
    /// The probability the second gives its class.
    pub second_probability: f64,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// What.
    pub name: String,
    /// In the first; null when it has none.
    pub first: Option<Value>,
    /// In the second.
    pub second: Option<Value>,
}

/// What is known of how a model came about, for differences.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Settings by name; `None` when the run's report is not kept.
    pub parameters: Option<BTreeMap<String, Value>>,
    /// Data by name.
    pub data: BTreeMap<String, Value>,
    /// The whole frozen configuration, flat; empty when the run's folder is gone.
    pub config: BTreeMap<String, Value>,
    /// Keys of settings that were changed for this run.
    pub changed: Vec<String>,
}

impl Origin {
    /// Reads what the folder of a run still says.
    pub fn of_run(run_dir: &Path) -> Self {
        let mut origin = Self::default();
        let trainer: Option<TrainerReport> = read(
            &run_dir
                .join(StageName::ModelTrainer.as_str())
                .join(TRAINER_FILE),
        );
        if let Some(report) = trainer {
            let mut parameters: BTreeMap<String, Value> = [
                ("training.seed", report.seed.into()),
                ("training.folds", report.folds.count.into()),
                ("training.select_by", report.select_by.clone().into()),
            ]
            .map(|(name, value): (&str, Value)| (name.to_owned(), value))
            .into();
            let row = report
                .leaderboard
                .iter()
                .find(|r| r.learner == report.selected);
            if let Some(Value::Object(params)) = row.map(|r| &r.params) {
                for (name, value) in params {
                    parameters.insert(format!("{}.{name}", report.selected), value.clone());
                }
            }
            origin.parameters = Some(parameters);
            origin
                .data
                .insert("features".into(), report.features.into());
        }
        if let Ok(text) = fs::read_to_string(run_dir.join(CONFIG_FILE))
            && let Ok(config) = config::parse(&text, CONFIG_FILE, [])
            && let Ok(value) = serde_json::to_value(&config)
        {
            flatten("", &value, &mut origin.config);
        }
        let request: Option<RunRequest> = read(&run_dir.join(REQUEST_FILE));
        origin.changed = request
            .map(|r| r.settings.into_iter().map(|s| s.key).collect())
            .unwrap_or_default();
        let ingestion: Option<DataIngestionArtifact> = read(
            &run_dir
                .join(StageName::DataIngestion.as_str())
                .join("artifact.json"),
        );
        if let Some(ingestion) = ingestion {
            let facts: [(&str, Value); 6] = [
                ("source", ingestion.source.into()),
                ("rows", ingestion.rows.into()),
                ("train_rows", ingestion.train_rows.into()),
                ("test_rows", ingestion.test_rows.into()),
                ("digest", ingestion.digest.into()),
                ("classes", ingestion.classes.into()),
            ];
            for (name, value) in facts {
                origin.data.insert(name.into(), value);
            }
            let columns: Vec<(String, Value)> = ingestion
                .column_digests
                .into_iter()
                .map(|(column, digest)| (format!("column {column}"), digest.into()))
                .collect();
            origin.data.extend(columns);
        }
        origin
    }
}

/// Nested settings by their whole key.
fn flatten(prefix: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = match prefix {
                    "" => key.clone(),
                    prefix => format!("{prefix}.{key}"),
                };
                flatten(&key, value, out);
            }
        }
        // A key without a value is a key that is not there.
        Value::Null => {}
        other => drop(out.insert(prefix.to_owned(), other.clone())),
    }
}

/// Settings that were changed for one of the two runs and are not the same in both, beyond those
/// the trainers report.
fn changed_settings(first: &Origin, second: &Origin, known: &[Setting]) -> Vec<Setting> {
    if first.config.is_empty() || second.config.is_empty() {
        return Vec::new();
    }
    let is_known = |key: &str| {
        let short = key.strip_prefix("training.").unwrap_or(key);
        known.iter().any(|s| s.name == key || s.name == short)
    };
    let mut keys: Vec<&String> = first.changed.iter().chain(&second.changed).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| !is_known(key) && first.config.get(*key) != second.config.get(*key))
        .map(|key| Setting {
            name: key.clone(),
            first: first.config.get(key).cloned(),
            second: second.config.get(key).cloned(),
        })
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Compares two models on a test table.
///
/// # Errors
/// `data` when the two cannot be compared, with the reason.
pub fn compare(
    first: (&Contender, &Origin),
    second: (&Contender, &Origin),
    test: &Frame,
    resampling: Resampling,
) -> Result<CompareDocument, CommandError> {
    let measured = Comparison::measure_rows(first.0, second.0, test, resampling);
    let (comparison, scored) = match measured {
        Ok(measured) => measured,
        Err(ComparisonError::NotComparable(reason)) => {
            return Err(
                CommandError::data(format!("the two models cannot be compared: {reason}"))
                    .hint("Compare models of the same target and columns."),
            );
        }
        Err(ComparisonError::Failed(e)) => return Err(e),
    };
    let mut notes = Vec::new();
    let nothing = BTreeMap::new();
    let parameters = match (&first.1.parameters, &second.1.parameters) {
        (Some(a), Some(b)) => differences(a, b),
        (a, b) => {
            for (side, known) in [(first.0, a), (second.0, b)] {
                if known.is_none() {
                    notes.push(format!(
                        "the settings of {} are not kept: the folder of its run is gone",
                        side.name
                    ));
                }
            }
            differences(&nothing, &nothing)
        }
    };
    let mut parameters = parameters;
    parameters.extend(changed_settings(first.1, second.1, &parameters));
    Ok(CompareDocument {
        rows_note: comparison.rows_in_words(&first.0.name, &second.0.name),
        disagreements: disagreements(&scored)?,
        slices: slices(&scored, &first.0.schema, resampling)?,
        first: side(first.0, comparison.first, &scored.labels, &scored.first),
        second: side(second.0, comparison.second, &scored.labels, &scored.second),
        rows_in_test: comparison.rows_in_test,
        rows: comparison.rows,
        seen_by_first: comparison.seen_by_first,
        seen_by_second: comparison.seen_by_second,
        metrics: comparison.differences,
        agreement: comparison.agreement,
        parameters,
        data: differences(&first.1.data, &second.1.data),
        notes,
    })
}

fn side(contender: &Contender, test: TestMetrics, labels: &Labels, probabilities: &[f64]) -> Side {
    Side {
        name: contender.name.clone(),
        learner: contender.model.learner.to_string(),
        test,
        curves: curves(labels, probabilities),
    }
}

fn disagreements(scored: &ScoredRows) -> Result<Vec<Disagreement>, CommandError> {
    let classes = scored.labels.classes.len();
    let first = most_probable(&scored.first, classes);
    let second = most_probable(&scored.second, classes);
    let rows = scored.frame.numbers(ROW_COLUMN)?;
    let class = |code: u32| scored.labels.classes[code as usize].clone();
    Ok((0..rows.len())
        .filter(|&r| first[r] != second[r])
        .take(SHOWN_ROWS)
        .map(|r| Disagreement {
            row: rows[r] as u64,
            truth: class(scored.labels.codes[r]),
            first: class(first[r]),
            first_probability: scored.first[r * classes + first[r] as usize],
            second: class(second[r]),
            second_probability: scored.second[r * classes + second[r] as usize],
        })
        .collect())
}

/// Entries that are not the same on both sides.
fn differences(first: &BTreeMap<String, Value>, second: &BTreeMap<String, Value>) -> Vec<Setting> {
    let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| first.get(*name) != second.get(*name))
        .map(|name| Setting {
            name: name.clone(),
            first: first.get(name).cloned(),
            second: second.get(name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_changed_for_a_run_are_listed_once() {
        let origin = |folds: u32, trees: u32, changed: &[&str]| {
            let mut config = config::Config::default();
            config.training.folds = folds;
            config.training.random_forest.trees = trees;
            let mut origin = Origin {
                changed: changed.iter().map(|c| (*c).to_owned()).collect(),
                ..Origin::default()
            };
            flatten(
                "",
                &serde_json::to_value(&config).unwrap(),
                &mut origin.config,
            );
            origin
        };
        let changed = [
            "training.folds",
            "training.random_forest.trees",
            "training.seed",
        ];
        let (a, b) = (origin(5, 10, &changed), origin(3, 100, &[]));
        let known = [Setting {
            name: "training.folds".into(),
            first: Some(5.into()),
            second: Some(3.into()),
        }];
        let found = changed_settings(&a, &b, &known);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].name, "training.random_forest.trees");
        assert_eq!(found[0].second, Some(100.into()));
        assert_eq!(changed_settings(&a, &Origin::default(), &[]), []);
    }

    #[test]
    fn only_what_differs_is_listed() {
        let map = |entries: &[(&str, i64)]| -> BTreeMap<String, Value> {
            entries
                .iter()
                .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
                .collect()
        };
        let found = differences(
            &map(&[("a", 1), ("b", 2)]),
            &map(&[("b", 3), ("a", 1), ("c", 4)]),
        );
        assert_eq!(
            found,
            [
                Setting {
                    name: "b".into(),
                    first: Some(2.into()),
                    second: Some(3.into())
                },
                Setting {
                    name: "c".into(),
                    first: None,
                    second: Some(4.into())
                },
            ]
        );
    }
}
