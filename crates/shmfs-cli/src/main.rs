//! `shm`: see, limit, keep and clean shared memory, and run programs on it.
//!
//! Owns: the command line, what is printed, where a store is found, the life of a private store as processes, the
//! laying of the preload.
//! Leaves to others: serving (`shmfs-broker`), keeping (`shmfs-keeper`), asking (`shmfs-client`).

mod clock;
mod commands;
mod failure;
mod interrupt;
mod json;
mod keep;
mod launch;
mod limits;
mod listing;
mod log;
mod output;
mod places;
mod preload;
mod program;
mod progress;
mod replace;
mod report;
mod restore;
mod signals;
mod size;
mod snapshot;
mod store;
mod table;
mod text;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::carry_out(commands::Cli::parse()) {
        Ok(status) => status,
        Err(failure) => failure.tell(),
    }
}
