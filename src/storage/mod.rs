//! Where the champion lies: atomic swaps of `final_model/`.
