//! Random numbers of the trees: one generator a tree, seeded by (seed, tree).
//!
//! Bounded draws are written out here, so that a new version of a random-number crate cannot
//! change fitted models.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// One step of SplitMix64's output function.
fn splitmix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator of one tree.
pub(super) struct TreeRng(Xoshiro256PlusPlus);

impl TreeRng {
    /// The generator of tree `tree` under `seed`.
    pub(super) fn new(seed: u64, tree: u64) -> Self {
        let mixed = splitmix(splitmix(seed) ^ tree.wrapping_mul(0xd134_2543_de82_ef95));
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }
    /// A uniform index below `bound`, which is at least 1 and below 2^32.
    ///
    /// Multiply-shift without rejection: the bias is below `bound / 2^64`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }
    /// A uniform number in [0, 1) with 53 random bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
