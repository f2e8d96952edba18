//! The folders in which stores lie: root's below /run/shmfs, a user's below `$XDG_RUNTIME_DIR/shmfs`, or else
//! /tmp/shmfs-UID. A name with a slash in it is the store's directory itself.

use crate::failure::{Failure, USAGE};
use shmfs_abi::store::ROOT_DIR;
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

/// Where stores of this user can be.
pub(crate) struct Places {
    uid: u32,
    runtime_dir: Option<PathBuf>,
}

impl Places {
    /// For the effective user of this process.
    pub(crate) fn here() -> Places {
        let uid = rustix::process::geteuid().as_raw();
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
    pub(crate) fn bases(&self) -> Vec<PathBuf> {
        let mut bases = vec![self.base()];
        if self.uid != 0 {
            // The store may have been started where XDG_RUNTIME_DIR was not set.
            bases.extend([self.base_in_tmp(), PathBuf::from(ROOT_DIR)]);
        }
        bases.dedup();
        bases
    }

    /// Where the store called `named` can be, or the one that applies here; the likeliest first.
    pub(crate) fn candidates(&self, named: Option<&OsStr>) -> Result<Vec<PathBuf>, Failure> {
        match named {
            Some(name) if name.as_bytes().contains(&b'/') => Ok(vec![PathBuf::from(name)]),
            Some(name) => {
                check_name(name)?;
                Ok(self.bases().into_iter().map(|base| base.join(name)).collect())
            }
            None if self.uid == 0 => Ok(vec![Path::new(ROOT_DIR).join(SYSTEM)]),
            None => {
                let mut own: Vec<PathBuf> =
                    [self.base(), self.base_in_tmp()].iter().map(|base| base.join(USER)).collect();
                own.dedup();
                own.push(Path::new(ROOT_DIR).join(SYSTEM));
                Ok(own)
            }
        }
    }

    /// The name of a daemon's store when none is given.
    pub(crate) fn default_name(&self) -> &'static str {
        if self.uid == 0 { SYSTEM } else { USER }
    }

    /// Whether stores of this user are open to everyone.
    pub(crate) fn is_system(&self) -> bool {
        self.uid == 0
    }

    /// The directory of a store that is to be started as `name`; its parent exists and is ours.
    pub(crate) fn make(&self, name: &OsStr) -> Result<PathBuf, Failure> {
        check_name(name)?;
        let base = self.base();
        make_folder(&base, self.uid)
            .map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", base.display())))?;
        Ok(base.join(name))
    }
}

/// Makes `folder` with mode 0711, or makes sure that it belongs to `uid` and nobody else writes in it: in /tmp
/// somebody else could have made it first.
pub(crate) fn make_folder(folder: &Path, uid: u32) -> io::Result<()> {
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
fn check_name(name: &OsStr) -> Result<(), Failure> {
    let bytes = name.as_bytes();
    let fits = !bytes.is_empty() && bytes.len() <= NAME_BYTES && !bytes.starts_with(b".");
    if fits && !bytes.contains(&b'/') && !bytes.contains(&0) {
        return Ok(());
    }
    let rule = "1 to 64 bytes, no slash, no dot in front";
    Err(Failure::new(format!("`{}` is not a name for a store: {rule}", name.display())).status(USAGE))
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
            assert_eq!(check_name(OsStr::new(name)).unwrap_err().status, USAGE, "{name:?}");
        }
        assert!(check_name(OsStr::new("run-4711")).is_ok());
    }
}
