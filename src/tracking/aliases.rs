//! Aliases follow the journal: `champion` is what it says is in production, `challenger` the
//! newest accepted plan.
//!
//! An alias has no history and no compare-and-set on the server, anybody may move it. So it is read
//! before and after it is written, and one that somebody else has moved is reported, not moved back:
//! the journal stays the truth, and two programs never pull at one alias.

use super::cursor::AliasCursor;
use super::projection::KEY;
use super::sender::LATE_MS;
use super::server::{RemoteVersion, SendError, Server};

/// What is to be done about an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Stay,
    /// It is to be set.
    Set,
    /// Somebody else has moved it.
    Foreign,
}

/// Decides about an alias that should point at version `wanted` and points at `found`. `ours` says
/// whether a version was made by netsec.
pub fn decide(
    wanted: &str,
    found: Option<&str>,
    cursor: &AliasCursor,
    ours: bool,
    now_ms: i64,
) -> Move {
    let Some(found) = found else { return Move::Set };
    if found == wanted {
        return Move::Stay;
    }
    let last = cursor.written.last().map(String::as_str);
    let late = now_ms - cursor.at_ms < LATE_MS && cursor.written.iter().any(|v| v == found);
    match last {
        Some(last) if last == found => Move::Set,
        // An older value of our own, moments after a newer one: a late copy of a request.
        _ if late => Move::Set,
        // The cursor is new: an alias on a version of netsec was set by netsec.
        None if ours => Move::Set,
        _ => Move::Foreign,
    }
}

/// Points an alias at a version, reads it back, and says when somebody else's hand is on it.
pub async fn project<S: Server>(
    server: &S,
    name: &str,
    alias: &str,
    wanted: &str,
    versions: &[RemoteVersion],
    cursor: &mut AliasCursor,
    now_ms: i64,
) -> Result<Option<String>, SendError> {
    let found = server.alias(name, alias).await?;
    let ours = |number: &str| {
        versions
            .iter()
            .any(|v| v.number == number && v.tags.contains_key(KEY))
    };
    let is_ours = found.as_deref().is_some_and(ours);
    match decide(wanted, found.as_deref(), cursor, is_ours, now_ms) {
        Move::Stay => {
            if cursor.written.last().map(String::as_str) != Some(wanted) {
                cursor.written.push(wanted.to_owned());
                cursor.at_ms = now_ms;
            }
        }
        Move::Set => {
            server.set_alias(name, alias, wanted).await?;
            cursor.written.push(wanted.to_owned());
            cursor.at_ms = now_ms;
            let now = server.alias(name, alias).await?;
            if now.as_deref() != Some(wanted) {
                return Ok(Some(sentence(name, alias, wanted, now.as_deref())));
            }
        }
        Move::Foreign => {
            cursor.foreign.clone_from(&found);
            return Ok(Some(sentence(name, alias, wanted, found.as_deref())));
        }
    }
    cursor.foreign = None;
    // The last few are enough to know a late copy by.
    let surplus = cursor.written.len().saturating_sub(8);
    cursor.written.drain(..surplus);
    Ok(None)
}

fn sentence(name: &str, alias: &str, wanted: &str, found: Option<&str>) -> String {
    format!(
        "the alias `{alias}` of `{name}` points at version {} on the server and not at version {wanted}, \
         which the journal says: somebody else moved it; remove the alias there and the next sync sets it",
        found.map_or("none".to_owned(), crate::text::clean)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(written: &[&str], at_ms: i64) -> AliasCursor {
        AliasCursor {
            written: written.iter().map(|v| (*v).to_owned()).collect(),
            at_ms,
            foreign: None,
        }
    }

    #[test]
    fn an_alias_follows_and_is_never_fought_over() {
        let new = AliasCursor::default();
        assert_eq!(decide("2", None, &new, false, 0), Move::Set);
        assert_eq!(decide("2", Some("2"), &new, false, 0), Move::Stay);
        assert_eq!(decide("2", Some("1"), &new, true, 0), Move::Set);
        assert_eq!(decide("2", Some("1"), &new, false, 0), Move::Foreign);
        let long_ago = cursor(&["1"], 0);
        assert_eq!(
            decide("2", Some("1"), &long_ago, true, 1_000_000),
            Move::Set
        );
        let after = cursor(&["1", "2"], 0);
        assert_eq!(
            decide("2", Some("1"), &after, true, 1_000_000),
            Move::Foreign
        );
        assert_eq!(decide("2", Some("1"), &after, true, LATE_MS - 1), Move::Set);
        assert_eq!(
            decide("2", Some("7"), &after, true, LATE_MS - 1),
            Move::Foreign
        );
        assert_eq!(
            decide("3", Some("7"), &after, true, 1_000_000),
            Move::Foreign
        );
        assert_eq!(decide("3", None, &after, true, 1_000_000), Move::Set);
    }
}
