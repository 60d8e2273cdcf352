//! Grows one tree: depth first, one node at a time, by the rules of scikit-learn's builder.

use rayon::prelude::*;

use super::codes::{CodedMatrix, Ranks};
use super::criterion::{PURE, impurity};
use super::seeds::TreeRng;
use super::split::{Item, NodeView, Offer, RowWeight, Scratch, best_split};
use super::tree::{Tree, TreeBuilder};
use crate::learners::{Criterion, FitControl, FitError, StopRequest};

/// How a tree grows.
#[derive(Clone, Copy)]
pub(super) struct Growth {
    /// Impurity measure.
    pub(super) criterion: Criterion,
    /// Depth at which nodes become leaves.
    pub(super) max_depth: u32,
    /// Rows a node needs to be split.
    pub(super) min_split: usize,
    /// Rows each side needs.
    pub(super) min_leaf: usize,
    /// Features drawn at each node.
    pub(super) max_features: usize,
}

/// A tree and the impurity each feature took away, weighted by the rows' weight.
pub(super) struct Grown {
    /// The tree.
    pub(super) tree: Tree,
    /// One entry a feature, summing to 1, or all 0 for a single leaf.
    pub(super) importances: Vec<f64>,
}

/// Work of one node (rows times features) from which features are searched in parallel.
const PARALLEL_WORK: usize = 1 << 20;
/// Rows of a node from which every feature looks at the operator's wish.
const LARGE_NODE: usize = 1 << 13;

struct Open {
    start: usize,
    end: usize,
    depth: u32,
    node: u32,
    /// The first so many of the drawing order are not known to be constant here.
    active: usize,
}

struct Chosen {
    score: f64,
    feature: usize,
    left: u16,
    right: u16,
}

/// State of one growth.
struct Grower<'a, W: RowWeight> {
    x: &'a CodedMatrix,
    growth: Growth,
    control: &'a FitControl,
    rng: TreeRng,
    /// Every feature once; the front of it, up to `Open::active`, is what a node may draw.
    order: Vec<usize>,
    scratch: Scratch<W>,
}

/// Grows a tree over `items`, every one of positive weight.
///
/// `heartbeat` is called now and then while a large tree grows.
///
/// # Errors
/// [`FitError::Cancelled`] when the control says so.
pub(super) fn grow<W: RowWeight>(
    x: &CodedMatrix,
    mut items: Vec<Item<W>>,
    classes: usize,
    growth: Growth,
    rng: TreeRng,
    control: &FitControl,
    heartbeat: impl Fn(),
) -> Result<Grown, FitError> {
    let mut grower = Grower {
        x,
        growth,
        control,
        rng,
        order: (0..x.features.len()).collect(),
        scratch: Scratch::new(),
    };
    let mut builder = TreeBuilder::new(classes);
    let mut gains = vec![0.0; x.features.len()];
    let mut spare = Vec::new();
    let mut totals = vec![0.0; classes];
    let mut sides = (vec![0.0; classes], vec![0.0; classes]);
    let mut beat = 4096;
    let mut stack = vec![Open {
        start: 0,
        end: items.len(),
        depth: 0,
        node: 0,
        active: x.features.len(),
    }];
    while let Some(open) = stack.pop() {
        if control.stop() == StopRequest::Now {
            return Err(FitError::Cancelled);
        }
        if builder.nodes() > beat {
            beat = builder.nodes() + 4096;
            heartbeat();
        }
        let rows = &items[open.start..open.end];
        class_totals(rows, &mut totals);
        let here = impurity(growth.criterion, &totals);
        let n = rows.len();
        let closed = open.depth >= growth.max_depth
            || n < growth.min_split
            || n < 2 * growth.min_leaf
            || here <= PURE;
        let (chosen, active) = if closed {
            (None, open.active)
        } else {
            let view = NodeView {
                items: rows,
                totals: &totals,
                criterion: growth.criterion,
                min_leaf: growth.min_leaf,
            };
            grower.choose(&view, open.active)?
        };
        let Some(chosen) = chosen else {
            builder.leaf(open.node, &totals);
            continue;
        };
        let feature = &x.features[chosen.feature];
        let threshold = feature.threshold(chosen.left.into(), chosen.right.into());
        let middle = open.start
            + match &feature.ranks {
                Ranks::Narrow(ranks) => partition(
                    &mut items[open.start..open.end],
                    |row| u16::from(ranks[row]) <= chosen.left,
                    &mut spare,
                ),
                Ranks::Wide(ranks) => partition(
                    &mut items[open.start..open.end],
                    |row| ranks[row] <= chosen.left,
                    &mut spare,
                ),
            };
        class_totals(&items[open.start..middle], &mut sides.0);
        class_totals(&items[middle..open.end], &mut sides.1);
        let weighted = |counts: &[f64], impurity: f64| counts.iter().sum::<f64>() * impurity;
        let gain = weighted(&totals, here)
            - weighted(&sides.0, impurity(growth.criterion, &sides.0))
            - weighted(&sides.1, impurity(growth.criterion, &sides.1));
        gains[chosen.feature] += gain.max(0.0);
        let left = builder.split(open.node, chosen.feature as u32, threshold);
        let depth = open.depth + 1;
        stack.push(Open {
            start: middle,
            end: open.end,
            depth,
            node: left + 1,
            active,
        });
        stack.push(Open {
            start: open.start,
            end: middle,
            depth,
            node: left,
            active,
        });
    }
    normalise(&mut gains);
    Ok(Grown {
        tree: builder.finish(),
        importances: gains,
    })
}

