//! Approve in words: the plans that wait, the evidence of the one under the cursor, what a push
//! would do, the last receipt.

use super::{join, list};
use crate::console::model::Model;
use crate::console::screens::figure;
use crate::events::GateVerdict;

/// A plan in a line.
pub fn row(model: &Model, i: usize) -> String {
    let Some(p) = model.plans.get(i) else {
        return String::new();
    };
    let passed = p.gate.iter().filter(|r| r.verdict == GateVerdict::Accept);
    join([
        format!("{} of run {}", p.version, p.run_id.short()),
        format!("made {}", model.day(p.created_at)),
        format!("{} of {} gates pass", passed.count(), p.gate.len()),
        format!("test F1 {}", figure(p.f1)),
        match &p.champion_before {
            Some(v) => format!("replaces {v}"),
            None => "the first champion".to_owned(),
        },
        format!("{} of {} approvals", p.approvals, p.needed),
        format!("good until {}", model.day(p.expires_at)),
    ])
}

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    if model.plans.is_empty() {
        out.push("No plan waits for a decision.".to_owned());
        if model.receipt.is_none() {
            out.push(
                "A retrain plans a push when its gate accepts. Nothing is pushed without an \
                 approval here or with netsec approve PLAN --reason TEXT."
                    .to_owned(),
            );
        }
    } else {
        out.push(format!("Plans that wait: {}.", model.plans.len()));
        let at = Some(model.approval_cursor);
        list(out, model.plans.len(), at, |i| row(model, i));
    }
    if let Some(p) = model.plan() {
        out.push(format!("Evidence for {}, plan {}:", p.version, p.plan_id));
        for rule in &p.gate {
            let word = match rule.verdict {
                GateVerdict::Accept => "pass",
                GateVerdict::Refuse => "REFUSED",
                GateVerdict::CannotTell => "cannot tell",
            };
            out.push(format!("  {}: {word}, {}", rule.rule, rule.reason));
        }
        let drift = match p.drifted {
            None => "drift not measured".to_owned(),
            Some(0) => "no column drifted".to_owned(),
            Some(1) => "1 column drifted".to_owned(),
            Some(n) => format!("{n} columns drifted"),
        };
        out.push(format!(
            "  {} selected, test F1 {}, {drift}",
            p.selected,
            figure(p.f1)
        ));
        out.push("What a push would do, in this order:".to_owned());
        let steps = p.steps.iter().enumerate();
        out.extend(steps.map(|(i, s)| format!("  {}. {s}", i + 1)));
    }
    if let Some((title, lines)) = &model.receipt {
        out.push(format!("Receipt: {title}"));
        out.extend(lines.iter().map(|l| format!("  {l}")));
    }
}
