//! The commit a project's folder is at, read from `.git` directly: no program is started for it.

use std::fs;
use std::path::{Path, PathBuf};

/// The commit of the repository that `dir` lies in; `None` outside of one, and whenever anything is
/// unusual.
pub(super) fn commit_of(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let git = dir
        .ancestors()
        .map(|d| d.join(".git"))
        .find(|g| g.exists())?;
    let git = resolve(&git)?;
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    match head.trim().strip_prefix("ref: ") {
        None => commit(head.trim()),
        Some(name) => {
            // A linked worktree keeps its branches in the main repository.
            let common = fs::read_to_string(git.join("commondir"))
                .map_or_else(|_| git.clone(), |text| git.join(text.trim()));
            let loose = fs::read_to_string(common.join(name)).ok();
            loose
                .and_then(|text| commit(text.trim()))
                .or_else(|| packed(&common, name))
        }
    }
}

/// `.git` is a folder, or a file that names one.
fn resolve(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = fs::read_to_string(git).ok()?;
    let named = text.trim().strip_prefix("gitdir: ")?;
    Some(git.parent()?.join(named))
}

fn packed(git: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(git.join("packed-refs")).ok()?;
    text.lines().find_map(|line| {
        let (id, found) = line.split_once(' ')?;
        (found == name).then(|| commit(id)).flatten()
    })
}

fn commit(text: &str) -> Option<String> {
    let long = text.len() == 40 || text.len() == 64;
    (long && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn heads_branches_and_packed_branches() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        let git = dir.path().join(".git");
        fs::create_dir_all(&inner).unwrap();
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::write(git.join("HEAD"), format!("{ID}\n")).unwrap();
        assert_eq!(commit_of(&inner).as_deref(), Some(ID));
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(commit_of(&inner), None);
        fs::write(
            git.join("packed-refs"),
            format!("# x\n{ID} refs/heads/main\n"),
        )
        .unwrap();
        assert_eq!(commit_of(&inner).as_deref(), Some(ID));
        let newer = ID.replace('0', "f");
        fs::write(git.join("refs/heads/main"), &newer).unwrap();
        assert_eq!(commit_of(&inner), Some(newer));
    }

    #[test]
    fn rubbish_is_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".git"), "gitdir: nowhere").unwrap();
        assert_eq!(commit_of(dir.path()), None);
    }
}
