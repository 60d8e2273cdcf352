//! ADWIN2: a window that grows while the mean stays, and drops its oldest part when the mean of
//! what is left differs from it. Bifet and Gavaldà, "Learning from Time-Changing Data with
//! Adaptive Windowing", SIAM SDM 2007.
//!
//! The window is kept as an exponential histogram: row i holds buckets of 2^i values. Memory grows
//! with the logarithm of the window's length.

use serde::{Deserialize, Serialize};

use super::{Detector, Standing};

/// How a window decides. The defaults are River's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveWindowSettings {
    /// Significance of a cut, before the correction for many cuts.
    pub delta: f64,
    /// Cuts are looked for at every n-th value.
    pub clock: u64,
    /// Buckets of one size, before two are joined.
    pub max_buckets: usize,
    /// The shortest part on either side of a cut.
    pub min_part: u64,
    /// Values before the first look.
    pub grace: u64,
}

impl Default for AdaptiveWindowSettings {
    fn default() -> Self {
        Self {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_part: 5,
            grace: 10,
        }
    }
}

/// Values that were put together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    /// Sum of squared differences from the bucket's mean.
    squares: f64,
}

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveWindow {
    settings: AdaptiveWindowSettings,
    /// Row i: buckets of 2^i values, oldest first. The last row is the oldest.
    rows: Vec<Vec<Bucket>>,
    width: u64,
    total: f64,
    squares: f64,
    ticks: u64,
    drifted: bool,
}

impl Default for AdaptiveWindow {
    fn default() -> Self {
        Self::new(AdaptiveWindowSettings::default())
    }
}

impl AdaptiveWindow {
    /// An empty window.
    pub fn new(settings: AdaptiveWindowSettings) -> Self {
        Self {
            settings,
            rows: vec![Vec::new()],
            width: 0,
            total: 0.0,
            squares: 0.0,
            ticks: 0,
            drifted: false,
        }
    }
    /// Values in the window.
    pub fn width(&self) -> u64 {
        self.width
    }
    /// Their mean; `None` of an empty window.
    pub fn mean(&self) -> Option<f64> {
        (self.width > 0).then(|| self.total / self.width as f64)
    }

    fn insert(&mut self, value: f64) {
        let before = self.width as f64;
        self.width += 1;
        if before > 0.0 {
            let gap = value - self.total / before;
            self.squares += before * gap * gap / self.width as f64;
        }
        self.total += value;
        self.rows[0].push(Bucket {
            total: value,
            squares: 0.0,
        });
        let mut row = 0;
        while self.rows.get(row).map(Vec::len) == Some(self.settings.max_buckets + 1) {
            let n = size(row);
            let (a, b) = (self.rows[row][0], self.rows[row][1]);
            let gap = a.total / n - b.total / n;
            let joined = Bucket {
                total: a.total + b.total,
                squares: a.squares + b.squares + n * n * gap * gap / (2.0 * n),
            };
            self.rows[row].drain(..2);
            match self.rows.get_mut(row + 1) {
                Some(next) => next.push(joined),
                None => self.rows.push(vec![joined]),
            }
            row += 1;
        }
    }

    /// Drops the oldest bucket.
    fn drop_oldest(&mut self) {
        let Some(last) = self.rows.len().checked_sub(1) else {
            return;
        };
        let n = size(last);
        if self.rows[last].is_empty() {
            return;
        }
        let oldest = self.rows[last].remove(0);
        self.width -= n as u64;
        self.total -= oldest.total;
        let rest = self.width as f64;
        let gap = oldest.total / n - self.total / rest;
        self.squares -= oldest.squares + n * rest * gap * gap / (n + rest);
        if self.rows[last].is_empty() && last > 0 {
            self.rows.pop();
        }
    }

    /// Whether some cut divides the window into parts of different means.
    fn divided(&self) -> bool {
        let least = self.settings.min_part as f64;
        let width = self.width as f64;
        let log = (2.0 * width.ln() / self.settings.delta).ln();
        let variance = self.squares / width;
        let (mut old, mut new) = (0.0, width);
        let (mut old_total, mut new_total) = (0.0, self.total);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            for (at, bucket) in buckets.iter().enumerate() {
                let n = size(row);
                old += n;
                new -= n;
                old_total += bucket.total;
                new_total -= bucket.total;
                if row == 0 && at + 1 == buckets.len() {
                    return false;
                }
                if new < least || old < least {
                    continue;
                }
                let difference = (old_total / old - new_total / new).abs();
                let share = 1.0 / (old - least + 1.0) + 1.0 / (new - least + 1.0);
                let bound = (2.0 * share * variance * log).sqrt() + 2.0 / 3.0 * log * share;
                if difference > bound {
                    return true;
                }
            }
        }
        false
    }
}

/// Values in a bucket of this row.
fn size(row: usize) -> f64 {
    2f64.powi(i32::try_from(row).unwrap_or(i32::MAX))
}

impl Detector for AdaptiveWindow {
    fn update(&mut self, value: f64) -> Standing {
        if value.is_nan() {
            return Standing::Stable;
        }
        if self.drifted {
            *self = Self::new(self.settings);
        }
        self.insert(value);
        self.ticks += 1;
        if self.ticks.is_multiple_of(self.settings.clock.max(1)) && self.width > self.settings.grace
        {
            while self.divided() {
                self.drifted = true;
                self.drop_oldest();
            }
        }
        if self.drifted {
            Standing::Drift
        } else {
            Standing::Stable
        }
    }
}
