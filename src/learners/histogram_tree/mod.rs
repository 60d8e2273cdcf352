//! Our trees: decision tree (CART), random forest and AdaBoost (SAMME).
//!
//! Every feature is replaced by the rank of its value among the sorted distinct values (exact up
//! to 65,536 of them, quantile bins above). A large node counts class histograms over the ranks, a
//! small node sorts them; either way every split of CART is looked at, and the threshold is the
//! midpoint between the two neighbouring values *in the node*, as in scikit-learn. The order in
//! which features are drawn, what counts as drawn, the stopping rules and the probabilities follow
//! scikit-learn 1.9, and tests compare the figures with it.
//!
//! Each tree has its own generator, seeded by (seed, tree): the same seed gives the same bytes at
//! any number of threads. Nothing here reads files, knows column types or prints.

mod adaboost;
mod checks;
mod codes;
mod criterion;
mod curve;
mod decision_tree;
#[cfg(test)]
mod exact_oracle_tests;
mod grow;
#[cfg(test)]
mod oracle_tests;
mod random_forest;
#[cfg(test)]
mod search_tests;
mod seeds;
mod split;
#[cfg(test)]
mod test_data;
#[cfg(test)]
mod tests;
mod tree;

pub use adaboost::AdaboostModel;
pub use decision_tree::DecisionTreeModel;
pub(super) use decision_tree::in_blocks;
pub use random_forest::RandomForestModel;
