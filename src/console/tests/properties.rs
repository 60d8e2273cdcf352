//! Any size, any keys, any events: no panic, and nothing harmful on the screen.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use crate::console::commands::COMMANDS;
use crate::console::glyphs::Glyphs;
use crate::console::jobs::{Done, JobKey};
use crate::console::keymap::Chord;
use crate::console::message::Message;
use crate::console::overlap;
use crate::console::testing::*;
use crate::console::theme::{self, Colours};
use crate::console::update::update;
use crate::error::CommandError;
use crate::events::ReadLine;
use crate::events::testing::any_log;
use crate::pipeline::model_evaluation::CompareDocument;

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let bound: Vec<KeyEvent> = COMMANDS
        .iter()
        .flat_map(|s| s.keys)
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
    prop_oneof![
        4 => proptest::sample::select(bound),
        1 => any::<char>().prop_map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)),
        1 => Just(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE)),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEventKind, u16, u16),
    Resize(u16, u16),
    Events(usize, bool),
    Rows(usize),
    Plans(usize),
    Fail,
    Changed,
    Receipt(String),
    Compared,
    Queue(usize),
    InHand,
    Back,
    Minute,
}

fn any_mouse() -> impl Strategy<Value = MouseEventKind> {
    use crossterm::event::MouseButton::{Left, Right};
    proptest::sample::select(vec![
        MouseEventKind::Down(Left),
        MouseEventKind::Up(Left),
        MouseEventKind::Down(Right),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Moved,
    ])
}

fn mouse_at(kind: MouseEventKind, column: u16, row: u16) -> Message {
    Message::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_key().prop_map(Step::Key),
        1 => any::<String>().prop_map(Step::Paste),
        2 => (any_mouse(), 0u16..300, 0u16..100).prop_map(|(kind, x, y)| Step::Mouse(kind, x, y)),
        1 => (1u16..=300, 1u16..=100).prop_map(|(w, h)| Step::Resize(w, h)),
        3 => (0usize..40, any::<bool>()).prop_map(|(n, alive)| Step::Events(n, alive)),
        1 => (0usize..5).prop_map(Step::Rows),
        1 => (0usize..3).prop_map(Step::Plans),
        1 => Just(Step::Fail),
        1 => Just(Step::Changed),
        1 => any::<String>().prop_map(Step::Receipt),
        1 => Just(Step::Compared),
        1 => (0usize..3).prop_map(Step::Queue),
        1 => Just(Step::InHand),
        1 => Just(Step::Back),
        1 => Just(Step::Minute),
    ]
}

