//! A file that is written aside and gets its name once it is whole.
//!
//! Until then it has no name at all where the file system can do that: whoever is killed in the
//! middle of writing leaves nothing, and a console is free to quit at once. A file under a temporary
//! name, which a killed writer leaves lying, is for the others (NFS has no files without a name).

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::files::sync_dir;

/// A file on its way.
pub(super) enum Aside {
    /// Without a name.
    Nameless(File),
    /// Under a temporary one.
    Named(NamedTempFile),
}

impl Aside {
    /// A new file that is going to be at `path`.
    pub fn beside(path: &Path) -> io::Result<Self> {
        if let Ok(file) = nameless(folder(path)) {
            return Ok(Self::Nameless(file));
        }
        builder()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder(path))
            .map(Self::Named)
            // The cause names the temporary file, which means nothing to a reader.
            .map_err(|e| io::Error::from(e.kind()))
    }

    /// Where to write.
    pub fn file(&mut self) -> &mut File {
        match self {
            Self::Nameless(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }

    /// Gives the file its name, in place of a file that is there.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        let folder = folder(path);
        match self {
            Self::Nameless(file) => {
                file.sync_all()?;
                // A link replaces nothing, so it gets a name of its own first.
                let linked = builder().make_in(folder, |name| link(&file, name))?;
                linked.persist(path).map_err(|e| e.error)?;
            }
            Self::Named(file) => {
                file.as_file().sync_all()?;
                file.persist(path).map_err(|e| e.error)?;
            }
        }
        sync_dir(folder)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    builder
}

#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    // The umask decides who may read it, as with any file.
    Ok(open(folder, flags, Mode::from_raw_mode(0o666))?.into())
}

#[cfg(target_os = "linux")]
fn link(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    // Linking the descriptor itself takes a privilege; its place below /proc does not.
    let held = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, held, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn link(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        std::fs::write(&path, "old").unwrap();
        for named in [false, true] {
            let mut aside = match named {
                false => Aside::beside(&path).unwrap(),
                true => Aside::Named(builder().tempfile_in(dir.path()).unwrap()),
            };
            write!(aside.file(), "new {named}").unwrap();
            assert_ne!(
                std::fs::read_to_string(&path).unwrap(),
                format!("new {named}")
            );
            aside.finish(&path).unwrap();
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                format!("new {named}")
            );
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn nothing_lies_there_while_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let mut aside = Aside::beside(&path).unwrap();
        if matches!(aside, Aside::Named(_)) {
            println!("skipped: the file system has no files without a name");
            return;
        }
        aside.file().write_all(b"half").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none").join("x.csv");
        assert!(Aside::beside(&path).is_err());
    }
}
