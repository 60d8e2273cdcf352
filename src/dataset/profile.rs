//! What the values of each column are: counts, extremes, moments, quantiles, top values.
//!
//! Every figure comes from a partial state with a merge, so that parts of a table can be profiled
//! apart and joined. Distinct values, quantiles and top values are exact up to
//! [`EXACT_VALUES`] different values a column; beyond that distinct is a lower bound, quantiles
//! come from buckets with a relative error of at most [`QUANTILE_ERROR`], and top values are those
//! among the values seen first.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{Frame, FrameError, number_text};

/// Different values a column may have before distinct, quantiles and top values are approximate.
pub const EXACT_VALUES: usize = 65_536;
/// Largest relative error of a quantile beyond that.
pub const QUANTILE_ERROR: f64 = 0.005;
/// Top values reported.
const TOP: usize = 10;
/// Quantiles reported.
const QUANTILES: [(&str, f64); 7] = [
    ("p01", 0.01),
    ("p05", 0.05),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p95", 0.95),
    ("p99", 0.99),
];

/// The profile of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableProfile {
    /// Rows.
    pub rows: u64,
    /// One entry a column, in order.
    pub columns: Vec<ColumnProfile>,
}

/// A value and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// Rows that hold it.
    pub rows: u64,
}

/// The profile of a column. Moments, extremes and quantiles are over finite numbers, and absent
/// for text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnProfile {
    /// The column.
    pub column: String,
    /// `number` or `text`.
    pub kind: &'static str,
    /// Rows without a value.
    pub missing: u64,
    /// Rows that hold 0.
    pub zeros: u64,
    /// Rows below 0, minus infinity included.
    pub negatives: u64,
    /// Rows that hold plus or minus infinity.
    pub infinite: u64,
    /// Different values, infinities included.
    pub distinct: u64,
    /// Whether `distinct` is exact; otherwise there are at least that many.
    pub distinct_exact: bool,
    /// Smallest finite number.
    pub min: Option<f64>,
    /// Largest finite number.
    pub max: Option<f64>,
    /// Mean of the finite numbers.
    pub mean: Option<f64>,
    /// Their standard deviation, divided by n.
    pub std: Option<f64>,
    /// Quantiles of the finite numbers, by linear interpolation.
    pub quantiles: BTreeMap<&'static str, f64>,
    /// The most frequent values.
    pub top: Vec<ValueCount>,
}

/// Profiles every column of a frame but internal ones (`__row`).
pub fn profile(frame: &Frame) -> Result<TableProfile, FrameError> {
    let mut columns = Vec::new();
    for name in frame.names() {
        if name.starts_with("__") {
            continue;
        }
        let state = ColumnState::of(frame, &name)?;
        columns.push(state.finish(&name));
    }
    Ok(TableProfile {
        rows: frame.rows() as u64,
        columns,
    })
}

/// The mergeable state behind a [`ColumnProfile`].
#[derive(Clone, Debug)]
pub enum ColumnState {
    /// A column of numbers.
    Numbers(NumberState),
    /// A column of text.
    Texts(TextState),
}

impl ColumnState {
    /// The state of one column of a part of a table.
    pub fn of(frame: &Frame, column: &str) -> Result<Self, FrameError> {
        Ok(if frame.is_numeric(column)? {
            ColumnState::Numbers(NumberState::of(&frame.numbers(column)?))
        } else {
            ColumnState::Texts(TextState::of(&frame.texts(column)?))
        })
    }
    /// Adds the state of another part. Parts of different kinds do not mix: the other is left out
    /// and `false` returned.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (ColumnState::Numbers(a), ColumnState::Numbers(b)) => a.merge(b),
            (ColumnState::Texts(a), ColumnState::Texts(b)) => a.merge(b),
            _ => return false,
        }
        true
    }
    /// The profile.
    pub fn finish(&self, column: &str) -> ColumnProfile {
        match self {
            ColumnState::Numbers(state) => state.finish(column),
            ColumnState::Texts(state) => state.finish(column),
        }
    }
}

/// The state of numbers.
#[derive(Clone, Debug, Default)]
pub struct NumberState {
    missing: u64,
    zeros: u64,
    negatives: u64,
    infinite: u64,
    finite: u64,
    min: f64,
    max: f64,
    mean: f64,
    m2: f64,
    /// Counts by the bits of the value, exact while small enough.
    counts: HashMap<u64, u64>,
    /// Counts by bucket, once `counts` overflowed.
    buckets: Option<Buckets>,
}

