//! The column under the cursor: figures, distribution, shares by label, drift.

use super::facet::bars;
use super::percent;
use crate::console::canvas::Canvas;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::text::count;

/// Draws the pane; `beside` the rows it has a line at its left.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, beside: bool) {
    let (w, h) = (canvas.width(), canvas.height());
    if beside {
        canvas.part(0, 0, 1, h).divider(0);
    }
    let x = u16::from(beside);
    let mut part = canvas.part(x, 0, w - x, h);
    let browser = &model.browser;
    let name = browser.column_name();
    part.rule(0, &format!("Column  {name}"), "");
    let Some(opened) = &browser.opened else {
        return;
    };
    let last = h.saturating_sub(1);
    let w = part.width();
    if let Some((psi, verdict)) = opened.drift.get(name) {
        let tone = if verdict == "drift" {
            Tone::Warn
        } else {
            Tone::Plain
        };
        let text = match psi {
            Some(psi) => format!("drift PSI {psi:.2} {verdict}"),
            None => format!("drift {verdict}"),
        };
        part.put_in(1, last, w.saturating_sub(2), &text, tone);
    }
    let mut y = 1;
    let kind = browser
        .view
        .column()
        .and_then(|c| opened.columns.get(c))
        .map_or("", |c| c.kind);
    figure(&mut part, y, "type", kind, "");
    y += 1;
    let Some(profile) = browser.profile() else {
        let text = match browser.rows() {
            n if n > crate::console::browser::PROFILED_BY_ITSELF => {
                format!("i profiles {} rows", count(n))
            }
            _ => String::new(),
        };
        part.put_in(1, y + 1, w.saturating_sub(2), &text, Tone::Dim);
        return;
    };
    for (name, value, remark) in &profile.figures {
        if y + 1 >= last {
            return;
        }
        figure(&mut part, y, name, value, remark);
        y += 1;
    }
    for group in &profile.bars {
        // A title alone tells nothing.
        if y + 3 >= last || group.shares.is_empty() {
            continue;
        }
        y += 1;
        part.put_in(1, y, w.saturating_sub(2), &group.title, Tone::Dim);
        y += 1;
        let most = group.shares.iter().map(|(_, s)| *s).fold(0.0, f64::max);
        for (name, share) in &group.shares {
            if y + 1 >= last {
                break;
            }
            part.put_in(1, y, 12, name, Tone::Plain);
            if group.written {
                part.put_right(w.min(22), y, &percent(share * 100.0), Tone::Plain);
            } else {
                let room = w.saturating_sub(15);
                bars(&mut part, 14, y, room, share / most.max(f64::MIN_POSITIVE));
            }
            y += 1;
        }
    }
}

fn figure(canvas: &mut Canvas<'_>, y: u16, name: &str, value: &str, remark: &str) {
    let w = canvas.width();
    canvas.put_in(1, y, 9, name, Tone::Dim);
    let x = canvas.put_in(11, y, w.saturating_sub(12), value, Tone::Plain);
    if !remark.is_empty() {
        let end = w.saturating_sub(1);
        if x + 1 + (remark.len() as u16) < end {
            canvas.put_right(end, y, remark, Tone::Dim);
        }
    }
}
