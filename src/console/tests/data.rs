//! The Data screen over a made-up table: the engine is real, only the loop is played.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use crate::browse::{Cancel, Part, Table};
use crate::console::browser::ask::{BrowseDone, BrowseJob, Source, Wanted};
use crate::console::browser::work;
use crate::console::commands::{COMMANDS, Command, Scope, Screen};
use crate::console::dialogs::{DataDialog, Dialog};
use crate::console::effect::Effect;
use crate::console::jobs::{Done, Job, JobKey};
use crate::console::keymap::Chord;
use crate::console::message::Message;
use crate::console::model::Model;
use crate::console::testing::*;
use crate::console::update::update;
use crate::dataset::{Frame, ROW_COLUMN};
use crate::error::CommandError;
use crate::workspace::Workspace;

const ROWS: usize = 480;

/// Network flows with everything that may stand in a cell.
fn flows() -> Table {
    let labels = [
        "normal",
        "normal",
        "dos.back",
        "probe.portsweep",
        "r2l.warez",
    ];
    let services = ["http", "ftp_data", "telnet", "smtp"];
    let label = |i: usize| labels[(i * 7) % 5];
    let number = |f: &dyn Fn(usize) -> Option<f64>| (0..ROWS).map(f).collect::<Vec<_>>();
    let text = |f: &dyn Fn(usize) -> Option<String>| (0..ROWS).map(f).collect::<Vec<_>>();
    let notes = text(&|i| match i % 6 {
        0 => None,
        1 => Some(String::new()),
        2 => Some("\u{1b}[31mred\u{1b}[0m \u{202e}txt.exe".to_owned()),
        3 => Some("日本語のメモ".to_owned()),
        4 if i < 8 => Some("x".repeat(1 << 20)),
        _ => Some("a, \"quoted\" note".to_owned()),
    });
    Table::of_frame(
        "run 20261122-1230-7f3a, test",
        Frame::from_columns(vec![
            Frame::text_column("label", &text(&|i| Some(label(i).to_owned()))),
            Frame::number_column("duration", number(&|i| Some((i * 37 % 911) as f64))),
            Frame::text_column("service", &text(&|i| Some(services[i % 4].to_owned()))),
            Frame::number_column(
                "src_bytes",
                number(&|i| (i % 29 != 0).then(|| ((i * i * 7919) % 1_379_963) as f64)),
            ),
            Frame::number_column("rate", number(&|i| Some((i % 100) as f64 / 100.0))),
            Frame::text_column("note", &notes),
            Frame::number_column("dst_bytes", number(&|i| Some((i * 13 % 8_315) as f64))),
            Frame::number_column("count", number(&|i| Some((i % 31) as f64))),
            Frame::number_column("a column with a long name", number(&|_| Some(0.0))),
            Frame::text_column("flag", &text(&|_| Some("SF".to_owned()))),
            Frame::number_column("hour", number(&|i| Some((i % 24) as f64))),
            Frame::number_column(ROW_COLUMN, number(&|i| Some((i * 3) as f64))),
        ])
        .unwrap(),
    )
    .unwrap()
}

/// Plays the loop: does what is asked for until nothing is left, but for work that waits.
pub(super) fn play(model: &mut Model, effects: Vec<Effect>) -> Vec<Effect> {
    play_over(model, effects, &flows)
}

/// The same over another table.
pub(super) fn play_over(
    model: &mut Model,
    effects: Vec<Effect>,
    table: &dyn Fn() -> Table,
) -> Vec<Effect> {
    let mut left = Vec::new();
    let mut queue: VecDeque<Effect> = effects.into();
    while let Some(effect) = queue.pop_front() {
        let Effect::Run {
            key,
            generation,
            job: Job::Browse(asking, job),
        } = effect
        else {
            left.push(effect);
            continue;
        };
        let workspace = Workspace::new("/nowhere");
        let result = match *job {
            BrowseJob::Open {
                source,
                wanted,
                rows,
            } => work::opened(&workspace, source, table(), &wanted, rows, &Cancel::new())
                .map(|done| Done::Browsed(asking.number, Box::new(done))),
            job => work::perform(&workspace, Path::new("/nowhere/config.toml"), &asking, job),
        };
        let result = result.map(timeless).map_err(|e| e.report());
        let message = Message::JobDone {
            key,
            generation,
            result,
        };
        queue.extend(update(model, message, start()));
    }
    left
}

