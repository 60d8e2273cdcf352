//! The schema of a configuration, looking into the source where that is needed.

use crate::config::Config;
use crate::error::CommandError;
use crate::schema::{self, Schema};
use crate::source::{self, ReadOptions};
use crate::workspace::Workspace;

/// Makes the schema a configuration asks for. The source is read whole where rows are needed:
/// a class that first shows up in its last row is a class.
pub(super) fn resolve_schema(
    config: &Config,
    workspace: &Workspace,
) -> Result<Schema, CommandError> {
    schema::resolve(&config.schema, workspace, || {
        let options = ReadOptions {
            header: config.source.header,
            delimiter: config.source.delimiter,
            require_label: false,
        };
        let path = workspace.resolve(&config.source.path);
        Ok(source::read_raw(&path, &options, None)?.0)
    })
}
