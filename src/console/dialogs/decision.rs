//! Approve or reject a plan: evidence, steps in order, how to undo, a reason and the typed
//! version. The focus starts on Cancel; Enter does nothing until the fields are valid.

use super::{Part, Reply, Told};
use crate::console::canvas::Canvas;
use crate::console::commands::Command;
use crate::console::desk::LeaseRow;
use crate::console::jobs::Job;
use crate::console::keymap::Chord;
use crate::console::model::{Availability, Model, PlanProblem, PlanRow};
use crate::console::theme::Tone;
use crate::console::widgets::{TextField, button};
use crate::events::GateVerdict;
use crate::runs::RunId;
use crate::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Cancel,
    Reject,
    Approve,
    /// The one thing against the model was read.
    Read,
    Reason,
    Version,
}

/// The order of Tab: the buttons come after the fields, and the start is Cancel.
const ORDER: [Focus; 6] = [
    Focus::Read,
    Focus::Reason,
    Focus::Version,
    Focus::Cancel,
    Focus::Reject,
    Focus::Approve,
];

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    plan: PlanRow,
    reason: TextField,
    version: TextField,
    read: bool,
    focus: Focus,
}

/// The problems of the data and who has taken note of them: the first few, and how many there are.
fn problems(p: &PlanRow) -> Vec<(&'static str, String, Tone)> {
    const SHOWN: usize = 2;
    let mut lines: Vec<_> = p
        .problems
        .iter()
        .take(SHOWN)
        .map(|problem| {
            let id = &problem.id;
            match &problem.acknowledged {
                Some((by, note)) => ("", format!("{id}: ack by {by}, {note}"), Tone::Plain),
                None => ("", format!("{id}: not acknowledged"), Tone::Warn),
            }
        })
        .collect();
    let noted = |problems: &[PlanProblem]| {
        let noted = problems.iter().filter(|p| p.acknowledged.is_some());
        noted.count()
    };
    if p.problems.len() > SHOWN {
        let line = format!(
            "{} problems of the data, {} acknowledged",
            p.problems.len(),
            noted(&p.problems)
        );
        lines.push(("", line, Tone::Plain));
    }
    lines
}

