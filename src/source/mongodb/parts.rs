//! What has been read so far, kept on disk so that a killed run goes on from there.
//!
//! Rows are collected in parts. While reading takes long, parts are written every few seconds:
//! `part-00000.parquet` with the rows, then `part-00000.json` with everything else, the place to
//! go on from included; a part counts once its description stands. A part of other rows (another
//! bound, schema or query) has another key and is thrown away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use crate::dataset::{Frame, ParquetFileError, QuarantinedRow, read_frame, write_part};
use crate::files;
use crate::source::error::SourceError;
use crate::source::report::CoercionReport;
use crate::source::typed::Part;

/// Parts that may wait to be written; they share their columns with the table being read.
const WAITING: usize = 2;

/// Everything about a part but its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Description {
    /// What was read: bound, query, schema.
    key: String,
    /// Rows in the Parquet file.
    kept: u64,
    /// CRC-32 of the Parquet file.
    crc32: u32,
    /// Where to go on.
    pub place: Place,
    quarantine: Vec<QuarantinedRow>,
    coercions: CoercionReport,
}

/// Where reading stands after a part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Documents read.
    pub rows: u64,
    /// The `_id` of the last one.
    pub after: Option<String>,
    /// The fields seen so far.
    pub names: Vec<String>,
}

/// A folder of parts.
pub(super) struct PartFolder {
    dir: PathBuf,
    key: String,
}

impl PartFolder {
    pub fn new(dir: &Path, key: String) -> Self {
        Self {
            dir: dir.to_owned(),
            key,
        }
    }

    fn paths(&self, number: usize) -> (PathBuf, PathBuf) {
        let at = |ending: &str| self.dir.join(format!("part-{number:05}.{ending}"));
        (at("parquet"), at("json"))
    }

