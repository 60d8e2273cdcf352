//! A request that is not answered with a prediction: status, sentence, and the fields it is about.
//!
//! Every refusal has the same JSON form, `{"error": "..", "code": "..", "findings": [..]}`: the
//! `error` member is what the Open Inference Protocol wants, the rest says more.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::layout::{Layout, Missing};
use super::rows::{Finding, Rule};
use crate::error::{CommandError, ErrorKind};

/// Findings told in a refusal; the counters know all of them.
const TOLD: usize = 100;

/// A finding as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldFinding {
    /// `rows[3].src_bytes`.
    pub field: String,
    /// The rule.
    pub rule: &'static str,
    /// A sentence with the place: `rows[3].src_bytes: "abc" is not a whole number`.
    pub message: String,
}

impl ToldFinding {
    /// A finding with its place.
    pub fn of(finding: &Finding, layout: &Layout) -> Self {
        let field = finding.field(layout);
        Self {
            message: format!("{field}: {}", finding.message),
            rule: finding.rule.as_str(),
            field,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    message: String,
    code: &'static str,
    findings: Vec<ToldFinding>,
    /// How many there are, told or not.
    found: usize,
    retry_after: Option<u64>,
    close: bool,
    /// Which rules were broken how often, for the counters.
    rules: Vec<(Rule, u64)>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [ToldFinding],
    #[serde(skip_serializing_if = "Option::is_none")]
    more_findings: Option<usize>,
}

impl Refusal {
    /// A refusal with a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            code,
            findings: Vec::new(),
            found: 0,
            retry_after: None,
            close: false,
            rules: Vec::new(),
        }
    }
    /// 400: the request cannot be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message).rule(Rule::Malformed)
    }
    /// 413: more bytes or rows than allowed.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).rule(Rule::TooLarge)
    }
    /// 415: a body of a type that this route does not take.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
    }
    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
    /// 503: come back later.
    pub fn busy(message: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
        refusal.retry_after = Some(1);
        refusal
    }
    /// 503: no model is loaded.
    pub fn no_model() -> Self {
        let mut refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_model",
            "no model is in production yet; approve a plan, then this service takes it up by itself",
        );
        refusal.retry_after = Some(5);
        refusal
    }
    /// 500: a defect; what is behind it stands in the log.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed; its log says why",
        )
    }
    /// 422: columns are missing.
    pub fn missing_columns(missing: &[Missing]) -> Self {
        let told: Vec<String> = missing
            .iter()
            .take(12)
            .map(|m| match &m.suggestion {
                Some(name) => format!(
                    "`{}` (did you mean it by `{}`?)",
                    m.column,
                    crate::text::clean_to(name, 60)
                ),
                None => format!("`{}`", m.column),
            })
            .collect();
        let more = match missing.len().saturating_sub(told.len()) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let noun = match missing.len() {
            1 => "column is",
            _ => "columns are",
        };
        let mut refusal = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "missing_column",
            format!(
                "{} {noun} missing: {}{more}",
                missing.len(),
                told.join(", ")
            ),
        );
        refusal
            .rules
            .push((Rule::MissingColumn, missing.len() as u64));
        refusal
    }
    /// 422: no row can be scored, or one cannot where all must be.
    pub fn findings(findings: &[Finding], layout: &Layout, message: impl Into<String>) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "schema", message);
        refusal.findings = findings
            .iter()
            .take(TOLD)
            .map(|f| ToldFinding::of(f, layout))
            .collect();
        refusal.found = findings.len();
        refusal.rules = count_rules(findings);
        refusal
    }
    /// Another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
    /// Counts under a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push((rule, 1));
        self
    }
    /// The connection is closed after it: its body was not read to the end.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
    /// Its sentence.
    #[cfg(test)]
    pub fn message(&self) -> &str {
        &self.message
    }
    /// Its status.
    #[cfg(test)]
    pub fn status_code(&self) -> StatusCode {
        self.status
    }
}

/// How often each rule was broken.
pub fn count_rules(findings: &[Finding]) -> Vec<(Rule, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.rule).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

impl From<CommandError> for Refusal {
    /// For reading runs and starting one; messages of this program's own commands.
    fn from(e: CommandError) -> Self {
        let (status, code) = match e.kind {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorKind::Config => (StatusCode::CONFLICT, "configuration"),
            ErrorKind::Refused => (StatusCode::CONFLICT, "refused"),
            ErrorKind::Data | ErrorKind::Usage => (StatusCode::UNPROCESSABLE_ENTITY, "data"),
            ErrorKind::Backend => (StatusCode::SERVICE_UNAVAILABLE, "backend"),
            ErrorKind::Internal | ErrorKind::TerminalLost | ErrorKind::Cancelled => {
                tracing::error!(error = %e, "a request failed");
                return Refusal::internal();
            }
        };
        Refusal::new(status, code, crate::text::clean(&e.message))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Body {
            error: &self.message,
            code: self.code,
            findings: &self.findings,
            more_findings: (self.found > self.findings.len())
                .then(|| self.found - self.findings.len()),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"netsec\""),
            );
        }
        // What the counters need; taken out again before the reply leaves.
        response.extensions_mut().insert(Broken(self.rules));
        response.extensions_mut().insert(Code(self.code));
        response
    }
}

/// The rules a refused request broke, on their way to the counters.
#[derive(Clone, Debug)]
pub struct Broken(pub Vec<(Rule, u64)>);

/// The code of a refusal, on its way to the counters.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub &'static str);
