//! Keys before, model and effects after.

use crossterm::event::{KeyEventKind, KeyEventState};

use crate::console::commands::{Command, Screen};
use crate::console::dialogs::Dialog;
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job, JobKey};
use crate::console::message::Message;
use crate::console::model::{Availability, Need};
use crate::console::testing::*;
use crate::console::update::update;
use crate::events::{ControlCommand, Outcome};

fn jobs(effects: &[Effect]) -> Vec<&Job> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Run { job, .. } => Some(job),
            _ => None,
        })
        .collect()
}

/// Whether nothing but taking a run in hand and giving it back is asked for.
fn only_hands(effects: &[Effect]) -> bool {
    jobs(effects)
        .iter()
        .all(|job| matches!(job, Job::Hold(_) | Job::LetGo(_)))
}

#[test]
fn approving_needs_a_reason_the_version_and_the_button() {
    let mut model = waiting((120, 36));
    press(&mut model, "6 enter");
    assert!(matches!(model.dialogs[..], [Dialog::Decision(_)]));
    // Straight to the button: it does nothing.
    assert!(press(&mut model, "shift-tab shift-tab tab tab tab tab enter").is_empty());
    assert_eq!(model.dialogs.len(), 1);
    // The reason alone is not enough, and Enter in a field does nothing.
    press(&mut model, "tab");
    type_text(&mut model, "better recall");
    assert!(press(&mut model, "enter tab").is_empty());
    type_text(&mut model, "v3");
    assert!(
        press(&mut model, "tab tab tab enter").is_empty(),
        "the wrong version"
    );
    assert_eq!(model.dialogs.len(), 1);
    press(&mut model, "shift-tab shift-tab shift-tab backspace");
    type_text(&mut model, "2");
    let effects = press(&mut model, "tab tab tab enter");
    assert_eq!(
        jobs(&effects),
        vec![&Job::Approve {
            plan_id: "8d7f19a2c4e1".into(),
            reason: "better recall".into()
        }]
    );
    assert!(model.dialogs.is_empty());
}

#[test]
fn the_decision_starts_on_cancel() {
    let mut model = waiting((80, 24));
    assert!(only_hands(&press(&mut model, "6 enter enter")));
    assert!(model.dialogs.is_empty());
}

#[test]
fn rejecting_needs_a_reason_only() {
    let mut model = waiting((80, 24));
    assert!(
        only_hands(&press(&mut model, "6 enter tab enter")),
        "no reason yet"
    );
    press(&mut model, "shift-tab shift-tab shift-tab");
    type_text(&mut model, "q is a letter here");
    let effects = press(&mut model, "tab tab tab enter");
    assert!(
        matches!(jobs(&effects)[..], [Job::Reject { reason, .. }] if reason == "q is a letter here")
    );
}

#[test]
fn the_version_cannot_be_pasted_and_pasted_text_is_no_command() {
    let mut model = waiting((80, 24));
    update(&mut model, Message::Paste("q3\r".into()), start());
    assert!(!model.quit && model.screen == Screen::Home);
    press(&mut model, "6 enter shift-tab");
    update(&mut model, Message::Paste("v2".into()), start());
    assert!(model.said.as_ref().unwrap().text.contains("ignored"));
    press(&mut model, "shift-tab");
    update(
        &mut model,
        Message::Paste("a reason\nof two lines".into()),
        start(),
    );
    let effects = press(&mut model, "tab tab tab enter");
    assert!(
        matches!(jobs(&effects)[..], [Job::Reject { reason, .. }] if reason == "a reason of two lines")
    );
}

#[test]
fn a_plan_that_was_decided_elsewhere_cannot_be_approved() {
    let mut model = waiting((120, 36));
    press(&mut model, "6 enter shift-tab shift-tab");
    type_text(&mut model, "reason");
    press(&mut model, "tab");
    type_text(&mut model, "v2");
    update(&mut model, Message::WorkspaceChanged, start());
    job_done(&mut model, Done::Plans(vec![]));
    assert!(press(&mut model, "tab tab tab enter").is_empty());
    assert_eq!(model.dialogs.len(), 1);
}

