//! The vocabulary of shmfs: what a call asks, what a reply says, and the numbers and layouts of Linux.
//!
//! Owns: errno values, flags, ids, amounts, limits, C layouts, [`Call`], [`Reply`], the names in the environment.
//! Leaves to others: every behaviour (`shmfs-core`), the bytes of a message (`shmfs-wire`).
#![no_std]

mod amount;
mod call;
mod cred;
mod errno;
mod flags;
mod ids;
mod lifetime;
pub mod limits;
mod name;
mod perm;
mod reply;
mod row;
pub mod store;
pub mod sysv;
mod time;

pub use amount::{ByteLen, PAGE_SIZE, PageCount};
pub use call::{Call, CallName, LimitsChange, ProcFile};
pub use cred::{Caps, Cred, Groups};
pub use errno::{Errno, Refusal, Result, Shortage, refuse};
pub use flags::{Access, AttachFlags, GetFlags, OpenFlags};
pub use ids::{ClientId, Gid, Key, ObjectId, Pid, Shmid, Slot, Ticket, Uid};
pub use lifetime::{Lifetime, Part, Wanted};
pub use name::{Name, NameError};
pub use perm::IpcPerm;
pub use reply::{Backing, Created, Reply, SegmentStat, ShmLimits, ShmUsage, Usage};
pub use row::{Door, Kind, Row};
pub use time::Time;
