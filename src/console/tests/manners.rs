//! Mouse and themes.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::config::UiTheme;
use crate::console::commands::Screen;
use crate::console::effect::Effect;
use crate::console::message::Message;
use crate::console::model::Model;
use crate::console::terminal::{MOUSE_OFF, MOUSE_ON};
use crate::console::testing::*;
use crate::console::theme::Colours;
use crate::console::update::update;

fn mouse(model: &mut Model, kind: MouseEventKind, column: u16, row: u16) {
    let event = MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    update(model, Message::Mouse(event), start());
}

fn click(model: &mut Model, column: u16, row: u16) {
    mouse(model, MouseEventKind::Down(MouseButton::Left), column, row);
}

/// Where a text stands on the screen.
fn find(model: &Model, text: &str) -> (u16, u16) {
    let buffer = draw(model);
    for y in 0..buffer.area.height {
        let row: Vec<&str> = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        for x in 0..row.len() {
            if row[x..].concat().starts_with(text) {
                return (x as u16, y);
            }
        }
    }
    panic!("{text} is not on the screen");
}

#[test]
fn the_mouse_is_the_terminals_until_asked_for() {
    let mut model = waiting((120, 36));
    let (x, y) = find(&model, "4 Train");
    click(&mut model, x, y);
    assert_eq!(model.screen, Screen::Home);
    assert_eq!(press(&mut model, "M"), [Effect::Send(MOUSE_ON.into())]);
    click(&mut model, x, y);
    assert_eq!(model.screen, Screen::Training);
    assert_eq!(press(&mut model, "M"), [Effect::Send(MOUSE_OFF.into())]);
    click(&mut model, 2, 1);
    assert_eq!(model.screen, Screen::Training);
}

#[test]
fn every_tab_can_be_clicked_at_every_width() {
    for size in [(120, 36), (80, 24), (60, 15)] {
        for (i, screen) in Screen::ALL.into_iter().enumerate() {
            let mut model = waiting(size);
            press(&mut model, "M");
            let (x, y) = find(
                &model,
                &if size.0 >= 100 {
                    format!("{} {}", i + 1, screen.title())
                } else {
                    format!("{}{}", i + 1, screen.short_title())
                },
            );
            click(&mut model, x, y);
            assert_eq!(model.screen, screen, "{size:?}");
        }
    }
}

#[test]
fn a_click_puts_the_cursor_on_the_row() {
    let mut model = waiting((120, 36));
    press(&mut model, "M");
    // From what needs me to the runs and back.
    for text in ["5e11", "4a02", "Approve v2", "4d9c"] {
        let (x, y) = find(&model, text);
        click(&mut model, x, y);
        let (_, cursor) = find(&model, "> ");
        assert_eq!(cursor, y, "{text}");
    }
    press(&mut model, "7");
    let (x, y) = find(&model, "4a02");
    click(&mut model, x, y);
    assert_eq!(model.open.as_ref().unwrap().id.short(), "4a02");
    // Beside every row nothing happens.
    click(&mut model, 0, 35);
    assert_eq!(model.open.as_ref().unwrap().id.short(), "4a02");
}

#[test]
fn the_wheel_scrolls_and_a_click_presses_no_button() {
    let mut model = waiting((120, 36));
    press(&mut model, "M 7");
    mouse(&mut model, MouseEventKind::ScrollDown, 5, 5);
    assert_eq!(model.run_table.cursor, 1);
    mouse(&mut model, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(model.run_table.cursor, 0);
    press(&mut model, "6 enter");
    let (w, h) = model.size;
    for y in 0..h {
        for x in (0..w).step_by(3) {
            click(&mut model, x, y);
        }
    }
    assert_eq!(model.dialogs.len(), 1);
    assert_eq!(model.screen, Screen::Approval);
}

#[test]
fn the_theme_cycles_and_says_what_it_can_show() {
    let mut model = waiting((80, 24));
    press(&mut model, "T");
    assert_eq!(model.capabilities.theme, UiTheme::Dark);
    let said = |model: &Model| model.said.as_ref().unwrap().text.clone();
    assert_eq!(
        said(&model),
        "Theme: dark, in the terminal's own 16 colours."
    );
    model.capabilities.colours = Colours::True;
    press(&mut model, "T");
    assert_eq!(said(&model), "Theme: light.");
    let white = ratatui::style::Color::Rgb(255, 255, 255);
    assert!(draw(&model).content().iter().all(|cell| cell.bg == white));
    press(&mut model, "T T T");
    assert_eq!(model.capabilities.theme, UiTheme::Terminal);
}
