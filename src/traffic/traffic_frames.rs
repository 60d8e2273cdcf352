//! Predictions that come one by one, gathered into frames: rows with the same features belong to
//! one frame. A column is numeric when no row has a text in it.

use super::segments::{AT, ID, LABEL, OWN, SCORE, VERSION};
use crate::dataset::{Frame, FrameError, number_text};

/// The value of a feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Missing,
    Number(f64),
    Text(String),
}

/// The frames, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct TrafficFrames {
    all: Vec<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    names: Vec<String>,
    own: [Vec<Option<String>>; 4],
    scores: Vec<Option<f64>>,
    cells: Vec<Vec<Cell>>,
}

impl TrafficFrames {
    /// Takes a row: id, time, version and label, then the features in their order.
    pub fn push(
        &mut self,
        own: [Option<String>; 4],
        score: Option<f64>,
        features: Vec<(&str, Cell)>,
    ) {
        let same = |rows: &Rows| {
            rows.names.len() == features.len()
                && rows.names.iter().zip(&features).all(|(a, (b, _))| a == b)
        };
        let at = self.all.iter().position(same).unwrap_or_else(|| {
            self.all.push(Rows {
                names: features.iter().map(|(n, _)| (*n).to_owned()).collect(),
                cells: vec![Vec::new(); features.len()],
                ..Rows::default()
            });
            self.all.len() - 1
        });
        let rows = &mut self.all[at];
        for (column, value) in rows.own.iter_mut().zip(own) {
            column.push(value);
        }
        rows.scores.push(score);
        for (column, (_, cell)) in rows.cells.iter_mut().zip(features) {
            column.push(cell);
        }
    }

    /// The frames. Rows came from new to old; each frame goes from old to new.
    ///
    /// # Errors
    /// When two features of a row have one name.
    pub fn finish(self) -> Result<Vec<Frame>, FrameError> {
        self.all.into_iter().map(Rows::into_frame).collect()
    }
}

impl Rows {
    fn into_frame(mut self) -> Result<Frame, FrameError> {
        let mut columns = Vec::new();
        for (name, values) in [ID, AT, VERSION, LABEL].into_iter().zip(&mut self.own) {
            values.reverse();
            columns.push(Frame::text_column(name, values));
        }
        self.scores.reverse();
        columns.push(Frame::number_column(SCORE, self.scores));
        for (name, mut cells) in self.names.into_iter().zip(self.cells) {
            // Ours decide how a row is read.
            if OWN.contains(&name.as_str()) {
                continue;
            }
            cells.reverse();
            columns.push(if cells.iter().any(|c| matches!(c, Cell::Text(_))) {
                let texts: Vec<Option<String>> = cells.into_iter().map(Cell::into_text).collect();
                Frame::text_column(&name, &texts)
            } else {
                let number = |c| match c {
                    Cell::Number(v) => Some(v),
                    Cell::Missing | Cell::Text(_) => None,
                };
                Frame::number_column(&name, cells.into_iter().map(number).collect())
            });
        }
        Frame::from_columns(columns)
    }
}

impl Cell {
    fn into_text(self) -> Option<String> {
        match self {
            Cell::Missing => None,
            Cell::Number(v) => Some(number_text(v)),
            Cell::Text(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(id: &str) -> [Option<String>; 4] {
        [Some(id.to_owned()), None, None, Some("benign".to_owned())]
    }

    #[test]
    fn rows_with_the_same_features_are_one_frame() {
        let mut frames = TrafficFrames::default();
        frames.push(own("c"), Some(0.5), vec![("bytes", Cell::Number(3.0))]);
        frames.push(own("b"), Some(0.5), vec![("else", Cell::Missing)]);
        frames.push(own("a"), Some(0.5), vec![("bytes", Cell::Missing)]);
        let frames = frames.finish().unwrap();
        assert_eq!(frames.len(), 2);
        let ids = frames[0].texts(ID).unwrap();
        assert_eq!(ids, [Some("a".to_owned()), Some("c".to_owned())]);
        let bytes = frames[0].numbers("bytes").unwrap();
        assert!(bytes[0].is_nan() && bytes[1] == 3.0);
    }

    #[test]
    fn a_text_makes_a_column_of_texts() {
        let mut frames = TrafficFrames::default();
        let row = |cell| vec![("port", cell), (SCORE, Cell::Number(9.0))];
        frames.push(own("b"), Some(0.5), row(Cell::Text("http".to_owned())));
        frames.push(own("a"), Some(0.5), row(Cell::Number(80.0)));
        let frame = frames.finish().unwrap().pop().unwrap();
        let ports = frame.texts("port").unwrap();
        assert_eq!(ports, [Some("80".to_owned()), Some("http".to_owned())]);
        // A feature with one of our own names gives way.
        assert_eq!(frame.numbers(SCORE).unwrap(), [0.5, 0.5]);
    }
}
