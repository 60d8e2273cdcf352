//! Rows of a request, collected cell by cell into the columns of the model.
//!
//! A cell that cannot be read gets a finding with its field, a rule and a sentence; its place in
//! the column is filled as missing so that the columns stay aligned, and its row is not scored.

use crate::dataset::number_text;
use crate::pipeline::data_transformation::{CompiledPreprocessor, RawColumn};
use crate::schema::ColumnKind;
use crate::source::parse_number;
use crate::text::clean_to;

use super::layout::Layout;

/// Characters of a value quoted in a message.
const SHOWN: usize = 40;

/// The rule a request broke; the label of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// A column is missing from the whole request.
    MissingColumn,
    /// A field is missing from a row.
    MissingField,
    /// A field stands twice in a row.
    RepeatedField,
    /// A value is no number where one is needed.
    NotANumber,
    /// A list or an object where a plain value is needed.
    WrongType,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// A category that the fitted policy refuses.
    UnknownCategory,
    /// A row has another number of fields than its header.
    WrongWidth,
    /// A tensor of another shape, type or name.
    WrongTensor,
    /// The body cannot be read at all.
    Malformed,
    /// More rows or bytes than allowed.
    TooLarge,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 11] = [
        Rule::MissingColumn,
        Rule::MissingField,
        Rule::RepeatedField,
        Rule::NotANumber,
        Rule::WrongType,
        Rule::NotUtf8,
        Rule::UnknownCategory,
        Rule::WrongWidth,
        Rule::WrongTensor,
        Rule::Malformed,
        Rule::TooLarge,
    ];
    /// Its name, stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::MissingColumn => "missing_column",
            Rule::MissingField => "missing_field",
            Rule::RepeatedField => "repeated_field",
            Rule::NotANumber => "not_a_number",
            Rule::WrongType => "wrong_type",
            Rule::NotUtf8 => "not_utf8",
            Rule::UnknownCategory => "unknown_category",
            Rule::WrongWidth => "wrong_width",
            Rule::WrongTensor => "wrong_tensor",
            Rule::Malformed => "malformed",
            Rule::TooLarge => "too_large",
        }
    }
}

/// What is wrong with a cell or a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row, from 0.
    pub row: usize,
    /// The column, when it is one cell.
    pub column: Option<usize>,
    /// The rule.
    pub rule: Rule,
    /// A sentence without the place.
    pub message: String,
}

impl Finding {
    /// Where it is: `rows[3].src_bytes`.
    pub fn field(&self, layout: &Layout) -> String {
        match self.column.and_then(|at| layout.columns().get(at)) {
            Some(column) => format!("rows[{}].{}", self.row, column.spec.name),
            None => format!("rows[{}]", self.row),
        }
    }
}

/// What was noticed about values that are scored all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Categories that training never showed.
    pub unknown_categories: u64,
    /// Values outside of the schema's range.
    pub out_of_range: u64,
    /// Missing values, imputed as in training.
    pub imputed: u64,
}

impl Noticed {
    /// Adds the counts of another part.
    pub fn add(&mut self, other: Noticed) {
        self.unknown_categories += other.unknown_categories;
        self.out_of_range += other.out_of_range;
        self.imputed += other.imputed;
    }
}

/// A cell of a format with types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// `null`.
    Null,
    /// A number.
    Number(f64),
    /// A truth value.
    Truth(bool),
    /// A text.
    Text(&'a str),
    /// A list or an object.
    Nested(&'static str),
}

/// The collector.
pub struct Rows<'m> {
    layout: &'m Layout,
    preprocessor: &'m CompiledPreprocessor,
    columns: Vec<RawColumn>,
    /// Row number of the first row that is held.
    first: usize,
    rows: usize,
    findings: Vec<Finding>,
    noticed: Noticed,
}

