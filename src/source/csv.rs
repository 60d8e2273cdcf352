//! CSV: finds delimiter and header, then streams record after record over csv-core.
//!
//! Memory stays constant: one buffer and one record. LF, CRLF and CR alone all end a record; blank
//! lines are no rows.

use std::io::{self, Read};

use super::detect::{Detected, Format, LineEnds, TextEncoding, line_ends_of};
use super::error::SourceError;
use super::header;
use super::open::{Opened, read_error};
use super::read::ReadOptions;
use super::rows::{Cell, RowConsumer, Watch, lossy};
use crate::schema::Schema;

/// Longest record read. An unclosed quote would otherwise swallow the rest of any file.
const RECORD_LIMIT: usize = 16 << 20;
/// Records looked at to find delimiter, width and header.
const SAMPLE: usize = 200;

/// Reads all rows of a CSV file into `consumer`.
pub(super) fn read(
    opened: Opened,
    schema: Option<&Schema>,
    options: &ReadOptions,
    require_label: bool,
    consumer: &mut dyn RowConsumer,
    watch: &mut Watch<'_>,
) -> Result<Detected, SourceError> {
    let line_ends = line_ends_of(&opened.head);
    let delimiter = match options.delimiter {
        Some(c) if c.is_ascii() && !matches!(c, '"' | '\r' | '\n') => c as u8,
        Some(c) => return Err(SourceError::Delimiter(c)),
        None => find_delimiter(&opened.head, schema),
    };
    let sample = sample(&opened.head, delimiter);
    let first = sample.first().cloned().unwrap_or_default();
    let has_header = options.header.unwrap_or_else(|| match schema {
        Some(schema) => header::is_header_of(schema, &first),
        None => header::looks_like_header(&first, &sample[1.min(sample.len())..]),
    });
    let names =
        if has_header {
            first
        } else {
            let width = usual_width(&sample);
            match schema {
                Some(schema) => header::names_by_position(schema, width, require_label)
                    .ok_or_else(|| SourceError::ColumnCount {
                        path: watch.path.to_owned(),
                        schema: schema.name.clone(),
                        found: width,
                        wanted: schema.columns.len(),
                    })?,
                None => (1..=width).map(|i| format!("column_{i}")).collect(),
            }
        };
    let mut detected = Detected {
        format: Format::Csv,
        compression: opened.compression,
        encoding: opened.encoding,
        line_ends,
        delimiter: Some(delimiter as char),
        header: Some(has_header),
        names: header::unique_names(&names).0,
        columns: header::HeaderReport::default(),
    };
    consumer.columns(&names, true)?;
    let (size, consumed, compression) = (
        opened.size,
        std::sync::Arc::clone(&opened.consumed),
        opened.compression,
    );
    let mut records = Records::new(opened.into_reader(), delimiter, line_ends == LineEnds::Cr);
    let mut skip = has_header;
    loop {
        let more = records.advance().map_err(|e| match e {
            RecordError::Io(e) => read_error(watch.path, compression, watch.rows(), e),
            RecordError::TooLong(line) => SourceError::RecordTooLong {
                path: watch.path.to_owned(),
                line,
                limit: RECORD_LIMIT,
            },
        })?;
        if !more {
            break;
        }
        if std::mem::take(&mut skip) {
            continue;
        }
        watch.row(size, &consumed)?;
        let go_on = if records.width() == names.len() {
            let cells: Vec<Cell<'_>> = (0..records.width())
                .map(|i| Cell::Text(records.field(i)))
                .collect();
            if std::str::from_utf8(records.bytes()).is_err() {
                detected.encoding = TextEncoding::Windows1252;
            }
            consumer.row(records.line, &cells)?
        } else {
            let mut reason = format!(
                "{} {}, expected {}",
                records.width(),
                if records.width() == 1 {
                    "field"
                } else {
                    "fields"
                },
                names.len()
            );
            if records.bytes().iter().any(|b| matches!(b, b'\n' | b'\r')) {
                reason.push_str("; a quote may not be closed");
            }
            let fields: Vec<_> = (0..records.width().min(20))
                .map(|i| lossy(&records.field(i)[..records.field(i).len().min(200)]).into_owned())
                .collect();
            consumer.broken(records.line, reason, fields.join(","))?
        };
        if !go_on {
            return Ok(detected);
        }
    }
    watch.finished()?;
    if watch.rows() == 0 {
        return Err(SourceError::HeaderOnly {
            path: watch.path.to_owned(),
            columns: names.len(),
        });
    }
    Ok(detected)
}

/// The first records as text; the last one is dropped when the sample may have cut it.
fn sample(head: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut records = Records::new(head, delimiter, false);
    let mut rows = Vec::new();
    while rows.len() < SAMPLE && records.advance().unwrap_or(false) {
        rows.push(
            (0..records.width())
                .map(|i| lossy(records.field(i)).into_owned())
                .collect(),
        );
    }
    if rows.len() > 1 && rows.len() < SAMPLE && !matches!(head.last(), Some(b'\n' | b'\r')) {
        rows.pop();
    }
    rows
}

/// The number of fields most records have; the larger of two equally frequent ones.
fn usual_width(sample: &[Vec<String>]) -> usize {
    let mut counts: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    for row in sample {
        *counts.entry(row.len()).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(width, count)| (count, width))
        .map_or(1, |(width, _)| width)
}

