//! Rows from CSV: the header found as in a file, then records straight into columns.
//!
//! A body without quotes is cut at line ends and read by all cores; one with quotes record after
//! record. Both keep where each record lies, for the reply that carries the rows back.

use std::ops::Range;

use rayon::prelude::*;

use super::csv_fields::{Fields, count_lines};
use super::layout::FieldMap;
use super::refusal::Refusal;
use super::rows::Rule;
use super::scoring::{Scored, Scoring, Work};
use super::served::ServedModel;

/// Bytes below which a body is read by one core.
const PART: usize = 256 << 10;
/// Most fields of a record; a line of nothing but commas must not cost more than itself.
const MAX_FIELDS: usize = 20_000;

/// A scored CSV body.
#[derive(Clone, Debug)]
pub struct ScoredCsv {
    /// What came of the rows.
    pub scored: Scored,
    /// The delimiter.
    pub delimiter: u8,
    /// The names of the fields, from the header or by position.
    pub names: Vec<String>,
    /// Where each record lies in the body, without its line end.
    pub records: Vec<Range<u32>>,
}

/// Reads and scores a CSV body.
///
/// # Errors
/// When it is no CSV, lacks columns of the model, is too large, or scoring fails.
pub fn score(model: &ServedModel, body: &[u8], work: &Work) -> Result<ScoredCsv, Refusal> {
    let begin = if body.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    if body.contains(&0) {
        return Err(Refusal::malformed(
            "the CSV holds zero bytes; it must be UTF-8, not UTF-16 or a binary file",
        ));
    }
    let plain = !body.contains(&b'"') && only_line_feeds(body);
    let (delimiter, first, after) = first_record(model, body, begin)?;
    let has_header = model.layout().is_header(&first);
    let map = if has_header {
        model
            .layout()
            .by_names(&first)
            .map_err(|missing| Refusal::missing_columns(&missing))?
    } else {
        model.layout().by_position(first.len()).ok_or_else(|| {
            Refusal::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "missing_column",
                format!(
                    "the first line is no header, and its {} fields are not the {} columns of the model; send a header line",
                    first.len(),
                    model.layout().columns().len()
                ),
            )
            .rule(Rule::MissingColumn)
        })?
    };
    let start = if has_header { after } else { begin };
    let parts = if plain {
        score_parts(model, body, start, delimiter, &map, work)?
    } else {
        vec![score_quoted(model, body, start, delimiter, &map, work)?]
    };
    let mut scored = Scored::default();
    let mut records = Vec::new();
    for part in parts {
        scored.append(part.scored);
        records.extend(part.records);
    }
    if scored.outcomes.len() > work.max_rows {
        return Err(Refusal::too_large(format!(
            "the request has {} rows, {} are allowed; send it in parts",
            scored.outcomes.len(),
            work.max_rows
        )));
    }
    if records.is_empty() {
        return Err(Refusal::malformed("the CSV has no rows"));
    }
    Ok(ScoredCsv {
        scored,
        delimiter,
        names: map.names,
        records,
    })
}

struct Part {
    scored: Scored,
    records: Vec<Range<u32>>,
}

/// Whether no carriage return stands but before a line feed.
fn only_line_feeds(body: &[u8]) -> bool {
    if !body.contains(&b'\r') {
        return true;
    }
    let returns = body.iter().filter(|b| **b == b'\r').count();
    body.windows(2).filter(|w| w == b"\r\n").count() == returns
}

/// The delimiter, the fields of the first record and where the next one begins.
fn first_record(
    model: &ServedModel,
    body: &[u8],
    begin: usize,
) -> Result<(u8, Vec<String>, usize), Refusal> {
    let mut best: Option<(bool, usize, u8, Vec<String>, usize)> = None;
    for delimiter in [b',', b'\t', b';', b'|'] {
        let mut records = Records::new(body, begin, delimiter);
        let Some(range) = records.advance()? else {
            return Err(Refusal::malformed("the CSV is empty"));
        };
        let fields: Vec<String> = (0..records.width)
            .map(|i| String::from_utf8_lossy(records.field(i)).into_owned())
            .collect();
        let layout = model.layout();
        let fits = layout.by_names(&fields).is_ok() || layout.by_position(fields.len()).is_some();
        let better = best
            .as_ref()
            .is_none_or(|b| (fits, fields.len()) > (b.0, b.1));
        if better {
            best = Some((
                fits,
                fields.len(),
                delimiter,
                fields,
                records.at.max(range.end),
            ));
        }
    }
    best.map(|(_, _, delimiter, fields, after)| (delimiter, fields, after))
        .ok_or_else(|| Refusal::malformed("the CSV is empty"))
}

