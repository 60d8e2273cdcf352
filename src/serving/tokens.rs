//! Who may do what: tokens with scopes, from the environment alone.
//!
//! `NETSEC_SERVE_TOKENS` holds entries between white space or `;`, each
//! `name:scope,scope:secret` or `name:scope,scope:sha256=<64 hex digits>` (the hash of the secret,
//! so that the environment need not hold the secret itself). Only hashes are kept in memory, and a
//! presented token is compared with every one of them in constant time.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::error::CommandError;
use crate::secrets::Secret;

/// The environment variable.
pub const VARIABLE: &str = "NETSEC_SERVE_TOKENS";
/// Fewest characters of a secret.
const SHORTEST: usize = 16;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Predictions and the metadata of the model.
    Predict,
    /// Verdicts of analysts.
    Feedback,
    /// Starting a retrain.
    Train,
    /// Reading runs.
    Read,
    /// Reading metrics.
    Metrics,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 5] = [
        Scope::Predict,
        Scope::Feedback,
        Scope::Train,
        Scope::Read,
        Scope::Metrics,
    ];
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Predict => "predict",
            Scope::Feedback => "feedback",
            Scope::Train => "train",
            Scope::Read => "read",
            Scope::Metrics => "metrics",
        }
    }
    fn named(text: &str) -> Option<Self> {
        Scope::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// What is wrong with the tokens of the environment; says which entry, never what stands in it
/// behind its name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// An entry is not of the form.
    #[error("{VARIABLE}: entry {entry} is not name:scopes:secret")]
    Form {
        /// Which one, from 1.
        entry: usize,
    },
    /// A name that cannot be one.
    #[error(
        "{VARIABLE}: the name of entry {entry} must be 1 to 32 of a-z, A-Z, 0-9, `-`, `_`, `.`"
    )]
    Name {
        /// Which one, from 1.
        entry: usize,
    },
    /// Two entries of one name.
    #[error("{VARIABLE}: entry {entry} has the name of another one")]
    Twice {
        /// Which one, from 1.
        entry: usize,
    },
    /// A scope that is none.
    #[error(
        "{VARIABLE}: entry {entry} has a scope that is none; there are predict, feedback, train, read, metrics"
    )]
    Scope {
        /// Which one, from 1.
        entry: usize,
    },
    /// A secret that is too short.
    #[error("{VARIABLE}: the secret of entry {entry} is shorter than {SHORTEST} characters")]
    Short {
        /// Which one, from 1.
        entry: usize,
    },
    /// A hash that is none.
    #[error("{VARIABLE}: entry {entry} has sha256= without 64 hex digits behind it")]
    Hash {
        /// Which one, from 1.
        entry: usize,
    },
}

impl From<TokenError> for CommandError {
    fn from(e: TokenError) -> Self {
        CommandError::config(e.to_string()).hint(
            "An entry is name:scope,scope:secret, entries stand between blanks; `sha256=` and a hash may stand for the secret.",
        )
    }
}

/// A token that is known.
#[derive(Clone, Debug)]
struct Token {
    name: String,
    scopes: Vec<Scope>,
    sha256: [u8; 32],
}

/// The tokens of the service.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
}

