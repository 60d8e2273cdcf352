//! Reads the source, snapshots it in Parquet and splits it.

mod artifact;

pub use artifact::DataIngestionArtifact;
