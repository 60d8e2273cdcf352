//! Lines and fields of a plain CSV body, each byte looked at once: a number is read while the end of
//! its field is looked for.
//!
//! Plain is a body without quotes in which carriage returns stand before line feeds only. Whoever
//! makes a cursor has made sure of it; here nothing is refused.

use crate::source::leading_number;

/// A field of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'b> {
    /// Its bytes, blanks and all.
    pub bytes: &'b [u8],
    /// The number it is, when it is a short decimal and nothing else. Other ways of writing one are
    /// left to whoever reads the bytes.
    pub number: Option<f64>,
    /// Where it ends in the body.
    pub end: usize,
    /// Whether it is the last one of its line.
    pub last: bool,
}

/// A cursor over a part of a body that begins and ends at line ends.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    body: &'b [u8],
    at: usize,
    delimiter: u8,
}

impl<'b> Fields<'b> {
    /// Stands before the first line.
    pub fn new(body: &'b [u8], part: std::ops::Range<usize>, delimiter: u8) -> Self {
        Self {
            body: &body[..part.end],
            at: part.start,
            delimiter,
        }
    }

    /// Goes to the next line that is not blank: where it begins. The line before must have been
    /// read to its last field.
    pub fn line(&mut self) -> Option<usize> {
        while let Some(b'\n' | b'\r') = self.body.get(self.at) {
            self.at += 1;
        }
        (self.at < self.body.len()).then_some(self.at)
    }

    /// The next field of the line.
    #[inline]
    pub fn field(&mut self) -> Field<'b> {
        let rest = &self.body[self.at..];
        let (mut number, mut length) = match leading_number(rest) {
            Some((parsed, length)) => (Some(parsed.value), length),
            None => (None, 0),
        };
        let end = loop {
            match rest.get(length) {
                Some(byte) if *byte != self.delimiter && !matches!(byte, b'\n' | b'\r') => {
                    number = None;
                    length += 1;
                }
                end => break end,
            }
        };
        let field = Field {
            bytes: &rest[..length],
            number,
            end: self.at + length,
            last: end != Some(&self.delimiter),
        };
        let passed = match end {
            Some(b'\r') => 2,
            Some(_) => 1,
            None => 0,
        };
        self.at = (field.end + passed).min(self.body.len());
        field
    }
}

/// How many lines of a part are not blank: as many as begin with something else than a line end.
pub fn count_lines(part: &[u8]) -> usize {
    let filled = |byte: u8| (byte != b'\n') & (byte != b'\r');
    let first = part.first().is_some_and(|byte| filled(*byte));
    let behind = part.get(1..).unwrap_or_default();
    let begins = |(before, byte): &(&u8, &u8)| (**before == b'\n') & filled(**byte);
    usize::from(first) + part.iter().zip(behind).filter(begins).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse_number;
    use proptest::prelude::*;

    /// All lines, cut by the standard library: where they lie and their fields.
    fn cut(body: &str) -> Vec<(usize, Vec<&str>)> {
        let mut at = 0;
        let mut found = Vec::new();
        for line in body.split('\n') {
            let text = line.strip_suffix('\r').unwrap_or(line);
            if !text.is_empty() {
                found.push((at, text.split(',').collect()));
            }
            at += line.len() + 1;
        }
        found
    }

    proptest! {
        #[test]
        fn lines_and_fields_are_those_of_the_library(
            body in "((-?[0-9]{0,3}|[.+e\\- a0-9]{0,6}|,){0,5}\r?\n){0,4}[0-9,]{0,5}"
        ) {
            let expected = cut(&body);
            prop_assert_eq!(count_lines(body.as_bytes()), expected.len());
            let mut fields = Fields::new(body.as_bytes(), 0..body.len(), b',');
            for (start, texts) in expected {
                prop_assert_eq!(fields.line(), Some(start));
                let mut end = start;
                for (nth, text) in texts.iter().enumerate() {
                    let field = fields.field();
                    prop_assert_eq!(field.bytes, text.as_bytes());
                    prop_assert_eq!(field.last, nth + 1 == texts.len());
                    end += text.len();
                    prop_assert_eq!(field.end, end);
                    end += 1;
                    let parsed = parse_number(text.as_bytes()).map(|p| p.value.to_bits());
                    if let Some(number) = field.number {
                        prop_assert_eq!(Some(number.to_bits()), parsed);
                    }
                }
            }
            prop_assert_eq!(fields.line(), None);
        }
    }

    #[test]
    fn short_decimals_are_read_on_the_way() {
        let mut fields = Fields::new(b"-1,0.25,1e3, 7,x,", 0..17, b',');
        assert_eq!(fields.line(), Some(0));
        let numbers: Vec<Option<f64>> = (0..6).map(|_| fields.field().number).collect();
        assert_eq!(numbers, [Some(-1.0), Some(0.25), None, None, None, None]);
        assert_eq!(fields.line(), None);
    }

    #[test]
    fn a_part_is_not_left() {
        let body = b"1,2\n3,4\n5,6\n";
        let mut fields = Fields::new(body, 4..8, b',');
        assert_eq!(fields.line(), Some(4));
        fields.field();
        assert!(fields.field().last);
        assert_eq!(fields.line(), None);
    }
}
