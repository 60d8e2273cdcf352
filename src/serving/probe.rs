//! Asks a service on this machine whether it is well; what `netsec healthcheck` does.
//!
//! Written for a container without a shell: one connection, one request, a few seconds. Over TLS
//! the certificate must be the very one of the configuration, whatever name it bears: the probe
//! connects to an address, and certificates name hosts.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::tls;
use crate::error::CommandError;

/// For each step of the probe.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of a reply that are read.
const READ: u64 = 64 << 10;

/// What is asked, and where.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The address the service listens on; one for all interfaces is asked on loopback.
    pub address: SocketAddr,
    /// The certificate of the service, where it speaks TLS.
    pub certificate: Option<PathBuf>,
    /// `/ready` or `/live`.
    pub path: &'static str,
}

/// Asks. Returns what the service said of itself when it is well.
///
/// # Errors
/// When nobody answers, or the answer is not that all is well.
pub fn probe(probe: &Probe) -> Result<String, CommandError> {
    let address = reachable(probe.address);
    let broken = |e: std::io::Error| {
        CommandError::backend(format!("the service at {address} does not answer")).because(e)
    };
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(broken)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(broken)?;
    let reply = match &probe.certificate {
        None => exchange(stream, address, probe.path).map_err(broken)?,
        Some(path) => {
            let config = pinned(tls::certificates(path)?.swap_remove(0))?;
            let client = ClientConnection::new(Arc::new(config), ServerName::from(address.ip()))
                .map_err(|_| CommandError::internal("the TLS client cannot be made"))?;
            exchange(StreamOwned::new(client, stream), address, probe.path).map_err(broken)?
        }
    };
    let status = reply
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse::<u16>().ok());
    let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body = crate::text::clean_to(body, 200);
    match status {
        Some(200) => Ok(body),
        Some(code) => Err(CommandError::backend(format!(
            "the service at {address} answers {code}: {body}"
        ))),
        None => Err(CommandError::backend(format!(
            "what answers at {address} is no HTTP service"
        ))),
    }
}

/// The address to connect to: a service on all interfaces is on loopback too.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(
    mut stream: impl Read + Write,
    address: SocketAddr,
    path: &str,
) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut reply = Vec::new();
    match stream.take(READ).read_to_end(&mut reply) {
        Ok(_) => {}
        // TLS without a farewell; what came is judged by itself.
        Err(_) if !reply.is_empty() => {}
        Err(e) => return Err(e),
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

fn pinned(certificate: CertificateDer<'static>) -> Result<ClientConfig, CommandError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Pinned {
        certificate,
        provider: Arc::clone(&provider),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| CommandError::internal("the TLS client cannot be made"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Takes one certificate and no other; that its owner holds the key is checked as always.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "another certificate than the configured one".to_owned(),
            ))
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, schemes)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, schemes)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
