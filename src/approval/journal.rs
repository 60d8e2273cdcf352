//! `Artifacts/journal.jsonl`: append only, hash-chained, one writer at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::fs::FlockOperation;
use thiserror::Error;

use super::{Decision, Evidence, JournalRecord, Subject};
use crate::error::CommandError;
use crate::events::Actor;
use crate::files;
use crate::workspace::Workspace;

/// Why the journal could not be read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The chain is broken.
    #[error("{path}, line {line}: {reason}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// The first line that does not fit, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<JournalError> for CommandError {
    fn from(e: JournalError) -> Self {
        match &e {
            JournalError::File { .. } => CommandError::backend(e.to_string()),
            JournalError::Broken { .. } => CommandError::refused(format!(
                "the journal of decisions is damaged: {e}"
            ))
            .hint("Nothing is pushed while the chain is broken; restore the file from a backup.")
            .hint("`netsec journal verify` names the first line that does not fit."),
        }
    }
}

/// What a proof of the chain found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct VerifyReport {
    /// Records in the chain.
    pub records: u64,
    /// Hash of the last record; empty when there is none.
    pub head: String,
}

/// The journal, open for appending. Holding it holds the lock: two approvers never interleave.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    records: Vec<JournalRecord>,
}

impl Journal {
    /// Reads all records without locking; a torn last line (a writer at work) is left out.
    ///
    /// # Errors
    /// [`JournalError::Broken`] at the first record that does not fit the chain.
    pub fn read(workspace: &Workspace) -> Result<Vec<JournalRecord>, JournalError> {
        let path = workspace.journal();
        let text = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(JournalError::File { path, source }),
        };
        Ok(parse(&path, &text)?.0)
    }

    /// Opens the journal for appending and waits for the lock. A torn last line, left by a
    /// writer that died in the middle of it, is cut off: its decision was never acknowledged.
    pub fn open(workspace: &Workspace) -> Result<Self, JournalError> {
        let path = workspace.journal();
        let failed = |source| JournalError::File {
            path: path.clone(),
            source,
        };
        let existed = path.exists();
        fs::create_dir_all(workspace.artifacts()).map_err(failed)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (records, whole) = parse(&path, &bytes)?;
        if whole < bytes.len() as u64 {
            file.set_len(whole).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(whole)).map_err(failed)?;
        if !existed {
            files::sync_dir(&workspace.artifacts()).map_err(failed)?;
        }
        Ok(Self {
            path,
            file,
            records,
        })
    }

    /// All records.
    pub fn records(&self) -> &[JournalRecord] {
        &self.records
    }

    /// Hash of the last record; empty when there is none.
    pub fn head(&self) -> &str {
        self.records.last().map_or("", |r| r.hash.as_str())
    }

    /// Appends a record and makes it durable before returning.
    pub fn append(
        &mut self,
        decision: Decision,
        by: Actor,
        reason: &str,
        subject: Subject,
        evidence: Evidence,
    ) -> Result<&JournalRecord, JournalError> {
        let mut record = JournalRecord {
            v: 1,
            seq: self.records.len() as u64 + 1,
            at: now(),
            decision,
            by,
            reason: reason.to_owned(),
            subject,
            evidence,
            signature: None,
            previous: self.head().to_owned(),
            hash: String::new(),
        };
        record.hash = record.expected_hash();
        let failed = |source| JournalError::File {
            path: self.path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(&record).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_all());
        if let Err(e) = written {
            count_failure(&self.path);
            return Err(failed(e));
        }
        self.records.push(record);
        Ok(&self.records[self.records.len() - 1])
    }

    /// How often a record could not be written, ever.
    pub fn append_failures(workspace: &Workspace) -> u64 {
        fs::metadata(failures_file(&workspace.journal())).map_or(0, |m| m.len())
    }

    /// Proves the chain of records that were read.
    pub fn report(records: &[JournalRecord]) -> VerifyReport {
        VerifyReport {
            records: records.len() as u64,
            head: records.last().map(|r| r.hash.clone()).unwrap_or_default(),
        }
    }

    /// The record that says what is in production, by its position, whatever the clocks said.
    pub fn in_production(records: &[JournalRecord]) -> Option<&JournalRecord> {
        records
            .iter()
            .rev()
            .find(|r| r.decision.changes_production())
    }

    /// The record that says what was in production at `time`, if anything was.
    pub fn in_production_at(
        records: &[JournalRecord],
        time: DateTime<Utc>,
    ) -> Option<&JournalRecord> {
        records
            .iter()
            .rev()
            .find(|r| r.decision.changes_production() && r.at <= time)
    }
}

/// A byte for every failure: a counter that is grown without reading it and never torn.
fn failures_file(journal: &Path) -> PathBuf {
    journal.with_extension("failures")
}

/// As well as can be: what kept the record from the disk may keep this from it too. Then the
/// command's own error is all there is.
fn count_failure(journal: &Path) {
    let counted = OpenOptions::new()
        .create(true)
        .append(true)
        .open(failures_file(journal))
        .and_then(|mut file| file.write_all(b"."));
    if let Err(e) = counted {
        tracing::warn!(error = %e, "the failure to write the journal could not be counted");
    }
}

/// Now, at the precision that JSON carries back exactly.
fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

