//! Behaviour of the three learners on small made-up data.
