//! Where rows lie.

use std::path::{Path, PathBuf};

use super::BrowseError;
use crate::schema::Schema;
use crate::source::ReadOptions;
use crate::source::mongodb::Namespace;

/// Where the rows of a table lie.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A file of any format that is read here.
    File {
        /// The file.
        path: PathBuf,
        /// How a CSV file is read.
        options: ReadOptions,
        /// What the columns of a file without a header are; none = found out from the values.
        schema: Option<Box<Schema>>,
    },
    /// Parquet files that a run wrote, one below the other; row numbers are those of the source.
    RunPart {
        /// The files, with the same columns.
        files: Vec<PathBuf>,
        /// For people: `run 20261122-1230-7f3a, train`.
        title: String,
    },
    /// The rows that a run set aside, with their reasons.
    Quarantine {
        /// The list.
        path: PathBuf,
        /// For people.
        title: String,
    },
    /// A collection of the server that the environment names.
    Collection {
        /// Its name.
        namespace: Namespace,
        /// At most so many documents, the first by their `_id`; none = all.
        most: Option<u64>,
    },
}

/// What a run lets one look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Train and test rows, one below the other.
    All,
    /// Train rows.
    Train,
    /// Test rows.
    Test,
    /// Rows that could not be read.
    Quarantine,
    /// Predictions on train rows, each by a model that did not see the row.
    OutOfFold,
}

impl Part {
    /// Every part, in the order they are offered.
    pub const EVERY: [Part; 5] = [
        Part::All,
        Part::Train,
        Part::Test,
        Part::Quarantine,
        Part::OutOfFold,
    ];
    /// Reads `RUN` or `RUN:PART`: the run's name and the part.
    pub fn split(text: &str) -> (&str, Part) {
        match text.rsplit_once(':') {
            Some((run, "train")) => (run, Part::Train),
            Some((run, "test")) => (run, Part::Test),
            Some((run, "quarantine")) => (run, Part::Quarantine),
            Some((run, "out_of_fold")) => (run, Part::OutOfFold),
            _ => (text, Part::All),
        }
    }
    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Part::All => "train and test",
            Part::Train => "train",
            Part::Test => "test",
            Part::Quarantine => "quarantine",
            Part::OutOfFold => "out-of-fold predictions",
        }
    }
}

impl Place {
    /// A file, read as it is detected to be.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Place::File {
            path: path.into(),
            options: ReadOptions::default(),
            schema: None,
        }
    }

    /// A part of a run whose folder is `folder`; `None` when the run has not made it (yet).
    pub fn of_run(folder: &Path, run: &str, part: Part) -> Option<Self> {
        let title = format!("run {run}, {}", part.word());
        let ingested = folder.join("data_ingestion");
        let files = match part {
            Part::All => vec![
                ingested.join("train.parquet"),
                ingested.join("test.parquet"),
            ],
            Part::Train => vec![ingested.join("train.parquet")],
            Part::Test => vec![ingested.join("test.parquet")],
            Part::OutOfFold => vec![folder.join("model_trainer").join("out_of_fold.parquet")],
            Part::Quarantine => {
                let path = ingested.join("quarantine.ndjson");
                return path.is_file().then_some(Place::Quarantine { path, title });
            }
        };
        files
            .iter()
            .all(|f| f.is_file())
            .then_some(Place::RunPart { files, title })
    }

    /// Reads `FILE`, `RUN`, `RUN:PART` or `mongodb:DATABASE.COLLECTION`. A file comes before a run:
    /// a run can be named in full. `find_run` tells the folder and the full name of a run.
    pub fn parse(
        text: &str,
        find_run: impl FnOnce(&str) -> Option<(PathBuf, String)>,
    ) -> Result<Self, BrowseError> {
        if let Some(name) = text.strip_prefix("mongodb:") {
            return Namespace::parse(name)
                .map(|namespace| Place::Collection {
                    namespace,
                    most: None,
                })
                .map_err(|e| BrowseError::BadPlace(e.to_string()));
        }
        if Path::new(text).exists() {
            return Ok(Place::file(text));
        }
        let (name, part) = Part::split(text);
        let Some((folder, run)) = find_run(name) else {
            return Err(BrowseError::NotFound(format!("file or run `{text}`")));
        };
        Place::of_run(&folder, &run, part).ok_or_else(|| {
            BrowseError::NotFound(format!(
                "{} of run {run}: it has not made that (yet)",
                part.word()
            ))
        })
    }

    /// What it is called.
    pub fn title(&self) -> String {
        match self {
            Place::File { path, .. } => path.display().to_string(),
            Place::RunPart { title, .. } | Place::Quarantine { title, .. } => title.clone(),
            Place::Collection { namespace, .. } => format!("mongodb:{namespace}"),
        }
    }
}
