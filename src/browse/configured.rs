//! Files, read as the configuration says its files are.

use std::path::Path;

use super::{BrowseError, Cancel, Place, Progress, Table};
use crate::config::Config;
use crate::schema;
use crate::source::{ReadOptions, read_raw};
use crate::workspace::Workspace;

/// Rows that a schema is settled with: here it gives names, and its classes do not matter.
const SAMPLE: usize = 10_000;

/// How a file is read: as `[source]` says when it is the file of `[source]`, else detected.
pub fn options_for(file: &Path, config: Option<&Config>, workspace: &Workspace) -> ReadOptions {
    let Some(config) = config else {
        return ReadOptions::default();
    };
    let same = |path: &Path| {
        let known = workspace.resolve(path).canonicalize();
        matches!((known, file.canonicalize()), (Ok(a), Ok(b)) if a == b)
    };
    let source = &config.source;
    if same(&source.path) || source.test_path.as_deref().is_some_and(same) {
        ReadOptions {
            header: source.header,
            delimiter: source.delimiter,
            require_label: false,
        }
    } else {
        ReadOptions::default()
    }
}

impl Table {
    /// Opens a file. Where it has no header line, the configuration's schema says what its columns
    /// are called, as long as it has as many of them.
    pub fn open_file(
        path: &Path,
        config: Option<&Config>,
        workspace: &Workspace,
        cancel: &Cancel,
    ) -> Result<Self, BrowseError> {
        Self::open_file_watched(path, config, workspace, cancel, &|_, _| {})
    }

    /// The same, and tells how far reading it has come.
    pub fn open_file_watched(
        path: &Path,
        config: Option<&Config>,
        workspace: &Workspace,
        cancel: &Cancel,
        progress: Progress<'_>,
    ) -> Result<Self, BrowseError> {
        let options = options_for(path, config, workspace);
        let place = |schema| Place::File {
            path: path.to_owned(),
            options,
            schema,
        };
        let sample = || Ok(read_raw(path, &options, Some(SAMPLE))?.0);
        if let Some(config) = config
            && has_no_header(path, &options)
            && let Ok(schema) = schema::resolve(&config.schema, workspace, sample)
            && let Ok(named) = Self::open_watched(&place(Some(Box::new(schema))), cancel, progress)
        {
            return Ok(named);
        }
        Self::open_watched(&place(None), cancel, progress)
    }

    /// The first rows of a file that takes long to open, as [`Table::preview`] gives them; `None`
    /// also where the names of its columns are to come from a schema.
    pub fn preview_file(
        path: &Path,
        config: Option<&Config>,
        workspace: &Workspace,
        rows: usize,
        cancel: &Cancel,
    ) -> Result<Option<Self>, BrowseError> {
        let options = options_for(path, config, workspace);
        if config.is_some() && has_no_header(path, &options) {
            return Ok(None);
        }
        let place = Place::File {
            path: path.to_owned(),
            options,
            schema: None,
        };
        Self::preview(&place, rows, cancel)
    }
}

/// Whether a file is one that could have a header and has none.
fn has_no_header(path: &Path, options: &ReadOptions) -> bool {
    read_raw(path, options, Some(1)).is_ok_and(|(_, detected)| detected.header == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["src_bytes", "service", "label"];

    /// A workspace whose configuration has a schema of three columns.
    fn workspace(dir: &Path) -> (Workspace, Config) {
        let path = dir.join("named.csv");
        std::fs::write(&path, "src_bytes,service,label\n1,http,normal\n2,dns,dos\n").unwrap();
        let raw = read_raw(&path, &ReadOptions::default(), None).unwrap().0;
        let inferred = schema::infer(&raw, "named.csv", Some("label"));
        schema::write_file(&inferred.schema, &dir.join("schema.toml")).unwrap();
        let mut config = Config::default();
        config.schema.file = Some("schema.toml".into());
        (Workspace::new(dir.to_owned()), config)
    }

    fn names(table: &Table) -> Vec<&str> {
        table.columns().iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn columns_without_a_header_are_called_as_in_the_schema() {
        let dir = tempfile::tempdir().unwrap();
        let (workspace, config) = workspace(dir.path());
        let cancel = Cancel::new();
        let bare = dir.path().join("bare.csv");
        std::fs::write(&bare, "1,http,normal\n20,dns,dos\n3,http,dos\n").unwrap();
        let open = |path: &Path, config| Table::open_file(path, config, &workspace, &cancel);
        let named = open(&bare, Some(&config)).unwrap();
        assert_eq!(names(&named), NAMES);
        assert_eq!(named.rows(), Some(3));
        let unnamed = open(&bare, None).unwrap();
        assert_ne!(names(&unnamed), NAMES);
        let other = dir.path().join("other.csv");
        std::fs::write(&other, "1,2,3,4,5\n3,4,5,6,7\n5,6,7,8,9\n").unwrap();
        let table = open(&other, Some(&config)).unwrap();
        assert_eq!(table.columns().len(), 5, "the schema does not fit");
    }
}
