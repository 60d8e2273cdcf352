//! Tests of the whole program: the real binary, real processes, a folder of its own each. One
//! target for all of them: each would link everything again.

mod analysts;
mod backends;
mod bad_input;
mod concept_drift;
mod console_budgets;
mod console_collection;
mod console_data;
mod console_drive;
mod console_pty;
mod console_remote;
mod console_signals;
mod demo;
#[allow(
    dead_code,
    reason = "offers what a test of a consumer may need, used today or not"
)]
mod fault_proxy;
mod findings;
mod harness;
mod import;
mod layers;
mod mlflow_client;
mod mlflow_sync;
mod mongodb;
mod packaging;
mod plain_mode;
mod portable;
mod pty;
mod queue;
mod record_screens;
mod retrain;
mod s3;
#[allow(
    dead_code,
    reason = "the harness offers what a test of a backend may need, used today or not"
)]
mod services;
mod serving;
mod slow_link;
mod survival;
mod watching;