#[test]
fn view_only_writes_nothing_and_says_why() {
    let mut model = training((80, 24));
    model.session.view_only = Some("this session is view only (--view-only)".into());
    for key in ["c", "x", "n", "r"] {
        assert!(press(&mut model, key).is_empty(), "{key}");
        assert!(model.dialogs.is_empty(), "{key}");
        assert!(
            model.said.as_ref().unwrap().text.contains("--view-only"),
            "{key}"
        );
    }
    let mut model = waiting((80, 24));
    model.session.view_only = Some("this session is view only (--view-only)".into());
    press(&mut model, "6 enter shift-tab shift-tab");
    type_text(&mut model, "reason");
    press(&mut model, "tab");
    type_text(&mut model, "v2");
    assert!(press(&mut model, "tab tab enter tab enter").is_empty());
}

#[test]
fn stopping_and_cancelling() {
    let mut model = training((80, 24));
    let effects = press(&mut model, "4 c");
    assert_eq!(
        jobs(&effects),
        vec![&Job::Control(run_id(), ControlCommand::StopAfterRound)]
    );
    assert!(
        matches!(
            model.availability(Command::CancelRun),
            Availability::Disabled(_)
        ),
        "one action at a time"
    );
    job_done(
        &mut model,
        Done::Controlled(run_id(), ControlCommand::StopAfterRound),
    );
    assert!(
        press(&mut model, "x enter").is_empty(),
        "the focus starts on letting it run"
    );
    let effects = press(&mut model, "x tab enter");
    assert_eq!(
        jobs(&effects),
        vec![&Job::Control(run_id(), ControlCommand::Cancel)]
    );
}

#[test]
fn a_finished_run_can_neither_be_stopped_nor_resumed() {
    let model = waiting((80, 24));
    for command in [
        Command::StopAfterRound,
        Command::CancelRun,
        Command::ResumeRun,
    ] {
        assert!(
            matches!(model.availability(command), Availability::Disabled(_)),
            "{command:?}"
        );
    }
}

#[test]
fn a_worker_that_is_gone_is_a_crash_and_needs_me() {
    let mut model = training((80, 24));
    feed(&mut model, &[], false);
    assert_eq!(model.open.as_ref().unwrap().outcome, Some(Outcome::Crashed));
    assert!(model.said.as_ref().unwrap().text.contains("CRASHED"));
    let mut rows = rows();
    rows[0].outcome = Outcome::Crashed;
    job_done(&mut model, Done::Runs(rows));
    assert!(matches!(model.needs()[..], [Need::Run(r)] if r.id == run_id()));
    let effects = press(&mut model, "r tab enter");
    assert_eq!(jobs(&effects), vec![&Job::Resume(run_id())]);
}

#[test]
fn a_new_run_carries_its_note() {
    let mut model = waiting((80, 24));
    press(&mut model, "n");
    type_text(&mut model, "after the fix");
    let effects = press(&mut model, "enter tab enter");
    assert_eq!(
        jobs(&effects),
        vec![&Job::Start {
            note: Some("after the fix".into()),
            set: vec![],
            queue: false,
        }]
    );
    job_done(
        &mut model,
        Done::Started("20261122-1400-0001".parse().unwrap()),
    );
    assert!(model.follow_newest);
}

#[test]
fn the_newest_run_is_followed_until_another_is_picked() {
    let mut model = training((80, 24));
    let newer = || {
        let mut all = rows();
        let mut row = all[0].clone();
        row.id = "20261122-1400-0001".parse().unwrap();
        all.insert(0, row);
        all
    };
    update(&mut model, Message::WorkspaceChanged, start());
    job_done(&mut model, Done::Runs(newer()));
    assert_eq!(model.open.as_ref().unwrap().id.short(), "0001");
    press(&mut model, "down down");
    let picked = model.open.as_ref().unwrap().id.clone();
    assert_eq!(picked.short(), "5e11");
    let mut newest = newer();
    newest[0].id = "20261122-1500-0002".parse().unwrap();
    update(&mut model, Message::WorkspaceChanged, start());
    job_done(&mut model, Done::Runs(newest));
    assert_eq!(
        model.open.as_ref().unwrap().id,
        picked,
        "a picked run stays"
    );
}

#[test]
fn late_events_of_another_run_are_dropped() {
    let mut model = training((80, 24));
    press(&mut model, "down");
    let before = model.open.clone().unwrap();
    let old = before.generation - 1;
    update(
        &mut model,
        Message::RunEvents {
            generation: old,
            lines: vec![],
            alive: false,
            created_at: None,
        },
        start(),
    );
    assert_eq!(model.open.unwrap().outcome, before.outcome);
}