/// The delimiter that divides the first records into the same number of fields most often; one
/// that gives the schema's number of columns wins.
fn find_delimiter(head: &[u8], schema: Option<&Schema>) -> u8 {
    let mut best = (false, 0usize, 0usize, b',');
    for delimiter in [b',', b'\t', b';', b'|'] {
        let sample = sample(head, delimiter);
        let width = usual_width(&sample);
        if width < 2 {
            continue;
        }
        let same = sample.iter().filter(|row| row.len() == width).count();
        let fits = schema.is_some_and(|s| {
            header::names_by_position(s, width, false).is_some()
                || sample
                    .first()
                    .is_some_and(|first| header::match_columns(s, first, false).missing.is_empty())
        });
        // Shares in percent, so that a delimiter inside a few texts does not win by its fields.
        let score = (fits, same * 100 / sample.len().max(1), width, delimiter);
        if (score.0, score.1, score.2) > (best.0, best.1, best.2) {
            best = score;
        }
    }
    best.3
}

/// Why a record could not be read.
enum RecordError {
    Io(io::Error),
    TooLong(u64),
}

/// A stream of records.
struct Records<R> {
    reader: R,
    csv: csv_core::Reader,
    buffer: Vec<u8>,
    at: usize,
    len: usize,
    eof: bool,
    out: Vec<u8>,
    out_len: usize,
    ends: Vec<usize>,
    width: usize,
    /// The byte that is counted as the end of a line.
    line_end: u8,
    /// Line ends passed.
    passed: u64,
    /// The line on which the record begins, from 1.
    line: u64,
}

impl<R: Read> Records<R> {
    fn new(reader: R, delimiter: u8, cr_only: bool) -> Self {
        Self {
            reader,
            csv: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            buffer: vec![0; 1 << 16],
            at: 0,
            len: 0,
            eof: false,
            out: vec![0; 1 << 12],
            out_len: 0,
            ends: vec![0; 64],
            width: 0,
            line_end: if cr_only { b'\r' } else { b'\n' },
            passed: 0,
            line: 0,
        }
    }

    /// Fields of the record.
    fn width(&self) -> usize {
        self.width
    }

    /// A field of the record, unquoted.
    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.out[start..self.ends[i]]
    }

    /// All fields of the record, one after the other.
    fn bytes(&self) -> &[u8] {
        &self.out[..self.out_len]
    }

    fn fill(&mut self) -> io::Result<()> {
        while self.at == self.len && !self.eof {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => self.eof = true,
                Ok(n) => (self.at, self.len) = (0, n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Moves on to the next record; `false` at the end.
    fn advance(&mut self) -> Result<bool, RecordError> {
        // The second half of a CRLF and blank lines, so that the record's own line is known.
        loop {
            self.fill().map_err(RecordError::Io)?;
            if self.at == self.len {
                return Ok(false);
            }
            match self.buffer[self.at] {
                b @ (b'\n' | b'\r') => {
                    self.passed += u64::from(b == self.line_end);
                    self.at += 1;
                }
                _ => break,
            }
        }
        self.line = self.passed + 1;
        (self.out_len, self.width) = (0, 0);
        loop {
            self.fill().map_err(RecordError::Io)?;
            let (result, read, written, ended) = self.csv.read_record(
                &self.buffer[self.at..self.len],
                &mut self.out[self.out_len..],
                &mut self.ends[self.width..],
            );
            self.passed += self.buffer[self.at..self.at + read]
                .iter()
                .filter(|&&b| b == self.line_end)
                .count() as u64;
            self.at += read;
            self.out_len += written;
            self.width += ended;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => {
                    if self.out.len() >= RECORD_LIMIT {
                        return Err(RecordError::TooLong(self.line));
                    }
                    self.out.resize(self.out.len() * 2, 0);
                }
                csv_core::ReadRecordResult::OutputEndsFull => {
                    if self.ends.len() >= RECORD_LIMIT {
                        return Err(RecordError::TooLong(self.line));
                    }
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                csv_core::ReadRecordResult::Record => return Ok(true),
                csv_core::ReadRecordResult::End => return Ok(false),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], cr_only: bool) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(text, b',', cr_only);
        let mut rows = Vec::new();
        while let Ok(true) = records.advance() {
            rows.push((
                records.line,
                (0..records.width())
                    .map(|i| lossy(records.field(i)).into_owned())
                    .collect(),
            ));
        }
        rows
    }

    #[test]
    fn records_and_their_lines() {
        let row = |line, fields: &[&str]| (line, fields.iter().map(|f| (*f).to_owned()).collect());
        let want: Vec<(u64, Vec<String>)> = vec![
            row(1, &["a", "b"]),
            row(3, &["1", ""]),
            row(4, &["x\ny", "2"]),
            row(6, &["z"]),
        ];
        assert_eq!(all(b"a,b\n\n1,\n\"x\ny\",2\nz", false), want);
        let rows = all(b"a,b\r\n\r\n1,\r\n\"x\r\ny\",2\r\nz\r\n", false);
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 3, 4, 6]);
        let rows = all(b"a,b\r\r1,\r2,3", true);
        assert_eq!(rows.iter().map(|r| r.0).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn delimiters_are_found() {
        assert_eq!(find_delimiter(b"a;b;c\n1,5;2;3\n1,5;2;3\n", None), b';');
        assert_eq!(find_delimiter(b"a\tb\n1\t2\n", None), b'\t');
        assert_eq!(find_delimiter(b"a,b\n1,2|3\n", None), b',');
        assert_eq!(find_delimiter(b"a\n1\n", None), b',');
        assert_eq!(find_delimiter(b"\"a;b\",c\n\"1;2\",3\n", None), b',');
    }
}
