//! One finding: a check or the drift of a column, in the same words for both.

use crate::config::DriftConfig;
use crate::drift::ColumnDrift;
use crate::drift::bins::compact;
use crate::events::{CheckVerdict, DriftVerdict, MeasuredDrift};
use crate::pipeline::data_validation::{CheckResult, Figure, Group, Rule};
use crate::text::count;

/// What a finding came from; the number is its place in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A check of the validation report.
    Check(usize),
    /// A column of the drift report.
    Drift(usize),
    /// A check that only the run's log knows.
    LoggedCheck,
    /// A drift that only the run's log knows.
    LoggedDrift,
}

impl Kind {
    /// Whether it is about drift.
    pub fn is_drift(self) -> bool {
        matches!(self, Kind::Drift(_) | Kind::LoggedDrift)
    }
}

/// How a finding stands, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Within its limit.
    Ok,
    /// Too few rows to say.
    CannotTell,
    /// Outside; training goes on without the values.
    Masked,
    /// Outside; worth a look.
    Warn,
    /// The column drifted.
    Drift,
    /// Outside; it stopped the run.
    Fail,
}

impl Standing {
    /// Whether somebody should look at it.
    pub fn is_problem(self) -> bool {
        self >= Standing::Masked
    }
    /// Its word on screens; capitals for what needs a look.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Ok => "ok",
            Standing::CannotTell => "cannot tell",
            Standing::Masked => "masked",
            Standing::Warn => "WARN",
            Standing::Drift => "DRIFT",
            Standing::Fail => "FAILED",
        }
    }
}

impl From<CheckVerdict> for Standing {
    fn from(verdict: CheckVerdict) -> Self {
        match verdict {
            CheckVerdict::Ok => Standing::Ok,
            CheckVerdict::Masked => Standing::Masked,
            CheckVerdict::Warn => Standing::Warn,
            CheckVerdict::Fail => Standing::Fail,
        }
    }
}

