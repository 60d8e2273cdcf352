//! The console behind a real SSH server with a forced command, and inside tmux: the connection
//! drops in the middle of training, the run goes on, and whoever comes back finds it further on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use netsec::runs::RunId;
use portable_pty::CommandBuilder;

use crate::console_drive::{approve, per_cent, start_run, training};
use crate::harness::{Project, Training, text, wait_until};
use crate::pty::{Session, command, fresh_modes, wait_for_file};
use crate::services::{Servers, Sshd, needs_servers};

/// Gives the key of the tests one command: the console of a project.
fn authorize(sshd: &Sshd, project: &Project) {
    let dir = project.path().display();
    let program = env!("CARGO_BIN_EXE_netsec");
    let line = format!(
        "restrict,pty,environment=\"USER=alice\",command=\"cd {dir} && echo $$ > remote && \
         exec {program} console\" {}\n",
        sshd.public_key
    );
    fs::File::options()
        .append(true)
        .open(&sshd.authorized_keys)
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
}

/// The SSH client in a terminal of its own, its modes looked at before and after.
fn connect(sshd: &Sshd, dir: &Path) -> Session {
    let mut shell = command("sh", dir);
    if !sshd.ssh_libraries.is_empty() {
        shell.env("LD_LIBRARY_PATH", &sshd.ssh_libraries);
    }
    let script = format!(
        "stty -g > before; {} -tt -F none -p {} -i {} -o IdentitiesOnly=yes -o SendEnv=LANG \
         -o LogLevel=ERROR -o UserKnownHostsFile={} {}@127.0.0.1; echo $? > code; \
         stty -g > after; echo the-end; read rest",
        sshd.ssh, sshd.port, sshd.key, sshd.known_hosts, sshd.user
    );
    shell.args(["-c", &script]);
    Session::open((80, 24), shell)
}

/// Waits until a process is gone, or only waits to be collected.
fn wait_gone(what: &str, pid: &str) {
    wait_until(what, || {
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |s| {
            s.rsplit_once(')')
                .is_some_and(|(_, r)| r.trim_start().starts_with('Z'))
        })
    });
}

/// How far the trainer is, by the run's log: lines of it.
fn further(project: &Project, run: &RunId) -> usize {
    project.events(run).len()
}

#[test]
fn an_ssh_connection_drops_in_training_and_the_run_goes_on() {
    needs_servers!();
    let servers = Servers::own(&["sshd"]);
    let sshd = servers.sshd();
    let project = Project::new(Training::Long);
    authorize(&sshd, &project);

    let mut session = connect(&sshd, project.path());
    session.wait_text("[1Home]");
    let remote = wait_for_file(&project.path().join("remote"));
    start_run(&mut session);
    let run = project.store().resolve("latest").unwrap();
    let seen = training(&session);
    // The client dies without a word: the terminal window is closed.
    session.hang_up();
    drop(session);
    wait_gone("the end of the remote console", &remote);
    let before = further(&project, &run);
    assert!(project.view(&run).state.finished_at.is_none());
    wait_until("progress while nobody watches", || {
        further(&project, &run) > before
    });

    fs::remove_file(project.path().join("before")).unwrap();
    let mut session = connect(&sshd, project.path());
    let fresh = fresh_modes();
    session.wait("the run, further on", |s| {
        per_cent(s).is_some_and(|now| now >= seen) || s.contents().contains("APPROVE?")
    });
    // What happened meanwhile is named: the run went on, or it has even ended.
    session.wait("the digest of what happened", |s| {
        let text = s.contents();
        let told = text
            .lines()
            .skip_while(|l| !l.contains("Since you were last here"));
        let told: Vec<&str> = told.take(4).collect();
        told.iter()
            .any(|l| l.contains(run.short()) && (l.contains("went on") || l.contains("ended")))
    });
    project.wait_for_end(&run);
    approve(&mut session, "v1");
    // Ctrl-Z has no shell to return to here: it must not freeze the session.
    session.keys("\x1a");
    session.keys("1");
    session.wait_text("[1Home]");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_eq!(wait_for_file(&project.path().join("code")), "0");
    assert_eq!(
        wait_for_file(&project.path().join("before")),
        wait_for_file(&project.path().join("after"))
    );
    let journal = text(&project.run(&["journal", "--json"]));
    assert!(journal.contains("127.0.0.1"), "from where: {journal}");
    // Not the account of the machine: the key says who it is.
    assert!(journal.contains("\"alice\""), "who: {journal}");
}

#[test]
fn inside_tmux_a_lost_client_comes_back_to_the_same_screen() {
    needs_servers!();
    let servers = Servers::own(&["sshd"]);
    let sshd = servers.sshd();
    let project = Project::new(Training::Long);
    let dir = project.path();
    let socket = dir.join("tmux");
    let tmux = format!("{} -S {} -f /dev/null", sshd.tmux, socket.display());
    let client = |what: &str| -> CommandBuilder {
        let mut shell = command("sh", dir);
        if !sshd.tmux_libraries.is_empty() {
            shell.env("LD_LIBRARY_PATH", &sshd.tmux_libraries);
        }
        let script =
            format!("stty -g > before; {tmux} {what}; stty -g > after; echo the-end; read rest");
        shell.args(["-c", &script]);
        shell
    };
    let new = format!(
        "new-session -s console 'exec {} console'",
        env!("CARGO_BIN_EXE_netsec")
    );
    let mut session = Session::open((80, 25), client(&new));
    session.wait_text("[1Home]");
    start_run(&mut session);
    let run = project.store().resolve("latest").unwrap();
    let seen = training(&session);
    session.keys("4");
    session.wait_text("Leaderboard");
    session.hang_up();
    drop(session);
    let before = further(&project, &run);
    wait_until("progress while nobody watches", || {
        further(&project, &run) > before
    });

    let mut session = Session::open((80, 25), client("attach -t console"));
    let fresh = fresh_modes();
    // The console lived on: it is where it was left.
    session.wait_text("[4Train]");
    session.wait("the run, further on", |s| {
        per_cent(s).is_some_and(|now| now >= seen) || s.contents().contains("APPROVE?")
    });
    project.wait_for_end(&run);
    approve(&mut session, "v1");
    session.keys("q");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert_eq!(
        wait_for_file(&dir.join("before")),
        wait_for_file(&dir.join("after"))
    );
    // The server ends with its last session.
    let _ = Command::new(&sshd.tmux)
        .args(["-S".as_ref(), socket.as_os_str(), "kill-server".as_ref()])
        .env("LD_LIBRARY_PATH", &sshd.tmux_libraries)
        .output();
}