type Scene = fn((u16, u16)) -> crate::console::model::Model;
const SCENES: [Scene; 3] = [empty, training, waiting];
/// Every screen, every dialog that keys reach.
const KEYS: [&str; 19] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "?", "? tab", ":", ": r u n", "1 n", "1 x", "1 r",
    "6 enter", "7 /", "8 / a b", "p } }",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn no_key_event_or_size_panics(
        size in (1u16..=300, 1u16..=100),
        log in any_log(60),
        steps in prop::collection::vec(any_step(), 1..60),
        glyphs in proptest::sample::select(vec![Glyphs::Braille, Glyphs::Block, Glyphs::Ascii]),
        mouse in any::<bool>(),
    ) {
        let mut model = empty(size);
        static COMPARED: std::sync::OnceLock<CompareDocument> = std::sync::OnceLock::new();
        let document = COMPARED.get_or_init(compared);
        model.capabilities.glyphs = glyphs;
        model.mouse = mouse;
        let mut rest = log.into_iter();
        for step in steps {
            match step {
                Step::Key(key) => drop(update(&mut model, Message::Key(key), start())),
                Step::Paste(text) => drop(update(&mut model, Message::Paste(text), start())),
                Step::Mouse(kind, x, y) => drop(update(&mut model, mouse_at(kind, x, y), start())),
                Step::Resize(w, h) => drop(update(&mut model, Message::Resize(w, h), start())),
                Step::Events(n, alive) => {
                    let events: Vec<_> = rest.by_ref().take(n).collect();
                    feed(&mut model, &events, alive);
                }
                Step::Rows(n) => job_done(&mut model, Done::Runs(rows().into_iter().take(n).collect())),
                Step::Plans(n) => job_done(&mut model, Done::Plans(vec![plan(); n])),
                Step::Fail => fail_action(&mut model, CommandError::backend("\u{1b}]0;title\u{7}").report()),
                Step::Changed => drop(update(&mut model, Message::WorkspaceChanged, start())),
                Step::InHand => job_done(&mut model, Done::InHand {
                    lease: jons_lease(),
                    then: Box::new(plain_start()),
                }),
                Step::Back if model.run_rows().len() == 4 => come_back(&mut model),
                Step::Back => {}
                Step::Minute => drop(update(&mut model, Message::Minute, start())),
                Step::Queue(n) => {
                    let mut desk = desk();
                    desk.queue.truncate(n);
                    job_done(&mut model, Done::Desk(desk));
                }
                Step::Compared => job_done(&mut model, Done::Compared(pair(), Box::new(document.clone()))),
                Step::Receipt(text) => job_done(&mut model, Done::Decided { title: text.clone(), lines: vec![text] }),
            }
            // Whatever happens, an action that runs comes back.
            if let Some(generation) = model.jobs.running(JobKey::Action) {
                let result = Err(CommandError::refused("no").report());
                update(&mut model, Message::JobDone { key: JobKey::Action, generation, result }, start());
            }
            let (buffer, written_over) = overlap::watch(|| draw(&model));
            prop_assert!(written_over.is_empty(), "{:?} at {:?}: {written_over:?}", model.screen, model.size);
            for cell in buffer.content() {
                prop_assert!(!cell.symbol().chars().any(char::is_control));
                if model.glyphs() == Glyphs::Ascii {
                    prop_assert!(cell.symbol().is_ascii());
                }
            }
        }
    }

    /// The screen after a log is the same however the log was cut into messages.
    #[test]
    fn live_and_replayed_screens_are_equal(cut in 0usize..400, screen in proptest::sample::select(vec!["1", "4", "5", "6", "7", "8"])) {
        let events = whole_run();
        let cut = cut.min(events.len());
        let mut live = waiting((120, 36));
        live.open.as_mut().unwrap().state = Default::default();
        let mut replayed = live.clone();
        feed(&mut live, &events[..cut], true);
        feed(&mut live, &events[cut..], false);
        let generation = replayed.open.as_ref().unwrap().generation;
        let lines = events.iter().map(|e| ReadLine::Event { envelope: Box::new(e.clone()), raw: String::new() }).collect();
        update(&mut replayed, Message::RunEvents { generation, lines, alive: false, created_at: None }, start());
        for model in [&mut live, &mut replayed] {
            model.said = None;
            press(model, screen);
        }
        prop_assert_eq!(draw(&live), draw(&replayed));
    }

    /// Every screen and every dialog at any size: nothing is written over anything, the frame
    /// stands, and every theme paints every cell or none.
    #[test]
    fn every_scene_fits_every_size(
        size in (1u16..=300, 1u16..=100),
        scene in proptest::sample::select(SCENES.to_vec()),
        keys in proptest::sample::select(KEYS.to_vec()),
        theme in proptest::sample::select(theme::THEMES.to_vec()),
        colours in proptest::sample::select(vec![Colours::None, Colours::Sixteen, Colours::Indexed, Colours::True]),
    ) {
        let mut model = scene(size);
        press(&mut model, keys);
        model.capabilities.theme = theme;
        model.capabilities.colours = colours;
        let (buffer, written_over) = overlap::watch(|| draw(&model));
        prop_assert!(written_over.is_empty(), "{keys} at {size:?}: {written_over:?}");
        let ground = model.theme().ground().bg;
        for cell in buffer.content() {
            prop_assert_eq!(Some(cell.bg), ground);
        }
        let row = |y: u16| -> String { (0..size.0).map(|x| buffer[(x, y)].symbol()).collect() };
        if size.0 >= 60 && size.1 >= 15 {
            prop_assert!(row(0).starts_with(" netsec  ids-demo"), "{}", row(0));
            prop_assert!(row(1).contains('1') && row(1).contains('8'), "{}", row(1));
            prop_assert!(row(size.1 - 1).starts_with(' '), "{}", row(size.1 - 1));
        }
    }
}
