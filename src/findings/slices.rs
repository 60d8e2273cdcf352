//! Where the drift of a column comes from: its PSI within the values of another column, for the
//! column whose values differ most in it.
//!
//! A slice is judged in the bins of the whole column, so that its PSI means the same. What chance
//! alone makes of a PSI over k bins, (k - 1)(1 / n1 + 1 / n2), is taken off before slices are
//! compared, or the rarest value would always win.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::FindingsError;
use crate::dataset::{Frame, read_columns};
use crate::drift::binned;
use crate::drift::{Bin, BinOf, ColumnBins};
use crate::error::CommandError;

/// Columns tried.
const MOST_COLUMNS: usize = 16;
/// Values of a column tried, and told.
const MOST_VALUES: usize = 12;
/// Rows a slice must have on both sides.
const MIN_ROWS: u64 = 100;
/// Spread over mean of the slices' PSI below which they hardly differ.
const EVEN: f64 = 0.25;
/// The value that stands for all that are not tried.
const OTHERS: usize = MOST_VALUES;

/// One slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// The value.
    pub value: String,
    /// PSI of the column within it; `None` with too few rows.
    pub psi: Option<f64>,
    /// Its share of the reference's rows.
    pub share_reference: f64,
    /// Its share of the current rows.
    pub share_current: f64,
}

/// Where the drift of a column comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Slices {
    /// The column that drifted.
    pub column: String,
    /// The column whose values tell most; `None` when there is none to try.
    pub by: Option<String>,
    /// Its values, the largest PSI first.
    pub slices: Vec<Slice>,
    /// Columns that were tried.
    pub tried: usize,
    /// Whether even these slices hardly differ: the drift is everywhere alike.
    pub even: bool,
}

/// Finds the slices of `column`, from the reference and the parts of the current data.
///
/// # Errors
/// When a file cannot be read or is not kept, or `cancelled` says so.
pub fn slices(
    reference: &Path,
    current: &[PathBuf],
    bins: &[ColumnBins],
    column: &str,
    figure: &str,
    cancelled: &dyn Fn() -> bool,
) -> Result<Slices, CommandError> {
    let go_on = || match cancelled() {
        true => Err(CommandError::from(FindingsError::Cancelled)),
        false => Ok(()),
    };
    let own = bins
        .iter()
        .find(|b| b.column == column)
        .map(|b| b.of_figure(figure).0)
        .filter(|b| b.len() > 1);
    let Some(own) = own else {
        return Err(FindingsError::NotKept(format!("the bins of `{column}` are not kept")).into());
    };
    let candidates = candidates(bins, column);
    let mut wanted: Vec<&str> = vec![column];
    wanted.extend(candidates.iter().map(|c| c.column.as_str()));
    for path in std::iter::once(reference).chain(current.iter().map(PathBuf::as_path)) {
        if !path.is_file() {
            let text = format!("{} is not kept", path.display());
            return Err(FindingsError::NotKept(text).into());
        }
    }
    let reference = read_columns(reference, &wanted)?;
    go_on()?;
    let mut both = Frame::default();
    for path in current {
        both.append(&read_columns(path, &wanted)?)?;
        go_on()?;
    }
    let binner = Binner::new(own);
    let binned = [
        binner.bins(&reference, column)?,
        binner.bins(&both, column)?,
    ];
    go_on()?;
    let mut best: Option<(f64, &str, Vec<Slice>)> = None;
    let mut tried = 0;
    for candidate in &candidates {
        if !reference.has(&candidate.column) || !both.has(&candidate.column) {
            continue;
        }
        let by = candidate.column.as_str();
        let values = values_of(candidate);
        let sides = [codes(&reference, by, &values)?, codes(&both, by, &values)?];
        go_on()?;
        let (spread, slices) = judge(&values, &sides, &binned, binner.count());
        tried += 1;
        if best.as_ref().is_none_or(|(s, ..)| spread > *s) {
            best = Some((spread, by, slices));
        }
    }
    let (by, slices, even) = match best {
        Some((spread, by, slices)) => (Some(by.to_owned()), slices, spread < EVEN),
        None => (None, Vec::new(), false),
    };
    Ok(Slices {
        column: column.to_owned(),
        by,
        slices,
        tried,
        even,
    })
}

