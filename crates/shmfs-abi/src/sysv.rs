//! System V in C: commands and structures as glibc and the kernel lay them out on 64 bits
//! (include/uapi/linux/shm.h, asm-generic/{shmbuf,ipcbuf}.h).

#![allow(missing_docs, reason = "the names are the C structures' fields")]

pub const IPC_RMID: i32 = 0;
pub const IPC_SET: i32 = 1;
pub const IPC_STAT: i32 = 2;
pub const IPC_INFO: i32 = 3;
pub const SHM_LOCK: i32 = 11;
pub const SHM_UNLOCK: i32 = 12;
pub const SHM_STAT: i32 = 13;
pub const SHM_INFO: i32 = 14;
pub const SHM_STAT_ANY: i32 = 15;

/// Mode bit: destroyed at the last detach.
pub const SHM_DEST: u32 = 0o1000;
/// Mode bit: locked in memory.
pub const SHM_LOCKED: u32 = 0o2000;
/// The smallest segment in bytes.
pub const SHMMIN: u64 = 1;
/// Attaches per process, as `IPC_INFO` tells it; Linux does not enforce it.
pub const SHMSEG: u64 = crate::limits::DEFAULT_SHMMNI as u64;

/// `struct ipc64_perm`: 48 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CIpcPerm {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
    pub seq: u16,
    pub pad2: u16,
    pub pad3: u32,
    pub unused1: u64,
    pub unused2: u64,
}

/// `struct shmid64_ds`: 112 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CShmidDs {
    pub perm: CIpcPerm,
    pub segsz: u64,
    pub atime: i64,
    pub dtime: i64,
    pub ctime: i64,
    pub cpid: i32,
    pub lpid: i32,
    pub nattch: u64,
    pub unused4: u64,
    pub unused5: u64,
}

/// `struct shminfo64`: 72 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CShminfo {
    pub shmmax: u64,
    pub shmmin: u64,
    pub shmmni: u64,
    pub shmseg: u64,
    pub shmall: u64,
    pub unused: [u64; 4],
}

/// `struct shm_info`: 48 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct CShmInfo {
    pub used_ids: i32,
    pub pad: i32,
    pub shm_tot: u64,
    pub shm_rss: u64,
    pub shm_swp: u64,
    pub swap_attempts: u64,
    pub swap_successes: u64,
}

const _: () = assert!(size_of::<CIpcPerm>() == 48);
const _: () = assert!(size_of::<CShmidDs>() == 112);
const _: () = assert!(size_of::<CShminfo>() == 72);
const _: () = assert!(size_of::<CShmInfo>() == 48);