#[test]
fn enter_on_home_opens_plan_or_run() {
    let mut model = waiting((80, 24));
    press(&mut model, "g enter");
    assert_eq!(model.screen, Screen::Approval);
    press(&mut model, "esc j enter");
    assert_eq!(model.screen, Screen::Training);
    assert_eq!(model.open.as_ref().unwrap().id, run_id());
}

#[test]
fn a_release_of_a_key_is_no_press_and_quit_works_in_a_dialog() {
    let mut model = waiting((80, 24));
    let mut key = key_event("q");
    key.kind = KeyEventKind::Release;
    key.state = KeyEventState::NONE;
    update(&mut model, Message::Key(key), start());
    assert!(!model.quit);
    press(&mut model, "n ctrl-c");
    assert!(model.quit);
}

#[test]
fn the_key_that_opens_help_closes_it() {
    let mut model = waiting((80, 24));
    press(&mut model, "?");
    assert_eq!(model.dialogs.len(), 1);
    press(&mut model, "?");
    assert!(model.dialogs.is_empty());
}

#[test]
fn a_failed_action_is_a_dialog_and_can_be_read_again() {
    let mut model = waiting((80, 24));
    fail_action(
        &mut model,
        crate::error::CommandError::refused("no").report(),
    );
    assert!(matches!(model.dialogs[..], [Dialog::Notice(_)]));
    press(&mut model, "esc !");
    assert!(matches!(model.dialogs[..], [Dialog::Notice(_)]));
}

#[test]
fn a_log_that_begins_anew_begins_a_new_fold() {
    let mut model = training((80, 24));
    let generation = model.open.as_ref().unwrap().generation;
    let lines = vec![crate::events::ReadLine::Restarted];
    update(
        &mut model,
        Message::RunEvents {
            generation,
            lines,
            alive: true,
            created_at: None,
        },
        start(),
    );
    assert_eq!(model.open.unwrap().state.last_seq, 0);
}

#[test]
fn the_palette_finds_runs_and_copies() {
    let mut model = waiting((120, 36));
    press(&mut model, ": t r a i n");
    assert_eq!(model.dialogs.len(), 1);
    // Only what fits is listed, and the first choice runs.
    press(&mut model, "ctrl-u g o . a p p");
    let effects = press(&mut model, "ctrl-y");
    let shell = model.shell(Command::GoApproval).unwrap();
    let said = &model.said.as_ref().unwrap().text;
    assert!(said.ends_with(&shell), "{said}");
    assert!(
        matches!(effects.as_slice(), [Effect::Send(bytes)] if bytes.starts_with(b"\x1b]52;c;"))
    );
    press(&mut model, "enter");
    assert!(model.dialogs.is_empty());
    assert_eq!(model.screen, Screen::Approval);
}

#[test]
fn the_palette_explains_what_cannot_run() {
    let mut model = waiting((120, 36));
    press(&mut model, ": t r a i n i n g . n e x t - m");
    let effects = press(&mut model, "enter");
    assert!(effects.is_empty());
    assert_eq!(model.dialogs.len(), 1, "it stays and says why");
    let text: String = draw(&model).content().iter().map(|c| c.symbol()).collect();
    assert!(text.contains("works on Train"), "{text}");
}

#[test]
fn a_replay_shows_the_past_and_ends_where_the_run_is() {
    let mut model = waiting((120, 36));
    let now = model.open.as_ref().unwrap().state.clone();
    press(&mut model, "p");
    assert_ne!(model.open.as_ref().unwrap().state, now);
    // How the run stands is not a matter of what is shown.
    assert_eq!(
        model.open.as_ref().unwrap().outcome,
        Some(Outcome::Finished)
    );
    assert!(matches!(
        model.availability(Command::StopAfterRound),
        Availability::Disabled(_)
    ));
    press(&mut model, "} } [ p");
    assert_eq!(model.open.as_ref().unwrap().state, now);
    assert!(matches!(
        model.availability(Command::ReplayBack),
        Availability::Disabled(_)
    ));
}

