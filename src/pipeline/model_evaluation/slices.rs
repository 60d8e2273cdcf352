//! Where one model is better or worse than the other: the same comparison on parts of the rows,
//! by the values of categorical features and by ranges of numeric ones.
//!
//! Whoever looks at a hundred slices finds a few that look bad by chance alone. So each slice has
//! its interval, and besides a verdict that holds over all slices looked at (Holm's correction of
//! two-sided p-values from the bootstrap's standard error). Only the latter is called worse or
//! better in words. Slices overlap: the same rows may be bad under several names.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

use super::comparison::ScoredRows;
use crate::dataset::Labels;
use crate::error::CommandError;
use crate::metrics::{Metric, PairedVerdict, Resampling, Z_95, paired_differences};
use crate::schema::Schema;
use crate::text::clean_to;

/// Rows below which a slice says nothing.
pub const MIN_ROWS: usize = 50;
/// Rows of every class below which F1 of a slice says nothing (two classes).
const MIN_CLASS_ROWS: usize = 10;
/// Values of a categorical feature that are looked at, the most frequent ones.
const TOP_VALUES: usize = 5;
/// Different values up to which a numeric feature is cut by value and not by range.
const FEW_VALUES: usize = 6;
/// Slices that are looked at; features come in the order of the schema.
const MOST_SLICES: usize = 240;
/// Slices a document lists, half from either end.
const LISTED: usize = 40;
/// Family-wise error rate of the verdicts.
const ALPHA: f64 = 0.05;

/// A part of the rows on which two models were compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The feature.
    pub column: String,
    /// Which rows, in words: `service = smtp`, `duration 0.2 to 0.5`.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// The metric of the first on them.
    pub first: f64,
    /// The metric of the second.
    pub second: f64,
    /// First minus second.
    pub difference: f64,
    /// Lower end of the 95 % interval of this slice alone.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// p-value, corrected for all slices looked at.
    pub adjusted_p: f64,
    /// What holds over all slices looked at.
    pub verdict: PairedVerdict,
}

impl Slice {
    /// `service = smtp  F1 -0.0120 [-0.0200, -0.0040]  1,911 rows`.
    pub fn words(&self, metric: Metric) -> String {
        let metric = match metric {
            Metric::MacroF1 => "macro F1",
            _ => "F1",
        };
        format!(
            "{}  {metric} {:+.4} [{:+.4}, {:+.4}]  {} rows",
            self.name,
            self.difference,
            self.low,
            self.high,
            crate::text::count(self.rows)
        )
    }
}

/// The slices of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceReport {
    /// The metric.
    pub metric: Metric,
    /// Slices looked at.
    pub considered: u64,
    /// Slices that had too few rows.
    pub too_small: u64,
    /// The worst for the first and the best, worst first; the middle is left out.
    pub slices: Vec<Slice>,
    /// The slice on which the first loses most, when that holds over all slices.
    pub worst: Option<Slice>,
    /// The slice on which it gains most, when that holds.
    pub best: Option<Slice>,
    /// How to read this.
    pub caution: String,
}

/// Rows by which a feature is cut.
struct Part {
    column: String,
    name: String,
    rows: Vec<usize>,
}