impl Decision {
    /// A decision on a plan.
    pub fn new(plan: PlanRow) -> Self {
        Self {
            plan,
            reason: TextField::new(400),
            version: TextField::new(40),
            read: false,
            focus: Focus::Cancel,
        }
    }
    /// The plan it is about.
    pub fn plan_id(&self) -> &str {
        &self.plan.plan_id
    }
    /// The run its plan pushes.
    pub fn run_id(&self) -> &RunId {
        &self.plan.run_id
    }
    fn reason_given(&self) -> bool {
        !self.reason.text().trim().is_empty()
    }
    fn version_typed(&self) -> bool {
        self.version.text().trim() == self.plan.version
    }
    fn still_waits(&self, model: &Model) -> bool {
        model.plans.iter().any(|p| p.plan_id == self.plan.plan_id)
    }
    fn may_reject(&self, model: &Model) -> Result<(), String> {
        if let Availability::Disabled(why) = model.availability(Command::Reject) {
            return Err(why);
        }
        if !self.still_waits(model) {
            return Err("the plan does not wait any more".to_owned());
        }
        if !self.reason_given() {
            return Err("a reason is required".to_owned());
        }
        Ok(())
    }
    fn may_approve(&self, model: &Model) -> Result<(), String> {
        self.may_reject(model)?;
        if self.plan.worse_slice.is_some() && !self.read {
            return Err("tick that the worse slice was read".to_owned());
        }
        if !self.version_typed() {
            return Err(format!("type {} to confirm", self.plan.version));
        }
        Ok(())
    }
    /// The parts there are: without a worse slice nothing is to be ticked.
    fn order(&self) -> Vec<Focus> {
        let asked = |f: &&Focus| **f != Focus::Read || self.plan.worse_slice.is_some();
        ORDER.iter().filter(asked).copied().collect()
    }
    fn step(&mut self, by: usize) {
        let order = self.order();
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        let by = if by == 1 { 1 } else { order.len() - 1 };
        self.focus = order[(at + by) % order.len()];
    }
    pub(super) fn command(&mut self, command: Command, model: &Model) -> Reply {
        match command {
            Command::DialogNext | Command::DialogDown => self.step(1),
            Command::DialogPrevious | Command::DialogUp => self.step(ORDER.len() - 1),
            Command::DialogActivate => {
                let reason = self.reason.text().trim().to_owned();
                let plan_id = self.plan.plan_id.clone();
                return match self.focus {
                    Focus::Cancel => Reply::Close,
                    Focus::Reject if self.may_reject(model).is_ok() => {
                        Reply::Do(Job::Reject { plan_id, reason })
                    }
                    Focus::Approve if self.may_approve(model).is_ok() => {
                        Reply::Do(Job::Approve { plan_id, reason })
                    }
                    // In a field Enter does nothing on purpose: it must not walk to the button.
                    Focus::Read => {
                        self.read = !self.read;
                        Reply::Stay
                    }
                    Focus::Reject | Focus::Approve | Focus::Reason | Focus::Version => Reply::Stay,
                };
            }
            _ => {}
        }
        Reply::Stay
    }
    fn field(&mut self) -> Option<&mut TextField> {
        match self.focus {
            Focus::Reason => Some(&mut self.reason),
            Focus::Version => Some(&mut self.version),
            Focus::Cancel | Focus::Reject | Focus::Approve | Focus::Read => None,
        }
    }
    pub(super) fn typed(&mut self, chord: Chord) -> bool {
        if self.focus == Focus::Read && chord.typed() == Some(' ') {
            self.read = !self.read;
            return true;
        }
        self.field().is_some_and(|f| f.key(chord))
    }
    pub(super) fn pasted(&mut self, text: &str) -> bool {
        match self.focus {
            Focus::Reason => {
                self.reason.paste(text);
                true
            }
            // The version is typed by hand; that is its whole point.
            _ => false,
        }
    }
    pub(super) fn told(&self, model: &Model) -> Told {
        let p = &self.plan;
        let mut lines = vec![
            format!(
                "By {}. Nothing has been sent yet. Run {}, plan {}.",
                model.session.who, p.run_id, p.plan_id
            ),
            "Evidence:".to_owned(),
        ];
        lines.extend(self.evidence(model).iter().map(|(name, text, _)| {
            let name = if name.is_empty() { "rule" } else { name };
            format!("  {name}: {text}")
        }));
        lines.push("What will happen, in this order:".to_owned());
        let steps = p.steps.iter().enumerate();
        lines.extend(steps.map(|(i, s)| format!("  {}. {s}", i + 1)));
        lines.push(format!("How to undo: {}", self.undo()));
        let parts = self
            .order()
            .iter()
            .map(|focus| {
                let here = *focus == self.focus;
                match focus {
                    Focus::Read => {
                        let slice = p.worse_slice.as_deref().unwrap_or_default();
                        let mark = if self.read { "[x]" } else { "[ ]" };
                        Part::button(format!("worse slice, {slice}: read? {mark}"), None, here)
                    }
                    Focus::Reason => Part::field(
                        "reason (required, goes to the journal)",
                        self.reason.text(),
                        here,
                    ),
                    Focus::Version => Part::field(
                        format!("confirmation (type {})", p.version),
                        self.version.text(),
                        here,
                    ),
                    Focus::Cancel => Part::button("Cancel", None, here),
                    Focus::Reject => Part::button("Reject", self.may_reject(model).err(), here),
                    Focus::Approve => Part::button(
                        format!("Approve and push {}", p.version),
                        self.may_approve(model).err(),
                        here,
                    ),
                }
            })
            .collect();
        Told {
            title: format!("Push {} to production?", p.version),
            lines,
            parts,
        }
    }
    fn undo(&self) -> String {
        match &self.plan.champion_before {
            Some(v) => format!("netsec rollback {v} --reason TEXT"),
            None => "there is no champion yet; nothing to go back to".to_owned(),
        }
    }
    pub(super) fn size(&self, _model: &Model, width: u16, height: u16) -> (u16, u16) {
        (width.saturating_sub(2).min(110), height.min(28))
    }

