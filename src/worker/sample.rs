//! The schema of a configuration, looking into the source where that is needed.

use crate::config::Config;
use crate::error::CommandError;
use crate::schema::{self, Schema};
use crate::workspace::Workspace;

/// Makes the schema a configuration asks for.
pub(super) fn resolve_schema(
    config: &Config,
    workspace: &Workspace,
) -> Result<Schema, CommandError> {
    schema::resolve(&config.schema, workspace, || {
        Err(CommandError::internal(
            "sampling the source is not built yet",
        ))
    })
}
