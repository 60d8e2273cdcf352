//! The checks in a line per group, and the findings under them.

use super::lines::padded;
use crate::console::canvas::Canvas;
use crate::console::layout::Room;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::console::validation::Section;
use crate::console::widgets::{Column, Table};
use crate::findings::{Findings, Standing};
use crate::text::count;

/// The tone of a standing.
pub(super) fn tone_of(standing: Standing) -> Tone {
    match standing {
        Standing::Ok => Tone::Good,
        Standing::CannotTell => Tone::Dim,
        Standing::Masked | Standing::Warn | Standing::Drift => Tone::Warn,
        Standing::Fail => Tone::Bad,
    }
}

/// Draws groups and findings.
pub(super) fn view(model: &Model, found: &Findings, canvas: &mut Canvas<'_>, room: Room) {
    let view = &model.validation;
    let (w, h) = (canvas.width(), canvas.height());
    let here = if view.section == Section::Problems {
        "> Checks"
    } else {
        "Checks"
    };
    let made = format!("{} checks", count(found.checks));
    let remark = format!(
        "{made}   {}   {}",
        if view.all { "all" } else { "only problems" },
        view.order.title()
    );
    canvas.rule(0, here, &remark);
    let mut y = 1;
    match room {
        Room::Large => {
            for group in &found.groups {
                let standing = Standing::from(group.verdict);
                canvas.put(3, y, group.group.title(), Tone::Plain);
                let x = canvas.put_right(w - 1, y, standing.word(), tone_of(standing));
                canvas.put_in(12, y, x.saturating_sub(13), &group.text, Tone::Dim);
                y += 1;
            }
            y += u16::from(!found.groups.is_empty());
        }
        Room::Medium | Room::Small => {
            let mut x = 3;
            for group in &found.groups {
                let standing = Standing::from(group.verdict);
                let name = group.group.title().to_lowercase();
                x = canvas.put(x, y, &format!("{name} "), Tone::Plain);
                x = canvas.put(x, y, standing.word(), tone_of(standing)) + 2;
            }
            y += u16::from(!found.groups.is_empty());
        }
    }
    let mut rest = canvas.part(0, y, w, h.saturating_sub(y));
    let rows = view.rows();
    if rows.is_empty() {
        rest.put(3, 0, "No problem was found.", Tone::Good);
        rest.put(3, 1, "w shows every check.", Tone::Dim);
        return;
    }
    findings(model, found, &mut rest, room);
}

fn findings(model: &Model, found: &Findings, canvas: &mut Canvas<'_>, room: Room) {
    let view = &model.validation;
    let w = canvas.width();
    let rows = view.rows();
    // Names are long and alike at their beginnings: what the figures leave is theirs.
    let figures = rows.iter().map(|f| f.observed.chars().count());
    let (at_least, at_most) = (9, 17);
    let figures = figures.max().unwrap_or(0).clamp(at_least, at_most) as u16;
    let large = [
        Column::left("Finding", 39 - figures),
        Column::left("Observed", figures),
        Column::left("Limit", 7),
        Column::left("Verdict", 12),
    ];
    let medium = [
        Column::left("Finding", 32),
        Column::left("Observed", 18),
        Column::left("Limit", 12),
        Column::left("Verdict", 14),
    ];
    let small = [
        Column::left("Finding", 26),
        Column::left("Observed", 16),
        Column::left("Verdict", 11),
    ];
    let columns: &[Column] = match room {
        Room::Large if w < 70 => &large,
        Room::Large | Room::Medium => &medium,
        Room::Small => &small,
    };
    let marks = canvas.glyphs.marks();
    let rows = rows
        .into_iter()
        .map(|f| {
            let noted = found.acknowledged.of(f).is_some();
            let mut word = f.standing.word().to_owned();
            if noted {
                word.push_str(" ack");
            }
            let tone = match noted {
                true => Tone::Dim,
                false => tone_of(f.standing),
            };
            let mut cells = vec![
                (padded(&f.id, columns[0].width as usize, marks), Tone::Plain),
                (f.observed.clone(), Tone::Plain),
            ];
            if room != Room::Small {
                cells.push((f.limit.clone(), Tone::Plain));
            }
            cells.push((word, tone));
            cells
        })
        .collect();
    Table {
        columns,
        rows,
        cursor: Some(view.cursor),
        headings: true,
    }
    .view(canvas);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::CheckVerdict;

    #[test]
    fn a_group_and_its_checks_have_the_same_words() {
        for (verdict, word) in [
            (CheckVerdict::Ok, "ok"),
            (CheckVerdict::Masked, "masked"),
            (CheckVerdict::Warn, "WARN"),
            (CheckVerdict::Fail, "FAILED"),
        ] {
            assert_eq!(Standing::from(verdict).word(), word);
        }
    }
}
