//! Pointers from the program: a bad one is `EFAULT`, as from the kernel, and never a crash.
//!
//! The kernel is asked whether it can reach an address by `rt_sigprocmask`, which every process may call:
//! with an invalid `how` it reads eight bytes and then refuses with `EINVAL`; with no new set it writes eight
//! bytes (kernel/signal.c, v6.18). `process_vm_readv` would do it as well, but is often forbidden by seccomp. Any
//! other answer than `EFAULT` lets the access go ahead directly.
//!
//! Owns: every access to memory that the program named.
//! Leaves to others: what the bytes mean.
//! Not done: a thread that unmaps memory while another one passes it to a call can still make it crash.

use crate::raw;
use core::mem::{MaybeUninit, size_of};
use core::ptr;
use libc::{c_char, c_int};
use shmfs_abi::{
    Errno, PAGE_SIZE,
    limits::NAME_BYTES,
    sysv::{CShmInfo, CShmidDs, CShminfo},
};

/// Bytes of a string that a door reads at most, its NUL included: PATH_MAX.
pub const STRING_BYTES: usize = 4096;

/// Bytes of a name that are copied, which are more than any name has. A thread may have a stack of four pages, so no
/// door keeps a whole path there.
pub const NAME_ROOM: usize = NAME_BYTES + 9;

/// Bytes of a page.
pub const PAGE: usize = PAGE_SIZE as usize;

/// What `rt_sigprocmask` reads or writes: the kernel's `sigset_t`.
const PROBE_BYTES: usize = 8;

/// A `how` that is none of `SIG_BLOCK`, `SIG_UNBLOCK`, `SIG_SETMASK`.
const NO_HOW: c_int = -1;

/// A string of the program, copied: at most `N` bytes, without its NUL.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// Room for a string.
    pub const fn new() -> Text<N> {
        Text { bytes: [0; N], len: 0 }
    }

    /// Copies the string at `address`, or its first `N` bytes: too long in any case, and whoever asks says what
    /// that means.
    pub fn read_start(address: *const c_char) -> Result<Text<N>, Errno> {
        let mut text = Text::new();
        text.read(address, N, |_| true)?;
        Ok(text)
    }

    /// Reads the string at `address` to its end, or its first [`STRING_BYTES`], and copies of the bytes that `wanted`
    /// says yes to the first `N`.
    pub fn read_through(
        &mut self,
        address: *const c_char,
        wanted: impl FnMut(u8) -> bool,
    ) -> Result<&[u8], Errno> {
        self.read(address, STRING_BYTES, wanted)
    }

    fn read(
        &mut self,
        address: *const c_char,
        limit: usize,
        mut wanted: impl FnMut(u8) -> bool,
    ) -> Result<&[u8], Errno> {
        self.len = 0;
        for index in 0..limit {
            let from = address.wrapping_add(index);
            if index == 0 || from.addr().is_multiple_of(PAGE) {
                readable(from.addr())?;
            }
            // SAFETY: the page of `from` has just been found readable; races are named in the module's header.
            let byte = unsafe { from.cast::<u8>().read_volatile() };
            if byte == 0 {
                break;
            }
            if wanted(byte)
                && let Some(place) = self.bytes.get_mut(self.len)
            {
                *place = byte;
                self.len += 1;
            }
        }
        Ok(self.as_bytes())
    }

    /// The name at `address` without its leading slashes, of which there may be many.
    pub fn read_name(&mut self, address: *const c_char) -> Result<&[u8], Errno> {
        let mut begun = false;
        self.read_through(address, |byte| {
            begun |= byte != b'/';
            begun
        })
    }

    /// Copies the string at `address` without asking the kernel first; nothing when it is longer.
    ///
    /// # Safety
    /// The string must be readable up to its NUL.
    pub unsafe fn read_known(address: *const c_char) -> Option<Text<N>> {
        let mut bytes = [0; N];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let from = address.wrapping_add(index).cast::<u8>();
            // SAFETY: no earlier byte was the NUL, so the caller vouches for this one.
            *byte = unsafe { from.read_volatile() };
            if *byte == 0 {
                return Some(Text { bytes, len: index });
            }
        }
        None
    }

    /// The string's bytes and a NUL at least, which takes the place of the last byte where there is no other.
    pub fn padded(mut self) -> [u8; N] {
        self.bytes[N - 1] = 0;
        self.bytes
    }

    /// The string's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A C structure that the program passes by address.
///
/// # Safety
/// No padding, and every bit pattern is a value.
pub unsafe trait Plain: Copy {}

// SAFETY: integers only; the sizes asserted in shmfs-abi leave no room for padding.
unsafe impl Plain for CShmidDs {}
// SAFETY: integers only; the sizes asserted in shmfs-abi leave no room for padding.
unsafe impl Plain for CShminfo {}
// SAFETY: integers only; the sizes asserted in shmfs-abi leave no room for padding.
unsafe impl Plain for CShmInfo {}

/// Copies a structure from the program.
pub fn copy_in<T: Plain>(from: *const T) -> Result<T, Errno> {
    readable(from.addr())?;
    readable(from.addr().wrapping_add(extent::<T>() - 1))?;
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: both ends of the source, and so all its pages, were found readable; `value` is this frame's own.
    unsafe { ptr::copy_nonoverlapping(from.cast::<u8>(), value.as_mut_ptr().cast(), size_of::<T>()) };
    // SAFETY: all its bytes are written, and `Plain` says that any bytes are a value.
    Ok(unsafe { value.assume_init() })
}

/// Copies a structure to the program.
pub fn copy_out<T: Plain>(value: &T, to: *mut T) -> Result<(), Errno> {
    writable(to.addr())?;
    writable(to.addr().wrapping_add(extent::<T>() - PROBE_BYTES))?;
    let bytes = ptr::from_ref(value).cast::<u8>();
    // SAFETY: both ends of the target, and so all its pages, were found writable; `value` is a live reference.
    unsafe { ptr::copy_nonoverlapping(bytes, to.cast(), size_of::<T>()) };
    Ok(())
}

/// The bytes of a `T`: at least what a probe writes, and so few that both ends are on all its pages.
const fn extent<T: Plain>() -> usize {
    const { assert!(size_of::<T>() >= PROBE_BYTES && size_of::<T>() <= PAGE_SIZE as usize) };
    size_of::<T>()
}

/// `EFAULT` unless the program can read the byte at `address`; the aligned eight around it are on its page.
pub fn readable(address: usize) -> Result<(), Errno> {
    probe(NO_HOW, address & !(PROBE_BYTES - 1), 0)
}

/// `EFAULT` unless the program can write the eight bytes from `address` on. It writes there.
fn writable(address: usize) -> Result<(), Errno> {
    probe(NO_HOW, 0, address)
}

fn probe(how: c_int, read: usize, write: usize) -> Result<(), Errno> {
    // A null set means none to the kernel, and would go unnoticed.
    if read == 0 && write == 0 {
        return Err(Errno::EFAULT);
    }
    let args = [how as usize, read, write, PROBE_BYTES];
    // SAFETY: with `NO_HOW` no signal mask changes; what is written is the program's own output, about to be
    // overwritten; the kernel refuses what it cannot reach.
    match unsafe { raw::call(libc::SYS_rt_sigprocmask, args) } {
        Err(Errno::EFAULT) => Err(Errno::EFAULT),
        _ => Ok(()),
    }
}
