//! Data: the rows of a run, a file or a collection, and the column under the cursor.

mod facet;
mod profile;
mod rows;

use crate::console::browser::Browser;
use crate::console::browser::grid::Areas;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::layout::Room;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::text::{self, Marks, count};

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let browser = &model.browser;
    let Some(areas) = browser
        .areas(model.size)
        .filter(|_| browser.opened.is_some())
    else {
        nothing(model, canvas);
        return;
    };
    let (w, h) = (canvas.width(), canvas.height());
    if areas.pane >= w {
        profile::view(model, &mut canvas.part(0, 0, w, h), false);
        return;
    }
    title(browser, &areas, &mut canvas.part(0, 0, areas.width, 1));
    let body = areas.rows + 1;
    {
        let mut part = canvas.part(0, 1, areas.width, body);
        match &browser.facet {
            Some(facet) => facet::view(browser, facet, &mut part),
            None => rows::view(browser, &areas, &mut part),
        }
    }
    if areas.rule {
        place(model, &areas, &mut canvas.part(0, body + 1, areas.width, 1));
    }
    status(browser, room, &mut canvas.part(0, h - 1, areas.width, 1));
    if areas.pane > 0 {
        profile::view(model, &mut canvas.part(areas.width, 0, areas.pane, h), true);
    }
}

/// What to do when nothing is open.
fn nothing(model: &Model, canvas: &mut Canvas<'_>) {
    canvas.rule(0, "Data", "");
    let marks = canvas.glyphs.marks();
    let width = canvas.width().saturating_sub(6) as usize;
    let key = |command| {
        model
            .keymap
            .first(command)
            .map_or("-".to_owned(), |k| k.to_string())
    };
    let open = key(Command::DataOpen);
    let mut lines: Vec<(String, Tone)> = Vec::new();
    let browser = &model.browser;
    if let Some((doing, seconds)) = browser.working() {
        lines.push((working(&doing, seconds), Tone::Busy));
    } else if !browser.active.is_empty() {
        lines.push(("Opening.".to_owned(), Tone::Dim));
    } else if let Some(error) = &browser.refused {
        lines.push((error.message.clone(), Tone::Warn));
        lines.push((String::new(), Tone::Plain));
        lines.extend(error.hints.iter().map(|h| (h.clone(), Tone::Plain)));
        lines.push((
            format!("{open} opens a file, a run or a MongoDB collection."),
            Tone::Dim,
        ));
    } else {
        lines.push(("Nothing is open.".to_owned(), Tone::Plain));
        lines.push((String::new(), Tone::Plain));
        lines.push((
            format!("{open} opens a file, a run or a MongoDB collection."),
            Tone::Plain,
        ));
        lines.push((
            "With a run, its test rows are shown here by themselves; netsec demo makes one."
                .to_owned(),
            Tone::Dim,
        ));
        lines.push((
            "In a shell: netsec data FILE --filter 'src_bytes > 1000' --sort=-src_bytes".to_owned(),
            Tone::Dim,
        ));
    }
    let mut y = 1;
    for (line, tone) in lines {
        for piece in text::wrap(&line, width, marks) {
            canvas.put(3, y, &piece, tone);
            y += 1;
        }
    }
}

/// What is open, and which of its columns are seen in which order.
fn title(browser: &Browser, areas: &Areas, canvas: &mut Canvas<'_>) {
    let title = browser.opened.as_ref().map_or("", |o| o.title.as_str());
    let view = &browser.view;
    let mut remarks: Vec<String> = Vec::new();
    if let Some(facet) = &browser.facet {
        remarks.push(format!("values of {}", browser.name(facet.facet.column)));
    } else {
        if !view.sort.is_empty() {
            let keys: Vec<String> = view
                .sort
                .iter()
                .map(|s| {
                    let way = if s.descending { "desc" } else { "asc" };
                    format!(
                        "{} {way}",
                        text::fit(browser.name(s.column), 20, Marks::UTF8)
                    )
                })
                .collect();
            remarks.push(format!("sort: {}", keys.join(", ")));
        }
        remarks.push(columns(browser, areas));
    }
    let remark = remarks.join("   ");
    // What is seen matters more than where it came from: a long path gives way.
    let room = (canvas.width() as usize).saturating_sub(remark.len() + 12);
    let title = match text::width(title, Marks::UTF8) > room {
        true => shortened(title),
        false => title.to_owned(),
    };
    let title = text::fit(&format!("Data  {title}"), room + 4, canvas.glyphs.marks());
    canvas.rule(0, &title, &remark);
}

/// `cols 1-8 of 61 >`.
fn columns(browser: &Browser, areas: &Areas) -> String {
    let placed = browser.columns(areas.width);
    let scrolling = placed.placed.iter().skip(placed.frozen);
    let first = scrolling.clone().map(|p| p.at + 1).min();
    let last = scrolling.map(|p| p.at + 1).max();
    let view = &browser.view;
    let all = view.columns.len();
    let hidden = browser.opened.as_ref().map_or(0, |o| o.columns.len()) - all;
    let mut text = match (first, last) {
        (Some(a), Some(b)) => format!("cols {a}-{b} of {all}"),
        _ => format!("{all} cols"),
    };
    if hidden > 0 {
        text.push_str(&format!(", {hidden} hidden"));
    }
    let left = first.is_some_and(|f| f > placed.frozen + 1);
    let right = last.is_some_and(|l| l < all);
    match (left, right) {
        (true, true) => text.push_str(" <>"),
        (true, false) => text.push_str(" <"),
        (false, true) => text.push_str(" >"),
        (false, false) => {}
    }
    text
}

