//! Storms of kills with real processes: `cargo xtask faults`, `cargo xtask bench restart`, tests/storm.rs.
//!
//! Everything happens in a world of its own, in which this program runs a second time as the driver.
//!
//! Owns: the world, what is wanted.
//! Leaves to others: the processes that call (storm.c), killing brokers (`brokers`), what is compared (`rest`).

#![allow(clippy::expect_used, reason = "a storm that cannot be set up fails, and says why")]

mod brokers;
mod course;
mod dice;
mod ledger;
mod options;
mod report;
mod rest;
mod restart;
mod retry;
mod store;

use options::Options;
use shmfs_tests::{DevShm, Scratch, World, compile, shm};
use std::path::Path;
use std::process::ExitCode;

/// The exit status where no world can be made: a reason to skip.
const NO_WORLD: u8 = 77;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, words) = match arguments.as_slice() {
        [inside, folder, words @ ..] if inside == "--inside" => (Some(folder.clone()), words),
        words => (None, words),
    };
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("storm: {why}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let Some(folder) = folder else { return outside(&options) };
    let folder = Path::new(&folder);
    store::watch_visits(options.seed);
    let outcome = match options.what.as_str() {
        "faults" => course::run(folder, &options),
        "retry" => retry::run(folder, &options),
        _ => restart::run(folder, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("storm: {why}\nstorm: seed {}", options.seed);
            ExitCode::FAILURE
        }
    }
}

/// Makes the world, and goes on in it.
fn outside(options: &Options) -> ExitCode {
    let world = match World::start(DevShm::Ample) {
        Ok(world) => world,
        Err(reason) => {
            println!("{reason}");
            return ExitCode::from(NO_WORLD);
        }
    };
    let scratch = Scratch::new("storm");
    let own = std::env::current_exe().expect("the path of this program");
    let beside = own.with_file_name("shm");
    let named = std::env::var_os("SHMFS_TEST_SHM").is_some() || !beside.exists();
    scratch.copy_of(&if named { shm() } else { beside }, "shm");
    compile("storm/storm.c", scratch.path(), &[]);
    let mut inside = world.command(own);
    inside.arg("--inside").arg(scratch.path()).args(options.words());
    let status = inside.status().expect("nsenter has run before");
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
