//! Results of finished learners, kept beside the stage while it works.
//!
//! A stage's own folder is thrown away when its worker dies. What a learner took minutes for is
//! therefore also kept in `model_trainer.partial/` in the run's folder: model bytes and
//! out-of-fold probabilities, under a key made of everything they depend on. A resumed run takes
//! them over and ends with the same bytes. Anything that does not fit the key, or whose hashes
//! are wrong, is ignored and computed again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::hash;
use crate::learners::LearnerId;

/// Name of the folder in the run's folder.
pub const FOLDER: &str = "model_trainer.partial";

/// What a finished learner left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The bytes of the model file.
    pub model: Vec<u8>,
    /// Out-of-fold probabilities, row-major.
    pub out_of_fold: Vec<f64>,
    /// Wall seconds of the final fit.
    pub fit_seconds: f64,
}

/// The note written last: without it the other files do not count.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    key: String,
    model_sha256: String,
    out_of_fold_sha256: String,
    fit_seconds: f64,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Partial {
    dir: PathBuf,
}

impl Partial {
    /// The folder of a run.
    pub fn of_run(run_dir: &Path) -> Self {
        Self {
            dir: run_dir.join(FOLDER),
        }
    }
    /// Removes the folder; the stage is done and in place.
    pub fn remove(&self) {
        // What cannot be removed is only wasted space; the next run of the stage checks keys.
        let _ = fs::remove_dir_all(&self.dir);
    }
    /// Keeps a learner's results.
    pub fn keep(&self, learner: LearnerId, key: &str, kept: &Kept) -> io::Result<()> {
        let out_of_fold: Vec<u8> = kept
            .out_of_fold
            .iter()
            .flat_map(|p| p.to_le_bytes())
            .collect();
        files::write_atomic(&self.path(learner, "model"), &kept.model)?;
        files::write_atomic(&self.path(learner, "out_of_fold"), &out_of_fold)?;
        let note = Note {
            key: key.to_owned(),
            model_sha256: hash::sha256(&kept.model),
            out_of_fold_sha256: hash::sha256(&out_of_fold),
            fit_seconds: kept.fit_seconds,
        };
        files::write_json(&self.path(learner, "json"), &note)
    }
    /// Takes a learner's results over if they belong to `key` and are whole.
    pub fn take(&self, learner: LearnerId, key: &str, values: usize) -> Option<Kept> {
        let note: Note =
            serde_json::from_slice(&fs::read(self.path(learner, "json")).ok()?).ok()?;
        if note.key != key {
            return None;
        }
        let model = fs::read(self.path(learner, "model")).ok()?;
        let bytes = fs::read(self.path(learner, "out_of_fold")).ok()?;
        let whole = hash::sha256(&model) == note.model_sha256
            && hash::sha256(&bytes) == note.out_of_fold_sha256
            && bytes.len() == values * 8;
        if !whole {
            return None;
        }
        let (numbers, _) = bytes.as_chunks::<8>();
        Some(Kept {
            model,
            out_of_fold: numbers.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            fit_seconds: note.fit_seconds,
        })
    }
    fn path(&self, learner: LearnerId, what: &str) -> PathBuf {
        self.dir.join(format!("{learner}.{what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            model: b"{}".to_vec(),
            out_of_fold: vec![0.1, f64::NAN, 1.0 / 3.0],
            fit_seconds: 0.25,
        }
    }

    #[test]
    fn what_is_kept_comes_back_to_the_bit() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::of_run(dir.path());
        assert_eq!(partial.take(LearnerId::Xgboost, "k", 3), None);
        partial.keep(LearnerId::Xgboost, "k", &kept()).unwrap();
        let back = partial.take(LearnerId::Xgboost, "k", 3).unwrap();
        assert_eq!(back.model, kept().model);
        let bits = |v: &[f64]| v.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.out_of_fold), bits(&kept().out_of_fold));
        partial.remove();
        assert_eq!(partial.take(LearnerId::Xgboost, "k", 3), None);
    }

    #[test]
    fn another_key_and_damaged_files_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::of_run(dir.path());
        partial.keep(LearnerId::Xgboost, "k", &kept()).unwrap();
        assert_eq!(partial.take(LearnerId::Xgboost, "other", 3), None);
        assert_eq!(partial.take(LearnerId::Adaboost, "k", 3), None);
        assert_eq!(partial.take(LearnerId::Xgboost, "k", 4), None);
        for (file, bytes) in [("xgboost.model", "{ }"), ("xgboost.json", "{\"key\":")] {
            partial.keep(LearnerId::Xgboost, "k", &kept()).unwrap();
            fs::write(dir.path().join(FOLDER).join(file), bytes).unwrap();
            assert_eq!(partial.take(LearnerId::Xgboost, "k", 3), None, "{file}");
        }
    }
}