    fn evidence(&self, model: &Model) -> Vec<(&'static str, String, Tone)> {
        let p = &self.plan;
        let passed = p
            .gate
            .iter()
            .filter(|r| r.verdict == GateVerdict::Accept)
            .count();
        let all = p.gate.len();
        let tone = if passed == all {
            Tone::Good
        } else {
            Tone::Warn
        };
        let figure = |v: Option<f64>| v.map_or("undefined".to_owned(), |v| format!("{v:.4}"));
        let mut lines = vec![
            ("gate", format!("{passed} of {all} rules pass"), tone),
            (
                "test F1",
                format!("{}   {}", figure(p.f1), p.selected),
                Tone::Plain,
            ),
        ];
        for rule in p.gate.iter().take(3) {
            let word = if rule.verdict == GateVerdict::Accept {
                "pass"
            } else {
                "NO"
            };
            lines.push(("", format!("{word}  {}", rule.reason), Tone::Plain));
        }
        lines.push(match p.drifted {
            None => ("drift", "not measured".to_owned(), Tone::Plain),
            Some(0) => ("drift", "no column drifted".to_owned(), Tone::Plain),
            Some(1) => ("drift", "1 column drifted".to_owned(), Tone::Warn),
            Some(n) => ("drift", format!("{n} columns drifted"), Tone::Warn),
        });
        lines.extend(problems(p));
        let cut = |hash: &str| {
            hash.chars()
                .take(10)
                .chain("..".chars())
                .collect::<String>()
        };
        lines.push((
            "model",
            format!(
                "{}  preprocessor {}",
                cut(&p.model_sha256),
                cut(&p.preprocessor_sha256)
            ),
            Tone::Plain,
        ));
        lines.push(("data", cut(&p.data_digest), Tone::Plain));
        lines.push((
            "good until",
            format!(
                "{}   approvals {} of {}",
                model.day(p.expires_at),
                p.approvals,
                p.needed
            ),
            Tone::Plain,
        ));
        lines
    }

