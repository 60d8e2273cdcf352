//! Secrets: read from the environment where they are used, never shown.
//!
//! A secret stands in no argument, log, event, artifact or error. [`Secret`] has no `Display`, and
//! its `Debug` says nothing; whoever needs the text calls [`Secret::expose`], which is easy to
//! search for.

use std::fmt;

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// Reads the first of these environment variables that is set and not blank.
    pub fn from_env(names: &[&str]) -> Option<Self> {
        names
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|text| !text.trim().is_empty())
            .map(Self)
    }
    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An address for people: without user name, password and query.
pub fn shown_address(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // A password may hold an unescaped `@`: what comes before the last one is credentials.
    let host = authority.rsplit('@').next().unwrap_or_default();
    // A password may also hold an unescaped `/`: then the credentials' `@` stands in the path.
    match path.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{host}"),
        None => format!("{scheme}{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn addresses_lose_their_credentials() {
        for (address, shown) in [
            ("mongodb://u:p@h:1/db?x=y", "mongodb://h:1/db"),
            ("mongodb+srv://u:p%40q@h/db", "mongodb+srv://h/db"),
            ("mongodb://u:p@q@h:1", "mongodb://h:1"),
            ("mongodb://u:p/q@h:1/db", "mongodb://h:1/db"),
            (
                "https://token@dagshub.com/a/b.mlflow#x",
                "https://dagshub.com/a/b.mlflow",
            ),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("u:p@h", "h"),
        ] {
            assert_eq!(shown_address(address), shown);
        }
    }
}
