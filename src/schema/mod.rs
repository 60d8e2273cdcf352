//! What the columns mean: kinds, roles, ranges, the label and its classes; presets; inference.
//!
//! A schema is data: it can be written to a file, compared and hashed. It never reads rows.

mod column;
mod target;

pub use column::{ColumnKind, ColumnSpec, Role, Schema};
pub use target::{ClassMapping, Target};
