//! Data in words: what is open, filter and order, and the page of rows with the cursor, every cell
//! with the name of its column.

use super::join;
use crate::console::browser::Browser;
use crate::console::browser::cell::Cell;
use crate::console::model::Model;
use crate::text::{clean_to, count};

/// Rows of a page.
const PAGE: u64 = 10;
/// Columns of a row that are told.
const COLUMNS: usize = 16;
/// Columns of a value that are told.
const WIDEST: usize = 60;

/// The first row of the page with the cursor, and the row after its last.
fn page(browser: &Browser) -> (u64, u64) {
    let first = browser.view.row / PAGE * PAGE;
    (first, (first + PAGE).min(browser.rows()))
}

/// Whether the page was read.
fn is_read(browser: &Browser) -> bool {
    let (first, end) = page(browser);
    let window = &browser.window;
    first >= end || (window.first <= first && end <= window.end())
}

/// The columns of a row that are told: from the one under the cursor back, when it is far right.
fn columns(browser: &Browser) -> Vec<usize> {
    let view = &browser.view;
    let first = (view.col + 1).saturating_sub(COLUMNS);
    let shown = view.columns.iter().skip(first).take(COLUMNS);
    shown.copied().collect()
}

fn cell(browser: &Browser, row: u64, column: usize) -> String {
    let value = browser.window.cell(row, column);
    let value = value.map_or_else(|| "not read".to_owned(), Cell::shown);
    clean_to(&value, WIDEST)
}

/// A row, every cell with the name of its column.
pub fn row(model: &Model, row: u64) -> String {
    let browser = &model.browser;
    let cells = columns(browser)
        .into_iter()
        .map(|c| format!("{} {}", browser.name(c), cell(browser, row, c)));
    join(cells)
}

/// The row and the column under the cursor.
pub fn selected(model: &Model) -> Vec<String> {
    let browser = &model.browser;
    let view = &browser.view;
    if let Some(facet) = &browser.facet {
        let Some((value, n)) = facet.facet.values.get(facet.cursor) else {
            return Vec::new();
        };
        let value = value.as_deref().unwrap_or("missing");
        return vec![format!(
            "Value {} of {}: {}, {} rows",
            facet.cursor + 1,
            facet.facet.values.len(),
            clean_to(value, WIDEST),
            count(*n)
        )];
    }
    let Some(column) = view.column().filter(|_| browser.rows() > 0) else {
        return Vec::new();
    };
    vec![
        format!(
            "Column {} of {}: {} {}",
            view.col + 1,
            view.columns.len(),
            browser.name(column),
            cell(browser, view.row, column)
        ),
        format!(
            "Row {} of {}: {}",
            count(view.row + 1),
            count(browser.rows()),
            row(model, view.row)
        ),
    ]
}

/// Where the cursor stands.
pub fn selection(model: &Model) -> String {
    let browser = &model.browser;
    let facet = browser.facet.as_ref().map(|f| f.cursor);
    format!("{} {} {facet:?}", browser.view.row, browser.view.col)
}

/// Tells the screen; `false` when nothing is open.
pub fn tell(model: &Model, out: &mut Vec<String>) -> bool {
    let browser = &model.browser;
    let Some(opened) = &browser.opened else {
        return false;
    };
    let view = &browser.view;
    let (rows, all) = (browser.rows(), browser.all_rows());
    let sort = view.sort.iter().map(|s| {
        let way = if s.descending { "desc" } else { "asc" };
        format!("{} {way}", browser.name(s.column))
    });
    let sort = join(sort);
    let say = |what: &str, text: &str| match text {
        "" => String::new(),
        text => format!("{what} {text}"),
    };
    let counted = match browser.selected {
        None => "being read".to_owned(),
        Some(_) if rows == all => format!("{} rows", count(rows)),
        Some(_) => format!("{} of {} rows", count(rows), count(all)),
    };
    let base = view.base.as_ref().map_or("", |b| b.title.as_str());
    out.push(format!(
        "{}.",
        join([
            opened.title.clone(),
            counted,
            base.to_owned(),
            say("filter", &view.filter),
            say("sorted by", &sort),
        ])
    ));
    out.extend(opened.notes.iter().map(|n| format!("  note: {n}")));
    if let Some(facet) = &browser.facet {
        out.push(format!("Values of {}:", browser.name(facet.facet.column)));
        super::list(out, facet.facet.values.len(), Some(facet.cursor), |i| {
            let (value, n) = &facet.facet.values[i];
            let value = value.as_deref().unwrap_or("missing");
            format!("{}, {} rows", clean_to(value, WIDEST), count(*n))
        });
        return true;
    }
    let names: Vec<&str> = view.columns.iter().map(|c| browser.name(*c)).collect();
    out.push(format!("Columns, {}: {}.", names.len(), names.join(", ")));
    if !is_read(browser) {
        out.push("The rows are being read.".to_owned());
        return true;
    }
    let (first, end) = page(browser);
    for at in first..end {
        let here = if at == view.row { ", selected" } else { "" };
        out.push(format!("  row {}{here}: {}", count(at + 1), row(model, at)));
    }
    if end - first < rows {
        out.push(format!(
            "  rows {} to {} of {}; `page down` and `page up` go on",
            count(first + 1),
            count(end),
            count(rows)
        ));
    }
    true
}

/// What makes the screen worth telling anew: other rows, another order, another page.
pub fn occasion(model: &Model) -> String {
    let browser = &model.browser;
    let view = &browser.view;
    let title = browser.opened.as_ref().map(|o| &o.title);
    let facet = browser.facet.as_ref().map(|f| f.facet.column);
    let selected = browser.selected.as_ref().map(|s| s.rows);
    let refused = browser.refused.as_ref().map(|e| &e.message);
    format!(
        "{title:?} {selected:?} {:?} {:?} {:?} {facet:?} {refused:?} {:?} {}",
        view.condition(),
        view.sort,
        view.columns,
        page(browser),
        is_read(browser)
    )
}