impl<'m> Rows<'m> {
    /// An empty collector whose first row is row `first` of the request.
    pub fn new(layout: &'m Layout, preprocessor: &'m CompiledPreprocessor, first: usize) -> Self {
        Self {
            layout,
            preprocessor,
            columns: preprocessor.empty_columns(),
            first,
            rows: 0,
            findings: Vec::new(),
            noticed: Noticed::default(),
        }
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Number of the first row held.
    pub fn first(&self) -> usize {
        self.first
    }

    /// The columns held.
    pub fn columns(&self) -> &[RawColumn] {
        &self.columns
    }

    /// What is wrong so far, in the order it was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Takes the findings and counts out.
    pub fn take_findings(&mut self) -> (Vec<Finding>, Noticed) {
        (
            std::mem::take(&mut self.findings),
            std::mem::take(&mut self.noticed),
        )
    }

    /// Lets go of the rows held and keeps the memory; the next row follows them.
    pub fn clear(&mut self) {
        for column in &mut self.columns {
            column.clear();
        }
        self.first += self.rows;
        self.rows = 0;
    }

    fn find(&mut self, column: Option<usize>, rule: Rule, message: String) {
        let row = match column {
            Some(at) => self.columns[at].len(),
            None => self.rows,
        };
        self.findings.push(Finding {
            row: self.first + row,
            column,
            rule,
            message,
        });
    }

    /// Whether the row at work has this column already.
    pub fn has(&self, column: usize) -> bool {
        self.columns[column].len() > self.rows
    }

    /// Says that a field stands twice; the first one counts.
    pub fn repeated(&mut self, column: usize) {
        let row = self.first + self.rows;
        self.findings.push(Finding {
            row,
            column: Some(column),
            rule: Rule::RepeatedField,
            message: "the field stands twice".to_owned(),
        });
    }

    /// A whole row that cannot be read.
    pub fn broken(&mut self, rule: Rule, message: String) {
        self.find(None, rule, message);
        for column in &mut self.columns {
            while column.len() <= self.rows {
                push_missing(column);
            }
        }
        self.rows += 1;
    }

    /// Ends a row: what it does not have is missing, and that is an error.
    pub fn end_row(&mut self) {
        for at in 0..self.columns.len() {
            if self.columns[at].len() <= self.rows {
                self.find(
                    Some(at),
                    Rule::MissingField,
                    "the field is missing; null is a missing value".to_owned(),
                );
                push_missing(&mut self.columns[at]);
            }
        }
        self.rows += 1;
    }

    /// Ends a row that has all its cells.
    pub fn end_whole_row(&mut self) {
        debug_assert!(self.columns.iter().all(|c| c.len() == self.rows + 1));
        self.rows += 1;
    }

    /// Ends rows that were pushed column by column.
    pub fn end_columns(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// Appends a cell of text whose number is known when it is plainly one.
    #[inline]
    pub fn push_field(&mut self, column: usize, bytes: &[u8], number: Option<f64>) {
        match (&mut self.columns[column], number) {
            (RawColumn::Numbers(values), Some(value)) => {
                values.push(value);
                self.noticed.out_of_range += u64::from(self.layout.is_outside(column, value));
            }
            _ => self.push_bytes(column, bytes),
        }
    }

    /// Appends a cell of text, as in CSV.
    pub fn push_bytes(&mut self, column: usize, bytes: &[u8]) {
        let bytes = bytes.trim_ascii();
        match &mut self.columns[column] {
            RawColumn::Numbers(values) => {
                // The short way: nearly every cell is a plain number.
                if let Some(parsed) = parse_number(bytes) {
                    if parsed.value.is_finite() {
                        values.push(parsed.value);
                        self.noticed.out_of_range +=
                            u64::from(self.layout.is_outside(column, parsed.value));
                        return;
                    }
                    values.push(f64::NAN);
                    self.noticed.imputed += 1;
                    return;
                }
                self.push_odd(column, bytes);
            }
            RawColumn::Texts(_) => match std::str::from_utf8(bytes) {
                Ok(text) => self.push_category(column, text),
                Err(_) => self.push_odd(column, bytes),
            },
        }
    }

    /// A cell that is no number or no UTF-8: missing, or an error.
    #[cold]
    fn push_odd(&mut self, column: usize, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) if self.layout.is_null_text(text) => self.noticed.imputed += 1,
            Ok(text) => {
                let message = format!(
                    "\"{}\" is {}",
                    clean_to(text, SHOWN),
                    self.no_number(column)
                );
                self.find(Some(column), Rule::NotANumber, message);
            }
            Err(_) => self.find(
                Some(column),
                Rule::NotUtf8,
                "the bytes are no UTF-8".to_owned(),
            ),
        }
        push_missing(&mut self.columns[column]);
    }

