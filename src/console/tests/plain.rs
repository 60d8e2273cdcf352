//! Transcripts of plain mode: what a person hears, line by line.

use crate::console::commands::{COMMANDS, Command};
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job, JobKey};
use crate::console::message::Message;
use crate::console::model::{ChampionLine, Health, Model};
use crate::console::plain::talk::Talk;
use crate::console::testing::*;
use crate::events::{Event, Outcome};

/// Hands in the lists that a console reads first, until nothing is asked for any more.
fn settle(talk: &mut Talk, runs: Vec<crate::console::model::RunRow>, plans: usize) {
    while talk.model.jobs.any_busy() {
        if talk.model.jobs.busy(JobKey::Runs) {
            job_done(&mut talk.model, Done::Runs(runs.clone()));
        }
        if talk.model.jobs.busy(JobKey::Plans) {
            job_done(&mut talk.model, Done::Plans(vec![plan(); plans]));
        }
        if talk.model.jobs.busy(JobKey::Health) {
            job_done(&mut talk.model, Done::Health(health()));
        }
        for (key, done) in [
            (JobKey::Desk, Done::Desk(Default::default())),
            (JobKey::Hands, Done::Hands),
            (JobKey::Seen, Done::LastSeen(Default::default())),
        ] {
            if talk.model.jobs.busy(key) {
                job_done(&mut talk.model, done);
            }
        }
        assert!(!talk.model.jobs.busy(JobKey::Action));
    }
}

/// Lets the conversation notice what changed in the model.
fn notice(talk: &mut Talk) {
    talk.take(Message::Resize(80, 24), start());
}

fn fresh() -> Model {
    let mut model = empty((80, 24));
    // As the program makes it: nothing asked for yet.
    model.jobs = Default::default();
    model
}

/// A conversation about the whole run, with its plan waiting.
fn waiting_talk() -> Talk {
    // The run is an old one: it is on the screen and not told again.
    let late = start() + chrono::TimeDelta::days(1);
    let mut talk = Talk::new(fresh(), late);
    let mut runs = rows();
    runs[0].outcome = Outcome::Finished;
    runs[0].selected = Some("xgboost".into());
    runs[0].f1 = Some(0.956);
    settle(&mut talk, runs.clone(), 1);
    feed(&mut talk.model, &whole_run(), false);
    settle(&mut talk, runs, 1);
    notice(&mut talk);
    talk
}

fn transcript(talk: &mut Talk, lines: &[&str]) -> String {
    let mut out = talk.lines();
    for line in lines {
        out.push(format!("> {line}"));
        talk.answer(line, start());
        out.extend(talk.lines());
    }
    for line in &out {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    out.join("\n")
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!(format!("transcript_{name}"), text);
    });
}

fn jobs(talk: &mut Talk) -> Vec<Job> {
    talk.effects()
        .into_iter()
        .filter_map(|e| match e {
            // Who looks at a plan has its run in hand meanwhile.
            Effect::Run {
                job: Job::Hold(_) | Job::LetGo(_),
                ..
            } => None,
            Effect::Run { job, .. } => Some(job),
            _ => None,
        })
        .collect()
}

#[test]
fn an_approval_from_home_to_the_button() {
    let mut talk = waiting_talk();
    talk.effects();
    let text = transcript(
        &mut talk,
        &[
            "row 1",
            "open",
            "1",
            "approve",
            "reason",
            "better recall, ticket SEC-812",
            "2",
            "v3",
            "5",
            "2",
            "v2",
            "5",
        ],
    );
    snapshot("approval", &text);
    assert_eq!(
        jobs(&mut talk),
        [Job::Approve {
            plan_id: "8d7f19a2c4e1".into(),
            reason: "better recall, ticket SEC-812".into()
        }]
    );
    let lines = vec!["final_model/ holds v2".to_owned()];
    let title = "v2 is in production".to_owned();
    job_done(&mut talk.model, Done::Decided { title, lines });
    notice(&mut talk);
    let told = talk.lines().join("\n");
    assert!(
        told.contains("v2 is in production\n  final_model/ holds v2"),
        "{told}"
    );
    assert!(talk.model.dialogs.is_empty(), "a receipt needs no closing");
}

#[test]
fn a_retrain_told_as_it_goes() {
    let mut talk = Talk::new(fresh(), start());
    settle(&mut talk, vec![], 0);
    notice(&mut talk);
    let mut text = transcript(&mut talk, &["new run", "note", "weekly", "start"]);
    assert_eq!(
        jobs(&mut talk).last(),
        Some(&Job::Start {
            note: Some("weekly".into()),
            set: vec![],
            queue: false,
        })
    );
    job_done(&mut talk.model, Done::Started(run_id()));
    settle(&mut talk, rows(), 0);
    assert!(!talk.settled(), "the log is to be read first");
    for events in whole_run().chunks(40) {
        feed(&mut talk.model, events, true);
        notice(&mut talk);
        for line in talk.lines() {
            text.push('\n');
            text.push_str(&line);
        }
    }
    feed(&mut talk.model, &[], false);
    settle(&mut talk, rows(), 1);
    notice(&mut talk);
    text.push('\n');
    text.push_str(&talk.lines().join("\n"));
    snapshot("retrain", &text);
}

