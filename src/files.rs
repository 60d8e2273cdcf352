//! Writing files so that a reader never sees half of one: write aside, fsync, rename.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

/// Begins the name of a file that is being written.
const ASIDE: &str = ".writing-";
/// How often a file that was swept away under its writer is written again.
const AGAIN: u32 = 10;

/// Writes bytes to `path` through a temporary file in the same folder, fsynced before the rename;
/// the folder is fsynced after it.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut written = write_aside(dir, path, bytes);
    for _ in 0..AGAIN {
        match &written {
            // Swept away in the moment between its making and its lock.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                written = write_aside(dir, path, bytes);
            }
            _ => break,
        }
    }
    written?;
    sync_dir(dir)
}

fn write_aside(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Temporary files are private by default; what is written here is for every viewer that the
    // process's umask lets in.
    let mut file = tempfile::Builder::new()
        .prefix(ASIDE)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)
        // The cause names the temporary file, which means nothing to a reader.
        .map_err(|e| io::Error::from(e.kind()))?;
    // Says that its writer lives; a file system without locks does without.
    let _ = flock(file.as_file(), FlockOperation::NonBlockingLockExclusive);
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Removes from a folder what writers left who were killed: files written aside that nobody locks.
/// What cannot be removed is left.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let aside = entry.file_name().to_string_lossy().starts_with(ASIDE)
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        let abandoned = |file: &File| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if aside && File::open(entry.path()).is_ok_and(|file| abandoned(&file)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a value as indented JSON, atomically.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    write_atomic(path, &bytes)
}

/// Makes renames inside a folder durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at(".writing-dead"), "half").unwrap();
        fs::write(at("kept.json"), "{}").unwrap();
        fs::create_dir(at(".writing-folder")).unwrap();
        let live = File::create(at(".writing-live")).unwrap();
        flock(&live, FlockOperation::LockExclusive).unwrap();
        sweep(dir.path());
        assert!(!at(".writing-dead").exists());
        assert!(at(".writing-live").exists());
        assert!(at("kept.json").exists() && at(".writing-folder").exists());
        sweep(&at("no such folder"));
    }

    #[test]
    fn writing_and_sweeping_at_once_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for i in 0..200_u32 {
                    write_json(&path, &i).unwrap();
                    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{i}\n"));
                }
            });
            while !writer.is_finished() {
                sweep(dir.path());
            }
        });
    }
}
