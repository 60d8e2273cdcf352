//! Tests of the whole program. One target for all of them: each would link everything again.

mod console_pty;
