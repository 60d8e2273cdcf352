//! The demo's network flows; the generator owns the schema, so that the two cannot differ.

use crate::schema::Schema;

/// The preset, once the generator is part of the program.
pub fn schema() -> Option<Schema> {
    None
}
