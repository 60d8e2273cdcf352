//! Whether a deployment may take the model of a plan elsewhere: pure, over the proven journal.

use serde::Serialize;
use thiserror::Error;

use super::{Decision, Journal, JournalRecord, Subject};
use crate::config::ApprovalConfig;
use crate::error::CommandError;

/// A plan whose model is approved and in production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployable {
    /// The plan.
    pub plan_id: String,
    /// The run that made the model.
    pub run_id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of `model.json`.
    pub model_sha256: String,
    /// SHA-256 of `preprocessor.json`.
    pub preprocessor_sha256: String,
    /// Who approved it.
    pub approved_by: Vec<String>,
}

/// Why not.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotDeployable {
    /// Nobody decided on such a plan.
    #[error("the journal knows of no plan `{0}`")]
    Unknown(String),
    /// More than one plan begins so.
    #[error("`{0}` is the beginning of more than one plan: {1}")]
    Ambiguous(String, String),
    /// It was refused.
    #[error("plan {plan} was refused by {by}")]
    Rejected {
        /// The plan.
        plan: String,
        /// By whom.
        by: String,
    },
    /// Its push was never completed.
    #[error("plan {0} was never pushed")]
    NotPushed(String),
    /// Something else is in production by now.
    #[error("plan {plan} made {version}, but {now} is in production")]
    NotInProduction {
        /// The plan.
        plan: String,
        /// Its version.
        version: String,
        /// What is.
        now: String,
    },
    /// The policy asks for more than there is.
    #[error("plan {plan} has {found} approvals that count, the policy asks for {needed}")]
    TooFewApprovals {
        /// The plan.
        plan: String,
        /// Approvals by different people who may approve, of exactly this model.
        found: usize,
        /// How many there must be.
        needed: u32,
    },
}

impl From<NotDeployable> for CommandError {
    fn from(e: NotDeployable) -> Self {
        match &e {
            NotDeployable::Unknown(_) => CommandError::not_found(e.to_string())
                .hint("`netsec journal` lists the decisions with their plans."),
            NotDeployable::Ambiguous(..) => CommandError::usage(e.to_string()),
            NotDeployable::TooFewApprovals { .. } => CommandError::refused(e.to_string())
                .hint("The policy stands in config.toml, [approval]."),
            _ => CommandError::refused(e.to_string()),
        }
    }
}

/// Proves that a plan's model is approved as the policy asks today, and in production.
///
/// # Errors
/// The first thing that is against it.
pub fn prove_deployable(
    records: &[JournalRecord],
    plan: &str,
    policy: &ApprovalConfig,
) -> Result<Deployable, NotDeployable> {
    let plan = resolve(records, plan)?;
    let about: Vec<&JournalRecord> = records
        .iter()
        .filter(|r| r.subject.plan_id.as_deref() == Some(&plan))
        .collect();
    if let Some(r) = about.iter().find(|r| r.decision == Decision::Reject) {
        return Err(NotDeployable::Rejected {
            plan,
            by: r.by.name.clone(),
        });
    }
    let Some(pushed) = about.iter().rev().find(|r| r.decision == Decision::Pushed) else {
        return Err(NotDeployable::NotPushed(plan));
    };
    // A rollback to it puts it in production as well, by another record.
    let now = Journal::in_production(records).map(|r| &r.subject);
    if !now.is_some_and(|now| same_model(now, &pushed.subject)) {
        return Err(NotDeployable::NotInProduction {
            plan,
            version: pushed.subject.version.clone(),
            now: now.map_or("nothing", |s| s.version.as_str()).to_owned(),
        });
    }
    let mut approved_by: Vec<String> = Vec::new();
    for r in &about {
        let counts = r.decision == Decision::Approve
            && r.seq < pushed.seq
            && same_model(&r.subject, &pushed.subject)
            && (policy.approvers.is_empty() || policy.approvers.contains(&r.by.name));
        if counts && !approved_by.contains(&r.by.name) {
            approved_by.push(r.by.name.clone());
        }
    }
    if approved_by.len() < policy.approvals.max(1) as usize {
        return Err(NotDeployable::TooFewApprovals {
            plan,
            found: approved_by.len(),
            needed: policy.approvals.max(1),
        });
    }
    let subject = &pushed.subject;
    Ok(Deployable {
        plan_id: plan,
        run_id: subject.run_id.clone(),
        version: subject.version.clone(),
        model_sha256: subject.model_sha256.clone(),
        preprocessor_sha256: subject.preprocessor_sha256.clone(),
        approved_by,
    })
}

/// Whether two records speak of the same bytes under the same version.
fn same_model(a: &Subject, b: &Subject) -> bool {
    (&a.version, &a.model_sha256, &a.preprocessor_sha256)
        == (&b.version, &b.model_sha256, &b.preprocessor_sha256)
}

