//! The program that `shm run` is to run: where it is, and whether the preload can serve it.
//!
//! Owns: the search along `PATH`, the reading of ELF headers and `#!` lines, the words of the warnings.
//! Not done: programs that a script starts by way of `env` or itself; each of them is preloaded or not on its own.

mod elf;
mod find;
mod warn;

pub(crate) use find::find;
pub(crate) use warn::warnings;
