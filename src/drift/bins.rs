//! The bins behind a drift figure with what they stand for, so that a person sees where the rows
//! went: counts of both sides by range or by value, in the very bins the figures are made from.
//!
//! Figures are not computed here (see [`super::binned`]); nothing here decides anything.

use serde::{Deserialize, Serialize};

use crate::dataset::number_text;

/// Values of a column that are listed one by one; the rest is counted together.
const LISTED: usize = 40;
/// New values, and values that are gone, listed besides.
const LISTED_ON_ONE_SIDE: usize = 10;
/// Characters of a value that are kept.
const VALUE_LENGTH: usize = 200;

/// What a bin stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BinOf {
    /// One value.
    Value {
        /// The value as text, cut when it is very long.
        value: String,
    },
    /// Numbers from `low` up to, not including, `high`; `None` is open. The highest bin of a
    /// closed range includes its end.
    Range {
        /// The lower end.
        low: Option<f64>,
        /// The upper end.
        high: Option<f64>,
    },
}

/// A bin and its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// What it stands for.
    #[serde(flatten)]
    pub of: BinOf,
    /// Rows of the reference.
    pub reference: u64,
    /// Rows of the current data.
    pub current: u64,
}

/// Values that are not listed one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlisted {
    /// Different values.
    pub values: u64,
    /// Their rows in the reference.
    pub reference: u64,
    /// Their rows in the current data.
    pub current: u64,
}

/// The bins of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnBins {
    /// The column.
    pub column: String,
    /// The bins of PSI and Jensen-Shannon distance: ranges in order of size, values in their
    /// order. Empty when there were none.
    pub bins: Vec<Bin>,
    /// What is not listed in `bins`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<Unlisted>,
    /// The bins of the decile figures; empty for categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciles: Vec<Bin>,
    /// Values that the reference does not have; ranges have none.
    pub new_values: u64,
    /// Values that only the reference has.
    pub gone_values: u64,
}

/// Where rows went: labels of the bins that lost and of those that won, joined where they touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// What has a smaller share now.
    pub out_of: Vec<String>,
    /// What has a larger share now.
    pub into: Vec<String>,
}

impl Bin {
    /// The bin in a few characters: `0 to 25`, `below 3`, `http`.
    pub fn label(&self) -> String {
        match &self.of {
            BinOf::Value { value } => value.clone(),
            BinOf::Range { low, high } => range_label(*low, *high),
        }
    }
}

fn range_label(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) if low == high => compact(low),
        (Some(low), Some(high)) => format!("{} to {}", compact(low), compact(high)),
        (Some(low), None) => format!("from {}", compact(low)),
        (None, Some(high)) => format!("below {}", compact(high)),
        (None, None) => "all".to_owned(),
    }
}

/// A number in few characters: four significant digits, powers of ten outside 0.001 to 100,000.
pub fn compact(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return number_text(value + 0.0);
    }
    if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.2e}");
        return match text.split_once('e') {
            Some((digits, power)) if digits.contains('.') => {
                let digits = digits.trim_end_matches('0').trim_end_matches('.');
                format!("{digits}e{power}")
            }
            _ => text,
        };
    }
    let before = size.log10().floor() as i32;
    let decimals = (3 - before).max(0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

impl ColumnBins {
    /// Bins between edges: `edges` are the inner ones, `ends` the closed range if there is one.
    pub(super) fn ranges(
        edges: &[f64],
        ends: Option<(f64, f64)>,
        counts: &[(u64, u64)],
    ) -> Vec<Bin> {
        counts
            .iter()
            .enumerate()
            .map(|(i, &(reference, current))| Bin {
                of: BinOf::Range {
                    low: match i.checked_sub(1) {
                        Some(before) => edges.get(before).copied(),
                        None => ends.map(|e| e.0),
                    },
                    high: edges.get(i).copied().or(ends.map(|e| e.1)),
                },
                reference,
                current,
            })
            .collect()
    }

    /// One bin a value. Of very many values the most frequent stand alone, and of those that one
    /// side lacks the most frequent too.
    pub fn values(column: &str, values: Vec<(String, (u64, u64))>) -> Self {
        let mut bins: Vec<Bin> = values
            .into_iter()
            .map(|(value, (reference, current))| Bin {
                of: BinOf::Value {
                    value: shortened(value),
                },
                reference,
                current,
            })
            .collect();
        let count = |pick: &dyn Fn(&Bin) -> bool| bins.iter().filter(|b| pick(b)).count() as u64;
        let new_values = count(&|b| b.reference == 0 && b.current > 0);
        let gone_values = count(&|b| b.current == 0 && b.reference > 0);
        let mut unlisted = None;
        if bins.len() > LISTED {
            let listed = listed(&bins);
            let mut rest = Unlisted::default();
            let mut at = 0;
            bins.retain(|bin| {
                let keep = listed[at];
                at += 1;
                if !keep {
                    rest.values += 1;
                    rest.reference += bin.reference;
                    rest.current += bin.current;
                }
                keep
            });
            unlisted = Some(rest);
        }
        Self {
            column: column.to_owned(),
            bins,
            unlisted,
            deciles: Vec::new(),
            new_values,
            gone_values,
        }
    }

    /// The bins a figure was made from, by the name the report gives it, and all rows of both
    /// sides, those of unlisted values too.
    pub fn of_figure(&self, figure: &str) -> (&[Bin], (u64, u64)) {
        if figure.contains("decile") && !self.deciles.is_empty() {
            return (&self.deciles, totals(&self.deciles));
        }
        let rest = self.unlisted.unwrap_or_default();
        let (reference, current) = totals(&self.bins);
        let rows = (reference + rest.reference, current + rest.current);
        (&self.bins, rows)
    }

    /// Listed values that the reference does not have, the most frequent first.
    pub fn new_listed(&self) -> Vec<&Bin> {
        let mut new: Vec<&Bin> = self
            .bins
            .iter()
            .filter(|b| matches!(b.of, BinOf::Value { .. }) && b.reference == 0 && b.current > 0)
            .collect();
        new.sort_by(|a, b| {
            b.current
                .cmp(&a.current)
                .then_with(|| a.label().cmp(&b.label()))
        });
        new
    }
}

/// Which of many bins stand alone.
fn listed(bins: &[Bin]) -> Vec<bool> {
    let mut listed = vec![false; bins.len()];
    let mut take = |most: usize, rows: &dyn Fn(&Bin) -> u64| {
        let mut order: Vec<usize> = (0..bins.len()).filter(|&i| rows(&bins[i]) > 0).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(rows(&bins[i])));
        for i in order.into_iter().take(most) {
            listed[i] = true;
        }
    };
    take(LISTED, &|b| b.reference.max(b.current));
    take(LISTED_ON_ONE_SIDE, &|b| {
        if b.reference == 0 { b.current } else { 0 }
    });
    take(LISTED_ON_ONE_SIDE, &|b| {
        if b.current == 0 { b.reference } else { 0 }
    });
    listed
}

