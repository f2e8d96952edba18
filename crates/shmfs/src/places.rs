//! The folders in which stores lie.
//!
//! Owns: their names, the order in which a store is looked for, the check of what somebody else may have made.
//! Leaves to others: whether a store is there and answers (`store`).

use crate::{Error, Result};
use rustix::process::geteuid;
use shmfs_abi::{Errno, store::ROOT_DIR};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The name of a user's own store.
const USER: &str = "user";
/// The name of the store that root's daemon serves.
const SYSTEM: &str = "system";
/// Bytes of a store's name.
const NAME_BYTES: usize = 64;

/// The folders in which stores of one user lie: root's below /run/shmfs, a user's below `$XDG_RUNTIME_DIR/shmfs`, or else
/// /tmp/shmfs-UID. A name with a slash in it is the store's directory itself.
///
/// The program `shm` and the preload look in the same places.
///
/// ```
/// let candidates = shmfs::Places::here().candidates(Some("build".as_ref()))?;
/// assert!(candidates[0].ends_with("build"));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Places {
    uid: u32,
    runtime_dir: Option<PathBuf>,
}

impl Places {
    /// For the effective user of this process.
    pub fn here() -> Places {
        let uid = geteuid().as_raw();
        // A relative one is to be ignored (XDG Base Directory Specification); su leaves another user's behind.
        let ours = |dir: &PathBuf| dir.is_absolute() && fs::metadata(dir).is_ok_and(|dir| dir.uid() == uid);
        let runtime_dir = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(ours);
        Places { uid, runtime_dir }
    }

    /// The folder in which stores of this user are made.
    fn base(&self) -> PathBuf {
        match &self.runtime_dir {
            _ if self.uid == 0 => PathBuf::from(ROOT_DIR),
            Some(dir) => dir.join("shmfs"),
            None => self.base_in_tmp(),
        }
    }

    fn base_in_tmp(&self) -> PathBuf {
        PathBuf::from(format!("/tmp/shmfs-{}", self.uid))
    }

    /// The folders in which a store can be that this user can name, its own first.
    pub fn bases(&self) -> Vec<PathBuf> {
        let mut bases = vec![self.base()];
        if self.uid != 0 {
            // The store may have been started where XDG_RUNTIME_DIR was not set.
            bases.extend([self.base_in_tmp(), PathBuf::from(ROOT_DIR)]);
        }
        bases.dedup();
        bases
    }

    /// The directories in which the store called `named` can be, or the one that applies where none is named; the
    /// likeliest first.
    ///
    /// # Errors
    /// `EINVAL` for a name that a store cannot have: 1 to 64 bytes, no slash, no dot in front.
    pub fn candidates(&self, named: Option<&OsStr>) -> Result<Vec<PathBuf>> {
        match named {
            Some(name) if name.as_bytes().contains(&b'/') => Ok(vec![PathBuf::from(name)]),
            Some(name) => {
                check_name(name)?;
                Ok(self.bases().into_iter().map(|base| base.join(name)).collect())
            }
            None if self.uid == 0 => Ok(self.systems()),
            None => {
                let mut own = self.users();
                own.extend(self.systems());
                Ok(own)
            }
        }
    }

    /// The directories in which the user's own store can be; root's own is the system's.
    pub fn users(&self) -> Vec<PathBuf> {
        if self.uid == 0 {
            return self.systems();
        }
        let mut own: Vec<PathBuf> =
            [self.base(), self.base_in_tmp()].iter().map(|base| base.join(USER)).collect();
        own.dedup();
        own
    }

    /// The directory of the system's store.
    pub fn systems(&self) -> Vec<PathBuf> {
        vec![Path::new(ROOT_DIR).join(SYSTEM)]
    }