#[test]
fn runs_are_filtered_and_the_cursor_opens_them() {
    let mut model = waiting((120, 36));
    press(&mut model, "7 /");
    type_text(&mut model, "4d9c");
    // The run that is left is read at once.
    let effects = press(&mut model, "enter");
    assert_eq!(model.run_table.rows(model.run_rows()).len(), 1);
    press(&mut model, "enter");
    assert!(matches!(effects.as_slice(), [Effect::Follow { run, .. }] if run.short() == "4d9c"));
    assert_eq!(model.screen, Screen::Training);
}

#[test]
fn two_marked_runs_are_compared_and_a_late_answer_is_dropped() {
    let mut model = waiting((120, 36));
    let effects = press(&mut model, "5");
    assert!(
        matches!(effects.as_slice(), [Effect::Run { job: Job::Compare(p), .. }] if *p == pair())
    );
    press(&mut model, "7 space down down space 5");
    let asked = model.compare.pair.clone().unwrap();
    assert_ne!(asked, pair());
    job_done(&mut model, Done::Compared(pair(), Box::new(compared())));
    assert_eq!(model.compare.document, None, "another pair was asked for");
}

fn tracked(pending: u64) -> Done {
    let mut health = health();
    health.tracking.server = Some("http://127.0.0.1:5000".into());
    health.tracking.automatic = true;
    health.tracking.pending = pending;
    Done::Health(health)
}

fn health_arrives(model: &mut crate::console::model::Model, done: Done, later: i64) -> bool {
    let now = start() + chrono::TimeDelta::seconds(later);
    let generation = model.jobs.submit(Job::Health, now).map_or(0, |(g, _)| g);
    let message = Message::JobDone {
        key: JobKey::Health,
        generation,
        result: Ok(done),
    };
    let effects = update(model, message, now);
    let started = jobs(&effects).contains(&&Job::Sync);
    if started {
        let generation = model.jobs.running(JobKey::Sync).unwrap();
        let message = Message::JobDone {
            key: JobKey::Sync,
            generation,
            result: Ok(Done::SyncStarted),
        };
        update(model, message, now);
    }
    started
}

#[test]
fn what_waits_for_the_tracking_server_is_sent_now_and_then() {
    let mut model = waiting((120, 36));
    assert!(!health_arrives(&mut model, tracked(0), 0), "nothing waits");
    assert!(health_arrives(&mut model, tracked(7), 1));
    assert!(!health_arrives(&mut model, tracked(7), 30), "just now");
    assert!(health_arrives(&mut model, tracked(7), 70));
    model.session.view_only = Some("only looking".into());
    assert!(!health_arrives(&mut model, tracked(7), 200));
    model.session.view_only = None;
    for change in [
        |h: &mut crate::tracking::status::Status| h.sending = true,
        |h: &mut crate::tracking::status::Status| h.automatic = false,
        |h: &mut crate::tracking::status::Status| h.server = None,
        |h: &mut crate::tracking::status::Status| h.last_error = Some("refused".into()),
    ] {
        let Done::Health(mut health) = tracked(7) else {
            unreachable!("made so")
        };
        change(&mut health.tracking);
        let done = Done::Health(health);
        assert!(!health_arrives(&mut model, done, 210));
    }
}

#[test]
fn beside_a_run_at_work_its_own_sender_sends() {
    let mut model = training((120, 36));
    assert!(!health_arrives(&mut model, tracked(7), 1));
}

#[test]
fn queued_runs_stand_above_the_runs_and_x_takes_one_out() {
    let mut model = training((120, 36));
    job_done(&mut model, Done::Desk(desk()));
    press(&mut model, "7 up");
    assert_eq!(model.queued_row().unwrap().by, "mara");
    let effects = press(&mut model, "+");
    assert_eq!(jobs(&effects), vec![&Job::Sooner("q-b04e".into())]);
    let mut changed = desk();
    changed.queue.swap(0, 1);
    job_done(&mut model, Done::QueueChanged("sooner".into()));
    job_done(&mut model, Done::Desk(changed));
    assert_eq!(
        model.queued_row().unwrap().by,
        "mara",
        "the cursor stays on its entry"
    );
    assert!(matches!(
        model.availability(Command::QueueSooner),
        Availability::Disabled(_)
    ));
    assert!(press(&mut model, "x enter").is_empty(), "it keeps waiting");
    let effects = press(&mut model, "x tab enter");
    assert_eq!(jobs(&effects), vec![&Job::Unqueue("q-b04e".into())]);
    press(&mut model, "end up");
    assert_eq!(model.queued_row(), None);
    press(&mut model, "g");
    assert_eq!(model.queued_row().unwrap().by, "mara");
    press(&mut model, "down down");
    assert_eq!(model.queued_row(), None);
    assert_eq!(model.run_table.cursor, 0);
}

