//! `netsec watch`: follow or replay a run's log.

use super::follow::{self, Viewer};
use super::output::{self, Reader};
use super::progress::{Progress, Sentences};
use super::{Globals, show_text};
use crate::error::CommandError;
use crate::events::{ReadLine, RunState};
use crate::runs::{RunStore, ShowDocument};

/// Arguments of `netsec watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run id, a unique prefix of one, or `latest`.
    pub run: String,
    /// Append-only lines, no cursor movement.
    #[arg(long)]
    pub plain: bool,
    /// One event a line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
}

/// Runs the command. Ctrl-C ends the watching, not the run; the exit code tells about the
/// watching too, not about the run (`netsec show` does).
pub fn run(args: &Args, globals: &Globals) -> Result<(), CommandError> {
    let workspace = globals.workspace();
    let run = RunStore::new(&workspace).resolve(&args.run)?;
    if args.json {
        follow::follow(&workspace, &run, &mut RawEvents)?;
    } else if args.plain {
        follow::follow(&workspace, &run, &mut Plain::default())?;
    } else {
        let view = follow::follow(&workspace, &run, &mut Progress::on_stderr())?;
        output::write(&show_text::text(&ShowDocument::new(&view)))?;
    }
    Ok(())
}

/// The lines of the log as they stand in it.
struct RawEvents;

impl Viewer for RawEvents {
    fn line(&mut self, line: &ReadLine, _state: &RunState) -> Result<Reader, CommandError> {
        match line {
            ReadLine::Event { raw, .. } => output::write(&format!("{raw}\n")),
            ReadLine::Damaged(d) => {
                output::note!("LOG DAMAGED at event {}: {}", d.seq, d.reason);
                Ok(Reader::There)
            }
            ReadLine::Restarted => Ok(Reader::There),
        }
    }
}

/// Sentences, one below the other.
#[derive(Default)]
pub(super) struct Plain {
    sentences: Sentences,
}

impl Viewer for Plain {
    fn line(&mut self, line: &ReadLine, _state: &RunState) -> Result<Reader, CommandError> {
        let said = match line {
            ReadLine::Event { envelope, .. } => self.sentences.line(envelope, true),
            ReadLine::Damaged(d) => Some(format!("LOG DAMAGED at event {}: {}", d.seq, d.reason)),
            ReadLine::Restarted => Some("the log was replaced; from its start:".to_owned()),
        };
        match said {
            Some(said) => output::write(&format!("{said}\n")),
            None => Ok(Reader::There),
        }
    }
}