    pub(super) fn view(&self, model: &Model, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
        let p = &self.plan;
        let title = format!("Push {} to production?", p.version);
        let remark = format!("{}   nothing has been sent yet", model.session.who);
        let small = canvas.height() < 20;
        let mut inside = canvas.boxed(&title, &remark);
        let (w, h) = (inside.width(), inside.height());
        // From the bottom up: buttons, hint, fields; the evidence and the steps get the rest.
        let worse = p.worse_slice.as_deref();
        let bottom = if small { 4 } else { 7 } + u16::from(worse.is_some());
        let top = h.saturating_sub(bottom);
        let evidence = self.evidence(model);
        let steps: Vec<String> = p
            .steps
            .iter()
            .enumerate()
            .map(|(i, s)| format!("{}  {s}", i + 1))
            .collect();
        let undo = self.undo();
        let wide = w >= 90;
        let mut y = 0;
        if wide {
            inside.put(
                1,
                y,
                &format!("run {}   plan {}", p.run_id, p.plan_id),
                Tone::Dim,
            );
            let half = w / 2;
            inside.put(1, y + 2, "EVIDENCE", Tone::Title);
            for (i, (name, line, tone)) in evidence.iter().enumerate() {
                let row = y + 3 + i as u16;
                if row + 3 > top {
                    break;
                }
                inside.put(1, row, name, Tone::Dim);
                inside.put_in(13, row, half.saturating_sub(15), line, *tone);
            }
            inside.put(half, y + 2, "WHAT WILL HAPPEN, IN THIS ORDER", Tone::Title);
            let width = (w - half).saturating_sub(4) as usize;
            let marks = inside.glyphs.marks();
            let lines: Vec<(u16, String)> = steps
                .iter()
                .flat_map(|step| text::wrap(step, width, marks).into_iter().enumerate())
                .map(|(i, line)| (if i == 0 { half } else { half + 3 }, line))
                .collect();
            let room = usize::from(top.saturating_sub(y + 5));
            let shown = if lines.len() > room {
                room.saturating_sub(1)
            } else {
                lines.len()
            };
            for (row, (x, line)) in (y + 3..).zip(&lines[..shown]) {
                inside.put(*x, row, line, Tone::Plain);
            }
            if shown < lines.len() && room > 0 {
                let more = format!("and {} more lines: netsec plan", lines.len() - shown);
                inside.put(half, y + 3 + shown as u16, &more, Tone::Dim);
            }
            y = top.saturating_sub(2);
            inside.put(1, y, "HOW TO UNDO", Tone::Title);
            inside.put(15, y, &undo, Tone::Plain);
        } else {
            let room = top.saturating_sub(2) as usize;
            let plan_rows = steps.len().min(room / 2);
            for (name, line, tone) in evidence.iter().take(room.saturating_sub(plan_rows)) {
                inside.put(1, y, name, Tone::Dim);
                inside.put_in(12, y, w.saturating_sub(13), line, *tone);
                y += 1;
            }
            for (i, step) in steps.iter().take(plan_rows).enumerate() {
                inside.put(1, y, if i == 0 { "plan" } else { "" }, Tone::Dim);
                let more = steps.len() - plan_rows;
                let step = if i + 1 == plan_rows && more > 0 {
                    format!("{step}  (and {more} more)")
                } else {
                    step.clone()
                };
                inside.put_in(12, y, w.saturating_sub(13), &step, Tone::Plain);
                y += 1;
            }
            inside.put(1, y, "undo", Tone::Dim);
            inside.put_in(12, y, w.saturating_sub(13), &undo, Tone::Plain);
        }
        let mut y = top;
        let mut cursor = None;
        if let Some(slice) = worse {
            let here = self.focus == Focus::Read;
            let mark = if self.read { "[x]" } else { "[ ]" };
            let x = w.saturating_sub(12);
            let x2 = inside.put(1, y, "worse slice ", Tone::Bad);
            inside.put_in(x2, y, x.saturating_sub(x2 + 2), slice, Tone::Plain);
            inside.put(
                x.saturating_sub(1),
                y,
                if here { ">" } else { " " },
                Tone::Cursor,
            );
            let tone = if here { Tone::Cursor } else { Tone::Plain };
            inside.put(x, y, &format!("read? {mark}"), tone);
            y += 1;
        }
        if small {
            let x = inside.put(1, y, "Reason (required) ", Tone::Plain);
            let at = self.reason.view(
                &mut inside,
                x,
                y,
                w.saturating_sub(x + 1),
                self.focus == Focus::Reason,
            );
            cursor = cursor.or(at);
            y += 1;
        } else {
            inside.put(1, y, "Reason (required, goes to the journal)", Tone::Plain);
            let at = self.reason.view(
                &mut inside,
                1,
                y + 1,
                w.saturating_sub(2),
                self.focus == Focus::Reason,
            );
            cursor = cursor.or(at);
            y += 3;
        }
        let x = inside.put(
            1,
            y,
            &format!("Type {} to confirm ", p.version),
            Tone::Plain,
        );
        let at = self.version.view(
            &mut inside,
            x,
            y,
            14.min(w.saturating_sub(x + 1)),
            self.focus == Focus::Version,
        );
        cursor = cursor.or(at);
        let why = match self.may_approve(model) {
            _ if model.desk.other_holder(&p.run_id).is_some() => {
                let other = model.desk.other_holder(&p.run_id);
                let who = other.map_or_else(String::new, LeaseRow::who);
                format!("! {who} has it in hand")
            }
            Ok(()) => "both fields are valid".to_owned(),
            Err(why) => format!("not yet: {why}"),
        };
        inside.put_in(x + 15, y, w.saturating_sub(x + 16), &why, Tone::Dim);
        y += if small { 1 } else { 2 };
        let push = format!("Approve and push {}", p.version);
        let x = button(
            &mut inside,
            1,
            y,
            "Cancel",
            true,
            self.focus == Focus::Cancel,
        );
        let x = button(
            &mut inside,
            x + 2,
            y,
            "Reject",
            self.may_reject(model).is_ok(),
            self.focus == Focus::Reject,
        );
        button(
            &mut inside,
            x + 2,
            y,
            &push,
            self.may_approve(model).is_ok(),
            self.focus == Focus::Approve,
        );
        cursor
    }
}
