//! Concept drift: does the model err more than it used to, judged by labels that arrive late.
//!
//! Three detectors over the stream of errors (1 = the model was wrong), with one convention: a
//! detector takes one value at a time, answers how things stand, and starts anew with the value
//! after a drift. Their definitions follow the papers named at each; on the same streams they
//! raise their alarms at the same values as River's (tests run both). Reads no files.

mod adaptive_window;
mod drift_detection_method;
mod page_hinkley;
#[cfg(test)]
mod tests;

pub use adaptive_window::{AdaptiveWindow, AdaptiveWindowSettings};
pub use drift_detection_method::{DriftDetectionMethod, DriftDetectionSettings};
pub use page_hinkley::{PageHinkley, PageHinkleySettings};

use serde::{Deserialize, Serialize};

/// How a stream stands after a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No sign of a change.
    #[default]
    Stable,
    /// A change may be coming. Only some detectors know this.
    Warning,
    /// The stream has changed.
    Drift,
}

impl Standing {
    /// 0, 1 or 2, as gauges show it.
    pub fn level(self) -> u8 {
        match self {
            Standing::Stable => 0,
            Standing::Warning => 1,
            Standing::Drift => 2,
        }
    }
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Stable => "stable",
            Standing::Warning => "warning",
            Standing::Drift => "drift",
        }
    }
}

/// The detectors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorName {
    /// [`AdaptiveWindow`].
    Adwin,
    /// [`DriftDetectionMethod`].
    Ddm,
    /// [`PageHinkley`].
    PageHinkley,
}

impl DetectorName {
    /// Every detector.
    pub const ALL: [DetectorName; 3] = [
        DetectorName::Adwin,
        DetectorName::Ddm,
        DetectorName::PageHinkley,
    ];
    /// The name in configuration, metrics and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            DetectorName::Adwin => "adwin",
            DetectorName::Ddm => "ddm",
            DetectorName::PageHinkley => "page_hinkley",
        }
    }
}

/// A detector that stays in alarm until somebody looked, with what it saw last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch<D> {
    detector: D,
    /// How it stands: a drift is kept until [`Watch::acknowledge`].
    pub standing: Standing,
    /// Values seen.
    pub seen: u64,
    /// The number of the value that raised the last alarm, from 1.
    pub last_drift: Option<u64>,
    /// Alarms raised.
    pub drifts: u64,
}

impl<D: Detector> Watch<D> {
    /// Watches with a detector.
    pub fn new(detector: D) -> Self {
        Self {
            detector,
            standing: Standing::Stable,
            seen: 0,
            last_drift: None,
            drifts: 0,
        }
    }
    /// Takes the next error. Returns whether it raised an alarm.
    pub fn update(&mut self, wrong: bool) -> bool {
        self.seen += 1;
        let now = self.detector.update(f64::from(u8::from(wrong)));
        let drift = now == Standing::Drift;
        if drift {
            self.last_drift = Some(self.seen);
            self.drifts += 1;
        }
        if self.standing != Standing::Drift {
            self.standing = now;
        }
        drift
    }
    /// Somebody has looked: the alarm is taken back, what was learned stays.
    pub fn acknowledge(&mut self) {
        self.standing = Standing::Stable;
    }
}

/// What all detectors do.
pub trait Detector {
    /// Takes the next value; NaN is passed over.
    fn update(&mut self, value: f64) -> Standing;
}

/// The three detectors over one stream of errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConceptWatch {
    /// Adaptive windowing.
    pub adwin: Watch<AdaptiveWindow>,
    /// The drift detection method.
    pub ddm: Watch<DriftDetectionMethod>,
    /// The Page-Hinkley test.
    pub page_hinkley: Watch<PageHinkley>,
}

impl Default for ConceptWatch {
    fn default() -> Self {
        Self {
            adwin: Watch::new(AdaptiveWindow::default()),
            ddm: Watch::new(DriftDetectionMethod::default()),
            page_hinkley: Watch::new(PageHinkley::default()),
        }
    }
}

impl ConceptWatch {
    /// Takes the next error; returns the detectors that raised an alarm at it.
    pub fn update(&mut self, wrong: bool) -> Vec<DetectorName> {
        let mut raised = Vec::new();
        if self.adwin.update(wrong) {
            raised.push(DetectorName::Adwin);
        }
        if self.ddm.update(wrong) {
            raised.push(DetectorName::Ddm);
        }
        if self.page_hinkley.update(wrong) {
            raised.push(DetectorName::PageHinkley);
        }
        raised
    }
    /// How each detector stands.
    pub fn standings(&self) -> [(DetectorName, Standing); 3] {
        [
            (DetectorName::Adwin, self.adwin.standing),
            (DetectorName::Ddm, self.ddm.standing),
            (DetectorName::PageHinkley, self.page_hinkley.standing),
        ]
    }
    /// Errors among the latest values: the mean of the adaptive window; `None` before the first.
    pub fn error_rate(&self) -> Option<f64> {
        self.adwin.detector.mean()
    }
    /// Values the adaptive window holds: as many as look alike.
    pub fn window(&self) -> u64 {
        self.adwin.detector.width()
    }
    /// Somebody has looked at the alarms.
    pub fn acknowledge(&mut self) {
        self.adwin.acknowledge();
        self.ddm.acknowledge();
        self.page_hinkley.acknowledge();
    }
}