/// Compares two models slice by slice.
///
/// # Errors
/// When a feature of the schema cannot be read from the rows.
pub fn slices(
    scored: &ScoredRows,
    schema: &Schema,
    resampling: Resampling,
) -> Result<SliceReport, CommandError> {
    let binary = scored.labels.classes.len() == 2;
    let metric = if binary { Metric::F1 } else { Metric::MacroF1 };
    let mut parts = Vec::new();
    let mut too_small = 0;
    for column in schema.features() {
        if !scored.frame.has(&column.name) {
            continue;
        }
        let all = if column.kind.is_numeric() && scored.frame.is_numeric(&column.name)? {
            by_number(&column.name, &scored.frame.numbers(&column.name)?)
        } else {
            by_value(&column.name, &scored.frame.texts(&column.name)?)
        };
        let before = all.len();
        let mut kept: Vec<Part> = all
            .into_iter()
            // A slice of all rows is the comparison itself.
            .filter(|p| p.rows.len() < scored.labels.rows())
            .filter(|p| is_enough(&scored.labels, &p.rows))
            .collect();
        too_small += (before - kept.len()) as u64;
        kept.truncate(MOST_SLICES.saturating_sub(parts.len()));
        parts.extend(kept);
    }
    let classes = scored.labels.classes.len();
    let measured: Vec<Option<Slice>> = parts
        .par_iter()
        .map(|part| -> Result<Option<Slice>, CommandError> {
            let labels = scored.labels.take(&part.rows);
            let of = |p: &[f64]| -> Vec<f64> {
                let row = |r: &usize| p[r * classes..(r + 1) * classes].to_vec();
                part.rows.iter().flat_map(row).collect()
            };
            let (a, b) = (of(&scored.first), of(&scored.second));
            let found = paired_differences(&labels, &a, &b, &[metric], resampling)?;
            Ok(found.first().map(|d| Slice {
                column: part.column.clone(),
                name: part.name.clone(),
                rows: part.rows.len() as u64,
                first: d.first,
                second: d.second,
                difference: d.difference,
                low: d.low,
                high: d.high,
                adjusted_p: p_value(d.difference, d.low, d.high),
                verdict: PairedVerdict::NotSeparable,
            }))
        })
        .collect::<Result<_, CommandError>>()?;
    let mut found: Vec<Slice> = measured.into_iter().flatten().collect();
    adjust(&mut found);
    found.sort_by(|a, b| {
        a.difference
            .total_cmp(&b.difference)
            .then_with(|| a.name.cmp(&b.name))
    });
    let considered = found.len() as u64;
    let of = |verdict: PairedVerdict| found.iter().filter(move |s| s.verdict == verdict);
    let worst = of(PairedVerdict::Worse).next().cloned();
    let best = of(PairedVerdict::Better).next_back().cloned();
    let caution = caution(considered, too_small);
    if found.len() > LISTED {
        let end = found.len() - LISTED / 2;
        found.drain(LISTED / 2..end);
    }
    Ok(SliceReport {
        metric,
        considered,
        too_small,
        slices: found,
        worst,
        best,
        caution,
    })
}

fn caution(considered: u64, too_small: u64) -> String {
    let left_out = match too_small {
        0 => String::new(),
        n => format!("; {n} more have too few rows"),
    };
    if considered == 0 {
        return format!("No slice has enough rows{left_out}");
    }
    format!(
        "{considered} slices were looked at{left_out}. About {:.0} would look better or worse by \
         chance alone; a verdict is given only where it holds over all of them (Holm, 5 %)",
        (considered as f64 * ALPHA).ceil()
    )
}

fn is_enough(labels: &Labels, rows: &[usize]) -> bool {
    if rows.len() < MIN_ROWS {
        return false;
    }
    if labels.classes.len() != 2 {
        return true;
    }
    let threats = rows.iter().filter(|r| labels.codes[**r] == 1).count();
    threats >= MIN_CLASS_ROWS && rows.len() - threats >= MIN_CLASS_ROWS
}

/// The most frequent values, equal ones by name.
fn by_value(column: &str, values: &[Option<String>]) -> Vec<Part> {
    let mut rows: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        rows.entry(value.as_deref()).or_default().push(row);
    }
    let mut parts: Vec<(Option<&str>, Vec<usize>)> = rows.into_iter().collect();
    parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    parts.truncate(TOP_VALUES);
    parts
        .into_iter()
        .map(|(value, rows)| Part {
            column: column.to_owned(),
            name: match value {
                Some(value) => format!("{column} = {}", clean_to(value, 40)),
                None => format!("{column} missing"),
            },
            rows,
        })
        .collect()
}