#[test]
fn a_queue_that_nobody_works_on_is_worked_on_by_an_open_console_once() {
    let mut model = training((120, 36));
    let stuck = || {
        let mut desk = desk();
        desk.stuck = true;
        desk
    };
    let drains = |model: &mut crate::console::model::Model| {
        let generation = model.jobs.submit(Job::Desk, start()).map_or(0, |(g, _)| g);
        let message = Message::JobDone {
            key: JobKey::Desk,
            generation,
            result: Ok(Done::Desk(stuck())),
        };
        let effects = update(model, message, start());
        let found = jobs(&effects).contains(&&Job::Drain);
        job_done(model, Done::Drained(None));
        found
    };
    job_done(&mut model, Done::Desk(desk()));
    assert!(drains(&mut model));
    assert!(!drains(&mut model), "nothing has changed since");
    job_done(&mut model, Done::Desk(desk()));
    model.session.view_only = Some("only looking".into());
    assert!(!drains(&mut model));
}

#[test]
fn a_run_in_somebody_else_s_hands_is_taken_over_only_when_typed() {
    let mut model = training((120, 36));
    let effects = press(&mut model, "x tab enter");
    let then = Job::Control(run_id(), ControlCommand::Cancel);
    assert_eq!(jobs(&effects), vec![&then]);
    let done = Done::InHand {
        lease: jons_lease(),
        then: Box::new(then.clone()),
    };
    job_done(&mut model, done);
    assert!(matches!(model.dialogs[..], [Dialog::TakeOver(_)]));
    assert!(
        press(&mut model, "tab enter").is_empty(),
        "nothing typed yet"
    );
    press(&mut model, "tab");
    update(&mut model, Message::Paste("7f3a".into()), start());
    assert!(
        press(&mut model, "tab tab enter").is_empty(),
        "pasted is not typed"
    );
    press(&mut model, "tab");
    type_text(&mut model, "7f3a");
    assert!(
        press(&mut model, "enter").is_empty(),
        "the field is no button"
    );
    let effects = press(&mut model, "tab tab enter");
    let job = Job::TakeOver {
        run: run_id(),
        then: Box::new(then),
    };
    assert_eq!(jobs(&effects), vec![&job]);
    assert!(model.dialogs.is_empty());
}

#[test]
fn looking_at_a_plan_takes_its_run_in_hand_and_closing_gives_it_back() {
    let mut model = waiting((120, 36));
    let effects = press(&mut model, "6 enter");
    assert_eq!(jobs(&effects), vec![&Job::Hold(run_id())]);
    job_done(&mut model, Done::Hands);
    let effects = press(&mut model, "esc");
    assert_eq!(jobs(&effects), vec![&Job::LetGo(run_id())]);
    job_done(&mut model, Done::Hands);
    model.session.view_only = Some("only looking".into());
    assert!(
        press(&mut model, "6 enter esc").is_empty(),
        "who only looks holds nothing"
    );
}

#[test]
fn who_loses_a_run_is_told() {
    let mut model = training((120, 36));
    let mut mine = jons_lease();
    mine.mine = true;
    mine.by.name = "mara".into();
    let desk = |lease| crate::console::desk::Desk {
        leases: vec![lease],
        ..desk()
    };
    job_done(&mut model, Done::Desk(desk(mine.clone())));
    let mut jons = jons_lease();
    jons.taken_from = Some(mine.by.clone());
    job_done(&mut model, Done::Desk(desk(jons)));
    let said = &model.said.as_ref().unwrap().text;
    assert_eq!(said, "Run 7f3a was taken over by jon (10.2.0.9).");
}