fn shortened(value: String) -> String {
    match value.char_indices().nth(VALUE_LENGTH) {
        Some((at, _)) => value[..at].to_owned(),
        None => value,
    }
}

/// At most `most` bins for a small place: neighbouring ranges are joined, of values the most
/// frequent are kept.
pub fn condensed(bins: &[Bin], most: usize) -> Vec<Bin> {
    let most = most.max(1);
    if bins.len() <= most {
        return bins.to_vec();
    }
    let ranges = bins.iter().all(|b| matches!(b.of, BinOf::Range { .. }));
    if !ranges {
        let mut order: Vec<usize> = (0..bins.len()).collect();
        let share = |i: usize| {
            let (a, b) = totals(bins);
            let part = |n: u64, of: u64| n as f64 / of.max(1) as f64;
            part(bins[i].reference, a).max(part(bins[i].current, b))
        };
        order.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
        order.truncate(most);
        order.sort_unstable();
        return order.into_iter().map(|i| bins[i].clone()).collect();
    }
    // The pair of neighbours with the fewest rows, again and again until it fits.
    let mut joined = bins.to_vec();
    while joined.len() > most {
        let rows = |b: &Bin| b.reference + b.current;
        let at = (0..joined.len() - 1)
            .min_by_key(|&i| rows(&joined[i]) + rows(&joined[i + 1]))
            .unwrap_or(0);
        let next = joined.remove(at + 1);
        let bin = &mut joined[at];
        bin.reference += next.reference;
        bin.current += next.current;
        if let (BinOf::Range { high, .. }, BinOf::Range { high: end, .. }) = (&mut bin.of, &next.of)
        {
            *high = *end;
        }
    }
    joined
}

fn totals(bins: &[Bin]) -> (u64, u64) {
    bins.iter()
        .fold((0, 0), |(a, b), bin| (a + bin.reference, b + bin.current))
}

/// Where rows went: the bins that make up most of the change of shares, neighbours joined.
/// `rows` are those of the whole column, also of values that are not listed.
pub fn moved(bins: &[Bin], rows: (u64, u64)) -> Moved {
    Moved {
        out_of: labels(bins, &told(bins, rows, -1.0)),
        into: labels(bins, &told(bins, rows, 1.0)),
    }
}

/// The bins that make up most of what was won, in their order.
pub fn won(bins: &[Bin], rows: (u64, u64)) -> Vec<&Bin> {
    let mut told = told(bins, rows, 1.0);
    told.sort_unstable();
    told.into_iter().map(|i| &bins[i]).collect()
}

