//! Artifacts: files of a run or a logged model, passed through the server.
//!
//! Where artifacts lie is said by the server, so that text is taken apart and checked before any
//! of it stands in a path.

use std::fmt;
use std::path::Path;

use futures_util::stream;
use reqwest::Body;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::client::{Client, Payload};
use super::endpoint::Endpoint;
use super::error::{MlflowError, Problem};
use super::ids::MlflowRunId;
use super::lenient;
use super::runs::PAGES;
use crate::secrets::shown_address;
use crate::text::clean_to;

/// Bytes read from a file at a time.
const PIECE: usize = 128 << 10;

/// A relative path of an artifact, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// Checks a path; none when it is empty, absolute, climbs, or holds what a server may read as
    /// something else.
    pub fn new(path: &str) -> Option<Self> {
        let part_fine = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.len() <= 255
                && !part.contains(['\\', '%', '?', '#', ':'])
                && !part.contains(char::is_control)
        };
        (path.len() <= 1_024 && path.split('/').all(part_fine)).then(|| Self(path.to_owned()))
    }
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// This path below a folder.
    pub fn below(&self, folder: &str) -> Option<Self> {
        Self::new(&format!("{folder}/{}", self.0))
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the artifacts of a run or a logged model lie, inside the server's own store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRoot(ArtifactPath);

impl ArtifactRoot {
    /// Takes an `artifact_uri` apart. Only stores that the server passes on itself can be reached
    /// with the server's credentials: `mlflow-artifacts:/..`.
    pub fn parse(uri: &str) -> Result<Self, Problem> {
        let elsewhere = || Problem::ArtifactsElsewhere {
            at: clean_to(&shown_address(uri), 120),
        };
        let rest = uri
            .strip_prefix("mlflow-artifacts:")
            .ok_or_else(elsewhere)?;
        let path = match rest.strip_prefix("//") {
            // `mlflow-artifacts://host/path` names a host, which is not followed: the configured
            // address is asked.
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => rest.trim_start_matches('/'),
        };
        ArtifactPath::new(path).map(Self).ok_or_else(elsewhere)
    }

    fn segments<'a>(&'a self, path: Option<&'a ArtifactPath>) -> Vec<&'a str> {
        let mut segments: Vec<&str> = self.0.0.split('/').collect();
        if let Some(path) = path {
            segments.extend(path.0.split('/'));
        }
        segments
    }
}

/// A file or folder in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ArtifactEntry {
    /// Its path.
    pub path: String,
    /// Whether it is a folder.
    #[serde(default)]
    pub is_dir: bool,
    /// Its size as the server writes it; see [`ArtifactEntry::bytes`].
    #[serde(default, deserialize_with = "lenient::maybe_whole")]
    pub file_size: Option<i64>,
}

impl ArtifactEntry {
    /// A file's bytes; none of a folder. The server leaves the size of an empty file out.
    pub fn bytes(&self) -> Option<u64> {
        let size = u64::try_from(self.file_size.unwrap_or_default()).unwrap_or_default();
        (!self.is_dir).then_some(size)
    }
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default, deserialize_with = "lenient::list")]
    files: Vec<ArtifactEntry>,
    #[serde(default)]
    next_page_token: Option<String>,
}

impl Client {
    /// Writes an artifact from a file, streamed. Repeating it overwrites.
    pub async fn put_file(
        &self,
        root: &ArtifactRoot,
        path: &ArtifactPath,
        file: &Path,
    ) -> Result<(), MlflowError> {
        let call = Endpoint::ArtifactPut;
        let local = |reason: &str| {
            self.error(
                call,
                Problem::LocalFile {
                    path: file.to_owned(),
                    reason: reason.to_owned(),
                },
            )
        };
        let opened = File::open(file)
            .await
            .map_err(|e| local(&e.kind().to_string()))?;
        let before = opened
            .metadata()
            .await
            .map_err(|e| local(&e.kind().to_string()))?;
        if !before.is_file() {
            return Err(local("it is no file"));
        }
        let bytes = before.len();
        let pieces = stream::try_unfold(opened.take(bytes), |mut file| async move {
            let mut piece = vec![0; PIECE];
            let n = file.read(&mut piece).await?;
            piece.truncate(n);
            Ok::<_, std::io::Error>((n > 0).then_some((piece, file)))
        });
        let body = Body::wrap_stream(pieces);
        let sent = self.put(root, path, body, bytes).await;
        // A file that changed under our hands is not the one that was meant.
        let same = std::fs::metadata(file)
            .is_ok_and(|now| now.len() == bytes && now.modified().ok() == before.modified().ok());
        if same {
            sent
        } else {
            Err(local("it changed while it was sent"))
        }
    }

