//! Row groups that cannot hold a row of a filter, by what the footer says of their columns.
//!
//! Only ever says "no" where that is certain: statistics that are absent, of another type than the
//! column is read as, or not in order leave a group to be read. That a column has no value at all is
//! not believed: Polars counts the missing values of dictionary pages once a page.

use polars::prelude::DataType;
use polars_parquet::parquet::statistics::Statistics;

use super::parquet::ParquetFile;
use crate::dataset::Frame;
use crate::dataset::query::{Comparison, Condition, resolve_column};

/// Whether a row group may hold rows that satisfy a condition.
pub(super) fn may_match(
    condition: &Condition,
    header: &Frame,
    file: &ParquetFile,
    group: usize,
) -> bool {
    let known = |column: &str| Known::of(column, header, file, group);
    match condition {
        Condition::And(a, b) => {
            may_match(a, header, file, group) && may_match(b, header, file, group)
        }
        Condition::Or(a, b) => {
            may_match(a, header, file, group) || may_match(b, header, file, group)
        }
        // What the inner condition leaves out is not known from what it may hold.
        Condition::Not(_) => true,
        Condition::Missing { column } => known(&column.text).may_be_missing,
        Condition::Compare {
            column,
            comparison,
            value,
        } => known(&column.text).may_hold(*comparison, &value.text),
        Condition::In { column, values } => {
            let known = known(&column.text);
            values
                .iter()
                .any(|v| known.may_hold(Comparison::Equal, &v.text))
        }
    }
}

/// The smallest and the greatest value.
enum Bounds {
    Unknown,
    Numbers(f64, f64),
    Texts(String, String),
}

/// What is known of a column of a row group.
struct Known {
    bounds: Bounds,
    may_be_missing: bool,
}

impl Known {
    fn of(column: &str, header: &Frame, file: &ParquetFile, group: usize) -> Self {
        let unknown = Self {
            bounds: Bounds::Unknown,
            may_be_missing: true,
        };
        let Ok(name) = resolve_column(header, column) else {
            return unknown;
        };
        let Ok(held) = header.column(&name) else {
            return unknown;
        };
        let dtype = held.dtype();
        let Some(statistics) = file.statistics(group, &name) else {
            return unknown;
        };
        let (mut bounds, missing) = bounds(&statistics, dtype);
        // Polars loses the numbers of a page that holds a NaN when it joins the bounds of pages.
        if dtype.is_float() && file.is_by_polars() {
            bounds = Bounds::Unknown;
        }
        Self {
            bounds,
            // NaN is missing too and not counted as such.
            may_be_missing: missing != Some(0) || dtype.is_float(),
        }
    }

    fn may_hold(&self, comparison: Comparison, value: &str) -> bool {
        match &self.bounds {
            Bounds::Unknown => true,
            Bounds::Numbers(min, max) => value
                .trim()
                .parse()
                .map_or(true, |value: f64| may_hold(comparison, (*min, *max), value)),
            Bounds::Texts(min, max) => may_hold(comparison, (min.as_str(), max.as_str()), value),
        }
    }
}

fn may_hold<T: PartialOrd>(comparison: Comparison, (min, max): (T, T), value: T) -> bool {
    match comparison {
        Comparison::Equal => min <= value && value <= max,
        Comparison::NotEqual => !(min == value && max == value),
        Comparison::Less => min < value,
        Comparison::LessOrEqual => min <= value,
        Comparison::Greater => max > value,
        Comparison::GreaterOrEqual => max >= value,
        Comparison::Contains => true,
    }
}

/// Bounds and the number of missing values. Bounds count only where the column is read as what its
/// bytes are: those of decimals, unsigned numbers and times would have to be read otherwise.
fn bounds(statistics: &Statistics, dtype: &DataType) -> (Bounds, Option<i64>) {
    let signed = matches!(
        dtype,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64
    );
    let numbers = |min: Option<f64>, max: Option<f64>| match (min, max) {
        (Some(min), Some(max)) if min <= max => Bounds::Numbers(min, max),
        _ => Bounds::Unknown,
    };
    match statistics {
        Statistics::Int32(s) if signed => (
            numbers(s.min_value.map(f64::from), s.max_value.map(f64::from)),
            s.null_count,
        ),
        Statistics::Int64(s) if signed => (
            numbers(s.min_value.map(|v| v as f64), s.max_value.map(|v| v as f64)),
            s.null_count,
        ),
        Statistics::Float(s) if *dtype == DataType::Float32 => (
            numbers(s.min_value.map(f64::from), s.max_value.map(f64::from)),
            s.null_count,
        ),
        Statistics::Double(s) if *dtype == DataType::Float64 => {
            (numbers(s.min_value, s.max_value), s.null_count)
        }
        Statistics::Binary(s) if *dtype == DataType::String => {
            let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone()?).ok();
            let bounds = match (text(&s.min_value), text(&s.max_value)) {
                (Some(min), Some(max)) if min <= max => Bounds::Texts(min, max),
                _ => Bounds::Unknown,
            };
            (bounds, s.null_count)
        }
        _ => (Bounds::Unknown, None),
    }
}