    /// The name of a daemon's store when none is given: `system` for root, `user` for others.
    pub fn default_name(&self) -> &'static str {
        if self.uid == 0 { SYSTEM } else { USER }
    }

    /// Whether stores of this user are open to everyone: it is root.
    pub fn is_system(&self) -> bool {
        self.uid == 0
    }

    /// The directory of a store that is to be started as `name`; its parent is made, and belongs to this user.
    ///
    /// # Errors
    /// `EINVAL` as [`candidates`](Places::candidates); `EPERM` where somebody else made the folder, or can write in it; as
    /// `mkdir(2)`.
    pub fn make(&self, name: &OsStr) -> Result<PathBuf> {
        check_name(name)?;
        let base = self.base();
        make_folder(&base, self.uid).map_err(|error| {
            let errno = error.raw_os_error().unwrap_or(Errno::EPERM.0);
            Error::new(errno, format!("cannot make the folder {}: {error}", base.display()))
        })?;
        Ok(base.join(name))
    }

    /// Whether a store in `dir` can be believed where nobody named it: anybody can make a folder in /tmp under another
    /// user's number. The folder must be root's or this user's.
    pub(crate) fn may_trust(&self, dir: &Path) -> bool {
        let owner = dir.parent().and_then(|folder| fs::symlink_metadata(folder).ok());
        owner.is_some_and(|folder| folder.uid() == 0 || folder.uid() == self.uid)
    }
}

/// Makes `folder` with mode 0711, or makes sure that it belongs to `uid` and nobody else writes in it: in /tmp
/// somebody else could have made it first.
///
/// # Errors
/// That it is none, is another's, or can be written by others; as `mkdir(2)`.
#[doc(hidden)]
pub fn make_folder(folder: &Path, uid: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o711).create(folder) {
        // The umask may have taken the bits by which others pass through.
        Ok(()) => return fs::set_permissions(folder, fs::Permissions::from_mode(0o711)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it exists and is not a directory"));
    }
    if found.uid() != uid {
        return Err(io::Error::other(format!("it belongs to user {}", found.uid())));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("others can write in it (mode {:04o})", found.mode() & 0o7777)));
    }
    Ok(())
}

/// Makes sure that `name` is one path component that a socket's path has room for.
fn check_name(name: &OsStr) -> Result<()> {
    let bytes = name.as_bytes();
    let fits = !bytes.is_empty() && bytes.len() <= NAME_BYTES && !bytes.starts_with(b".");
    if fits && !bytes.contains(&b'/') && !bytes.contains(&0) {
        return Ok(());
    }
    let rule = "1 to 64 bytes, no slash, no dot in front";
    Err(Error::because(Errno::EINVAL, format!("`{}` is not a name for a store: {rule}", name.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uid: u32, runtime_dir: Option<&str>, named: Option<&str>, expected: &[&str]) {
        let places = Places { uid, runtime_dir: runtime_dir.map(PathBuf::from) };
        let found = places.candidates(named.map(OsStr::new)).unwrap();
        assert_eq!(found, expected.iter().map(PathBuf::from).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_of_the_candidates_is_ones_own() {
        check(0, Some("/run/user/0"), None, &["/run/shmfs/system"]);
        check(0, None, Some("x"), &["/run/shmfs/x"]);
        check(7, None, None, &["/tmp/shmfs-7/user", "/run/shmfs/system"]);
        check(7, None, Some("x"), &["/tmp/shmfs-7/x", "/run/shmfs/x"]);
        check(7, Some("/r"), None, &["/r/shmfs/user", "/tmp/shmfs-7/user", "/run/shmfs/system"]);
        check(7, Some("/r"), Some("x"), &["/r/shmfs/x", "/tmp/shmfs-7/x", "/run/shmfs/x"]);
        check(7, Some("/r"), Some("/a/b"), &["/a/b"]);
    }

    #[test]
    fn a_name_is_one_component() {
        for name in ["", ".", "..", ".x", &"x".repeat(65)] {
            assert_eq!(check_name(OsStr::new(name)).unwrap_err().errno(), Errno::EINVAL.0, "{name:?}");
        }
        assert!(check_name(OsStr::new("run-4711")).is_ok());
    }

    #[test]
    fn a_folder_that_a_stranger_made_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { uid: geteuid().as_raw().wrapping_add(1), runtime_dir: None };
        let trusted = places.may_trust(&dir.path().join("user"));
        assert_eq!(trusted, geteuid().is_root(), "only root's and one's own are");
        assert!(!places.may_trust(Path::new("/nowhere/at/all")));
        assert!(Places::here().may_trust(&dir.path().join("user")));
    }
}
