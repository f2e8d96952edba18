//! The state of a segment and of the System V door as bodies.
//!
//! Owns: their layouts. Leaves to others: when they are sent (`reply_body`).

use crate::{Malformed, frame::zero};
use shmfs_abi::{
    ByteLen, Gid, IpcPerm, Key, PageCount, Pid, Reply, SegmentStat, ShmLimits, ShmUsage, Shmid, Uid,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `SegmentStat`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct StatBody {
    shmid: i32,
    key: i32,
    uid: u32,
    gid: u32,
    cuid: u32,
    cgid: u32,
    mode: u32,
    seq: u16,
    zero: u16,
    size: u64,
    atime: i64,
    dtime: i64,
    ctime: i64,
    cpid: i32,
    lpid: i32,
    nattch: u64,
    resident: u64,
}

impl StatBody {
    pub(crate) fn new(shmid: Shmid, stat: &SegmentStat) -> StatBody {
        StatBody {
            shmid: shmid.0,
            key: stat.key.0,
            uid: stat.perm.uid.0,
            gid: stat.perm.gid.0,
            cuid: stat.perm.cuid.0,
            cgid: stat.perm.cgid.0,
            mode: stat.perm.mode,
            seq: stat.seq,
            zero: 0,
            size: stat.size.0,
            atime: stat.atime,
            dtime: stat.dtime,
            ctime: stat.ctime,
            cpid: stat.cpid.0,
            lpid: stat.lpid.0,
            nattch: stat.nattch,
            resident: stat.resident.0,
        }
    }

    pub(crate) fn reply(&self) -> Result<Reply, Malformed> {
        zero(self.zero == 0, "stat")?;
        let perm = IpcPerm {
            uid: Uid(self.uid),
            gid: Gid(self.gid),
            cuid: Uid(self.cuid),
            cgid: Gid(self.cgid),
            mode: self.mode,
        };
        let stat = SegmentStat {
            perm,
            key: Key(self.key),
            seq: self.seq,
            size: ByteLen(self.size),
            atime: self.atime,
            dtime: self.dtime,
            ctime: self.ctime,
            cpid: Pid(self.cpid),
            lpid: Pid(self.lpid),
            nattch: self.nattch,
            resident: PageCount(self.resident),
        };
        Ok(Reply::Stat { shmid: Shmid(self.shmid), stat })
    }
}

/// `ShmLimits`, `ShmUsage` and the highest index.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct LimitsBody {
    shmmax: u64,
    shmall: u64,
    shmmni: u32,
    highest: i32,
    total: u64,
    resident: u64,
    swapped: u64,
    segments: u32,
    zero: u32,
}

impl LimitsBody {
    pub(crate) fn new(limits: &ShmLimits, usage: &ShmUsage, highest: i32) -> LimitsBody {
        LimitsBody {
            shmmax: limits.shmmax,
            shmall: limits.shmall,
            shmmni: limits.shmmni,
            highest,
            total: usage.total.0,
            resident: usage.resident.0,
            swapped: usage.swapped.0,
            segments: usage.segments,
            zero: 0,
        }
    }

    pub(crate) fn reply(&self) -> Result<Reply, Malformed> {
        zero(self.zero == 0, "info")?;
        let limits = ShmLimits { shmmax: self.shmmax, shmmni: self.shmmni, shmall: self.shmall };
        let usage = ShmUsage {
            segments: self.segments,
            total: PageCount(self.total),
            resident: PageCount(self.resident),
            swapped: PageCount(self.swapped),
        };
        Ok(Reply::ShmInfo { limits, usage, highest: self.highest })
    }
}
