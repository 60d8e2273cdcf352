//! Checks of the project's folder: configuration, data, champion, journal, disk, runs.

use std::path::Path;

use super::{Finding, mongodb};
use crate::approval::Journal;
use crate::cli::Globals;
use crate::config::{Config, SourceKind};
use crate::error::CommandError;
use crate::events::Outcome;
use crate::runs::{Queue, RunStore};
use crate::storage;
use crate::worker;
use crate::workspace::Workspace;

/// Free bytes below which the disk is worth a warning.
const LITTLE_SPACE: u64 = 2 << 30;
/// File systems over a network, by the magic number of statfs(2): NFS, SMB, CIFS, SMB2, AFS.
const NETWORK: [i64; 5] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F];

/// Runs the checks.
pub(super) fn check(globals: &Globals) -> Vec<Finding> {
    let workspace = globals.workspace();
    let mut findings = Vec::new();
    match globals.config() {
        Ok(config) => {
            findings.push(Finding::ok(
                "config",
                format!("{} is in order", globals.config_file().display()),
            ));
            match config.source.kind {
                SourceKind::File => findings.push(data(&workspace, &config)),
                SourceKind::Mongodb => findings.extend(mongodb::check(&config.source)),
            }
            findings.push(super::store::check(&workspace, &config.storage));
        }
        Err(e) => findings.push(Finding::fail("config", &e)),
    }
    findings.push(folder(&workspace));
    findings.push(champion(&workspace));
    findings.push(journal(&workspace));
    findings.push(runs(&workspace));
    findings.extend(queue(&workspace));
    findings.extend(disk(&workspace));
    findings
}

fn data(workspace: &Workspace, config: &Config) -> Finding {
    let path = workspace.resolve(&config.source.path);
    if config.source.path.as_os_str().is_empty() {
        return Finding::fail(
            "data",
            &CommandError::config("[source] path is empty, there is nothing to train on")
                .hint("`netsec init --data FILE` writes it."),
        );
    }
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_file() => {
            if let Err(e) = std::fs::File::open(&path) {
                return Finding::fail(
                    "data",
                    &CommandError::data(format!("{} cannot be read", path.display()))
                        .because(e)
                        .hint("Give the user who runs netsec the right to read the file."),
                );
            }
            let megabytes = meta.len() as f64 / 1e6;
            Finding::ok("data", format!("{} ({megabytes:.1} MB)", path.display()))
        }
        Ok(_) => Finding::fail(
            "data",
            &CommandError::data(format!("{} is not a file", path.display()))
                .hint("[source] path names one CSV, Parquet or NDJSON file."),
        ),
        Err(e) => Finding::fail(
            "data",
            &CommandError::data(format!("{} cannot be read", path.display()))
                .because(e)
                .hint("Paths in config.toml start at the folder it lies in."),
        ),
    }
}

/// Whether runs can be written. Whoever only looks needs no right to, so it is a warning.
fn folder(workspace: &Workspace) -> Finding {
    let artifacts = workspace.artifacts();
    let folder = if artifacts.is_dir() {
        artifacts
    } else {
        workspace.root().to_owned()
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".").to_owned()
    } else {
        folder
    };
    match rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Finding::ok("folder", format!("{} can be written", folder.display())),
        Err(e) => Finding::warn(
            "folder",
            format!(
                "{} cannot be written: {}",
                folder.display(),
                std::io::Error::from(e)
            ),
            "Runs and decisions need the right to write there; looking does not.",
        ),
    }
}

fn champion(workspace: &Workspace) -> Finding {
    match storage::load_champion(workspace) {
        Ok(Some(c)) => Finding::ok(
            "final_model",
            format!(
                "{} ({}), every hash matches its manifest",
                c.version, c.manifest.learner
            ),
        ),
        Ok(None) => Finding::ok("final_model", "no champion yet"),
        Err(e) => Finding::fail("final_model", &e),
    }
}

fn journal(workspace: &Workspace) -> Finding {
    match Journal::read(workspace) {
        Ok(records) => Finding::ok(
            "journal",
            format!("{} records, the chain is whole", records.len()),
        ),
        Err(e) => Finding::fail("journal", &e.into()),
    }
}

fn runs(workspace: &Workspace) -> Finding {
    let store = RunStore::new(workspace);
    let mut crashed = Vec::new();
    let ids = match store.list() {
        Ok(ids) => ids,
        Err(e) => return Finding::fail("runs", &e),
    };
    for id in &ids {
        if let Ok(view) = store.open(id)
            && matches!(view.outcome(), Outcome::Crashed | Outcome::Stalled)
        {
            crashed.push(id.to_string());
        }
    }
    match crashed.first() {
        None => Finding::ok("runs", format!("{} runs, none crashed", ids.len())),
        Some(first) => Finding::warn(
            "runs",
            format!("crashed or stalled: {}", crashed.join(", ")),
            format!("`netsec resume {first}` goes on from the last good stage."),
        ),
    }
}

/// What waits for a turn, and whether anybody would start it.
fn queue(workspace: &Workspace) -> Option<Finding> {
    const CHECK: &str = "queue";
    let (waiting, stuck) = match Queue::new(workspace)
        .waiting()
        .map_err(CommandError::from)
        .and_then(|w| Ok((w, worker::is_stuck(workspace)?)))
    {
        Ok(found) => found,
        Err(e) => return Some(Finding::fail(CHECK, &e)),
    };
    if let Some(file) = waiting.damaged.first() {
        return Some(Finding::warn(
            CHECK,
            format!("Artifacts/queue/{file} is no queued run"),
            "Remove the file; queue the run again.",
        ));
    }
    let first = waiting.entries.first()?;
    let held = waiting
        .entries
        .iter()
        .find_map(|e| Some((e, e.held.as_ref()?)));
    let text = format!("{} queued", waiting.entries.len());
    Some(match held {
        _ if stuck => Finding::warn(
            CHECK,
            format!(
                "{text}, and no run is at work that would start {} next",
                first.id
            ),
            "`netsec queue start` starts it; an open console does too.",
        ),
        Some((entry, why)) => Finding::warn(
            CHECK,
            format!("{text}; {} cannot start: {why}", entry.id),
            format!(
                "`netsec queue retry {}`, or `netsec queue remove {}`.",
                entry.id, entry.id
            ),
        ),
        None => Finding::ok(
            CHECK,
            format!("{text}; the worker at work starts the next one"),
        ),
    })
}

fn disk(workspace: &Workspace) -> Vec<Finding> {
    let root = if workspace.root().as_os_str().is_empty() {
        Path::new(".")
    } else {
        workspace.root()
    };
    let mut findings = Vec::new();
    match rustix::fs::statvfs(root) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{:.1} GB free", free as f64 / 1e9);
            findings.push(if free < LITTLE_SPACE {
                Finding::warn("disk", text, "Remove folders of old runs under Artifacts/.")
            } else {
                Finding::ok("disk", text)
            });
        }
        Err(e) => findings.push(Finding::fail(
            "disk",
            &CommandError::backend(format!("{} cannot be looked at", root.display()))
                .because(std::io::Error::from(e)),
        )),
    }
    #[cfg(target_os = "linux")]
    if let Ok(stat) = rustix::fs::statfs(root)
        && NETWORK.contains(&stat.f_type)
    {
        findings.push(Finding::warn(
            "file system",
            "the folder lies on a network file system, where locks and change notices are weak",
            "Keep Artifacts/ and final_model/ on a local disk.",
        ));
    }
    findings
}
