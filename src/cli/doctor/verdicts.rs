//! The check of analysts' verdicts: whether the champion errs more than it used to.

use super::Finding;
use crate::cli::Globals;
use crate::drift::concept::Standing;
use crate::traffic::{ConceptReader, feedback_file};

const CHECK: &str = "concept drift";

/// Runs the check; without verdicts there is nothing to check.
pub(super) fn check(globals: &Globals) -> Option<Finding> {
    let path = feedback_file(&globals.workspace());
    match ConceptReader::default().read(&path) {
        Err(e) => Some(Finding::fail(CHECK, &e.into())),
        Ok(None) => None,
        Ok(Some(status)) => Some(match status.standing() {
            Standing::Stable => Finding::ok(CHECK, status.sentence()),
            Standing::Warning => Finding::warn(
                CHECK,
                status.sentence(),
                "Look at the latest verdicts; more of them will tell.",
            ),
            Standing::Drift => Finding::warn(
                CHECK,
                status.sentence(),
                "The champion errs more than it used to: retrain on newer data.",
            ),
        }),
    }
}
