//! `Artifacts/<run>/acknowledged.jsonl`: who has taken note of which finding, and why they let it
//! be. Append only, one line each, durable before it is reported.
//!
//! Not a part of the journal: that chain is about what is in production, and a push must not stop
//! because somebody's note cannot be read. A record keeps the figure it was made on, so that a
//! note on a small drift does not speak for a large one that a resumed run found later.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::error::FindingsError;
use super::finding::Finding;
use crate::events::Actor;
use crate::files;

/// Name of the file in the run's folder.
pub const ACKNOWLEDGED_FILE: &str = "acknowledged.jsonl";

/// One note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Version of the format, 1.
    pub v: u16,
    /// Position in the file, from 1.
    pub seq: u64,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// The finding.
    pub check: String,
    /// What was observed when it was acknowledged.
    pub observed: String,
    /// Why it may stay.
    pub note: String,
}

/// The notes of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgements {
    /// The notes.
    pub list: Vec<Acknowledgement>,
    /// Lines that cannot be read.
    pub damaged: usize,
}

impl Acknowledgements {
    /// The last note on a finding as it stands.
    pub fn of(&self, finding: &Finding) -> Option<&Acknowledgement> {
        self.on(&finding.id, &finding.observed)
    }
    /// The last note on a figure.
    pub fn on(&self, id: &str, observed: &str) -> Option<&Acknowledgement> {
        self.list
            .iter()
            .rev()
            .find(|a| a.check == id && a.observed == observed)
    }
    /// The last note on a finding that was made on another figure.
    pub fn on_another_figure(&self, finding: &Finding) -> Option<&Acknowledgement> {
        match self.of(finding) {
            Some(_) => None,
            None => self.list.iter().rev().find(|a| a.check == finding.id),
        }
    }
}

/// Reads the notes of a run; no file is no note. A last line without its end belongs to a writer
/// at work.
///
/// # Errors
/// When the file cannot be read.
pub fn acknowledgements(run_dir: &Path) -> Result<Acknowledgements, FindingsError> {
    let path = run_dir.join(ACKNOWLEDGED_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Acknowledgements::default()),
        Err(source) => {
            return Err(FindingsError::File {
                path,
                what: "read",
                source,
            });
        }
    };
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Acknowledgements {
    let mut found = Acknowledgements::default();
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        match serde_json::from_slice(line) {
            Ok(one) => found.list.push(one),
            Err(_) => found.damaged += 1,
        }
    }
    found
}

/// Appends a note on a problem and makes it durable before returning.
///
/// # Errors
/// When the finding is no problem, the note says nothing, or the file cannot be written.
pub fn acknowledge(
    run_dir: &Path,
    run: &str,
    finding: &Finding,
    by: Actor,
    note: &str,
    at: DateTime<Utc>,
) -> Result<Acknowledgement, FindingsError> {
    if !finding.standing.is_problem() {
        return Err(FindingsError::NoProblem {
            run: run.to_owned(),
            id: finding.id.clone(),
        });
    }
    let note = note.trim();
    if note.is_empty() {
        return Err(FindingsError::NoNote);
    }
    let mut record = Acknowledgement {
        v: 1,
        // Known once the file is locked.
        seq: 0,
        // At the precision that JSON carries back exactly.
        at: DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at),
        by,
        check: finding.id.clone(),
        observed: finding.observed.clone(),
        note: note.to_owned(),
    };
    let path = run_dir.join(ACKNOWLEDGED_FILE);
    append(&path, &mut record).map_err(|source| FindingsError::File {
        path,
        what: "written",
        source,
    })?;
    Ok(record)
}

fn append(path: &Path, record: &mut Acknowledgement) -> io::Result<()> {
    let existed = path.exists();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // A line without its end was never reported to anybody: its writer died in the middle of it.
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64)?;
    }
    file.seek(SeekFrom::Start(whole as u64))?;
    record.seq = bytes[..whole].iter().filter(|b| **b == b'\n').count() as u64 + 1;
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()?;
    match path.parent() {
        Some(dir) if !existed => files::sync_dir(dir),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Kind, Standing};
    use super::*;

    fn finding(observed: &str, standing: Standing) -> Finding {
        Finding {
            id: "drift.bytes".into(),
            column: Some("bytes".into()),
            kind: Kind::Drift(0),
            observed: observed.into(),
            limit: "0.2".into(),
            standing,
            text: String::new(),
            ratio: 1.0,
            importance: None,
        }
    }

    fn jon() -> Actor {
        Actor {
            name: "jon".into(),
            from: "10.2.0.31".into(),
        }
    }

    fn note(dir: &Path, finding: &Finding, text: &str) -> Result<Acknowledgement, FindingsError> {
        acknowledge(dir, "r", finding, jon(), text, Utc::now())
    }

    #[test]
    fn a_note_is_read_back_and_speaks_for_its_figure_only() {
        let dir = tempfile::tempdir().unwrap();
        let small = finding("PSI 0.21", Standing::Drift);
        assert_eq!(acknowledgements(dir.path()).unwrap().list.len(), 0);
        let written = note(dir.path(), &small, " backup jobs\nmoved ").unwrap();
        let read = acknowledgements(dir.path()).unwrap();
        assert_eq!(read.list, std::slice::from_ref(&written));
        assert_eq!(written.note, "backup jobs\nmoved");
        assert_eq!(read.of(&small), Some(&written));
        let large = finding("PSI 0.90", Standing::Drift);
        assert_eq!(read.of(&large), None);
        assert_eq!(read.on_another_figure(&large), Some(&written));
        assert_eq!(read.on_another_figure(&small), None);
    }

    #[test]
    fn a_note_is_required_and_a_problem_to_note() {
        let dir = tempfile::tempdir().unwrap();
        let drifted = finding("PSI 0.21", Standing::Drift);
        assert!(matches!(
            note(dir.path(), &drifted, " \t"),
            Err(FindingsError::NoNote)
        ));
        assert!(matches!(
            note(dir.path(), &finding("PSI 0", Standing::Ok), "why"),
            Err(FindingsError::NoProblem { .. })
        ));
        assert!(!dir.path().join(ACKNOWLEDGED_FILE).exists());
    }

    #[test]
    fn a_torn_line_is_cut_off_and_a_damaged_one_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ACKNOWLEDGED_FILE);
        let drifted = finding("PSI 0.21", Standing::Drift);
        note(dir.path(), &drifted, "first").unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut]);
            fs::write(&path, &torn).unwrap();
            if cut < whole.len() {
                assert_eq!(acknowledgements(dir.path()).unwrap().list.len(), 1);
            }
            note(dir.path(), &drifted, "second").unwrap();
            let read = acknowledgements(dir.path()).unwrap();
            assert_eq!((read.list.len(), read.damaged), (2, 0));
            assert_eq!(read.list[1].seq, 2);
        }
        fs::write(&path, [b"{}\n", whole.as_slice()].concat()).unwrap();
        let read = acknowledgements(dir.path()).unwrap();
        assert_eq!((read.list.len(), read.damaged), (1, 1));
    }
}