/// The same times on every machine, and the drift of a run that there is not.
fn timeless(done: Done) -> Done {
    let Done::Browsed(number, mut inner) = done else {
        return done;
    };
    match &mut *inner {
        BrowseDone::Opened {
            opened, selected, ..
        } => {
            selected.took = Duration::from_millis(4);
            if matches!(opened.source, Source::Part(..)) {
                let drift = (Some(0.213), "drift".to_owned());
                opened.drift.insert("src_bytes".into(), drift);
            }
        }
        BrowseDone::Selected { selected, .. } => selected.took = Duration::from_millis(38),
        BrowseDone::Facet(facet) => facet.took = Duration::from_millis(9),
        _ => {}
    }
    Done::Browsed(number, inner)
}

/// Presses keys and does what they ask for.
pub(super) fn press_data(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut left = Vec::new();
    for key in keys.split_whitespace() {
        let effects = press(model, key);
        left.extend(play(model, effects));
    }
    left
}

/// The Data screen on the test rows of the run.
pub(super) fn data(size: (u16, u16)) -> Model {
    let mut model = waiting(size);
    press_data(&mut model, "2");
    assert!(model.browser.opened.is_some());
    model
}

/// After keys, with texts typed between them.
pub(super) fn data_after(steps: &'static [&'static str]) -> impl Fn((u16, u16)) -> Model {
    move |size| {
        let mut model = data(size);
        for step in steps {
            match step.strip_prefix("type ") {
                Some(text) => type_text(&mut model, text),
                None => drop(press_data(&mut model, step)),
            }
        }
        model
    }
}

/// The filter `text`, through its dialog.
fn filter(model: &mut Model, text: &str) {
    press_data(model, "/ ctrl-u");
    type_text(model, text);
    press_data(model, "enter");
}

fn sent(effects: &[Effect]) -> Option<String> {
    use base64::Engine;
    effects.iter().find_map(|e| match e {
        Effect::Send(bytes) => {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let coded = text
                .strip_prefix("\x1b]52;c;")?
                .strip_suffix('\x07')?
                .to_owned();
            let plain = base64::engine::general_purpose::STANDARD
                .decode(coded)
                .unwrap();
            Some(String::from_utf8(plain).unwrap())
        }
        _ => None,
    })
}

fn said(model: &Model) -> &str {
    model.said.as_ref().map_or("", |s| s.text.as_str())
}

#[test]
fn it_opens_on_the_test_rows_and_cycles_the_parts() {
    let mut model = data((120, 36));
    let source = |m: &Model| m.browser.opened.as_ref().unwrap().source.clone();
    assert_eq!(source(&model), Source::Part(run_id(), Part::Test));
    filter(&mut model, "src_bytes > 1000");
    for part in [Part::Quarantine, Part::Train, Part::Test] {
        press_data(&mut model, "t");
        assert_eq!(source(&model), Source::Part(run_id(), part));
        assert_eq!(
            model.browser.view.filter, "src_bytes > 1000",
            "it is carried"
        );
    }
    // Another run on screen: its rows, when somebody comes back.
    press_data(&mut model, "1 down down 2");
    assert_ne!(source(&model), Source::Part(run_id(), Part::Test));
}

#[test]
fn without_a_run_it_says_how_to_open_something() {
    let mut model = empty((80, 24));
    job_done(&mut model, Done::Runs(vec![]));
    assert!(press_data(&mut model, "2").is_empty());
    assert!(model.browser.opened.is_none());
    press_data(&mut model, "s");
    assert!(said(&model).contains("nothing is open"), "{}", said(&model));
    press_data(&mut model, "o");
    type_text(&mut model, "some.parquet");
    press_data(&mut model, "enter");
    let browser = &model.browser;
    let source = &browser.opened.as_ref().unwrap().source;
    assert_eq!(*source, Source::Named("some.parquet".into()));
    assert!(!browser.own);
    assert_eq!(
        model.shell(Command::DataFilter).unwrap(),
        "netsec data some.parquet"
    );
}

