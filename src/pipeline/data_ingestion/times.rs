//! Reads a column as points in time, for the time split.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::dataset::Frame;
use crate::error::CommandError;

/// A way to read a text as a moment.
#[derive(Clone, Copy)]
enum Reading {
    /// A plain number.
    Number,
    /// Date, time and offset.
    Rfc3339,
    /// Date and time without offset.
    Moment(&'static str),
    /// A date alone: its midnight.
    Day,
}

/// Tried in this order; the first one that reads all values is used, so that one column is never
/// read in two ways.
const READINGS: [Reading; 12] = [
    Reading::Number,
    Reading::Rfc3339,
    Reading::Moment("%Y-%m-%dT%H:%M:%S%.f"),
    Reading::Moment("%Y-%m-%d %H:%M:%S%.f"),
    Reading::Moment("%Y-%m-%d %H:%M"),
    Reading::Moment("%Y/%m/%d %H:%M:%S%.f"),
    Reading::Moment("%d/%m/%Y %H:%M:%S%.f"),
    Reading::Moment("%d/%m/%Y %I:%M:%S %p"),
    Reading::Moment("%d/%m/%Y %H:%M"),
    Reading::Moment("%m/%d/%Y %H:%M:%S%.f"),
    Reading::Moment("%m/%d/%Y %H:%M"),
    Reading::Day,
];

impl Reading {
    /// Seconds since 1970, or the number itself.
    fn read(self, text: &str) -> Option<f64> {
        let moment = match self {
            Reading::Number => return text.parse().ok().filter(|v: &f64| v.is_finite()),
            Reading::Rfc3339 => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
            Reading::Moment(format) => NaiveDateTime::parse_from_str(text, format).ok()?.and_utc(),
            Reading::Day => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_hms_opt(0, 0, 0)?
                .and_utc(),
        };
        Some(moment.timestamp_micros() as f64 / 1e6)
    }
}

/// The times of a column, `None` where it is missing; numbers are taken as they are.
pub(super) fn times_of(frame: &Frame, column: &str) -> Result<Vec<Option<f64>>, CommandError> {
    if frame.is_numeric(column)? {
        return Ok(frame
            .numbers(column)?
            .into_iter()
            .map(|v| v.is_finite().then_some(v))
            .collect());
    }
    let texts = frame.texts(column)?;
    let mut furthest = (0, None);
    for reading in READINGS {
        let failed = texts
            .iter()
            .flatten()
            .enumerate()
            .find(|(_, text)| reading.read(text).is_none());
        match failed {
            None => {
                return Ok(texts
                    .iter()
                    .map(|text| text.as_deref().and_then(|t| reading.read(t)))
                    .collect());
            }
            Some((at, text)) if furthest.1.is_none() || at > furthest.0 => {
                furthest = (at, Some(text.clone()));
            }
            Some(_) => {}
        }
    }
    Err(CommandError::data(format!(
        "the time column `{column}` cannot be read as times; `{}` is one of its values",
        furthest.1.unwrap_or_default()
    ))
    .hint("Use numbers (seconds), or dates like 2017-07-05T08:42:00 or 05/07/2017 08:42."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[Option<&str>]) -> Result<Vec<Option<f64>>, CommandError> {
        let column = Frame::text_column("t", texts);
        times_of(&Frame::from_columns(vec![column]).unwrap(), "t")
    }

    #[test]
    fn one_format_reads_all_values() {
        // 03/07 alone could be either; 13/07 settles day first.
        let t = read(&[Some("03/07/2017 08:00"), None, Some("13/07/2017 08:00")]).unwrap();
        assert_eq!(t[2].unwrap() - t[0].unwrap(), 10.0 * 86_400.0);
        assert_eq!(t[1], None);
        let t = read(&[Some("07/13/2017 08:00"), Some("07/14/2017 08:00")]).unwrap();
        assert_eq!(t[1].unwrap() - t[0].unwrap(), 86_400.0);
        let t = read(&[
            Some("2024-01-01T00:00:00Z"),
            Some("2024-01-01T01:00:00+01:00"),
        ])
        .unwrap();
        assert_eq!(t[0], t[1]);
        assert_eq!(
            read(&[Some("2024-01-02")]).unwrap()[0],
            Some(1_704_153_600.0)
        );
        assert_eq!(
            read(&[Some("12.5"), Some("3")]).unwrap(),
            [Some(12.5), Some(3.0)]
        );
    }

    #[test]
    fn what_is_no_time_is_named() {
        let e = read(&[Some("2024-01-02"), Some("yesterday")]).unwrap_err();
        assert!(e.message.contains("`yesterday`"), "{e}");
    }
}
