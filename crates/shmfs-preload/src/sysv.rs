//! System V segments: `shmget`, `shmat`, `shmdt`, `shmctl`.
//!
//! Owns: the C signatures, the C structures.
//! Leaves to others: every rule (the engine), the mapping (the client).

use crate::{
    CLIENT, errno,
    pointer::{copy_in, copy_out},
};
use core::ptr;
use libc::{c_int, c_void, key_t, shmid_ds, size_t};
use shmfs_abi::{
    Errno, SegmentStat,
    sysv::{
        CIpcPerm, CShmInfo, CShmidDs, CShminfo, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SHM_INFO, SHM_LOCK,
        SHM_STAT, SHM_STAT_ANY, SHM_UNLOCK, SHMMIN, SHMSEG,
    },
};

crate::as_libc! {
    shmget: unsafe extern "C" fn(key_t, size_t, c_int) -> c_int;
    shmat: unsafe extern "C" fn(c_int, *const c_void, c_int) -> *mut c_void;
    shmdt: unsafe extern "C" fn(*const c_void) -> c_int;
    shmctl: unsafe extern "C" fn(c_int, c_int, *mut shmid_ds) -> c_int;
}
const _: () = assert!(size_of::<CShmidDs>() == size_of::<shmid_ds>());

/// `shmget(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn shmget(key: key_t, size: size_t, flags: c_int) -> c_int {
    errno::number(CLIENT.shmget(key, size, flags))
}

/// `shmat(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn shmat(shmid: c_int, address: *const c_void, flags: c_int) -> *mut c_void {
    let failed = ptr::without_provenance_mut(usize::MAX);
    errno::address(CLIENT.shmat(shmid, address.addr(), flags), failed)
}

/// `shmdt(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn shmdt(address: *const c_void) -> c_int {
    errno::done(CLIENT.shmdt(address.addr()))
}

/// `shmctl(2)`.
#[unsafe(no_mangle)]
pub extern "C" fn shmctl(shmid: c_int, command: c_int, buffer: *mut shmid_ds) -> c_int {
    errno::number(control(shmid, command, buffer.cast()))
}

/// The commands, in the order of `ksys_shmctl` (ipc/shm.c, v6.18).
pub(crate) fn control(shmid: c_int, command: c_int, buffer: *mut c_void) -> Result<c_int, Errno> {
    if command < 0 || shmid < 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        IPC_INFO => {
            let (limits, _, highest) = CLIENT.shm_info()?;
            let info = CShminfo {
                shmmax: limits.shmmax,
                shmmin: SHMMIN,
                shmmni: limits.shmmni.into(),
                shmseg: SHMSEG,
                shmall: limits.shmall,
                unused: [0; 4],
            };
            copy_out(&info, buffer.cast()).map(|()| highest)
        }
        SHM_INFO => {
            let (_, usage, highest) = CLIENT.shm_info()?;
            let info = CShmInfo {
                used_ids: usage.segments as i32,
                shm_tot: usage.total.0,
                shm_rss: usage.resident.0,
                shm_swp: usage.swapped.0,
                ..CShmInfo::default()
            };
            copy_out(&info, buffer.cast()).map(|()| highest)
        }
        SHM_STAT | SHM_STAT_ANY => {
            let (found, stat) = CLIENT.shm_stat_index(shmid, command == SHM_STAT_ANY)?;
            copy_out(&in_c(&stat), buffer.cast()).map(|()| found.0)
        }
        IPC_STAT => {
            let stat = CLIENT.shm_stat(shmid)?;
            copy_out(&in_c(&stat), buffer.cast()).map(|()| 0)
        }
        IPC_SET => {
            let perm = copy_in::<CShmidDs>(buffer.cast())?.perm;
            CLIENT.shm_set(shmid, perm.uid, perm.gid, perm.mode).map(|()| 0)
        }
        IPC_RMID => CLIENT.shm_remove(shmid).map(|()| 0),
        SHM_LOCK | SHM_UNLOCK => CLIENT.shm_lock(shmid, command == SHM_LOCK).map(|()| 0),
        _ => Err(Errno::EINVAL),
    }
}

fn in_c(stat: &SegmentStat) -> CShmidDs {
    CShmidDs {
        perm: CIpcPerm {
            key: stat.key.0,
            uid: stat.perm.uid.0,
            gid: stat.perm.gid.0,
            cuid: stat.perm.cuid.0,
            cgid: stat.perm.cgid.0,
            mode: stat.perm.mode,
            seq: stat.seq,
            ..CIpcPerm::default()
        },
        segsz: stat.size.0,
        atime: stat.atime,
        dtime: stat.dtime,
        ctime: stat.ctime,
        cpid: stat.cpid.0,
        lpid: stat.lpid.0,
        nattch: stat.nattch,
        ..CShmidDs::default()
    }
}