#[test]
fn filter_sort_facet_and_back() {
    let mut model = data((120, 36));
    filter(&mut model, "label = dos.back");
    assert_eq!(model.browser.rows(), ROWS as u64 / 5);
    // By src_bytes, the largest first.
    press_data(&mut model, "l l l s s");
    let first = model.browser.cell().unwrap().plain().unwrap().to_owned();
    press_data(&mut model, "j");
    let second = model.browser.cell().unwrap().plain().unwrap().to_owned();
    let number = |t: &str| t.parse::<f64>().unwrap();
    assert!(number(&first) >= number(&second));
    // The facet of service; Enter adds its first value.
    press_data(&mut model, "h F");
    let facet = model.browser.facet.clone().unwrap();
    assert_eq!(facet.facet.rows, ROWS as u64 / 5);
    press_data(&mut model, "j j k enter");
    assert!(model.browser.facet.is_none());
    let value = facet.facet.values[1].0.clone().unwrap();
    assert_eq!(
        model.browser.view.filter,
        format!("label = dos.back and service = {value}")
    );
    assert_eq!(model.browser.rows(), facet.facet.values[1].1);
    assert_eq!(
        model.shell(Command::DataFilter).unwrap(),
        format!(
            "netsec data {}:test --filter 'label = dos.back and service = {value}' --sort=-src_bytes",
            run_id()
        )
    );
    // Views are a stack.
    press_data(&mut model, "u");
    assert_eq!(model.browser.view.filter, "label = dos.back");
    assert_eq!(model.browser.rows(), ROWS as u64 / 5);
    press_data(&mut model, "u u u");
    assert_eq!(model.browser.rows(), ROWS as u64);
    assert!(model.browser.view.sort.is_empty());
    assert!(model.browser.stack.is_empty());
}

#[test]
fn two_keys_in_a_row_both_count() {
    let mut model = data((120, 36));
    press_data(&mut model, "l");
    let mut effects = press(&mut model, "s");
    effects.extend(press(&mut model, "s"));
    effects.extend(press(&mut model, "l"));
    play(&mut model, effects);
    let sort = &model.browser.view.sort;
    assert_eq!(
        (sort.len(), sort[0].column, sort[0].descending),
        (1, 1, true)
    );
    assert_eq!(model.browser.view.col, 2, "the cursor went on");
    assert!(model.browser.pending.is_none());
    // What is ended is not gone on from.
    let effects = press(&mut model, "s");
    press(&mut model, "esc");
    play(&mut model, effects);
    assert_eq!(model.browser.newest_view(), model.browser.view);
}

#[test]
fn a_wrong_filter_stays_open_and_an_impossible_one_shows_no_rows() {
    let mut model = data((80, 24));
    filter(&mut model, "src_byte > 1");
    assert!(matches!(
        model.dialogs.last(),
        Some(Dialog::Data(DataDialog::Filter(_)))
    ));
    assert_eq!(model.browser.rows(), ROWS as u64);
    press_data(&mut model, "esc");
    filter(&mut model, "src_bytes < 0");
    assert_eq!((model.browser.rows(), model.dialogs.len()), (0, 0));
    draw(&model);
    press_data(&mut model, "G down pagedown right enter y Y F");
    draw(&model);
    press_data(&mut model, "esc /  ctrl-u enter");
    assert_eq!(model.browser.rows(), ROWS as u64);
}

#[test]
fn moving_inside_what_was_read_asks_for_nothing() {
    let mut model = data((80, 24));
    let asked = |effects: &[Effect]| {
        effects.iter().any(
            |e| matches!(e, Effect::Run { job: Job::Browse(_, job), .. } if matches!(**job, BrowseJob::Rows { .. })),
        )
    };
    let rows = model.browser.areas(model.size).unwrap().rows;
    for _ in 0..rows {
        let effects = press(&mut model, "down");
        assert!(!asked(&effects), "row {}", model.browser.view.row);
    }
    // A leap shows the former rows until the new ones are there.
    let painted = model.browser.painted;
    let effects = press(&mut model, "G");
    assert!(asked(&effects));
    assert_eq!(model.browser.painted, painted);
    assert_eq!(model.browser.view.row, ROWS as u64 - 1);
    play(&mut model, effects);
    assert_eq!(model.browser.painted, ROWS as u64 - u64::from(rows));
    assert!(model.browser.cell().is_some());
}

