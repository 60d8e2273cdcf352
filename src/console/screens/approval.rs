//! Approve: the plans that wait, the evidence of the one under the cursor, and the last receipt.

use super::figure;
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::layout::Room;
use crate::console::model::{Model, PlanRow};
use crate::console::theme::Tone;
use crate::console::widgets::{Column, Table};
use crate::events::GateVerdict;
use crate::text;

/// Draws the screen.
pub fn view(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let (w, h) = (canvas.width(), canvas.height());
    let n = model.plans.len();
    canvas.rule(0, "Approve", &format!("{n} waiting"));
    let receipt = model
        .receipt
        .as_ref()
        .map_or(0, |(_, lines)| (lines.len() as u16 + 2).min(h / 3));
    if n == 0 {
        canvas.put(3, 1, "No plan waits for a decision.", Tone::Plain);
        if receipt == 0 {
            canvas.put(
                3,
                3,
                "A retrain plans a push when its gate accepts. Nothing is pushed without",
                Tone::Dim,
            );
            canvas.put(
                3,
                4,
                "an approval here or with netsec approve PLAN --reason TEXT.",
                Tone::Dim,
            );
        }
    } else {
        let list = (n as u16 + 1).min(h / 3).max(2);
        plans(model, &mut canvas.part(0, 1, w, list), room);
        if let Some(plan) = model.plan() {
            let y = 1 + list;
            let rest = h.saturating_sub(y + receipt);
            evidence(model, plan, &mut canvas.part(0, y, w, rest));
        }
    }
    if let Some((title, lines)) = &model.receipt {
        let mut part = canvas.part(0, h - receipt, w, receipt);
        part.rule(0, "Receipt", "");
        part.put(3, 1, title, Tone::Good);
        for (i, line) in lines.iter().enumerate() {
            part.put(3, i as u16 + 2, line, Tone::Plain);
        }
    }
}

fn plans(model: &Model, canvas: &mut Canvas<'_>, room: Room) {
    let columns: &[Column] = match room {
        Room::Small => &[
            Column::left("Version", 8),
            Column::left("Run", 5),
            Column::left("Gates", 6),
            Column::right("F1", 7),
            Column::left("Replaces", 10),
        ],
        Room::Medium | Room::Large => &[
            Column::left("Version", 8),
            Column::left("Run", 5),
            Column::left("Made", 13),
            Column::left("Gates", 6),
            Column::right("F1", 7),
            Column::left("Replaces", 9),
            Column::left("Approvals", 10),
            Column::left("Good until", 13),
        ],
    };
    let rows = model
        .plans
        .iter()
        .map(|p| {
            let plain = |text: String| (text, Tone::Plain);
            let passed = p
                .gate
                .iter()
                .filter(|r| r.verdict == GateVerdict::Accept)
                .count();
            let gates = plain(format!("{passed}/{}", p.gate.len()));
            let replaces = plain(p.champion_before.clone().unwrap_or_else(|| "-".to_owned()));
            let mut cells = vec![plain(p.version.clone()), plain(p.run_id.short().to_owned())];
            if room == Room::Small {
                cells.extend([gates, plain(figure(p.f1)), replaces]);
            } else {
                cells.extend([
                    plain(model.day(p.created_at)),
                    gates,
                    plain(figure(p.f1)),
                    replaces,
                    plain(format!("{} of {}", p.approvals, p.needed)),
                    plain(model.day(p.expires_at)),
                ]);
            }
            cells
        })
        .collect();
    Table {
        columns,
        rows,
        cursor: Some(model.approval_cursor),
        headings: true,
    }
    .view(canvas);
}

fn evidence(model: &Model, p: &PlanRow, canvas: &mut Canvas<'_>) {
    let (w, h) = (canvas.width(), canvas.height());
    if h < 2 {
        return;
    }
    canvas.rule(
        0,
        &format!("Evidence for {}", p.version),
        &format!("plan {}", p.plan_id),
    );
    let mut y = 1;
    let marks = canvas.glyphs.marks();
    let steps: Vec<Vec<String>> = p
        .steps
        .iter()
        .map(|step| text::wrap(step, w.saturating_sub(8) as usize, marks))
        .collect();
    // Reasons go on in a second line as long as that takes no line from the steps.
    let below: usize = steps.iter().map(Vec::len).sum::<usize>() + 4;
    let mut spare = usize::from(h).saturating_sub(below + p.gate.len());
    for rule in &p.gate {
        if y + 3 >= h {
            break;
        }
        let (word, tone) = match rule.verdict {
            GateVerdict::Accept => ("pass", Tone::Good),
            GateVerdict::Refuse => ("REFUSED", Tone::Bad),
            GateVerdict::CannotTell => ("cannot tell", Tone::Warn),
        };
        canvas.put_in(3, y, 22, &rule.rule, Tone::Plain);
        canvas.put_in(26, y, 11, word, tone);
        let width = w.saturating_sub(39);
        let lines = text::wrap(&rule.reason, usize::from(width), marks);
        let more = lines.len().saturating_sub(1);
        if more > spare {
            canvas.put_in(38, y, width, &rule.reason, Tone::Plain);
            y += 1;
            continue;
        }
        spare -= more;
        for line in &lines {
            canvas.put(38, y, line, Tone::Plain);
            y += 1;
        }
    }
    let drift = match p.drifted {
        None => "drift not measured".to_owned(),
        Some(1) => "1 column drifted".to_owned(),
        Some(n) => format!("{n} columns drifted"),
    };
    let line = format!("{} selected, test F1 {}, {drift}", p.selected, figure(p.f1));
    canvas.put(3, y, &line, Tone::Plain);
    y += 1;
    if y + 2 < h {
        canvas
            .part(0, y, w, 1)
            .rule(0, "What a push would do, in this order", "");
        y += 1;
        for (i, step) in steps.iter().enumerate() {
            for (k, line) in step.iter().enumerate() {
                if y + 1 >= h {
                    break;
                }
                if k == 0 {
                    canvas.put(3, y, &(i + 1).to_string(), Tone::Dim);
                }
                canvas.put(6, y, line, Tone::Plain);
                y += 1;
            }
        }
    }
    let key = model
        .keymap
        .first(Command::Decide)
        .map_or("-".to_owned(), |k| super::capital(&k.to_string()));
    canvas.put(
        3,
        h - 1,
        &format!(
            "{key} opens the decision; nothing is sent before you typed a reason and {}.",
            p.version
        ),
        Tone::Dim,
    );
}