/// Columns with several listed values, those with the fewest unlisted rows first.
fn candidates<'a>(bins: &'a [ColumnBins], column: &str) -> Vec<&'a ColumnBins> {
    let mut found: Vec<&ColumnBins> = bins
        .iter()
        .filter(|b| b.column != column && b.bins.len() > 1)
        .filter(|b| b.bins.iter().all(|x| matches!(x.of, BinOf::Value { .. })))
        .collect();
    found.sort_by_key(|b| b.unlisted.map_or(0, |u| u.reference + u.current));
    found.truncate(MOST_COLUMNS);
    found
}

/// The most frequent values of a column.
fn values_of(bins: &ColumnBins) -> Vec<String> {
    let mut order: Vec<&Bin> = bins.bins.iter().collect();
    order.sort_by_key(|b| std::cmp::Reverse(b.reference + b.current));
    order
        .into_iter()
        .take(MOST_VALUES)
        .map(Bin::label)
        .collect()
}

/// The value of every row: its place in `values`, or [`OTHERS`].
fn codes(frame: &Frame, column: &str, values: &[String]) -> Result<Vec<usize>, CommandError> {
    let places: HashMap<&str, usize> = values
        .iter()
        .enumerate()
        .map(|(i, v)| (v.as_str(), i))
        .collect();
    let mut codes = Vec::with_capacity(frame.rows());
    frame.visit_texts(column, |_, cell| {
        codes.push(cell.and_then(|c| places.get(c).copied()).unwrap_or(OTHERS));
    })?;
    Ok(codes)
}

/// Puts values into the bins of a column.
enum Binner<'a> {
    /// The edges between ranges.
    Ranges(Vec<f64>),
    /// Values; the last bin is for those not listed.
    Values(HashMap<&'a str, usize>),
}

impl<'a> Binner<'a> {
    fn new(bins: &'a [Bin]) -> Self {
        let mut edges = Vec::new();
        let mut values = HashMap::new();
        for (i, bin) in bins.iter().enumerate() {
            match &bin.of {
                BinOf::Range { high, .. } => edges.extend(*high),
                BinOf::Value { value } => {
                    values.insert(value.as_str(), i);
                }
            }
        }
        if values.is_empty() {
            // The end of the last bin is no edge: what is there belongs to it.
            edges.truncate(bins.len() - 1);
            Binner::Ranges(edges)
        } else {
            Binner::Values(values)
        }
    }
    fn count(&self) -> usize {
        match self {
            Binner::Ranges(edges) => edges.len() + 1,
            Binner::Values(values) => values.len() + 1,
        }
    }
    /// The bin of every row; `None` for rows without a value.
    fn bins(&self, frame: &Frame, column: &str) -> Result<Vec<Option<usize>>, CommandError> {
        let mut found = Vec::with_capacity(frame.rows());
        match self {
            Binner::Ranges(edges) => {
                for value in frame.numbers(column)? {
                    let bin = edges.partition_point(|edge| *edge <= value);
                    found.push(value.is_finite().then_some(bin));
                }
            }
            Binner::Values(values) => frame.visit_texts(column, |_, cell| {
                found.push(cell.map(|c| values.get(c).copied().unwrap_or(values.len())));
            })?,
        }
        Ok(found)
    }
}