/// Cuts at line ends and reads the parts by all cores.
fn score_parts(
    model: &ServedModel,
    body: &[u8],
    start: usize,
    delimiter: u8,
    map: &FieldMap,
    work: &Work,
) -> Result<Vec<Part>, Refusal> {
    let cuts = cut(body, start);
    if let [only] = cuts.as_slice() {
        return Ok(vec![score_lines(
            model,
            body,
            only.clone(),
            delimiter,
            map,
            work,
            0,
        )?]);
    }
    let counts: Vec<usize> = cuts
        .par_iter()
        .map(|range| count_lines(&body[range.clone()]))
        .collect();
    let total: usize = counts.iter().sum();
    if total > work.max_rows {
        return Err(Refusal::too_large(format!(
            "the request has {total} rows, {} are allowed; send it in parts",
            work.max_rows
        )));
    }
    let mut first = 0;
    let firsts: Vec<usize> = counts
        .iter()
        .map(|count| {
            let own = first;
            first += count;
            own
        })
        .collect();
    cuts.into_par_iter()
        .zip(firsts)
        .map(|(range, first)| score_lines(model, body, range, delimiter, map, work, first))
        .collect()
}

/// Parts of about equal size that begin and end at line ends.
fn cut(body: &[u8], start: usize) -> Vec<Range<usize>> {
    let length = body.len() - start;
    let wanted = (length / PART).clamp(1, rayon::current_num_threads() * 4);
    let step = length / wanted;
    let mut cuts = Vec::with_capacity(wanted);
    let mut at = start;
    for part in 1..=wanted {
        let aim = if part == wanted {
            body.len()
        } else {
            (start + part * step).max(at)
        };
        let end = body[aim..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(body.len(), |p| aim + p + 1);
        cuts.push(at..end);
        at = end;
    }
    cuts
}

fn score_lines(
    model: &ServedModel,
    body: &[u8],
    range: Range<usize>,
    delimiter: u8,
    map: &FieldMap,
    work: &Work,
    first: usize,
) -> Result<Part, Refusal> {
    let mut scoring = Scoring::new(model, work, first);
    let mut records = Vec::new();
    let width = map.columns.len();
    let mut fields = Fields::new(body, range, delimiter);
    while let Some(start) = fields.line() {
        let mut found = 0;
        let row = scoring.row();
        let end = loop {
            let field = fields.field();
            if let Some(Some(column)) = map.columns.get(found) {
                row.push_field(*column, field.bytes, field.number);
            }
            found += 1;
            if field.last {
                break field.end;
            }
        };
        records.push(start as u32..end as u32);
        if found == width {
            scoring.end_whole_row()?;
        } else {
            scoring.broken(Rule::WrongWidth, wrong_width(found, width))?;
        }
    }
    Ok(Part {
        scored: scoring.finish()?,
        records,
    })
}

fn score_quoted(
    model: &ServedModel,
    body: &[u8],
    start: usize,
    delimiter: u8,
    map: &FieldMap,
    work: &Work,
) -> Result<Part, Refusal> {
    let mut scoring = Scoring::new(model, work, 0);
    let mut found = Vec::new();
    let mut records = Records::new(body, start, delimiter);
    let width = map.columns.len();
    while let Some(range) = records.advance()? {
        found.push(range.start as u32..range.end as u32);
        if records.width == width {
            for (i, column) in map.columns.iter().enumerate() {
                if let Some(column) = column {
                    scoring.row().push_bytes(*column, records.field(i));
                }
            }
            scoring.end_whole_row()?;
        } else {
            scoring.broken(Rule::WrongWidth, wrong_width(records.width, width))?;
        }
    }
    Ok(Part {
        scored: scoring.finish()?,
        records: found,
    })
}

fn wrong_width(found: usize, wanted: usize) -> String {
    let noun = if found == 1 { "field" } else { "fields" };
    format!("{found} {noun}, expected {wanted}")
}

/// Records of a body in memory, unquoted one at a time.
pub struct Records<'b> {
    body: &'b [u8],
    /// Where the next record begins.
    at: usize,
    csv: csv_core::Reader,
    out: Vec<u8>,
    ends: Vec<usize>,
    width: usize,
}

impl<'b> Records<'b> {
    /// Begins at byte `at`.
    pub fn new(body: &'b [u8], at: usize, delimiter: u8) -> Self {
        Self {
            body,
            at,
            csv: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            out: vec![0; 1 << 10],
            ends: vec![0; 64],
            width: 0,
        }
    }

    /// Number of fields of the record.
    pub fn width(&self) -> usize {
        self.width
    }

