//! Mounting: the first place by FUSE, every further one as another mount of the same file system.

use super::found::{self, Found};
use super::table::{self, Mounted, Mounts, bytes};
use super::{Wanted, change, check_directory, kernel};
use crate::failure::Failure;
use crate::store::Visit;
use rustix::fs::fstat;
use rustix::mount::{MountFlags, UnmountFlags, mount_remount, unmount};
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use shmfs_abi::{Call, Errno};
use shmfs_fuse::options::Options;
use shmfs_sys::attach;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Flags that belong to one mount and not to the file system.
const OF_ONE: MountFlags = MountFlags::RDONLY
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME)
    .union(MountFlags::NOSYMFOLLOW);

/// Mounts a store, which is founded where it does not run; gives its name.
pub(crate) fn mount(wanted: &Wanted) -> Result<OsString, Failure> {
    check_user(&wanted.dir)?;
    change::check(&wanted.options)?;
    if wanted.namespace.is_none() {
        check_directory(&wanted.dir)?;
    }
    let Found { mut visit, founded } = found::find(wanted)?;
    match mount_store(&mut visit, wanted, founded.is_some()) {
        Ok(()) => Ok(table::source_of(&visit.dir)),
        Err(failure) => {
            // Somebody else may have mounted it meanwhile.
            let is_used = Mounts::read().is_ok_and(|mounts| mounts.of_store(&visit.dir).next().is_some());
            if let Some(launched) = founded.filter(|_| !is_used) {
                drop(visit);
                launched.end();
            }
            Err(failure)
        }
    }
}

fn check_user(dir: &Path) -> Result<(), Failure> {
    if geteuid().is_root() {
        return Ok(());
    }
    let shown = dir.display();
    Err(Failure::new(format!("cannot mount at {shown}: only root may"))
        .hint(format!("`shm run --mount {shown} -- CMD` shows a store there to CMD alone, without root")))
}

fn mount_store(visit: &mut Visit, wanted: &Wanted, founded: bool) -> Result<(), Failure> {
    let Wanted { dir, options, .. } = wanted;
    let _alone = alone(&visit.dir)?;
    change::store(visit, options, founded)?;
    if let Some(namespace) = &wanted.namespace {
        enter(namespace)?;
        check_directory(dir)?;
    }
    let place = fs::canonicalize(dir).map_err(|error| Failure::new(format!("{}: {error}", dir.display())))?;
    // What does not go by this program may mount it at the same moment.
    for _ in 0..2 {
        let mounts = Mounts::read()?;
        if mounts.at(&place).is_some_and(|seen| seen.kind == super::TYPE && seen.store() == visit.dir) {
            let (name, place) = (table::source_of(&visit.dir), place.display());
            return Err(Failure::new(format!("store `{}` is mounted at {place} already", name.display()))
                .hint(format!("change it with `shm mount -o remount,... {place}`")));
        }
        let others: Vec<&Mounted> = mounts.of_store(&visit.dir).filter(|mount| mount.whole).collect();
        if !others.is_empty() {
            return again(&others, &place, options);
        }
        if first(visit, wanted, &place)? {
            return Ok(());
        }
    }
    let name = table::source_of(&visit.dir);
    let message = format!("store `{}` is mounted already, where it cannot be seen from here", name.display());
    Err(Failure::new(message).hint(
        "in another mount namespace, or lazily unmounted and still in use; `shm run --mount DIR -- CMD` shows it as well",
    ))
}

/// One process at a time mounts a store: another could take a mount for the store's that turns out to be served by nobody.
fn alone(dir: &Path) -> Result<File, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot lock {}: {error}", dir.display()));
    let folder = File::open(dir).map_err(failed)?;
    folder.lock().map_err(failed)?;
    Ok(folder)
}

/// The namespace of a process, or of a path.
fn enter(namespace: &OsStr) -> Result<(), Failure> {
    let path = match namespace.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(pid) => PathBuf::from(format!("/proc/{pid}/ns/mnt")),
        None => PathBuf::from(namespace),
    };
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot enter the mount namespace {}: {error}", path.display()))
    };
    let file = File::open(&path).map_err(failed)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Mount))
        .map_err(|error| failed(error.into()))
}

/// Makes a file system read-only that is mounted, where its flags say so.
fn close_to_writers(place: &Path, flags: MountFlags) -> Result<(), Failure> {
    if !flags.contains(MountFlags::RDONLY) {
        return Ok(());
    }
    let tried = format!("make {} read-only", place.display());
    mount_remount(place, flags, c"").map_err(|error| kernel(&tried, Errno(error.raw_os_error())))
}