#[test]
fn every_screen_in_words() {
    let mut talk = waiting_talk();
    let mut text = transcript(&mut talk, &["train", "learner", "m", "compare"]);
    job_done(
        &mut talk.model,
        Done::Compared(pair(), Box::new(compared())),
    );
    notice(&mut talk);
    text.push('\n');
    text.push_str(&transcript(
        &mut talk,
        &[
            "next view",
            "next view",
            "former view",
            "runs",
            "mark",
            "down",
            "filter",
            "mara",
        ],
    ));
    text.push('\n');
    feed(&mut talk.model, &whole_run(), false);
    notice(&mut talk);
    text.push_str(&transcript(
        &mut talk,
        &["logs", "up", "level", "find", "gate", "p", "home"],
    ));
    snapshot("screens", &text);
}

#[test]
fn findings_in_words() {
    let mut talk = waiting_talk();
    talk.lines();
    let mut text = transcript(&mut talk, &["validate"]);
    let found = std::sync::Arc::clone(&crate::findings::testing::samples()[0]);
    talk.model.open.as_mut().unwrap().id = found.run.clone();
    talk.model.validation.asked = Some(found.run.clone());
    job_done(&mut talk.model, Done::Findings(found));
    notice(&mut talk);
    text.push('\n');
    text.push_str(&transcript(&mut talk, &["down", "row 1"]));
    snapshot("validate", &text);
}

#[test]
fn an_empty_console_says_what_to_do_on_every_screen() {
    let mut model = fresh();
    model.session.has_config = false;
    let mut talk = Talk::new(model, start());
    job_done(&mut talk.model, Done::Runs(vec![]));
    job_done(&mut talk.model, Done::Plans(vec![]));
    let health = Health {
        champion: ChampionLine::None,
        ..Health::default()
    };
    job_done(&mut talk.model, Done::Health(health));
    notice(&mut talk);
    let text = transcript(
        &mut talk,
        &[
            "data", "validate", "train", "compare", "approve", "runs", "logs", "run.new", "home",
            "n",
        ],
    );
    snapshot("first_run", &text);
}

#[test]
fn the_list_of_choices_is_the_table() {
    let mut talk = waiting_talk();
    talk.lines();
    let text = transcript(&mut talk, &["?"]);
    for spec in COMMANDS
        .iter()
        .filter(|s| s.scope.covers(talk.model.screen))
    {
        let painted = matches!(
            spec.command,
            Command::CycleGlyphs
                | Command::CycleTheme
                | Command::ToggleMouse
                | Command::Suspend
                | Command::Palette
                | Command::Help
        );
        assert_eq!(
            text.contains(&format!("Name {}", spec.id)),
            !painted,
            "{}",
            spec.id
        );
    }
    snapshot("choices", &text);
    // Its numbers hold for the next line.
    let quit = text
        .lines()
        .find(|l| l.contains("Name app.quit"))
        .and_then(|l| l.split_whitespace().next())
        .unwrap()
        .to_owned();
    talk.answer(&quit, start());
    assert!(talk.ends());
}

#[test]
fn numbers_belong_to_what_was_printed_last() {
    let mut talk = waiting_talk();
    talk.lines();
    transcript(&mut talk, &["home"]);
    // The run that could be resumed when the list was printed is at work now.
    let said = transcript(
        &mut talk,
        &["99", "nonsense", "row 99", "row x", "keys nope"],
    );
    assert!(said.contains("There is no choice 99"), "{said}");
    assert!(said.contains("`nonsense` means nothing here; ? lists the choices."));
    assert!(said.contains("There is no row 99; there are 5."));
    assert!(said.contains("`row` needs a number"));
    assert!(said.contains("`keys` needs names"));
}

#[test]
fn what_cannot_be_done_says_why_and_nothing_is_sent() {
    let mut talk = waiting_talk();
    talk.model.session.view_only = Some("this session is view only (--view-only)".into());
    talk.lines();
    talk.effects();
    let said = transcript(
        &mut talk,
        &["run.new", "run.cancel", "compare.champion", "copy"],
    );
    assert!(
        said.contains("Start a retrain: not now, this session is view only"),
        "{said}"
    );
    assert!(said.contains("Cancel the run: not now,"), "{said}");
    assert!(
        said.contains("Compare with the champion: not here, works on Compare."),
        "{said}"
    );
    assert!(
        said.contains("Shell: netsec show 20261122-1230-7f3a"),
        "{said}"
    );
    assert_eq!(talk.effects(), []);
}

#[test]
fn a_script_waits_until_the_run_has_ended() {
    let mut talk = Talk::new(fresh(), start());
    settle(&mut talk, rows(), 0);
    let events = whole_run();
    feed(&mut talk.model, &events[..60], true);
    notice(&mut talk);
    settle(&mut talk, rows(), 0);
    talk.answer("wait", start());
    assert!(talk.waits() && !talk.settled());
    feed(&mut talk.model, &events[60..], false);
    settle(&mut talk, rows(), 1);
    assert!(talk.settled());
    assert!(
        events
            .iter()
            .any(|e| matches!(e.event, Event::RunFinished { .. }))
    );
}

#[test]
fn moving_many_rows_follows_one_run() {
    let mut talk = waiting_talk();
    talk.effects();
    talk.lines();
    talk.answer("row 5", start());
    let followed = talk
        .effects()
        .into_iter()
        .filter(|e| matches!(e, Effect::Follow { .. }))
        .count();
    assert_eq!(followed, 1);
    let said = talk.lines().join("\n");
    assert!(said.starts_with("Row 5 of 5: run 4a02"), "{said}");
}
