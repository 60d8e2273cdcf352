//! Ids that the server gives out, checked when they come in: they stand in paths and filters
//! afterwards.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{shown}` is no {what}")]
pub struct IdError {
    what: &'static str,
    shown: String,
}

/// Letters, digits, `_` and `-`, beginning with a letter or digit.
fn check(text: &str, what: &'static str, longest: usize) -> Result<(), IdError> {
    let fine = text.len() <= longest
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fine {
        Ok(())
    } else {
        Err(IdError {
            what,
            shown: crate::text::clean_to(text, 60),
        })
    }
}

macro_rules! id {
    ($(#[$about:meta])* $name:ident, $what:literal, $longest:literal) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text, $what, $longest)?;
                Ok(Self(text))
            }
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of an experiment.
    ExperimentId,
    "experiment id",
    64
);
id!(
    /// MLflow's id of a run. The server makes it; it is not the id of our own run.
    MlflowRunId,
    "MLflow run id",
    256
);
id!(
    /// The id of a logged model, `m-` and hex digits.
    LoggedModelId,
    "logged model id",
    128
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_its_path_is_no_id() {
        for text in [
            "", "..", "a/b", "a%2fb", "a b", "a'b", "-a", "ä", "a\n", "a?b",
        ] {
            assert!(MlflowRunId::new(text).is_err(), "{text:?}");
            assert!(LoggedModelId::new(text).is_err(), "{text:?}");
            assert!(ExperimentId::new(text).is_err(), "{text:?}");
        }
        assert!(ExperimentId::new("0").is_ok());
        assert!(LoggedModelId::new("m-45f0f04bfc9942d6962f693b3ecefd74").is_ok());
        assert!(MlflowRunId::new("a".repeat(257)).is_err());
        assert!(serde_json::from_str::<MlflowRunId>("\"../x\"").is_err());
    }
}
