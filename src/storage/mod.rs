//! Where the champion lies: its files, their manifest, and the atomic swap of `final_model/`.
//!
//! Knows files and hashes; decides nothing and journals nothing.

mod champion;
mod local;
mod manifest;

pub use champion::{Champion, load_champion, load_version};
pub use local::{StorageError, keep_version, put_in_production, versions};
pub use manifest::{
    Approval, MANIFEST_FILE, MODEL_FILE, Manifest, PREPROCESSOR_FILE, REFERENCE_FILE, SCHEMA_FILE,
};
