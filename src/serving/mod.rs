//! The scoring service: HTTP in front of the champion.
//!
//! A request is checked with the schema the model was trained with (`layout`, `rows`), decoded
//! straight into columns by its format (`csv_body`, `predict_document`, `mlflow_document`,
//! `open_inference`) and scored chunk by chunk (`scoring`). The model is taken from a slot that
//! another thread refills when a new champion appears (`served`, `watch`). Nothing in here prints,
//! fits or decides about models, and no address or path from a request is ever followed.

mod csv_body;
mod json_rows;
mod layout;
pub mod metrics;
mod mlflow_document;
mod open_inference;
mod predict_document;
pub mod prediction_log;
mod refusal;
mod rows;
mod scoring;
mod served;
#[cfg(test)]
mod testing;
pub mod tokens;

pub use layout::{InputColumn, Layout};
pub use rows::Rule;
pub use scoring::{Outcome, Scored};
pub use served::{ModelSlot, ServedModel};
