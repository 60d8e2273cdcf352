//! What the data of a run does to the champion: its figures when it was promoted, and its figures
//! on the test rows of this run, as the evaluation stage measured them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::events::{LearnerTest, StageName};
use crate::metrics::TestMetrics;
use crate::pipeline::model_evaluation::EVALUATION_FILE;
use crate::workspace::Workspace;

/// Figures of a model on some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// F1 of the threat class, or the mean over the classes when there are several.
    pub f1: Option<f64>,
    /// Rows in a thousand that it calls anything but harmless.
    pub alerts_per_thousand: Option<f64>,
    /// Labelled rows.
    pub n: u64,
}

/// The champion, then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its version.
    pub version: String,
    /// `F1`, or `macro-F1` with several classes.
    pub metric: &'static str,
    /// When it was promoted, on the test rows of the run that made it; `None` when that run is
    /// not kept.
    pub before: Option<Scored>,
    /// On the labelled test rows of this run; or why it was not measured.
    pub now: Result<Scored, String>,
}

/// The parts of `evaluation.json` that are read back.
#[derive(Deserialize)]
struct Evaluation {
    selected: String,
    learners: Vec<LearnerTest>,
    #[serde(default)]
    importances: Vec<Importance>,
    champion: Option<ChampionReport>,
}

#[derive(Deserialize)]
struct Importance {
    feature: String,
    importance: f64,
}

#[derive(Deserialize)]
struct ChampionReport {
    version: String,
    run_id: String,
    comparison: Option<Comparison>,
    not_comparable: Option<String>,
}

#[derive(Deserialize)]
struct Comparison {
    second: TestMetrics,
}

/// What the evaluation of a run says about its data.
pub(super) struct Evaluated {
    /// The champion on these rows; `None` without a champion.
    pub effect: Option<Effect>,
    /// Importance by column, of the run's own model.
    pub importance: BTreeMap<String, f64>,
}

/// Reads the evaluation of a run; `None` when there is none yet.
pub(super) fn read(workspace: &Workspace, run_dir: &Path, columns: &[String]) -> Option<Evaluated> {
    let evaluation = evaluation(run_dir)?;
    let effect = evaluation.champion.map(|champion| {
        let before = champion
            .run_id
            .parse()
            .ok()
            .and_then(|run| self::evaluation(&workspace.run_dir(&run)))
            .and_then(|e| {
                let selected = e.selected;
                e.learners.into_iter().find(|l| l.learner == selected)
            });
        let now = match (champion.comparison, champion.not_comparable) {
            (Some(c), _) => Ok(c.second),
            (None, Some(why)) => Err(why),
            (None, None) => Err("it was not compared".to_owned()),
        };
        let classes = match (&now, &before) {
            (Ok(test), _) => test.classes.len(),
            (Err(_), Some(before)) => before.test.classes.len(),
            (Err(_), None) => 2,
        };
        Effect {
            version: champion.version,
            metric: if classes > 2 { "macro-F1" } else { "F1" },
            before: before.map(|b| scored(&b.test)),
            now: now.map(|test| scored(&test)),
        }
    });
    let mut importance = BTreeMap::new();
    for one in evaluation.importances {
        if let Some(column) = column_of(&one.feature, columns) {
            *importance.entry(column.to_owned()).or_insert(0.0) += one.importance;
        }
    }
    Some(Evaluated { effect, importance })
}

fn evaluation(run_dir: &Path) -> Option<Evaluation> {
    let path = run_dir
        .join(StageName::ModelEvaluation.as_str())
        .join(EVALUATION_FILE);
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn scored(test: &TestMetrics) -> Scored {
    let all: u64 = test.confusion.iter().flatten().sum();
    // Class 0 is the harmless one.
    let harmless: u64 = test.confusion.iter().filter_map(|row| row.first()).sum();
    Scored {
        f1: if test.classes.len() > 2 {
            Some(test.macro_f1)
        } else {
            test.f1
        },
        alerts_per_thousand: (all > 0).then(|| 1000.0 * (all - harmless) as f64 / all as f64),
        n: test.n,
    }
}

/// The column a feature was made from: itself, or the longest name before an `=`.
fn column_of<'a>(feature: &str, columns: &'a [String]) -> Option<&'a str> {
    columns
        .iter()
        .filter(|c| {
            feature
                .strip_prefix(c.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
        .max_by_key(|c| c.len())
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_belongs_to_the_column_it_was_made_from() {
        let columns = ["service", "a", "a=b", "service_count"].map(str::to_owned);
        for (feature, column) in [
            ("service=http", Some("service")),
            ("service_count", Some("service_count")),
            ("a=b=c", Some("a=b")),
            ("a=c", Some("a")),
            ("serv", None),
        ] {
            assert_eq!(column_of(feature, &columns), column, "{feature}");
        }
    }

    #[test]
    fn alerts_are_what_is_not_called_harmless() {
        let test = TestMetrics {
            n: 100,
            accuracy: 0.9,
            precision: None,
            recall: None,
            f1: None,
            macro_f1: 0.5,
            weighted_f1: 0.5,
            roc_auc: None,
            pr_auc: None,
            log_loss: None,
            brier: None,
            confusion: vec![vec![60, 5, 5], vec![10, 10, 0], vec![0, 0, 10]],
            classes: vec!["normal".into(), "dos".into(), "probe".into()],
            per_class: vec![],
            intervals: BTreeMap::new(),
        };
        let scored = scored(&test);
        assert_eq!(scored.alerts_per_thousand, Some(300.0));
        assert_eq!(scored.f1, Some(0.5));
    }
}
