//! Named semaphores: `sem_open`, `sem_close`, `sem_unlink`.
//!
//! A semaphore is the C library's own, in an object of the store. The process that creates it gets an object
//! without a name, initialises the semaphore there, and then asks for the name, so that nobody ever sees one
//! that is half made (`sem_open`, glibc, does the same with a file and link(2)).
//!
//! Owns: one address for each semaphore and process, and how often it was opened.
//! Leaves to others: what is in the 32 bytes (the C library).

use crate::{
    Client,
    ask::{Answer, unexpected},
    names,
    posix::created_mode,
    state::State,
};
use shmfs_abi::{
    Call, Errno, Name, OpenFlags, Reply, Ticket,
    limits::{SEM_BYTES, SEM_VALUE_MAX},
};
use shmfs_sys::{
    OwnedFd,
    fd::{self, Identity},
    map::{self, Fixed, Place},
};

/// Times that a semaphore may vanish or appear between two looks at its name.
const ATTEMPTS: usize = 16;

const LEN: usize = SEM_BYTES as usize;

/// A semaphore that this process has open. While it is mapped no other file has its identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Semaphore {
    address: usize,
    identity: Identity,
    opens: u32,
}

impl Client {
    /// `sem_open(3)`: the address of the semaphore. `init` writes a new one with a value at an address; it must
    /// not call the client. `mode` comes before the umask.
    ///
    /// # Errors
    /// As `sem_open(3)`, and as [`Client`] says.
    pub fn sem_open(
        &self,
        name: &[u8],
        flags: i32,
        mode: u32,
        value: u32,
        init: &dyn Fn(usize, u32),
    ) -> Result<usize, Errno> {
        let name = names::semaphore(name)?;
        let flags = OpenFlags::from_bits_retain(flags)
            .intersection(OpenFlags::CREAT.union(OpenFlags::EXCL))
            .union(OpenFlags::RDWR);
        let mode = created_mode(flags, mode);
        self.with(|state| state.open_semaphore(name, flags, mode, value, init))
    }

    /// `sem_close(3)`.
    ///
    /// # Errors
    /// `EINVAL` if no open semaphore is at `address`; `ENOSYS` in a child of vfork.
    pub fn sem_close(&self, address: usize) -> Result<(), Errno> {
        self.with(|state| {
            let found = state.semaphores.iter().enumerate().find(|(_, open)| open.address == address);
            let (index, open) = found.ok_or(Errno::EINVAL)?;
            if open.opens > 1 {
                state.semaphores.set(index, Semaphore { opens: open.opens - 1, ..open });
                return Ok(());
            }
            state.semaphores.swap_remove(index);
            map::unplace(address, LEN)
        })
    }

    /// `sem_unlink(3)`.
    ///
    /// # Errors
    /// As `sem_unlink(3)`, and as [`Client`] says.
    pub fn sem_unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let name = names::semaphore_to_unlink(name)?;
        self.with(|state| state.ask_done(&Call::Unlink { name })).map_err(names::sticky)
    }
}

