//! Blocking signals of the calling thread, those that the C library keeps for itself included.
//!
//! Owns: the mask while it is blocked.
//! Leaves to others: when to restore it.

use crate::raw::{self, number};

const SIG_BLOCK: usize = 0;
const SIG_SETMASK: usize = 2;

/// A thread's signal mask: the kernel's 64 bits (`sigset_t`, asm-generic/signal.h).
#[derive(Clone, Copy)]
pub(crate) struct Mask(pub(crate) u64);

/// Blocks all signals and returns the mask as it was.
pub(crate) fn block_all() -> Mask {
    block(Mask(!0))
}

/// Blocks these signals too and returns the mask as it was.
pub(crate) fn block(mask: Mask) -> Mask {
    change(SIG_BLOCK, mask)
}

/// Sets the mask that [`block_all`] or [`block`] returned.
pub(crate) fn restore(mask: Mask) {
    change(SIG_SETMASK, mask);
}

fn change(how: usize, mask: Mask) -> Mask {
    let mut old = 0u64;
    let (new, old_at) = (&raw const mask.0 as usize, &raw mut old as usize);
    // SAFETY: both masks are eight bytes on this stack, as the size says; it cannot fail with these arguments.
    unsafe { raw::syscall6(number::RT_SIGPROCMASK, how, new, old_at, size_of::<u64>(), 0, 0) };
    Mask(old)
}
