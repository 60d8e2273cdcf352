//! From words and signs to a condition, by recursive descent.

use super::lexer::{KEYWORDS, Token, tokens};
use super::{Comparison, Condition, QueryError, Word};
use crate::schema::nearest;

/// Parentheses and `not`s inside each other; deeper is an error instead of a stack overflow.
const MAX_DEPTH: usize = 64;
/// Conditions in one filter, for the same reason: `and` and `or` build trees that deep.
const MAX_TOKENS: usize = 4096;

pub(super) fn parse(text: &str) -> Result<Condition, QueryError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        text,
        depth: 0,
    };
    if parser.tokens.is_empty() {
        return Err(parser.wrong_here("the filter is empty", None));
    }
    if parser.tokens.len() > MAX_TOKENS {
        return Err(parser.wrong_here("the filter is too long", None));
    }
    let condition = parser.or()?;
    match parser.peek() {
        None => Ok(condition),
        Some(Token::Close(_)) => Err(parser.wrong_here(
            "this parenthesis was never opened",
            Some("Remove it, or add `(` before.".to_owned()),
        )),
        Some(token) => {
            let near = nearest(token.text(), ["and", "or"]).map(str::to_owned);
            let message = format!("`{}` is not expected here", token.text());
            Err(parser.wrong_here(
                &message,
                Some(match near {
                    Some(word) => format!("Did you mean `{word}`?"),
                    None => "Join conditions with `and` or `or`; quote names and values with \
                             blanks."
                        .to_owned(),
                }),
            ))
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    text: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }
    fn keyword(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Bare(w)) if w.text.eq_ignore_ascii_case(word))
    }
    fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.keyword(word);
        self.at += usize::from(found);
        found
    }
    fn wrong_here(&self, message: &str, suggestion: Option<String>) -> QueryError {
        QueryError {
            position: self
                .peek()
                .map_or_else(|| self.text.chars().count(), Token::position),
            message: message.to_owned(),
            suggestion,
            text: self.text.to_owned(),
        }
    }

    fn or(&mut self) -> Result<Condition, QueryError> {
        let mut left = self.and()?;
        while self.take_keyword("or") {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }
    fn and(&mut self) -> Result<Condition, QueryError> {
        let mut left = self.not()?;
        while self.take_keyword("and") {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }
    fn not(&mut self) -> Result<Condition, QueryError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong_here("the filter is nested too deeply", None));
        }
        let condition = if self.take_keyword("not") {
            Condition::Not(Box::new(self.not()?))
        } else if matches!(self.peek(), Some(Token::Open(_))) {
            self.at += 1;
            let inner = self.or()?;
            if !matches!(self.peek(), Some(Token::Close(_))) {
                return Err(self.wrong_here("`)` is missing", Some("Add `)`.".to_owned())));
            }
            self.at += 1;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, QueryError> {
        let column = self.word("a column")?;
        if self.take_keyword("is") {
            let negated = self.take_keyword("not");
            if !self.take_keyword("missing") {
                return Err(self.wrong_here(
                    "`is` must be followed by `missing` or `not missing`",
                    Some(format!("Write `{column} is missing`, or `=` for a value.")),
                ));
            }
            return Ok(negate(Condition::Missing { column }, negated));
        }
        let negated = self.take_keyword("not");
        if self.take_keyword("in") {
            let values = self.values()?;
            return Ok(negate(Condition::In { column, values }, negated));
        }
        if negated {
            return Err(self.wrong_here("`not` after a column must be followed by `in`", None));
        }
        let comparison = match self.peek() {
            Some(Token::Sign(sign, _)) => match *sign {
                "=" => Comparison::Equal,
                "!=" => Comparison::NotEqual,
                "<" => Comparison::Less,
                "<=" => Comparison::LessOrEqual,
                ">" => Comparison::Greater,
                ">=" => Comparison::GreaterOrEqual,
                _ => Comparison::Contains,
            },
            other => {
                let suggestion = match other.map(Token::text) {
                    Some("like" | "LIKE" | "contains") => "Write `~` for \"contains\".",
                    Some("IS" | "is" | "eq") => "Write `=`.",
                    _ => {
                        "A column is followed by =, !=, <, <=, >, >=, ~, in (..) or is missing; \
                         quote names with blanks."
                    }
                }
                .to_owned();
                return Err(self.wrong_here(
                    &format!("a comparison is expected after `{}`", column.text),
                    Some(suggestion),
                ));
            }
        };
        self.at += 1;
        Ok(Condition::Compare {
            column,
            comparison,
            value: self.word("a value")?,
        })
    }

    fn values(&mut self) -> Result<Vec<Word>, QueryError> {
        if !matches!(self.peek(), Some(Token::Open(_))) {
            return Err(self.wrong_here(
                "`in` must be followed by values in parentheses",
                Some("Write `in (a, b)`.".to_owned()),
            ));
        }
        self.at += 1;
        let mut values = vec![self.word("a value")?];
        loop {
            match self.peek() {
                Some(Token::Comma(_)) => {
                    self.at += 1;
                    values.push(self.word("a value")?);
                }
                Some(Token::Close(_)) => {
                    self.at += 1;
                    return Ok(values);
                }
                _ => {
                    return Err(self.wrong_here(
                        "`,` or `)` is expected in the list",
                        Some("Separate values with commas and close the list with `)`.".to_owned()),
                    ));
                }
            }
        }
    }

    fn word(&mut self, what: &str) -> Result<Word, QueryError> {
        match self.peek() {
            Some(Token::Quoted(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            Some(Token::Bare(word)) => {
                if KEYWORDS.iter().any(|k| k.eq_ignore_ascii_case(&word.text)) {
                    let message = format!("{what} is expected, not the keyword `{}`", word.text);
                    let suggestion = format!("Quote it if it is {what}: \"{}\".", word.text);
                    return Err(self.wrong_here(&message, Some(suggestion)));
                }
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            Some(token) => {
                let message = format!("{what} is expected, not `{}`", token.text());
                Err(self.wrong_here(&message, None))
            }
            None => {
                Err(self.wrong_here(&format!("the filter ends where {what} is expected"), None))
            }
        }
    }
}

fn negate(condition: Condition, negated: bool) -> Condition {
    if negated {
        Condition::Not(Box::new(condition))
    } else {
        condition
    }
}
