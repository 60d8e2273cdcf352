//! From the library's errors to plain problems. Only codes, numbers and kinds get through.

use std::error::Error as StdError;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::storage::object_store::Problem;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// HTTP 412: the condition of a write does not hold.
    ConditionFailed,
    /// HTTP 409: another write at the same moment.
    Conflict,
    /// There is no object under the key.
    NoSuchKey,
    /// A multipart upload that is gone.
    NoSuchUpload,
    /// What was kept is not what was sent.
    DamagedOnTheWay,
    /// The connection broke in the middle of an answer.
    Connection,
    /// Anything else.
    Problem(Problem),
}

impl Failure {
    pub(super) fn into_problem(self) -> Problem {
        let service = |status, code: &str| Problem::Service {
            status: Some(status),
            code: Some(code.to_owned()),
        };
        match self {
            Failure::ConditionFailed => service(412, "PreconditionFailed"),
            Failure::Conflict => Problem::Conflict,
            Failure::NoSuchKey => service(404, "NoSuchKey"),
            Failure::NoSuchUpload => service(404, "NoSuchUpload"),
            Failure::DamagedOnTheWay => Problem::DamagedOnTheWay,
            Failure::Connection => Problem::Connection,
            Failure::Problem(problem) => problem,
        }
    }
}

/// Explains an error of a call.
pub(super) fn failure<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(e) => {
            let response = e.raw();
            service(
                response.status().as_u16(),
                e.err().code(),
                response.headers().get("x-amz-bucket-region"),
            )
        }
        SdkError::TimeoutError(_) => Failure::Problem(Problem::Timeout),
        SdkError::DispatchFailure(e) if e.is_timeout() => Failure::Problem(Problem::Timeout),
        SdkError::DispatchFailure(e) => Failure::Problem(
            e.as_connector_error()
                .map_or(Problem::Connection, |e| dispatch(e)),
        ),
        SdkError::ResponseError(e) => service(e.raw().status().as_u16(), None, None),
        SdkError::ConstructionFailure(_) => Failure::Problem(Problem::Settings(
            "a request could not be made; the region, the endpoint or the bucket's name may be \
             malformed"
                .to_owned(),
        )),
        _ => Failure::Connection,
    }
}

/// Explains an answer by its status and error code.
fn service(status: u16, code: Option<&str>, region: Option<&str>) -> Failure {
    // An answer that means success and cannot be understood.
    if (200..300).contains(&status) {
        return Failure::Connection;
    }
    let problem = match (code.unwrap_or_default(), status) {
        ("NoSuchBucket", _) => Problem::NoBucket,
        ("NoSuchUpload", _) => return Failure::NoSuchUpload,
        ("NoSuchKey" | "NotFound", _) => return Failure::NoSuchKey,
        ("PreconditionFailed", _) | (_, 412) => return Failure::ConditionFailed,
        ("ConditionalRequestConflict" | "OperationAborted", _) => return Failure::Conflict,
        ("InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException", _) => {
            Problem::UnknownKey
        }
        ("SignatureDoesNotMatch", _) => Problem::WrongSecret,
        ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => Problem::Expired,
        ("InvalidToken", _) => Problem::InvalidToken,
        (
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301) => Problem::WrongRegion(region.and_then(plain)),
        ("RequestTimeTooSkewed", _) => Problem::Clock,
        ("BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch", _)
        | ("XAmzContentChecksumMismatch", _) => Problem::DamagedOnTheWay,
        ("NotImplemented" | "MethodNotAllowed", _) | (_, 501) => Problem::NotImplemented,
        ("AccessDenied" | "AllAccessDisabled" | "AccountProblem", _) | (_, 401 | 403) => {
            Problem::Denied
        }
        ("SlowDown" | "ServiceUnavailable" | "Throttling" | "ThrottlingException", _)
        | (_, 429 | 503) => Problem::Busy,
        ("RequestTimeout", _) | (_, 504) => Problem::Timeout,
        ("", 409) => return Failure::Conflict,
        _ => Problem::Service {
            status: Some(status),
            code: code.and_then(plain),
        },
    };
    Failure::Problem(problem)
}