/// Where the cursor is.
fn place(model: &Model, areas: &Areas, canvas: &mut Canvas<'_>) {
    let browser = &model.browser;
    if let Some(facet) = &browser.facet {
        let all = facet.facet.values.len();
        let at = match all {
            0 => "no value".to_owned(),
            _ => format!(
                "value {} of {}",
                count(facet.cursor as u64 + 1),
                count(all as u64)
            ),
        };
        canvas.rule(0, &at, "Enter adds it to the filter, Esc returns");
        return;
    }
    let rows = browser.rows();
    let at = match rows {
        0 => "no row".to_owned(),
        _ => format!("row {} of {}", count(browser.view.row + 1), count(rows)),
    };
    let name = browser.column_name();
    let drift = browser
        .opened
        .as_ref()
        .and_then(|o| o.drift.get(name))
        .and_then(|(psi, verdict)| Some(format!("PSI {:.2} {verdict}", (*psi)?)));
    let remark = match drift {
        Some(drift) if areas.pane == 0 => format!("{name}: {drift}  (i for more)"),
        _ if areas.pane == 0 => format!("{name}  (i for more)"),
        _ => String::new(),
    };
    canvas.rule(0, &at, &remark);
}

/// Filter, counts and time.
fn status(browser: &Browser, room: Room, canvas: &mut Canvas<'_>) {
    let view = &browser.view;
    let (rows, all) = (browser.rows(), browser.all_rows());
    let w = canvas.width();
    let (time, tone) = match browser.working() {
        Some((doing, seconds)) => (working(&doing, seconds), Tone::Busy),
        None => {
            let took = match &browser.facet {
                Some(facet) => Some(facet.facet.took),
                None => browser.selected.as_ref().map(|s| s.took),
            };
            let text = took.map_or(String::new(), |t| format!("{} ", milliseconds(t)));
            (text, Tone::Dim)
        }
    };
    let x = canvas.put_right(w.saturating_sub(1), 0, &time, tone);
    let mut counts = if rows == all && view.condition().is_empty() {
        browser.rows_told()
    } else {
        let share = if all == 0 {
            0.0
        } else {
            rows as f64 / all as f64 * 100.0
        };
        match room {
            Room::Small => format!("{} (of {})", count(rows), count(all)),
            _ if browser.is_partial() => {
                format!("{} of the first {} rows", count(rows), count(all))
            }
            _ => format!(
                "{} of {} rows ({})",
                count(rows),
                count(all),
                percent(share)
            ),
        }
    };
    if room == Room::Small && browser.facet.is_none() && rows > 0 {
        counts = format!("row {} of {counts}", count(view.row + 1));
    }
    let x = canvas.put_right(x.saturating_sub(2), 0, &counts, Tone::Plain);
    let room_left = x.saturating_sub(3);
    let (what, tone) = match (&view.base, view.filter.is_empty()) {
        (Some(base), true) => (base.title.clone(), Tone::Title),
        (Some(base), false) => (format!("{}, and: {}", base.title, view.filter), Tone::Title),
        (None, false) => (format!("filter: {}", view.filter), Tone::Title),
        (None, true) => ("no filter".to_owned(), Tone::Dim),
    };
    canvas.put_in(1, 0, room_left, &what, tone);
}

/// A title without what can be left out: the folders of a file, the server of a collection.
fn shortened(title: &str) -> String {
    if title.starts_with("mongodb:") {
        let Some((name, rest)) = title.split_once(" on ") else {
            return title.to_owned();
        };
        let documents = rest.rsplit_once(" (");
        return documents.map_or(name.to_owned(), |(_, n)| format!("{name} ({n}"));
    }
    let name = title.rsplit_once('/').map_or(title, |(_, name)| name);
    name.to_owned()
}

fn working(doing: &str, seconds: f64) -> String {
    format!("{doing} {seconds:.1} s, Esc cancels")
}

/// A share in percent, with the digits that tell something.
fn percent(share: f64) -> String {
    match share {
        s if s == 0.0 || s >= 10.0 => format!("{s:.1} %"),
        s if s >= 0.01 => format!("{s:.2} %"),
        _ => "< 0.01 %".to_owned(),
    }
}

fn milliseconds(took: std::time::Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 1.0 => "< 1 ms".to_owned(),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_short_title_keeps_the_name() {
        for (title, short) in [
            (
                "mongodb:ids.flows on mongodb://10.0.0.7:27017/ (22,544 documents)",
                "mongodb:ids.flows (22,544 documents)",
            ),
            (
                "data/of/a/day/flows.csv (CSV, comma)",
                "flows.csv (CSV, comma)",
            ),
            ("run 7f3a, test", "run 7f3a, test"),
        ] {
            assert_eq!(shortened(title), short);
        }
    }

    #[test]
    fn shares_and_times_for_people() {
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.29), "0.29 %");
        assert_eq!(percent(40.13), "40.1 %");
        assert_eq!(percent(0.000_01), "< 0.01 %");
        assert_eq!(milliseconds(Duration::from_micros(90)), "< 1 ms");
        assert_eq!(milliseconds(Duration::from_millis(38)), "38 ms");
        assert_eq!(milliseconds(Duration::from_millis(2_345)), "2.3 s");
    }
}
