//! Objects among processes: descriptors, sockets, seals.

use crate::answer::answer;
use crate::argument::{place, place_for_pointer};
use crate::descriptor::duplicate;
use crate::handle::{borrow, give};
use crate::object::Object;
use libc::c_int;
use shmfs::Seals;

/// Takes a descriptor of shared memory, or of any file that can be mapped, for an object. The descriptor stays the caller's; the
/// object has one of its own.
///
/// Errors: -EBADF for no descriptor; -ENODEV for what is no regular file; -EMFILE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_from_fd(fd: c_int, object: *mut *mut Object) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        give(shmfs::Object::from_fd(duplicate(fd, "an object")?)?.into(), place);
        Ok(())
    })
}

/// Gives the object to the process at the other end of a connected unix socket, stream or seqpacket: one byte, with a descriptor
/// (SCM_RIGHTS, unix(7)). The receiver has the same rights as this descriptor: whoever is to read only must be given an object
/// that is open for reading only, or sealed. There is no SIGPIPE.
///
/// Errors: -EPIPE if the other end has hung up; -EAGAIN if the socket does not block and is full; as sendmsg(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_send(object: *const Object, socket: c_int) -> c_int {
    answer(|| {
        // SAFETY: rule 1.
        let inside = unsafe { borrow(object)? };
        inside.object.send_to(duplicate(socket, "a socket")?)
    })
}

/// Takes the next object that the process at the other end gives with shmfs_object_send, or any other program with sendmsg(2),
/// one byte for each. The sender is trusted no further: what is no file that can be mapped is refused.
///
/// Errors: -ECONNRESET if the other end has hung up; -ENODATA if a byte came without a descriptor; -ENODEV for a descriptor of
/// something else; -EMFILE; -EAGAIN if the socket does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_receive(socket: c_int, object: *mut *mut Object) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place_for_pointer(object)? };
        give(shmfs::Object::receive_from(duplicate(socket, "a socket")?)?.into(), place);
        Ok(())
    })
}

/// Puts seals on it, which nobody can take off: F_SEAL_SHRINK and others of fcntl(2).
///
/// Errors: -EPERM where it is sealed against seals, or open for reading only; -EBUSY for F_SEAL_WRITE while it is mapped shared
/// for writing; -EINVAL for what cannot be sealed (objects with names) and seals that the kernel does not know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_seal(object: *const Object, seals: u32) -> c_int {
    // SAFETY: rule 1.
    answer(|| unsafe { borrow(object)? }.object.seal(Seals::from_bits_retain(seals)))
}

/// The seals on it.
///
/// Errors: -EINVAL for what cannot be sealed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shmfs_object_seals(object: *const Object, seals: *mut u32) -> c_int {
    answer(|| {
        // SAFETY: rule 3.
        let place = unsafe { place(seals, "the place for the seals")? };
        // SAFETY: rule 1.
        place.put(unsafe { borrow(object)? }.object.seals()?.bits());
        Ok(())
    })
}