#[test]
fn news_are_shown_until_they_are_marked_and_the_cursor_is_noted() {
    let mut model = training((120, 36));
    come_back(&mut model);
    let shown = |model: &crate::console::model::Model| -> String {
        draw(model).content().iter().map(|c| c.symbol()).collect()
    };
    assert!(shown(&model).contains("Since you were last here"));
    assert!(shown(&model).contains("PSI 0.08 -> 0.23"));
    let effects = press(&mut model, "m");
    assert!(!shown(&model).contains("Since you were last here"));
    let noted = jobs(&effects);
    assert!(matches!(noted[..], [Job::Seen(seen)] if seen.runs.len() == 4 && seen.decisions == 7));
    job_done(&mut model, Done::SeenNoted);
    let effects = update(&mut model, Message::Minute, start());
    assert!(matches!(jobs(&effects)[..], [Job::Seen(_)]));
    job_done(&mut model, Done::SeenNoted);
    let later = start() + chrono::TimeDelta::hours(1);
    assert!(
        update(&mut model, Message::Minute, later).is_empty(),
        "nobody is there"
    );
}

#[test]
fn a_worse_slice_must_be_ticked_as_read_before_approving() {
    let mut model = waiting((120, 36));
    let mut plan = plan();
    plan.worse_slice = Some("service = smtp  F1 -0.0120".into());
    job_done(&mut model, Done::Plans(vec![plan]));
    press(&mut model, "6 enter");
    job_done(&mut model, Done::Hands);
    press(&mut model, "shift-tab shift-tab");
    type_text(&mut model, "better recall");
    press(&mut model, "tab");
    type_text(&mut model, "v2");
    assert!(
        press(&mut model, "tab tab tab enter").is_empty(),
        "not read yet"
    );
    assert_eq!(model.dialogs.len(), 1);
    press(&mut model, "tab space");
    let effects = press(&mut model, "tab tab tab tab tab enter");
    assert!(
        matches!(jobs(&effects)[..], [Job::Approve { .. }]),
        "{effects:?}"
    );
}

#[test]
fn whoever_asks_for_the_form_before_the_file_was_read_gets_it_then() {
    let mut model = empty((80, 24));
    job_done(&mut model, Done::Runs(vec![]));
    assert!(press(&mut model, "n").is_empty());
    assert!(model.dialogs.is_empty());
    job_done(&mut model, Done::Health(health()));
    assert!(matches!(model.dialogs[..], [Dialog::Start(_)]));
    press(&mut model, "esc");
    update(&mut model, Message::WorkspaceChanged, start());
    job_done(&mut model, Done::Health(health()));
    assert!(model.dialogs.is_empty(), "once");
}

/// Two folds at a time: the last event tells of one of them.
#[test]
fn the_share_of_the_training_never_goes_back() {
    use crate::console::screens::training_share;
    use crate::events::{Envelope, Event, FitPhase, RunState, StageName};
    let mut state = RunState::default();
    let (mut seq, mut last) = (0, 0.0);
    let mut tell = |phase, round| {
        seq += 1;
        let learner = "random_forest".to_owned();
        let event = match round {
            0 => Event::FitStarted {
                learner,
                phase,
                of: 100,
            },
            round => Event::TrainingProgress {
                learner,
                phase,
                round,
                of: 100,
            },
        };
        state.apply(&Envelope {
            v: 1,
            seq,
            at: start(),
            stage: Some(StageName::ModelTrainer),
            event,
        });
        let share = training_share(&state);
        assert!(share >= last, "{phase:?} {round}: {share} after {last}");
        last = share;
    };
    let fold = |fold| FitPhase::Fold { fold, folds: 12 };
    for pair in [1, 3, 5, 7, 9, 11] {
        for round in [0, 30, 60, 100] {
            tell(fold(pair + 1), round);
            tell(fold(pair), round);
        }
    }
    for round in [0, 50, 100] {
        tell(FitPhase::Final, round);
    }
    assert_eq!(last, 1.0);
}

/// The key to Approve leads to the plan of the run on screen, not to where the cursor was once.
#[test]
fn approve_opens_at_the_plan_of_the_run_on_screen() {
    let mut model = waiting((120, 36));
    let mut older = plan();
    older.plan_id = "000000000001".into();
    older.run_id = rows()[2].id.clone();
    let own = plan();
    let id = own.plan_id.clone();
    job_done(&mut model, Done::Plans(vec![older.clone()]));
    job_done(&mut model, Done::Plans(vec![own, older]));
    assert_eq!(model.approval_cursor, 1, "the cursor stays on its plan");
    press(&mut model, "6");
    assert_eq!(model.plan().unwrap().plan_id, id);
    press(&mut model, "down 6");
    assert_eq!(model.approval_cursor, 1, "it was there already");
}
