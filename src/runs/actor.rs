//! Who is at the keyboard: a login name and where they come from.
//!
//! This is a claim, not a proof: it comes from the environment. Signatures prove, names tell.

use crate::events::Actor;
use crate::text;

impl Actor {
    /// The person this process works for: login name (else the user id), and the client address
    /// of an SSH session (else the host name).
    pub fn current() -> Self {
        actor_from(
            |name| std::env::var(name).ok(),
            rustix::process::getuid().as_raw(),
            &rustix::system::uname().nodename().to_string_lossy(),
        )
    }
}

/// The decision of [`Actor::current`], without its effects.
fn actor_from(env: impl Fn(&str) -> Option<String>, uid: u32, host: &str) -> Actor {
    let set = |name: &str| {
        env(name)
            .map(|v| text::clean(v.trim()))
            .filter(|v| !v.is_empty())
    };
    let client = set("SSH_CONNECTION")
        .or_else(|| set("SSH_CLIENT"))
        .and_then(|v| v.split_whitespace().next().map(str::to_owned));
    Actor {
        name: set("USER")
            .or_else(|| set("LOGNAME"))
            .unwrap_or_else(|| format!("uid {uid}")),
        from: client.unwrap_or_else(|| text::clean(host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Actor {
        actor_from(
            |name| {
                pairs
                    .iter()
                    .find(|(k, _)| *k == name)
                    .map(|(_, v)| (*v).to_owned())
            },
            1000,
            "host",
        )
    }

    #[test]
    fn the_login_name_and_the_host() {
        let actor = with(&[("USER", "ada"), ("LOGNAME", "other")]);
        assert_eq!((actor.name.as_str(), actor.from.as_str()), ("ada", "host"));
        assert_eq!(with(&[("LOGNAME", "bob")]).name, "bob");
    }

    #[test]
    fn without_a_name_the_user_id() {
        assert_eq!(with(&[("USER", "  ")]).name, "uid 1000");
    }

    #[test]
    fn over_ssh_the_client_address() {
        let actor = with(&[
            ("USER", "ada"),
            ("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22"),
        ]);
        assert_eq!(actor.from, "192.0.2.7");
    }

    #[test]
    fn control_characters_do_not_get_into_the_log() {
        assert_eq!(with(&[("USER", "a\u{1b}[2Jb")]).name, "a?[2Jb");
    }
}
