//! Where lines come from: a terminal whose echo the console does itself, or a pipe.

use std::io::{BufRead, Read};
use std::os::fd::AsFd;
use std::sync::Mutex;

use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes of a line of a pipe; the rest of a longer one is left out.
const LONGEST: u64 = 64 * 1024;

/// Something was entered.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// What a terminal sent at once.
    Bytes(Vec<u8>),
    /// A line of a pipe.
    Line(String),
    /// There is no more.
    End,
}

/// Modes of the terminal before the console changed them. Global, so that a panic hook can put
/// them back.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether a person sits at stdin.
pub fn at_terminal() -> bool {
    isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout())
}

/// Takes echo and line editing over from the terminal; signals of keys stay.
pub fn take_terminal() -> std::io::Result<()> {
    let stdin = rustix::stdio::stdin();
    let now = tcgetattr(stdin.as_fd())?;
    let mut changed = now.clone();
    changed
        .local_modes
        .remove(LocalModes::ICANON | LocalModes::ECHO);
    if let Ok(mut before) = BEFORE.lock() {
        before.get_or_insert(now);
    }
    tcsetattr(stdin.as_fd(), OptionalActions::Now, &changed)?;
    Ok(())
}

/// Gives them back, once.
pub fn restore() {
    let before = BEFORE.lock().ok().and_then(|mut before| before.take());
    if let Some(before) = before {
        let _ = tcsetattr(
            rustix::stdio::stdin().as_fd(),
            OptionalActions::Now,
            &before,
        );
    }
}

/// Restores the terminal when dropped.
pub struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Reads stdin on a thread of its own. Few pieces wait: a script of any length is read no faster
/// than it is obeyed.
pub fn read(terminal: bool) -> Receiver<Input> {
    let (sender, receiver) = channel(8);
    let work = move || {
        if terminal {
            pieces(&sender);
        } else {
            lines(&sender);
        }
        // The console may be gone by now.
        let _ = sender.blocking_send(Input::End);
    };
    // Without a thread the channel closes, which is the end of the input.
    let _ = std::thread::Builder::new()
        .name("read-lines".to_owned())
        .spawn(work);
    receiver
}

fn pieces(sender: &Sender<Input>) {
    let mut buffer = [0u8; 4096];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => return,
            Ok(n) => {
                let bytes = buffer[..n].to_vec();
                if sender.blocking_send(Input::Bytes(bytes)).is_err() {
                    return;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(_) => return,
        }
    }
}

fn lines(sender: &Sender<Input>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut bytes = Vec::new();
        match stdin.by_ref().take(LONGEST).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if bytes.len() as u64 == LONGEST && !bytes.ends_with(b"\n") {
            let mut rest = Vec::new();
            // A line without an end would fill the memory: it is skipped piece by piece.
            while matches!(stdin.by_ref().take(LONGEST).read_until(b'\n', &mut rest), Ok(n) if n > 0)
                && !rest.ends_with(b"\n")
            {
                rest.clear();
            }
        }
        let line = String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\n', '\r'])
            .to_owned();
        if sender.blocking_send(Input::Line(line)).is_err() {
            return;
        }
    }
}
