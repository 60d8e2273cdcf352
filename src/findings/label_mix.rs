//! The shares of the classes, then and now.

use std::path::Path;

use serde::Deserialize;

use crate::drift::{BinOf, ChiSquare, ColumnBins, ColumnDrift};
use crate::events::StageName;
use crate::schema::Schema;

/// Rows of a class on a side below which its share says nothing.
pub const FEW_ROWS: u64 = 100;

/// A class and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassShare {
    /// The class.
    pub class: String,
    /// Rows of the reference.
    pub reference: u64,
    /// Rows of this run.
    pub current: u64,
}

/// The mix of the classes.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelMix {
    /// The classes in the order of the target.
    pub classes: Vec<ClassShare>,
    /// Whether there is a reference.
    pub compared: bool,
    /// Chi-square test over the label's values.
    pub chi_square: Option<ChiSquare>,
}

/// The classes in ingestion's report.
#[derive(Deserialize)]
struct Report {
    classes: Vec<Class>,
}

#[derive(Deserialize)]
struct Class {
    class: String,
    train: u64,
    test: u64,
}

impl LabelMix {
    /// The mix from the bins of the label column: its values become classes by the target.
    pub(super) fn of_bins(
        bins: &ColumnBins,
        drift: Option<&ColumnDrift>,
        schema: &Schema,
        order: &[String],
    ) -> Option<Self> {
        // What is not listed one by one cannot be given its class.
        if bins.unlisted.is_some() || bins.bins.is_empty() {
            return None;
        }
        let known = schema.target.classes();
        let mut classes: Vec<ClassShare> = order.iter().map(|c| empty(c)).collect();
        for bin in &bins.bins {
            let BinOf::Value { value } = &bin.of else {
                return None;
            };
            let class = match schema.target.class_of(value) {
                Some(code) => known.get(code as usize)?.clone(),
                // The classes of an open mapping are its values.
                None => value.clone(),
            };
            let at = match classes
                .iter()
                .position(|c| c.class.eq_ignore_ascii_case(&class))
            {
                Some(at) => at,
                None => {
                    classes.push(empty(&class));
                    classes.len() - 1
                }
            };
            classes[at].reference += bin.reference;
            classes[at].current += bin.current;
        }
        Some(Self {
            classes,
            compared: true,
            chi_square: drift.and_then(|d| d.chi_square),
        })
    }

    /// The mix of a run that was compared with nothing.
    pub(super) fn of_run(run_dir: &Path) -> Option<Self> {
        let path = run_dir
            .join(StageName::DataIngestion.as_str())
            .join("report.json");
        let report: Report = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        Some(Self {
            classes: report
                .classes
                .into_iter()
                .map(|c| ClassShare {
                    class: c.class,
                    reference: 0,
                    current: c.train + c.test,
                })
                .collect(),
            compared: false,
            chi_square: None,
        })
    }

    /// Rows of both sides.
    pub fn rows(&self) -> (u64, u64) {
        self.classes
            .iter()
            .fold((0, 0), |(a, b), c| (a + c.reference, b + c.current))
    }
}

fn empty(class: &str) -> ClassShare {
    ClassShare {
        class: class.to_owned(),
        reference: 0,
        current: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::preset_target;

    #[test]
    fn label_values_become_classes() {
        let schema = preset_target("nsl-kdd", "attack_class").unwrap();
        let value = |v: &str, n| (v.to_owned(), n);
        let bins = ColumnBins::values(
            "label",
            vec![
                value("neptune", (30, 40)),
                value("normal", (60, 50)),
                value("smurf", (10, 5)),
            ],
        );
        let order = schema.target.classes();
        let mix = LabelMix::of_bins(&bins, None, &schema, &order).unwrap();
        let of = |class: &str| {
            let c = mix.classes.iter().find(|c| c.class == class).unwrap();
            (c.reference, c.current)
        };
        assert_eq!(of("normal"), (60, 50));
        assert_eq!(of("dos"), (40, 45));
        assert_eq!(of("probe"), (0, 0));
        assert_eq!(mix.rows(), (100, 95));
    }
}