    /// Writes an artifact from bytes. Repeating it overwrites.
    pub async fn put_bytes(
        &self,
        root: &ArtifactRoot,
        path: &ArtifactPath,
        content: Vec<u8>,
    ) -> Result<(), MlflowError> {
        let bytes = content.len() as u64;
        self.put(root, path, Body::from(content), bytes).await
    }

    async fn put(
        &self,
        root: &ArtifactRoot,
        path: &ArtifactPath,
        body: Body,
        bytes: u64,
    ) -> Result<(), MlflowError> {
        let call = Endpoint::ArtifactPut;
        let url = self.url(call, &root.segments(Some(path)));
        let reply = self
            .reply(call, url, Payload::File { body, bytes }, 1 << 20)
            .await?;
        // MLflow 3 answers with nothing, 2.x with an empty object; a page is another program.
        let begins = reply.body.iter().find(|b| !b.is_ascii_whitespace());
        if matches!(begins, None | Some(b'{')) {
            Ok(())
        } else {
            Err(self.error(call, self.not_mlflow(&reply)))
        }
    }

    /// Reads an artifact of at most `limit` bytes.
    pub async fn artifact(
        &self,
        root: &ArtifactRoot,
        path: &ArtifactPath,
        limit: u64,
    ) -> Result<Vec<u8>, MlflowError> {
        let call = Endpoint::ArtifactGet;
        let url = self.url(call, &root.segments(Some(path)));
        let reply = self.reply(call, url, Payload::Nothing, limit).await?;
        Ok(reply.body)
    }

    /// Lists a folder of artifacts; paths are relative to that folder.
    pub async fn artifact_folder(
        &self,
        root: &ArtifactRoot,
        folder: Option<&ArtifactPath>,
    ) -> Result<Vec<ArtifactEntry>, MlflowError> {
        let path = root.segments(folder).join("/");
        let listing: Listing = self
            .get(Endpoint::ArtifactFolder, &[("path", &path)])
            .await?;
        Ok(listing.files)
    }

    /// Lists a run's artifacts below a folder; paths are relative to the run's root.
    pub async fn run_artifacts(
        &self,
        run: &MlflowRunId,
        folder: Option<&ArtifactPath>,
    ) -> Result<Vec<ArtifactEntry>, MlflowError> {
        let mut files = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut query = vec![("run_id", run.as_str())];
            if let Some(folder) = folder {
                query.push(("path", folder.as_str()));
            }
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: Listing = self.get(Endpoint::ArtifactsList, &query).await?;
            files.extend(page.files);
            token = page.next_page_token.unwrap_or_default();
            if token.is_empty() {
                break;
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_or_could_be_read_otherwise_are_none() {
        for path in [
            "", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a%2e", "a?b", "a#b", "a:b",
            "a\nb",
        ] {
            assert_eq!(ArtifactPath::new(path), None, "{path:?}");
        }
        for path in ["model/MLmodel", "plots/roc curve.json", "größe.csv", "a..b"] {
            assert!(ArtifactPath::new(path).is_some(), "{path}");
        }
    }

    #[test]
    fn only_what_the_server_passes_on_is_a_root() {
        let root = ArtifactRoot::parse("mlflow-artifacts:/1/abc/artifacts").unwrap();
        let file = ArtifactPath::new("model/MLmodel").unwrap();
        assert_eq!(
            root.segments(Some(&file)),
            ["1", "abc", "artifacts", "model", "MLmodel"]
        );
        let host = ArtifactRoot::parse("mlflow-artifacts://evil.example/1/x").unwrap();
        assert_eq!(host.segments(None), ["1", "x"]);
        for uri in [
            "s3://bucket/x",
            "/var/mlruns/1",
            "mlflow-artifacts:/../x",
            "mlflow-artifacts:",
            "http://u:hunter2@evil.example/x",
            "mlflow-artifacts:/1/%2e%2e/x",
        ] {
            let problem = ArtifactRoot::parse(uri).unwrap_err();
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }
}