#[test]
fn a_key_held_down_waits_for_the_newest_rows_only() {
    let mut model = data((80, 24));
    let mut effects = press(&mut model, "G");
    for _ in 0..20 {
        effects.extend(press(&mut model, "g"));
        effects.extend(press(&mut model, "G"));
    }
    let begun = effects
        .iter()
        .filter(|e| matches!(e, Effect::Run { job: Job::Browse(_, job), .. } if matches!(**job, BrowseJob::Rows { .. })))
        .count();
    assert_eq!(begun, 1, "one at work, the newest waits");
    play(&mut model, effects);
    assert_eq!(model.browser.view.row, ROWS as u64 - 1);
    assert!(model.browser.cell().is_some());
    assert!(model.browser.active.is_empty());
}

#[test]
fn slow_work_is_said_and_esc_ends_it() {
    let mut model = data((80, 24));
    press_data(&mut model, "l");
    let effects = press(&mut model, "s");
    let cancel = effects
        .iter()
        .find_map(|e| match e {
            Effect::Run {
                job: Job::Browse(asking, _),
                ..
            } => Some(asking.cancel.clone()),
            _ => None,
        })
        .unwrap();
    let later = start() + chrono::TimeDelta::milliseconds(420);
    update(&mut model, Message::Look, later);
    let (doing, seconds) = model.browser.working().unwrap();
    assert_eq!((doing.as_str(), seconds), ("sorting", 0.42));
    assert!(screen_text(&model).contains("sorting 0.4 s, Esc cancels"));
    press(&mut model, "esc");
    assert!(cancel.is_cancelled());
    assert_eq!(model.screen, Screen::Data);
    // What comes back of it is not shown any more.
    play(&mut model, effects);
    assert!(model.browser.view.sort.is_empty());
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Home);
}

fn screen_text(model: &Model) -> String {
    let buffer = draw(model);
    let (w, h) = model.size;
    let line = |y| (0..w).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..h).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn cells_and_rows_are_copied() {
    let mut model = data((120, 36));
    assert_eq!(sent(&press_data(&mut model, "y")).unwrap(), "normal");
    // The note of the fifth row is a megabyte: too much for a clipboard, and said.
    press_data(&mut model, "$ h h h h h j j");
    assert_eq!(model.browser.column_name(), "note");
    let hostile = sent(&press_data(&mut model, "y")).unwrap();
    assert!(hostile.starts_with('\u{1b}'), "it is copied as it is");
    press_data(&mut model, "j j");
    assert_eq!(sent(&press_data(&mut model, "y")), None);
    assert!(said(&model).contains("1,048,576 bytes"), "{}", said(&model));
    assert_eq!(sent(&press_data(&mut model, "Y")), None);
    // Without that column the rows fit.
    press_data(&mut model, "H 0");
    let csv = sent(&press_data(&mut model, "Y")).unwrap();
    assert!(csv.starts_with("label,duration,service,src_bytes,rate,"));
    let rows = model.browser.areas(model.size).unwrap().rows;
    assert_eq!(csv.lines().count(), usize::from(rows) + 1);
    assert_eq!(
        csv.lines().nth(1).unwrap().split(',').nth(3),
        Some(""),
        "missing is empty"
    );
}

#[test]
fn a_row_is_shown_whole_and_the_next_one_after_it() {
    let mut model = data((80, 24));
    press_data(&mut model, "down down down down enter");
    let text = screen_text(&model);
    assert!(text.contains("Row 12"), "{text}");
    for _ in 0..30 {
        press_data(&mut model, "pagedown");
    }
    press_data(&mut model, "tab");
    assert!(screen_text(&model).contains("Row 15"));
    assert_eq!(model.dialogs.len(), 1);
    press_data(&mut model, "shift-tab shift-tab esc");
    assert!(model.dialogs.is_empty());
}