    /// The parts an earlier attempt left, in order, as far as they are whole; and the place after
    /// them. Whatever else lies there is removed.
    pub fn load(&self) -> Result<(Vec<Part>, Place), SourceError> {
        let mut parts = Vec::new();
        let mut place = Place::default();
        while let Some((part, next)) = self.part(parts.len()) {
            parts.push(part);
            place = next;
        }
        if parts.is_empty() {
            match fs::remove_dir_all(&self.dir) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(self.failed(e)),
            }
        }
        fs::create_dir_all(&self.dir).map_err(|e| self.failed(e))?;
        Ok((parts, place))
    }

    /// A part and the place after it, when it is there, whole and of these rows.
    fn part(&self, number: usize) -> Option<(Part, Place)> {
        let (rows, description) = self.paths(number);
        let description: Description = serde_json::from_slice(&fs::read(description).ok()?).ok()?;
        if description.key != self.key || crc32(&fs::read(&rows).ok()?) != description.crc32 {
            return None;
        }
        let frame = read_frame(&rows).ok()?;
        let Description {
            kept,
            place,
            quarantine,
            coercions,
            ..
        } = description;
        if frame.rows() as u64 != kept {
            return None;
        }
        let part = Part {
            frame,
            next_row: place.rows,
            quarantine,
            coercions,
        };
        Some((part, place))
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::Write {
            path: self.dir.clone(),
            source,
        }
    }

    /// Writes a part; it counts when this returns.
    fn write(&self, job: &Job) -> Result<(), SourceError> {
        let (rows, description) = self.paths(job.number);
        let bytes = write_part(&job.frame, &rows).map_err(|e| match e {
            ParquetFileError::Io { path, source, .. } => SourceError::Write { path, source },
            other => SourceError::Internal(other.to_string()),
        })?;
        let described = Description {
            key: self.key.clone(),
            kept: job.frame.rows() as u64,
            crc32: crc32(&bytes),
            place: job.place.clone(),
            quarantine: job.quarantine.clone(),
            coercions: job.coercions.clone(),
        };
        files::write_json(&description, &described).map_err(|e| self.failed(e))
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A part to be written.
struct Job {
    number: usize,
    frame: Frame,
    place: Place,
    quarantine: Vec<QuarantinedRow>,
    coercions: CoercionReport,
}

/// Writes parts on a thread of its own, in order, while reading goes on.
pub(super) struct PartWriter {
    sender: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<Result<(), SourceError>>>,
}

impl PartWriter {
    pub fn start(folder: PartFolder) -> Result<Self, SourceError> {
        let (sender, receiver) = sync_channel::<Job>(WAITING);
        let dir = folder.dir.clone();
        let thread = std::thread::Builder::new()
            .name("parts".to_owned())
            .spawn(move || receiver.iter().try_for_each(|job| folder.write(&job)))
            .map_err(|source| SourceError::Write { path: dir, source })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Has a part written; waits while others are waiting.
    pub fn write(&mut self, number: usize, part: &Part, place: Place) -> Result<(), SourceError> {
        let job = Job {
            number,
            frame: part.frame.clone(),
            place,
            quarantine: part.quarantine.clone(),
            coercions: part.coercions.clone(),
        };
        match &self.sender {
            Some(sender) if sender.send(job).is_ok() => Ok(()),
            // The thread has ended early: with an error.
            _ => self.finish(),
        }
    }

    /// Waits until everything is written.
    pub fn finish(&mut self) -> Result<(), SourceError> {
        self.sender = None;
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(e))) => Err(e),
            Some(Err(_)) => Err(SourceError::Internal(
                "the thread that keeps what was read broke off".to_owned(),
            )),
        }
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        // Also when reading ends with an error: what was read is worth keeping. An error of
        // writing would only hide the one at hand.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from: u64, rows: u64) -> Part {
        let values = (from..from + rows).map(|v| Some(v as f64)).collect();
        Part {
            frame: Frame::from_columns(vec![Frame::number_column("a", values)]).unwrap(),
            next_row: from + rows,
            quarantine: Vec::new(),
            coercions: CoercionReport::default(),
        }
    }

    fn place(rows: u64) -> Place {
        Place {
            rows,
            after: Some(format!("{rows}")),
            names: vec!["a".to_owned()],
        }
    }

    fn folder(dir: &Path, key: &str) -> PartFolder {
        PartFolder::new(&dir.join("parts"), key.to_owned())
    }

    fn written(dir: &Path) {
        folder(dir, "k").load().unwrap();
        let mut writer = PartWriter::start(folder(dir, "k")).unwrap();
        for (number, from) in [0, 10, 20].into_iter().enumerate() {
            writer
                .write(number, &part(from, 10), place(from + 10))
                .unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn parts_read_back_with_the_place_after_them() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let (parts, after) = folder(dir.path(), "k").load().unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(after, place(30));
        assert_eq!(parts[2].frame.numbers("a").unwrap()[9], 29.0);
    }

    #[test]
    fn parts_of_other_rows_are_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let (parts, after) = folder(dir.path(), "other").load().unwrap();
        assert!(parts.is_empty());
        assert_eq!(after, Place::default());
        assert_eq!(fs::read_dir(dir.path().join("parts")).unwrap().count(), 0);
    }

    #[test]
    fn reading_goes_on_before_a_damaged_or_half_written_part() {
        for (file, change) in [
            ("part-00001.parquet", Some(10)),
            ("part-00001.json", Some(5)),
            ("part-00001.json", None),
        ] {
            let dir = tempfile::tempdir().unwrap();
            written(dir.path());
            let path = dir.path().join("parts").join(file);
            match change {
                Some(at) => {
                    let mut bytes = fs::read(&path).unwrap();
                    bytes[at] ^= 0x55;
                    fs::write(&path, bytes).unwrap();
                }
                None => fs::remove_file(&path).unwrap(),
            }
            let (parts, after) = folder(dir.path(), "k").load().unwrap();
            assert_eq!((parts.len(), after.rows), (1, 10), "{file}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("parts"), "a file").unwrap();
        assert!(folder(dir.path(), "k").load().is_err());
    }
}
