//! Large files in parts. An upload that was interrupted is found again by its key and gone on
//! with: parts the server holds with the right checksum are not sent twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::explain::{Failure, failure};
use super::{Condition, Etag, Payload, Progress, S3Store};
use crate::storage::object_store::{Content, ObjectError};

/// The most parts an upload may have.
const MOST_PARTS: u64 = 10_000;

/// A part the server holds already.
struct Held {
    size: u64,
    checksum: String,
    etag: String,
}

impl S3Store {
    pub(super) async fn put_in_parts(
        &self,
        key: &str,
        payload: &Payload,
        condition: &Condition,
        progress: Progress<'_>,
    ) -> Result<Result<Etag, Failure>, ObjectError> {
        let total = payload.size();
        let part_size = self.part_size.max(total.div_ceil(MOST_PARTS));
        let source = Source::open(payload)?;
        let attempt = async {
            // The server checks the condition when the upload is completed; asking first spares
            // sending everything for nothing.
            if !self.holds(key, condition).await? {
                return Err(Failure::ConditionFailed);
            }
            let (upload, held) = self.upload_of(key).await?;
            let mut completed = Vec::new();
            let mut sent = 0;
            let mut number = 0;
            while sent < total {
                number += 1;
                let size = part_size.min(total - sent);
                let bytes = source
                    .part(sent, size)
                    .map_err(|_| Failure::DamagedOnTheWay)?;
                let checksum = STANDARD.encode(Sha256::digest(&bytes));
                let etag = match held.get(&number) {
                    Some(part) if part.size == size && part.checksum == checksum => {
                        part.etag.clone()
                    }
                    _ => {
                        let output = self
                            .client
                            .upload_part()
                            .bucket(&self.bucket)
                            .key(key)
                            .upload_id(&upload)
                            .part_number(number)
                            .checksum_sha256(&checksum)
                            .body(ByteStream::from(bytes))
                            .send()
                            .await
                            .map_err(|e| failure(&e))?;
                        output.e_tag.unwrap_or_default()
                    }
                };
                completed.push(
                    CompletedPart::builder()
                        .part_number(number)
                        .e_tag(etag)
                        .checksum_sha256(checksum)
                        .build(),
                );
                sent += size;
                progress(sent, total);
            }
            // There are servers that know If-Match for whole objects only and ignore it here.
            if matches!(condition, Condition::Matches(_)) && !self.holds(key, condition).await? {
                self.give_up(key, &upload).await;
                return Err(Failure::ConditionFailed);
            }
            let mut request = self
                .client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(&upload)
                .multipart_upload(
                    CompletedMultipartUpload::builder()
                        .set_parts(Some(completed))
                        .build(),
                );
            request = match condition {
                Condition::Always => request,
                Condition::Absent => request.if_none_match("*"),
                Condition::Matches(etag) => request.if_match(&etag.0),
            };
            match request.send().await {
                Ok(output) => Ok(Etag(output.e_tag.unwrap_or_default())),
                Err(e) => {
                    let failure = failure(&e);
                    if failure == Failure::ConditionFailed {
                        self.give_up(key, &upload).await;
                    }
                    Err(failure)
                }
            }
        };
        Ok(attempt.await)
    }

    /// Whether a condition holds now.
    async fn holds(&self, key: &str, condition: &Condition) -> Result<bool, Failure> {
        if *condition == Condition::Always {
            return Ok(true);
        }
        let request = self.client.head_object().bucket(&self.bucket).key(key);
        let found = match request.send().await {
            Ok(output) => Some(Etag(output.e_tag.unwrap_or_default())),
            Err(e) => match failure(&e) {
                Failure::NoSuchKey => None,
                failure => return Err(failure),
            },
        };
        Ok(match condition {
            Condition::Always => true,
            Condition::Absent => found.is_none(),
            Condition::Matches(etag) => found.as_ref() == Some(etag),
        })
    }

    /// Somebody else has written the object: what was sent is of no more use. An upload that stays
    /// behind is only storage, not an error.
    async fn give_up(&self, key: &str, upload: &str) {
        let _ = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(upload)
            .send()
            .await;
    }

    /// The interrupted upload of this key with the parts it holds, or a new one.
    async fn upload_of(&self, key: &str) -> Result<(String, BTreeMap<i32, Held>), Failure> {
        let listed = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(key)
            .send()
            .await
            .map_err(|e| failure(&e));
        // Not every key may list uploads, and not every server can: then a new one is begun.
        let interrupted = listed.ok().and_then(|uploads| {
            uploads
                .uploads()
                .iter()
                .filter(|u| u.key() == Some(key))
                .max_by_key(|u| u.initiated().map(|t| t.as_nanos()))
                .and_then(|u| u.upload_id().map(str::to_owned))
        });
        if let Some(upload) = interrupted {
            match self.parts_of(key, &upload).await {
                Ok(held) => return Ok((upload, held)),
                Err(Failure::NoSuchUpload | Failure::NoSuchKey) => {}
                // A list that cannot be read: every part is sent again.
                Err(Failure::Connection) => return Ok((upload, BTreeMap::new())),
                Err(failure) => return Err(failure),
            }
        }
        let created = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_type(ChecksumType::Composite)
            .send()
            .await
            .map_err(|e| failure(&e))?;
        let upload = created.upload_id.ok_or(Failure::Connection)?;
        Ok((upload, BTreeMap::new()))
    }

    async fn parts_of(&self, key: &str, upload: &str) -> Result<BTreeMap<i32, Held>, Failure> {
        let mut held = BTreeMap::new();
        let mut from: Option<String> = None;
        loop {
            let page = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(upload)
                .set_part_number_marker(from.take())
                .send()
                .await
                .map_err(|e| failure(&e))?;
            for part in page.parts() {
                let (Some(number), Some(size), Some(etag)) =
                    (part.part_number(), part.size(), part.e_tag())
                else {
                    continue;
                };
                // A part without its checksum cannot be trusted and is sent again.
                if let (Some(checksum), Ok(size)) = (part.checksum_sha256(), u64::try_from(size)) {
                    held.insert(
                        number,
                        Held {
                            size,
                            checksum: checksum.to_owned(),
                            etag: etag.to_owned(),
                        },
                    );
                }
            }
            match page.next_part_number_marker {
                Some(next) if page.is_truncated == Some(true) => from = Some(next),
                _ => return Ok(held),
            }
        }
    }
}

/// Where parts are read from.
enum Source<'a> {
    Bytes(&'a [u8]),
    File(File),
}

impl<'a> Source<'a> {
    fn open(payload: &'a Payload) -> Result<Self, ObjectError> {
        Ok(match &payload.content {
            Content::Bytes(bytes) => Source::Bytes(bytes),
            Content::File(path) => {
                Source::File(File::open(path).map_err(|source| ObjectError::File {
                    path: path.clone(),
                    source,
                })?)
            }
        })
    }

    fn part(&self, from: u64, size: u64) -> std::io::Result<Vec<u8>> {
        let too_large = |_| std::io::Error::from(std::io::ErrorKind::OutOfMemory);
        let size = usize::try_from(size).map_err(too_large)?;
        match self {
            Source::Bytes(bytes) => {
                let from = usize::try_from(from).map_err(too_large)?;
                bytes
                    .get(from..from + size)
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
            }
            Source::File(file) => {
                let mut bytes = vec![0; size];
                file.read_exact_at(&mut bytes, from)?;
                Ok(bytes)
            }
        }
    }
}