/// Mounts by FUSE; false when the store turned out to be mounted.
fn first(visit: &mut Visit, wanted: &Wanted, place: &Path) -> Result<bool, Failure> {
    let device = shmfs_fuse::open_device().map_err(|errno| {
        kernel("open /dev/fuse", errno).hint("`modprobe fuse`; a container has to be given the device")
    })?;
    let tried = format!("mount at {}", place.display());
    let source = wanted.source.clone().filter(|_| table::is_default(&visit.dir));
    let source = source.map_or_else(|| table::source_of(&visit.dir), OsString::from);
    let source = source
        .to_str()
        .ok_or_else(|| Failure::new(format!("cannot {tried}: the store's name is no text")))?;
    let flags = wanted.options.flags;
    // The root directory gets its owner and mode before nothing can be written any more.
    shmfs_fuse::mount(device.as_fd(), source, place, flags - MountFlags::RDONLY)
        .map_err(|errno| kernel(&tried, errno))?;
    let sysv = wanted.options.sysv.unwrap_or(true);
    let served = match visit.ask_with(Call::Mount { sysv }, device.as_fd()) {
        Ok(_) => {
            change::root(place, &wanted.options).and_then(|()| close_to_writers(place, flags)).map(|()| true)
        }
        Err(refused) if refused.errno == Errno::EBUSY => Ok(false),
        Err(refused) if refused.errno == Errno::EOPNOTSUPP => Err(change::no_tmpfs(visit)),
        Err(refused) => Err(Failure::refused(&tried, &refused)),
    };
    if !matches!(served, Ok(true)) {
        take_back(place);
    }
    served
}

/// One more mount of what is mounted at one of `others`.
fn again(others: &[&Mounted], place: &Path, options: &Options) -> Result<(), Failure> {
    let clone = others.iter().find_map(|other| {
        let clone = attach::clone_at(bytes(&other.place)).ok()?;
        // Something else may be mounted on top of it.
        let dev = fstat(&clone).ok()?.st_dev;
        let same = (rustix::fs::major(dev), rustix::fs::minor(dev)) == other.device;
        same.then_some((clone, other))
    });
    let Some((clone, other)) = clone else {
        let covered = others.first().map_or_else(String::new, |other| other.place.display().to_string());
        return Err(Failure::new(format!(
            "cannot reach the store's mount at {covered}: something else covers it"
        ))
        .hint(format!("`umount {covered}`, and mount again")));
    };
    check_sysv(other, options)?;
    check_writing(other, options)?;
    let tried = format!("mount at {}", place.display());
    attach::attach(&clone, bytes(place)).map_err(|errno| kernel(&tried, errno))?;
    let flags = MountFlags::BIND | (options.flags & OF_ONE);
    let done = mount_remount(place, flags, c"")
        .map_err(|error| kernel(&tried, Errno(error.raw_os_error())))
        .and_then(|()| change::root(place, options));
    if done.is_err() {
        take_back(place);
    }
    done
}

/// Whether segments are shown is settled with the first mount.
pub(super) fn check_sysv(mounted: &Mounted, options: &Options) -> Result<(), Failure> {
    let shown = rustix::fs::stat(mounted.place.join(".sysv")).is_ok();
    match options.sysv {
        Some(wanted) if wanted != shown => {
            let word = if wanted { "sysv" } else { "nosysv" };
            Err(Failure::new(format!(
                "the option `{word}` comes too late: the store is mounted at {} without it",
                mounted.place.display()
            ))
            .hint(format!("unmount it everywhere, then `shm mount -o {word} ...`")))
        }
        _ => Ok(()),
    }
}

/// A first mount that may not be written makes the file system so, wherever it is shown.
fn check_writing(mounted: &Mounted, options: &Options) -> Result<(), Failure> {
    let read_only = mounted.of_all.split(',').any(|word| word == "ro");
    if !read_only || options.flags.contains(MountFlags::RDONLY) {
        return Ok(());
    }
    let place = mounted.place.display();
    Err(Failure::new(format!("the store is mounted at {place} with `ro`, which holds at every place"))
        .hint(format!("`shm mount -o remount,rw {place}`, or `-o ro` here too")))
}

/// What was mounted for nothing goes, though somebody may look at it.
fn take_back(place: &Path) {
    if let Err(error) = unmount(place, UnmountFlags::DETACH) {
        crate::output::complain(&format!("shm: warning: {} stays mounted: {error}", place.display()));
    }
}
