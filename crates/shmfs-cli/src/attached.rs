//! `shm run --mount`: the store's own tmpfs at a directory that the program alone sees.
//!
//! Owns: the order of the steps, the words for what is missing.
//! Leaves to others: namespaces (`shmfs_sys::attach`), the tree (the store's broker).

use crate::failure::{Failure, RUN_FAILED};
use crate::mounting::{self, tree};
use crate::store::Visit;
use rustix::process::geteuid;
use shmfs_abi::Errno;
use shmfs_sys::attach;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Settings by which user namespaces are closed, each with the value that closes them and the one that opens them.
const CLOSED_BY: [(&str, &str, &str); 4] = [
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ("user/max_mnt_namespaces", "0", "user.max_mnt_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
];

/// Makes sure that the store can be shown at `dir`: before a store is started for it.
pub(crate) fn check(dir: &Path) -> Result<(), Failure> {
    mounting::check_directory(dir).map_err(|failure| failure.status(RUN_FAILED))
}

/// Shows the store's tree at `dir` to this process, which has one thread, and to what it starts.
pub(crate) fn show(visit: &mut Visit, dir: &Path) -> Result<(), Failure> {
    let failed =
        |why: String| Failure::new(format!("cannot mount at {}: {why}", dir.display())).status(RUN_FAILED);
    let place = fs::canonicalize(dir).map_err(|error| failed(error.to_string()))?;
    let store = fs::canonicalize(&visit.dir).unwrap_or_else(|_| visit.dir.clone());
    if store.starts_with(&place) {
        return Err(failed(format!("it would hide the store's own folder {}", store.display()))
            .hint("choose another directory, or set XDG_RUNTIME_DIR"));
    }
    let tree = tree(visit).map_err(|failure| failure.status(RUN_FAILED))?;
    enter().map_err(|errno| closed(errno, dir))?;
    // A kernel that cannot clone what is mounted nowhere can still give it its one place.
    let mount = match attach::clone_of(tree.as_fd()) {
        Err(Errno::EINVAL) => tree,
        clone => clone.map_err(|errno| failed(errno.name().to_string()))?,
    };
    attach::attach(&mount, place.as_os_str().as_bytes()).map_err(|errno| match errno {
        Errno::EINVAL => failed("the store is shown at another place already (EINVAL)".to_owned())
            .hint("a second place needs Linux 6.15 or later"),
        errno => failed(errno.name().to_string()),
    })?;
    go_there(&place);
    Ok(())
}

/// Root in a container may lack the privilege, and is then a user like others.
fn enter() -> Result<(), Errno> {
    match geteuid().is_root().then(attach::enter_mounts) {
        Some(Err(Errno::EPERM)) | None => attach::enter_mounts_as_user(),
        Some(entered) => entered,
    }
}

/// A process that works below the place sees what lies under the mount until it goes there anew.
fn go_there(place: &Path) {
    let Ok(here) = env::current_dir() else { return };
    if here.starts_with(place) && env::set_current_dir(&here).is_err() {
        // It was not in the tree. Below the mount nobody would find it either.
        drop(env::set_current_dir(place));
    }
}

/// Why no namespace could be had.
fn closed(errno: Errno, dir: &Path) -> Failure {
    let read = |name: &str| fs::read_to_string(PathBuf::from("/proc/sys").join(name)).ok();
    let shown = dir.display();
    let name = errno.name();
    let failure = match closed_by(read) {
        Some((setting, open)) => {
            let message =
                format!("cannot mount at {shown}: user namespaces are closed here by {setting} ({name})");
            Failure::new(message).hint(format!("`sysctl -w {open}` as root, or run as root"))
        }
        None => Failure::new(format!(
            "cannot mount at {shown}: no mount namespace can be made here ({name})"
        ))
        .hint("a container's filter or limit forbids it: allow unshare(2) there, or run without --mount"),
    };
    failure.status(RUN_FAILED)
}

fn closed_by(read: impl Fn(&str) -> Option<String>) -> Option<(String, &'static str)> {
    CLOSED_BY.iter().find_map(|(name, closed, open)| {
        let value = read(name)?;
        (value.trim() == *closed).then(|| (format!("{}={closed}", name.replace('/', ".")), *open))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_closes_is_named() {
        let with = |name: &'static str, value: &'static str| {
            closed_by(move |asked| (asked == name).then(|| format!("{value}\n")))
        };
        let (setting, open) = with("user/max_user_namespaces", "0").unwrap();
        assert_eq!(
            (setting.as_str(), open),
            ("user.max_user_namespaces=0", "user.max_user_namespaces=10000")
        );
        assert!(with("user/max_user_namespaces", "10").is_none());
        let (setting, open) = with("kernel/apparmor_restrict_unprivileged_userns", "1").unwrap();
        assert_eq!(setting, "kernel.apparmor_restrict_unprivileged_userns=1");
        assert!(open.ends_with("=0"));
    }

    #[test]
    fn a_failure_says_what_to_type() {
        let failure = closed(Errno::EPERM, Path::new("/dev/shm"));
        assert!(failure.message.starts_with("cannot mount at /dev/shm: "), "{}", failure.message);
        assert_eq!(failure.status, RUN_FAILED);
        assert!(failure.hint.is_some());
    }
}
