//! What a process can ask of the engine.

use crate::{
    AttachFlags, ByteLen, GetFlags, Gid, Key, Name, ObjectId, OpenFlags, Part, Shmid, Slot, Ticket, Uid,
    Wanted,
};

/// One request to the namespace. The caller's [`Cred`](crate::Cred) and the time come beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after the arguments of the calls")]
pub enum Call {
    /// `shmget(2)`. Reply: `Shmid`.
    ShmGet { key: Key, size: ByteLen, flags: GetFlags },
    /// `shmget(2)` of a segment that outlives the store. Reply: `Shmid`.
    ShmGetDurable { key: Key, size: ByteLen, flags: GetFlags },
    /// `shmat(2)`: may this process map it? Reply: `Attached`, with a descriptor; the caller's count is
    /// already one higher.
    ShmAttach { shmid: Shmid, flags: AttachFlags },
    /// The caller's last attach of a segment that is marked for removal has ended. Reply: `Done`.
    ShmDetached { slot: Slot },
    /// `shmctl(IPC_STAT)`. Reply: `Stat`.
    ShmStat { shmid: Shmid },
    /// `shmctl(SHM_STAT)` by index, or `SHM_STAT_ANY` (no permission asked). Reply: `Stat`.
    ShmStatIndex { index: i32, any: bool },
    /// `shmctl(IPC_SET)`. Reply: `Done`.
    ShmSet { shmid: Shmid, uid: Uid, gid: Gid, mode: u32 },
    /// `shmctl(IPC_RMID)`. Reply: `Done`.
    ShmRemove { shmid: Shmid },
    /// `shmctl(SHM_LOCK)` and `SHM_UNLOCK`. `allowance` is the caller's RLIMIT_MEMLOCK in bytes; it is 0 on the wire,
    /// the broker fills it in. Reply: `Done`.
    ShmLock { shmid: Shmid, lock: bool, allowance: u64 },
    /// `shmctl(IPC_INFO)` and `SHM_INFO`. Reply: `ShmInfo`.
    ShmInfo,
    /// `shm_open(3)`. The mode comes after the umask. Reply: `Opened`, with a descriptor.
    Open { name: Name, flags: OpenFlags, mode: u32 },
    /// `shm_open(3)` with what only programs of the library ask for. Reply: `Wanted`, with a descriptor.
    Want(Wanted),
    /// A memfd that the store lists under this label, and charges, for as long as anybody holds it. Reply: `Opened`, with
    /// a descriptor.
    Anonymous { label: Name, size: ByteLen },
    /// A description of an object that the caller may read, or write, by its number. Reply: `Fetched`, with a descriptor.
    Fetch { object: ObjectId, part: Part },
    /// `shm_unlink(3)`. Reply: `Done`.
    Unlink { name: Name },
    /// `renameat2(2)` of one name below /dev/shm to another. Reply: `Done`.
    Rename { from: Name, to: Name, flags: u32 },
    /// `link(2)` of one name below /dev/shm. Reply: `Done`.
    Link { from: Name, to: Name },
    /// `sem_open(3)`; `name` begins with `sem.`. Reply: `Opened` for one that exists, `Fresh` for an
    /// unpublished one; both with a descriptor.
    SemOpen { name: Name, flags: OpenFlags, mode: u32 },
    /// The fresh semaphore is initialised: link its name if it is absent, else `EEXIST`. Reply: `Done`.
    SemPublish { ticket: Ticket },
    /// Before the size of an object grows to `size` through a descriptor: charge it. The descriptor
    /// comes with the message; `object` is 0 on the wire, the broker fills it in. Reply: `Done`.
    Reserve { object: ObjectId, size: ByteLen },
    /// After an object's size shrank, or did not grow as reserved: charge what it is. `object` as above.
    /// Reply: `Done`.
    Settle { object: ObjectId },
    /// The text of a /proc file as this store sees it. Reply: `Text`, with a descriptor.
    ProcText { file: ProcFile },
    /// Writing to such a file, where the store allows it. Reply: `Text`, with the writing end of a pipe.
    ProcWrite { file: ProcFile },
    /// The first object after `after` by number, for listings. Reply: `Row` or `End`.
    Next { after: ObjectId },
    /// What the store uses and has served. Reply: `Usage`.
    Usage,
    /// Change limits while running. Reply: `Done`.
    SetLimits { change: LimitsChange },
    /// Hand the store to another program, whose file comes with the message as a descriptor. Reply: `Done`, by the new one.
    Replace,
    /// Serve the mount whose `/dev/fuse` comes with the message as a descriptor; with `sysv` segments are shown there.
    /// Reply: `Done`.
    Mount { sysv: bool },
    /// The store's own tmpfs, to be attached by the caller. Reply: `Tree`, with a descriptor.
    Tree,
}

