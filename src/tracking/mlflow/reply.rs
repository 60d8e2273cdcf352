//! From a reply to its meaning: pure functions of status, headers and body.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::credentials::Credentials;
use super::error::Problem;
use crate::secrets::shown_address;
use crate::text::clean_to;

/// Columns of a server's own words that are passed on.
const SAID: usize = 240;

/// A reply as it came.
pub(super) struct Reply {
    pub status: u16,
    pub content_type: String,
    pub retry_after: Option<String>,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// MLflow's own form of an error; newer servers add fields.
#[derive(Deserialize)]
struct ErrorBody {
    error_code: String,
    #[serde(default)]
    message: String,
}

/// Whether a status that is no success has one meaning, whatever MLflow says beside it.
pub(super) fn status_decides(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 408 | 429 | 500..)
}

/// Whether JSON ends too early: a proxy that framed half a reply.
fn is_half(body: &[u8], error: &serde_json::Error) -> bool {
    error.is_eof() && body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

/// Whether a reply is a success, or what it means instead.
pub(super) fn judge(
    reply: &Reply,
    credentials: &Credentials,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let status = reply.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    if (300..400).contains(&status) {
        let to = reply.location.as_deref().unwrap_or("an unnamed place");
        return Err(Problem::Redirected {
            to: words(&shown_address(to), credentials),
        });
    }
    let error = match serde_json::from_slice::<ErrorBody>(&reply.body) {
        // Half of "there is one already" would be taken for a refusal.
        Err(e) if !status_decides(status) && is_half(&reply.body, &e) => {
            return Err(Problem::Interrupted);
        }
        found => found.ok(),
    };
    let said = match &error {
        Some(error) => words(&error.message, credentials),
        None => words(&page_text(reply), credentials),
    };
    let code = error.as_ref().map_or("", |e| e.error_code.as_str());
    let retry_after = reply
        .retry_after
        .as_deref()
        .and_then(|text| retry_after(text, now));
    Err(match (code, status) {
        // Before the codes: a server in front of MLflow may answer in its own JSON.
        (_, 401) | ("UNAUTHENTICATED", _) => Problem::Unauthorized {
            said,
            sent: *credentials != Credentials::None,
        },
        (_, 403) | ("PERMISSION_DENIED", _) => Problem::Forbidden { said },
        (_, 429) | ("REQUEST_LIMIT_EXCEEDED", _) => Problem::RateLimited { retry_after },
        ("RESOURCE_ALREADY_EXISTS", _) => Problem::AlreadyExists { said },
        ("RESOURCE_DOES_NOT_EXIST", _) => Problem::NotFound { said },
        ("ENDPOINT_NOT_FOUND" | "NOT_IMPLEMENTED", _) => Problem::Unsupported { status },
        ("INVALID_PARAMETER_VALUE", _) => Problem::Invalid { said },
        ("", 404 | 405 | 501) => Problem::Unsupported { status },
        (_, 404) => Problem::NotFound { said },
        (_, 408) => Problem::Interrupted,
        (_, 500..) => Problem::Server {
            status,
            said,
            retry_after,
        },
        ("", 400) => Problem::Refused { status, said },
        (_, 400) => Problem::Invalid { said },
        _ => Problem::Refused { status, said },
    })
}

/// The value a successful reply holds.
pub(super) fn value<T: DeserializeOwned>(
    reply: &Reply,
    credentials: &Credentials,
) -> Result<T, Problem> {
    serde_json::from_slice(&reply.body).map_err(|e| {
        if is_half(&reply.body, &e) {
            return Problem::Interrupted;
        }
        Problem::NotMlflow {
            saw: saw(reply, credentials),
        }
    })
}

/// What a reply that is not MLflow's looks like, for people.
pub(super) fn saw(reply: &Reply, credentials: &Credentials) -> String {
    let kind = reply.content_type.split(';').next().unwrap_or_default();
    let kind = if kind.is_empty() {
        "no content type".to_owned()
    } else {
        words(kind, credentials)
    };
    let text = words(&page_text(reply), credentials);
    let status = reply.status;
    if text.is_empty() {
        format!("{status}, {kind}, {} bytes", reply.body.len())
    } else {
        format!("{status}, {kind}, `{}`", clean_to(&text, 80))
    }
}

/// A server's words made harmless: our secrets out, one line, short.
fn words(text: &str, credentials: &Credentials) -> String {
    // Some errors quote their SQL from the second line on.
    let line = text.trim().lines().next().unwrap_or_default();
    clean_to(&credentials.scrub(line), SAID)
}

/// The text of a page: an HTML page's title and else its words without tags.
fn page_text(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(16 << 10)]);
    let html = reply.content_type.contains("html") || text.trim_start().starts_with('<');
    if !html {
        return text.into_owned();
    }
    let lower = text.to_ascii_lowercase();
    if let Some(from) = lower.find("<title>") {
        let title = &text[from + "<title>".len()..];
        let end = title.find('<').unwrap_or(title.len());
        return one_line(&title[..end]);
    }
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    one_line(&out)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Retry-After: seconds or an HTTP date.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    // A moment that has passed: now.
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn reply(status: u16, content_type: &str, body: &str) -> Reply {
        Reply {
            status,
            content_type: content_type.to_owned(),
            retry_after: None,
            location: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn problem(reply: &Reply) -> Problem {
        judge(reply, &Credentials::None, DateTime::UNIX_EPOCH).unwrap_err()
    }

    fn coded(status: u16, code: &str) -> Problem {
        let body = format!(
            r#"{{"error_code": "{code}", "message": "m\nSELECT", "sqlstate": "KAM00", "x": 1}}"#
        );
        problem(&reply(status, "application/json", &body))
    }

    #[test]
    fn codes_by_meaning() {
        let said = || "m".to_owned();
        assert_eq!(
            coded(400, "RESOURCE_ALREADY_EXISTS"),
            Problem::AlreadyExists { said: said() }
        );
        assert_eq!(
            coded(404, "RESOURCE_DOES_NOT_EXIST"),
            Problem::NotFound { said: said() }
        );
        assert_eq!(
            coded(400, "INVALID_PARAMETER_VALUE"),
            Problem::Invalid { said: said() }
        );
        assert_eq!(
            coded(400, "INVALID_STATE"),
            Problem::Invalid { said: said() }
        );
        assert_eq!(
            coded(404, "ENDPOINT_NOT_FOUND"),
            Problem::Unsupported { status: 404 }
        );
        assert_eq!(
            coded(501, "NOT_IMPLEMENTED"),
            Problem::Unsupported { status: 501 }
        );
        assert_eq!(
            coded(403, "PERMISSION_DENIED"),
            Problem::Forbidden { said: said() }
        );
        assert_eq!(
            coded(429, "REQUEST_LIMIT_EXCEEDED"),
            Problem::RateLimited { retry_after: None }
        );
        assert_eq!(
            coded(500, "INTERNAL_ERROR"),
            Problem::Server {
                status: 500,
                said: said(),
                retry_after: None
            }
        );
    }

    #[test]
    fn pages_by_status() {
        let page = "<!doctype html>\n<html lang=en>\n<title>404 Not\n Found</title>\n<h1>x</h1>";
        assert_eq!(
            problem(&reply(404, "text/html", page)),
            Problem::Unsupported { status: 404 }
        );
        assert_eq!(
            problem(&reply(405, "text/html", page)),
            Problem::Unsupported { status: 405 }
        );
        assert_eq!(
            problem(&reply(403, "text/html", "Permission denied")),
            Problem::Forbidden {
                said: "Permission denied".to_owned()
            }
        );
        assert_eq!(
            problem(&reply(502, "text/html", "<h1>Bad\x1b[31m</h1> <p>gateway")),
            Problem::Server {
                status: 502,
                said: "Bad?[31m gateway".to_owned(),
                retry_after: None
            }
        );
        assert_eq!(
            problem(&reply(401, "text/html", "")),
            Problem::Unauthorized {
                said: String::new(),
                sent: false
            }
        );
    }

    #[test]
    fn redirects_are_named_without_secrets() {
        let mut r = reply(302, "", "");
        r.location = Some("https://u:p@login.example/x?token=hunter2".to_owned());
        assert_eq!(
            problem(&r),
            Problem::Redirected {
                to: "https://login.example/x".to_owned()
            }
        );
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = DateTime::parse_from_rfc3339("2026-11-22T12:00:00Z")
            .unwrap()
            .to_utc();
        let seconds = |text| retry_after(text, now).map(|d| d.as_secs());
        assert_eq!(seconds("17"), Some(17));
        assert_eq!(seconds("Sun, 22 Nov 2026 12:00:30 GMT"), Some(30));
        assert_eq!(seconds("Sun, 22 Nov 2026 11:00:00 GMT"), Some(0));
        assert_eq!(seconds("-5"), None);
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn a_value_that_is_none() {
        let read = |kind: &str, body: &str| {
            value::<std::collections::BTreeMap<String, String>>(
                &reply(200, kind, body),
                &Credentials::None,
            )
            .unwrap_err()
        };
        assert_eq!(
            read("application/json", "{\"a\": \"b"),
            Problem::Interrupted
        );
        assert_eq!(
            read("text/html; charset=utf-8", "<title>Grafana</title>"),
            Problem::NotMlflow {
                saw: "200, text/html, `Grafana`".to_owned()
            }
        );
        assert_eq!(
            read("", ""),
            Problem::NotMlflow {
                saw: "200, no content type, 0 bytes".to_owned()
            }
        );
    }

    #[test]
    fn an_echo_of_our_secret_is_not_passed_on() {
        let us = Credentials::Bearer(Secret::new("hunter2"));
        let e = judge(
            &reply(400, "text/plain", "bad header Bearer hunter2"),
            &us,
            Utc::now(),
        );
        assert_eq!(
            e.unwrap_err(),
            Problem::Refused {
                status: 400,
                said: "bad header Bearer ***".to_owned()
            }
        );
    }
}