/// What came of looking at a request's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The token allows it; its name.
    Allowed(&'a str),
    /// No token, or one that is not known.
    Unknown,
    /// A known token without the scope.
    Lacking(&'a str),
}

impl Tokens {
    /// Reads the tokens of the environment; none when the variable is not set.
    ///
    /// # Errors
    /// [`TokenError`] with the entry that is wrong.
    pub fn from_env() -> Result<Self, TokenError> {
        match Secret::from_env(&[VARIABLE]) {
            Some(secret) => Self::parse(secret.expose()),
            None => Ok(Self::default()),
        }
    }

    /// Reads tokens from the text of the variable.
    ///
    /// # Errors
    /// [`TokenError`] with the entry that is wrong.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut tokens: Vec<Token> = Vec::new();
        let entries = text
            .split(|c: char| c.is_whitespace() || c == ';')
            .filter(|e| !e.is_empty());
        for (entry, text) in (1..).zip(entries) {
            let mut parts = text.splitn(3, ':');
            let (Some(name), Some(scopes), Some(secret)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return Err(TokenError::Form { entry });
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
                return Err(TokenError::Name { entry });
            }
            if tokens.iter().any(|t| t.name == name) {
                return Err(TokenError::Twice { entry });
            }
            let scopes: Option<Vec<Scope>> = scopes.split(',').map(Scope::named).collect();
            let scopes = scopes.ok_or(TokenError::Scope { entry })?;
            let sha256 = match secret.strip_prefix("sha256=") {
                Some(hex) => from_hex(hex).ok_or(TokenError::Hash { entry })?,
                None if secret.chars().count() < SHORTEST => {
                    return Err(TokenError::Short { entry });
                }
                None => Sha256::digest(secret).into(),
            };
            tokens.push(Token {
                name: name.to_owned(),
                scopes,
                sha256,
            });
        }
        Ok(Self { tokens })
    }

    /// Whether there is none: then everything but training is open, and only on loopback.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Looks at the value of an `Authorization` header. Every known token is compared, whichever
    /// fits, and hashes are compared without a way out in the middle.
    pub fn check(&self, authorization: Option<&[u8]>, scope: Scope) -> Verdict<'_> {
        let presented = authorization.and_then(bearer).unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(presented).into();
        let mut found = None;
        for token in &self.tokens {
            let differs = token
                .sha256
                .iter()
                .zip(&hash)
                .fold(0_u8, |all, (a, b)| all | (a ^ b));
            if std::hint::black_box(differs) == 0 {
                found = Some(token);
            }
        }
        match found {
            None => Verdict::Unknown,
            Some(token) if token.scopes.contains(&scope) => Verdict::Allowed(&token.name),
            Some(token) => Verdict::Lacking(&token.name),
        }
    }
}

/// The token of `Bearer <token>`.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then(|| token.trim_ascii())
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct-horse-battery";

    #[test]
    fn a_token_allows_its_scopes_and_no_others() {
        let hash = crate::hash::sha256(b"another-long-secret");
        let text = format!("ci:train,read:{SECRET} \n probe:metrics:sha256={hash}");
        let tokens = Tokens::parse(&text).unwrap();
        let check = |header: &str, scope| tokens.check(Some(header.as_bytes()), scope);
        let own = format!("Bearer {SECRET}");
        assert_eq!(check(&own, Scope::Train), Verdict::Allowed("ci"));
        assert_eq!(check(&own, Scope::Predict), Verdict::Lacking("ci"));
        assert_eq!(
            check("bearer another-long-secret", Scope::Metrics),
            Verdict::Allowed("probe")
        );
        for header in [SECRET, "Bearer ", "Bearer wrong", "Basic x", "", &own[..20]] {
            assert_eq!(check(header, Scope::Train), Verdict::Unknown, "{header}");
        }
        assert_eq!(tokens.check(None, Scope::Train), Verdict::Unknown);
        // A hash is no secret.
        assert_eq!(
            check(&format!("Bearer sha256={hash}"), Scope::Metrics),
            Verdict::Unknown
        );
    }

    #[test]
    fn wrong_entries_are_named_by_number_and_never_quoted() {
        for (text, error) in [
            ("a:predict".to_owned(), TokenError::Form { entry: 1 }),
            (format!(":predict:{SECRET}"), TokenError::Name { entry: 1 }),
            (
                format!("a b:predict:{SECRET}"),
                TokenError::Form { entry: 1 },
            ),
            (format!("a:admin:{SECRET}"), TokenError::Scope { entry: 1 }),
            (
                format!("a:predict:{SECRET};a:read:{SECRET}x"),
                TokenError::Twice { entry: 2 },
            ),
            ("a:predict:short".to_owned(), TokenError::Short { entry: 1 }),
            (
                "a:predict:sha256=12".to_owned(),
                TokenError::Hash { entry: 1 },
            ),
        ] {
            let found = Tokens::parse(&text).unwrap_err();
            assert_eq!(found, error);
            assert!(!found.to_string().contains(SECRET));
        }
        assert!(Tokens::parse(" ;\n").unwrap().is_empty());
    }
}