/// How much the slices differ (standard deviation of their PSI over its mean, by their rows), and
/// the slices, the largest PSI first.
fn judge(
    values: &[String],
    sides: &[Vec<usize>; 2],
    binned: &[Vec<Option<usize>>; 2],
    bins: usize,
) -> (f64, Vec<Slice>) {
    let mut counts = vec![vec![(0u64, 0u64); bins]; OTHERS + 1];
    for (code, bin) in sides[0].iter().zip(&binned[0]) {
        if let Some(bin) = bin {
            counts[*code][*bin].0 += 1;
        }
    }
    for (code, bin) in sides[1].iter().zip(&binned[1]) {
        if let Some(bin) = bin {
            counts[*code][*bin].1 += 1;
        }
    }
    let rows = |c: &[(u64, u64)]| c.iter().fold((0, 0), |(a, b), x| (a + x.0, b + x.1));
    let all: (u64, u64) = counts
        .iter()
        .map(|c| rows(c))
        .fold((0, 0), |(a, b), x| (a + x.0, b + x.1));
    let mut slices = Vec::new();
    // Weight and PSI beyond chance, of slices with enough rows.
    let mut judged: Vec<(f64, f64)> = Vec::new();
    for (value, counts) in values.iter().zip(&counts) {
        let (n1, n2) = rows(counts);
        if n1 + n2 == 0 {
            continue;
        }
        let enough = n1.min(n2) >= MIN_ROWS;
        let psi = binned::psi(counts).filter(|_| enough);
        let share = |n: u64, of: u64| n as f64 / of.max(1) as f64;
        let slice = Slice {
            value: value.clone(),
            psi,
            share_reference: share(n1, all.0),
            share_current: share(n2, all.1),
        };
        if let Some(psi) = psi {
            let used = counts.iter().filter(|c| c.0 + c.1 > 0).count();
            let chance = used.saturating_sub(1) as f64 * (1.0 / n1 as f64 + 1.0 / n2 as f64);
            judged.push((slice.share_current, (psi - chance).max(0.0)));
        }
        slices.push(slice);
    }
    let weight: f64 = judged.iter().map(|j| j.0).sum();
    let mean = judged.iter().map(|(w, psi)| w * psi).sum::<f64>() / weight.max(f64::MIN_POSITIVE);
    let squares: f64 = judged
        .iter()
        .map(|(w, psi)| w * (psi - mean) * (psi - mean))
        .sum();
    let spread = if mean > 0.0 {
        (squares / weight).sqrt() / mean
    } else {
        0.0
    };
    slices.sort_by(|a, b| {
        b.psi
            .unwrap_or(-1.0)
            .total_cmp(&a.psi.unwrap_or(-1.0))
            .then(b.share_current.total_cmp(&a.share_current))
    });
    (spread, slices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DriftConfig;
    use crate::dataset::write_frame;
    use crate::drift::compare_with_bins;
    use crate::schema::{ColumnKind, ColumnSpec, preset};

    /// `count` grows for `service = http` only; `proto` has nothing to do with it.
    fn frame(rows: usize, shifted: bool) -> Frame {
        let service: Vec<Option<&str>> = (0..rows)
            .map(|r| Some(["http", "smtp", "dns"][r % 3]))
            .collect();
        let proto: Vec<Option<&str>> = (0..rows).map(|r| Some(["tcp", "udp"][r / 7 % 2])).collect();
        let count = (0..rows)
            .map(|r| {
                let value = ((r * 7919) % 997) as f64 / 10.0;
                let http = r % 3 == 0;
                Some(if shifted && http { value + 60.0 } else { value })
            })
            .collect();
        Frame::from_columns(vec![
            Frame::number_column("count", count),
            Frame::text_column("service", &service),
            Frame::text_column("proto", &proto),
        ])
        .unwrap()
    }

    #[test]
    fn the_column_that_explains_the_drift_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (before, now) = (frame(3000, false), frame(3000, true));
        let mut schema = preset("nsl-kdd").unwrap();
        schema.columns = vec![
            ColumnSpec::feature("count", ColumnKind::Real),
            ColumnSpec::feature("service", ColumnKind::Category),
            ColumnSpec::feature("proto", ColumnKind::Category),
        ];
        let (report, bins) =
            compare_with_bins(&before, &now, &schema, &DriftConfig::default()).unwrap();
        let (a, b) = (dir.path().join("a.parquet"), dir.path().join("b.parquet"));
        write_frame(&before, &a).unwrap();
        write_frame(&now, &b).unwrap();
        let figure = report.columns[0].reasons["effect"].clone();
        let find = |cancelled: bool| {
            slices(
                &a,
                std::slice::from_ref(&b),
                &bins,
                "count",
                &figure,
                &move || cancelled,
            )
        };
        let found = find(false).unwrap();
        assert_eq!(found.by.as_deref(), Some("service"));
        assert_eq!((found.tried, found.even), (2, false));
        assert_eq!(found.slices[0].value, "http");
        assert!(found.slices[0].psi.unwrap() > 1.0);
        assert!(found.slices[1..].iter().all(|s| s.psi.unwrap() < 1e-9));
        assert!((found.slices[0].share_current - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(
            find(true).unwrap_err().kind,
            crate::error::ErrorKind::Cancelled
        );
        std::fs::remove_file(&a).unwrap();
        let e = find(false).unwrap_err();
        assert!(e.message.contains("a.parquet is not kept"), "{e}");
    }
}