/// A code as the server wrote it, when it looks like one.
fn plain(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= 60
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    fits.then(|| text.to_owned())
}

/// Explains a call that got no answer, by the innermost causes whose types are known.
fn dispatch(error: &(dyn StdError + 'static)) -> Problem {
    let mut cause = Some(error);
    let mut text = String::new();
    while let Some(e) = cause {
        if let Some(tls) = e.downcast_ref::<rustls::Error>() {
            return Problem::Tls(tls_reason(tls));
        }
        text.push_str(&e.to_string().to_ascii_lowercase());
        cause = match e.downcast_ref::<io::Error>() {
            Some(io) => match io.kind() {
                io::ErrorKind::ConnectionRefused => return Problem::Refused,
                io::ErrorKind::TimedOut => return Problem::Timeout,
                // What an I/O error wraps is not its source but the error itself.
                _ => io.get_ref().map(|e| e as &(dyn StdError + 'static)),
            },
            None => e.source(),
        };
    }
    // Searched, not passed on.
    if text.contains("dns error") || text.contains("failed to lookup") {
        Problem::UnknownHost
    } else if text.contains("credentials") {
        Problem::CredentialsFailed
    } else {
        Problem::Connection
    }
}

fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an authority this machine does not know"
        }
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. },
        ) => "the server's certificate has expired",
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another name",
        rustls::Error::InvalidCertificate(_) => "the server's certificate is not valid",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        _ => "the TLS handshake failed",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_numbers_become_problems() {
        let problem = |status, code: &str| match service(status, Some(code), None) {
            Failure::Problem(problem) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(403, "InvalidAccessKeyId"), Problem::UnknownKey);
        assert_eq!(problem(403, "SignatureDoesNotMatch"), Problem::WrongSecret);
        assert_eq!(problem(400, "ExpiredToken"), Problem::Expired);
        assert_eq!(problem(404, "NoSuchBucket"), Problem::NoBucket);
        assert_eq!(problem(403, "AccessDenied"), Problem::Denied);
        assert_eq!(problem(503, "SlowDown"), Problem::Busy);
        assert_eq!(
            service(301, Some("PermanentRedirect"), Some("eu-west-1")),
            Failure::Problem(Problem::WrongRegion(Some("eu-west-1".to_owned())))
        );
        assert_eq!(service(412, None, None), Failure::ConditionFailed);
        assert_eq!(service(409, None, None), Failure::Conflict);
        assert_eq!(
            service(409, Some("ConditionalRequestConflict"), None),
            Failure::Conflict
        );
        assert_eq!(service(404, Some("NoSuchKey"), None), Failure::NoSuchKey);
    }

    #[test]
    fn an_answer_that_is_no_s3_error_passes_nothing_on() {
        let code = "<b>AKIAEXAMPLE</b> \u{1b}[31m";
        assert_eq!(
            service(418, Some(code), None),
            Failure::Problem(Problem::Service {
                status: Some(418),
                code: None
            })
        );
    }

    #[test]
    fn causes_are_found_where_they_are_wrapped() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(dispatch(&refused), Problem::Refused);
        let tls = io::Error::other(rustls::Error::InvalidCertificate(
            rustls::CertificateError::UnknownIssuer,
        ));
        assert!(matches!(dispatch(&tls), Problem::Tls(r) if r.contains("authority")));
        let nested = io::Error::other(io::Error::other(rustls::Error::HandshakeNotComplete));
        assert!(matches!(dispatch(&nested), Problem::Tls(_)));
        let dns = io::Error::other("dns error: failed to lookup address information");
        assert_eq!(dispatch(&dns), Problem::UnknownHost);
    }
}