/// Parses and proves the chain. Returns the records and the length of the whole lines.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<JournalRecord>, u64), JournalError> {
    let mut records: Vec<JournalRecord> = Vec::new();
    let mut whole = 0;
    for (index, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        if line.last() != Some(&b'\n') {
            break;
        }
        let broken = |reason: String| JournalError::Broken {
            path: path.to_owned(),
            line: index as u64 + 1,
            reason,
        };
        let record: JournalRecord = serde_json::from_slice(line)
            .map_err(|e| broken(format!("the line is not a journal record ({e})")))?;
        if record.seq != records.len() as u64 + 1 {
            return Err(broken(format!(
                "record {} stands where record {} belongs",
                record.seq,
                records.len() + 1
            )));
        }
        if record.previous != records.last().map_or("", |r| r.hash.as_str()) {
            return Err(broken(
                "it does not continue the record before it".to_owned(),
            ));
        }
        // A flipped byte in the name of a field would otherwise read as that field left out.
        if serde_json::to_vec(&record).ok().as_deref() != Some(&line[..line.len() - 1]) {
            return Err(broken(
                "it is not written the way this program writes".to_owned(),
            ));
        }
        if record.hash != record.expected_hash() {
            return Err(broken("its content does not match its hash".to_owned()));
        }
        records.push(record);
        whole += line.len() as u64;
    }
    Ok((records, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str) -> Actor {
        Actor {
            name: name.to_owned(),
            from: "here".to_owned(),
        }
    }

    fn filled() -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(dir.path());
        let mut journal = Journal::open(&workspace).unwrap();
        for (decision, version) in [
            (Decision::Approve, "v1"),
            (Decision::Pushed, "v1"),
            (Decision::Approve, "v2"),
            (Decision::Pushed, "v2"),
        ] {
            let subject = Subject {
                version: version.to_owned(),
                ..Subject::default()
            };
            journal
                .append(
                    decision,
                    actor("mara"),
                    "because",
                    subject,
                    Evidence::default(),
                )
                .unwrap();
        }
        (dir, workspace)
    }

    #[test]
    fn appends_and_proves_the_chain() {
        let (_dir, workspace) = filled();
        let records = Journal::read(&workspace).unwrap();
        assert_eq!(records.len(), 4);
        assert_eq!(Journal::report(&records).head, records[3].hash);
        assert_eq!(records[1].previous, records[0].hash);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let (_dir, workspace) = filled();
        let whole = fs::read(workspace.journal()).unwrap();
        let before = Journal::read(&workspace).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x01;
            // A flip may tear the last line off (its newline is gone): then a record is missing,
            // otherwise the chain is broken. What it may never be is the same four records.
            match parse(Path::new("j"), &bytes) {
                Ok((records, _)) => assert_ne!(records, before, "byte {at}"),
                Err(JournalError::Broken { .. }) => {}
                Err(e) => panic!("{e}"),
            }
        }
    }

    #[test]
    fn a_removed_or_moved_line_is_noticed() {
        let (_dir, workspace) = filled();
        let text = fs::read_to_string(workspace.journal()).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for order in [vec![0, 2, 3], vec![1, 2, 3], vec![0, 2, 1, 3]] {
            let text: String = order.iter().map(|&i| lines[i]).collect();
            assert!(parse(Path::new("j"), text.as_bytes()).is_err(), "{order:?}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_is_counted() {
        let (_dir, workspace) = filled();
        let mut journal = Journal::open(&workspace).unwrap();
        assert_eq!(Journal::append_failures(&workspace), 0);
        // A file that cannot be written stands in for a full disk.
        journal.file = File::open(workspace.journal()).unwrap();
        for failures in 1..3 {
            journal
                .append(
                    Decision::Approve,
                    actor("mara"),
                    "because",
                    Subject::default(),
                    Evidence::default(),
                )
                .unwrap_err();
            assert_eq!(Journal::append_failures(&workspace), failures);
        }
        assert_eq!(Journal::read(&workspace).unwrap().len(), 4);
    }

    #[test]
    fn a_torn_last_line_is_cut_and_the_chain_goes_on() {
        let (_dir, workspace) = filled();
        let mut bytes = fs::read(workspace.journal()).unwrap();
        bytes.extend_from_slice(b"{\"v\":1,\"seq\":5");
        fs::write(workspace.journal(), &bytes).unwrap();
        assert_eq!(Journal::read(&workspace).unwrap().len(), 4);
        let mut journal = Journal::open(&workspace).unwrap();
        journal
            .append(
                Decision::Reject,
                actor("jon"),
                "no",
                Subject::default(),
                Evidence::default(),
            )
            .unwrap();
        drop(journal);
        let records = Journal::read(&workspace).unwrap();
        assert_eq!(records.len(), 5);
        assert_eq!(records[4].decision, Decision::Reject);
    }

    #[test]
    fn says_what_was_in_production_when() {
        let (_dir, workspace) = filled();
        let records = Journal::read(&workspace).unwrap();
        let before = records[0].at - chrono::Duration::seconds(1);
        assert!(Journal::in_production_at(&records, before).is_none());
        let last = Journal::in_production_at(&records, now()).unwrap();
        assert_eq!(last.subject.version, "v2");
    }
}
