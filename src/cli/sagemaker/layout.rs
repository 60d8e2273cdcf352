//! Where SageMaker puts things into a container, and expects to find them.

use std::path::{Path, PathBuf};

use crate::error::CommandError;
use crate::text;

/// Longest text SageMaker shows of a failure.
const FAILURE_LENGTH: usize = 1024;

/// The folders below `/opt/ml`, or below another root in tests.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// `model/`: read by `serve`, written by `train`.
    pub(super) fn model(&self) -> PathBuf {
        self.root.join("model")
    }

    /// `input/config/hyperparameters.json`.
    pub(super) fn hyperparameters(&self) -> PathBuf {
        self.root.join("input/config/hyperparameters.json")
    }

    /// `output/data/`: kept by SageMaker beside the model.
    pub(super) fn output_data(&self) -> PathBuf {
        self.root.join("output/data")
    }

    /// The folder of an input channel that was given, by the first of these names.
    pub(super) fn channel(&self, names: &[&str]) -> Option<PathBuf> {
        names
            .iter()
            .map(|name| self.root.join("input/data").join(name))
            .find(|folder| folder.is_dir())
    }

    /// The one data file of a channel.
    pub(super) fn only_file(channel: &Path) -> Result<PathBuf, CommandError> {
        let unreadable = |e: std::io::Error| {
            CommandError::backend(format!("{} cannot be read", channel.display())).because(e)
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(channel).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // SageMaker's own list of a sharded channel is no data.
            if path.is_file() && !name.starts_with('.') && !name.ends_with("-manifest") {
                files.push(path);
            }
        }
        files.sort();
        match files.len() {
            1 => Ok(files.remove(0)),
            0 => Err(CommandError::data(format!(
                "{} holds no file",
                channel.display()
            ))),
            n => Err(
                CommandError::usage(format!("{} holds {n} files", channel.display()))
                    .hint("The hyperparameter `source.path` says which one to train on."),
            ),
        }
    }

    /// Writes `output/failure`, which SageMaker shows to whoever started the job.
    pub(super) fn write_failure(&self, said: &str) {
        let path = self.root.join("output/failure");
        let mut shown = String::new();
        for line in said.lines() {
            let line = text::clean(line);
            if shown.len() + line.len() + 1 > FAILURE_LENGTH {
                // The end of a long line is the least of it.
                let room = FAILURE_LENGTH.saturating_sub(shown.len() + 1);
                let cut = (0..=room.min(line.len()))
                    .rev()
                    .find(|at| line.is_char_boundary(*at))
                    .unwrap_or(0);
                shown.push_str(&line[..cut]);
                break;
            }
            shown.push_str(&line);
            shown.push('\n');
        }
        let written = std::fs::create_dir_all(self.root.join("output"))
            .and_then(|()| std::fs::write(&path, shown));
        if let Err(e) = written {
            tracing::warn!(path = %path.display(), error = %e, "the failure cannot be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_file_of_a_channel() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Layout::only_file(dir.path()).is_err());
        std::fs::write(dir.path().join("flows.csv"), "a\n").unwrap();
        std::fs::write(dir.path().join("training-manifest"), "[]").unwrap();
        std::fs::write(dir.path().join(".hidden"), "").unwrap();
        let found = Layout::only_file(dir.path()).unwrap();
        assert_eq!(found, dir.path().join("flows.csv"));
        std::fs::write(dir.path().join("more.csv"), "a\n").unwrap();
        let error = Layout::only_file(dir.path()).unwrap_err();
        assert!(error.to_string().contains("holds 2 files"), "{error}");
    }

    #[test]
    fn a_failure_is_short_and_clean() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let said = format!("error: \u{1b}[31mred\n{}\n", "ä".repeat(2_000));
        layout.write_failure(&said);
        let told = std::fs::read_to_string(dir.path().join("output/failure")).unwrap();
        assert!(told.len() <= FAILURE_LENGTH);
        assert!(
            told.starts_with("error: ") && !told.contains('\u{1b}'),
            "{told}"
        );
        assert!(told.ends_with('ä'));
    }
}
