//! The detached worker: a process of its own that runs the pipeline and answers to nobody's
//! terminal.
//!
//! [`start`] and [`resume`] spawn it and wait until it is at work; [`send`] tells it to stop;
//! [`execute`] is what it does. Closing the terminal, losing SSH or a crash of a viewer cannot
//! touch it.

mod control;
mod execute;
mod heartbeat;
mod sample;
mod spawn;

pub use control::{ControlLine, Delivery, cancel_was_asked_since, send};
pub use execute::execute;
pub use spawn::{StartRequest, resume, start, workspace_of};
