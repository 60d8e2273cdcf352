//! Every screen and dialog at three sizes: text and styles in 16 colours, without colour, in ASCII.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::data::{data, data_after};
use crate::console::glyphs::Glyphs;
use crate::console::jobs::Done;
use crate::console::model::{ChampionLine, Health, Model};
use crate::console::testing::*;
use crate::console::theme::Colours;
use crate::drift::concept::{DetectorName, Standing};
use crate::error::CommandError;
use crate::tracking::mlflow::Capability;
use crate::traffic::{ConceptStatus, DetectorStatus};

const SIZES: [(u16, u16); 3] = [(120, 36), (80, 24), (60, 15)];

/// The characters of a buffer.
fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut text = String::new();
    for y in 0..area.height {
        let line: String = (0..area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Where a buffer is not plain: row, columns, colour and attributes.
fn styles(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut styles = String::new();
    for y in 0..area.height {
        let mut runs: Vec<(u16, u16, String)> = Vec::new();
        for x in 0..area.width {
            let cell = &buffer[(x, y)];
            let mut style = Vec::new();
            if cell.fg != Color::Reset {
                style.push(cell.fg.to_string().to_lowercase());
            }
            assert_eq!(cell.bg, Color::Reset, "no background is painted");
            for (modifier, name) in [(Modifier::BOLD, "bold"), (Modifier::DIM, "dim")] {
                if cell.modifier.contains(modifier) {
                    style.push(name.to_owned());
                }
            }
            let style = style.join("+");
            // Blanks show no style.
            if style.is_empty() || cell.symbol() == " " {
                continue;
            }
            match runs.last_mut() {
                Some((_, to, s)) if *to + 2 >= x && *s == style => *to = x,
                _ => runs.push((x, x, style)),
            }
        }
        if !runs.is_empty() {
            let runs: Vec<String> = runs
                .into_iter()
                .map(|(a, b, s)| format!("{a}-{b} {s}"))
                .collect();
            styles.push_str(&format!("{y}: {}\n", runs.join(", ")));
        }
    }
    styles
}

/// A model as it looks in 16 colours, without colour, and in ASCII without colour. Without colour
/// only the attributes can differ, so its text is compared and not printed again.
fn looks(mut model: Model) -> String {
    model.capabilities.colours = Colours::Sixteen;
    model.capabilities.glyphs = Glyphs::Braille;
    let coloured = draw(&model);
    model.capabilities.colours = Colours::None;
    let plain = draw(&model);
    model.capabilities.glyphs = Glyphs::Ascii;
    let ascii = draw(&model);
    assert_eq!(
        text(&coloured),
        text(&plain),
        "nothing is said by colour alone"
    );
    for cell in plain.content().iter().chain(ascii.content()) {
        assert_eq!(cell.fg, Color::Reset);
    }
    for cell in ascii.content() {
        assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
    }
    format!(
        "{}\n{}\n-- without colour --\n{}\n-- in ascii --\n{}",
        text(&coloured),
        styles(&coloured),
        styles(&plain),
        text(&ascii)
    )
}

/// One file per size; a new screen or dialog is one line below.
pub fn snapshot(name: &str, build: impl Fn((u16, u16)) -> Model) {
    for size in SIZES {
        snapshot_at(name, size, &build);
    }
}

fn snapshot_at(name: &str, size: (u16, u16), build: impl Fn((u16, u16)) -> Model) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), looks(build(size)));
    });
}

fn with_keys(
    build: impl Fn((u16, u16)) -> Model,
    keys: &'static str,
) -> impl Fn((u16, u16)) -> Model {
    move |size| {
        let mut model = build(size);
        press(&mut model, keys);
        model
    }
}

#[test]
fn home() {
    snapshot("home_training", training);
    snapshot("home_waiting", waiting);
}

#[test]
fn home_before_the_first_run() {
    snapshot("home_first_run", |size| {
        let mut model = empty(size);
        job_done(&mut model, Done::Runs(vec![]));
        job_done(
            &mut model,
            Done::Health(Health {
                champion: ChampionLine::None,
                disk_free: Some(41_000_000_000),
                config: None,
                ..Health::default()
            }),
        );
        model
    });
    snapshot("home_without_config", |size| {
        let mut model = empty(size);
        model.session.has_config = false;
        job_done(&mut model, Done::Runs(vec![]));
        model
    });
}

