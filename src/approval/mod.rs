//! Who decided what, when, on which evidence: identity, policy and the journal.
