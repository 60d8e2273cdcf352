//! Validate in words: the verdict, the checks by group, the findings, and everything about the one
//! under the cursor.

use super::{join, list};
use crate::console::model::Model;
use crate::console::screens::validation as drawn;
use crate::console::validation::Section;
use crate::findings::Standing;

/// Lines of a part that are told at once.
const WINDOW: usize = 25;

/// A finding in a line.
pub fn row(model: &Model, i: usize) -> String {
    let rows = model.validation.rows();
    let Some(finding) = rows.get(i) else {
        return String::new();
    };
    let found = model.validation.found.as_ref();
    let noted = found.is_some_and(|f| f.acknowledged.of(finding).is_some());
    join([
        finding.id.clone(),
        finding.standing.word().to_owned(),
        finding.observed.clone(),
        match finding.limit.as_str() {
            "" => String::new(),
            limit => format!("limit {limit}"),
        },
        if noted { "acknowledged" } else { "" }.to_owned(),
    ])
}

/// The finding under the cursor, or the part that is read.
pub fn selected(model: &Model) -> Vec<String> {
    let (Some(found), view) = (drawn::shown(model), &model.validation) else {
        return Vec::new();
    };
    let title = match view.section {
        Section::Problems | Section::Detail => match view.chosen() {
            Some(finding) => format!("{}: {}", finding.id, finding.text),
            None => return Vec::new(),
        },
        Section::Labels => "Label mix:".to_owned(),
        Section::Changes => "What changed:".to_owned(),
    };
    let lines = drawn::part_lines(model, found, view.section);
    let all = lines.len();
    let first = match view.section {
        Section::Problems => 0,
        _ => view.first.min(all.saturating_sub(1)),
    };
    let mut out = vec![title];
    for line in lines.iter().skip(first).take(WINDOW) {
        // Columns and bars are for the eye.
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| !word.bytes().all(|b| b == b'#'))
            .collect();
        if !words.is_empty() {
            out.push(format!("  {}", words.join(" ")));
        }
    }
    if all > first + WINDOW {
        let last = first + WINDOW;
        out.push(format!("  lines {} to {last} of {all}", first + 1));
    }
    out
}

/// What the cursor stands on.
pub fn selection(model: &Model) -> String {
    let view = &model.validation;
    let slices = view.slices.len();
    let chosen = view.chosen().map(|f| &f.id);
    format!("{chosen:?} {:?} {} {slices}", view.section, view.first)
}

/// Tells the screen; `false` when there is nothing to tell yet.
pub fn tell(model: &Model, out: &mut Vec<String>) -> bool {
    let Some(found) = drawn::shown(model) else {
        return false;
    };
    let view = &model.validation;
    out.push(drawn::verdict(found).0);
    for group in &found.groups {
        let word = Standing::from(group.verdict).word();
        out.push(format!(
            "  {}: {}",
            group.group.title(),
            join([word.to_owned(), group.text.clone()])
        ));
    }
    let rows = view.rows().len();
    if rows == 0 {
        out.push("No problem was found.".to_owned());
    } else {
        let which = if view.all { "Findings" } else { "Problems" };
        out.push(format!("{which}: {rows}, {}.", view.order.title()));
        list(out, rows, Some(view.cursor), |i| row(model, i));
    }
    out.extend(selected(model));
    true
}

/// What makes the screen worth telling anew.
pub fn occasion(model: &Model) -> String {
    let view = &model.validation;
    let run = drawn::shown(model).map(|f| (&f.run, f.evaluated, f.findings.len()));
    format!("{run:?} {:?} {} {:?}", view.refused, view.all, view.order)
}
