//! Everything about the finding under the cursor.

use super::lines::{Line, bar, line, padded, percent, right, sparkline, wrapped};
use super::list::tone_of;
use crate::console::commands::Command;
use crate::console::glyphs::Glyphs;
use crate::console::model::Model;
use crate::console::theme::Tone;
use crate::drift::bins::{condensed, moved};
use crate::drift::{ColumnBins, ColumnDrift};
use crate::findings::{Effect, Finding, Findings, Kind, Scored, Slice, Slices};
use crate::pipeline::data_validation::{CheckResult, Rule};
use crate::schema::Role;
use crate::text::{Marks, clean, count};

/// How much room a detail has.
#[derive(Clone, Copy)]
pub(super) struct Space {
    /// Columns.
    pub width: usize,
    /// Bins of a picture at most.
    pub bins: usize,
    /// Whether only the first dozen lines will be seen: then the picture comes first.
    pub short: bool,
}

/// The lines of the detail.
pub(super) fn lines(model: &Model, found: &Findings, space: Space, glyphs: Glyphs) -> Vec<Line> {
    let Some(finding) = model.validation.chosen() else {
        return vec![line("Nothing was found that needs a look.", Tone::Dim)];
    };
    let page = Page {
        model,
        found,
        finding,
        width: space.width,
        glyphs,
        marks: glyphs.marks(),
    };
    match finding.kind {
        Kind::Drift(at) => match found.drift.as_ref().and_then(|d| d.columns.get(at)) {
            Some(column) => page.drift(column, space),
            None => page.plain(),
        },
        Kind::Check(at) => match found.validation.as_ref().and_then(|v| v.checks.get(at)) {
            Some(check) => page.check(check),
            None => page.plain(),
        },
        Kind::LoggedCheck | Kind::LoggedDrift => page.plain(),
    }
}

struct Page<'a> {
    model: &'a Model,
    found: &'a Findings,
    finding: &'a Finding,
    width: usize,
    glyphs: Glyphs,
    marks: Marks,
}