    fn no_number(&self, column: usize) -> &'static str {
        match self.layout.columns()[column].spec.kind {
            ColumnKind::Integer => "not a whole number",
            _ => "not a number",
        }
    }

    fn push_category(&mut self, column: usize, text: &str) {
        let text = text.trim_ascii();
        if self.layout.is_null_text(text) {
            self.noticed.imputed += 1;
            push_missing(&mut self.columns[column]);
            return;
        }
        if !self.preprocessor.knows(column, text) {
            if self.layout.columns()[column].closed {
                let message = format!(
                    "\"{}\" is a category that the model has never seen, and its policy refuses those",
                    clean_to(text, SHOWN)
                );
                self.find(Some(column), Rule::UnknownCategory, message);
                push_missing(&mut self.columns[column]);
                return;
            }
            self.noticed.unknown_categories += 1;
        }
        if let RawColumn::Texts(texts) = &mut self.columns[column] {
            texts.push(Some(text));
        }
    }

    /// Appends a cell of a format with types. A text in a column of numbers is read as in a file.
    pub fn push_cell(&mut self, column: usize, cell: Cell<'_>) {
        let numeric = matches!(self.columns[column], RawColumn::Numbers(_));
        match cell {
            Cell::Null => {
                self.noticed.imputed += 1;
                push_missing(&mut self.columns[column]);
            }
            Cell::Text(text) => self.push_bytes(column, text.as_bytes()),
            Cell::Number(value) if numeric => self.push_number(column, value),
            Cell::Truth(value) if numeric => self.push_number(column, f64::from(u8::from(value))),
            Cell::Number(value) if value.is_nan() => {
                self.noticed.imputed += 1;
                push_missing(&mut self.columns[column]);
            }
            Cell::Number(value) => self.push_category(column, &number_text(value)),
            Cell::Truth(value) => self.push_category(column, if value { "true" } else { "false" }),
            Cell::Nested(what) => {
                let wanted = if numeric { "a number" } else { "a text" };
                self.find(
                    Some(column),
                    Rule::WrongType,
                    format!("{what} stands where {wanted} is needed"),
                );
                push_missing(&mut self.columns[column]);
            }
        }
    }

    fn push_number(&mut self, column: usize, value: f64) {
        if value.is_finite() {
            self.noticed.out_of_range += u64::from(self.layout.is_outside(column, value));
        } else {
            self.noticed.imputed += 1;
        }
        if let RawColumn::Numbers(values) = &mut self.columns[column] {
            values.push(if value.is_finite() { value } else { f64::NAN });
        }
    }
}

fn push_missing(column: &mut RawColumn) {
    match column {
        RawColumn::Numbers(values) => values.push(f64::NAN),
        RawColumn::Texts(texts) => texts.push(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::testing::{closed_flow_model, flow_model};

    #[test]
    fn cells_of_text_are_read_as_in_a_file() {
        let model = flow_model();
        let mut rows = model.rows(0);
        rows.push_bytes(0, b" 1.5 ");
        rows.push_bytes(1, b"abc");
        rows.push_bytes(2, b"http");
        rows.end_row();
        rows.push_bytes(0, b"");
        rows.push_bytes(1, b"inf");
        rows.push_bytes(2, b"\xff");
        rows.end_row();
        let fields: Vec<(String, Rule, &str)> = rows
            .findings()
            .iter()
            .map(|f| (f.field(model.layout()), f.rule, f.message.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                (
                    "rows[0].bytes".to_owned(),
                    Rule::NotANumber,
                    "\"abc\" is not a whole number"
                ),
                (
                    "rows[1].service".to_owned(),
                    Rule::NotUtf8,
                    "the bytes are no UTF-8"
                ),
            ]
        );
        let RawColumn::Numbers(duration) = &rows.columns()[0] else {
            panic!("a number column")
        };
        assert_eq!(duration[0], 1.5);
        assert!(duration[1].is_nan());
        // An empty cell and an infinity.
        assert_eq!(rows.take_findings().1.imputed, 2);
    }

    #[test]
    fn typed_cells_say_what_is_wrong() {
        let model = flow_model();
        let mut rows = model.rows(7);
        rows.push_cell(0, Cell::Truth(true));
        rows.push_cell(1, Cell::Nested("a list"));
        assert!(rows.has(1) && !rows.has(2));
        rows.repeated(1);
        rows.end_row();
        let said: Vec<String> = rows
            .findings()
            .iter()
            .map(|f| format!("{}: {}", f.field(model.layout()), f.message))
            .collect();
        assert_eq!(
            said,
            [
                "rows[7].bytes: a list stands where a number is needed",
                "rows[7].bytes: the field stands twice",
                "rows[7].service: the field is missing; null is a missing value",
            ]
        );
    }

    #[test]
    fn unknown_categories_follow_the_fitted_policy() {
        let (open, closed) = (flow_model(), closed_flow_model());
        for (model, refused) in [(&open, false), (&closed, true)] {
            let mut rows = model.rows(0);
            rows.push_cell(0, Cell::Number(1.0));
            rows.push_cell(1, Cell::Null);
            rows.push_cell(2, Cell::Text("gopher"));
            rows.end_row();
            assert_eq!(
                rows.findings().first().map(|f| f.rule),
                refused.then_some(Rule::UnknownCategory)
            );
            assert_eq!(
                rows.take_findings().1.unknown_categories,
                u64::from(!refused)
            );
        }
    }

    #[test]
    fn a_broken_row_keeps_the_columns_aligned() {
        let model = flow_model();
        let mut rows = model.rows(0);
        rows.push_cell(0, Cell::Number(1.0));
        rows.broken(Rule::WrongWidth, "2 fields, expected 3".to_owned());
        assert_eq!(rows.len(), 1);
        assert!(rows.columns().iter().all(|c| c.len() == 1));
        rows.clear();
        assert_eq!((rows.first(), rows.len()), (1, 0));
    }
}
