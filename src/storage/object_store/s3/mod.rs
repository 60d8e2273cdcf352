//! An S3 bucket as a store of objects.
//!
//! Uploads carry the SHA-256 of their bytes, which a server compares before it keeps them. That is
//! not relied on, since not every server does: whoever needs to be sure reads back
//! ([`S3Store::fingerprint`]).

mod connect;
mod explain;
mod multipart;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{
    Condition, Etag, Fingerprint, Head, Listed, Object, ObjectError, Payload, Progress, Put,
};
use crate::hash;
use crate::runtime;
use explain::{Failure, failure};

pub use connect::S3Target;

/// Files from this size on are sent in parts.
const MULTIPART_FROM: u64 = 16 << 20;
/// Bytes of a part; S3 wants at least 5 MiB.
const PART_SIZE: u64 = 8 << 20;
/// How often a write is tried again that met another one at the same moment (HTTP 409).
const CONFLICTS: u32 = 6;

/// A bucket with the client that speaks to it.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// The server's address for people, when it is not AWS itself.
    endpoint: Option<String>,
    multipart_from: u64,
    part_size: u64,
}

impl S3Store {
    /// A bucket behind a client that was made elsewhere; `endpoint` is its address for people.
    pub fn over(client: Client, bucket: &str, endpoint: Option<String>) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            endpoint,
            multipart_from: MULTIPART_FROM,
            part_size: PART_SIZE,
        }
    }

    /// Sends files from `from` bytes on in parts of `part` bytes.
    #[must_use]
    pub fn with_parts(mut self, from: u64, part: u64) -> Self {
        self.multipart_from = from;
        self.part_size = part.max(1);
        self
    }

    pub(super) fn shown(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(super) fn identity(&self) -> String {
        let server = self.endpoint.as_deref().unwrap_or("AWS");
        format!("s3://{} at {server}", self.bucket)
    }

    /// Bucket and server, as errors name them.
    fn address(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("s3://{} at {endpoint}", self.bucket),
            None => format!("s3://{}", self.bucket),
        }
    }

    fn error(&self, doing: String, failure: Failure) -> ObjectError {
        ObjectError::Remote {
            address: self.address(),
            doing,
            problem: failure.into_problem(),
        }
    }

    pub(super) fn put(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
        progress: Progress<'_>,
    ) -> Result<Put, ObjectError> {
        let doing = || format!("writing {key}");
        wait(async {
            let mut tries = 0;
            loop {
                let result = if payload.size() >= self.multipart_from.max(self.part_size) {
                    self.put_in_parts(key, payload, condition, progress).await?
                } else {
                    self.put_whole(key, payload, condition, progress).await?
                };
                match result {
                    Ok(etag) => return Ok(Put::Written(etag)),
                    Err(Failure::ConditionFailed) => return Ok(Put::Refused),
                    // Two writes at the same moment, or an upload that another process has ended: S3
                    // asks to look again. Trying again under the
                    // same condition is looking again.
                    Err(Failure::Conflict | Failure::NoSuchUpload) if tries < CONFLICTS => {
                        tries += 1;
                        tokio::time::sleep(Duration::from_millis(50 << tries)).await;
                    }
                    // A server that knows If-Match answers 404 when the object is gone.
                    Err(Failure::NoSuchKey) if matches!(condition, Condition::Matches(_)) => {
                        return Ok(Put::Refused);
                    }
                    Err(failure) => return Err(self.error(doing(), failure)),
                }
            }
        })
    }

    async fn put_whole(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
        progress: Progress<'_>,
    ) -> Result<Result<Etag, Failure>, ObjectError> {
        let bytes = payload.read()?;
        let size = bytes.len() as u64;
        let digest = Sha256::digest(&bytes);
        if hash::hex(&digest) != payload.sha256() {
            return Err(ObjectError::Damaged {
                object: "the file to be published".to_owned(),
                expected: payload.sha256().to_owned(),
                found: hash::hex(&digest),
                size,
            });
        }
        let checksum = STANDARD.encode(digest);
        let mut request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_sha256(&checksum)
            .content_length(i64::try_from(size).unwrap_or(i64::MAX))
            .body(ByteStream::from(bytes));
        request = match condition {
            Condition::Always => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Matches(etag) => request.if_match(&etag.0),
        };
        Ok(match request.send().await {
            Ok(output) => {
                progress(size, size);
                match output.checksum_sha256() {
                    Some(kept) if kept != checksum => Err(Failure::DamagedOnTheWay),
                    _ => Ok(Etag(output.e_tag().unwrap_or_default().to_owned())),
                }
            }
            Err(e) => Err(failure(&e)),
        })
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Object>, ObjectError> {
        let mut bytes = Vec::new();
        let etag = self.read(key, |piece| bytes.extend_from_slice(piece))?;
        Ok(etag.map(|etag| Object { bytes, etag }))
    }

    pub(super) fn fingerprint(&self, key: &str) -> Result<Option<Fingerprint>, ObjectError> {
        let mut hasher = Sha256::new();
        let mut size = 0;
        let etag = self.read(key, |piece| {
            hasher.update(piece);
            size += piece.len() as u64;
        })?;
        Ok(etag.map(|etag| Fingerprint {
            sha256: hash::hex(&hasher.finalize()),
            size,
            etag,
        }))
    }

    /// Reads an object piece by piece. A connection that breaks in the middle is an error: the
    /// caller holds half of the pieces already.
    fn read(&self, key: &str, mut take: impl FnMut(&[u8])) -> Result<Option<Etag>, ObjectError> {
        let doing = || format!("reading {key}");
        wait(async {
            let request = self.client.get_object().bucket(&self.bucket).key(key);
            let mut output = match request.send().await {
                Ok(output) => output,
                Err(e) => match failure(&e) {
                    Failure::NoSuchKey => return Ok(None),
                    failure => return Err(self.error(doing(), failure)),
                },
            };
            let expected = output.content_length().and_then(|n| u64::try_from(n).ok());
            let mut read = 0;
            while let Some(piece) = output.body.next().await {
                let piece = piece.map_err(|_| self.error(doing(), Failure::Connection))?;
                read += piece.len() as u64;
                take(&piece);
            }
            if expected.is_some_and(|expected| expected != read) {
                return Err(self.error(doing(), Failure::Connection));
            }
            Ok(Some(Etag(output.e_tag.unwrap_or_default())))
        })
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Head>, ObjectError> {
        wait(async {
            let request = self.client.head_object().bucket(&self.bucket).key(key);
            match request.send().await {
                Ok(output) => Ok(Some(Head {
                    size: output
                        .content_length()
                        .and_then(|n| u64::try_from(n).ok())
                        .unwrap_or(0),
                    etag: Etag(output.e_tag.unwrap_or_default()),
                })),
                Err(e) => match failure(&e) {
                    Failure::NoSuchKey => Ok(None),
                    failure => Err(self.error(format!("looking at {key}"), failure)),
                },
            }
        })
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        wait(async {
            let mut found = Vec::new();
            let mut from: Option<String> = None;
            loop {
                let page = self
                    .client
                    .list_objects_v2()
                    .bucket(&self.bucket)
                    .prefix(prefix)
                    .set_continuation_token(from.take())
                    .send()
                    .await
                    .map_err(|e| self.error(format!("listing {prefix}"), failure(&e)))?;
                found.extend(page.contents().iter().filter_map(|object| {
                    Some(Listed {
                        key: object.key()?.to_owned(),
                        size: object
                            .size()
                            .and_then(|n| u64::try_from(n).ok())
                            .unwrap_or(0),
                    })
                }));
                match page.next_continuation_token {
                    Some(next) if page.is_truncated == Some(true) => from = Some(next),
                    _ => return Ok(found),
                }
            }
        })
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), ObjectError> {
        wait(async {
            let request = self.client.delete_object().bucket(&self.bucket).key(key);
            match request.send().await {
                Ok(_) => Ok(()),
                Err(e) => match failure(&e) {
                    Failure::NoSuchKey => Ok(()),
                    failure => Err(self.error(format!("removing {key}"), failure)),
                },
            }
        })
    }
}

fn wait<T>(future: impl Future<Output = Result<T, ObjectError>>) -> Result<T, ObjectError> {
    runtime::block_on(future).map_err(|e| ObjectError::Internal(e.full_message()))?
}
