//! System V segments: `shmget`, `shmat`, `shmdt` and the commands of `shmctl`.
//!
//! Owns: the rules of addresses, the mapping.
//! Leaves to others: every other rule (the engine).

use crate::{Client, ask::unexpected, attach::Piece, session::Session, state::State};
use shmfs_abi::{
    AttachFlags, ByteLen, Call, Errno, GetFlags, Gid, Key, PAGE_SIZE, Reply, SegmentStat, ShmLimits,
    ShmUsage, Shmid, Uid,
};
use shmfs_sys::map::{self, Fixed, Place};

impl Client {
    /// `shmget(2)`.
    ///
    /// # Errors
    /// As `shmget(2)`, and as [`Client`] says.
    pub fn shmget(&self, key: i32, size: usize, flags: i32) -> Result<i32, Errno> {
        let flags = GetFlags::from_bits_retain(flags);
        let call = Call::ShmGet { key: Key(key), size: ByteLen(size as u64), flags };
        match self.with(|state| state.ask(&call))?.reply {
            Reply::Shmid(shmid) => Ok(shmid.0),
            _ => unexpected(),
        }
    }

    /// `shmat(2)`: the address of the mapping.
    ///
    /// # Errors
    /// As `shmat(2)`, and as [`Client`] says; `EMFILE` or `ENFILE` where no descriptor can be had.
    pub fn shmat(&self, shmid: i32, address: usize, flags: i32) -> Result<usize, Errno> {
        let flags = AttachFlags::from_bits_retain(flags);
        if shmid < 0 {
            return Err(Errno::EINVAL);
        }
        let place = place_of(address, flags)?;
        self.with(|state| state.attach(Shmid(shmid), flags, &place))
    }

    /// `shmdt(2)`.
    ///
    /// # Errors
    /// `EINVAL` if no attach begins at `address`; `ENOSYS` in a child of vfork.
    pub fn shmdt(&self, address: usize) -> Result<(), Errno> {
        self.with(|state| {
            let attach = state.attach_at(address).ok_or(Errno::EINVAL)?;
            if state.registration.is_none() {
                // A copy that nobody announced: its table must count what it has, before it counts less.
                // Without a store it may end its attach all the same.
                let _ = state.session();
            }
            state.end(attach)
        })
    }

    /// `shmctl(IPC_STAT)`.
    ///
    /// # Errors
    /// As `shmctl(2)`, and as [`Client`] says.
    pub fn shm_stat(&self, shmid: i32) -> Result<SegmentStat, Errno> {
        self.stat(Call::ShmStat { shmid: Shmid(shmid) }).map(|(_, stat)| stat)
    }

    /// `shmctl(SHM_STAT)`, or `SHM_STAT_ANY`, by index.
    ///
    /// # Errors
    /// As `shmctl(2)`, and as [`Client`] says.
    pub fn shm_stat_index(&self, index: i32, any: bool) -> Result<(Shmid, SegmentStat), Errno> {
        self.stat(Call::ShmStatIndex { index, any })
    }

    fn stat(&self, call: Call) -> Result<(Shmid, SegmentStat), Errno> {
        match self.with(|state| state.ask(&call))?.reply {
            Reply::Stat { shmid, stat } => Ok((shmid, stat)),
            _ => unexpected(),
        }
    }

    /// `shmctl(IPC_SET)`.
    ///
    /// # Errors
    /// As `shmctl(2)`, and as [`Client`] says.
    pub fn shm_set(&self, shmid: i32, uid: u32, gid: u32, mode: u32) -> Result<(), Errno> {
        let call = Call::ShmSet { shmid: Shmid(shmid), uid: Uid(uid), gid: Gid(gid), mode };
        self.with(|state| state.ask_done(&call))
    }

    /// `shmctl(IPC_RMID)`.
    ///
    /// # Errors
    /// As `shmctl(2)`, and as [`Client`] says.
    pub fn shm_remove(&self, shmid: i32) -> Result<(), Errno> {
        self.with(|state| state.ask_done(&Call::ShmRemove { shmid: Shmid(shmid) }))
    }

    /// `shmctl(SHM_LOCK)`, or `SHM_UNLOCK`.
    ///
    /// # Errors
    /// As `shmctl(2)`, and as [`Client`] says.
    pub fn shm_lock(&self, shmid: i32, lock: bool) -> Result<(), Errno> {
        self.with(|state| state.ask_done(&Call::ShmLock { shmid: Shmid(shmid), lock, allowance: 0 }))
    }

    /// `shmctl(IPC_INFO)` and `SHM_INFO`: limits, usage, the highest index in use.
    ///
    /// # Errors
    /// As [`Client`] says.
    pub fn shm_info(&self) -> Result<(ShmLimits, ShmUsage, i32), Errno> {
        match self.with(|state| state.ask(&Call::ShmInfo))?.reply {
            Reply::ShmInfo { limits, usage, highest } => Ok((limits, usage, highest)),
            _ => unexpected(),
        }
    }
}

