//! Plans the push, executes an approved plan, rolls back.
