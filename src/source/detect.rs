//! What a file turned out to be, judged by its bytes first and its name second.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::header::HeaderReport;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
    /// Documents of a MongoDB collection; no file has this format.
    Mongodb,
}

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// How text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// UTF-8, ASCII included.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 with a byte order mark.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// UTF-16 with a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Windows-1252, because some fields are not UTF-8.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// No text format.
    Binary,
}

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnds {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r` alone.
    Cr,
    /// More than one kind.
    Mixed,
    /// A single line, or no text format.
    None,
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detected {
    /// The format.
    pub format: Format,
    /// The packing.
    pub compression: Compression,
    /// The encoding.
    pub encoding: TextEncoding,
    /// The line ends.
    pub line_ends: LineEnds,
    /// CSV: the delimiter.
    pub delimiter: Option<char>,
    /// CSV: whether the first line is a header.
    pub header: Option<bool>,
    /// The column names as found, repeated ones made different (`name.1`).
    pub names: Vec<String>,
    /// How the names were matched with the schema.
    pub columns: HeaderReport,
}

impl Detected {
    /// One line for people: `CSV, gzip, comma, no header, UTF-8, LF`.
    pub fn summary(&self) -> String {
        let mut parts = vec![
            match self.format {
                Format::Csv => "CSV",
                Format::Parquet => "Parquet",
                Format::Ndjson => "NDJSON",
                Format::Mongodb => "MongoDB",
            }
            .to_owned(),
        ];
        match self.compression {
            Compression::None => {}
            Compression::Gzip => parts.push("gzip".to_owned()),
            Compression::Zstd => parts.push("zstd".to_owned()),
        }
        if let Some(delimiter) = self.delimiter {
            parts.push(match delimiter {
                ',' => "comma".to_owned(),
                ';' => "semicolon".to_owned(),
                '\t' => "tab".to_owned(),
                '|' => "bar".to_owned(),
                other => format!("delimiter {other:?}"),
            });
        }
        if let Some(header) = self.header {
            parts.push(if header { "header" } else { "no header" }.to_owned());
        }
        match self.encoding {
            TextEncoding::Utf8 => parts.push("UTF-8".to_owned()),
            TextEncoding::Utf8Bom => parts.push("UTF-8 with BOM".to_owned()),
            TextEncoding::Utf16 => parts.push("UTF-16".to_owned()),
            TextEncoding::Windows1252 => parts.push("Windows-1252".to_owned()),
            TextEncoding::Binary => {}
        }
        match self.line_ends {
            LineEnds::Lf => parts.push("LF".to_owned()),
            LineEnds::CrLf => parts.push("CRLF".to_owned()),
            LineEnds::Cr => parts.push("CR".to_owned()),
            LineEnds::Mixed => parts.push("mixed line ends".to_owned()),
            LineEnds::None => {}
        }
        parts.join(", ")
    }
}

/// The format of unpacked bytes, or what they look like instead.
pub(super) fn format_of(path: &Path, head: &[u8]) -> Result<Format, String> {
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    let known: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "it is a zip archive (or an Excel workbook)"),
        (b"\x7fELF", "it is a program"),
        (b"ARROW1", "it is an Arrow file"),
        (b"ORC", "it is an ORC file"),
        (b"BZh", "it is packed with bzip2"),
        (b"\xfd7zXZ", "it is packed with xz"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| {
        head.starts_with(magic) && head.iter().take(512).any(|b| !(9..127).contains(b))
    }) {
        return Err((*what).to_owned());
    }
    if head.contains(&0) {
        return Err("it holds zero bytes, so it is not text".to_owned());
    }
    let odd = head
        .iter()
        .filter(|b| matches!(b, 1..=8 | 11 | 14..=31 | 127))
        .count();
    if odd * 20 > head.len() {
        return Err("too many control characters, so it is not text".to_owned());
    }
    let named = |endings: &[&str]| {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let name = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"))
            .unwrap_or(&name)
            .to_owned();
        endings.iter().any(|e| name.ends_with(e))
    };
    if named(&[".parquet"]) {
        return Err("it is named Parquet but does not begin like a Parquet file".to_owned());
    }
    let first = head.iter().find(|b| !b.is_ascii_whitespace());
    if named(&[".ndjson", ".jsonl", ".json"]) || (first == Some(&b'{') && !named(&[".csv"])) {
        return Ok(Format::Ndjson);
    }
    Ok(Format::Csv)
}

/// The line ends in the first bytes.
pub(super) fn line_ends_of(head: &[u8]) -> LineEnds {
    let (mut lf, mut crlf, mut cr) = (0u64, 0u64, 0u64);
    for (i, &b) in head.iter().enumerate() {
        match b {
            b'\n' if i > 0 && head[i - 1] == b'\r' => crlf += 1,
            b'\n' => lf += 1,
            // The last byte of the sample may be the first half of CRLF.
            b'\r' if head.get(i + 1).is_some_and(|&n| n != b'\n') => cr += 1,
            _ => {}
        }
    }
    match (lf > 0, crlf > 0, cr > 0) {
        (false, false, false) => match head.last() {
            Some(b'\r') => LineEnds::Cr,
            _ => LineEnds::None,
        },
        (true, false, false) => LineEnds::Lf,
        (false, true, false) => LineEnds::CrLf,
        (false, false, true) => LineEnds::Cr,
        _ => LineEnds::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        assert_eq!(line_ends_of(b"a\nb\n"), LineEnds::Lf);
        assert_eq!(line_ends_of(b"a\r\nb\r"), LineEnds::CrLf);
        assert_eq!(line_ends_of(b"a\rb\r"), LineEnds::Cr);
        assert_eq!(line_ends_of(b"a\rb\nc"), LineEnds::Mixed);
        assert_eq!(line_ends_of(b"a"), LineEnds::None);
    }

    #[test]
    fn formats() {
        let of = |name: &str, head: &[u8]| format_of(Path::new(name), head);
        assert_eq!(of("a.txt", b"PAR1...."), Ok(Format::Parquet));
        assert_eq!(of("a.txt", b"{\"a\":1}\n"), Ok(Format::Ndjson));
        assert_eq!(of("a.jsonl.gz", b"[1]\n"), Ok(Format::Ndjson));
        assert_eq!(of("a", b"a,b\n1,2\n"), Ok(Format::Csv));
        assert!(of("a.csv", b"a\0b").is_err());
        assert!(of("a.parquet", b"a,b\n").is_err());
        assert!(
            of("a.csv", b"PK\x03\x04\x14\x00")
                .unwrap_err()
                .contains("zip")
        );
        // A text that only begins like an archive is text.
        assert_eq!(of("a.csv", b"ORCHARD,b\n1,2\n"), Ok(Format::Csv));
    }
}