#[test]
fn a_text_is_found_forwards_and_backwards() {
    let mut model = data((80, 24));
    press_data(&mut model, "n");
    type_text(&mut model, "TELNET");
    press_data(&mut model, "enter");
    assert_eq!(model.browser.view.row, 2);
    press_data(&mut model, "n n N");
    assert_eq!(model.browser.view.row, 6);
    press_data(&mut model, "g N");
    assert!(said(&model).contains("nothing further"), "{}", said(&model));
}

#[test]
fn export_writes_what_is_shown_and_never_over_a_file_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let mut model = data((80, 24));
    filter(&mut model, "label = dos.back and src_bytes > 0");
    press_data(&mut model, "c");
    type_text(&mut model, "note");
    press_data(&mut model, "tab enter");
    let export = |model: &mut Model| {
        press_data(model, "e");
        type_text(model, path.to_str().unwrap());
        press_data(model, "enter");
    };
    export(&mut model);
    assert!(said(&model).contains("rows"), "{}", said(&model));
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count() as u64, model.browser.rows() + 1);
    assert!(written.starts_with("label,duration,service,src_bytes,rate,dst_bytes"));
    std::fs::write(&path, "mine").unwrap();
    export(&mut model);
    assert!(matches!(
        model.dialogs.last(),
        Some(Dialog::Data(DataDialog::Overwrite(_)))
    ));
    press_data(&mut model, "enter");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    export(&mut model);
    press_data(&mut model, "tab enter");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    // Somebody who may only look writes no file either.
    model.session.view_only = Some("this session is view only (--view-only)".into());
    press_data(&mut model, "e");
    assert!(said(&model).contains("--view-only"));
}

#[test]
fn the_rows_of_a_comparison_open_here() {
    let mut model = waiting((120, 36));
    press(&mut model, "5");
    job_done(&mut model, Done::Compared(pair(), Box::new(compared())));
    press_data(&mut model, "enter");
    assert_eq!(model.screen, Screen::Data);
    let base = model.browser.view.base.clone().unwrap();
    assert_eq!(base.filter, "__row in (17)");
    assert!(base.title.contains("disagree"), "{}", base.title);
    // 17 is no number of these rows.
    assert_eq!(model.browser.rows(), 0);
    // Coming back by the key of the screen keeps it.
    press_data(&mut model, "1 2");
    assert!(model.browser.view.base.is_some());
}

#[test]
fn columns_freeze_move_hide_and_resize() {
    let mut model = data((80, 24));
    press_data(&mut model, "l f");
    assert_eq!(model.browser.view.frozen, 2);
    press_data(&mut model, "$");
    let placed = model.browser.columns(80);
    assert_eq!(placed.frozen, 2);
    assert_eq!(placed.placed[0].at, 0);
    assert_eq!(model.browser.column_name(), "hour");
    let before = model.browser.width(10);
    press_data(&mut model, "> > <");
    assert_eq!(model.browser.width(10), before + 2);
    press_data(&mut model, "{");
    assert_eq!(model.browser.view.columns[9], 10);
    press_data(&mut model, "H");
    assert_eq!(model.browser.view.columns.len(), 10);
    press_data(&mut model, "u");
    assert_eq!(model.browser.view.columns.len(), 11);
    assert!(
        model
            .shell(Command::DataFilter)
            .unwrap()
            .contains("--columns 'label,")
    );
}