/// The one plan that a text is the beginning of.
fn resolve(records: &[JournalRecord], text: &str) -> Result<String, NotDeployable> {
    let mut found: Vec<&str> = records
        .iter()
        .filter_map(|r| r.subject.plan_id.as_deref())
        .filter(|id| !text.is_empty() && id.starts_with(text))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Err(NotDeployable::Unknown(text.to_owned())),
        [one] => Ok((*one).to_owned()),
        // The whole id of one may be the beginning of another.
        many if many.contains(&text) => Ok(text.to_owned()),
        many => Err(NotDeployable::Ambiguous(text.to_owned(), many.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::Evidence;
    use crate::events::Actor;

    fn record(
        seq: u64,
        decision: Decision,
        by: &str,
        plan: Option<&str>,
        model: &str,
    ) -> JournalRecord {
        JournalRecord {
            v: 1,
            seq,
            at: chrono::Utc::now(),
            decision,
            by: Actor {
                name: by.to_owned(),
                from: "here".to_owned(),
            },
            reason: "because".to_owned(),
            subject: Subject {
                plan_id: plan.map(str::to_owned),
                version: format!("v-{model}"),
                model_sha256: model.to_owned(),
                ..Subject::default()
            },
            evidence: Evidence::default(),
            signature: None,
            previous: String::new(),
            hash: String::new(),
        }
    }

    fn policy(approvals: u32, approvers: &[&str]) -> ApprovalConfig {
        ApprovalConfig {
            approvals,
            approvers: approvers.iter().map(|a| (*a).to_owned()).collect(),
            ..ApprovalConfig::default()
        }
    }

    use Decision::{Approve, Push, Pushed, Reject, RolledBack};

    #[test]
    fn an_approved_plan_in_production_may_be_deployed() {
        let records = [
            record(1, Approve, "mara", Some("aa11"), "one"),
            record(2, Push, "mara", Some("aa11"), "one"),
            record(3, Pushed, "mara", Some("aa11"), "one"),
        ];
        let found = prove_deployable(&records, "aa", &policy(1, &[])).unwrap();
        assert_eq!(found.plan_id, "aa11");
        assert_eq!(found.version, "v-one");
        assert_eq!(found.approved_by, ["mara"]);
    }

    #[test]
    fn what_the_policy_asks_for_today_counts() {
        let records = [
            record(1, Approve, "mara", Some("p"), "one"),
            record(2, Approve, "mara", Some("p"), "one"),
            // Of another model: does not count.
            record(3, Approve, "jon", Some("p"), "two"),
            record(4, Pushed, "mara", Some("p"), "one"),
            // Too late.
            record(5, Approve, "eve", Some("p"), "one"),
        ];
        for (policy, found) in [
            (policy(2, &[]), 1),
            (policy(1, &["jon"]), 0),
            (policy(0, &["jon"]), 0),
        ] {
            let needed = policy.approvals.max(1);
            assert_eq!(
                prove_deployable(&records, "p", &policy),
                Err(NotDeployable::TooFewApprovals {
                    plan: "p".into(),
                    found,
                    needed
                })
            );
        }
        assert!(prove_deployable(&records, "p", &policy(1, &["mara"])).is_ok());
    }

    #[test]
    fn a_plan_that_is_not_in_production_may_not() {
        let mut records = vec![
            record(1, Approve, "mara", Some("p1"), "one"),
            record(2, Pushed, "mara", Some("p1"), "one"),
            record(3, Approve, "mara", Some("p2"), "two"),
        ];
        assert_eq!(
            prove_deployable(&records, "p2", &policy(1, &[])),
            Err(NotDeployable::NotPushed("p2".into()))
        );
        records.push(record(4, Pushed, "mara", Some("p2"), "two"));
        assert!(prove_deployable(&records, "p2", &policy(1, &[])).is_ok());
        assert!(matches!(
            prove_deployable(&records, "p1", &policy(1, &[])),
            Err(NotDeployable::NotInProduction { now, .. }) if now == "v-two"
        ));
        // Rolled back to the first: that one again.
        records.push(record(5, RolledBack, "mara", None, "one"));
        assert!(prove_deployable(&records, "p1", &policy(1, &[])).is_ok());
        assert!(prove_deployable(&records, "p2", &policy(1, &[])).is_err());
    }

    #[test]
    fn refused_unknown_and_ambiguous_plans() {
        let records = [
            record(1, Reject, "jon", Some("abc"), "one"),
            record(2, Approve, "jon", Some("abd"), "one"),
        ];
        let policy = policy(1, &[]);
        assert!(matches!(
            prove_deployable(&records, "abc", &policy),
            Err(NotDeployable::Rejected { .. })
        ));
        for unknown in ["x", ""] {
            assert!(matches!(
                prove_deployable(&records, unknown, &policy),
                Err(NotDeployable::Unknown(_))
            ));
        }
        assert!(matches!(
            prove_deployable(&records, "ab", &policy),
            Err(NotDeployable::Ambiguous(..))
        ));
    }
}
