//! Where the champion lies: its files, their manifest, the atomic swap of `final_model/`, and the
//! published store.
//!
//! Knows files, objects and hashes; decides nothing and journals nothing.

mod champion;
mod crash_point;
mod local;
mod manifest;
pub mod object_store;
pub mod published;

pub use champion::{Champion, load_champion, load_folder, load_version};
pub(crate) use crash_point::crash_point;
#[cfg(test)]
pub(crate) use crash_point::testing::ending_at;
pub(crate) use local::{FINAL_MODEL_README, README_FILE};
pub use local::{
    StorageError, forget_version, in_place, keep_version, kept_version, number, put_in_production,
    versions,
};
pub use manifest::{
    Approval, MANIFEST_FILE, MODEL_FILE, Manifest, PREPROCESSOR_FILE, REFERENCE_FILE, SCHEMA_FILE,
};
