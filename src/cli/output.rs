//! Results on stdout. A reader that has seen enough (`| head`) is not an error.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::error::CommandError;

/// Whether the one who reads stdout is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Still there.
    There,
    /// Has closed the pipe: nothing more needs to be written.
    Gone,
}

/// Writes text to stdout and flushes it.
pub(super) fn write(text: &str) -> Result<Reader, CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(e) => Err(CommandError::backend("stdout cannot be written").because(e)),
    }
}

/// Writes a JSON document to stdout.
pub(super) fn write_json<T: Serialize>(document: &T) -> Result<(), CommandError> {
    let mut text = serde_json::to_string_pretty(document)
        .map_err(|e| CommandError::internal("the document cannot be written").because(e))?;
    text.push('\n');
    write_text(&text)
}

/// Writes a value as one line of JSON to stdout: a record of a stream.
pub(super) fn write_json_line<T: Serialize>(value: &T) -> Result<(), CommandError> {
    let mut text = serde_json::to_string(value)
        .map_err(|e| CommandError::internal("the record cannot be written").because(e))?;
    text.push('\n');
    write_text(&text)
}

/// Writes a line for people to stderr. A stderr that nobody reads any more stops no command, where
/// `eprintln!` would panic.
pub(super) fn write_note(line: fmt::Arguments<'_>) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Prints a line of a result to stdout, as `println!` does, and returns a `Result` instead of
/// panicking when the pipe is closed.
macro_rules! say {
    () => { $crate::cli::output::write_text("\n") };
    ($($arg:tt)*) => {
        $crate::cli::output::write_text(&(format!($($arg)*) + "\n"))
    };
}

/// Prints a line to stderr, as `eprintln!` does, and goes on when nobody reads it.
macro_rules! note {
    ($($arg:tt)*) => { $crate::cli::output::write_note(format_args!($($arg)*)) };
}

pub(super) use {note, say};

/// Writes text to stdout, as the whole result: whether anybody read it to the end is no matter.
pub(super) fn write_text(text: &str) -> Result<(), CommandError> {
    write(text).map(|_| ())
}
