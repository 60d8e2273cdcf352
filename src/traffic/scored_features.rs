//! What was scored as one table of features, to be compared with what the model was trained on.

use std::collections::BTreeSet;

use super::segments::OWN;
use crate::dataset::{Frame, FrameError};

/// Joins frames of the log, in their order, without the log's own columns. A feature that a frame
/// lacks is missing in its rows; a column is numeric when it is so in every frame that has it.
///
/// # Errors
/// When a column cannot be read.
pub fn scored_features(frames: &[Frame]) -> Result<Frame, FrameError> {
    let names: BTreeSet<String> = frames
        .iter()
        .flat_map(Frame::names)
        .filter(|name| !OWN.contains(&name.as_str()))
        .collect();
    let columns = names
        .iter()
        .map(|name| {
            let mut numeric = true;
            for frame in frames.iter().filter(|f| f.has(name)) {
                numeric &= frame.is_numeric(name)?;
            }
            if numeric {
                let mut values: Vec<Option<f64>> = Vec::new();
                for frame in frames {
                    if frame.has(name) {
                        let known = |v: f64| (!v.is_nan()).then_some(v);
                        values.extend(frame.numbers(name)?.into_iter().map(known));
                    } else {
                        values.resize(values.len() + frame.rows(), None);
                    }
                }
                return Ok(Frame::number_column(name, values));
            }
            let mut values: Vec<Option<String>> = Vec::new();
            for frame in frames {
                if frame.has(name) {
                    values.extend(frame.texts(name)?);
                } else {
                    values.resize(values.len() + frame.rows(), None);
                }
            }
            Ok(Frame::text_column(name, &values))
        })
        .collect::<Result<Vec<_>, FrameError>>()?;
    Frame::from_columns(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::segments::{ID, SCORE};

    #[test]
    fn frames_with_other_columns_and_types_become_one_table() {
        let ids = |n: &str| Frame::text_column(ID, &[Some(n), Some(n)]);
        let new = Frame::from_columns(vec![
            ids("b"),
            Frame::number_column(SCORE, vec![Some(0.5), Some(0.5)]),
            Frame::number_column("bytes", vec![Some(1.0), None]),
            Frame::number_column("port", vec![Some(80.0), Some(443.0)]),
        ])
        .unwrap();
        let old = Frame::from_columns(vec![
            ids("a"),
            Frame::text_column("port", &[Some("http"), None]),
        ])
        .unwrap();
        let table = scored_features(&[new, old]).unwrap();
        assert_eq!(table.names(), ["bytes", "port"]);
        assert_eq!(table.rows(), 4);
        let bytes = table.numbers("bytes").unwrap();
        assert_eq!(bytes[0], 1.0);
        assert!(bytes[1..].iter().all(|v| v.is_nan()));
        let ports = table.texts("port").unwrap();
        let expected = [Some("80"), Some("443"), Some("http"), None];
        assert_eq!(ports, expected.map(|p| p.map(str::to_owned)));
    }
}
