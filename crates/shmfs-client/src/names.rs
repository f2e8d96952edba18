//! Names as programs write them.
//!
//! Owns: glibc's reading of them (`__shm_get_name`, posix/shm-directory.c, 2.36): leading slashes do not count,
//! semaphores get a prefix.
//! Leaves to others: what a name may be made of (`Name`).

use shmfs_abi::{Errno, Name, NameError, limits::NAME_BYTES};

/// What stands before the name of a semaphore in /dev/shm.
const SEM_PREFIX: &[u8] = b"sem.";

/// What stands before every name (`SHMDIR`).
const DIRECTORY_BYTES: usize = b"/dev/shm/".len();

/// glibc's room for directory, prefix, name and NUL; what does not fit is no name to it (`struct shmdir_name`).
const ROOM: usize = DIRECTORY_BYTES + 1 + SEM_PREFIX.len() + NAME_BYTES;

/// The name without its leading slashes, or nothing for what glibc does not read as a name.
fn read<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let slashes = name.iter().take_while(|&&byte| byte == b'/').count();
    let name = name.get(slashes..).unwrap_or_default();
    let fits = DIRECTORY_BYTES + prefix.len() + name.len() < ROOM;
    (fits && !name.is_empty() && !name.contains(&b'/')).then_some(name)
}

/// The name of an object that is to be opened.
pub(crate) fn object(name: &[u8]) -> Result<Name, Errno> {
    Name::new(read(name, b"").ok_or(Errno::EINVAL)?).map_err(NameError::errno)
}

/// The name of an object that is to be unlinked: `.` and `..` are found, and are directories.
pub(crate) fn object_to_unlink(name: &[u8]) -> Result<Name, Errno> {
    Name::new(read(name, b"").ok_or(Errno::ENOENT)?).map_err(|error| match error {
        NameError::Directory => Errno::EISDIR,
        error => error.errno(),
    })
}

/// The object's name of a semaphore that is to be opened.
pub(crate) fn semaphore(name: &[u8]) -> Result<Name, Errno> {
    prefixed(read(name, SEM_PREFIX).ok_or(Errno::EINVAL)?)
}

/// The object's name of a semaphore that is to be unlinked.
pub(crate) fn semaphore_to_unlink(name: &[u8]) -> Result<Name, Errno> {
    prefixed(read(name, SEM_PREFIX).ok_or(Errno::ENOENT)?)
}

/// glibc says `EACCES` where the kernel has `EPERM`, as POSIX has it (shm_unlink.c, sem_unlink.c).
pub(crate) fn sticky(errno: Errno) -> Errno {
    if errno == Errno::EPERM { Errno::EACCES } else { errno }
}

fn prefixed(name: &[u8]) -> Result<Name, Errno> {
    let mut whole = [0; NAME_BYTES];
    let place = whole.get_mut(..SEM_PREFIX.len() + name.len()).ok_or(Errno::ENAMETOOLONG)?;
    for (to, from) in place.iter_mut().zip(SEM_PREFIX.iter().chain(name)) {
        *to = *from;
    }
    Name::new(place).map_err(NameError::errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_glibc_reads_them() {
        let long = [b'n'; 300];
        let check = |read: Result<Name, Errno>, expected: Result<&[u8], Errno>| {
            assert_eq!(read.as_ref().map(Name::as_bytes).map_err(|errno| *errno), expected);
        };
        check(object(b"/a"), Ok(b"a"));
        check(object(b"a"), Ok(b"a"));
        check(object(b"///a"), Ok(b"a"));
        check(object(b"/a/b"), Err(Errno::EINVAL));
        check(object(b"/"), Err(Errno::EINVAL));
        check(object(b"/.."), Err(Errno::EINVAL));
        check(object(&long[..259]), Err(Errno::ENAMETOOLONG));
        check(object(&long[..260]), Err(Errno::EINVAL));
        check(object_to_unlink(&long[..260]), Err(Errno::ENOENT));
        check(object(&long[..255]), Ok(&long[..255]));
        check(object_to_unlink(b"/."), Err(Errno::EISDIR));
        check(object_to_unlink(b"/"), Err(Errno::ENOENT));
        check(semaphore_to_unlink(b"/"), Err(Errno::ENOENT));
        check(semaphore(b"/s"), Ok(b"sem.s"));
        check(semaphore(b"/.."), Ok(b"sem..."));
        check(semaphore(b"//"), Err(Errno::EINVAL));
        check(semaphore(b"/s/t"), Err(Errno::EINVAL));
        check(semaphore(&long[..252]), Err(Errno::ENAMETOOLONG));
        check(semaphore(&long[..256]), Err(Errno::EINVAL));
        assert_eq!(semaphore(&long[..251]).unwrap().as_bytes().len(), 255);
    }
}