/// Quarters of the rows by size; few different values one by one; missing ones apart.
fn by_number(column: &str, values: &[f64]) -> Vec<Part> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut different = sorted.clone();
    different.dedup();
    let part = |name: String, belongs: &dyn Fn(f64) -> bool| Part {
        column: column.to_owned(),
        name,
        rows: (0..values.len()).filter(|r| belongs(values[*r])).collect(),
    };
    let mut parts = Vec::new();
    if different.len() <= FEW_VALUES {
        for value in different {
            let name = format!("{column} = {}", figure(value));
            parts.push(part(name, &|v| v == value));
        }
    } else {
        let mut edges: Vec<f64> = [1, 2, 3].map(|q| sorted[sorted.len() * q / 4]).to_vec();
        edges.dedup();
        edges.retain(|e| *e > sorted[0]);
        let last = sorted[sorted.len() - 1];
        let mut from = sorted[0];
        for to in edges {
            let name = format!("{column} {} to below {}", figure(from), figure(to));
            parts.push(part(name, &|v| v >= from && v < to));
            from = to;
        }
        let name = format!("{column} {} to {}", figure(from), figure(last));
        parts.push(part(name, &|v| v >= from && v <= last));
    }
    let missing = part(format!("{column} missing"), &|v| !v.is_finite());
    if !missing.rows.is_empty() {
        parts.push(missing);
    }
    parts
}

