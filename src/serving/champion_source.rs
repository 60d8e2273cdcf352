//! Where the champion comes from, and how a new one is noticed without reading all of it.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::config::{ServeSource, StorageConfig};
use crate::error::CommandError;
use crate::hash;
use crate::storage::published::{Pointer, PublishedStore};
use crate::storage::{Champion, MANIFEST_FILE, load_champion, load_folder};
use crate::workspace::Workspace;

/// Where the champion comes from.
#[derive(Clone, Debug)]
pub enum ChampionSource {
    /// `final_model/` of a workspace.
    FinalModel(Workspace),
    /// A folder that holds the files of a version, as a platform unpacks them.
    Folder(PathBuf),
    /// The published store, by its pointer.
    Published(Workspace, Box<StorageConfig>),
}

/// What a source names at one moment; another champion has another mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Empty,
    /// SHA-256 of the manifest, or hash of the order that moved the pointer.
    Named(String),
}

impl ChampionSource {
    /// The source of a configuration.
    pub fn of(source: ServeSource, storage: &StorageConfig, workspace: &Workspace) -> Self {
        match source {
            ServeSource::Local => ChampionSource::FinalModel(workspace.clone()),
            ServeSource::Storage => {
                ChampionSource::Published(workspace.clone(), Box::new(storage.clone()))
            }
        }
    }

    /// What it names now.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn mark(&self) -> Result<Mark, CommandError> {
        match self {
            ChampionSource::FinalModel(workspace) => manifest_mark(workspace.final_model()),
            ChampionSource::Folder(folder) => manifest_mark(folder.clone()),
            ChampionSource::Published(..) => Ok(match self.pointer()? {
                Some((_, pointer)) => Mark::Named(format!("{}-{}", pointer.seq, pointer.approval)),
                None => Mark::Empty,
            }),
        }
    }

    /// Reads the champion it names now, hashes checked; `None` when it names none.
    ///
    /// # Errors
    /// When it cannot be read or is not what its hashes say.
    pub fn load(&self) -> Result<Option<Champion>, CommandError> {
        match self {
            ChampionSource::FinalModel(workspace) => load_champion(workspace),
            ChampionSource::Folder(folder) => match manifest_mark(folder.clone())? {
                Mark::Empty => Ok(None),
                Mark::Named(_) => load_folder(folder).map(Some),
            },
            ChampionSource::Published(..) => match self.pointer()? {
                Some((store, pointer)) => store.champion(&pointer).map(Some),
                None => Ok(None),
            },
        }
    }

    fn pointer(&self) -> Result<Option<(PublishedStore, Pointer)>, CommandError> {
        let ChampionSource::Published(workspace, storage) = self else {
            return Ok(None);
        };
        let store = PublishedStore::look(workspace, storage)?;
        Ok(store.pointer()?.map(|pointer| (store, pointer)))
    }

    /// Where it is, for people.
    pub fn shown(&self) -> String {
        match self {
            ChampionSource::FinalModel(workspace) => workspace.final_model().display().to_string(),
            ChampionSource::Folder(folder) => folder.display().to_string(),
            ChampionSource::Published(_, storage) => {
                crate::storage::published::StoreAddress::of(storage).root
            }
        }
    }
}

fn manifest_mark(folder: PathBuf) -> Result<Mark, CommandError> {
    let path = folder.join(MANIFEST_FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(Mark::Named(hash::sha256(&bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Mark::Empty),
        Err(e) => {
            Err(CommandError::backend(format!("{} cannot be read", path.display())).because(e))
        }
    }
}
