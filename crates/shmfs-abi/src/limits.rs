//! Bounds: every table, queue, name and message of shmfs ends at one of these.

/// Bytes of one name (NAME_MAX).
pub const NAME_BYTES: usize = 255;

/// Slots for segments: Linux's `IPCMNI`, 1 << 15 (ipc/util.h).
pub const SLOTS: u32 = 1 << 15;

/// Sequence numbers of System V ids before they wrap: `ipcid_seq_max`, 1 << 16 (ipc/util.h).
pub const SEQS: u32 = 1 << 16;

/// `SHMMNI` of a new store: segments that may exist at once (include/uapi/linux/shm.h).
pub const DEFAULT_SHMMNI: u32 = 4096;

/// `SHMMAX` and `SHMALL` of a new store, bytes and pages: `ULONG_MAX - (1UL << 24)` (uapi/linux/shm.h).
pub const DEFAULT_SHMMAX: u64 = u64::MAX - (1 << 24);

/// Objects behind the POSIX door of one store.
pub const OBJECTS: usize = 1 << 20;

/// Supplementary groups of one caller that are considered. Linux allows 65,536.
pub const GROUPS: usize = 32;

/// Bytes of one message in either direction.
pub const MESSAGE_BYTES: usize = 1024;

/// Descriptors that one message may carry.
pub const MESSAGE_FDS: usize = 2;

/// Bytes of the reason in a refusal on the wire.
pub const REASON_BYTES: usize = 160;

/// Bytes of the text of one /proc file served from a store: 110 bytes a segment.
pub const PROC_TEXT_BYTES: usize = 8 << 20;

/// Client processes of one store.
pub const CLIENTS: usize = 8192;

/// Connections of one store, visitors included.
pub const CONNECTIONS: usize = 16384;

/// Descriptors of a broker that has reached all these bounds: three for each client process, whose connection is one of
/// them, one for each other connection, object and segment.
pub const DESCRIPTORS: u64 = (2 * CLIENTS + CONNECTIONS + OBJECTS + SLOTS as usize) as u64;

/// The largest size of an object in bytes (`MAX_LFS_FILESIZE`, 64 bits).
pub const OBJECT_BYTES: u64 = i64::MAX as u64;

/// Bytes of a semaphore: glibc's `sem_t` on 64 bits (bits/semaphore.h).
pub const SEM_BYTES: u64 = 32;

/// The largest value of a semaphore (SEM_VALUE_MAX).
pub const SEM_VALUE_MAX: u32 = i32::MAX as u32;

/// Attaches of one process that are remembered: its mappings are bounded by vm.max_map_count, 65,530 by default.
pub const ATTACHES: usize = 1 << 16;

/// Named semaphores that one process may have open (SEM_NSEMS_MAX; unlimited in glibc).
pub const OPEN_SEMAPHORES: usize = 1 << 16;

/// Bytes of the name of an object of the library: with `sem.` and a suffix it is still a name.
pub const OBJECT_NAME_BYTES: usize = 250;

/// Objects of a store beyond which a listing takes in no files of its mount: each costs a descriptor.
pub const LISTED_FILES: usize = 8192;

/// Names in the root of a store's mount that one listing reads.
pub const LISTED_NAMES: usize = 1 << 17;

/// Mappings that the guard of one process knows by name.
pub const GUARDED_MAPPINGS: usize = 4096;
