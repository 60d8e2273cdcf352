//! What all requests share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::metrics::Metrics;
use super::prediction_log::PredictionLog;
use super::refusal::Refusal;
use super::served::{ModelSlot, ServedModel};
use super::settings::Settings;
use super::tokens::Tokens;
use super::traffic_keeper::Kept;
use super::verdicts::SharedFeedback;
use crate::workspace::Workspace;

/// Bytes that one permit of the budget of bodies stands for.
pub const BUDGET_UNIT: usize = 16 << 10;

/// The project behind the service, where there is one: what can be retrained and shown.
#[derive(Clone, Debug)]
pub struct Project {
    /// The configuration; it may not exist.
    pub config_file: PathBuf,
    /// The folder of its state.
    pub workspace: Workspace,
}

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub settings: Settings,
    /// The tokens.
    pub tokens: Tokens,
    /// The model in use.
    pub slot: ModelSlot,
    /// The counters.
    pub metrics: Metrics,
    /// Takes copies of what is scored.
    pub log: PredictionLog,
    /// Analysts' verdicts, where they are taken.
    pub feedback: Option<SharedFeedback>,
    /// What is kept of the traffic, for the counters.
    pub kept: Option<Arc<Kept>>,
    /// The project.
    pub project: Project,
    /// Name of the model, in the paths of the Open Inference Protocol.
    pub model_name: String,
    /// Permits of requests worked on.
    pub working: Arc<Semaphore>,
    /// Permits of bytes of bodies.
    pub bodies: Arc<Semaphore>,
    /// Held while a retrain is started.
    pub starting: Mutex<()>,
    ending: AtomicBool,
}

impl App {
    /// The shared state of a service without a model yet.
    pub fn new(
        settings: Settings,
        tokens: Tokens,
        project: Project,
        model_name: String,
        log: PredictionLog,
    ) -> Self {
        let working = Arc::new(Semaphore::new(settings.limits.in_flight));
        let units = settings.limits.bodies.div_ceil(BUDGET_UNIT);
        let bodies = Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)));
        Self {
            settings,
            tokens,
            slot: ModelSlot::default(),
            metrics: Metrics::new(),
            log,
            feedback: None,
            kept: None,
            project,
            model_name,
            working,
            bodies,
            starting: Mutex::new(()),
            ending: AtomicBool::new(false),
        }
    }

    /// The model in use.
    ///
    /// # Errors
    /// 503 while there is none.
    pub fn model(&self) -> Result<Arc<ServedModel>, Refusal> {
        self.slot.get().ok_or_else(Refusal::no_model)
    }

    /// Whether the service has been told to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Notes that the service has been told to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}
