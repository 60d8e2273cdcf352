//! What the columns mean: kinds, roles, ranges, the label and its classes; presets; inference.
//!
//! A schema is data: it can be written to a file, compared and hashed. It never reads rows.

mod column;
mod diff;
mod file;
mod infer;
mod labels;
mod presets;
mod resolve;
mod suggest;
mod target;

pub use column::{ColumnKind, ColumnSpec, Role, Schema};
pub use diff::{ColumnChange, SchemaDiff, diff};
pub use file::{SchemaError, named, named_preset, read_file, to_text, write_file};
pub use infer::{Inferred, infer, label_by_name};
pub use labels::{fill_classes, labels};
pub use presets::{PRESETS, preset, preset_target, target_names};
pub use resolve::resolve;
pub use suggest::nearest;
pub use target::{ClassMapping, Target};
