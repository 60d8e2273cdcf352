//! Hostile text in every text the console shows: escape sequences, bidirectional controls,
//! invisible characters, a megabyte in a cell. Nothing of it reaches the cells or the lines.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::data::{play_over, press_data};
use crate::browse::Table;
use crate::console::browser::ask::Proposal;
use crate::console::browser::view::Base;
use crate::console::commands::Screen;
use crate::console::comparison::Pane;
use crate::console::jobs::Done;
use crate::console::message::Message;
use crate::console::model::{ChampionLine, Model};
use crate::console::plain::talk::Talk;
use crate::console::testing::*;
use crate::console::update::update;
use crate::console::validation::Section;
use crate::dataset::{Frame, ROW_COLUMN};
use crate::drift::BinOf;
use crate::error::CommandError;
use crate::events::{Actor, DriftVerdict, Envelope};
use crate::findings::testing::samples;
use crate::findings::{Acknowledgement, Finding, Findings, Kind, Slice, Slices};

/// Texts that have broken terminal programs.
fn corpus() -> Vec<String> {
    vec![
        "\u{1b}[2J\u{1b}[H\u{1b}]0;title\u{7}".to_owned(),
        "\u{1b}]52;c;cm0gLXJmIC8=\u{7}\u{1b}P+q\u{1b}\\".to_owned(),
        "\u{9b}31m\u{90}\u{9d}0;x\u{9c}".to_owned(),
        "a\r\nb\tc\u{8}\u{8}\u{8}\u{c}\u{0}\u{7f}".to_owned(),
        "gpj.\u{202e}exe\u{2066}\u{2069}\u{200f}".to_owned(),
        "zero\u{200b}\u{200d}\u{feff}\u{2060}width\u{ad}\u{34f}".to_owned(),
        format!("e{}", "\u{301}".repeat(10_000)),
        "\u{301}\u{301}starts with marks".to_owned(),
        "日本語 한국어 👩‍👩‍👧‍👦 ﷽ \u{1f3f3}\u{fe0f}".to_owned(),
        "\u{e000}\u{e0041}\u{fff9}\u{fffb}".to_owned(),
        "x".repeat(1 << 20),
        format!("{}\u{1b}[31m", "日".repeat(1 << 14)),
        String::new(),
        " ".repeat(5_000),
        "%s%n{}\\u001b[31m\\x1b".to_owned(),
    ]
}

fn harmless(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    })
}

