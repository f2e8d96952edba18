//! `shm`: see, limit, keep and clean shared memory, and run programs on it.
//!
//! Owns: the command line, what is printed, where a store is found, the life of a private store as processes, the
//! laying of the preload, mounting.
//! Leaves to others: serving (`shmfs-broker`, `shmfs-fuse`), keeping (`shmfs-keeper`), asking (`shmfs-client`).

mod attached;
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
mod mounting;
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
    let (arguments, is_helper) = commands::arguments(std::env::args_os());
    let cli = match commands::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if is_helper => return commands::wrong_usage(&error),
        Err(error) => error.exit(),
    };
    match commands::carry_out(cli) {
        Ok(status) => status,
        Err(failure) => failure.tell(),
    }
}
