//! The detached worker: a process of its own that runs the pipeline and answers to nobody's
//! terminal.
//!
//! [`start`] and [`resume`] spawn it and wait until it is at work; [`send`] tells it to stop;
//! [`execute`] is what it does; [`drain`] starts what waits in the queue; [`preflight`] looks before
//! a start. Closing the terminal, losing SSH or a crash of a viewer cannot
//! touch it.

mod control;
mod drain;
mod execute;
mod heartbeat;
mod preflight;
mod sample;
mod spawn;

pub use control::{ControlLine, Delivery, cancel_was_asked_since, record_takeover, send};
pub use drain::{Drained, drain, enqueue, is_stuck};
pub use execute::execute;
pub use preflight::{Problem, preflight, refuse};
pub use spawn::{Begin, StartRequest, resume, start, workspace_of};