/// New limits; nothing where one stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LimitsChange {
    /// The store's size in bytes.
    pub size: Option<u64>,
    /// Bytes of one segment.
    pub shmmax: Option<u64>,
    /// Pages of all segments.
    pub shmall: Option<u64>,
    /// Segments.
    pub shmmni: Option<u64>,
    /// Whether a segment goes with its last attach (1) or not (0).
    pub rmid_forced: Option<u64>,
    /// The id that the next segment shall have.
    pub next_id: Option<u64>,
}

/// The kernel files that a store answers for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProcFile {
    /// /proc/sysvipc/shm
    SysvipcShm,
    /// /proc/sys/kernel/shmmax
    Shmmax,
    /// /proc/sys/kernel/shmall
    Shmall,
    /// /proc/sys/kernel/shmmni
    Shmmni,
    /// /proc/sys/kernel/shm_rmid_forced
    ShmRmidForced,
    /// /proc/sys/kernel/shm_next_id
    ShmNextId,
}

macro_rules! call_names {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// The name under which a call is counted: the C function that a program called.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "the names are the C functions'")]
        #[repr(u8)]
        pub enum CallName { $($variant),* }

        impl CallName {
            /// Every name, in the order of its number.
            pub const ALL: &'static [CallName] = &[$(CallName::$variant),*];

            /// The name in C.
            pub const fn text(self) -> &'static str {
                match self { $(CallName::$variant => $text),* }
            }
        }
    };
}

call_names! {
    Shmget = "shmget", Shmat = "shmat", Shmdt = "shmdt", Shmctl = "shmctl",
    ShmOpen = "shm_open", ShmUnlink = "shm_unlink", SemOpen = "sem_open",
    Truncate = "ftruncate", Proc = "proc", Fork = "fork", Path = "path",
    Anonymous = "anonymous",
}

impl Call {
    /// The name under which this call is counted; nothing for the second halves of calls and for visitors.
    pub const fn name(&self) -> Option<CallName> {
        match self {
            Call::ShmGet { .. } | Call::ShmGetDurable { .. } => Some(CallName::Shmget),
            Call::ShmAttach { .. } => Some(CallName::Shmat),
            Call::ShmStat { .. }
            | Call::ShmStatIndex { .. }
            | Call::ShmSet { .. }
            | Call::ShmRemove { .. }
            | Call::ShmLock { .. }
            | Call::ShmInfo => Some(CallName::Shmctl),
            Call::Open { .. } | Call::Want(_) => Some(CallName::ShmOpen),
            Call::Anonymous { .. } => Some(CallName::Anonymous),
            Call::Unlink { .. } => Some(CallName::ShmUnlink),
            Call::Rename { .. } | Call::Link { .. } => Some(CallName::Path),
            Call::SemOpen { .. } => Some(CallName::SemOpen),
            Call::Reserve { .. } => Some(CallName::Truncate),
            Call::ProcText { .. } | Call::ProcWrite { .. } => Some(CallName::Proc),
            Call::ShmDetached { .. }
            | Call::SemPublish { .. }
            | Call::Settle { .. }
            | Call::Fetch { .. }
            | Call::Next { .. }
            | Call::Usage
            | Call::SetLimits { .. }
            | Call::Replace
            | Call::Mount { .. }
            | Call::Tree => None,
        }
    }
}
