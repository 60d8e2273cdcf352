//! What ingestion found worth telling: recorded as it is found, and kept for the report.

use super::STAGE;
use crate::events::Event;
use crate::pipeline::StageContext;
use crate::source::{self, CoercionKind, Ingested};

/// Collects warnings: each is recorded as an event and kept for the report.
pub(super) struct Warnings<'a> {
    ctx: &'a StageContext<'a>,
    pub texts: Vec<String>,
}

impl<'a> Warnings<'a> {
    pub fn new(ctx: &'a StageContext<'a>) -> Self {
        Self {
            ctx,
            texts: Vec::new(),
        }
    }

    pub fn add(&mut self, code: &str, text: String) {
        self.ctx.recorder.record(
            STAGE,
            Event::Warning {
                code: code.to_owned(),
                text: text.clone(),
            },
        );
        self.texts.push(text);
    }

    /// Warns of what reading an input found: rows in quarantine, names, changed values.
    pub fn of_input(&mut self, shown: &str, read: &Ingested) {
        if let Some(first) = read.quarantine.first() {
            self.add(
                "quarantine",
                format!(
                    "{} of {} rows of {shown} are in quarantine; the first, {}: {}",
                    read.quarantine.len(),
                    read.rows,
                    first.place(),
                    first.reason
                ),
            );
        }
        let columns = &read.detected.columns;
        if !columns.renamed.is_empty() {
            let list: Vec<String> = columns
                .renamed
                .iter()
                .take(8)
                .map(|(found, column)| format!("`{found}` as `{column}`"))
                .collect();
            self.add(
                "columns_renamed",
                format!(
                    "{shown}: columns read under another name: {}",
                    list.join(", ")
                ),
            );
        }
        for (code, what, list) in [
            (
                "columns_repeated",
                "column names that stand more than once, the first is used",
                &columns.repeated,
            ),
            (
                "columns_unused",
                "columns the schema does not know, not read",
                &columns.unused,
            ),
        ] {
            if !list.is_empty() {
                self.add(
                    code,
                    format!("{shown}: {what}: {}", source::listed(list, 8)),
                );
            }
        }
        // The plain rewritings stand in the report; these change what the values mean, or show
        // that whoever wrote them did not agree on a type.
        for kind in [
            CoercionKind::Infinity,
            CoercionKind::Windows1252,
            CoercionKind::TextNumber,
            CoercionKind::NumberText,
        ] {
            let cells = read.coercions.cells(kind);
            if cells > 0 {
                let first = read.coercions.columns.iter().find(|c| c.kind == kind);
                let example = first
                    .and_then(|c| Some((c, c.id.as_ref()?)))
                    .map(|(c, id)| {
                        format!("; the first, _id {id}: `{}` in `{}`", c.example, c.column)
                    })
                    .unwrap_or_default();
                self.add(
                    "coercion",
                    format!("{shown}: {cells} values {}{example}", kind.text()),
                );
            }
        }
    }
}
