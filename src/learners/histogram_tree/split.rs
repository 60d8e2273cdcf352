//! The best split of one node on one feature.
//!
//! Large nodes count class histograms over the ranks, small ones sort the ranks of their rows;
//! both see every boundary between neighbouring values of the node.

use std::ops::{Add, AddAssign};

use super::codes::{CodedFeature, Ranks};
use super::criterion::side_score;
use crate::learners::Criterion;

/// How rows count: whole numbers (plain fits and bootstrap samples) or real weights.
pub(super) trait RowWeight: Copy + Send + Sync {
    /// What sums of weights are kept in.
    type Sum: Copy + Default + Add<Output = Self::Sum> + AddAssign + Into<f64> + Send + Sync;
    /// Whether sums are exact, so that running sums of squares do not drift.
    const EXACT: bool;
    /// The weight as a sum of one.
    fn sum(self) -> Self::Sum;
}

impl RowWeight for u16 {
    type Sum = u32;
    const EXACT: bool = true;
    fn sum(self) -> u32 {
        u32::from(self)
    }
}

impl RowWeight for f64 {
    type Sum = f64;
    const EXACT: bool = false;
    fn sum(self) -> f64 {
        self
    }
}

/// A row of the fit; rows of one node stand next to each other.
#[derive(Clone, Copy)]
pub(super) struct Item<W> {
    /// Row of the coded matrix.
    pub(super) row: u32,
    /// Its class.
    pub(super) class: u16,
    /// Its weight, above 0.
    pub(super) weight: W,
}

/// A node as a split search sees it.
pub(super) struct NodeView<'a, W> {
    /// Its rows.
    pub(super) items: &'a [Item<W>],
    /// Weight of each class.
    pub(super) totals: &'a [f64],
    /// Impurity measure.
    pub(super) criterion: Criterion,
    /// Rows each side needs.
    pub(super) min_leaf: usize,
}

/// What a feature offers a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Offer {
    /// One value only.
    Constant,
    /// Several values, but no allowed split.
    Nothing,
    /// Ranks up to `left` against ranks from `right`, neighbours in the node.
    Split {
        /// Larger is better.
        score: f64,
        /// Last rank on the left.
        left: u16,
        /// First rank on the right.
        right: u16,
    },
}

/// Buffers of a search, reused from node to node.
pub(super) struct Scratch<W: RowWeight> {
    ranks: Vec<u16>,
    keys: Vec<u32>,
    histogram: Vec<W::Sum>,
    row_counts: Vec<u32>,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl<W: RowWeight> Scratch<W> {
    /// Empty buffers.
    pub(super) fn new() -> Self {
        Self {
            ranks: Vec::new(),
            keys: Vec::new(),
            histogram: Vec::new(),
            row_counts: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
        }
    }
}

/// Walks the groups of equal rank in ascending order and keeps the best boundary.
struct Scan<'a> {
    criterion: Criterion,
    incremental: bool,
    rows: usize,
    min_leaf: usize,
    left: &'a mut Vec<f64>,
    right: &'a mut Vec<f64>,
    left_sum: f64,
    right_sum: f64,
    left_squares: f64,
    right_squares: f64,
    rows_left: usize,
    last: Option<u16>,
    best: Offer,
    best_score: f64,
}

impl<'a> Scan<'a> {
    fn new<W: RowWeight>(
        node: &NodeView<'_, W>,
        left: &'a mut Vec<f64>,
        right: &'a mut Vec<f64>,
    ) -> Self {
        left.clear();
        left.resize(node.totals.len(), 0.0);
        right.clear();
        right.extend_from_slice(node.totals);
        let right_sum = right.iter().sum();
        let right_squares = right.iter().map(|r| r * r).sum();
        Self {
            criterion: node.criterion,
            incremental: W::EXACT && node.criterion == Criterion::Gini,
            rows: node.items.len(),
            min_leaf: node.min_leaf,
            left,
            right,
            left_sum: 0.0,
            right_sum,
            left_squares: 0.0,
            right_squares,
            rows_left: 0,
            last: None,
            best: Offer::Constant,
            best_score: f64::NEG_INFINITY,
        }
    }
    /// Starts the group of `rank`: looks at the boundary before it.
    #[inline]
    fn boundary(&mut self, rank: u16) {
        if let Some(last) = self.last {
            if self.best == Offer::Constant {
                self.best = Offer::Nothing;
            }
            // `rows_left` is only counted when a leaf needs more than one row.
            if self.min_leaf == 1
                || (self.rows_left >= self.min_leaf && self.rows - self.rows_left >= self.min_leaf)
            {
                let score = if self.incremental {
                    self.left_squares / self.left_sum + self.right_squares / self.right_sum
                } else {
                    side_score(self.criterion, self.left.iter().copied())
                        + side_score(self.criterion, self.right.iter().copied())
                };
                if score > self.best_score {
                    self.best_score = score;
                    self.best = Offer::Split {
                        score,
                        left: last,
                        right: rank,
                    };
                }
            }
        }
        self.last = Some(rank);
    }
    /// Moves weight of a class to the left.
    #[inline]
    fn shift(&mut self, class: usize, weight: f64) {
        let (l, r) = (self.left[class], self.right[class]);
        if self.incremental {
            self.left_squares += weight * (2.0 * l + weight);
            self.right_squares += weight * (weight - 2.0 * r);
            self.left_sum += weight;
            self.right_sum -= weight;
        }
        self.left[class] = l + weight;
        // Real weights: what rounding leaves must not turn negative.
        self.right[class] = (r - weight).max(0.0);
    }
}