    /// A field of the record, unquoted.
    pub fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.out[start..self.ends[i]]
    }

    /// Moves on to the next record and says where it lies, without its line end.
    ///
    /// # Errors
    /// When a record has more fields than any table.
    pub fn advance(&mut self) -> Result<Option<Range<usize>>, Refusal> {
        while matches!(self.body.get(self.at), Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at;
        if start >= self.body.len() {
            return Ok(None);
        }
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, wrote, ends) = self.csv.read_record(
                &self.body[self.at..],
                &mut self.out[written..],
                &mut self.ends[ended..],
            );
            self.at += read;
            written += wrote;
            ended += ends;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => self.out.resize(self.out.len() * 2, 0),
                csv_core::ReadRecordResult::OutputEndsFull => {
                    if self.ends.len() >= MAX_FIELDS {
                        return Err(Refusal::malformed(format!(
                            "a record has more than {MAX_FIELDS} fields"
                        )));
                    }
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                csv_core::ReadRecordResult::Record => break,
                csv_core::ReadRecordResult::End => return Ok(None),
            }
        }
        self.width = ended;
        let mut end = self.at.min(self.body.len());
        while end > start && matches!(self.body[end - 1], b'\n' | b'\r') {
            end -= 1;
        }
        Ok(Some(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::testing::{flow_model, work};

    fn labels(text: &str) -> Result<ScoredCsv, Refusal> {
        score(&flow_model(), text.as_bytes(), &work())
    }

    #[test]
    fn rows_are_answered_in_order_with_what_is_wrong() {
        let csv =
            labels("service,duration,bytes\nhttp,0.1,10\r\ndns,abc,20\n\nhttp,1\nhttp,0.9,900\n")
                .unwrap();
        assert_eq!(csv.records.len(), 4);
        let scored: Vec<bool> = csv.scored.outcomes.iter().map(|o| o.is_scored()).collect();
        assert_eq!(scored, [true, false, false, true]);
        let model = flow_model();
        let told: Vec<String> = csv
            .scored
            .findings
            .iter()
            .map(|f| format!("{}: {}", f.field(model.layout()), f.message))
            .collect();
        assert_eq!(
            told,
            [
                "rows[1].duration: \"abc\" is not a number",
                "rows[2]: 2 fields, expected 3"
            ]
        );
    }

    #[test]
    fn quoted_and_plain_bodies_give_the_same() {
        let plain = "service,duration,bytes\nhttp,0.1,10\ndns,0.5,20\n";
        let quoted = "service,duration,bytes\n\"http\",0.1,10\ndns,\"0.5\",20\n";
        let (a, b) = (labels(plain).unwrap(), labels(quoted).unwrap());
        assert_eq!(a.scored, b.scored);
        assert_eq!(b.records.len(), 2);
        let text = &quoted.as_bytes()[b.records[1].start as usize..b.records[1].end as usize];
        assert_eq!(text, b"dns,\"0.5\",20");
    }

    #[test]
    fn large_bodies_are_read_in_parts_and_give_the_same() {
        let mut text = String::from("service,duration,bytes\n");
        for i in 0..100_000 {
            text.push_str(["http", "dns"][i % 2]);
            text.push_str(&format!(",{}.5,{}\n", i % 7, i % 1000));
        }
        let whole = labels(&text).unwrap();
        // A quote somewhere makes it one part.
        let one = labels(&text.replacen("http", "\"http\"", 1)).unwrap();
        assert!(text.len() > 3 * PART);
        assert_eq!(whole.scored, one.scored);
        assert_eq!(whole.records.len(), 100_000);
    }

    #[test]
    fn delimiters_and_headers_are_found() {
        for text in [
            "duration;bytes;service\n0.1;10;http\n",
            "duration\tbytes\tservice\n0.1\t10\thttp\n",
            "0.1,10,http\n",
            "0.1,10,http,benign",
        ] {
            let csv = labels(text).unwrap();
            assert_eq!(csv.records.len(), 1, "{text}");
            assert!(csv.scored.findings.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_csv_of_the_model_is_refused() {
        for (text, part) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("duration,bytes,service\n", "no rows"),
            ("a,b\n1,2\n", "columns are missing"),
            ("1,2,3,4,5,6\n", "no header"),
            ("d\0uration", "zero bytes"),
        ] {
            let refusal = labels(text).unwrap_err();
            assert!(
                refusal.message().contains(part),
                "{text:?}: {}",
                refusal.message()
            );
        }
        let mut few = work();
        few.max_rows = 1;
        let text = "duration,bytes,service\n1,2,http\n1,2,http\n";
        let refusal = score(&flow_model(), text.as_bytes(), &few).unwrap_err();
        assert_eq!(refusal.status_code().as_u16(), 413);
    }
}
