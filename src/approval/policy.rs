//! Who may approve what: pure decisions over the configuration and the journal.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Decision, JournalRecord};
use crate::config::ApprovalConfig;
use crate::error::CommandError;

/// Why the policy refuses.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Not on the list.
    #[error("{name} may not approve: [approval] approvers names {}", .allowed.join(", "))]
    NotAnApprover {
        /// Who tried.
        name: String,
        /// Who may.
        allowed: Vec<String>,
    },
    /// The person who started the run.
    #[error("{name} started this run and [approval] self_approval is false")]
    SelfApproval {
        /// Who tried.
        name: String,
    },
    /// The same person twice.
    #[error("{name} has already approved this plan; another person has to")]
    Twice {
        /// Who tried.
        name: String,
    },
    /// No reason given.
    #[error("a decision needs a reason")]
    NoReason,
    /// Too old.
    #[error("the plan expired at {expired}, its evidence is too old")]
    Expired {
        /// When.
        expired: DateTime<Utc>,
    },
}

impl From<PolicyError> for CommandError {
    fn from(e: PolicyError) -> Self {
        let hint = match &e {
            PolicyError::NoReason => {
                return CommandError::usage(e.to_string())
                    .hint("`--reason \"why\"` goes to the journal.");
            }
            PolicyError::Expired { .. } => {
                "Retrain, or evaluate again: `netsec retrain --from model_evaluation`."
            }
            _ => "The policy stands in config.toml, [approval].",
        };
        CommandError::refused(e.to_string()).hint(hint)
    }
}

/// Checks that `name` may approve the plan: listed, not the run's starter unless allowed, not
/// somebody who has approved it already.
pub fn check_approver(
    config: &ApprovalConfig,
    name: &str,
    started_by: Option<&str>,
    plan_id: &str,
    records: &[JournalRecord],
) -> Result<(), PolicyError> {
    if !config.approvers.is_empty() && !config.approvers.iter().any(|a| a == name) {
        return Err(PolicyError::NotAnApprover {
            name: name.to_owned(),
            allowed: config.approvers.clone(),
        });
    }
    if !config.self_approval && started_by == Some(name) {
        return Err(PolicyError::SelfApproval {
            name: name.to_owned(),
        });
    }
    let twice = records.iter().any(|r| {
        r.decision == Decision::Approve
            && r.subject.plan_id.as_deref() == Some(plan_id)
            && r.by.name == name
    });
    if twice {
        Err(PolicyError::Twice {
            name: name.to_owned(),
        })
    } else {
        Ok(())
    }
}

/// Checks that the plan is not past its age.
pub fn check_plan_age(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), PolicyError> {
    if now > expires_at {
        Err(PolicyError::Expired {
            expired: expires_at,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_self_approval_and_age() {
        let open = ApprovalConfig::default();
        assert_eq!(
            check_approver(&open, "mara", Some("mara"), "p", &[]),
            Ok(())
        );
        let strict = ApprovalConfig {
            approvers: vec!["jon".into(), "mara".into()],
            self_approval: false,
            ..ApprovalConfig::default()
        };
        assert!(matches!(
            check_approver(&strict, "eve", None, "p", &[]),
            Err(PolicyError::NotAnApprover { .. })
        ));
        assert!(matches!(
            check_approver(&strict, "mara", Some("mara"), "p", &[]),
            Err(PolicyError::SelfApproval { .. })
        ));
        assert_eq!(
            check_approver(&strict, "jon", Some("mara"), "p", &[]),
            Ok(())
        );
        let now = Utc::now();
        assert!(check_plan_age(now + chrono::Duration::hours(1), now).is_ok());
        assert!(check_plan_age(now - chrono::Duration::hours(1), now).is_err());
    }
}