#[test]
fn a_table_that_cannot_be_opened_leaves_the_former_one() {
    let mut model = data((80, 24));
    let effects = {
        press_data(&mut model, "o");
        type_text(&mut model, "nothing.csv");
        press(&mut model, "enter")
    };
    for effect in effects {
        if let Effect::Run {
            key, generation, ..
        } = effect
        {
            let result = Err(CommandError::not_found("there is no `nothing.csv`").report());
            let message = Message::JobDone {
                key,
                generation,
                result,
            };
            update(&mut model, message, start());
        }
    }
    assert!(matches!(model.dialogs[..], [Dialog::Notice(_)]));
    assert!(model.browser.opened.is_some() && model.browser.active.is_empty());
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let bound: Vec<KeyEvent> = COMMANDS
        .iter()
        .filter(|s| s.scope == Scope::Dialog || s.scope.covers(Screen::Data))
        .filter(|s| !matches!(s.command, Command::Quit | Command::DataExport))
        .flat_map(|s| s.keys)
        // Other screens have their own test.
        .filter(|k| !["1", "3", "4", "5", "6", "7", "8"].contains(*k))
        .map(|k| {
            let chord = Chord::parse(k).unwrap();
            let modifiers = if chord.ctrl() {
                KeyModifiers::CONTROL
            } else {
                KeyModifiers::NONE
            };
            KeyEvent::new(chord.code(), modifiers)
        })
        .collect();
    let words = ["label", "=", " ", "src_bytes", ">", "9", "(", "note"];
    let typed: Vec<char> = words.join("").chars().collect();
    prop_oneof![
        6 => proptest::sample::select(bound),
        1 => proptest::sample::select(typed)
            .prop_map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is pressed, whenever rows come, the cursor is on a row and a column that are there.
    #[test]
    fn the_cursor_stays_inside(
        size in (60u16..=200, 15u16..=60),
        keys in prop::collection::vec((any_key(), any::<bool>()), 1..60),
    ) {
        let mut model = data(size);
        let mut late = Vec::new();
        for (key, answered) in keys {
            late.extend(update(&mut model, Message::Key(key), start()));
            if answered {
                play(&mut model, std::mem::take(&mut late));
            }
            let b = &model.browser;
            prop_assert!(b.view.row < b.rows().max(1));
            prop_assert!(b.view.col < b.view.columns.len());
            prop_assert!(b.view.frozen <= b.view.columns.len());
            if model.screen == Screen::Data && model.dialogs.is_empty() {
                let areas = b.areas(model.size).unwrap();
                prop_assert!(b.view.top <= b.view.row);
                prop_assert!(b.view.row < b.view.top + u64::from(areas.rows));
                let placed = b.columns(areas.width);
                prop_assert!(placed.placed.iter().any(|p| p.at == b.view.col));
            }
            for cell in draw(&model).content() {
                prop_assert!(!cell.symbol().chars().any(char::is_control));
            }
        }
        play(&mut model, late);
        if model.browser.rows() > 0 && model.browser.facet.is_none() {
            prop_assert!(model.browser.cell().is_some(), "the rows under the cursor were read");
        }
    }
}

#[test]
fn an_unknown_source_is_no_source() {
    let workspace = Workspace::new("/nowhere");
    let mut model = empty((80, 24));
    let job = BrowseJob::Open {
        source: Source::Named("no such thing".into()),
        wanted: Wanted::default(),
        rows: 10,
    };
    press(&mut model, "2 o");
    let asking = model.browser.active[0].asking.clone();
    let error = work::perform(&workspace, Path::new("/nowhere/config.toml"), &asking, job);
    let error = error.unwrap_err();
    assert_eq!(error.kind, crate::error::ErrorKind::NotFound);
    assert!(error.message.contains("no such thing"), "{}", error.message);
}

/// What stands on the screen.
fn screen_of(model: &Model) -> String {
    draw(model).content().iter().map(|c| c.symbol()).collect()
}

/// Does the work that is asked for with the real engine until some of this kind is asked for,
/// which is given back.
fn work_until(model: &mut Model, effects: Vec<Effect>, until: Option<JobKey>) -> Option<Effect> {
    let workspace = Workspace::new("/nowhere");
    let mut queue: VecDeque<Effect> = effects.into();
    while let Some(effect) = queue.pop_front() {
        let Effect::Run {
            key,
            generation,
            job: Job::Browse(asking, job),
        } = effect.clone()
        else {
            continue;
        };
        if Some(key) == until {
            return Some(effect);
        }
        let config = Path::new("/nowhere/config.toml");
        let message = Message::JobDone {
            key,
            generation,
            result: work::perform(&workspace, config, &asking, *job).map_err(|e| e.report()),
        };
        queue.extend(update(model, message, start()));
    }
    None
}

/// A file that takes long to read, its rows numbered, opened up to its first rows; the work that
/// is to read the rest.
fn long_file(dir: &Path) -> (Model, Effect) {
    let path = dir.join("long.csv");
    let mut text = String::from("n,service,padding\n");
    for i in 0..40_000 {
        let service = if i % 2 == 0 { "http" } else { "dns" };
        text.push_str(&format!("{i},{service},{}\n", "x".repeat(60)));
    }
    std::fs::write(&path, text).unwrap();
    let mut model = empty((120, 36));
    press_data(&mut model, "2 o");
    type_text(&mut model, &path.to_string_lossy());
    let effects = press(&mut model, "enter");
    let fill = work_until(&mut model, effects, Some(JobKey::Fill));
    (model, fill.expect("the rest is to be read"))
}

#[test]
fn the_first_rows_are_shown_while_the_others_are_read_and_nobody_is_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, fill) = long_file(dir.path());
    assert!(model.browser.is_partial());
    let screen = screen_of(&model);
    assert!(screen.contains("the first 2,000 rows"), "{screen}");
    let effects = press(&mut model, "pagedown");
    work_until(&mut model, effects, None);
    let effects = press(&mut model, "pagedown");
    work_until(&mut model, effects, None);
    press(&mut model, "l");
    let (row, top) = (model.browser.view.row, model.browser.view.top);
    assert!(top > 0);
    let before = model.browser.cell().cloned();
    // Nothing half is written.
    press(&mut model, "e");
    type_text(&mut model, "half.csv");
    let effects = press(&mut model, "enter");
    assert!(work_until(&mut model, effects, Some(JobKey::Export)).is_none());
    assert!(
        said(&model).contains("still being read"),
        "{}",
        said(&model)
    );
    work_until(&mut model, vec![fill], None);
    let b = &model.browser;
    assert!(!b.is_partial() && !b.is_at(JobKey::Fill));
    assert_eq!(b.rows(), 40_000);
    assert_eq!((b.view.row, b.view.top, b.view.col), (row, top, 1));
    assert_eq!(b.cell().cloned(), before);
    assert!(screen_of(&model).contains("40,000 rows"));
}

