//! The detached worker: spawn, handshake, control, execution of the stages.
