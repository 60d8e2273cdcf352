//! Looking at the rows of a table of any size: only what is shown is read.
//!
//! A [`Place`] says where the rows lie, a [`Table`] opens it. A [`View`] (filter, order) makes a
//! [`Selection`], which is row positions and nothing else; a [`Window`] holds the cells of the few
//! rows on the screen. Facets, profiles, searches and exports go over a selection piece by piece.
//! Everything that can take long looks at a [`Cancel`].
//!
//! The console and `netsec data` are both built on this. Nothing in here prints, writes a run log
//! or knows what a terminal is.

mod ahead;
mod aside;
mod cancel;
mod column;
mod configured;
mod error;
mod export;
mod facet;
mod find;
mod gather;
mod open;
mod order;
mod parquet;
mod pieces;
mod place;
mod profile;
mod prune;
mod scan;
mod select;
mod spill;
mod store;
mod table;
mod view;
mod window;

pub use cancel::Cancel;
pub use column::{ColumnInfo, Kind};
pub use configured::options_for;
pub use error::BrowseError;
pub use export::Format;
pub use facet::{FACET_VALUES, Facet, FacetValue};
pub use open::Progress;
pub use place::{Part, Place};
pub use profile::{Bar, ColumnProfile, Histogram, LabelShare};
pub use table::Table;
pub use view::{Selection, Sort, View};
pub use window::{Cell, Window};

#[cfg(test)]
mod tests;
