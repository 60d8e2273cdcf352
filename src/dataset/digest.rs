//! Digests of rows and tables that depend on the values alone: not on the order of the rows, the
//! file format or the number of threads.
//!
//! The digest of a row is the SHA-256 of its values in a canonical encoding (numbers as the eight
//! bytes of an `f64` with one zero, texts with their length, missing as its own tag). A table's
//! digest is the SHA-256 of its column names, its number of rows and the sum of the row digests
//! modulo 2^256. A sum rather than exclusive-or: with the latter two equal rows vanish.

use std::collections::HashMap;

use polars::prelude::{DataType, StringChunked};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Frame, FrameError, ROW_COLUMN};
use crate::hash::hex;

/// The digests of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameDigests {
    /// Rows.
    pub rows: u64,
    /// Digest of all rows.
    pub digest: String,
    /// Digest of each column's values, in column order.
    pub columns: Vec<(String, String)>,
}

/// A 256-bit number, lowest word first.
#[derive(Clone, Copy, Default)]
struct Sum([u64; 4]);

impl Sum {
    fn of(digest: &[u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0u64, |acc, &b| (acc << 8) | u64::from(b));
        }
        Self(words)
    }
    fn plus(self, other: Self) -> Self {
        let mut words = [0; 4];
        let mut carry = 0u128;
        for (i, word) in words.iter_mut().enumerate() {
            let total = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
            *word = total as u64;
            carry = total >> 64;
        }
        Self(words)
    }
    fn times(self, factor: u64) -> Self {
        let mut words = [0; 4];
        let mut carry = 0u128;
        for (word, &own) in words.iter_mut().zip(&self.0) {
            let total = u128::from(own) * u128::from(factor) + carry;
            *word = total as u64;
            carry = total >> 64;
        }
        Self(words)
    }
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// The values of a column, ready to be encoded.
enum Values {
    Numbers(Vec<f64>),
    Texts(StringChunked),
}

impl Values {
    fn of(frame: &Frame, column: &str) -> Result<Self, FrameError> {
        if frame.is_numeric(column)? {
            return Ok(Values::Numbers(frame.numbers(column)?));
        }
        let series = frame.column(column)?.as_materialized_series();
        let texts = series.cast(&DataType::String)?.rechunk();
        Ok(Values::Texts(texts.str()?.clone()))
    }
    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Values::Numbers(v) => encode_number(v[row], out),
            Values::Texts(v) => encode_text(v.get(row), out),
        }
    }
}

fn encode_number(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.push(0);
    } else {
        out.push(1);
        // -0.0 + 0.0 is 0.0: both zeros are one value.
        out.extend_from_slice(&(value + 0.0).to_le_bytes());
    }
}

