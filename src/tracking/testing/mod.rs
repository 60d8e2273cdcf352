//! For tests: a tracking server in memory that loses, doubles and delays, and a run to send.

mod fake_server;
mod sample;

pub(crate) use fake_server::{FakeServer, Faults};
pub(crate) use sample::{Sample, decision, fake_model};
