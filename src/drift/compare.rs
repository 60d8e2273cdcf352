//! Compares two tables column by column.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::DataType;
use rayon::prelude::*;
use thiserror::Error;

use super::binned::{self, Bins};
use super::bins::ColumnBins;
use super::report::{ColumnDrift, DriftKind, DriftReport, Wasserstein};
use super::states::{Moments, ValueCounts};
use super::verdict::{self, Candidate};
use super::{contingency, two_sample};
use crate::config::DriftConfig;
use crate::dataset::{Frame, FrameError, number_text};
use crate::error::CommandError;
use crate::events::DriftVerdict;
use crate::schema::{ColumnKind, Schema};

/// A numeric column with more different reference values than this gets equal-width bins.
const VALUES_AS_BINS: usize = 20;
/// A numeric column with at most this many different values on both sides together gets a
/// chi-square test over its values.
const VALUES_AS_CATEGORIES: usize = 50;
/// The row number that ingestion adds.
const ROW_COLUMN: &str = "__row";

/// Why two tables could not be compared.
#[derive(Debug, Error)]
pub enum DriftError {
    /// No column stands in both.
    #[error(
        "the two tables share no column that can be compared; the reference has {reference}, the current data {current}"
    )]
    NothingShared {
        /// Columns of the reference.
        reference: String,
        /// Columns of the current data.
        current: String,
    },
    /// The table engine failed.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl From<DriftError> for CommandError {
    fn from(e: DriftError) -> Self {
        match e {
            DriftError::Frame(e) => e.into(),
            DriftError::NothingShared { .. } => CommandError::data(e.to_string()),
        }
    }
}

/// Compares every column that both tables have, the label too; free text and the row number are
/// left out. Kind and bins of a column come from the schema and the reference.
pub fn compare(
    reference: &Frame,
    current: &Frame,
    schema: &Schema,
    config: &DriftConfig,
) -> Result<DriftReport, DriftError> {
    Ok(compare_with_bins(reference, current, schema, config)?.0)
}

/// As [`compare`], with the bins that the figures were made from, a column each.
pub fn compare_with_bins(
    reference: &Frame,
    current: &Frame,
    schema: &Schema,
    config: &DriftConfig,
) -> Result<(DriftReport, Vec<ColumnBins>), DriftError> {
    let shared: Vec<String> = reference
        .names()
        .into_iter()
        .filter(|name| name != ROW_COLUMN && current.has(name))
        .filter(|name| schema.column(name).map(|c| c.kind) != Some(ColumnKind::Text))
        .collect();
    if shared.is_empty() {
        return Err(DriftError::NothingShared {
            reference: reference.names().join(", "),
            current: current.names().join(", "),
        });
    }
    let compared: Vec<Result<Compared, DriftError>> = shared
        .par_iter()
        .map(|name| compare_column(name, reference, current, schema, config))
        .collect();
    let (mut columns, mut p_values, mut all_bins) = (Vec::new(), Vec::new(), Vec::new());
    for result in compared {
        let (column, p_value, bins) = result?;
        columns.push(column);
        p_values.push(p_value);
        all_bins.push(bins);
    }
    for (column, q) in columns
        .iter_mut()
        .zip(verdict::benjamini_hochberg(&p_values))
    {
        column.q_value = q;
        let reason = match (q, column.kind) {
            (None, _) => "no test could be made",
            (Some(_), DriftKind::Numeric) => {
                "Benjamini-Hochberg over all columns, from the Kolmogorov-Smirnov test"
            }
            (Some(_), DriftKind::Categorical) => {
                "Benjamini-Hochberg over all columns, from the chi-square test"
            }
        };
        column.reasons.insert("q_value".into(), reason.into());
    }
    let verdicts: Vec<DriftVerdict> = columns.iter().map(|c| c.verdict).collect();
    let (verdict, reason) = verdict::judge_table(&verdicts, config);
    let report = DriftReport {
        n_reference: reference.rows() as u64,
        n_current: current.rows() as u64,
        columns,
        multivariate: None,
        verdict,
        reasons: BTreeMap::from([
            ("multivariate".to_owned(), "not built yet".to_owned()),
            ("verdict".to_owned(), reason),
        ]),
    };
    Ok((report, all_bins))
}

