//! The backends together: rows from MongoDB, models to S3, runs to MLflow, with real servers.
//! What each backend does by itself is tested in the file of its name beside this folder.

mod chaos;
mod published;
mod registry;
mod secrets;
mod site;
mod tables;