/// Cells of a histogram that is kept four times over, so that one-hot columns do not wait for
/// the same counter at every row.
const SMALL: usize = 64;

/// Searches one feature.
pub(super) fn best_split<W: RowWeight>(
    node: &NodeView<'_, W>,
    feature: &CodedFeature,
    scratch: &mut Scratch<W>,
) -> Offer {
    if feature.codes() < 2 {
        return Offer::Constant;
    }
    match &feature.ranks {
        Ranks::Narrow(ranks) => search(node, ranks, feature.codes(), scratch),
        Ranks::Wide(ranks) => search(node, ranks, feature.codes(), scratch),
    }
}

fn search<W: RowWeight, R: Copy + Into<u16>>(
    node: &NodeView<'_, W>,
    ranks: &[R],
    codes: usize,
    scratch: &mut Scratch<W>,
) -> Offer {
    let classes = node.totals.len();
    let n = node.items.len();
    let cells = codes * classes;
    let rank_of = |item: &Item<W>| -> u16 { ranks[item.row as usize].into() };
    if cells <= SMALL && n >= 16 {
        count_small(node.items, rank_of, classes, cells, &mut scratch.histogram);
        return scan_histogram(node, rank_of, 0, codes, scratch);
    }
    if cells <= 2 * n {
        count(
            node.items,
            node.items.iter().map(rank_of),
            0,
            classes,
            cells,
            &mut scratch.histogram,
        );
        return scan_histogram(node, rank_of, 0, codes, scratch);
    }
    let (mut low, mut high) = (u16::MAX, 0);
    scratch.ranks.clear();
    scratch.ranks.extend(node.items.iter().map(|item| {
        let rank = rank_of(item);
        low = low.min(rank);
        high = high.max(rank);
        rank
    }));
    if low == high {
        return Offer::Constant;
    }
    let range = usize::from(high - low) + 1;
    if range * classes <= 4 * n {
        count(
            node.items,
            scratch.ranks.iter().copied(),
            low,
            classes,
            range * classes,
            &mut scratch.histogram,
        );
        return scan_histogram(node, rank_of, low, range, scratch);
    }
    scan_sorted(node, scratch)
}

fn count<W: RowWeight>(
    items: &[Item<W>],
    ranks: impl Iterator<Item = u16>,
    low: u16,
    classes: usize,
    cells: usize,
    histogram: &mut Vec<W::Sum>,
) {
    histogram.clear();
    histogram.resize(cells, W::Sum::default());
    for (item, rank) in items.iter().zip(ranks) {
        histogram[usize::from(rank - low) * classes + usize::from(item.class)] += item.weight.sum();
    }
}

fn count_small<W: RowWeight>(
    items: &[Item<W>],
    rank_of: impl Fn(&Item<W>) -> u16,
    classes: usize,
    cells: usize,
    histogram: &mut Vec<W::Sum>,
) {
    let mut lanes = [[W::Sum::default(); SMALL]; 4];
    let cell =
        |item: &Item<W>| (usize::from(rank_of(item)) * classes + usize::from(item.class)) % SMALL;
    let (fours, rest) = items.as_chunks::<4>();
    for four in fours {
        for (lane, item) in lanes.iter_mut().zip(four) {
            lane[cell(item)] += item.weight.sum();
        }
    }
    for item in rest {
        lanes[0][cell(item)] += item.weight.sum();
    }
    histogram.clear();
    histogram.extend((0..cells).map(|c| lanes[0][c] + lanes[1][c] + (lanes[2][c] + lanes[3][c])));
}

fn scan_histogram<W: RowWeight>(
    node: &NodeView<'_, W>,
    rank_of: impl Fn(&Item<W>) -> u16,
    low: u16,
    range: usize,
    scratch: &mut Scratch<W>,
) -> Offer {
    let classes = node.totals.len();
    if node.min_leaf > 1 {
        scratch.row_counts.clear();
        scratch.row_counts.resize(range, 0);
        for item in node.items {
            scratch.row_counts[usize::from(rank_of(item) - low)] += 1;
        }
    }
    let mut scan = Scan::new(node, &mut scratch.left, &mut scratch.right);
    for (index, group) in scratch.histogram.chunks_exact(classes).enumerate() {
        let mut started = false;
        for (class, &weight) in group.iter().enumerate() {
            let weight: f64 = weight.into();
            if weight > 0.0 {
                if !started {
                    scan.boundary(low + index as u16);
                    started = true;
                }
                scan.shift(class, weight);
            }
        }
        if started && node.min_leaf > 1 {
            scan.rows_left += scratch.row_counts[index] as usize;
        }
    }
    scan.best
}

/// Sorts (rank, place) of the node's rows. Such nodes have fewer rows than ranks, so a place
/// fits in 16 bits.
fn scan_sorted<W: RowWeight>(node: &NodeView<'_, W>, scratch: &mut Scratch<W>) -> Offer {
    scratch.keys.clear();
    scratch.keys.extend(
        scratch
            .ranks
            .iter()
            .enumerate()
            .map(|(place, &rank)| u32::from(rank) << 16 | place as u32),
    );
    scratch.keys.sort_unstable();
    let mut scan = Scan::new(node, &mut scratch.left, &mut scratch.right);
    let mut last = None;
    for &key in &scratch.keys {
        let rank = (key >> 16) as u16;
        let item = &node.items[(key & 0xffff) as usize];
        if last != Some(rank) {
            scan.boundary(rank);
            last = Some(rank);
        }
        scan.shift(usize::from(item.class), item.weight.sum().into());
        scan.rows_left += 1;
    }
    scan.best
}
