//! Whether a change of a file is told by the system or has to be looked for.
//!
//! Network file systems tell of the changes that this machine makes, and of no other's: whoever
//! waits for a change there has to look again and again. Only file systems that are known to tell
//! are waited for.

use std::path::Path;

/// Whether every change below a path is told to those who watch it.
pub fn changes_are_told(path: &Path) -> bool {
    rustix::fs::statfs(path)
        .ok()
        .and_then(|stat| u64::try_from(stat.f_type).ok())
        // Of a signed 32-bit field only the lower half says something.
        .is_some_and(|magic| tells(magic & 0xffff_ffff))
}

/// By the number that `statfs(2)` gives a file system, of those that one machine has for itself.
#[cfg(target_os = "linux")]
fn tells(magic: u64) -> bool {
    const LOCAL: [u64; 7] = [
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683e, // Btrfs
        0x0102_1994, // tmpfs
        0x2fc1_2fc1, // ZFS
        0xf2f5_2010, // F2FS
        0xca45_1a4e, // bcachefs
    ];
    LOCAL.contains(&magic)
}

/// Elsewhere the numbers mean other things, or nothing.
#[cfg(not(target_os = "linux"))]
fn tells(_magic: u64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_tell_is_looked_at() {
        assert!(!changes_are_told(Path::new("/nowhere/at/all")));
        // NFS, SMB, FUSE, and the kernel's own.
        for magic in [0x6969, 0xfe53_4d42, 0x6573_5546, 0x9fa0] {
            assert!(!tells(magic), "{magic:x}");
        }
        assert!(!changes_are_told(Path::new("/proc")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn local_file_systems_tell() {
        for magic in [0xef53, 0x9123_683e, 0x0102_1994] {
            assert!(tells(magic), "{magic:x}");
        }
    }
}
