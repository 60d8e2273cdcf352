//! The Validate screen: keys before, model, effects and screens after.

use std::sync::Arc;

use proptest::prelude::*;

use super::snapshots::snapshot;
use crate::console::browser::ask::BrowseJob;
use crate::console::commands::{Command, Screen};
use crate::console::dialogs::Dialog;
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job, JobKey};
use crate::console::message::Message;
use crate::console::model::{Availability, Model};
use crate::console::testing::*;
use crate::console::update::update;
use crate::console::validation::{Order, Section, Slicing};
use crate::error::CommandError;
use crate::events::Actor;
use crate::findings::testing::{LATEST, log_of, project, samples, stopped_by_checks};
use crate::findings::{Acknowledgement, Findings, Slice, Slices, Source};

/// The Validate screen with what run 7f3a found.
fn validated(size: (u16, u16)) -> Model {
    let mut model = waiting(size);
    press(&mut model, "3");
    job_done(&mut model, Done::Findings(Arc::clone(&samples()[0])));
    model
}

/// The same with other findings of the same run.
fn with(size: (u16, u16), change: impl FnOnce(&mut Findings)) -> Model {
    let mut model = waiting(size);
    press(&mut model, "3");
    let mut found = samples()[0].as_ref().clone();
    change(&mut found);
    job_done(&mut model, Done::Findings(Arc::new(found)));
    model
}

fn jobs(effects: &[Effect]) -> Vec<&Job> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Run { job, .. } => Some(job),
            _ => None,
        })
        .collect()
}

fn note(id: &str, observed: &str) -> Acknowledgement {
    Acknowledgement {
        v: 1,
        seq: 1,
        at: start(),
        by: Actor {
            name: "jon".into(),
            from: "10.2.0.31".into(),
        },
        check: id.into(),
        observed: observed.into(),
        note: "the crawler moved to port 8001, SEC-812".into(),
    }
}

fn chosen(model: &Model) -> String {
    model.validation.chosen().unwrap().id.clone()
}

fn found_slices(slicing: Slicing) -> Done {
    let slice = |value: &str, psi, share| Slice {
        value: value.into(),
        psi,
        share_reference: share,
        share_current: share + 0.01,
    };
    let slices = Slices {
        column: slicing.column.clone(),
        by: Some("service".into()),
        slices: vec![
            slice("http", Some(1.31), 0.5),
            slice("smtp", Some(0.01), 0.3),
            slice("http_8001", None, 0.0),
        ],
        tried: 3,
        even: false,
    };
    Done::Sliced(slicing, Ok(slices))
}

#[test]
fn screens() {
    snapshot("validate", validated);
    snapshot("validate_all", |size| {
        let mut model = validated(size);
        press(&mut model, "w s s");
        model
    });
    snapshot("validate_detail", |size| {
        let mut model = validated(size);
        press(&mut model, "enter");
        let slicing = model.validation.slicing.clone().unwrap();
        job_done(&mut model, found_slices(slicing));
        press(&mut model, "down down down down");
        model
    });
    snapshot("validate_check", |size| {
        let mut model = validated(size);
        model.validation.seek(Some("ranges.dst_bytes"));
        press(&mut model, "enter");
        model
    });
    snapshot("validate_labels", |size| {
        let mut model = validated(size);
        press(&mut model, "tab tab");
        model
    });
    snapshot("validate_changes", |size| {
        let mut model = with(size, |found| {
            let finding = found.find("drift.count").unwrap();
            let note = note(&finding.id, &finding.observed);
            found.acknowledged.list = vec![note];
        });
        press(&mut model, "shift-tab");
        model
    });
    snapshot("validate_acknowledge", |size| {
        let mut model = validated(size);
        press(&mut model, "a");
        type_text(&mut model, "the crawler moved");
        model
    });
}

