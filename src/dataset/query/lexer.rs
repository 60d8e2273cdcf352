//! Splits a filter into words and signs.

use super::{QueryError, Word};

/// One piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A bare word: a name, a value or a keyword.
    Bare(Word),
    /// A quoted name or value, never a keyword.
    Quoted(Word),
    /// `=`, `==`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, `~`
    Sign(&'static str, usize),
    /// `(`
    Open(usize),
    /// `)`
    Close(usize),
    /// `,`
    Comma(usize),
}

impl Token {
    pub(super) fn position(&self) -> usize {
        match self {
            Token::Bare(word) | Token::Quoted(word) => word.position,
            Token::Sign(_, p) | Token::Open(p) | Token::Close(p) | Token::Comma(p) => *p,
        }
    }
    pub(super) fn text(&self) -> &str {
        match self {
            Token::Bare(word) | Token::Quoted(word) => &word.text,
            Token::Sign(sign, _) => sign,
            Token::Open(_) => "(",
            Token::Close(_) => ")",
            Token::Comma(_) => ",",
        }
    }
}

/// Words with a meaning of their own; a column of this name must be quoted.
pub(super) const KEYWORDS: [&str; 6] = ["and", "or", "not", "in", "is", "missing"];

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()=!<>~,\"'`".contains(c)
}

/// Whether a name or value must be quoted to be read back as one word.
pub(super) fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.chars().any(ends_word)
        || KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(text))
        || matches!(text, "&" | "&&" | "|" | "||")
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    let wrong = |position: usize, message: String, suggestion: Option<String>| QueryError {
        position,
        message,
        suggestion,
        text: text.to_owned(),
    };
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        let c = chars[i];
        let next = chars.get(i + 1).copied();
        let (token, length) = match (c, next) {
            _ if c.is_whitespace() => {
                i += 1;
                continue;
            }
            ('(', _) => (Token::Open(start), 1),
            (')', _) => (Token::Close(start), 1),
            (',', _) => (Token::Comma(start), 1),
            ('=', Some('=')) => (Token::Sign("=", start), 2),
            ('=', _) => (Token::Sign("=", start), 1),
            ('!', Some('=')) | ('<', Some('>')) => (Token::Sign("!=", start), 2),
            ('<', Some('=')) => (Token::Sign("<=", start), 2),
            ('>', Some('=')) => (Token::Sign(">=", start), 2),
            ('<', _) => (Token::Sign("<", start), 1),
            ('>', _) => (Token::Sign(">", start), 1),
            ('~', _) => (Token::Sign("~", start), 1),
            ('!', _) => {
                return Err(wrong(
                    start,
                    "`!` alone means nothing".to_owned(),
                    Some("Write `not` before the condition, or `!=`.".to_owned()),
                ));
            }
            ('"' | '\'' | '`', _) => {
                let (word, length) = quoted(&chars[i..], c).ok_or_else(|| {
                    wrong(
                        start,
                        "the quote is never closed".to_owned(),
                        Some(format!("Add a closing {c}.")),
                    )
                })?;
                (
                    Token::Quoted(Word {
                        text: word,
                        position: start,
                    }),
                    length,
                )
            }
            _ => {
                let length = chars[i..].iter().take_while(|c| !ends_word(**c)).count();
                let word: String = chars[i..i + length].iter().collect();
                if let Some(instead) = match word.as_str() {
                    "&&" | "&" => Some("and"),
                    "||" | "|" => Some("or"),
                    _ => None,
                } {
                    return Err(wrong(
                        start,
                        format!("`{word}` is not known"),
                        Some(format!("Write `{instead}`.")),
                    ));
                }
                (
                    Token::Bare(Word {
                        text: word,
                        position: start,
                    }),
                    length,
                )
            }
        };
        found.push(token);
        i = start + length;
    }
    Ok(found)
}

/// Reads a quoted word; a backslash takes the next character as it is.
fn quoted(chars: &[char], quote: char) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut i = 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => {
                word.push(*chars.get(i + 1)?);
                i += 2;
            }
            c if c == quote => return Some((word, i + 1)),
            c => {
                word.push(c);
                i += 1;
            }
        }
    }
    None
}