impl From<DriftVerdict> for Standing {
    fn from(verdict: DriftVerdict) -> Self {
        match verdict {
            DriftVerdict::Stable => Standing::Ok,
            DriftVerdict::CannotTell => Standing::CannotTell,
            DriftVerdict::Drift => Standing::Drift,
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How it is named: `drift.COLUMN`, `ranges.COLUMN`, `duplicates`, `rare_classes.CLASS`,
    /// `split`.
    pub id: String,
    /// The column it is about.
    pub column: Option<String>,
    /// Where it comes from.
    pub kind: Kind,
    /// What was observed, in a few characters.
    pub observed: String,
    /// What it was held against.
    pub limit: String,
    /// How it stands.
    pub standing: Standing,
    /// The finding in one sentence.
    pub text: String,
    /// The figure in units of its limit, for sorting.
    pub ratio: f64,
    /// Place of the column among the most important ones of the run's model, from 1.
    pub importance: Option<usize>,
}

impl Finding {
    /// The finding of a check.
    pub(super) fn of_check(at: usize, check: &CheckResult) -> Self {
        let (observed, limit) = figures_of(check);
        Self {
            id: id_of_check(check),
            column: check.column.clone(),
            kind: Kind::Check(at),
            observed,
            limit,
            standing: check.verdict.into(),
            text: check.text.clone(),
            ratio: check.failing_rows as f64,
            importance: None,
        }
    }

    /// The finding on a column's drift.
    pub(super) fn of_drift(at: usize, column: &ColumnDrift, config: &DriftConfig) -> Self {
        let name = column.reasons.get("effect").map_or("", String::as_str);
        let (short, limit) = figure_of_drift(name, config);
        let observed = match column.effect {
            Some(effect) => format!("{short} {}", four(effect)),
            None => "-".to_owned(),
        };
        Self {
            id: format!("drift.{}", column.column),
            column: Some(column.column.clone()),
            kind: Kind::Drift(at),
            observed,
            limit: column.effect.map_or("-".to_owned(), |_| compact(limit)),
            standing: column.verdict.into(),
            text: column
                .reasons
                .get("verdict")
                .cloned()
                .unwrap_or_else(|| "no reason is given".to_owned()),
            ratio: column.effect.map_or(0.0, |e| e / limit.max(1e-9)),
            importance: None,
        }
    }

    /// The finding of a check that only the log knows.
    pub(super) fn logged_check(
        check: &str,
        column: Option<&str>,
        observed: &str,
        limit: &str,
        verdict: CheckVerdict,
    ) -> Self {
        let doc = Rule::by_id(check).map_or("", Rule::doc);
        Self {
            id: dotted(check, column),
            column: column.map(str::to_owned),
            kind: Kind::LoggedCheck,
            observed: observed.to_owned(),
            limit: limit.to_owned(),
            standing: verdict.into(),
            text: doc.to_owned(),
            ratio: 0.0,
            importance: None,
        }
    }

    /// The finding on a drift that only the log knows.
    pub(super) fn logged_drift(measured: &MeasuredDrift, config: &DriftConfig) -> Self {
        let column = &measured.column;
        let figure = measured.figure().map(|(name, value)| {
            let (short, limit) = figure_of_drift(name, config);
            (format!("{short} {}", four(value)), value, limit)
        });
        let (observed, value, limit) = figure.unwrap_or_else(|| ("-".to_owned(), 0.0, config.psi));
        Self {
            id: format!("drift.{column}"),
            column: Some(column.to_owned()),
            kind: Kind::LoggedDrift,
            observed,
            limit: compact(limit),
            standing: measured.verdict.into(),
            text: "the run's log knows the verdict only; the report is not kept".to_owned(),
            ratio: value / limit.max(1e-9),
            importance: None,
        }
    }
}

fn dotted(check: &str, column: Option<&str>) -> String {
    match column {
        Some(column) => format!("{check}.{column}"),
        None => check.to_owned(),
    }
}

fn id_of_check(check: &CheckResult) -> String {
    if check.group() == Some(Group::Splits) {
        return "split".to_owned();
    }
    if check.id == Rule::RareClasses.id()
        && let Some(class) = check.examples.first().and_then(|e| e.value.as_deref())
    {
        return dotted(&check.id, Some(class));
    }
    dotted(&check.id, check.column.as_deref())
}

/// Gives every finding a name of its own.
pub(super) fn name_apart(findings: &mut [Finding]) {
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for finding in findings {
        let times = seen.entry(finding.id.clone()).or_insert(0);
        *times += 1;
        if *times > 1 {
            finding.id = format!("{}#{times}", finding.id);
        }
    }
}

/// Observed and limit as a person reads them: shares in per cent, counts with what they count.
fn figures_of(check: &CheckResult) -> (String, String) {
    let plain = || (check.observed.to_string(), check.limit.to_string());
    let Some(rule) = Rule::by_id(&check.id) else {
        return plain();
    };
    let percent = |figure: &Figure| match figure {
        Figure::Number(share) => format!("{:.2} %", 100.0 * share),
        Figure::Text(text) => text.clone(),
    };
    let rows = |figure: &Figure| match figure {
        Figure::Number(n) => format!("{} rows", count(*n as u64)),
        Figure::Text(text) => text.clone(),
    };
    match rule {
        Rule::Nulls | Rule::Duplicates | Rule::Leakage => {
            (percent(&check.observed), percent(&check.limit))
        }
        // The limits themselves stand in the sentence.
        Rule::Ranges | Rule::Categories => (
            format!("{} rows", count(check.failing_rows)),
            "0 rows".to_owned(),
        ),
        Rule::RareClasses | Rule::UnreadableRows | Rule::Infinities => {
            (rows(&check.observed), rows(&check.limit))
        }
        Rule::MissingColumns
        | Rule::Types
        | Rule::Constants
        | Rule::LabelConflicts
        | Rule::LabelClasses => plain(),
    }
}

/// The figure a verdict on drift rests on: short name and limit.
fn figure_of_drift(name: &str, config: &DriftConfig) -> (&'static str, f64) {
    match name {
        "Jensen-Shannon distance" => ("JS", config.jensen_shannon),
        "decile PSI" => ("decile PSI", config.psi),
        "change of the share of missing values" => ("missing", config.null_share),
        "change of the share of infinite values" => ("infinite", config.null_share),
        _ => ("PSI", config.psi),
    }
}

/// Four decimals, so that a figure can be found again in the report.
fn four(value: f64) -> String {
    format!("{value:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_what_should_be_looked_at() {
        use Standing::*;
        let problems: Vec<Standing> = [Ok, CannotTell, Masked, Warn, Drift, Fail]
            .into_iter()
            .filter(|s| s.is_problem())
            .collect();
        assert_eq!(problems, [Masked, Warn, Drift, Fail]);
    }

    #[test]
    fn equal_names_are_told_apart() {
        let one = || Finding::logged_check("types", Some("a"), "1", "0", CheckVerdict::Warn);
        let mut findings = vec![one(), one(), one()];
        name_apart(&mut findings);
        let ids: Vec<&str> = findings.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids, ["types.a", "types.a#2", "types.a#3"]);
    }
}
