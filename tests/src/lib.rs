//! The harness of tests with several processes.
//!
//! A test lives in a [`World`]: System V tables, a /dev/shm, a /run and process numbers of its own, so that it sees
//! nobody's objects, leaves none, and everything it started ends with it, whatever happens.
//!
//! Owns: scratch folders, compiling C programs, processes with a time limit, worlds, actors, comparing transcripts.
//! Leaves to others: what is tested (`tests/calls.rs`, `tests/programs.rs`, `tests/faults.rs`).

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

mod actor;
mod cc;
mod diff;
mod mounts;
mod proof;
mod run;
mod scratch;
mod setting;
mod sides;
mod store;
mod world;

pub use actor::{Actor, Stage};
pub use cc::compile;
pub use diff::{Differences, Edit, compare, report};
pub use mounts::Mounts;
pub use proof::untouched;
pub use run::{Outcome, Running, eventually, run, wait_for};
pub use scratch::Scratch;
pub use setting::Setting;
pub use sides::{Case, Sides, Transcript};
pub use store::Store;
pub use world::{DevShm, World};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take before it is ended and the test fails. No test measures time: this only ends what hangs.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Ends a test that cannot run here, with the reason.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        println!("SKIP: {}", format_args!($($reason)*));
        return;
    }};
}

/// The folder of this package.
pub fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test: `SHMFS_TEST_SHM`, or `shm` beside the test's own folder of the build.
pub fn shm() -> PathBuf {
    let named = std::env::var_os("SHMFS_TEST_SHM").map(PathBuf::from);
    let shm = named.unwrap_or_else(|| {
        let own = std::env::current_exe().expect("the test's own path");
        own.ancestors().nth(2).expect("a test lies two folders deep").join("shm")
    });
    assert!(
        shm.is_file(),
        "there is no program {}\nhint: `cargo build -p shmfs-cli`, or set SHMFS_TEST_SHM",
        shm.display()
    );
    shm
}

/// Whether long tests are asked for (`cargo xtask test --full`).
pub fn full() -> bool {
    std::env::var_os("SHMFS_TEST_FULL").is_some()
}

/// Whether this is root, who can be any user and needs no user namespace.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