/// The places of the bins that make up most of the change in one direction, the largest first.
fn told(bins: &[Bin], rows: (u64, u64), sign: f64) -> Vec<usize> {
    /// Share of the change that is told; the rest is many small things.
    const TOLD: f64 = 0.8;
    /// A smaller change of a share is nothing to tell.
    const LEAST: f64 = 0.005;
    if rows.0 == 0 || rows.1 == 0 {
        return Vec::new();
    }
    let change = |i: usize| {
        let bin = &bins[i];
        sign * (bin.current as f64 / rows.1 as f64 - bin.reference as f64 / rows.0 as f64)
    };
    let mut order: Vec<usize> = (0..bins.len()).filter(|&i| change(i) > 0.0).collect();
    order.sort_by(|&a, &b| change(b).total_cmp(&change(a)).then(a.cmp(&b)));
    let whole: f64 = order.iter().map(|&i| change(i)).sum();
    let mut sum = 0.0;
    order
        .into_iter()
        .take_while(|&i| {
            let wanted = sum < TOLD * whole && change(i) >= LEAST;
            sum += change(i);
            wanted
        })
        .collect()
}

/// The labels of some bins, the first named first; ranges that touch are joined.
fn labels(bins: &[Bin], told: &[usize]) -> Vec<String> {
    const MOST: usize = 3;
    let mut sorted = told.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for i in sorted {
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == i && matches!(bins[i].of, BinOf::Range { .. }) => *to = i,
            _ => runs.push((i, i)),
        }
    }
    runs.sort_by_key(|run| told.iter().position(|i| (run.0..=run.1).contains(i)));
    runs.into_iter()
        .take(MOST)
        .map(|(from, to)| match (&bins[from].of, &bins[to].of) {
            (BinOf::Range { low, .. }, BinOf::Range { high, .. }) => range_label(*low, *high),
            _ => bins[from].label(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64, high: f64, reference: u64, current: u64) -> Bin {
        Bin {
            of: BinOf::Range {
                low: Some(low),
                high: Some(high),
            },
            reference,
            current,
        }
    }

    #[test]
    fn numbers_in_few_characters() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (12.142857, "12.14"),
            (250.0, "250"),
            (99_999.6, "100000"),
            (1_379_963_888.0, "1.38e9"),
            (2_000_000.0, "2e6"),
            (0.000_012_3, "1.23e-5"),
            (-0.5, "-0.5"),
            (10.0, "10"),
        ] {
            assert_eq!(compact(value), text);
        }
    }

    #[test]
    fn many_values_are_cut_to_the_frequent_and_the_new() {
        let mut values: Vec<(String, (u64, u64))> = (0..500)
            .map(|i| (format!("v{i:03}"), (1000 - i, 1000 - i)))
            .collect();
        values.push(("wholly new".into(), (0, 1)));
        values.push(("gone".into(), (1, 0)));
        let bins = ColumnBins::values("c", values);
        assert_eq!(bins.bins.len(), LISTED + 2);
        assert_eq!((bins.new_values, bins.gone_values), (1, 1));
        assert_eq!(bins.new_listed()[0].label(), "wholly new");
        let unlisted = bins.unlisted.unwrap();
        assert_eq!(unlisted.values, 460);
        let all: u64 = (0..500u64).map(|i| 1000 - i).sum();
        assert_eq!(bins.of_figure("PSI").1, (all + 1, all + 1));
    }

    #[test]
    fn joined_bins_keep_every_row() {
        let bins: Vec<Bin> = (0..20)
            .map(|i| range(f64::from(i), f64::from(i + 1), 5, u64::from(i as u32)))
            .collect();
        for most in 1..25 {
            let few = condensed(&bins, most);
            assert!(few.len() <= most.max(1) && !few.is_empty());
            assert_eq!(totals(&few), totals(&bins));
            assert_eq!(few[0].label().split(' ').next(), Some("0"));
            assert!(few[few.len() - 1].label().ends_with("20"));
        }
    }

    #[test]
    fn what_moved_is_named_by_its_largest_parts() {
        let bins = [
            range(0.0, 25.0, 310, 200),
            range(25.0, 50.0, 90, 85),
            range(50.0, 75.0, 60, 130),
            range(75.0, 100.0, 60, 140),
            range(100.0, 125.0, 310, 275),
        ];
        let rows = totals(&bins);
        assert_eq!(
            moved(&bins, rows),
            Moved {
                out_of: vec!["0 to 25".into(), "100 to 125".into()],
                into: vec!["50 to 100".into()],
            }
        );
        assert_eq!(moved(&bins, (0, 5)), Moved::default());
        assert_eq!(moved(&[range(0.0, 1.0, 7, 9)], (7, 9)), Moved::default());
    }

    #[test]
    fn the_document_reads_back() {
        let mut bins = ColumnBins::values("c", vec![("a".into(), (1, 2)), ("12".into(), (0, 2))]);
        bins.deciles = ColumnBins::ranges(&[1.0], None, &[(1, 2), (3, 4)]);
        let text = serde_json::to_string(&bins).unwrap();
        assert_eq!(serde_json::from_str::<ColumnBins>(&text).unwrap(), bins);
        assert_eq!(bins.of_figure("decile PSI").0.len(), 2);
        assert_eq!(bins.of_figure("decile PSI").0[1].label(), "from 1");
        assert_eq!(bins.of_figure("PSI").0[0].label(), "a");
    }
}
