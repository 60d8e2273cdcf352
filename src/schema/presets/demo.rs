//! The demo's network flows; the generator owns the schema, so that the two cannot differ.

use crate::schema::{Schema, Target};
use crate::source::demo;

/// The preset.
pub fn schema() -> Schema {
    demo::schema()
}

/// Normal against everything else.
pub fn threat() -> Target {
    demo::threat()
}