/// A column compared: its figures, the p value for the q value, its bins.
type Compared = (ColumnDrift, Option<f64>, ColumnBins);

/// What is left out of a side.
#[derive(Clone, Copy, Default)]
struct LeftOut {
    missing: u64,
    infinite: u64,
}

/// The figures of a column before the verdict; what is `None` has its reason.
struct Figures {
    kind: DriftKind,
    used: [u64; 2],
    left_out: [LeftOut; 2],
    bins: Option<Bins>,
    decile_bins: Option<Bins>,
    categories: Option<Bins>,
    ks: Option<super::KolmogorovSmirnov>,
    wasserstein: Option<Wasserstein>,
    reasons: BTreeMap<String, String>,
    named: ColumnBins,
}

fn compare_column(
    name: &str,
    reference: &Frame,
    current: &Frame,
    schema: &Schema,
    config: &DriftConfig,
) -> Result<Compared, DriftError> {
    let declared = schema.column(name).map(|c| c.kind.is_numeric());
    let sides = if declared == Some(false) {
        None
    } else {
        let parse = declared == Some(true);
        numbers(reference, name, parse)?.zip(numbers(current, name, parse)?)
    };
    let mut figures = match sides {
        Some((reference, current)) => numeric_figures(&reference, &current),
        None => categorical_figures(&categories(reference, name)?, &categories(current, name)?),
    };
    let rows = [reference.rows() as u64, current.rows() as u64];
    let mut bins = std::mem::take(&mut figures.named);
    bins.column = name.to_owned();
    let (column, p_value) = finish(name, figures, rows, config);
    Ok((column, p_value, bins))
}

