//! Making the client: credentials, region and endpoint as every AWS tool reads them.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{ProvideCredentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};

use super::{S3Store, wait};
use crate::secrets::shown_address;
use crate::storage::object_store::{ObjectError, Patience, Problem};

/// The region of servers that have none.
const ANY_REGION: &str = "us-east-1";

/// Which bucket, and how long it is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Target {
    /// The bucket.
    pub bucket: String,
    /// How long.
    pub patience: Patience,
}

impl S3Store {
    /// Finds credentials, region and endpoint, and makes the client. No object is asked for yet.
    ///
    /// # Errors
    /// When there are no credentials, they have expired, or no region is set.
    pub fn connect(target: &S3Target) -> Result<Self, ObjectError> {
        let address = format!("s3://{}", target.bucket);
        let wrong = |problem| ObjectError::Remote {
            address: address.clone(),
            doing: "connecting".to_owned(),
            problem,
        };
        let http = http_client().map_err(wrong)?;
        let (attempts, connect, read, whole) = match target.patience {
            Patience::Short => (2, 1_500, 3_000, Some(5_000)),
            // Reading begins when the request does: the time to send a part counts.
            Patience::Long => (5, 5_000, 120_000, None),
        };
        let mut timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(connect))
            .read_timeout(Duration::from_millis(read));
        timeouts.set_operation_timeout(whole.map(Duration::from_millis));
        wait(async {
            let shared = aws_config::defaults(BehaviorVersion::latest())
                .http_client(http)
                .retry_config(
                    RetryConfig::standard()
                        .with_max_attempts(attempts)
                        .with_initial_backoff(Duration::from_millis(200)),
                )
                .timeout_config(timeouts.build())
                .load();
            let shared = shared.await;
            let endpoint = endpoint(shared.endpoint_url());
            let credentials = shared
                .credentials_provider()
                .ok_or_else(|| wrong(Problem::NoCredentials))?;
            let patience = Duration::from_millis(whole.unwrap_or(30_000));
            match tokio::time::timeout(patience, credentials.provide_credentials()).await {
                Ok(Ok(_)) => {}
                Ok(Err(e)) => return Err(wrong(credentials_problem(&format!("{e:?}")))),
                Err(_) => return Err(wrong(Problem::NoCredentials)),
            }
            let mut config = aws_sdk_s3::config::Builder::from(&shared)
                // Names of buckets as parts of the host need DNS entries that other servers than
                // AWS rarely have.
                .force_path_style(endpoint.is_some());
            if shared.region().is_none() {
                if endpoint.is_none() {
                    return Err(wrong(Problem::NoRegion));
                }
                config = config.region(Region::from_static(ANY_REGION));
            }
            Ok(Self::over(
                Client::from_conf(config.build()),
                &target.bucket,
                endpoint.map(|e| shown_address(&e)),
            ))
        })
    }
}

/// The address that the library will use, as far as it can be told: it reads the variables itself.
fn endpoint(general: Option<&str>) -> Option<String> {
    let ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .is_ok_and(|v| v.eq_ignore_ascii_case("true"));
    let own = std::env::var("AWS_ENDPOINT_URL_S3")
        .ok()
        .filter(|v| !ignored && !v.trim().is_empty());
    own.or_else(|| general.map(str::to_owned))
}

/// The one TLS provider of this program, and the certificates of the system; a private authority
/// is named as for other AWS tools.
fn http_client() -> Result<SharedHttpClient, Problem> {
    let mut roots = TrustStore::default();
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|p| !p.is_empty()) {
        let pem = std::fs::read(&path).map_err(|e| {
            Problem::Settings(format!(
                "AWS_CA_BUNDLE names {}, which cannot be read: {e}",
                path.to_string_lossy()
            ))
        })?;
        // The library panics on a file without certificates.
        if !pem
            .windows(CERTIFICATE.len())
            .any(|window| window == CERTIFICATE)
        {
            return Err(Problem::Settings(format!(
                "AWS_CA_BUNDLE names {}, which holds no certificate in PEM form",
                path.to_string_lossy()
            )));
        }
        roots = roots.with_pem_certificate(pem);
    }
    let context = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|_| Problem::Tls("the certificates cannot be used".to_owned()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https())
}

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// What is wrong with the credentials. The library's error types cannot be named here, and its
/// text may quote what a credential process printed: it is searched, never passed on.
fn credentials_problem(debug: &str) -> Problem {
    let text = debug.to_ascii_lowercase();
    if text.contains("expired") {
        Problem::Expired
    } else if text.contains("credentialsnotloaded") || text.contains("no providers in chain") {
        Problem::NoCredentials
    } else {
        Problem::CredentialsFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_credentials_are_told_apart() {
        for (text, problem) in [
            (
                "CredentialsNotLoaded(CredentialsNotLoaded { source: \"x\" })",
                Problem::NoCredentials,
            ),
            (
                "ProviderError(ProviderError { source: \"the SSO token has expired\" })",
                Problem::Expired,
            ),
            ("ProviderError(exit status: 3)", Problem::CredentialsFailed),
        ] {
            assert_eq!(credentials_problem(text), problem);
        }
    }
}