#[test]
fn a_filter_of_the_first_rows_says_so_and_holds_for_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, fill) = long_file(dir.path());
    press(&mut model, "/ ctrl-u");
    type_text(&mut model, "service = dns");
    let effects = press(&mut model, "enter");
    work_until(&mut model, effects, None);
    let screen = screen_of(&model);
    assert!(screen.contains("1,000 of the first 2,000 rows"), "{screen}");
    work_until(&mut model, vec![fill], None);
    assert_eq!(model.browser.view.filter, "service = dns");
    assert_eq!(model.browser.rows(), 20_000);
    // Back to the view before: found again, for its rows were those of the first ones.
    let effects = press(&mut model, "u");
    work_until(&mut model, effects, None);
    assert_eq!(model.browser.rows(), 40_000);
    assert!(model.browser.cell().is_some());
}

#[test]
fn esc_ends_the_reading_and_keeps_the_first_rows() {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, fill) = long_file(dir.path());
    press(&mut model, "esc");
    assert_eq!(model.screen, Screen::Data);
    assert!(
        said(&model).contains("the first 2,000 rows"),
        "{}",
        said(&model)
    );
    // The work hears of it.
    work_until(&mut model, vec![fill], None);
    assert!(model.browser.is_partial());
    assert_eq!(model.browser.rows(), 2_000);
    assert!(model.dialogs.is_empty());
    let out = dir.path().join("part.csv");
    press(&mut model, "e ctrl-u");
    type_text(&mut model, &out.to_string_lossy());
    let effects = press(&mut model, "enter");
    work_until(&mut model, effects, None);
    assert!(
        said(&model).contains("of the first rows only"),
        "{}",
        said(&model)
    );
}

#[test]
fn quitting_while_a_file_is_written_is_asked_twice() {
    let mut model = data((120, 36));
    let dir = tempfile::tempdir().unwrap();
    press(&mut model, "e ctrl-u");
    type_text(&mut model, &dir.path().join("x.csv").to_string_lossy());
    let effects = press(&mut model, "enter");
    let export = work_until(&mut model, effects, Some(JobKey::Export)).unwrap();
    press(&mut model, "q");
    assert!(!model.quit);
    assert!(said(&model).contains("q again"), "{}", said(&model));
    press(&mut model, "q");
    assert!(model.quit);
    // The work hears of it, and no file is left.
    work_until(&mut model, vec![export], None);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // Without one, once is enough.
    let mut model = data((120, 36));
    press(&mut model, "q");
    assert!(model.quit);
}
