//! Why a member of a deployment cannot be reached: from the driver's errors to plain words.
//!
//! Decided by the types of the errors (I/O, TLS) and not by their texts, which may quote addresses.

use std::fmt;
use std::io;

use mongodb::error::{Error, ErrorKind};
use rustls::CertificateError;

use crate::text::clean_to;

/// Why a server could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The name is not known.
    NoSuchHost,
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The connection was closed before anything was said; a server that wants TLS does this.
    Closed,
    /// The server's certificate comes from an authority that is not trusted.
    UnknownAuthority,
    /// The server's certificate is for another name.
    OtherName,
    /// The server's certificate has expired or is not valid yet.
    Expired,
    /// The server does not speak TLS.
    NoTls,
    /// The TLS handshake failed in another way.
    Tls(String),
    /// A certificate file named in the address cannot be used.
    CertificateFile(String),
    /// Something else.
    Other(String),
}

impl Reach {
    /// The reason behind an error of the driver; `None` when it says nothing about reaching a
    /// server.
    pub(super) fn of(error: &Error) -> Option<Self> {
        Some(match error.kind.as_ref() {
            ErrorKind::Io(e) => Self::of_io(e),
            ErrorKind::DnsResolve { .. } => Reach::NoSuchHost,
            // Names the file and what is wrong with it, nothing of the address besides.
            ErrorKind::InvalidTlsConfig { message, .. } => {
                Reach::CertificateFile(clean_to(message, 200))
            }
            _ => return None,
        })
    }

    fn of_io(error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref()) {
            return Self::of_tls(tls);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Reach::Refused,
            io::ErrorKind::TimedOut => Reach::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Reach::Closed,
            io::ErrorKind::NotFound => Reach::CertificateFile("there is no such file".to_owned()),
            // The resolver's errors have no kind of their own.
            _ if error.to_string().contains("lookup") => Reach::NoSuchHost,
            kind => Reach::Other(kind.to_string()),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(e) => match e {
                CertificateError::UnknownIssuer => Reach::UnknownAuthority,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Reach::OtherName,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Reach::Expired,
                other => Reach::Tls(format!("its certificate is refused: {other:?}")),
            },
            rustls::Error::InvalidMessage(_) => Reach::NoTls,
            other => Reach::Tls(other.to_string()),
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Reach::NoSuchHost => "Check the host name in MONGODB_URI.",
            Reach::Refused => "Check host and port in MONGODB_URI, and whether mongod runs there.",
            Reach::TimedOut => {
                "Check host and port in MONGODB_URI, and whether a firewall lies between."
            }
            Reach::Closed => {
                "If the server wants TLS, `tls=true` belongs into MONGODB_URI; if it has none, it \
                 must not stand there."
            }
            Reach::UnknownAuthority => {
                "For a private authority add `tlsCAFile=/path/to/ca.pem` to MONGODB_URI."
            }
            Reach::OtherName => {
                "Use the host name that stands in the server's certificate, or have one made for \
                 this name."
            }
            Reach::Expired => "Renew the server's certificate, or set this machine's clock.",
            Reach::NoTls => "Take `tls=true` out of MONGODB_URI, or turn TLS on at the server.",
            Reach::Tls(_) => "Check the TLS settings of the server and of MONGODB_URI.",
            Reach::CertificateFile(_) => {
                "Check `tlsCAFile` and `tlsCertificateKeyFile` in MONGODB_URI: PEM files that \
                 netsec may read."
            }
            Reach::Other(_) => "Check MONGODB_URI and the network.",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reach::NoSuchHost => "there is no such host",
            Reach::Refused => "the connection was refused",
            Reach::TimedOut => "no answer in time",
            Reach::Closed => "it closed the connection",
            Reach::UnknownAuthority => {
                "its TLS certificate comes from an authority that is not trusted here"
            }
            Reach::OtherName => "its TLS certificate is for another host name",
            Reach::Expired => "its TLS certificate has expired or is not valid yet",
            Reach::NoTls => "it does not speak TLS",
            Reach::Tls(reason) => return write!(f, "the TLS handshake failed ({reason})"),
            Reach::CertificateFile(reason) => {
                return write!(f, "a certificate file cannot be used ({reason})");
            }
            Reach::Other(reason) => reason,
        })
    }
}

/// A server that was tried, and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Host and port.
    pub address: String,
    /// Whether the address is one that MONGODB_URI names; else the replica set announces it.
    pub named: bool,
    /// Why it could not be reached.
    pub reason: Reach,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(error: io::Error) -> Option<Reach> {
        Reach::of(&Error::from(error))
    }

    #[test]
    fn io_errors_by_kind() {
        assert_eq!(
            io(io::ErrorKind::ConnectionRefused.into()),
            Some(Reach::Refused)
        );
        assert_eq!(io(io::ErrorKind::TimedOut.into()), Some(Reach::TimedOut));
        assert_eq!(io(io::ErrorKind::UnexpectedEof.into()), Some(Reach::Closed));
        let name = io::Error::other("failed to lookup address information: Name unknown");
        assert_eq!(io(name), Some(Reach::NoSuchHost));
    }

    #[test]
    fn tls_errors_by_type() {
        let tls = |e: rustls::Error| io(io::Error::new(io::ErrorKind::InvalidData, e));
        assert_eq!(
            tls(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer
            )),
            Some(Reach::UnknownAuthority)
        );
        assert_eq!(
            tls(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName
            )),
            Some(Reach::OtherName)
        );
        assert_eq!(
            tls(rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType
            )),
            Some(Reach::NoTls)
        );
    }
}
