//! The scoring service: HTTP in front of the champion.
//!
//! One table of routes (`routes`) makes the router, the OpenAPI document and the page at `/docs`.
//! A request passes the gate (`router`: host, token, time), its body is read within limits
//! (`intake`), checked with the schema the model was trained with (`layout`, `rows`), decoded
//! straight into columns by its format (`csv_body`, `predict_document`, `mlflow_document`,
//! `open_inference`), scored chunk by chunk (`scoring`) and answered (`reply`). The model is taken
//! from a slot that another thread refills when a new champion appears (`served`, `watch`).
//! Nothing in here prints, fits or decides about models, and no address or path from a request is
//! ever followed.

mod app;
mod champion_source;
mod csv_body;
mod csv_fields;
mod docs_page;
mod handlers;
mod intake;
mod json_rows;
mod layout;
mod metrics;
mod mlflow_document;
mod newcomers;
mod open_inference;
mod openapi;
mod predict_document;
pub mod prediction_log;
mod probe;
mod refusal;
mod reply;
mod retrain;
mod router;
mod routes;
mod rows;
mod scored_drift;
mod scoring;
mod served;
mod server;
mod service;
mod settings;
mod stalled;
#[cfg(test)]
mod testing;
mod tls;
pub mod tokens;
pub mod traffic_keeper;
pub mod verdicts;
mod watch;

pub use app::Project;
pub use champion_source::ChampionSource;
pub use layout::{InputColumn, Layout};
pub use probe::{Probe, probe};
pub use rows::Rule;
pub use scored_drift::ScoredDrift;
pub use scoring::{Outcome, Scored};
pub use served::{ModelSlot, ServedModel};
pub use service::{Start, serve};
pub use settings::{Settings, TlsFiles, address};
pub use watch::Announce;
