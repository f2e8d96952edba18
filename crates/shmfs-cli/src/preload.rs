//! The preload's bytes, laid as a file that the loader of every program can map.
//!
//! Copies are shared: the file is named by its content, and what is found under that name is compared before use.
//! Not done: copies of former versions are not removed, since programs may still run on them.

use crate::failure::{Failure, RUN_FAILED};
use crate::places::make_folder;
use rustix::fs::{StatVfsMountFlags, statvfs};
use shmfs_abi::store::ROOT_DIR;
use std::collections::hash_map::DefaultHasher;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions, Permissions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, process};

/// Built by build.rs.
static BYTES: &[u8] = include_bytes!(env!("SHMFS_PRELOAD"));

/// The beginning of the file's name, by which a preload of ours is known in `LD_PRELOAD`.
const PREFIX: &str = "libshmfs-";

/// The loader's variable (ld.so(8)).
pub(crate) const ENV_PRELOAD: &str = "LD_PRELOAD";

/// Lays the preload; gives its path.
///
/// # Errors
/// No folder takes it; the failure names each and why.
pub(crate) fn lay() -> Result<PathBuf, Failure> {
    let uid = rustix::process::geteuid().as_raw();
    let mut refused = Vec::new();
    for folder in folders(uid, env::var_os("TMPDIR")) {
        match lay_in(&folder, uid) {
            Ok(file) => return Ok(file),
            Err(error) => refused.push(format!("{}: {error}", folder.display())),
        }
    }
    Err(Failure::new(format!("cannot lay the preload in any folder: {}", refused.join("; ")))
        .hint("set TMPDIR to a folder of yours on a file system that is mounted with exec")
        .status(RUN_FAILED))
}

/// Ours alone, in the order of preference.
fn folders(uid: u32, tmpdir: Option<OsString>) -> Vec<PathBuf> {
    let own = format!("shmfs-{uid}");
    let root = (uid == 0).then(|| PathBuf::from(ROOT_DIR));
    let tmpdir = tmpdir.map(PathBuf::from).filter(|dir| dir.is_absolute()).map(|dir| dir.join(&own));
    root.into_iter().chain(tmpdir).chain([Path::new("/var/tmp").join(&own)]).collect()
}

fn lay_in(folder: &Path, uid: u32) -> io::Result<PathBuf> {
    // The loader splits at spaces and colons and replaces `$ORIGIN` and the like.
    if folder.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b' ' | b':' | b'$')) {
        return Err(io::Error::other("LD_PRELOAD cannot hold its name"));
    }
    make_folder(folder, uid)?;
    if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(io::Error::other("it is mounted noexec"));
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(BYTES);
    let name = format!("{PREFIX}{:016x}.so", hasher.finish());
    let file = folder.join(&name);
    if !is_laid(&file, uid) {
        write_whole(&folder.join(format!(".{name}.{}", process::id())), &file)?;
    }
    Ok(file)
}

/// Whether `file` is the preload, whole, and nobody else can change it.
fn is_laid(file: &Path, uid: u32) -> bool {
    let Ok(found) = fs::symlink_metadata(file) else { return false };
    let ours = found.is_file() && found.uid() == uid && found.mode() & 0o7777 == 0o755;
    ours && found.len() == BYTES.len() as u64 && fs::read(file).is_ok_and(|bytes| bytes == BYTES)
}

/// Under another name first: whoever finds `file` finds it whole.
fn write_whole(draft: &Path, file: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written =
        OpenOptions::new().write(true).create_new(true).mode(0o755).open(draft).and_then(|mut out| {
            out.write_all(BYTES)?;
            // The umask may have taken the bits by which other users read it.
            out.set_permissions(Permissions::from_mode(0o755))?;
            fs::rename(draft, file)
        });
    written.inspect_err(|_| drop(fs::remove_file(draft)))
}

/// `LD_PRELOAD` with `library` in front; other preloads stay, those of ours go.
pub(crate) fn prepended(library: &Path, old: Option<&OsStr>) -> OsString {
    let mut value = library.as_os_str().to_owned();
    if let Some(rest) = old.and_then(without_ours) {
        value.push(":");
        value.push(rest);
    }
    value
}

/// `LD_PRELOAD` without preloads of ours; nothing when none is left.
pub(crate) fn without_ours(value: &OsStr) -> Option<OsString> {
    let is_ours = |entry: &[u8]| {
        entry.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.starts_with(PREFIX.as_bytes()))
    };
    let entries = value.as_bytes().split(|byte| matches!(byte, b':' | b' '));
    let kept: Vec<&[u8]> = entries.filter(|entry| !entry.is_empty() && !is_ours(entry)).collect();
    (!kept.is_empty()).then(|| OsStr::from_bytes(&kept.join(&b':')).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_preloads_stay() {
        let library = Path::new("/run/shmfs/libshmfs-1.so");
        let cases = [
            (None, "/run/shmfs/libshmfs-1.so"),
            (Some(""), "/run/shmfs/libshmfs-1.so"),
            (Some("/a.so b.so"), "/run/shmfs/libshmfs-1.so:/a.so:b.so"),
            (Some("/x/libshmfs-2.so:/a.so"), "/run/shmfs/libshmfs-1.so:/a.so"),
        ];
        for (old, expected) in cases {
            assert_eq!(prepended(library, old.map(OsStr::new)), expected);
        }
        assert_eq!(without_ours(OsStr::new("/x/libshmfs-2.so")), None);
    }

    #[test]
    fn folders_are_ones_own() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(folders(0, None), paths(&["/run/shmfs", "/var/tmp/shmfs-0"]));
        assert_eq!(folders(7, Some("/t".into())), paths(&["/t/shmfs-7", "/var/tmp/shmfs-7"]));
        assert_eq!(folders(7, Some("t".into())), paths(&["/var/tmp/shmfs-7"]));
    }

    #[test]
    fn a_damaged_copy_is_replaced_and_a_whole_one_shared() {
        let base = env::temp_dir().join(format!("shm-lay-{}", process::id()));
        fs::create_dir_all(&base).unwrap();
        let (folder, uid) = (base.join("own"), rustix::process::geteuid().as_raw());
        let file = lay_in(&folder, uid).unwrap();
        let first = fs::metadata(&file).unwrap();
        assert_eq!((first.mode() & 0o7777, fs::metadata(&folder).unwrap().mode() & 0o7777), (0o755, 0o711));
        assert_eq!(lay_in(&folder, uid).unwrap(), file);
        assert_eq!(fs::metadata(&file).unwrap().ino(), first.ino());
        fs::write(&file, "damaged").unwrap();
        lay_in(&folder, uid).unwrap();
        assert_eq!(fs::read(&file).unwrap(), BYTES);
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        assert!(lay_in(&folder, uid).unwrap_err().to_string().contains("others can write"));
        fs::remove_dir_all(&base).unwrap();
    }
}