/// Scales to a sum of 1, unless there is nothing to scale.
pub(super) fn normalise(shares: &mut [f64]) {
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        for share in shares {
            *share /= total;
        }
    }
}

fn class_totals<W: RowWeight>(items: &[Item<W>], totals: &mut [f64]) {
    totals.fill(0.0);
    for item in items {
        totals[usize::from(item.class)] += item.weight.sum().into();
    }
}

/// Moves the items that go left to the front, keeping the order on both sides; how many they are.
fn partition<W: RowWeight>(
    items: &mut [Item<W>],
    goes_left: impl Fn(usize) -> bool,
    spare: &mut Vec<Item<W>>,
) -> usize {
    spare.clear();
    let mut left = 0;
    for place in 0..items.len() {
        let item = items[place];
        if goes_left(item.row as usize) {
            items[left] = item;
            left += 1;
        } else {
            spare.push(item);
        }
    }
    items[left..].copy_from_slice(spare);
    left
}

impl<W: RowWeight> Grower<'_, W> {
    /// The best split of a node, and how many features are still worth a draw below it.
    ///
    /// As in scikit-learn, constant features count as drawn, but draws go on until one feature
    /// that is not constant was looked at; of equal splits the one drawn first wins.
    fn choose(
        &mut self,
        node: &NodeView<'_, W>,
        active: usize,
    ) -> Result<(Option<Chosen>, usize), FitError> {
        if self.growth.max_features >= self.order.len() {
            self.choose_of_all(node, active)
        } else {
            self.choose_of_drawn(node, active)
        }
    }
    fn check(&self, node: &NodeView<'_, W>) -> Result<(), FitError> {
        if node.items.len() >= LARGE_NODE && self.control.stop() == StopRequest::Now {
            return Err(FitError::Cancelled);
        }
        Ok(())
    }
    fn choose_of_all(
        &mut self,
        node: &NodeView<'_, W>,
        active: usize,
    ) -> Result<(Option<Chosen>, usize), FitError> {
        for place in (1..active).rev() {
            let other = self.rng.below(place + 1);
            self.order.swap(place, other);
        }
        let mut best = None;
        let mut constant = Vec::new();
        let wide = node.items.len() * active >= PARALLEL_WORK && rayon::current_num_threads() > 1;
        if wide {
            let offers: Vec<Result<Offer, FitError>> = self.order[..active]
                .par_iter()
                .map_init(Scratch::new, |scratch, &feature| {
                    self.check(node)?;
                    Ok(best_split(node, &self.x.features[feature], scratch))
                })
                .collect();
            for (place, offer) in offers.into_iter().enumerate() {
                take(offer?, self.order[place], place, &mut best, &mut constant);
            }
        } else {
            for place in 0..active {
                self.check(node)?;
                let feature = self.order[place];
                let offer = best_split(node, &self.x.features[feature], &mut self.scratch);
                take(offer, feature, place, &mut best, &mut constant);
            }
        }
        let mut active = active;
        for place in constant.into_iter().rev() {
            active -= 1;
            self.order.swap(place, active);
        }
        Ok((best, active))
    }
    fn choose_of_drawn(
        &mut self,
        node: &NodeView<'_, W>,
        active: usize,
    ) -> Result<(Option<Chosen>, usize), FitError> {
        let mut best = None;
        let mut known = self.order.len() - active;
        let mut active = active;
        // order[..undrawn] can still be drawn, order[undrawn..active] was looked at.
        let mut undrawn = active;
        let mut drawn = 0;
        let mut looked = 0;
        while undrawn > 0 && (drawn < self.growth.max_features || looked == 0) {
            drawn += 1;
            let place = self.rng.below(undrawn + known);
            if place >= undrawn {
                known -= 1;
                continue;
            }
            self.check(node)?;
            let feature = self.order[place];
            undrawn -= 1;
            self.order.swap(place, undrawn);
            match best_split(node, &self.x.features[feature], &mut self.scratch) {
                Offer::Constant => {
                    active -= 1;
                    self.order.swap(undrawn, active);
                }
                offer => {
                    looked += 1;
                    keep(offer, feature, &mut best);
                }
            }
        }
        Ok((best, active))
    }
}

fn take(
    offer: Offer,
    feature: usize,
    place: usize,
    best: &mut Option<Chosen>,
    constant: &mut Vec<usize>,
) {
    if offer == Offer::Constant {
        constant.push(place);
    } else {
        keep(offer, feature, best);
    }
}

fn keep(offer: Offer, feature: usize, best: &mut Option<Chosen>) {
    if let Offer::Split { score, left, right } = offer
        && best.as_ref().is_none_or(|b| score > b.score)
    {
        *best = Some(Chosen {
            score,
            feature,
            left,
            right,
        });
    }
}