impl State {
    fn open_semaphore(
        &mut self,
        name: Name,
        flags: OpenFlags,
        mode: u32,
        value: u32,
        init: &dyn Fn(usize, u32),
    ) -> Result<usize, Errno> {
        self.semaphores.reserve(1)?;
        let flags = creatable(flags, value)?;
        // The C library opens a file: Linux takes its number before it looks (`do_sys_openat2`, fs/open.c).
        self.session()?.probe_number()?;
        for _ in 0..ATTEMPTS {
            let answer = match self.ask(&Call::SemOpen { name, flags: flags.asked, mode }) {
                // Only a semaphore that exists could have been opened with such a value.
                Err(Errno::ENOENT) if flags.value_is_bad => return Err(Errno::EINVAL),
                answer => answer?,
            };
            match answer.reply {
                Reply::Opened { .. } => return self.share_semaphore(answer.descriptor()?),
                Reply::Fresh { ticket, .. } => match self.publish(answer, ticket, value, init) {
                    // Somebody else's was there first: it is opened instead, as `link` failing does in glibc.
                    Err(Errno::EEXIST) if !flags.asked.contains(OpenFlags::EXCL) => {}
                    published => return published,
                },
                _ => return unexpected(),
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Maps an existing semaphore, or finds it mapped.
    fn share_semaphore(&mut self, fd: OwnedFd) -> Result<usize, Errno> {
        let facts = fd::facts(&fd)?;
        let known = self.semaphores.iter().enumerate().find(|(_, open)| open.identity == facts.identity);
        if let Some((index, open)) = known {
            let opens = open.opens.checked_add(1).ok_or(Errno::EOVERFLOW)?;
            self.semaphores.set(index, Semaphore { opens, ..open });
            return Ok(open.address);
        }
        // An object that was made otherwise and named so: beyond its end there is nothing but SIGBUS.
        if facts.size.0 < SEM_BYTES {
            return Err(Errno::EINVAL);
        }
        let address = map_semaphore(&fd)?;
        self.remember_semaphore(address, facts.identity)?;
        Ok(address)
    }

    /// Initialises a fresh semaphore and asks for its name.
    fn publish(
        &mut self,
        answer: Answer,
        ticket: Ticket,
        value: u32,
        init: &dyn Fn(usize, u32),
    ) -> Result<usize, Errno> {
        let prepared = answer.descriptor().and_then(|fd| {
            let identity = fd::facts(&fd)?.identity;
            map_semaphore(&fd).map(|address| (address, identity))
        });
        // What was not published the broker gives up with this client's next `SemOpen`, or with the client.
        let (address, identity) = prepared?;
        init(address, value);
        let published = self.ask_done(&Call::SemPublish { ticket });
        if let Err(errno) = published {
            let _ = map::unplace(address, LEN);
            return Err(errno);
        }
        self.remember_semaphore(address, identity)?;
        Ok(address)
    }

    /// Puts a semaphore into the list, which has room.
    fn remember_semaphore(&mut self, address: usize, identity: Identity) -> Result<(), Errno> {
        let open = Semaphore { address, identity, opens: 1 };
        self.semaphores.push(open).inspect_err(|_| {
            let _ = map::unplace(address, LEN);
        })
    }
}

/// What is asked of the broker.
struct Asked {
    asked: OpenFlags,
    value_is_bad: bool,
}

/// A bad value is refused only where a semaphore would be created with it (`sem_open`, glibc 2.36).
fn creatable(flags: OpenFlags, value: u32) -> Result<Asked, Errno> {
    let value_is_bad = flags.contains(OpenFlags::CREAT) && value > SEM_VALUE_MAX;
    if !value_is_bad {
        return Ok(Asked { asked: flags, value_is_bad });
    }
    if flags.contains(OpenFlags::EXCL) {
        return Err(Errno::EINVAL);
    }
    Ok(Asked { asked: flags.difference(OpenFlags::CREAT), value_is_bad })
}

fn map_semaphore(fd: &OwnedFd) -> Result<usize, Errno> {
    map::place(fd, LEN, &Place { address: 0, fixed: Fixed::Anywhere, write: true, exec: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_matters_only_to_a_new_semaphore() {
        let check = |flags, value| creatable(flags, value).map(|asked| asked.asked);
        let creat = OpenFlags::CREAT;
        let bad = SEM_VALUE_MAX + 1;
        assert_eq!(check(creat, SEM_VALUE_MAX), Ok(creat));
        assert_eq!(check(OpenFlags::empty(), bad), Ok(OpenFlags::empty()));
        assert_eq!(check(creat, bad), Ok(OpenFlags::empty()));
        assert_eq!(check(creat | OpenFlags::EXCL, bad), Err(Errno::EINVAL));
    }
}