/// Puts the text in the place of every string that may hold any: what no longer reads keeps its
/// own, being a name from a fixed set.
fn poison(events: &[Envelope], text: &str) -> Vec<Envelope> {
    fn leaves(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        match value {
            Value::String(_) => out.push(path.clone()),
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    path.push(i.to_string());
                    leaves(item, path, out);
                    path.pop();
                }
            }
            Value::Object(map) => {
                for (name, item) in map {
                    path.push(name.clone());
                    leaves(item, path, out);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    events
        .iter()
        .map(|event| {
            let mut value = serde_json::to_value(event).unwrap();
            let mut paths = Vec::new();
            leaves(&value, &mut Vec::new(), &mut paths);
            for path in paths {
                let pointer = format!("/{}", path.join("/"));
                let before = value.clone();
                *value.pointer_mut(&pointer).unwrap() = Value::String(text.to_owned());
                if serde_json::from_value::<Envelope>(value.clone()).is_err() {
                    value = before;
                }
            }
            serde_json::from_value(value).unwrap()
        })
        .collect()
}

/// A model in which every text is this one.
fn hostile(text: &str, size: (u16, u16)) -> Model {
    let t = || text.to_owned();
    let mut model = empty(size);
    model.session.place = t();
    model.session.who = t();
    let mut runs = rows();
    for run in &mut runs {
        run.by = t();
        run.note = Some(t());
        run.selected = Some(t());
    }
    job_done(&mut model, Done::Runs(runs));
    let mut plan = plan();
    plan.version = t();
    plan.selected = t();
    plan.model_sha256 = t();
    plan.preprocessor_sha256 = t();
    plan.data_digest = t();
    plan.champion_before = Some(t());
    plan.steps = vec![t(), t()];
    for rule in &mut plan.gate {
        rule.rule = t();
        rule.reason = t();
    }
    job_done(&mut model, Done::Plans(vec![plan]));
    let mut health = health();
    health.champion = ChampionLine::Broken(t());
    health.config = Some(CommandError::config(t()).hint(t()).report());
    health.tracking.server = Some(t());
    health.tracking.last_error = Some(t());
    health.tracking.pending = 3;
    health.tracking.warnings = vec![t()];
    job_done(&mut model, Done::Health(health));
    let events: Vec<Envelope> = whole_run()
        .into_iter()
        // Fewer of a kind are enough; every kind is there.
        .enumerate()
        .filter(|(i, e)| {
            *i < 30
                || !matches!(
                    e.event,
                    crate::events::Event::TrainingProgress { .. }
                        | crate::events::Event::MetricObserved { .. }
                ) && i % 3 == 0
        })
        .map(|(_, e)| e)
        .collect();
    feed(&mut model, &poison(&events, text), false);
    let mut document = compared();
    document.first.name = t();
    document.first.learner = t();
    document.second.name = t();
    document.rows_note = t();
    document.notes = vec![t()];
    for class in &mut document.first.test.classes {
        *class = t();
    }
    for row in &mut document.disagreements {
        (row.truth, row.first, row.second) = (t(), t(), t());
    }
    for setting in document.parameters.iter_mut().chain(&mut document.data) {
        setting.name = t();
        setting.first = Some(Value::String(t()));
    }
    press(&mut model, "5");
    job_done(&mut model, Done::Compared(pair(), Box::new(document)));
    press(&mut model, "3");
    job_done(&mut model, Done::Findings(Arc::new(hostile_findings(text))));
    let slices = Slices {
        column: t(),
        by: Some(t()),
        slices: vec![Slice {
            value: t(),
            psi: Some(1.31),
            share_reference: 0.5,
            share_current: 0.6,
        }],
        tried: 3,
        even: false,
    };
    model.validation.slices.insert(t(), Ok(slices));
    let effects = press(&mut model, "2");
    play_over(&mut model, effects, &|| hostile_table(text));
    let browser = &mut model.browser;
    let opened = browser.opened.as_mut().expect("the table is open");
    opened.notes = vec![t()];
    browser.view.filter = t();
    browser.view.base = Some(Base {
        title: t(),
        filter: String::new(),
    });
    browser.filters = vec![t()];
    browser.find = t();
    browser.proposals = vec![Proposal {
        text: t(),
        what: t(),
    }];
    model.receipt = Some((t(), vec![t(), t()]));
    model.run_table.filter = String::new();
    model
}

/// A table in whose name, columns and cells nothing but the text stands.
fn hostile_table(text: &str) -> Table {
    let cells = [Some(text.to_owned()), None, Some(text.to_owned())];
    let frame = Frame::from_columns(vec![
        Frame::text_column(&format!("{text}a"), &cells),
        Frame::text_column(&format!("{text}b"), &cells),
        Frame::number_column(ROW_COLUMN, vec![Some(1.0), Some(2.0), Some(3.0)]),
    ]);
    Table::of_frame(text, frame.unwrap()).unwrap()
}

/// What a run found, with the text in every place.
fn hostile_findings(text: &str) -> Findings {
    let t = || text.to_owned();
    let mut found = samples()[0].as_ref().clone();
    // Fewer are enough: a megabyte in each place of a whole report takes gigabytes.
    const FEW: usize = 3;
    let few = |f: &Finding| match f.kind {
        Kind::Check(at) | Kind::Drift(at) => at < FEW,
        Kind::LoggedCheck | Kind::LoggedDrift => false,
    };
    found.findings.retain(few);
    if let Some(validation) = &mut found.validation {
        validation.checks.truncate(FEW);
    }
    if let Some(drift) = &mut found.drift {
        drift.columns.truncate(FEW);
    }
    if let Some(bins) = &mut found.bins {
        bins.columns.truncate(FEW);
        for column in &mut bins.columns {
            column.bins.truncate(FEW);
        }
    }
    for finding in &mut found.findings {
        (finding.id, finding.observed) = (t(), t());
        (finding.limit, finding.text) = (t(), t());
        finding.column = finding.column.as_ref().map(|_| t());
    }
    for check in found.validation.iter_mut().flat_map(|v| &mut v.checks) {
        check.text = t();
        check.column = check.column.as_ref().map(|_| t());
        for example in &mut check.examples {
            example.value = Some(t());
        }
    }
    for drift in found.drift.iter_mut().flat_map(|d| &mut d.columns) {
        drift.column = t();
        drift.reasons.values_mut().for_each(|reason| *reason = t());
    }
    for bins in found.bins.iter_mut() {
        bins.reference.version = t();
        for column in &mut bins.columns {
            column.column = t();
            for bin in &mut column.bins {
                bin.of = BinOf::Value { value: t() };
            }
        }
    }
    for class in found.label_mix.iter_mut().flat_map(|m| &mut m.classes) {
        class.class = t();
    }
    for past in &mut found.history {
        past.problems = [t()].into();
        for drift in past.drift.iter_mut() {
            *drift = [(t(), (Some(1.0), DriftVerdict::Drift))].into();
        }
    }
    if let Some(effect) = &mut found.effect {
        effect.version = t();
        effect.now = Err(t());
    }
    found.acknowledged.list = vec![Acknowledgement {
        v: 1,
        seq: 1,
        at: start(),
        by: Actor {
            name: t(),
            from: t(),
        },
        check: t(),
        observed: t(),
        note: t(),
    }];
    found
}

/// Shows every screen and every dialog over it, one at a time: a model full of megabytes is large.
fn each_place(model: &Model, mut visit: impl FnMut(Model)) {
    for screen in Screen::ALL {
        let mut here = model.clone();
        here.screen = screen;
        visit(here);
    }
    for pane in Pane::ALL {
        let mut here = model.clone();
        here.screen = Screen::Comparison;
        here.compare.pane = pane;
        visit(here);
    }
    for section in Section::ALL {
        let mut here = model.clone();
        here.screen = Screen::Validation;
        here.validation.section = section;
        here.validation.all = true;
        visit(here);
    }
    for keys in ["?", ":", "n", "6 enter", "7 /", "8 up", "p ]", "3 a", "3 d"] {
        let mut here = model.clone();
        press(&mut here, keys);
        visit(here);
    }
    // The places of Data whose content has to be read.
    for key in ["/", "o", "c", "e", "ctrl-f", "F", "enter", "i"] {
        let mut here = model.clone();
        press_data(&mut here, "2");
        press_data(&mut here, key);
        visit(here);
    }
}

#[test]
fn nothing_harmful_reaches_the_cells() {
    for text in corpus() {
        for size in [(120, 36), (80, 24), (60, 15)] {
            // Cutting a megabyte is the same work at every size.
            if text.len() > 100_000 && size != (80, 24) {
                continue;
            }
            let model = hostile(&text, size);
            each_place(&model, |mut here| {
                update(&mut here, Message::Paste(text.clone()), start());
                for cell in draw(&here).content() {
                    assert!(
                        harmless(cell.symbol()),
                        "{:?} on {:?}",
                        cell.symbol(),
                        here.screen
                    );
                }
            });
        }
    }
}

#[test]
fn nothing_harmful_reaches_the_lines_of_plain_mode() {
    for text in corpus() {
        let model = hostile(&text, (80, 24));
        each_place(&model, |here| {
            let mut talk = Talk::new(here, start());
            talk.answer("", start());
            talk.answer("?", start());
            talk.answer(&text, start());
            talk.answer("type x", start());
            for line in talk.lines() {
                assert!(
                    harmless(&line),
                    "{:?}",
                    line.chars().take(200).collect::<String>()
                );
                assert!(line.len() < 20_000, "{} bytes", line.len());
            }
        });
    }
}

/// Pasted text is text: whatever it holds, no command runs and nothing is written.
#[test]
fn pasted_text_never_runs_a_command() {
    for text in [
        "q",
        "n\r",
        "6\r\rv2\r",
        "\u{1b}[201~q",
        ":quit\n",
        "x\t\r\r\r",
    ] {
        let before = waiting((80, 24));
        each_place(&before, |mut here| {
            let (screen, dialogs) = (here.screen, here.dialogs.len());
            let effects = update(&mut here, Message::Paste(text.to_owned()), start());
            assert_eq!(effects, [], "{text:?}");
            assert!(!here.quit);
            assert_eq!(
                (here.screen, here.dialogs.len()),
                (screen, dialogs),
                "{text:?}"
            );
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_text_is_harmless(text in "\\PC{0,40}|[\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{206f}a]{0,40}") {
        let model = hostile(&text, (80, 24));
        each_place(&model, |here| {
            for cell in draw(&here).content() {
                assert!(harmless(cell.symbol()));
            }
            let mut talk = Talk::new(here, start());
            talk.answer("", start());
            for line in talk.lines() {
                assert!(harmless(&line), "{line:?}");
            }
        });
    }
}
