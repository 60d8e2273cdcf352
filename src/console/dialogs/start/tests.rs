//! Keys in, form and job out.

use crate::console::dialogs::Dialog;
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job};
use crate::console::message::Message;
use crate::console::model::Model;
use crate::console::testing::*;
use crate::console::update::update;
use crate::error::{CommandError, ErrorKind};
use crate::worker::Problem;

fn open() -> Model {
    let mut model = waiting((120, 36));
    press(&mut model, "n");
    assert!(matches!(model.dialogs[..], [Dialog::Start(_)]));
    model
}

fn screen(model: &Model) -> String {
    let buffer = draw(model);
    let width = usize::from(buffer.area.width);
    let cells: Vec<&str> = buffer.content().iter().map(|c| c.symbol()).collect();
    cells.chunks(width).map(|row| row.concat() + "\n").collect()
}

fn started(effects: &[Effect]) -> Option<(Option<String>, Vec<String>, bool)> {
    effects.iter().find_map(|e| match e {
        Effect::Run {
            job: Job::Start { note, set, queue },
            ..
        } => Some((
            note.clone(),
            set.iter()
                .map(|c| format!("{}={}", c.key, c.value))
                .collect(),
            *queue,
        )),
        _ => None,
    })
}

#[test]
fn untouched_it_starts_with_the_settings_of_the_file() {
    let mut model = open();
    assert!(
        press(&mut model, "enter enter").is_empty(),
        "do nothing is first"
    );
    assert!(model.dialogs.is_empty());
    let mut model = open();
    let effects = press(&mut model, "enter tab enter");
    assert_eq!(started(&effects), Some((None, vec![], false)));
}

#[test]
fn changed_fields_become_settings_and_the_shell_command_says_the_same() {
    let mut model = open();
    type_text(&mut model, "it's late");
    press(&mut model, "tab ctrl-u");
    type_text(&mut model, "new rows.csv");
    // The second learner is left out, its box ticked away.
    press(&mut model, "tab right space tab ctrl-u");
    type_text(&mut model, "5");
    assert!(
        screen(&model).contains("3 settings (*) differ"),
        "{}",
        screen(&model)
    );
    let effects = press(&mut model, "ctrl-y");
    assert!(matches!(effects[..], [Effect::Send(_)]));
    let said = model.said.as_ref().unwrap().text.clone();
    assert!(
        said.ends_with(
            "netsec retrain --detach --set 'source.path=new rows.csv' --set \
             training.learners=logistic_regression,random_forest,adaboost,xgboost --set \
             training.folds=5 --note 'it'\\''s late'"
        ),
        "{said}"
    );
    let effects = press(&mut model, "enter tab tab enter");
    let (note, set, queue) = started(&effects).unwrap();
    assert_eq!(note.as_deref(), Some("it's late"));
    assert!(queue);
    assert_eq!(set.len(), 3, "{set:?}");
    assert_eq!(model.dialogs.len(), 1, "it stays until the start is sure");
    let id = "q-1f3a".to_owned();
    job_done(
        &mut model,
        Done::Queued {
            id,
            behind: Some(run_id()),
        },
    );
    assert!(model.dialogs.is_empty());
}

#[test]
fn what_is_wrong_stands_at_its_field_and_nothing_starts() {
    let mut model = open();
    press(&mut model, "tab tab tab ctrl-u 1");
    assert!(
        screen(&model).contains("! cross-validation needs at least 2"),
        "{}",
        screen(&model)
    );
    assert!(press(&mut model, "enter tab enter").is_empty());
    assert_eq!(model.dialogs.len(), 1);
    press(&mut model, "pageup tab tab");
    // Every learner ticked away.
    press(
        &mut model,
        "space right space right space right space right space",
    );
    assert!(
        screen(&model).contains("name at least one"),
        "{}",
        screen(&model)
    );
}

#[test]
fn what_the_check_finds_stands_at_its_field() {
    let mut model = open();
    press(&mut model, "enter tab enter");
    let problem = Problem {
        key: "source.path".into(),
        message: "flows.csv is not there".into(),
        hints: vec![],
        kind: ErrorKind::Data,
    };
    job_done(&mut model, Done::NotStarted(vec![problem]));
    assert!(
        screen(&model).contains("! flows.csv is not there"),
        "{}",
        screen(&model)
    );
    // The focus is on the field; typing there takes the error away.
    type_text(&mut model, "x");
    assert!(
        !screen(&model).contains("! flows.csv"),
        "{}",
        screen(&model)
    );
}

#[test]
fn an_error_of_the_start_is_told_above_the_form() {
    let mut model = open();
    press(&mut model, "enter tab enter");
    let generation = model
        .jobs
        .running(crate::console::jobs::JobKey::Action)
        .unwrap();
    let message = Message::JobDone {
        key: crate::console::jobs::JobKey::Action,
        generation,
        result: Err(CommandError::backend("no room").report()),
    };
    update(&mut model, message, start());
    assert!(matches!(
        model.dialogs[..],
        [Dialog::Start(_), Dialog::Notice(_)]
    ));
}

mod keys {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Random keys in the form: no panic, and a job only with settings that are in order.
        #[test]
        fn random_keys(
            size in (60u16..=140, 15u16..=40),
            keys in prop::collection::vec(
                prop_oneof![
                    3 => proptest::sample::select(vec![
                        "tab", "shift-tab", "down", "up", "left", "right", "space", "enter",
                        "backspace", "ctrl-u", "home", "end", "delete", "pageup", "pagedown",
                    ]).prop_map(str::to_owned),
                    2 => "[0-9a-z./=,\\[\"]".prop_map(|c| c),
                ], 1..60),
        ) {
            let mut model = waiting(size);
            press(&mut model, "n");
            for key in keys {
                let effects = press(&mut model, &key);
                if let Some((_, set, _)) = started(&effects) {
                    let changes: Vec<_> = set.iter().map(|c| c.parse().unwrap()).collect();
                    let config = model.health.settings.clone().unwrap();
                    prop_assert!(crate::config::with_changes(&config, &changes).is_ok(), "{set:?}");
                    break;
                }
                draw(&model);
                if model.dialogs.is_empty() {
                    break;
                }
            }
        }
    }
}
