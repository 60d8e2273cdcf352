//! How many bytes a frame costs: the budgets of the design, counted where they are written.

use std::cell::Cell;
use std::sync::Arc;

use crate::console::canvas::Canvas;
use crate::console::commands::Screen;
use crate::console::jobs::Done;
use crate::console::model::Model;
use crate::console::painter::Painter;
use crate::console::screens;
use crate::console::testing::*;
use crate::events::{Event, FitPhase, Split};
use crate::findings::testing::samples;

type Out = Box<dyn FnMut(&[u8]) -> std::io::Result<()>>;

struct Meter {
    painter: Painter<Out>,
    writes: std::rc::Rc<Cell<usize>>,
}

impl Meter {
    fn new(size: (u16, u16)) -> Self {
        let writes = std::rc::Rc::new(Cell::new(0));
        let count = std::rc::Rc::clone(&writes);
        let out = Box::new(move |_: &[u8]| {
            count.set(count.get() + 1);
            Ok(())
        });
        Self {
            painter: Painter::new(size.0, size.1, out),
            writes,
        }
    }
    fn paint(&mut self, model: &Model) -> usize {
        self.painter
            .paint(|buffer| {
                screens::view(
                    model,
                    &mut Canvas::new(buffer, model.glyphs(), model.theme()),
                )
            })
            .unwrap()
    }
}

#[test]
fn the_first_paint_is_one_write_within_budget() {
    for (size, most) in [((80, 24), 6_000), ((120, 36), 9_000)] {
        for screen in Screen::ALL {
            for build in [training, waiting, long] {
                let mut model = build(size);
                show(&mut model, screen);
                let mut meter = Meter::new(size);
                let bytes = meter.paint(&model);
                println!("{screen:?} at {size:?}: {bytes} bytes");
                assert!(bytes <= most, "{screen:?} at {size:?}: {bytes}");
                assert_eq!(meter.writes.get(), 1);
            }
        }
    }
}

#[test]
fn an_idle_screen_sends_nothing() {
    for screen in Screen::ALL {
        let mut model = training((80, 24));
        show(&mut model, screen);
        let mut meter = Meter::new((80, 24));
        meter.paint(&model);
        feed(&mut model, &[], true);
        assert_eq!(meter.paint(&model), 0, "{screen:?}");
        assert_eq!(meter.writes.get(), 1);
    }
}

/// One round of the learner on screen: progress, three metrics, and nothing else.
#[test]
fn a_training_update_costs_at_most_200_bytes() {
    for (size, screen) in [
        ((80, 24), Screen::Training),
        ((80, 24), Screen::Home),
        ((120, 36), Screen::Training),
    ] {
        let mut model = training(size);
        model.screen = screen;
        let mut meter = Meter::new(size);
        meter.paint(&model);
        let last = model.open.as_ref().unwrap().state.clone();
        let learner = last.current_learner.clone().unwrap();
        let mut costs = Vec::new();
        for (i, round) in (61..=90).enumerate() {
            let at = last.last_event_at.unwrap() + chrono::TimeDelta::milliseconds(400 * i as i64);
            let phase = FitPhase::Fold { fold: 3, folds: 5 };
            let mut events = vec![Event::TrainingProgress {
                learner: learner.clone(),
                phase,
                round,
                of: 100,
            }];
            for (metric, split) in [
                ("log_loss", Split::Train),
                ("log_loss", Split::Valid),
                ("f1", Split::Valid),
            ] {
                events.push(Event::MetricObserved {
                    learner: learner.clone(),
                    metric: metric.into(),
                    split,
                    step: round,
                    value: Some(0.3 / f64::from(round)),
                    n: 1000,
                    reason: None,
                });
            }
            let mut seq = model.open.as_ref().unwrap().state.last_seq;
            let events: Vec<_> = events
                .into_iter()
                .map(|event| {
                    seq += 1;
                    crate::events::Envelope {
                        v: 1,
                        seq,
                        at,
                        stage: Some(crate::events::StageName::ModelTrainer),
                        event,
                    }
                })
                .collect();
            feed(&mut model, &events, true);
            costs.push(meter.paint(&model));
        }
        let mean = costs.iter().sum::<usize>() / costs.len();
        let most = costs.iter().max().unwrap();
        println!("{screen:?} at {size:?}: mean {mean}, most {most} bytes");
        if size == (80, 24) {
            assert!(*most <= 200, "{screen:?}: {costs:?}");
        } else {
            assert!(mean <= 260, "{screen:?}: {costs:?}");
        }
    }
}

