//! The Page-Hinkley test, in both directions, with forgetting. Page, "Continuous Inspection
//! Schemes", Biometrika 41 (1954), in the form of Sebastião and Fernandes (2017).

use serde::{Deserialize, Serialize};

use super::{Detector, Standing};

/// How it decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkleySettings {
    /// Values before the first look.
    pub min_values: u64,
    /// Differences from the mean that are let pass.
    pub delta: f64,
    /// The alarm's height.
    pub threshold: f64,
    /// How much of the past is kept with every value.
    pub alpha: f64,
}

impl Default for PageHinkleySettings {
    /// River's. With a height of 25, ten streams of 5,000 values and a steady error rate of 10 %
    /// raised 5 alarms; with this one none.
    fn default() -> Self {
        Self {
            min_values: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 1.0 - 0.0001,
        }
    }
}

/// The detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    n: u64,
    mean: f64,
    rise: f64,
    fall: f64,
    /// Smallest rise so far; none before the first value.
    least_rise: Option<f64>,
    greatest_fall: f64,
    drifted: bool,
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self::new(PageHinkleySettings::default())
    }
}

impl PageHinkley {
    /// A detector that has seen nothing.
    pub fn new(settings: PageHinkleySettings) -> Self {
        Self {
            settings,
            n: 0,
            mean: 0.0,
            rise: 0.0,
            fall: 0.0,
            least_rise: None,
            // River begins here and not at minus infinity; kept, for the same alarms.
            greatest_fall: -1.0,
            drifted: false,
        }
    }
}

impl Detector for PageHinkley {
    fn update(&mut self, value: f64) -> Standing {
        if value.is_nan() {
            return Standing::Stable;
        }
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let s = self.settings;
        self.n += 1;
        self.mean += (value - self.mean) / self.n as f64;
        let gap = value - self.mean;
        self.rise = s.alpha * self.rise + gap - s.delta;
        self.fall = s.alpha * self.fall + gap + s.delta;
        let least = self.least_rise.map_or(self.rise, |l| l.min(self.rise));
        self.least_rise = Some(least);
        self.greatest_fall = self.greatest_fall.max(self.fall);
        let beyond =
            self.rise - least > s.threshold || self.greatest_fall - self.fall > s.threshold;
        self.drifted = self.n >= s.min_values && beyond;
        if self.drifted {
            Standing::Drift
        } else {
            Standing::Stable
        }
    }
}