/// Verdicts on v1 after which one detector speaks.
fn concept() -> ConceptStatus {
    let detector = |detector, standing| DetectorStatus {
        detector,
        standing,
        drifts: 0,
    };
    ConceptStatus {
        model_version: Some("v1".into()),
        labelled: 812,
        wrong: 41,
        error_rate: Some(0.071),
        window: 352,
        detectors: vec![
            detector(DetectorName::Adwin, Standing::Drift),
            detector(DetectorName::Ddm, Standing::Warning),
            detector(DetectorName::PageHinkley, Standing::Stable),
        ],
        last_at: Some(start()),
    }
}

#[test]
fn home_with_a_tracking_server() {
    snapshot("home_tracking", |size| {
        let mut model = waiting(size);
        let mut health = health();
        health.tracking.server = Some("http://127.0.0.1:5000".into());
        health.tracking.capability = Some(Capability::Registry);
        health.tracking.pending = 412;
        health.tracking.oldest = Some(start());
        health.tracking.dead_letters = 2;
        health.concept = Some(concept());
        health.tracking.last_error = Some("the server cannot be reached".into());
        job_done(&mut model, Done::Health(health));
        model
    });
}

#[test]
fn train() {
    snapshot("train_running", with_keys(training, "4"));
    snapshot("train_finished", with_keys(waiting, "4 tab"));
    snapshot("train_without_run", |size| {
        let mut model = empty(size);
        job_done(&mut model, Done::Runs(vec![]));
        press(&mut model, "4");
        model
    });
}

#[test]
fn approve() {
    snapshot("approve_waiting", with_keys(waiting, "6"));
    snapshot("approve_nothing", with_keys(training, "6"));
    snapshot("approve_receipt", |size| {
        let mut model = waiting(size);
        press(&mut model, "6");
        let lines = vec![
            "approval by mara journalled as record 4".into(),
            "final_model/ holds v2".into(),
        ];
        let title = "v2 is in production".to_owned();
        job_done(&mut model, Done::Decided { title, lines });
        press(&mut model, "enter");
        job_done(&mut model, Done::Plans(vec![]));
        model
    });
}

#[test]
fn compare() {
    let compared = |keys: &'static str| {
        move |size| {
            let mut model = waiting(size);
            press(&mut model, "5");
            job_done(&mut model, Done::Compared(pair(), Box::new(compared())));
            press(&mut model, keys);
            model
        }
    };
    snapshot("compare", compared(""));
    snapshot("compare_rows", compared("shift-tab"));
    snapshot("compare_change", compared("tab tab tab"));
    snapshot("compare_slices", compared("tab tab tab tab"));
    snapshot("compare_at_work", with_keys(waiting, "5"));
    snapshot("compare_without_run", with_keys(empty, "5"));
}

#[test]
fn runs_and_logs() {
    snapshot("runs", with_keys(waiting, "7"));
    let queued = |keys: &'static str| {
        move |size| {
            let mut model = training(size);
            job_done(&mut model, Done::Desk(desk()));
            press(&mut model, keys);
            model
        }
    };
    snapshot("runs_queued", queued("7 up up"));
    snapshot("home_queued", queued("1"));
    snapshot("dialog_unqueue", queued("7 up x"));
    snapshot("runs_filtered", |size| {
        let mut model = waiting(size);
        press(&mut model, "7 space down space s /");
        type_text(&mut model, "mara");
        press(&mut model, "enter");
        model
    });
    snapshot("logs", with_keys(training, "8"));
    snapshot("logs_paused", with_keys(waiting, "8 up up up"));
    snapshot("replay", with_keys(waiting, "p } } } } ] ]"));
}

#[test]
fn several_analysts() {
    snapshot("home_news", |size| {
        let mut model = training(size);
        come_back(&mut model);
        model
    });
    snapshot("home_in_hand", |size| {
        let mut model = training(size);
        let mut desk = desk();
        desk.queue.clear();
        desk.leases.push(jons_lease());
        job_done(&mut model, Done::Desk(desk));
        model
    });
    snapshot("dialog_takeover", |size| {
        let mut model = training(size);
        press(&mut model, "x tab enter");
        let then =
            crate::console::jobs::Job::Control(run_id(), crate::events::ControlCommand::Cancel);
        let done = Done::InHand {
            lease: jons_lease(),
            then: Box::new(then),
        };
        job_done(&mut model, done);
        press(&mut model, "shift-tab");
        type_text(&mut model, "7f");
        model
    });
}

