//! The commands, one file each.

mod broker;
mod completions;
mod daemon;
mod df;
pub(crate) mod limits;
mod ls;
mod man;
mod mount;
mod mount_helper;
mod restore;
mod rm;
mod run;
mod snapshot;
mod stat;
mod umount;

pub(crate) use mount_helper::{arguments, wrong_usage};

use crate::failure::Failure;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  shm run -- python3 train.py        a program with shared memory of its own
  shm run --size 8G --report -- CMD  with a limit, and a report at the end
  shm ls --store run-4711            what is in it, from another terminal
  shm daemon --background            a store for all of your programs
  shm mount --store lab /mnt/lab     as files, for cp, df and every program

Exit status: 0 done, 1 refused or not found, 2 wrong usage, 3 no store.
Environment: SHMFS_STORE the store, SHMFS_LOG what to log (such as debug),
SHMFS_CPU_LATENCY=any lets idle cores sleep even while requests come.";

/// See, limit, keep and clean shared memory, and run programs on it
#[derive(Parser)]
#[command(name = "shm", version, after_help = EXAMPLES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Daemon(daemon::Args),
    Ls(ls::Args),
    Stat(stat::Args),
    Rm(rm::Args),
    Df(df::Args),
    Limits(limits::Args),
    Snapshot(snapshot::Args),
    Restore(restore::Args),
    Mount(mount::Args),
    Umount(umount::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
    #[command(hide = true)]
    MountHelper(mount_helper::Args),
    #[command(hide = true)]
    Broker(broker::Args),
}

/// Does what the command line says.
pub(crate) fn carry_out(cli: Cli) -> Result<ExitCode, Failure> {
    let done = match cli.command {
        Command::Run(args) => return run::run(&args),
        Command::Daemon(args) => daemon::run(&args),
        Command::Ls(args) => ls::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Rm(args) => return rm::run(&args),
        Command::Df(args) => df::run(&args),
        Command::Limits(args) => limits::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Mount(args) => mount::run(&args),
        Command::Umount(args) => umount::run(&args),
        Command::MountHelper(args) => return mount_helper::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Broker(args) => return broker::run(&args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
