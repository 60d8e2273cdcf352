//! The settings of the service, checked: where it listens, and what it may be asked for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::ServeConfig;
use crate::error::CommandError;
use crate::workspace::Workspace;

use super::tokens::Tokens;

/// Limits of requests.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body, bytes.
    pub body: usize,
    /// Bodies held at once, bytes.
    pub bodies: usize,
    /// Most rows.
    pub rows: usize,
    /// Requests worked on at once.
    pub in_flight: usize,
    /// Connections open at once.
    pub connections: usize,
    /// For the head of a request.
    pub header_time: Duration,
    /// For its body.
    pub body_time: Duration,
    /// For the work on it.
    pub request_time: Duration,
    /// For requests in flight at the end.
    pub drain_time: Duration,
}

/// Certificate and key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// All settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Limits.
    pub limits: Limits,
    /// TLS, where wanted.
    pub tls: Option<TlsFiles>,
    /// Between two looks at the pointer.
    pub poll: Duration,
    /// Whether a platform in front knows who asks and lets nobody else reach the port: then no
    /// tokens are needed on any address. SageMaker does; no configuration can say so.
    pub guarded: bool,
}

impl Settings {
    /// The settings of a configuration; `listen` comes before its address.
    ///
    /// # Errors
    /// When the address is none.
    pub fn of(
        config: &ServeConfig,
        workspace: &Workspace,
        listen: Option<&str>,
    ) -> Result<Self, CommandError> {
        let text = listen.unwrap_or(&config.listen);
        let listen = address(text).ok_or_else(|| {
            CommandError::config(format!("`{text}` is no address to listen on"))
                .hint("An address is 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080.")
        })?;
        let mib = |n: u64| usize::try_from(n.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
        let tls = match (&config.tls_cert, &config.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: workspace.resolve(certificate),
                key: workspace.resolve(key),
            }),
            _ => None,
        };
        Ok(Self {
            listen,
            limits: Limits {
                body: mib(config.max_body_mib),
                bodies: mib(config.max_bodies_mib),
                rows: usize::try_from(config.max_rows).unwrap_or(usize::MAX),
                in_flight: config.max_in_flight as usize,
                connections: config.max_connections as usize,
                header_time: Duration::from_secs(config.header_seconds),
                body_time: Duration::from_secs(config.body_seconds),
                request_time: Duration::from_secs(config.request_seconds),
                drain_time: Duration::from_secs(config.drain_seconds),
            },
            tls,
            poll: Duration::from_secs(config.poll_seconds),
            guarded: false,
        })
    }

    /// Refuses to be open to more than this machine.
    ///
    /// # Errors
    /// When the address is no loopback address and there are no tokens.
    pub fn check_exposure(&self, tokens: &Tokens) -> Result<(), CommandError> {
        if self.guarded || self.listen.ip().is_loopback() || !tokens.is_empty() {
            return Ok(());
        }
        Err(CommandError::config(format!(
            "{} can be reached from other machines, and there are no tokens",
            self.listen
        ))
        .hint(format!(
            "Set {} (name:scope,scope:secret), or listen on 127.0.0.1.",
            super::tokens::VARIABLE
        )))
    }
}

/// An address with its port; `localhost` is the loopback address, never looked up.
pub fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: &str) -> Result<Settings, CommandError> {
        Settings::of(&ServeConfig::default(), &Workspace::new("."), Some(listen))
    }

    #[test]
    fn only_loopback_is_open_without_tokens() {
        let tokens = Tokens::parse("a:predict:0123456789abcdef").unwrap();
        for (listen, open) in [
            ("127.0.0.1:0", true),
            ("127.8.8.8:80", true),
            ("[::1]:80", true),
            ("localhost:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("10.0.0.1:80", false),
        ] {
            let settings = at(listen).unwrap();
            assert_eq!(settings.check_exposure(&Tokens::default()).is_ok(), open);
            assert!(settings.check_exposure(&tokens).is_ok());
        }
        for wrong in ["8080", "example.org:80", "localhost", "127.0.0.1:99999"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