impl State {
    fn attach(&mut self, shmid: Shmid, flags: AttachFlags, place: &Place) -> Result<usize, Errno> {
        // For itself, and for another's second half.
        self.attaches.reserve(2)?;
        match self.attach_once(shmid, flags, place) {
            // Linux needs no descriptor for it: the process's last one is ours.
            Err(Errno::EMFILE) if self.session.as_mut().is_some_and(Session::give_up_spare) => {
                let attached = self.attach_once(shmid, flags, place);
                if let Some(session) = &mut self.session {
                    session.renew_spare();
                }
                attached
            }
            attached => attached,
        }
    }

    fn attach_once(&mut self, shmid: Shmid, flags: AttachFlags, place: &Place) -> Result<usize, Errno> {
        let answer = self.ask(&Call::ShmAttach { shmid, flags })?;
        let Reply::Attached { slot, object, size } = answer.reply else { return unexpected() };
        // The broker has counted it: from here on every way out counts, or takes back.
        let mapped = usize::try_from(size.0)
            .map_err(|_| Errno::ENOMEM)
            .and_then(|len| answer.descriptor().and_then(|fd| map_at(fd, len, place)));
        let (address, len) = match mapped {
            Ok(mapped) => mapped,
            Err(errno) => {
                self.uncount(&Piece::whole(0, 0, slot, object));
                return Err(errno);
            }
        };
        let attach = Piece::whole(address, len, slot, object);
        self.remember(attach).inspect_err(|_| {
            let _ = map::unplace(address, len);
            self.uncount(&attach);
        })?;
        Ok(address)
    }
}

/// Where `shmat` puts a segment (`do_shmat`, ipc/shm.c, v6.18). `SHMLBA` is the page on both architectures.
fn place_of(address: usize, flags: AttachFlags) -> Result<Place, Errno> {
    const OFFSET: usize = PAGE_SIZE as usize - 1;
    let remap = flags.contains(AttachFlags::REMAP);
    let rounded = address & !OFFSET;
    if address != rounded && !flags.contains(AttachFlags::RND) {
        return Err(Errno::EINVAL);
    }
    if rounded == 0 && remap {
        return Err(Errno::EINVAL);
    }
    let fixed = match (address, rounded) {
        (0, _) => Fixed::Anywhere,
        // Linux looks for an overlap only where the rounded address is not 0.
        (_, 0) => Fixed::Replace,
        _ if remap => Fixed::Replace,
        _ => Fixed::NoReplace,
    };
    let write = !flags.contains(AttachFlags::RDONLY);
    Ok(Place { address: rounded, fixed, write, exec: flags.contains(AttachFlags::EXEC) })
}

/// Maps a segment; its address and length. The length is whole pages, as the mapping's is.
fn map_at(fd: shmfs_sys::OwnedFd, size: usize, place: &Place) -> Result<(usize, usize), Errno> {
    let len = size.checked_next_multiple_of(PAGE_SIZE as usize).ok_or(Errno::ENOMEM)?;
    if place.fixed == Fixed::NoReplace && place.address.checked_add(len).is_none() {
        return Err(Errno::EINVAL);
    }
    match map::place(fd, len, place) {
        // `do_shmat`: find_vma_intersection.
        Err(Errno::EEXIST) => Err(Errno::EINVAL),
        mapped => Ok((mapped?, len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_do_shmat() {
        let (rnd, remap) = (AttachFlags::RND, AttachFlags::REMAP);
        let cases = [
            (0, AttachFlags::empty(), Ok((0, Fixed::Anywhere))),
            (0, remap, Err(Errno::EINVAL)),
            (0x5000, AttachFlags::empty(), Ok((0x5000, Fixed::NoReplace))),
            (0x5001, AttachFlags::empty(), Err(Errno::EINVAL)),
            (0x5fff, rnd, Ok((0x5000, Fixed::NoReplace))),
            (0x5fff, rnd | remap, Ok((0x5000, Fixed::Replace))),
            (0x5fff, remap, Err(Errno::EINVAL)),
            (0x0fff, rnd, Ok((0, Fixed::Replace))),
            (0x0fff, rnd | remap, Err(Errno::EINVAL)),
        ];
        for (address, flags, expected) in cases {
            let place = place_of(address, flags).map(|place| (place.address, place.fixed));
            assert_eq!(place, expected, "{address:#x} {flags:?}");
        }
    }

    #[test]
    fn rights_follow_the_flags() {
        let place = place_of(0, AttachFlags::RDONLY | AttachFlags::EXEC).unwrap();
        assert!(!place.write && place.exec);
    }
}