fn encode_text(value: Option<&str>, out: &mut Vec<u8>) {
    match value {
        None => out.push(0),
        Some(text) => {
            out.push(2);
            out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn sha(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn sealed(purpose: &str, names: &[&str], rows: u64, sum: Sum) -> String {
    let mut bytes = Vec::new();
    encode_text(Some(purpose), &mut bytes);
    for name in names {
        encode_text(Some(name), &mut bytes);
    }
    bytes.extend_from_slice(&rows.to_le_bytes());
    bytes.extend_from_slice(&sum.bytes());
    hex(&sha(&bytes))
}

/// The digest of every row over the named columns, in row order.
pub fn row_digests<S: AsRef<str>>(
    frame: &Frame,
    columns: &[S],
) -> Result<Vec<[u8; 32]>, FrameError> {
    let values: Vec<Values> = columns
        .iter()
        .map(|c| Values::of(frame, c.as_ref()))
        .collect::<Result<_, _>>()?;
    Ok((0..frame.rows())
        .into_par_iter()
        .map_init(Vec::new, |bytes: &mut Vec<u8>, row| {
            bytes.clear();
            for column in &values {
                column.encode(row, bytes);
            }
            sha(bytes)
        })
        .collect())
}

/// The digests of a table; the source row number is no value and left out.
pub fn digest_frame(frame: &Frame) -> Result<FrameDigests, FrameError> {
    let names: Vec<String> = frame
        .names()
        .into_iter()
        .filter(|n| n != ROW_COLUMN)
        .collect();
    let rows = frame.rows() as u64;
    let sum = row_digests(frame, &names)?
        .par_iter()
        .map(Sum::of)
        .reduce(Sum::default, Sum::plus);
    let columns = names
        .par_iter()
        .map(|name| {
            let sum = column_sum(&Values::of(frame, name)?);
            Ok((name.clone(), sealed("column", &[name], rows, sum)))
        })
        .collect::<Result<_, FrameError>>()?;
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(FrameDigests {
        rows,
        digest: sealed("rows", &named, rows, sum),
        columns,
    })
}

/// The sum over a column's values. Equal values are hashed once and multiplied, which gives the
/// same sum many times faster.
fn column_sum(values: &Values) -> Sum {
    let mut bytes = Vec::new();
    let mut sum = Sum::default();
    match values {
        Values::Numbers(v) => {
            let mut counts: HashMap<u64, u64> = HashMap::new();
            for &value in v {
                let key = if value.is_nan() {
                    f64::NAN.to_bits()
                } else {
                    (value + 0.0).to_bits()
                };
                *counts.entry(key).or_default() += 1;
            }
            for (bits, count) in counts {
                bytes.clear();
                encode_number(f64::from_bits(bits), &mut bytes);
                sum = sum.plus(Sum::of(&sha(&bytes)).times(count));
            }
        }
        Values::Texts(v) => {
            let mut counts: HashMap<Option<&str>, u64> = HashMap::new();
            for value in v.iter() {
                *counts.entry(value).or_default() += 1;
            }
            for (text, count) in counts {
                bytes.clear();
                encode_text(text, &mut bytes);
                sum = sum.plus(Sum::of(&sha(&bytes)).times(count));
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(numbers: &[Option<f64>], texts: &[Option<String>]) -> Frame {
        Frame::from_columns(vec![
            Frame::number_column("n", numbers.to_vec()),
            Frame::text_column("t", texts),
        ])
        .unwrap()
    }

    fn small() -> Frame {
        frame(
            &[Some(1.0), Some(-0.0), None, Some(2.0)],
            &[
                Some("a".into()),
                None,
                Some(String::new()),
                Some("b".into()),
            ],
        )
    }

    #[test]
    fn order_does_not_matter_values_do() {
        let a = small();
        let b = a.take(&[3, 1, 0, 2]).unwrap();
        assert_eq!(digest_frame(&a).unwrap(), digest_frame(&b).unwrap());
        let fewer = a.take(&[0, 1, 2]).unwrap();
        let doubled = a.take(&[0, 1, 2, 3, 3]).unwrap();
        let digests: std::collections::HashSet<String> = [&a, &fewer, &doubled]
            .iter()
            .map(|f| digest_frame(f).unwrap().digest)
            .collect();
        assert_eq!(digests.len(), 3);
        // Columns with the same values but other pairs: only the row digest differs.
        let swapped = frame(
            &[Some(2.0), Some(0.0), None, Some(1.0)],
            &[
                Some("a".into()),
                None,
                Some(String::new()),
                Some("b".into()),
            ],
        );
        let (one, two) = (digest_frame(&a).unwrap(), digest_frame(&swapped).unwrap());
        assert_eq!(one.columns, two.columns);
        assert_ne!(one.digest, two.digest);
    }

    #[test]
    fn the_row_number_is_no_value() {
        let mut columns = small().polars().columns().to_vec();
        let plain = digest_frame(&Frame::from_columns(columns.clone()).unwrap()).unwrap();
        columns.push(Frame::number_column(ROW_COLUMN, vec![Some(7.0); 4]));
        assert_eq!(
            digest_frame(&Frame::from_columns(columns).unwrap()).unwrap(),
            plain
        );
    }

    #[test]
    fn sums_wrap() {
        let most = Sum([u64::MAX; 4]);
        let one = Sum([1, 0, 0, 0]);
        assert_eq!(most.plus(one).0, [0; 4]);
        assert_eq!(
            most.times(2).0,
            [u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX]
        );
        assert_eq!(Sum::of(&most.bytes()).0, most.0);
    }

    #[test]
    fn threads_do_not_matter() {
        let numbers: Vec<Option<f64>> = (0..5000).map(|i| Some(f64::from(i % 97))).collect();
        let texts: Vec<Option<String>> = (0..5000).map(|i| Some(format!("t{}", i % 31))).collect();
        let f = frame(&numbers, &texts);
        let run = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| digest_frame(&f).unwrap())
        };
        assert_eq!(run(1), run(4));
    }

    proptest! {
        #[test]
        fn multiplying_is_adding_again(digest in any::<[u8; 32]>(), n in 0u64..20) {
            let one = Sum::of(&digest);
            let added = (0..n).fold(Sum::default(), |acc, _| acc.plus(one));
            prop_assert_eq!(one.times(n).0, added.0);
        }
    }
}
