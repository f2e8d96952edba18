//! `mkstemp` and its like: libc opens its names inside itself, so those of the store are made up here.
//!
//! Owns: the C signatures, the random names.
//! Leaves to others: templates elsewhere (libc).
//! Not done: `mkdtemp` below /dev/shm, refused with `EPERM`; `mktemp` and `tempnam`.

use super::{Place, Room, asked, component, open, opened};
use crate::{errno, next::Next, pointer::Text, raw};
use core::{ffi::CStr, ptr};
use libc::{c_char, c_int};
use shmfs_abi::Errno;

type Suffixed = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
type Mkdtemp = unsafe extern "C" fn(*mut c_char) -> *mut c_char;

crate::as_libc! {
    mkstemp: unsafe extern "C" fn(*mut c_char) -> c_int;
    mkostemp: unsafe extern "C" fn(*mut c_char, c_int) -> c_int;
    mkstemps: unsafe extern "C" fn(*mut c_char, c_int) -> c_int;
    mkostemps: Suffixed;
    mkdtemp: Mkdtemp;
}

/// Letters of a random part, and how many (glibc, sysdeps/posix/tempname.c).
const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const RANDOM: usize = 6;

/// Names that are tried: with 62^6 of them, one that is taken is rare.
const ATTEMPTS: usize = 1024;

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkstemp(template: *mut c_char) -> c_int {
    made(template, 0, 0)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkstemp64(template: *mut c_char) -> c_int {
    made(template, 0, 0)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkostemp(template: *mut c_char, flags: c_int) -> c_int {
    made(template, 0, flags)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkostemp64(template: *mut c_char, flags: c_int) -> c_int {
    made(template, 0, flags)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkstemps(template: *mut c_char, suffix: c_int) -> c_int {
    made(template, suffix, 0)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkstemps64(template: *mut c_char, suffix: c_int) -> c_int {
    made(template, suffix, 0)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    made(template, suffix, flags)
}

/// `mkstemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkostemps64(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    made(template, suffix, flags)
}

/// `mkdtemp(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mkdtemp(template: *mut c_char) -> *mut c_char {
    static REAL: Next = Next::new();
    let refused = match asked(libc::AT_FDCWD, template) {
        Some(_) => Errno::EPERM,
        // SAFETY: libc's function of that name has this type, see `as_libc` above.
        None => match unsafe { REAL.function::<Mkdtemp>(c"mkdtemp") } {
            // SAFETY: the argument is the program's own, for this very function.
            Some(real) => return unsafe { real(template) },
            None => Errno::ENOSYS,
        },
    };
    errno::set(refused);
    ptr::null_mut()
}

/// The other seven are `mkostemps` without flags or suffix, and one function for both sizes of `off_t` on 64 bits
/// (glibc, misc/mkstemp.c).
fn made(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    static REAL: Next = Next::new();
    const NAME: &CStr = c"mkostemps";
    match opened(libc::AT_FDCWD, template) {
        Some(Place::Below(name)) => errno::number(invented(name.cast_mut(), suffix, flags)),
        // SAFETY: libc's function of that name has this type, see `as_libc` above.
        _ => match unsafe { REAL.function::<Suffixed>(NAME) } {
            // SAFETY: the arguments are the program's own, for this very function.
            Some(real) => unsafe { real(template, suffix, flags) },
            None => errno::number(Err(Errno::ENOSYS)),
        },
    }
}

fn invented(name: *mut c_char, suffix: c_int, flags: c_int) -> Result<c_int, Errno> {
    let suffix = usize::try_from(suffix).map_err(|_| Errno::EINVAL)?;
    let first = length(name)?.checked_sub(RANDOM.saturating_add(suffix)).ok_or(Errno::EINVAL)?;
    if Text::<RANDOM>::read_start(name.wrapping_add(first))?.as_bytes() != b"XXXXXX" {
        return Err(Errno::EINVAL);
    }
    component(name, &mut Room::new())?;
    let flags = flags & !libc::O_ACCMODE | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    for _ in 0..ATTEMPTS {
        for (index, letter) in letters()?.into_iter().enumerate() {
            // SAFETY: the caller of `mkstemp` gives a template that may be written; these are its `X`.
            unsafe { name.wrapping_add(first + index).cast::<u8>().write_volatile(letter) };
        }
        match open::serve(Place::Below(name), flags, 0o600) {
            Some(Err(Errno::EEXIST)) => {}
            Some(opened) => return opened,
            None => return Err(Errno::EINVAL),
        }
    }
    Err(Errno::EEXIST)
}

/// Bytes of a template, its NUL not among them.
fn length(template: *const c_char) -> Result<usize, Errno> {
    let mut bytes = 0;
    Text::<0>::new().read_through(template, |_| {
        bytes += 1;
        true
    })?;
    Ok(bytes)
}

fn letters() -> Result<[u8; RANDOM], Errno> {
    let mut random = [0u8; RANDOM];
    let args = [random.as_mut_ptr().expose_provenance(), RANDOM, 0, 0];
    // SAFETY: the kernel writes so many bytes to this frame's own array.
    unsafe { raw::call(libc::SYS_getrandom, args) }?;
    Ok(random.map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]))
}