impl NumberState {
    /// The state of a part; NaN is missing.
    pub fn of(values: &[f64]) -> Self {
        let mut state = Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            ..Self::default()
        };
        let mut sum = 0.0;
        for &value in values {
            if value.is_nan() {
                state.missing += 1;
                continue;
            }
            state.zeros += u64::from(value == 0.0);
            state.negatives += u64::from(value < 0.0);
            if value.is_infinite() {
                state.infinite += 1;
            } else {
                state.finite += 1;
                state.min = state.min.min(value);
                state.max = state.max.max(value);
                sum += value;
            }
            state.count(value, 1);
        }
        if state.finite > 0 {
            state.mean = sum / state.finite as f64;
            // A second pass: exact enough for tables, where one pass would lose digits.
            state.m2 = values
                .iter()
                .filter(|v| v.is_finite())
                .map(|v| (v - state.mean).powi(2))
                .sum();
        }
        state
    }

    fn count(&mut self, value: f64, rows: u64) {
        let value = if value == 0.0 { 0.0 } else { value };
        if let Some(buckets) = &mut self.buckets {
            buckets.add(value, rows);
            if let Some(count) = self.counts.get_mut(&value.to_bits()) {
                *count += rows;
            }
            return;
        }
        *self.counts.entry(value.to_bits()).or_default() += rows;
        if self.counts.len() > EXACT_VALUES {
            let mut buckets = Buckets::default();
            for (bits, rows) in &self.counts {
                buckets.add(f64::from_bits(*bits), *rows);
            }
            self.buckets = Some(buckets);
        }
    }

    /// Adds the state of another part.
    pub fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        self.zeros += other.zeros;
        self.negatives += other.negatives;
        self.infinite += other.infinite;
        if other.finite > 0 {
            let (n, m) = (self.finite as f64, other.finite as f64);
            let delta = other.mean - self.mean;
            self.mean += delta * m / (n + m);
            self.m2 += other.m2 + delta * delta * n * m / (n + m);
            let first = self.finite == 0;
            self.min = if first {
                other.min
            } else {
                self.min.min(other.min)
            };
            self.max = if first {
                other.max
            } else {
                self.max.max(other.max)
            };
            self.finite += other.finite;
        }
        match &other.buckets {
            None => {
                for (bits, rows) in &other.counts {
                    self.count(f64::from_bits(*bits), *rows);
                }
            }
            Some(theirs) => {
                let counts = &self.counts;
                let ours = self.buckets.get_or_insert_with(|| {
                    let mut buckets = Buckets::default();
                    for (bits, rows) in counts {
                        buckets.add(f64::from_bits(*bits), *rows);
                    }
                    buckets
                });
                ours.merge(theirs);
                for (bits, rows) in &other.counts {
                    if self.counts.len() <= EXACT_VALUES || self.counts.contains_key(bits) {
                        *self.counts.entry(*bits).or_default() += rows;
                    }
                }
            }
        }
    }

    /// Rows with a finite number in each of the bars between neighbouring edges, which ascend; a
    /// number on an edge belongs to the bar above, on the last edge to the last bar. Edges are
    /// sharp to [`QUANTILE_ERROR`] when the state is not exact any more.
    pub fn histogram(&self, edges: &[f64]) -> Vec<u64> {
        let mut bars = vec![0; edges.len().saturating_sub(1)];
        let mut add = |value: f64, rows: u64| {
            let bar = edges.partition_point(|e| *e <= value).saturating_sub(1);
            if let Some(last) = bars.len().checked_sub(1) {
                bars[bar.min(last)] += rows;
            }
        };
        match &self.buckets {
            Some(buckets) => {
                for (key, rows) in &buckets.counts {
                    add(Buckets::value(*key).clamp(self.min, self.max), *rows);
                }
            }
            None => {
                for (bits, rows) in &self.counts {
                    let value = f64::from_bits(*bits);
                    if value.is_finite() {
                        add(value, *rows);
                    }
                }
            }
        }
        bars
    }

    /// The smallest finite number above 0, as exactly as the state is.
    pub fn smallest_positive(&self) -> Option<f64> {
        let positive = |v: &f64| *v > 0.0 && v.is_finite();
        match &self.buckets {
            Some(buckets) => buckets
                .counts
                .keys()
                .map(|k| Buckets::value(*k))
                .find(positive),
            None => self
                .counts
                .keys()
                .map(|bits| f64::from_bits(*bits))
                .filter(positive)
                .min_by(f64::total_cmp),
        }
    }

    fn quantile(&self, q: f64, sorted: &[(f64, u64)]) -> f64 {
        match &self.buckets {
            Some(buckets) => buckets.quantile(q, self.finite).clamp(self.min, self.max),
            None => exact_quantile(q, self.finite, sorted),
        }
    }

    fn finish(&self, column: &str) -> ColumnProfile {
        let mut sorted: Vec<(f64, u64)> = self
            .counts
            .iter()
            .map(|(bits, rows)| (f64::from_bits(*bits), *rows))
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut top = sorted.clone();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.total_cmp(&b.0)));
        sorted.retain(|(v, _)| v.is_finite());
        let some = |value: f64| (self.finite > 0).then_some(value);
        ColumnProfile {
            column: column.to_owned(),
            kind: "number",
            missing: self.missing,
            zeros: self.zeros,
            negatives: self.negatives,
            infinite: self.infinite,
            distinct: self.counts.len() as u64,
            distinct_exact: self.buckets.is_none(),
            min: some(self.min),
            max: some(self.max),
            mean: some(self.mean),
            std: some((self.m2 / self.finite as f64).sqrt()),
            quantiles: if self.finite == 0 {
                BTreeMap::new()
            } else {
                QUANTILES
                    .iter()
                    .map(|&(name, q)| (name, self.quantile(q, &sorted)))
                    .collect()
            },
            top: top
                .into_iter()
                .take(TOP)
                .map(|(value, rows)| ValueCount {
                    value: number_text(value),
                    rows,
                })
                .collect(),
        }
    }
}

