//! Takes up a new champion: looks at the pointer again and again, reads what it names aside, and
//! only then puts it in use. A model that cannot be read changes nothing but a counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::app::App;
use super::champion_source::{ChampionSource, Mark};
use super::served::ServedModel;
use crate::error::CommandError;

/// Longest pause between two tries to read a model that could not be read.
const LONGEST: Duration = Duration::from_secs(60);
/// How often the thread looks whether it is to end.
const NAP: Duration = Duration::from_millis(100);

/// What the watcher says of itself.
pub type Announce = Arc<dyn Fn(&str) + Send + Sync>;

/// Looks after the model in use.
pub struct Watcher {
    app: Arc<App>,
    source: ChampionSource,
    announce: Announce,
    seen: Option<Mark>,
    failures: u32,
    /// What was said last, so that nothing is said twice in a row.
    said: String,
}

impl Watcher {
    /// A watcher that has seen nothing yet.
    pub fn new(app: Arc<App>, source: ChampionSource, announce: Announce) -> Self {
        Self {
            app,
            source,
            announce,
            seen: None,
            failures: 0,
            said: String::new(),
        }
    }

    /// Whether a look only reads files of this machine.
    pub fn is_quick(&self) -> bool {
        !matches!(self.source, ChampionSource::Published(..))
    }

    /// Looks once, and takes up what is new.
    pub fn look(&mut self) {
        match self.step() {
            Ok(()) => self.failures = 0,
            Err(e) => {
                self.failures = self.failures.saturating_add(1);
                self.app.metrics.load_failed();
                tracing::error!(error = %e, "the champion cannot be read");
                let kept = match self.app.slot.get() {
                    Some(model) => format!("{} stays in use", model.version),
                    None => "nothing is in use".to_owned(),
                };
                self.say(format!(
                    "the champion at {} cannot be read: {}; {kept}",
                    self.source.shown(),
                    crate::text::clean(&e.full_message())
                ));
            }
        }
    }

    fn step(&mut self) -> Result<(), CommandError> {
        let mark = self.source.mark()?;
        if self.seen.as_ref() == Some(&mark) {
            return Ok(());
        }
        if mark == Mark::Empty {
            // A folder may be away for a moment while it is exchanged; what is in use stays. It is
            // not taken as seen, so that whatever appears next is read.
            match self.app.slot.get() {
                Some(model) => self.say(format!(
                    "there is no champion at {} any more; {} stays in use",
                    self.source.shown(),
                    model.version
                )),
                None => self.say(format!(
                    "there is no champion at {} yet; /ready answers 503 until there is",
                    self.source.shown()
                )),
            }
            return Ok(());
        }
        let Some(champion) = self.source.load()? else {
            return Ok(());
        };
        let model = Arc::new(ServedModel::new(&self.app.model_name, champion)?);
        let before = self.app.slot.get();
        let told = match &before {
            None => format!(
                "{} is in use: {} of run {}, sha256 {}",
                model.version, model.learner, model.run_id, model.sha256
            ),
            Some(before) => format!(
                "{} is in use instead of {}: {} of run {}, sha256 {}",
                model.version, before.version, model.learner, model.run_id, model.sha256
            ),
        };
        self.app.metrics.loaded(&model, before.is_none());
        self.app.slot.set(Some(model));
        // Said when it is true, not before.
        self.say(told);
        self.seen = Some(mark);
        Ok(())
    }

    fn say(&mut self, text: String) {
        if self.said != text {
            tracing::info!("{text}");
            (self.announce)(&text);
            self.said = text;
        }
    }

    /// The pause after so many failures in a row.
    fn pause(&self) -> Duration {
        let poll = self.app.settings.poll;
        poll.saturating_mul(1 << self.failures.min(6))
            .min(LONGEST.max(poll))
    }

    /// Goes on looking in a thread of its own until `end` is set. The pointer may lie in a bucket,
    /// and models take long to read: neither belongs on a thread that answers requests.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn spawn(mut self, end: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name("netsec-champion".to_owned())
            .spawn(move || {
                if !self.is_quick() {
                    self.look();
                }
                loop {
                    let until = Instant::now() + self.pause();
                    while Instant::now() < until {
                        if end.load(Ordering::Relaxed) {
                            return;
                        }
                        std::thread::sleep(NAP);
                    }
                    self.look();
                }
            })
    }
}