/// The cursor goes down the list of every screen that has one, and scrolls what has none.
#[test]
fn scrolling_a_row_costs_at_most_2000_bytes() {
    let size = (80, 24);
    for screen in Screen::ALL {
        let mut model = long(size);
        show(&mut model, screen);
        let mut meter = Meter::new(size);
        meter.paint(&model);
        let mut costs = Vec::new();
        for key in ["down"; 40].into_iter().chain(["up"; 40]) {
            press(&mut model, key);
            costs.push(meter.paint(&model));
        }
        let most = costs.iter().max().unwrap();
        println!("{screen:?}: at most {most} bytes a row");
        assert!(*most <= 2_000, "{screen:?}: {costs:?}");
        // Where every line fits nothing moves.
        let lists = screen != Screen::Comparison;
        assert!(
            costs.iter().any(|c| *c > 0) || !lists,
            "{screen:?}: nothing moved, so nothing was measured"
        );
    }
}

fn key_of(screen: Screen) -> String {
    let at = Screen::ALL.iter().position(|s| *s == screen).unwrap();
    (at + 1).to_string()
}

/// A model with more runs, plans and log than fit on a screen.
fn long(size: (u16, u16)) -> Model {
    let mut model = waiting(size);
    let ids: Vec<String> = (0..60)
        .map(|i| format!("202611{:02}-0905-{:04x}", 1 + i % 28, 0x1000 + i * 37))
        .collect();
    let template = rows().remove(2);
    let mut runs = model.runs.clone().unwrap();
    runs.extend(ids.iter().map(|id| {
        let mut row = template.clone();
        row.id = id.parse().unwrap();
        row
    }));
    job_done(&mut model, Done::Runs(runs));
    let plans = (0..30).map(|i| {
        let mut plan = plan();
        plan.plan_id = format!("{:012x}", 0x8d7f_19a2_c4e1_u64 + i);
        plan.version = format!("v{}", i + 2);
        plan
    });
    job_done(&mut model, Done::Plans(plans.collect()));
    model
}

/// Goes to a screen and brings what it shows only after a job came back.
fn show(model: &mut Model, screen: Screen) {
    match screen {
        Screen::Data => drop(super::data::press_data(model, &key_of(screen))),
        _ => drop(press(model, &key_of(screen))),
    }
    match screen {
        Screen::Comparison => {
            job_done(model, Done::Compared(pair(), Box::new(compared())));
        }
        Screen::Validation => job_done(model, Done::Findings(Arc::clone(&samples()[0]))),
        _ => {}
    }
    if let Screen::Comparison | Screen::Validation | Screen::Data = screen {
        let cells = draw(model).content().to_vec();
        let drawn = cells.iter().filter(|cell| cell.symbol() != " ").count();
        assert!(drawn > 500, "{screen:?} shows nothing: {drawn} cells");
    }
}

/// Rows of the Data screen: a step of the cursor, one that moves the window, and a page.
#[test]
fn a_row_scrolled_costs_at_most_2000_bytes() {
    use super::data::{data, press_data};
    let mut model = data((80, 24));
    let mut meter = Meter::new((80, 24));
    meter.paint(&model);
    let mut costs = Vec::new();
    for _ in 0..60 {
        press_data(&mut model, "down");
        costs.push(meter.paint(&model));
    }
    let mean = costs.iter().sum::<usize>() / costs.len();
    println!("Data: a row {mean} bytes on average, {costs:?}");
    assert!(costs.iter().all(|c| *c <= 2_000), "{costs:?}");
    assert!(mean <= 400, "{costs:?}");
    press_data(&mut model, "pagedown");
    let page = meter.paint(&model);
    println!("Data: a page {page} bytes");
    assert!(page <= 2_500, "{page}");
}
