//! Changing what is mounted: `-o remount`.
//!
//! As with tmpfs, `mode=`, `uid=` and `gid=` have no effect then: chmod(1) and chown(1) change them (tmpfs.rst).

use super::place::check_sysv;
use super::table::{Mounted, Mounts, place_of};
use super::{TYPE, Wanted, change, kernel};
use crate::failure::Failure;
use crate::store;
use rustix::mount::{MountFlags, mount_remount};
use rustix::process::geteuid;
use shmfs_abi::Errno;
use shmfs_fuse::options::Options;

/// Sets new options for the mount at a directory. With `text`, which is what was read as the options, flags that it does
/// not name stay; mount(8) names all of them.
pub(crate) fn remount(wanted: &Wanted, text: Option<&[u8]>) -> Result<(), Failure> {
    let shown = wanted.dir.display();
    if !geteuid().is_root() {
        return Err(Failure::new(format!("cannot change the mount at {shown}: only root may"))
            .hint("the store's owner changes its size with `shm limits --size`"));
    }
    change::check(&wanted.options)?;
    let mounts = Mounts::read()?;
    let place = place_of(&wanted.dir, &mounts);
    let Some(mounted) = mounts.at(&place).filter(|mount| mount.kind == TYPE) else {
        return Err(Failure::new(format!("{shown} is not a mount of a store")).hint("`shm mount` lists them"));
    };
    let mut visit = store::visit(Some(mounted.store().as_os_str()))?;
    check_sysv(mounted, &wanted.options)?;
    change::store(&mut visit, &wanted.options, false)?;
    let flags = text.map_or(wanted.options.flags, |text| merged(mounted, text));
    let tried = format!("change the mount at {}", place.display());
    mount_remount(&place, flags, c"").map_err(|error| {
        let failure = kernel(tried, Errno(error.raw_os_error()));
        match error {
            rustix::io::Errno::BUSY => failure.hint("somebody has a file of it open for writing"),
            _ => failure,
        }
    })
}

/// The flags that a mount has, and on top of them those of `text`.
fn merged(mounted: &Mounted, text: &[u8]) -> MountFlags {
    let mut options = Options::default();
    let has = format!("{},{}", mounted.of_all, mounted.options);
    for item in has.as_bytes().split(|byte| *byte == b',').chain([text]) {
        // What a later kernel shows besides is no flag that could be set.
        drop(options.add(item));
    }
    options.flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stay_unless_they_are_named() {
        let mounted = Mounted {
            device: (0, 1),
            place: "/mnt".into(),
            whole: true,
            options: "ro,nosuid,noatime".to_owned(),
            of_all: "rw,user_id=0,group_id=0,default_permissions,allow_other,unheard_of=1".to_owned(),
            kind: TYPE.to_owned(),
            source: "lab".into(),
        };
        let kept = MountFlags::NOSUID | MountFlags::NOATIME;
        assert_eq!(merged(&mounted, b"size=1m"), kept | MountFlags::RDONLY);
        assert_eq!(merged(&mounted, b"remount,rw,nodev"), kept | MountFlags::NODEV);
        assert_eq!(merged(&mounted, b"rw,suid,relatime"), MountFlags::RELATIME);
    }
}