/// Linear interpolation between order statistics, numpy's default definition.
fn exact_quantile(q: f64, n: u64, sorted: &[(f64, u64)]) -> f64 {
    let place = q * (n.saturating_sub(1)) as f64;
    let (low, share) = (place.floor() as u64, place.fract());
    let at = |rank: u64| {
        let mut seen = 0;
        for &(value, rows) in sorted {
            seen += rows;
            if rank < seen {
                return value;
            }
        }
        sorted.last().map_or(f64::NAN, |(v, _)| *v)
    };
    let a = at(low);
    if share == 0.0 {
        return a;
    }
    a + (at(low + 1) - a) * share
}

/// Buckets of constant relative width, for positive and negative numbers apart.
#[derive(Clone, Debug, Default)]
struct Buckets {
    /// Key: sign and exponent; the order of keys is the order of values.
    counts: BTreeMap<i64, u64>,
}

impl Buckets {
    /// Ratio of neighbouring bucket edges.
    const GAMMA: f64 = (1.0 + QUANTILE_ERROR) / (1.0 - QUANTILE_ERROR);
    /// Moves exponents above zero: the smallest double is about 2^-1074, and ln 2^1074 / ln GAMMA
    /// stays below this.
    const OFFSET: i64 = 100_000;

    fn key(value: f64) -> i64 {
        if value == 0.0 {
            return 0;
        }
        let exponent = (value.abs().ln() / Self::GAMMA.ln()).ceil() as i64 + Self::OFFSET;
        if value < 0.0 { -exponent } else { exponent }
    }
    fn value(key: i64) -> f64 {
        if key == 0 {
            return 0.0;
        }
        let exponent = (key.abs() - Self::OFFSET) as f64;
        let size = (exponent * Self::GAMMA.ln()).exp() * 2.0 / (1.0 + Self::GAMMA);
        if key < 0 { -size } else { size }
    }
    fn add(&mut self, value: f64, rows: u64) {
        if value.is_finite() {
            *self.counts.entry(Self::key(value)).or_default() += rows;
        }
    }
    fn merge(&mut self, other: &Self) {
        for (key, rows) in &other.counts {
            *self.counts.entry(*key).or_default() += rows;
        }
    }
    fn quantile(&self, q: f64, n: u64) -> f64 {
        let rank = (q * (n.saturating_sub(1)) as f64).round() as u64;
        let mut seen = 0;
        for (key, rows) in &self.counts {
            seen += rows;
            if rank < seen {
                return Self::value(*key);
            }
        }
        self.counts
            .keys()
            .last()
            .map_or(f64::NAN, |k| Self::value(*k))
    }
}

/// The state of texts.
#[derive(Clone, Debug, Default)]
pub struct TextState {
    missing: u64,
    counts: HashMap<String, u64>,
    overflowed: bool,
}