#[test]
fn screens_that_teach() {
    snapshot("validate_without_run", |size| {
        let mut model = empty(size);
        job_done(&mut model, Done::Runs(vec![]));
        press(&mut model, "3");
        model
    });
    snapshot("validate_at_work", |size| {
        let mut model = waiting(size);
        press(&mut model, "3");
        model
    });
    snapshot("validate_too_early", |size| {
        let mut model = training(size);
        press(&mut model, "3");
        let mut found = samples()[0].as_ref().clone();
        found.source = Source::Nothing;
        job_done(&mut model, Done::Findings(Arc::new(found)));
        model
    });
    snapshot("validate_first_run", |size| {
        let mut model = waiting(size);
        press(&mut model, "3");
        let mut found = samples()[1].as_ref().clone();
        found.run = run_id();
        job_done(&mut model, Done::Findings(Arc::new(found)));
        model
    });
    snapshot("validate_stopped", |size| {
        let (_dir, workspace) = project();
        let run_dir = workspace.run_dir(&run_id());
        std::fs::remove_dir_all(run_dir.join("data_validation")).unwrap();
        log_of(&run_dir, &stopped_by_checks());
        let found = crate::findings::testing::found(&workspace, LATEST);
        let mut model = waiting(size);
        press(&mut model, "3");
        job_done(&mut model, Done::Findings(found));
        model
    });
}

#[test]
fn the_screen_asks_once_and_for_the_run_on_screen() {
    let mut model = waiting((120, 36));
    let effects = press(&mut model, "3");
    assert_eq!(jobs(&effects), [&Job::Findings(run_id())]);
    assert!(model.validation.found.is_none());
    // Another run is opened while the first is read: its answer does not count.
    press(&mut model, "7 down");
    assert_ne!(model.open.as_ref().unwrap().id, run_id());
    press(&mut model, "3");
    job_done(&mut model, Done::Findings(Arc::clone(&samples()[0])));
    assert!(model.validation.found.is_none());
}

#[test]
fn the_list_is_narrowed_sorted_and_keeps_its_cursor() {
    let mut model = validated((120, 36));
    let problems = model.validation.rows().len();
    assert_eq!(problems, samples()[0].problems().count());
    press(&mut model, "down down");
    let under = chosen(&model);
    press(&mut model, "w");
    assert_eq!(model.validation.rows().len(), samples()[0].findings.len());
    assert_eq!(chosen(&model), under);
    press(&mut model, "s");
    assert_eq!(model.validation.order, Order::Importance);
    assert_eq!(chosen(&model), under);
    press(&mut model, "g");
    assert_eq!(
        model.validation.chosen().unwrap().importance,
        Some(1),
        "the most important column first"
    );
    press(&mut model, "s");
    let names: Vec<&str> = model
        .validation
        .rows()
        .iter()
        .map(|f| f.id.as_str())
        .collect();
    assert!(names.is_sorted());
    press(&mut model, "G w");
    assert!(model.validation.cursor < model.validation.rows().len());
}

#[test]
fn sections_are_entered_and_left() {
    let mut model = validated((120, 36));
    press(&mut model, "tab tab");
    assert_eq!(model.validation.section, Section::Labels);
    let cursor = model.validation.cursor;
    press(&mut model, "down down");
    assert_eq!(
        (model.validation.cursor, model.validation.first),
        (cursor, 2)
    );
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Validation);
    assert_eq!(model.validation.section, Section::Problems);
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Home);
}

#[test]
fn slices_are_looked_for_once_and_can_be_stopped() {
    let mut model = validated((120, 36));
    model.validation.seek(Some("drift.count"));
    let effects = press(&mut model, "enter");
    let [Job::Slices(slicing)] = jobs(&effects)[..] else {
        panic!("{effects:?}");
    };
    let slicing = slicing.clone();
    assert_eq!(slicing.column, "count");
    // Esc stops the search first and stays in the detail.
    press(&mut model, "esc");
    assert!(slicing.stop.is_stopped());
    assert_eq!(model.validation.section, Section::Detail);
    job_done(
        &mut model,
        Done::Sliced(slicing, Err("stopped before it was done".into())),
    );
    assert!(model.validation.slices.is_empty());
    // Once more, to the end; then it is known.
    press(&mut model, "esc");
    let effects = press(&mut model, "enter");
    let [Job::Slices(again)] = jobs(&effects)[..] else {
        panic!("{effects:?}");
    };
    job_done(&mut model, found_slices(again.clone()));
    assert!(model.validation.slicing.is_none());
    press(&mut model, "enter");
    assert!(press(&mut model, "enter").is_empty());
    // Moving on in the list ends a search.
    press(&mut model, "enter");
    model.validation.slices.clear();
    press(&mut model, "enter");
    let stop = model.validation.slicing.clone().unwrap().stop;
    press(&mut model, "enter down");
    assert!(stop.is_stopped());
}

