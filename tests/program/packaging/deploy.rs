//! `deploy/switch.sh` with real services: requests go on through a front while releases change.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::script;
use crate::harness::{Project, text, wait_until};
use crate::serving;

/// A host with a state folder, two ports and releases.
struct Host {
    project: Project,
    state: PathBuf,
    ports: [u16; 2],
}

impl Host {
    fn new() -> Self {
        let project = serving::with_champion();
        let state = project.path().join("state");
        let ports = [free_port(), free_port()];
        Self {
            project,
            state,
            ports,
        }
    }

    /// A release that is the program itself under another path.
    fn release(&self, name: &str) -> PathBuf {
        self.program(
            name,
            &format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_netsec")),
        )
    }

    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.project.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    fn switch(&self, args: &[&str]) -> Output {
        let ports = format!("{},{}", self.ports[0], self.ports[1]);
        script("deploy/switch.sh", &self.project)
            .args(args)
            .arg("--state")
            .arg(&self.state)
            .args(["--runtime", "process", "--ports", &ports])
            .output()
            .unwrap()
    }

    fn deploy(&self, release: &Path, more: &[&str]) -> Output {
        let release = release.to_str().unwrap();
        self.switch(&[&["deploy", "--release", release], more].concat())
    }

    fn active(&self) -> String {
        std::fs::read_to_string(self.state.join("active"))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    }

    fn pid(&self, slot: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.state.join(format!("netsec-{slot}.pid"))).ok()?;
        text.split_whitespace().next().map(str::to_owned)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for slot in ["blue", "green"] {
            let _ = script("deploy/runtimes/process.sh", &self.project)
                .args(["stop", &format!("netsec-{slot}")])
                .env("STATE", &self.state)
                .status();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// What nginx does with `upstream.conf`: every new connection goes to the slot that is active.
fn front(upstream: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let line = std::fs::read_to_string(&upstream).unwrap_or_default();
            let target = line
                .trim()
                .trim_start_matches("server ")
                .trim_end_matches(';');
            let Ok(server) = TcpStream::connect(target) else {
                continue;
            };
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    address
}

/// One request; the status.
fn ask(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = "duration,bytes,service,flags\n0.5,100.0,http,1\n";
    write!(
        stream,
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    reply
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| std::io::Error::other(format!("no status in {reply:?}")))
}

#[test]
fn a_deployment_switches_to_what_is_healthy_and_back() {
    let host = Host::new();
    let first = host.release("release-1");
    let output = host.deploy(&first, &[]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(host.active(), "blue");

    let address = front(host.state.join("upstream.conf"));
    assert_eq!(ask(address).unwrap(), 200);
    let (asked, wrong, over) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let load = std::thread::spawn({
        let (asked, wrong, over) = (asked.clone(), wrong.clone(), over.clone());
        move || {
            while !over.load(Ordering::SeqCst) {
                match ask(address) {
                    Ok(200) => asked.fetch_add(1, Ordering::SeqCst),
                    _ => wrong.fetch_add(1, Ordering::SeqCst),
                };
            }
        }
    });
    let goes_on = || {
        let before = asked.load(Ordering::SeqCst);
        wait_until("requests to go on", || {
            asked.load(Ordering::SeqCst) > before + 5
        });
    };

    // A new release: the old one stays, ready to go back to.
    let old = host.pid("blue").unwrap();
    let output = host.deploy(
        &host.release("release-2"),
        &["--smoke", "test -n \"$PORT\""],
    );
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(host.active(), "green");
    assert_eq!(host.pid("blue").as_deref(), Some(old.as_str()));
    goes_on();

    // Releases that die, that never get healthy, that fail the smoke test, that the front cannot be
    // told of: the one that was there stays.
    let dies = host.program("dies", "#!/bin/sh\necho boom >&2\nexit 3\n");
    let mute = host.program(
        "mute",
        "#!/bin/sh\n[ \"$1\" = serve ] && exec sleep 600\nexit 6\n",
    );
    let good = host.release("release-3");
    for (release, more, why) in [
        (&dies, &["--within", "10"][..], "has ended"),
        (&mute, &["--within", "2"], "not healthy within 2 s"),
        (&good, &["--smoke", "exit 1"], "smoke test"),
        (
            &good,
            &["--reload", "test \"$PORT\" = nothing"],
            "reload failed",
        ),
    ] {
        let output = host.deploy(release, more);
        assert!(!output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(why), "{}", text(&output));
        assert!(text(&output).contains("green still takes the traffic"));
        assert_eq!(host.active(), "green");
        assert_eq!(host.pid("blue"), None, "the failed one is stopped");
        goes_on();
    }
    assert!(text(&host.deploy(&dies, &[])).contains("boom"));

    // The former release was in the slot that those tried: there is nothing to go back to.
    let output = host.switch(&["rollback"]);
    assert!(!output.status.success(), "{}", text(&output));
    assert_eq!(host.active(), "green");

    // Forward and back.
    let output = host.deploy(&good, &["--reload", "true"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(host.active(), "blue");
    goes_on();
    let output = host.switch(&["rollback"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(host.active(), "green");
    goes_on();
    let status = String::from_utf8(host.switch(&["status"]).stdout).unwrap();
    assert!(status.contains("release-2 active\n"), "{status}");
    assert!(status.contains("release-3\n"), "{status}");

    over.store(true, Ordering::SeqCst);
    load.join().unwrap();
    assert_eq!(wrong.load(Ordering::SeqCst), 0, "of {asked:?} requests");
}

#[test]
fn one_deployment_at_a_time() {
    let host = Host::new();
    let slow = host.program(
        "slow",
        "#!/bin/sh\n[ \"$1\" = serve ] && exec sleep 600\nexit 6\n",
    );
    std::thread::scope(|scope| {
        let first = scope.spawn(|| host.deploy(&slow, &["--within", "20"]));
        wait_until("the first to be at work", || host.pid("blue").is_some());
        let second = host.deploy(&host.release("release-1"), &[]);
        assert!(!second.status.success());
        assert!(
            text(&second).contains("another deployment"),
            "{}",
            text(&second)
        );
        // Ends the first one early.
        let pid: i32 = host.pid("blue").unwrap().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        assert!(!first.join().unwrap().status.success());
    });
    assert_eq!(host.active(), "");
}
