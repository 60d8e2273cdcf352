//! What is wrong with a filter and where.

use thiserror::Error;

use crate::error::CommandError;

/// A filter that cannot be used, with the place and, where there is one, a suggestion.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter is wrong at character {}: {message}", .position + 1)]
pub struct QueryError {
    /// Where, in characters from 0; the length of the text when it ends too early.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
    /// The text of the filter.
    pub text: String,
}

impl QueryError {
    /// The filter with a caret below the place, two lines.
    pub fn pointer(&self) -> String {
        let before: String = self.text.chars().take(self.position).collect();
        let width = unicode_width::UnicodeWidthStr::width(before.as_str());
        format!("{}\n{}^", self.text, " ".repeat(width))
    }
}

impl From<QueryError> for CommandError {
    fn from(e: QueryError) -> Self {
        let error = CommandError::usage(format!("{e}, in `{}`", e.text));
        match e.suggestion {
            Some(suggestion) => error.hint(suggestion),
            None => {
                error.hint("A filter looks like `src_bytes > 1000 and service in (http, ftp)`.")
            }
        }
    }
}
