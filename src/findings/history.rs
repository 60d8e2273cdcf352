//! Earlier runs, as far as it takes to say since when: PSI and verdict by column, and which
//! findings were problems then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::finding::{Finding, name_apart};
use crate::drift::DriftReport;
use crate::events::{CheckVerdict, DriftVerdict, StageName};
use crate::pipeline::data_validation::{DRIFT_FILE, VALIDATION_FILE, ValidationReport};
use crate::runs::RunId;

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// The run.
    pub run: RunId,
    /// PSI and verdict by column; `None` when the run measured no drift.
    pub drift: Option<BTreeMap<String, (Option<f64>, DriftVerdict)>>,
    /// Checks that were not in order, by the name of their finding.
    pub problems: BTreeSet<String>,
}

impl Past {
    /// Reads a run; `None` when it has not validated its data.
    pub(super) fn read(run: &RunId, dir: &Path) -> Option<Self> {
        let stage = dir.join(StageName::DataValidation.as_str());
        let validation: ValidationReport = read(&stage.join(VALIDATION_FILE))?;
        let drift: Option<DriftReport> = read(&stage.join(DRIFT_FILE));
        Some(Self::of(run, &validation, drift.as_ref()))
    }

    /// The past that these reports will be.
    pub(super) fn of(
        run: &RunId,
        validation: &ValidationReport,
        drift: Option<&DriftReport>,
    ) -> Self {
        let mut found: Vec<Finding> = validation
            .checks
            .iter()
            .enumerate()
            .map(|(at, check)| Finding::of_check(at, check))
            .collect();
        name_apart(&mut found);
        let failing = |f: &&Finding| {
            let super::finding::Kind::Check(at) = f.kind else {
                return false;
            };
            validation.checks[at].verdict != CheckVerdict::Ok
        };
        Self {
            run: run.clone(),
            drift: drift.map(|d| {
                d.columns
                    .iter()
                    .map(|c| (c.column.clone(), (c.psi, c.verdict)))
                    .collect()
            }),
            problems: found.iter().filter(failing).map(|f| f.id.clone()).collect(),
        }
    }

    /// Columns that had drifted; `None` when none was measured.
    pub fn drifted(&self) -> Option<usize> {
        let drift = self.drift.as_ref()?;
        Some(
            drift
                .values()
                .filter(|(_, verdict)| *verdict == DriftVerdict::Drift)
                .count(),
        )
    }

    /// The PSI of a column.
    pub fn psi(&self, column: &str) -> Option<f64> {
        self.drift.as_ref()?.get(column)?.0
    }

    /// Whether a column had drifted.
    pub fn has_drifted(&self, column: &str) -> bool {
        let of = |drift: &BTreeMap<String, (Option<f64>, DriftVerdict)>| {
            drift.get(column).map(|d| d.1) == Some(DriftVerdict::Drift)
        };
        self.drift.as_ref().is_some_and(of)
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