#[test]
fn acknowledging_needs_a_note_and_the_button() {
    let mut model = validated((120, 36));
    press(&mut model, "w");
    model.validation.seek(Some("drift.count"));
    assert!(press(&mut model, "a").is_empty());
    assert!(matches!(model.dialogs[..], [Dialog::Acknowledge(_)]));
    assert!(
        press(&mut model, "enter tab tab enter").is_empty(),
        "no note"
    );
    assert_eq!(model.dialogs.len(), 1);
    press(&mut model, "tab");
    type_text(&mut model, "backups q");
    let effects = press(&mut model, "enter enter");
    let observed = samples()[0].find("drift.count").unwrap().observed.clone();
    assert_eq!(
        jobs(&effects),
        [&Job::Acknowledge {
            run: run_id(),
            check: "drift.count".into(),
            observed: observed.clone(),
            note: "backups q".into(),
        }]
    );
    let generation = model.jobs.running(JobKey::Action).unwrap();
    let done = Done::Acknowledged(run_id(), note("drift.count", &observed));
    let message = Message::JobDone {
        key: JobKey::Action,
        generation,
        result: Ok(done),
    };
    let effects = update(&mut model, message, start());
    assert!(jobs(&effects).contains(&&Job::Findings(run_id())));
    assert!(
        jobs(&effects).contains(&&Job::Plans),
        "the evidence names it"
    );
    // What is in order cannot be acknowledged.
    model.validation.seek(Some("drift.flag"));
    let fine = model
        .validation
        .rows()
        .iter()
        .find(|f| !f.standing.is_problem())
        .unwrap()
        .id
        .clone();
    model.validation.seek(Some(&fine));
    assert!(matches!(
        model.availability(Command::AcknowledgeFinding),
        Availability::Disabled(_)
    ));
    model.session.view_only = Some("view only".into());
    model.validation.seek(Some("drift.count"));
    press(&mut model, "a");
    assert!(model.dialogs.is_empty());
}

#[test]
fn a_note_on_another_figure_does_not_count() {
    let model = with((120, 36), |found| {
        found.acknowledged.list = vec![note("drift.count", "PSI 0.0001")];
    });
    let text = screen_text(&model);
    assert!(text.contains("jon acknowledged it at PSI 0.0001"), "{text}");
    assert!(text.contains("Acknowledged by nobody yet"), "{text}");
}

#[test]
fn the_shell_command_is_filled_in() {
    let mut model = validated((120, 36));
    model.validation.seek(Some("ranges.dst_bytes"));
    assert_eq!(
        model.shell(Command::FindingRows).unwrap(),
        format!("netsec data {LATEST} --filter '(dst_bytes < 0) or (dst_bytes > 5000)'")
    );
    assert_eq!(
        model.shell(Command::AcknowledgeFinding).unwrap(),
        format!("netsec acknowledge {LATEST} ranges.dst_bytes --note TEXT")
    );
    assert_eq!(
        model.shell(Command::GoValidation).unwrap(),
        format!("netsec validate {LATEST}")
    );
    assert!(matches!(press(&mut model, "y")[..], [Effect::Send(_)]));
}

