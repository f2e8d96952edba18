//! The load on a mounted store while its brokers are killed: `cargo xtask faults --mount`, tests/mount_faults.rs; and
//! the library's door for tests/coherence/.
//!
//!     mount_load faults [--brokers N] [--seconds N] [--seed S] [--tmpfs 1]
//!     mount_load door STORE
//!
//! Owns: the world, what is wanted.
//! Leaves to others: the processes that call (load.c), the mount (`mounted`), kills (`brokers`), the end (`course`).

#![allow(clippy::expect_used, reason = "a load that cannot be set up fails, and says why")]

mod brokers;
mod control;
mod course;
mod door;
mod mounted;
mod options;

use options::Options;
use shmfs_tests::{DevShm, Scratch, World, compile, is_root, shm};
use std::path::Path;
use std::process::ExitCode;

/// The exit status where no world can be made or nothing can be mounted: a reason to skip.
const NO_WORLD: u8 = 77;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, words) = match words.as_slice() {
        ["door", store] => return door::serve(Path::new(store)),
        ["--inside", folder, words @ ..] => (Some(*folder), words),
        words => (None, words),
    };
    let options = match Options::parse(words) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("mount_load: {why}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let Some(folder) = folder else { return outside(&options) };
    match course::run(Path::new(folder), &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("mount_load: {why}\nmount_load: seed {}", options.seed);
            ExitCode::FAILURE
        }
    }
}

/// Makes the world, and goes on in it.
fn outside(options: &Options) -> ExitCode {
    if !is_root() || !Path::new("/dev/fuse").exists() {
        println!("only root can mount a store, and with /dev/fuse");
        return ExitCode::from(NO_WORLD);
    }
    let world = match World::start(DevShm::Ample) {
        Ok(world) => world,
        Err(reason) => {
            println!("{reason}");
            return ExitCode::from(NO_WORLD);
        }
    };
    let scratch = Scratch::new("mount_load");
    scratch.copy_of(&shm(), "shm");
    compile("mount_load/load.c", scratch.path(), &[]);
    let mut inside = world.command(std::env::current_exe().expect("the path of this program"));
    inside.arg("--inside").arg(scratch.path()).args(options.words());
    let status = inside.status().expect("nsenter has run before");
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
