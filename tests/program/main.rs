//! Tests of the whole program: the real binary, real processes, a folder of its own each. One
//! target for all of them: each would link everything again.

mod bad_input;
mod console_pty;
mod demo;
mod harness;
mod layers;
mod retrain;
mod survival;
mod watching;