#[test]
fn dialogs() {
    snapshot("dialog_palette", with_keys(training, ": r u n"));
    snapshot("dialog_help", with_keys(training, "4 ?"));
    snapshot("dialog_help_all", with_keys(training, "? tab"));
    snapshot("dialog_new_run", with_keys(waiting, "n"));
    snapshot("dialog_new_run_wrong", |size| {
        let mut model = waiting(size);
        press(&mut model, "n");
        type_text(&mut model, "after the feed is back");
        press(&mut model, "tab tab right space tab ctrl-u 1 0 tab ctrl-u");
        type_text(&mut model, "many");
        model
    });
    snapshot("dialog_new_run_refused", |size| {
        let mut model = waiting(size);
        press(&mut model, "n enter tab enter");
        let problem = crate::worker::Problem {
            key: "source.path".into(),
            message: "flows.csv: there is no such file".into(),
            hints: vec![],
            kind: crate::error::ErrorKind::Data,
        };
        job_done(&mut model, Done::NotStarted(vec![problem]));
        model
    });
    snapshot("dialog_cancel", with_keys(training, "x"));
    snapshot(
        "dialog_protocol",
        with_keys(training, ": p r o t o c o l enter"),
    );
    snapshot("dialog_find_run", with_keys(waiting, "7 / m a r"));
    snapshot("dialog_find_line", with_keys(training, "8 / w a r n"));
    snapshot("dialog_resume", |size| {
        let mut model = training(size);
        feed(&mut model, &[], false);
        press(&mut model, "r");
        model
    });
    snapshot("dialog_decision", with_keys(waiting, "6 enter"));
    snapshot("dialog_decision_slice", |size| {
        let mut model = waiting(size);
        let mut plan = plan();
        let words = "service = smtp  F1 -0.0120 [-0.0200, -0.0040]  1,911 rows";
        plan.worse_slice = Some(words.into());
        job_done(&mut model, Done::Plans(vec![plan]));
        press(&mut model, "6 enter shift-tab shift-tab shift-tab space");
        model
    });
    snapshot("dialog_decision_valid", |size| {
        let mut model = waiting(size);
        press(&mut model, "6 enter shift-tab shift-tab");
        type_text(
            &mut model,
            "better recall after class weights, ticket SEC-812",
        );
        press(&mut model, "tab");
        type_text(&mut model, "v2");
        press(&mut model, "tab");
        model
    });
    snapshot("dialog_error", |size| {
        let mut model = waiting(size);
        let error = CommandError::refused("the champion is v3 now, the plan was made against v1")
            .hint("Evaluate again: `netsec retrain --from model_evaluation`.");
        fail_action(&mut model, error.report());
        model
    });
}

#[test]
fn rows() {
    snapshot("data", data);
    snapshot(
        "data_filtered",
        data_after(&[
            "f l /",
            "type label != normal and src_bytes > 10000",
            "enter l l s s j j",
        ]),
    );
    snapshot("data_facet", data_after(&["l l F j"]));
    snapshot("data_column", data_after(&["i l l l i i"]));
    snapshot(
        "data_nothing_found",
        data_after(&["/", "type src_bytes < 0", "enter"]),
    );
    snapshot("data_without_run", with_keys(empty, "2"));
    snapshot("dialog_filter", data_after(&["/"]));
    snapshot(
        "dialog_filter_wrong",
        data_after(&["/", "type src_byte > 5", "enter"]),
    );
    snapshot("dialog_columns", data_after(&["c down tab"]));
    snapshot("dialog_row", data_after(&["j j j j enter"]));
    snapshot("dialog_export", data_after(&["e", "type dos.txt", "enter"]));
    snapshot("dialog_find", data_after(&["n", "type telnet"]));
}

#[test]
fn too_small_says_so() {
    snapshot_at("too_small", (48, 12), waiting);
}
