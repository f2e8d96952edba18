//! A store's use as a body.
//!
//! Owns: its layout. Leaves to others: when it is sent (`reply_body`).

use crate::{Malformed, frame::zero};
use shmfs_abi::{Backing, ByteLen, CallName, Created, Pid, Usage};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `Usage`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct UsageBody {
    size: u64,
    used: u64,
    peak: u64,
    allocated: u64,
    tree: u64,
    sysv: u64,
    posix: u64,
    anon: u64,
    unnamed: u64,
    created_segments: u64,
    created_objects: u64,
    created_semaphores: u64,
    created_anonymous: u64,
    clients: u64,
    restarts: u64,
    calls: [u64; CallName::ALL.len()],
    broker: i32,
    keeper: i32,
    backing: u32,
    zero: u32,
}

impl UsageBody {
    pub(crate) fn new(usage: &Usage) -> UsageBody {
        UsageBody {
            size: usage.size.0,
            used: usage.used.0,
            peak: usage.peak.0,
            allocated: usage.allocated.0,
            tree: usage.tree.0,
            sysv: usage.sysv,
            posix: usage.posix,
            anon: usage.anon,
            unnamed: usage.unnamed,
            created_segments: usage.created.segments,
            created_objects: usage.created.objects,
            created_semaphores: usage.created.semaphores,
            created_anonymous: usage.created.anonymous,
            clients: usage.clients,
            restarts: usage.restarts,
            calls: usage.calls,
            broker: usage.broker.0,
            keeper: usage.keeper.0,
            backing: backing_number(usage.backing),
            zero: 0,
        }
    }

    pub(crate) fn usage(&self) -> Result<Usage, Malformed> {
        zero(self.zero == 0, "usage")?;
        Ok(Usage {
            size: ByteLen(self.size),
            used: ByteLen(self.used),
            peak: ByteLen(self.peak),
            allocated: ByteLen(self.allocated),
            tree: ByteLen(self.tree),
            backing: backing_of(self.backing)?,
            sysv: self.sysv,
            posix: self.posix,
            anon: self.anon,
            unnamed: self.unnamed,
            created: Created {
                segments: self.created_segments,
                objects: self.created_objects,
                semaphores: self.created_semaphores,
                anonymous: self.created_anonymous,
            },
            clients: self.clients,
            restarts: self.restarts,
            broker: Pid(self.broker),
            keeper: Pid(self.keeper),
            calls: self.calls,
        })
    }
}

const fn backing_number(backing: Backing) -> u32 {
    match backing {
        Backing::SealedMemfd => 1,
        Backing::TmpfsFile => 2,
        Backing::Memfd => 3,
        Backing::Huge => 4,
        Backing::SealableMemfd => 5,
        Backing::Durable => 6,
    }
}

fn backing_of(number: u32) -> Result<Backing, Malformed> {
    match number {
        1 => Ok(Backing::SealedMemfd),
        2 => Ok(Backing::TmpfsFile),
        3 => Ok(Backing::Memfd),
        4 => Ok(Backing::Huge),
        5 => Ok(Backing::SealableMemfd),
        6 => Ok(Backing::Durable),
        _ => Err(Malformed::Field("backing")),
    }
}
