//! Reading a run log that another process may be writing.
//!
//! Whole lines only: a last line without its line feed means "not yet", and the position stays
//! before it. A line that cannot be read and a hole in `seq` are entries of their own, so that a
//! viewer can show them; nothing in a log can make the reader panic or lose a whole line that
//! stands before the damage.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Envelope;

/// A part of a log that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The sequence number that should have stood there.
    pub seq: u64,
    /// What is wrong, a sentence.
    pub reason: String,
}

/// What a reader finds.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every line is an event; a box would be one allocation more for each"
)]
pub enum ReadLine {
    /// An event.
    Event {
        /// The event.
        envelope: Box<Envelope>,
        /// The line as it stands in the file, without its line feed.
        raw: String,
    },
    /// A line that cannot be read, or a hole before the next one.
    Damaged(Damage),
    /// The file was cut or replaced: what was read before no longer stands, begin a new fold.
    Restarted,
}

impl ReadLine {
    /// The event, if it is one.
    pub fn event(&self) -> Option<&Envelope> {
        match self {
            ReadLine::Event { envelope, .. } => Some(envelope),
            ReadLine::Damaged(_) | ReadLine::Restarted => None,
        }
    }
}

/// Reads a run log from the start and then what is added to it.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    /// Device and inode of the file read so far.
    identity: Option<(u64, u64)>,
    /// Where the next line begins.
    offset: u64,
    next_seq: u64,
}

impl LogReader {
    /// A reader at the start of a log. The file need not exist yet: until it does, there is
    /// nothing new.
    pub fn open(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            identity: None,
            offset: 0,
            next_seq: 1,
        }
    }

    /// The log's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at most `max_lines` new whole lines. Empty = nothing new.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn read_new(&mut self, max_lines: usize) -> io::Result<Vec<ReadLine>> {
        let mut found = Vec::new();
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if self.restart() {
                    found.push(ReadLine::Restarted);
                }
                return Ok(found);
            }
            Err(e) => return Err(e),
        };
        let metadata = file.metadata()?;
        let identity = (metadata.dev(), metadata.ino());
        let replaced = self.identity.is_some_and(|known| known != identity);
        // The writer itself cuts only a torn tail, which lies behind `offset`.
        if (replaced || metadata.len() < self.offset) && self.restart() {
            found.push(ReadLine::Restarted);
        }
        self.identity = Some(identity);
        let mut reader = BufReader::with_capacity(1 << 16, file);
        reader.seek(SeekFrom::Start(self.offset))?;
        let mut line = Vec::new();
        for _ in 0..max_lines {
            line.clear();
            let n = reader.read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            self.offset += n as u64;
            self.take(&line, &mut found);
        }
        Ok(found)
    }

    /// Reads everything there is.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn read_all(&mut self) -> io::Result<Vec<ReadLine>> {
        self.read_new(usize::MAX)
    }

    fn restart(&mut self) -> bool {
        let had_lines = self.offset > 0;
        self.identity = None;
        self.offset = 0;
        self.next_seq = 1;
        had_lines
    }

    fn take(&mut self, line: &[u8], found: &mut Vec<ReadLine>) {
        let expected = self.next_seq;
        match serde_json::from_slice::<Envelope>(line) {
            Ok(envelope) => {
                if envelope.seq != expected {
                    found.push(ReadLine::Damaged(Damage {
                        seq: expected,
                        reason: if envelope.seq > expected {
                            format!("events {expected} to {} are missing", envelope.seq - 1)
                        } else {
                            format!("event {} stands where {expected} belongs", envelope.seq)
                        },
                    }));
                }
                self.next_seq = envelope.seq.saturating_add(1);
                found.push(ReadLine::Event {
                    envelope: Box::new(envelope),
                    // A line that parsed as JSON is UTF-8.
                    raw: String::from_utf8_lossy(line).into_owned(),
                });
            }
            Err(e) => {
                self.next_seq = expected.saturating_add(1);
                found.push(ReadLine::Damaged(Damage {
                    seq: expected,
                    reason: format!("the line is not an event: {e}"),
                }));
            }
        }
    }
}