/// Where no condition tells the rows all of them are opened, at the finding's column.
#[test]
fn the_data_key_always_opens_rows() {
    let mut model = with((120, 36), |found| found.bins = None);
    model.validation.seek(Some("drift.count"));
    assert_eq!(chosen(&model), "drift.count");
    assert!(screen_text(&model).contains("d shows all rows"));
    assert_eq!(
        model.shell(Command::FindingRows),
        Some(format!("netsec data {LATEST}"))
    );
    let effects = press(&mut model, "d");
    assert_eq!(model.screen, Screen::Data);
    let wanted = jobs(&effects).into_iter().find_map(|job| match job {
        Job::Browse(_, job) => match job.as_ref() {
            BrowseJob::Open { wanted, .. } => Some(wanted.clone()),
            _ => None,
        },
        _ => None,
    });
    let wanted = wanted.unwrap();
    assert_eq!(wanted.at.as_deref(), Some("count"));
    let base = wanted.base.unwrap();
    assert_eq!(base.filter, "");
    super::data::play(&mut model, effects);
    let browser = &model.browser;
    let under = browser.view.column().map(|c| browser.name(c));
    assert_eq!(under, Some("count"), "the cursor stands on the column");
    assert!(screen_text(&model).contains("drift.count: no condition"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut model = waiting((80, 24));
    press(&mut model, "3");
    let generation = model.jobs.running(JobKey::Findings).unwrap();
    let error = CommandError::data("drift.json is damaged: \u{1b}[2J").report();
    let message = Message::JobDone {
        key: JobKey::Findings,
        generation,
        result: Err(error),
    };
    update(&mut model, message, start());
    let text = screen_text(&model);
    assert!(text.contains("drift.json is damaged"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

/// The figures on the screen are those of the documents that scripts read.
#[test]
fn the_screen_shows_the_figures_of_the_reports() {
    let found = &samples()[0];
    for size in [(120, 36), (80, 24)] {
        let mut model = validated(size);
        press(&mut model, "w");
        for column in &found.drift.as_ref().unwrap().columns {
            model
                .validation
                .seek(Some(&format!("drift.{}", column.column)));
            let text = screen_text(&model);
            for figure in [
                column.psi,
                column.ks.map(|k| k.statistic),
                column.jensen_shannon,
            ] {
                let Some(figure) = figure else { continue };
                assert!(
                    text.contains(&format!("{figure:.4}")),
                    "{}: {figure}\n{text}",
                    column.column
                );
            }
        }
    }
}

fn screen_text(model: &Model) -> String {
    let buffer = draw(model);
    let area = buffer.area;
    (0..area.height)
        .map(|y| {
            let line: String = (0..area.width).map(|x| buffer[(x, y)].symbol()).collect();
            line + "\n"
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any keys, sizes and findings: no panic, the cursor stays inside.
    #[test]
    fn no_key_or_size_panics(
        keys in prop::collection::vec(
            proptest::sample::select(vec![
                "up", "down", "pageup", "pagedown", "g", "G", "enter", "tab", "shift-tab", "w",
                "s", "d", "a", "y", "esc", "3", "1", "7", "x", "ctrl-y", "b",
            ]),
            1..60,
        ),
        sizes in prop::collection::vec((1u16..=300, 1u16..=100), 1..6),
        which in 0usize..3,
        hostile in any::<String>(),
    ) {
        let mut model = with((100, 30), |found| match which {
            0 => {}
            1 => {
                found.source = Source::Log;
                found.bins = None;
                found.validation = None;
            }
            _ => {
                for f in &mut found.findings {
                    f.text = hostile.clone();
                    f.observed = hostile.clone();
                }
                for bin in found.bins.iter_mut().flat_map(|b| &mut b.columns).flat_map(|c| &mut c.bins) {
                    bin.of = crate::drift::BinOf::Value { value: hostile.clone() };
                }
            }
        });
        for (i, key) in keys.iter().enumerate() {
            press(&mut model, key);
            model.size = sizes[i % sizes.len()];
            let rows = model.validation.rows().len();
            prop_assert!(rows == 0 || model.validation.cursor < rows);
            for cell in draw(&model).content() {
                prop_assert!(!cell.symbol().chars().any(char::is_control));
            }
        }
    }
}
