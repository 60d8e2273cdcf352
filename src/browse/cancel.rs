//! The wish to stop, shared between whoever asks and whoever works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::BrowseError;

/// A flag that ends work early. Clones share it; work looks at it between pieces, a few
/// milliseconds apart.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }
    /// Asks for the end of the work.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
    /// Whether somebody asked for it.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
    /// An error once somebody asked for it.
    pub(super) fn check(&self) -> Result<(), BrowseError> {
        if self.is_cancelled() {
            return Err(BrowseError::Cancelled);
        }
        Ok(())
    }
}