impl TextState {
    /// The state of a part.
    pub fn of(values: &[Option<String>]) -> Self {
        let mut state = Self::default();
        for value in values {
            match value {
                Some(value) => state.count(value, 1),
                None => state.missing += 1,
            }
        }
        state
    }
    fn count(&mut self, value: &str, rows: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += rows;
        } else if self.counts.len() < EXACT_VALUES {
            self.counts.insert(value.to_owned(), rows);
        } else {
            self.overflowed = true;
        }
    }
    /// Adds the state of another part.
    pub fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        self.overflowed |= other.overflowed;
        for (value, rows) in &other.counts {
            self.count(value, *rows);
        }
    }
    fn finish(&self, column: &str) -> ColumnProfile {
        let mut top: Vec<(&String, u64)> = self.counts.iter().map(|(v, n)| (v, *n)).collect();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        ColumnProfile {
            column: column.to_owned(),
            kind: "text",
            missing: self.missing,
            zeros: 0,
            negatives: 0,
            infinite: 0,
            distinct: self.counts.len() as u64,
            distinct_exact: !self.overflowed,
            min: None,
            max: None,
            mean: None,
            std: None,
            quantiles: BTreeMap::new(),
            top: top
                .into_iter()
                .take(TOP)
                .map(|(value, rows)| ValueCount {
                    value: value.clone(),
                    rows,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn figures_of_a_small_column() {
        let frame = Frame::from_columns(vec![
            Frame::number_column(
                "x",
                vec![
                    Some(1.0),
                    Some(-0.0),
                    None,
                    Some(f64::INFINITY),
                    Some(4.0),
                    Some(-3.0),
                ],
            ),
            Frame::text_column(
                "t",
                &[Some("a"), Some("b"), Some("b"), None, None, Some("c")],
            ),
            Frame::number_column("__row", (0..6).map(|i| Some(f64::from(i))).collect()),
        ])
        .unwrap();
        let p = profile(&frame).unwrap();
        assert_eq!((p.rows, p.columns.len()), (6, 2));
        let x = &p.columns[0];
        assert_eq!(
            (x.missing, x.zeros, x.negatives, x.infinite, x.distinct),
            (1, 1, 1, 1, 5)
        );
        assert_eq!((x.min, x.max, x.mean), (Some(-3.0), Some(4.0), Some(0.5)));
        // Values -3, 0, 1, 4: variance 26/4 - 0.25.
        assert!((x.std.unwrap() - 6.25_f64.sqrt()).abs() < 1e-12);
        assert_eq!(x.quantiles["p50"], 0.5);
        assert_eq!(x.quantiles["p25"], -0.75);
        let t = &p.columns[1];
        assert_eq!((t.missing, t.distinct), (2, 3));
        assert_eq!(
            t.top[0],
            ValueCount {
                value: "b".into(),
                rows: 2
            }
        );
    }

    #[test]
    fn many_values_are_approximated_within_the_stated_error() {
        let values: Vec<f64> = (0..200_000).map(|i| f64::from(i) - 50_000.0).collect();
        let p = NumberState::of(&values).finish("x");
        assert!(!p.distinct_exact && p.distinct > EXACT_VALUES as u64);
        for (name, q) in QUANTILES {
            let exact = q * 199_999.0 - 50_000.0;
            let found = p.quantiles[name];
            assert!(
                (found - exact).abs() <= QUANTILE_ERROR * exact.abs() + 1.0,
                "{name}: {found}"
            );
        }
    }

    #[test]
    fn an_empty_column_has_no_figures() {
        let p = NumberState::of(&[f64::NAN, f64::NAN]).finish("x");
        assert_eq!((p.missing, p.min, p.mean, p.std), (2, None, None, None));
        assert!(p.quantiles.is_empty());
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec(
                prop_oneof![8 => -1e6..1e6f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 2 => Just(0.0)],
                0..200,
            ),
            cut in 0..200usize,
        ) {
            let cut = cut.min(values.len());
            let whole = NumberState::of(&values).finish("x");
            let mut parts = NumberState::of(&values[..cut]);
            parts.merge(&NumberState::of(&values[cut..]));
            let parts = parts.finish("x");
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
                (a, b) => a == b,
            };
            prop_assert!(close(whole.mean, parts.mean) && close(whole.std, parts.std));
            prop_assert_eq!(
                ColumnProfile { mean: None, std: None, ..whole },
                ColumnProfile { mean: None, std: None, ..parts }
            );
        }
    }
}
