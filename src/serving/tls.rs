//! TLS: certificate and key from files.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::settings::TlsFiles;
use crate::error::CommandError;

/// Reads certificate and key.
///
/// # Errors
/// When a file cannot be read, holds none, or the two do not belong together. The key's text
/// stands in no message.
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, CommandError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_reader(open(&files.key)?).map_err(|_| {
        wrong(&files.key, "holds no private key")
            .hint("It is a PEM file, PKCS #8, PKCS #1 or SEC1.")
    })?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| {
            wrong(
                &files.key,
                "does not fit the certificate of [serve] tls_cert",
            )
        })?;
    let mut config = config;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates of a PEM file.
///
/// # Errors
/// When it cannot be read or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CommandError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(open(path)?).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(wrong(path, "holds no certificate").hint("It is a PEM file.")),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, CommandError> {
    File::open(path)
        .map(BufReader::new)
        .map_err(|e: io::Error| wrong(path, "cannot be read").because(e))
}

fn wrong(path: &Path, what: &str) -> CommandError {
    CommandError::config(format!("{} {what}", path.display()))
}
