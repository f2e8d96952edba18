//! What `stat` and its like show of a store's files in another way than the kernel: the device number of /dev/shm, by path
//! and by descriptor; and for a text of `proc` the kernel's file that it stands for.
//!
//! Owns: that number.
//! Leaves to others: everything else that is shown (the kernel).
//! Not done: a descriptor that came from a store shows its own device number in a process that has never
//! connected to one.

use super::stat::look_up;
use crate::{CLIENT, proc, raw};
use core::{
    mem::MaybeUninit,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use libc::{c_int, c_uint, stat as Stat, statx as Statx};

/// The device number of the kernel's /dev/shm, 0 until it was asked.
static DEV_SHM: AtomicU64 = AtomicU64::new(0);

/// Shows the kernel's file in place of the text that stands for it. The kernel has just written the structure.
pub fn file_behind(shown: *mut Stat) {
    // SAFETY: the kernel has just written the structure there; a program's pointer may be unaligned.
    let found = unsafe { shown.read_unaligned() };
    if let Some(path) = proc::behind(found.st_dev, found.st_ino) {
        // Without the kernel's file the text shows itself.
        let _ = look_up(libc::AT_FDCWD, path.as_ptr(), shown, 0);
    }
}

/// As [`file_behind`].
pub fn file_behind_extended(flags: c_int, mask: c_uint, shown: *mut Statx) {
    // SAFETY: the kernel has just written the structure there; a program's pointer may be unaligned.
    let found = unsafe { shown.read_unaligned() };
    let dev = libc::makedev(found.stx_dev_major, found.stx_dev_minor);
    if let Some(path) = proc::behind(dev, found.stx_ino) {
        let at = libc::AT_FDCWD as usize;
        let flags = flags & !libc::AT_EMPTY_PATH;
        let place = path.as_ptr().expose_provenance();
        let args = [at, place, flags as usize, mask as usize, shown.expose_provenance(), 0];
        // SAFETY: the path ends in NUL; the kernel has just written the structure there.
        let _ = unsafe { raw::call6(libc::SYS_statx, args) };
    }
}

/// Shows a file of the store as one of /dev/shm. The kernel has just written the structure.
pub fn as_dev_shm(shown: *mut Stat) {
    let Some(hidden) = CLIENT.hidden_dev() else { return };
    // SAFETY: the kernel has just written the structure there.
    let dev = unsafe { &raw mut (*shown).st_dev };
    // SAFETY: as above; a program's pointer may be unaligned.
    if unsafe { dev.read_unaligned() } == hidden {
        // SAFETY: as above.
        unsafe { dev.write_unaligned(dev_shm(hidden)) };
    }
}

/// As [`as_dev_shm`].
pub fn as_dev_shm_extended(shown: *mut Statx) {
    let Some(hidden) = CLIENT.hidden_dev() else { return };
    // SAFETY: the kernel has just written the structure there.
    let major = unsafe { &raw mut (*shown).stx_dev_major };
    // SAFETY: as above.
    let minor = unsafe { &raw mut (*shown).stx_dev_minor };
    // SAFETY: as above; a program's pointer may be unaligned.
    let found_major = unsafe { major.read_unaligned() };
    // SAFETY: as above.
    let found_minor = unsafe { minor.read_unaligned() };
    if (found_major, found_minor) == (libc::major(hidden), libc::minor(hidden)) {
        let dev = dev_shm(hidden);
        // SAFETY: as above.
        unsafe { major.write_unaligned(libc::major(dev)) };
        // SAFETY: as above.
        unsafe { minor.write_unaligned(libc::minor(dev)) };
    }
}

/// The device number of the kernel's /dev/shm, or the store's own where there is none.
fn dev_shm(hidden: u64) -> u64 {
    let known = DEV_SHM.load(Relaxed);
    if known != 0 {
        return known;
    }
    let mut found = MaybeUninit::<Stat>::zeroed();
    if look_up(libc::AT_FDCWD, c"/dev/shm".as_ptr(), found.as_mut_ptr(), 0).is_err() {
        return hidden;
    }
    // SAFETY: zeroed before, and integers only.
    let dev = unsafe { found.assume_init() }.st_dev;
    DEV_SHM.store(dev, Relaxed);
    dev
}
