//! Tests of the console as a whole: screens, behaviour, the command table, bytes per frame, and
//! properties over sizes, keys and events.

mod behaviour;
mod bytes;
mod data;
mod hostile;
mod manners;
mod plain;
mod properties;
mod snapshots;
mod table;
mod validation;
