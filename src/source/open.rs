//! Opens a file and unpacks it as it is read: gzip, Zstandard, UTF-16.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::detect::{Compression, TextEncoding};
use super::error::SourceError;

/// Bytes looked at before anything is decided.
const HEAD: usize = 256 * 1024;

/// An open file: its first bytes, and the rest on demand, unpacked.
pub(super) struct Opened {
    /// The first unpacked bytes, without a byte order mark.
    pub head: Vec<u8>,
    /// What follows the head.
    rest: Box<dyn Read>,
    /// How it is packed.
    pub compression: Compression,
    /// What the byte order mark says.
    pub encoding: TextEncoding,
    /// Bytes of the file as it lies there.
    pub size: u64,
    /// Bytes of the file read so far.
    pub consumed: Arc<AtomicU64>,
}

impl Opened {
    /// All unpacked bytes, the head first.
    pub fn into_reader(self) -> impl Read {
        Cursor::new(self.head).chain(self.rest)
    }
}

/// Opens `path` and reads its first bytes.
pub(super) fn open(path: &Path) -> Result<Opened, SourceError> {
    let io = |source: io::Error| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound(path.to_owned()),
        _ => io(e),
    })?;
    if meta.is_dir() {
        return Err(SourceError::Directory(path.to_owned()));
    }
    let consumed = Arc::new(AtomicU64::new(0));
    let mut file = BufReader::with_capacity(
        1 << 16,
        Counted {
            inner: File::open(path).map_err(io)?,
            count: Arc::clone(&consumed),
        },
    );
    let mut magic = Vec::with_capacity(4);
    (&mut file).take(4).read_to_end(&mut magic).map_err(io)?;
    if magic.is_empty() {
        return Err(SourceError::Empty(path.to_owned()));
    }
    let compression = if magic.starts_with(&[0x1f, 0x8b]) {
        Compression::Gzip
    } else if magic == [0x28, 0xb5, 0x2f, 0xfd] {
        Compression::Zstd
    } else {
        Compression::None
    };
    let raw = Cursor::new(magic).chain(file);
    let mut rest: Box<dyn Read> = match compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(raw).map_err(io)?),
    };
    let mut head = fill(&mut rest).map_err(|e| read_error(path, compression, 0, e))?;
    let mut encoding = TextEncoding::Utf8;
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        head.drain(..3);
        encoding = TextEncoding::Utf8Bom;
    } else if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        // encoding_rs takes the byte order from the mark.
        rest = Box::new(Utf16 {
            inner: Cursor::new(head).chain(rest),
            decoder: encoding_rs::UTF_16LE.new_decoder(),
            text: Vec::new(),
            at: 0,
            done: false,
        });
        head = fill(&mut rest).map_err(|e| read_error(path, compression, 0, e))?;
        encoding = TextEncoding::Utf16;
    }
    if head.iter().all(u8::is_ascii_whitespace) && head.len() < HEAD {
        return Err(SourceError::Empty(path.to_owned()));
    }
    Ok(Opened {
        head,
        rest,
        compression,
        encoding,
        size: meta.len(),
        consumed,
    })
}

/// Tells a broken packing from a failing disk.
pub(super) fn read_error(
    path: &Path,
    compression: Compression,
    rows: u64,
    e: io::Error,
) -> SourceError {
    let packing = match compression {
        Compression::None => {
            return SourceError::Io {
                path: path.to_owned(),
                source: e,
            };
        }
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    SourceError::Damaged {
        path: path.to_owned(),
        rows,
        reason: if e.kind() == io::ErrorKind::UnexpectedEof {
            format!("the {packing} data ends too early")
        } else {
            format!("the {packing} data is broken ({e})")
        },
    }
}

fn fill(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    reader.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Turns UTF-16 into UTF-8 on the fly.
struct Utf16<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    text: Vec<u8>,
    at: usize,
    done: bool,
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.done {
            let mut raw = vec![0; 1 << 14];
            let n = self.inner.read(&mut raw)?;
            self.done = n == 0;
            let room = self
                .decoder
                .max_utf8_buffer_length(n)
                .unwrap_or(n.saturating_mul(3) + 16);
            self.text.resize(room, 0);
            let (_, _, written, _) =
                self.decoder
                    .decode_to_utf8(&raw[..n], &mut self.text, self.done);
            self.text.truncate(written);
            self.at = 0;
        }
        let n = buffer.len().min(self.text.len() - self.at);
        buffer[..n].copy_from_slice(&self.text[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