impl Page<'_> {
    fn text(&self, text: &str, tone: Tone) -> Vec<Line> {
        wrapped(text, self.width, self.marks, tone)
    }

    /// What only the log knows.
    fn plain(&self) -> Vec<Line> {
        let f = self.finding;
        let mut lines = self.verdict();
        lines.extend(self.text(&f.text, Tone::Plain));
        lines.extend(self.text(
            "Examples and bins are not kept: the stage stopped before it wrote its reports.",
            Tone::Dim,
        ));
        lines.extend(self.noted());
        lines
    }

    fn verdict(&self) -> Vec<Line> {
        let f = self.finding;
        vec![vec![
            (f.standing.word().to_owned(), tone_of(f.standing)),
            (
                format!("  observed {}, limit {}", f.observed, f.limit),
                Tone::Plain,
            ),
        ]]
    }

    fn drift(&self, drift: &ColumnDrift, space: Space) -> Vec<Line> {
        let figure = drift.reasons.get("effect").map_or("PSI", String::as_str);
        let bins = self.found.bins_of(&drift.column);
        let mut figures = self.figures(drift);
        figures.extend(self.noted());
        let picture = match bins {
            Some(bins) => self.bins(bins, figure, space.bins),
            None => self.text(
                "This run has kept no bins: it is of a former version of the program.",
                Tone::Dim,
            ),
        };
        let mut lines;
        if space.short {
            let rest = figures.split_off(1.min(figures.len()));
            lines = figures;
            lines.extend(picture);
            lines.push(Line::new());
            lines.extend(rest);
        } else {
            lines = figures;
            lines.push(Line::new());
            lines.extend(picture);
        }
        lines.extend(self.history(&drift.column));
        if bins.is_some() {
            lines.extend(self.slices(&drift.column));
        }
        lines.extend(self.effect());
        lines.extend(self.behind());
        lines
    }

    fn figures(&self, d: &ColumnDrift) -> Vec<Line> {
        let mut figures: Vec<String> = Vec::new();
        let mut figure = |name: &str, value: Option<f64>| {
            if let Some(value) = value {
                figures.push(format!("{name} {value:.4}"));
            }
        };
        figure("PSI", d.psi);
        figure("KS", d.ks.map(|k| k.statistic));
        figure("JS", d.jensen_shannon);
        figure("decile PSI", d.decile.map(|x| x.psi));
        let mut lines = Vec::new();
        if !figures.is_empty() {
            lines.extend(self.text(&figures.join(", "), Tone::Plain));
        }
        let reason = d.reasons.get("verdict").map_or("", String::as_str);
        let standing = self.finding.standing;
        let wrapped = self.text(&format!("{}: {reason}", standing.word()), Tone::Plain);
        let tone = tone_of(standing);
        lines.extend(wrapped.into_iter().enumerate().map(|(i, l)| match i {
            0 => l.into_iter().map(|(t, _)| (t, tone)).collect(),
            _ => l,
        }));
        lines.extend(self.text(
            &format!(
                "n {} and {} (no p: size decides)",
                count(d.n_reference),
                count(d.n_current)
            ),
            Tone::Dim,
        ));
        let [before, now] = d.null_share;
        if before > 0.0 || now > 0.0 {
            lines.extend(self.text(
                &format!("missing {:.2} % -> {:.2} %", 100.0 * before, 100.0 * now),
                Tone::Plain,
            ));
        }
        lines.extend(self.text(&self.ranks(), Tone::Dim));
        lines
    }

    /// The place of the column by drift and by importance.
    fn ranks(&self) -> String {
        let drifts: Vec<&Finding> = self
            .found
            .findings
            .iter()
            .filter(|f| f.kind.is_drift())
            .collect();
        let place = 1 + drifts
            .iter()
            .filter(|f| f.ratio > self.finding.ratio)
            .count();
        let mut text = format!("rank {place} of {} by drift", drifts.len());
        let spec = |name: &String| self.found.schema.as_ref()?.column(name);
        let role = self.finding.column.as_ref().and_then(spec).map(|s| s.role);
        if role == Some(Role::Label) {
            text.push_str("; it is the label");
        } else if role == Some(Role::Ignored) {
            text.push_str("; no feature of the model");
        } else if let Some(at) = self.finding.importance {
            text.push_str(&format!(", {at} by importance to the model"));
        } else if self.found.important_columns > 0 {
            text.push_str(", of little importance to the model");
        }
        text
    }

    fn bins(&self, column: &ColumnBins, figure: &str, most: usize) -> Vec<Line> {
        let (bins, rows) = column.of_figure(figure);
        if bins.is_empty() || rows.0 == 0 || rows.1 == 0 {
            return self.text("There are no bins: one side has no values.", Tone::Dim);
        }
        let shown = condensed(bins, most);
        let share = |n: u64, of: u64| n as f64 / of.max(1) as f64;
        let largest = shown
            .iter()
            .map(|b| share(b.reference, rows.0).max(share(b.current, rows.1)))
            .fold(0.0, f64::max);
        let name = shown
            .iter()
            .map(|b| crate::text::width(&b.label(), self.marks))
            .max()
            .unwrap_or(0)
            .clamp(6, (self.width / 3).max(6));
        // Two bars and two shares of seven columns, with a blank between.
        let bars = self.width.saturating_sub(name + 2 * 8 + 4) / 2;
        let side = |n: u64, of: u64| {
            format!(
                "{}{}",
                bar(share(n, of), largest, bars),
                right(&percent(n, of), 8)
            )
        };
        let reference = self
            .found
            .reference()
            .map_or("reference".to_owned(), |v| format!("{v} data"));
        let mut lines = vec![line(
            format!(
                "{}  {}  {}",
                padded("value", name, self.marks),
                padded(&reference, bars + 8, self.marks),
                padded("this run", bars + 8, self.marks)
            ),
            Tone::Dim,
        )];
        for bin in &shown {
            lines.push(line(
                format!(
                    "{}  {}  {}",
                    padded(&bin.label(), name, self.marks),
                    side(bin.reference, rows.0),
                    side(bin.current, rows.1)
                ),
                Tone::Plain,
            ));
        }
        let (a, b) = shown
            .iter()
            .fold((0, 0), |(a, b), bin| (a + bin.reference, b + bin.current));
        if (a, b) != rows {
            lines.push(line(
                format!(
                    "{}  {}  {}",
                    padded("others", name, self.marks),
                    side(rows.0 - a, rows.0),
                    side(rows.1 - b, rows.1)
                ),
                Tone::Dim,
            ));
        }
        let moved = moved(bins, rows);
        let list = |names: &[String]| names.join(" and ");
        let sentence = match (moved.out_of.is_empty(), moved.into.is_empty()) {
            (true, true) => None,
            (false, true) => Some(format!("moved: out of {}", list(&moved.out_of))),
            (true, false) => Some(format!("moved: into {}", list(&moved.into))),
            (false, false) => Some(format!(
                "moved: out of {}, into {}",
                list(&moved.out_of),
                list(&moved.into)
            )),
        };
        if let Some(sentence) = sentence {
            lines.extend(self.text(&sentence, Tone::Plain));
        }
        if shown.len() < bins.len() {
            let ranges = "bins are joined for this picture, figures are not";
            let values = "values with few rows stand under others";
            let is_range = matches!(bins[0].of, crate::drift::BinOf::Range { .. });
            lines.extend(self.text(if is_range { ranges } else { values }, Tone::Dim));
        }
        lines
    }

    fn history(&self, column: &str) -> Vec<Line> {
        let past = self.found.psi_history(column);
        if past.len() < 2 {
            return Vec::new();
        }
        let values: Vec<f64> = past.iter().map(|(_, psi)| *psi).collect();
        let limit = self.found.limits.psi;
        let (low, high) = values
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        vec![
            Line::new(),
            vec![
                (format!("PSI over {} runs  ", values.len()), Tone::Plain),
                (
                    sparkline(&values, high.max(limit), self.glyphs),
                    Tone::First,
                ),
                (
                    format!("  {low:.2} .. {high:.2}, limit {limit:.2}"),
                    Tone::Plain,
                ),
            ],
        ]
    }

    fn slices(&self, column: &str) -> Vec<Line> {
        let view = &self.model.validation;
        let mut lines = vec![Line::new()];
        match view.slices.get(column) {
            Some(Ok(slices)) => lines.extend(self.found_slices(slices)),
            Some(Err(why)) => {
                lines.extend(self.text(&format!("Where it comes from: {why}"), Tone::Warn));
            }
            None if view.slicing.as_ref().is_some_and(|s| s.column == column) => {
                let esc = self.key(Command::Back);
                lines.extend(self.text(
                    &format!("Looking where it comes from; {esc} stops."),
                    Tone::Busy,
                ));
            }
            None => {
                let enter = self.key(Command::FindingDetail);
                lines.extend(self.text(
                    &format!("Where it comes from: {enter} looks for the slices."),
                    Tone::Dim,
                ));
            }
        }
        lines
    }

    fn found_slices(&self, slices: &Slices) -> Vec<Line> {
        let Some(by) = &slices.by else {
            return self.text(
                "Where it comes from: no other column has values to slice by.",
                Tone::Dim,
            );
        };
        let tried = slices.tried;
        let title = match slices.even {
            false => format!("Where it comes from: slices by {by} (of {tried} columns tried)"),
            true => format!("It is everywhere: of {tried} columns {by} differs most, hardly"),
        };
        let mut lines = self.text(&title, Tone::Plain);
        let name = (self.width / 3).clamp(6, 18);
        let figure = |slice: &Slice| {
            slice
                .psi
                .map_or("too few rows".to_owned(), |p| format!("PSI {p:.2}"))
        };
        let shown = slices.slices.iter().take(5);
        let column = shown.clone().map(|s| figure(s).len()).max().unwrap_or(0);
        for slice in shown {
            let psi = figure(slice);
            lines.push(line(
                format!(
                    "  {}  {}  {:.0} % -> {:.0} % of rows",
                    padded(&slice.value, name, self.marks),
                    padded(&psi, column, self.marks),
                    100.0 * slice.share_reference,
                    100.0 * slice.share_current
                ),
                Tone::Plain,
            ));
        }
        lines
    }

    fn effect(&self) -> Vec<Line> {
        let mut lines = vec![Line::new()];
        let Some(effect) = &self.found.effect else {
            let text = match (self.found.drift.is_some(), self.found.evaluated) {
                (false, _) => "No champion: nothing to compare with.",
                (true, false) => {
                    "The effect on the champion is known once the run has been evaluated."
                }
                (true, true) => "The evaluation did not look at a champion.",
            };
            lines.extend(self.text(text, Tone::Dim));
            return lines;
        };
        lines.push(line(
            format!("Effect on the champion {} on this data", effect.version),
            Tone::Plain,
        ));
        match &effect.now {
            Err(why) => lines.extend(self.text(&format!("not measured: {why}"), Tone::Dim)),
            Ok(now) => lines.extend(self.scored(effect, now)),
        }
        lines
    }

    fn scored(&self, effect: &Effect, now: &Scored) -> Vec<Line> {
        let before = effect.before.as_ref();
        let figure = |v: Option<f64>, decimals: usize| {
            v.map_or("-".to_owned(), |v| format!("{v:.decimals$}"))
        };
        let mut lines = vec![line(
            format!(
                "  {}  {} -> {}",
                padded(effect.metric, 15, self.marks),
                figure(before.and_then(|b| b.f1), 4),
                figure(now.f1, 4)
            ),
            Tone::Plain,
        )];
        let alerts = (
            before.and_then(|b| b.alerts_per_thousand),
            now.alerts_per_thousand,
        );
        let change = match alerts {
            (Some(a), Some(b)) if a > 0.0 => format!("  ({:+.0} %)", 100.0 * (b - a) / a),
            _ => String::new(),
        };
        lines.push(line(
            format!(
                "  {}  {} -> {}{change}",
                padded("alerts in 1,000", 15, self.marks),
                figure(alerts.0, 1),
                figure(alerts.1, 1)
            ),
            Tone::Plain,
        ));
        let then = match before {
            Some(before) => format!("{} test rows at promotion", count(before.n)),
            None => "the run that made it is not kept".to_owned(),
        };
        lines.extend(self.text(
            &format!("labelled rows only: {then}, {} of this run", count(now.n)),
            Tone::Dim,
        ));
        lines
    }

    fn check(&self, check: &CheckResult) -> Vec<Line> {
        let mut lines = self.verdict();
        lines.extend(self.text(&check.text, Tone::Plain));
        lines.extend(self.noted());
        lines.push(Line::new());
        if let Some(rule) = Rule::by_id(&check.id) {
            lines.extend(self.text(&format!("Rule: {}", rule.doc()), Tone::Dim));
        }
        let rows = self.found.validation.as_ref().map_or(0, |v| v.rows);
        if check.failing_rows > 0 {
            lines.push(line(
                format!(
                    "{} of {} rows ({})",
                    count(check.failing_rows),
                    count(rows),
                    percent(check.failing_rows, rows)
                ),
                Tone::Plain,
            ));
        }
        if !check.examples.is_empty() {
            lines.push(Line::new());
            lines.push(line(format!("{:>12}  value", "row"), Tone::Dim));
            for example in &check.examples {
                let value = example.value.as_deref().map_or("".to_owned(), clean);
                lines.push(line(
                    format!("{:>12}  {value}", count(example.row)),
                    Tone::Plain,
                ));
            }
        }
        if let Some(column) = &check.column
            && let Some(drift) = self.found.drift_of(column)
            && let Some(reason) = drift.reasons.get("verdict")
        {
            lines.push(Line::new());
            lines.extend(self.text(&format!("drift of {column}: {reason}"), Tone::Dim));
        }
        lines.extend(self.behind());
        lines
    }

    /// Who has taken note.
    fn noted(&self) -> Vec<Line> {
        let notes = &self.found.acknowledged;
        if let Some(note) = notes.of(self.finding) {
            let at = self.model.day(note.at);
            return self.text(
                &format!("acknowledged by {}, {at}: {}", note.by.name, note.note),
                Tone::Good,
            );
        }
        match notes.on_another_figure(self.finding) {
            Some(note) => self.text(
                &format!(
                    "{} acknowledged it at {}, not as it is now: {}",
                    note.by.name, note.observed, note.note
                ),
                Tone::Warn,
            ),
            None => Vec::new(),
        }
    }

    /// How to see the rows.
    fn behind(&self) -> Vec<Line> {
        let key = self.key(Command::FindingRows);
        let text = match self.found.rows_behind(self.finding) {
            None => format!("{key} shows all rows: no condition tells those behind this"),
            Some(rows) => {
                let what = match (&rows.filter, rows.quarantined) {
                    (_, true) => "the quarantine".to_owned(),
                    (Some(filter), _) => filter.clone(),
                    (None, _) => format!("the {} rows above", rows.rows.len()),
                };
                format!("{key} shows the rows behind this: {what}")
            }
        };
        let mut lines = vec![Line::new()];
        lines.extend(self.text(&text, Tone::Dim));
        lines
    }

    fn key(&self, command: Command) -> String {
        self.model
            .keymap
            .first(command)
            .map_or("-".to_owned(), |k| {
                crate::console::screens::capital(&k.to_string())
            })
    }
}
