//! The schema of a configuration, looking into the source where that is needed.

use std::path::Path;

use crate::config::Config;
use crate::error::CommandError;
use crate::learners::FitControl;
use crate::pipeline::data_ingestion::RunSnapshots;
use crate::schema::{self, Schema};
use crate::source::mongodb::{MongoServer, Query, read_raw_collection};
use crate::source::{self, ReadOptions};
use crate::workspace::Workspace;

/// Makes the schema a configuration asks for. The source is read whole where rows are needed:
/// a class that first shows up in its last row is a class. Of a collection, the rows of the run's
/// snapshot are read, the same that will be trained on.
pub(super) fn resolve_schema(
    config: &Config,
    workspace: &Workspace,
    run_dir: &Path,
    control: &FitControl,
) -> Result<Schema, CommandError> {
    schema::resolve(&config.schema, workspace, || {
        if let Some(settled) = RunSnapshots::of_run(run_dir, &config.source, control)? {
            let (query, _) = Query::of(&config.source)?;
            let server = MongoServer::connect()?;
            return Ok(read_raw_collection(
                &server,
                &query,
                &settled.main,
                control,
            )?);
        }
        let options = ReadOptions {
            header: config.source.header,
            delimiter: config.source.delimiter,
            require_label: false,
        };
        let path = workspace.resolve(&config.source.path);
        Ok(source::read_raw(&path, &options, None)?.0)
    })
}
