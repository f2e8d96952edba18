//! The C symbols of shmfs, for programs that are not changed: loaded into them by `LD_PRELOAD`.
//!
//! A door takes the program's arguments, calls the client and sets errno; it decides nothing, allocates nothing
//! from the program's heap (but for what the program is to free) and prints nothing. Nothing runs before the first call.
//!
//! Owns: the symbols, their C signatures, access to memory that the program names (`pointer`).
//! Leaves to others: the conversation with the broker, mappings, attach counts (`shmfs-client`).
//! Not done: System V semaphores and queues; programs that make system calls without libc, and the ways to /dev/shm
//! that `paths` names.
#![no_std]
#![allow(unsafe_code, reason = "C symbols: raw pointers, naked functions")]

mod env;
mod errno;
mod fork;
mod naked;
mod next;
mod open;
mod paths;
mod pointer;
mod posix;
mod proc;
mod raw;
mod sem;
mod size;
mod stream;
mod sysv;

use shmfs_client::Client;

/// This process's side of its store.
static CLIENT: Client = Client::new(env::settings);

/// Holds our symbols to libc's declarations of them: both must have the written type.
macro_rules! as_libc {
    ($($name:ident: $signature:ty;)*) => { $(
        const _: $signature = $name;
        const _: $signature = libc::$name;
    )* };
}
use as_libc;

/// A broken invariant ends the program here, without output: its descriptors are its own.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: `abort` has no preconditions.
    unsafe { libc::abort() }
}