/// The finite values of a column, sorted, and what was left out; `None` when the column holds
/// texts. With `parse`, texts that are all numbers count as numbers: ingestion keeps every label
/// as text, also one that the schema calls a number.
fn numbers(
    frame: &Frame,
    name: &str,
    parse: bool,
) -> Result<Option<(Vec<f64>, LeftOut)>, FrameError> {
    let mut values = if *frame.column(name)?.dtype() == DataType::Null {
        // A column without any value has no type of its own.
        vec![f64::NAN; frame.rows()]
    } else if frame.is_numeric(name)? {
        frame.numbers(name)?
    } else if parse {
        let mut parsed = Some(Vec::with_capacity(frame.rows()));
        frame.visit_texts(name, |_, cell| {
            let number = match cell.map(str::trim) {
                None | Some("") => Ok(f64::NAN),
                Some(text) => text.parse(),
            };
            match (number, &mut parsed) {
                (Ok(number), Some(list)) => list.push(number),
                _ => parsed = None,
            }
        })?;
        match parsed {
            Some(values) => values,
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    let mut left_out = LeftOut::default();
    values.retain(|v| {
        left_out.missing += u64::from(v.is_nan());
        left_out.infinite += u64::from(v.is_infinite());
        v.is_finite()
    });
    values.sort_unstable_by(f64::total_cmp);
    Ok(Some((values, left_out)))
}

/// The value counts of a column, and what was left out.
fn categories(frame: &Frame, name: &str) -> Result<(ValueCounts<String>, LeftOut), FrameError> {
    let mut found: HashMap<String, u64> = HashMap::new();
    let mut left_out = LeftOut::default();
    frame.visit_texts(name, |_, cell| match cell {
        None => left_out.missing += 1,
        Some(text) => match found.get_mut(text) {
            Some(n) => *n += 1,
            None => {
                found.insert(text.to_owned(), 1);
            }
        },
    })?;
    let mut counts = ValueCounts::new();
    for (value, n) in found {
        counts.add(value, n);
    }
    Ok((counts, left_out))
}

fn numeric_figures(reference: &(Vec<f64>, LeftOut), current: &(Vec<f64>, LeftOut)) -> Figures {
    let (a, b) = (&reference.0, &current.0);
    let mut reasons = BTreeMap::new();
    let ks = two_sample::kolmogorov_smirnov(a, b);
    let wasserstein = two_sample::wasserstein(a, b).and_then(|raw| {
        let normed = raw / Moments::of(a).std().max(0.001);
        normed.is_finite().then_some(Wasserstein { raw, normed })
    });
    let one_side_empty = a.is_empty() || b.is_empty();
    if !one_side_empty && wasserstein.is_none() {
        reasons.insert("wasserstein".into(), "the values are too large".into());
    }
    let (left, right) = (ValueCounts::of_sorted(a), ValueCounts::of_sorted(b));
    let by_value = left.beside(&right);
    let mut named = ColumnBins::default();
    let bins = if left.distinct() > VALUES_AS_BINS {
        let bins = binned::sturges(a, b);
        if let Some(bins) = &bins {
            named.bins = ColumnBins::ranges(&bins.edges, bins.ends, &bins.counts);
        }
        bins.map(|b| b.counts)
    } else {
        let values = left.values_beside(&right).into_iter();
        let values = values.map(|(key, rows)| (number_text(key.number()), rows));
        named = ColumnBins::values("", values.collect());
        Some(by_value.clone())
    };
    let decile_bins = (!one_side_empty).then(|| binned::deciles(a, b));
    if let Some(bins) = &decile_bins {
        named.deciles = ColumnBins::ranges(&bins.edges, bins.ends, &bins.counts);
    }
    let categories = if by_value.len() <= VALUES_AS_CATEGORIES {
        Some(by_value)
    } else {
        reasons.insert(
            "chi_square".into(),
            format!(
                "a number with more than {VALUES_AS_CATEGORIES} different values is not a category"
            ),
        );
        None
    };
    Figures {
        kind: DriftKind::Numeric,
        used: [a.len() as u64, b.len() as u64],
        left_out: [reference.1, current.1],
        bins,
        decile_bins: decile_bins.map(|b| b.counts),
        categories,
        ks,
        wasserstein,
        reasons,
        named,
    }
}

fn categorical_figures(
    reference: &(ValueCounts<String>, LeftOut),
    current: &(ValueCounts<String>, LeftOut),
) -> Figures {
    let bins = reference.0.beside(&current.0);
    let values = reference.0.values_beside(&current.0).into_iter();
    let named = ColumnBins::values("", values.map(|(v, rows)| (v.clone(), rows)).collect());
    let reasons = ["ks", "wasserstein", "decile"]
        .map(|field| (field.to_owned(), "categories have no order".to_owned()));
    Figures {
        kind: DriftKind::Categorical,
        used: [reference.0.rows(), current.0.rows()],
        left_out: [reference.1, current.1],
        bins: Some(bins.clone()),
        decile_bins: None,
        categories: Some(bins),
        ks: None,
        wasserstein: None,
        reasons: BTreeMap::from(reasons),
        named,
    }
}

/// Reads the figures off the bins, judges them, and hands back the p value for the q value.
fn finish(
    name: &str,
    figures: Figures,
    rows: [u64; 2],
    config: &DriftConfig,
) -> (ColumnDrift, Option<f64>) {
    let Figures {
        kind,
        used,
        left_out,
        bins,
        decile_bins,
        categories,
        ks,
        wasserstein,
        mut reasons,
        named: _,
    } = figures;
    let psi = bins.as_deref().and_then(binned::psi);
    let jensen_shannon = bins.as_deref().and_then(binned::jensen_shannon);
    let decile = decile_bins.as_deref().and_then(binned::decile_figures);
    let chi_square = categories.as_deref().and_then(contingency::chi_square);
    let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
    let null_share = [0, 1].map(|side| share(left_out[side].missing, rows[side]));

    let enough_values = used[0].min(used[1]) >= config.min_rows;
    let mut candidates = Vec::new();
    if let (Some(bins), Some(psi), Some(js)) = (&bins, psi, jensen_shannon) {
        let (psi_chance, js_chance) = verdict::chance_over_bins(bins, config);
        for (name, value, limit, chance) in [
            (
                "Jensen-Shannon distance",
                js,
                config.jensen_shannon,
                js_chance,
            ),
            ("PSI", psi, config.psi, psi_chance),
        ] {
            candidates.push(Candidate {
                name,
                value,
                limit,
                chance,
                enough_rows: enough_values,
            });
        }
        // A new value that occurs once makes a huge PSI term; only the distance over the same
        // bins knows whether that is more than chance.
        if js <= js_chance {
            candidates.retain(|c| c.name != "PSI");
        }
    }
    if let (Some(bins), Some(decile)) = (&decile_bins, decile) {
        candidates.push(Candidate {
            name: "decile PSI",
            value: decile.psi,
            limit: config.psi,
            chance: verdict::chance_over_bins(bins, config).0,
            enough_rows: enough_values,
        });
    }
    for (name, count) in [
        (
            "change of the share of missing values",
            left_out.map(|l| l.missing),
        ),
        (
            "change of the share of infinite values",
            left_out.map(|l| l.infinite),
        ),
    ] {
        if count != [0, 0] {
            candidates.push(Candidate {
                name,
                value: (share(count[0], rows[0]) - share(count[1], rows[1])).abs(),
                limit: config.null_share,
                chance: verdict::chance_of_shares(count[0], rows[0], count[1], rows[1], config),
                enough_rows: rows[0].min(rows[1]) >= config.min_rows,
            });
        }
    }
    let judged = verdict::judge(&candidates, used, config);

    let infinite = left_out.map(|l| l.infinite);
    if infinite != [0, 0] {
        reasons.insert(
            "infinite".into(),
            format!(
                "{} and {} infinite values were left out",
                infinite[0], infinite[1]
            ),
        );
    }
    let why = if used[0] == 0 || used[1] == 0 {
        "one side has no values"
    } else {
        "there is only one value, or its range is not finite"
    };
    for (field, there) in [
        ("ks", ks.is_some()),
        ("psi", psi.is_some()),
        ("jensen_shannon", jensen_shannon.is_some()),
        ("wasserstein", wasserstein.is_some()),
        ("chi_square", chi_square.is_some()),
        ("decile", decile.is_some()),
    ] {
        if !there {
            reasons
                .entry(field.to_owned())
                .or_insert_with(|| why.to_owned());
        }
    }
    match &judged.decided_by {
        Some(by) => {
            reasons.insert("effect".into(), by.name.into());
            reasons.insert(
                "smallest_detectable".into(),
                format!(
                    "the {} that two samples of one distribution exceed with probability {}: \
                     chi-square quantile over n1 n2 / (n1 + n2)",
                    by.name, config.q_value
                ),
            );
        }
        None => {
            for field in ["effect", "smallest_detectable"] {
                reasons.insert(field.into(), "no figure could be computed".into());
            }
        }
    }
    reasons.insert("verdict".into(), judged.reason);
    let p_value = match kind {
        DriftKind::Numeric => ks.map(|t| t.p_value),
        DriftKind::Categorical => chi_square.map(|t| t.p_value),
    };
    let column = ColumnDrift {
        column: name.to_owned(),
        kind,
        n_reference: used[0],
        n_current: used[1],
        null_share,
        ks,
        psi,
        jensen_shannon,
        wasserstein,
        chi_square,
        decile,
        effect: judged.decided_by.as_ref().map(|c| c.value),
        q_value: None,
        smallest_detectable: judged.decided_by.as_ref().map(|c| c.chance),
        verdict: judged.verdict,
        reasons,
    };
    (column, p_value)
}
