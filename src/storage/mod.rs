//! Where the champion lies: atomic swaps of `final_model/`.

mod champion;

pub use champion::{Champion, load_champion};
