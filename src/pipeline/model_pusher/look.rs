//! A look at the published store while a push is planned: what is in production for everybody, and
//! which number the next version has. A store that cannot be asked is a warning; planning goes on.

use serde::{Deserialize, Serialize};

use crate::config::StorageConfig;
use crate::error::CommandError;
use crate::storage::published::{Conditions, Pointer, PointerRef, PublishedStore, StoreAddress};
use crate::workspace::Workspace;

/// What the published store named when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "seen")]
pub enum PublishedSeen {
    /// It could not be asked.
    Unknown,
    /// No champion.
    Nothing,
    /// A champion.
    Champion(PointerRef),
}

/// What was found out about the store.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) published: PublishedSeen,
    /// Who put the champion there, in words.
    who: Option<String>,
    /// The highest number a published version has.
    pub(super) highest_version: u64,
    /// What an approver must know.
    pub(super) warnings: Vec<String>,
}

/// Where a push writes, as plans name it.
pub(super) fn targets(config: &StorageConfig) -> Vec<String> {
    let address = StoreAddress::of(config);
    let mut targets = vec![address.root];
    targets.extend(address.copies);
    targets.push("final_model/".to_owned());
    targets
}

/// Asks the store.
pub(super) fn look(workspace: &Workspace, config: &StorageConfig) -> Look {
    let mut look = Look {
        published: PublishedSeen::Unknown,
        who: None,
        highest_version: 0,
        warnings: Vec::new(),
    };
    let root = StoreAddress::of(config).root;
    let asked = || -> Result<(PublishedStore, Option<Pointer>, u64), CommandError> {
        let store = PublishedStore::look(workspace, config)?;
        let pointer = store.pointer()?;
        let highest = store.highest_version()?;
        Ok((store, pointer, highest))
    };
    match asked() {
        Ok((store, pointer, highest)) => {
            look.highest_version = highest;
            look.who = pointer.as_ref().map(Pointer::who);
            look.published = match pointer {
                Some(pointer) => PublishedSeen::Champion(pointer.reference()),
                None => PublishedSeen::Nothing,
            };
            match store.find_conditions(workspace) {
                Ok(Conditions::Kept) => {}
                Ok(Conditions::Ignored) => look.warnings.push(unconditional(&root)),
                Err(e) => look.warnings.push(format!(
                    "{root} can be read; whether it can be written could not be found out: {e}"
                )),
            }
        }
        Err(e) => look.warnings.push(format!(
            "{root} could not be asked what is in production: {}",
            e.full_message()
        )),
    }
    look
}

/// What is said about a store that ignores conditions.
pub(super) fn unconditional(root: &str) -> String {
    format!(
        "{root} lies on a server that ignores the conditions of writes: two pushes at the same \
         moment may not notice each other"
    )
}

impl Look {
    /// Says so when the published champion is not the one the model was compared with.
    pub(super) fn other_champion(&self, compared: Option<&str>) -> Option<String> {
        match (&self.published, &self.who) {
            (PublishedSeen::Champion(pointer), Some(who))
                if compared != Some(pointer.version.as_str()) =>
            {
                Some(format!(
                    "the published champion is {who}; this model was compared with {}",
                    compared.unwrap_or("no champion")
                ))
            }
            _ => None,
        }
    }
}

/// What a push will do, in order, for people.
pub(super) fn steps(
    version: &str,
    champion: Option<&str>,
    look: &Look,
    config: &StorageConfig,
    warnings: &[String],
) -> Vec<String> {
    let address = StoreAddress::of(config);
    let root = &address.root;
    let model = &config.model;
    let number = version.trim_start_matches('v');
    let mut steps: Vec<String> = warnings.iter().map(|w| format!("note: {w}")).collect();
    steps.push(match champion {
        Some(champion) => format!("check that the champion is still {champion}, else stop"),
        None => "check that there is still no champion, else stop".to_owned(),
    });
    steps.push(match &look.published {
        PublishedSeen::Champion(pointer) => format!(
            "check that {root} still names {} (move {}), else stop",
            pointer.version, pointer.seq
        ),
        PublishedSeen::Nothing => {
            format!("check that {root} still names no champion, else stop")
        }
        PublishedSeen::Unknown => {
            format!("check that {root} names no champion but this workspace's, else stop")
        }
    });
    steps.push(format!(
        "keep {version} in Artifacts/versions/{version}/ (model, preprocessor, schema)"
    ));
    steps.push(format!(
        "write its files to {root}blobs/ and its manifest to {root}manifests/, read them back"
    ));
    steps.push(format!(
        "create {root}models/{model}/versions/{number}.json"
    ));
    steps.push(format!(
        "move {root}models/{model}/champion.json to {version}, unless somebody else has"
    ));
    steps.push(format!("exchange final_model/ for {version} in one step"));
    steps.push(format!("copy the journal's records to {root}audit/"));
    if let Some(copies) = &address.copies {
        steps.push(format!(
            "write plain copies to {copies}, manifest.json last"
        ));
    }
    steps.push("write the receipt to Artifacts/journal.jsonl".to_owned());
    steps
}
