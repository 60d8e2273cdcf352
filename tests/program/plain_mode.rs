//! Plain mode as a process: a script through a pipe drives a retrain and its approval; at a
//! terminal no escape sequence is sent and the modes are as before.

use std::io::Write;
use std::process::{Output, Stdio};

use crate::harness::{Project, Training, text};

/// Runs the console in plain mode over a script.
fn talk(project: &Project, args: &[&str], script: &str) -> Output {
    let mut args = args.to_vec();
    args.insert(0, "console");
    let mut child = project
        .netsec(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Whether the parts stand in the text in this order.
#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("`{part}` is not where it should be in\n{text}");
        };
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn a_script_retrains_and_approves() {
    let project = Project::new(Training::Short);
    let output = talk(
        &project,
        &["--plain"],
        "run.new\nnote\nfrom a script\nstart\nwait\napprove\ndecide\nreason\nfirst champion\n5\n\
         confirmation\nv1\n5\njournal?\nruns\n\
         data\npage down\nrow 2\nfilter\nnot a ( filter\nclose\n",
    );
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", text(&output));
    in_order(
        &said,
        &[
            "There is a config.toml and no run yet.",
            "> run.new",
            "Start a retrain",
            "Note (stays with the run): from a script",
            "Looking at data and disk, then starting.",
            " started by tester, worker alive",
            " training random_forest done, ",
            " evaluation the gate accepts, ",
            " finished",
            "Needs you: approve v1 of run ",
            "> approve",
            "Plans that wait: 1.",
            "Push v1 to production?",
            "Reason (required, goes to the journal): first champion",
            "Approve and push v1: not now, type v1 to confirm.",
            "Confirmation (type v1): v1",
            "v1 is in production",
            "`journal?` means nothing here; ? lists the choices.",
            "1 of 1 runs, newest first.",
            "champion",
            "> data",
            "  row 1, selected: ",
            "> page down",
            "  row 11",
            "> row 2",
            "  row 2, selected: ",
            "Filter the rows",
            "is expected after",
        ],
    );
    assert!(!said.contains('\u{1b}') && !said.contains('\r'), "{said}");
    assert!(project.path().join("final_model/manifest.json").is_file());
    let journal = std::fs::read_to_string(project.path().join("Artifacts/journal.jsonl")).unwrap();
    assert!(journal.contains("first champion"), "{journal}");

    // A second look: nothing may be changed, and TERM=dumb is plain mode without asking.
    let mut child = project
        .netsec(&["console", "--view-only"])
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"n\nquit\nnot read any more\n").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    in_order(
        &said,
        &[
            "view only",
            "Start a retrain: not now, this session is view only",
            "> quit",
        ],
    );
    assert!(!said.contains("not read any more"), "{said}");
}

#[test]
fn at_a_terminal_it_sends_no_escape_sequence_and_leaves_the_modes() {
    use crate::pty::{Session, fresh_modes};
    let project = Project::new(Training::Short);
    let script = "stty -g > before; \"$NETSEC\" console --plain; echo $? > code; \
                  stty -g > after; echo the-end; read rest";
    let mut session = Session::start(project.path(), "sh", script);
    let fresh = fresh_modes();
    session.wait_text("Choice?");
    session.keys("daxx\u{7f}\u{7f}ta\r");
    session.wait_text("Data: project");
    session.keys("\u{1b}[Alogs\r");
    session.wait_text("Logs: project");
    // Several lines at once are text, not choices.
    session.keys("q\rq\r");
    session.wait_text("Pasted lines were made into one");
    session.keys("\u{15}\u{4}");
    session.wait_text("the-end");
    assert_eq!(session.modes(), fresh);
    assert!(
        !session.raw().contains(&0x1b),
        "an escape sequence was sent"
    );
    let file = |name: &str| crate::pty::wait_for_file(&project.path().join(name));
    assert_eq!(file("code"), "0");
    assert_eq!(file("before"), file("after"));
}
