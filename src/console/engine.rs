//! Does what `update` asks for in the outside world: jobs on blocking threads, and the following
//! of a run's log. Knows no screen: what only a screen can do is handed back, so that the drawn
//! console and plain mode share one engine.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::effect::Effect;
use super::follow::{self, FolderWatch};
use super::jobs::Job;
use super::message::Message;
use super::terminal;
use super::work::Work;
use crate::error::CommandError;
use crate::events::{Actor, FollowStop};
use crate::presence::LastSeen;
use crate::workspace::Workspace;

/// What works for a console; ends its followings when dropped.
pub struct Engine {
    work: Arc<Work>,
    workspace: Workspace,
    sender: UnboundedSender<Message>,
    follow: Option<FollowStop>,
    _folder: FolderWatch,
}

/// What is left to whoever owns the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum ForScreen {
    /// Send this to the terminal as it is.
    Send(Vec<u8>),
    /// Forget what is on the screen and paint everything.
    Repaint,
    /// Give the terminal back and stop.
    Suspend,
}

impl Engine {
    /// Works on a project and sends what comes of it.
    pub fn new(
        workspace: &Workspace,
        config_file: PathBuf,
        sender: UnboundedSender<Message>,
    ) -> Self {
        let work = Work::new(workspace.clone(), config_file.clone(), Actor::current());
        Self {
            work: Arc::new(work),
            workspace: workspace.clone(),
            follow: None,
            _folder: follow::folder(workspace, config_file, sender.clone()),
            sender,
        }
    }

    /// Notes where the person is, as the console closes.
    pub fn leave(&self, seen: Option<LastSeen>) {
        if let Some(seen) = seen
            && let Err(e) = self.work.perform(Job::Seen(Box::new(seen)))
        {
            tracing::warn!(error = %e, "where somebody left off is not noted");
        }
    }

    /// Begins what is asked for. Call it inside a tokio runtime.
    pub fn start(&mut self, effect: Effect) -> Option<ForScreen> {
        match effect {
            Effect::Run {
                key,
                generation,
                job,
            } => {
                let (work, sender) = (Arc::clone(&self.work), self.sender.clone());
                tokio::task::spawn_blocking(move || {
                    let result = terminal::caught(|| work.perform(job));
                    let result = match result {
                        Ok(result) => result.map_err(|e| e.report()),
                        Err(panic) => Err(CommandError::internal(format!(
                            "a defect in netsec: {panic}"
                        ))
                        .report()),
                    };
                    // The console may be gone by now.
                    let _ = sender.send(Message::JobDone {
                        key,
                        generation,
                        result,
                    });
                });
                None
            }
            Effect::Follow { run, generation } => {
                if let Some(stop) = self.follow.take() {
                    stop.stop();
                }
                let sender = self.sender.clone();
                self.follow = Some(follow::run(&self.workspace, &run, generation, sender));
                None
            }
            Effect::Wake(after) => {
                let sender = self.sender.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    // The console may be gone by now.
                    let _ = sender.send(Message::Look);
                });
                None
            }
            Effect::Send(bytes) => Some(ForScreen::Send(bytes)),
            Effect::Repaint => Some(ForScreen::Repaint),
            Effect::Suspend => Some(ForScreen::Suspend),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(stop) = self.follow.take() {
            stop.stop();
        }
    }
}