/// A number as short as it tells the ranges apart.
fn figure(v: f64) -> String {
    if v == v.trunc() && v.abs() < 1e15 {
        return format!("{v}");
    }
    let digits = (3 - v.abs().log10().floor() as i64).clamp(0, 12) as usize;
    let text = format!("{v:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Two-sided, with the standard error that the interval has.
fn p_value(difference: f64, low: f64, high: f64) -> f64 {
    let error = (high - low) / (2.0 * Z_95);
    if difference == 0.0 {
        return 1.0;
    }
    // Every resample gave the same difference: the models differ on all or nearly all rows.
    if error <= 0.0 {
        return 0.0;
    }
    erfc((difference / error).abs() / std::f64::consts::SQRT_2)
}

/// Holm's step-down correction, and what holds after it. A verdict needs the interval as well:
/// the bootstrap's is not symmetric.
fn adjust(slices: &mut [Slice]) {
    let mut order: Vec<usize> = (0..slices.len()).collect();
    order.sort_by(|a, b| slices[*a].adjusted_p.total_cmp(&slices[*b].adjusted_p));
    let n = slices.len();
    let mut largest: f64 = 0.0;
    for (rank, at) in order.into_iter().enumerate() {
        let slice = &mut slices[at];
        largest = largest.max(slice.adjusted_p * (n - rank) as f64).min(1.0);
        slice.adjusted_p = largest;
        if largest < ALPHA && slice.high < 0.0 {
            slice.verdict = PairedVerdict::Worse;
        } else if largest < ALPHA && slice.low > 0.0 {
            slice.verdict = PairedVerdict::Better;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Frame;
    use crate::schema::{ClassMapping, ColumnKind, ColumnSpec, Target};
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn schema() -> Schema {
        Schema {
            name: "t".into(),
            columns: vec![
                ColumnSpec::feature("service", ColumnKind::Category),
                ColumnSpec::feature("size", ColumnKind::Real),
            ],
            target: Target {
                name: "label".into(),
                column: "label".into(),
                mapping: ClassMapping::Identity { order: vec![] },
            },
            headerless: false,
            null_texts: vec![],
            oddities: vec![],
        }
    }

    /// Two models that are right on the same share of rows, but for the first on `smtp`, where it
    /// errs with a probability of its own.
    fn scored(rows: usize, seed: u64, smtp: f64) -> ScoredRows {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut services = Vec::new();
        let mut sizes = Vec::new();
        let mut codes = Vec::new();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let service = ["http", "dns", "smtp", "ssh"][rng.r#gen_range(0..4)];
            let code = u32::from(rng.r#gen::<f64>() < 0.4);
            let mut says = |wrong: f64| {
                let right = rng.r#gen::<f64>() >= wrong;
                let p = if (code == 1) == right { 0.9 } else { 0.1 };
                [1.0 - p, p]
            };
            first.extend(says(if service == "smtp" { smtp } else { 0.1 }));
            second.extend(says(0.1));
            services.push(Some(service));
            sizes.push((rng.r#gen::<f64>() < 0.95).then(|| rng.r#gen::<f64>()));
            codes.push(code);
        }
        ScoredRows {
            frame: Frame::from_columns(vec![
                Frame::text_column("service", &services),
                Frame::number_column("size", sizes),
            ])
            .unwrap(),
            labels: Labels {
                classes: vec!["normal".into(), "attack".into()],
                codes,
            },
            first,
            second,
        }
    }

    #[test]
    fn the_slice_on_which_the_first_is_worse_is_found_and_named() {
        let found = slices(&scored(4000, 1, 0.4), &schema(), Resampling::default()).unwrap();
        let worst = found.worst.unwrap();
        assert_eq!(worst.name, "service = smtp");
        assert!(
            worst.difference < -0.1 && worst.adjusted_p < 0.01,
            "{worst:?}"
        );
        assert_eq!(found.best, None);
        assert_eq!(found.considered, 4 + 4 + 1);
        assert_eq!(found.slices[0], worst);
        assert!(found.caution.contains("9 slices"), "{}", found.caution);
        assert!(
            worst
                .words(found.metric)
                .starts_with("service = smtp  F1 -0.")
        );
    }

    #[test]
    fn chance_alone_rarely_gets_a_verdict() {
        // Family-wise 5 %: of 40 made-up comparisons without a difference about two.
        let told = (0..40)
            .filter(|seed| {
                let resampling = Resampling {
                    resamples: 300,
                    ..Resampling::default()
                };
                let found = slices(&scored(1500, *seed, 0.1), &schema(), resampling).unwrap();
                found.worst.is_some() || found.best.is_some()
            })
            .count();
        assert!(told <= 7, "{told} of 40");
    }

    #[test]
    fn slices_of_few_rows_or_of_one_class_are_left_out() {
        let mut rows = scored(160, 3, 0.1);
        let found = slices(&rows, &schema(), Resampling::default()).unwrap();
        assert!(found.slices.iter().all(|s| s.rows >= MIN_ROWS as u64));
        assert!(found.too_small > 0);
        rows.labels.codes.fill(0);
        let found = slices(&rows, &schema(), Resampling::default()).unwrap();
        assert_eq!(found.slices, []);
    }

    #[test]
    fn holm_by_hand() {
        let slice = |p: f64| Slice {
            column: "c".into(),
            name: format!("{p}"),
            rows: 100,
            first: 0.0,
            second: 0.0,
            difference: -0.1,
            low: -0.2,
            high: -0.01,
            adjusted_p: p,
            verdict: PairedVerdict::NotSeparable,
        };
        // statsmodels.multipletests([.01, .04, .03, .005], method='holm'): .03, .06, .06, .02
        let mut all = [slice(0.01), slice(0.04), slice(0.03), slice(0.005)];
        adjust(&mut all);
        let p: Vec<f64> = all
            .iter()
            .map(|s| (s.adjusted_p * 1e6).round() / 1e6)
            .collect();
        assert_eq!(p, [0.03, 0.06, 0.06, 0.02]);
        let worse: Vec<bool> = all
            .iter()
            .map(|s| s.verdict == PairedVerdict::Worse)
            .collect();
        assert_eq!(worse, [true, false, false, true]);
    }

    #[test]
    fn p_values_of_the_normal_distribution() {
        // A difference as large as half its 95 % interval has p = 0.05.
        assert!((p_value(-0.1, -0.2, 0.0) - 0.05).abs() < 1e-9);
        assert_eq!(p_value(0.0, 0.0, 0.0), 1.0);
        assert_eq!(p_value(0.2, 0.2, 0.2), 0.0);
    }

    #[test]
    fn numbers_are_written_short() {
        assert_eq!(figure(1500.0), "1500");
        assert_eq!(figure(0.123_456), "0.1235");
        assert_eq!(figure(-2.5), "-2.5");
        assert_eq!(figure(0.000_012_347), "0.00001235");
    }

    proptest! {
        /// Every row with a number stands in exactly one part, and so does every missing one.
        #[test]
        fn parts_of_numbers_cover_the_rows_once(values in prop::collection::vec(
            prop_oneof![5 => -50.0f64..50.0, 2 => (0i32..4).prop_map(f64::from), 1 => Just(f64::NAN)], 1..120)) {
            let parts = by_number("x", &values);
            let mut rows: Vec<usize> = parts.iter().flat_map(|p| p.rows.clone()).collect();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..values.len()).collect::<Vec<_>>());
        }
    }
}
