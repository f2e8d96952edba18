//! PyTorch's DataLoader, unmodified, under `shm run` where /dev/shm has 64 MB, as in containers: natively it dies there.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, LIMIT, full, need_program, run, setting, skip};
use std::process::Command;

/// The Python of Debian's PyTorch.
const PYTHON: &str = "/usr/bin/python3";

/// All batches of programs/loader.py together.
const BATCHES: u64 = 32 * (12 << 20);

fn loads(strategy: &str) {
    if !full() {
        skip!("PyTorch: with --full");
    }
    need_program!(PYTHON, "python3");
    if !run(Command::new(PYTHON).args(["-c", "import torch"]), LIMIT).success() {
        skip!("no PyTorch; on Debian: apt-get install python3-torch");
    }
    let setting = setting!("torch", DevShm::Small);
    setting.copy("loader.py");
    let script = format!("PYTHONDONTWRITEBYTECODE=1 {PYTHON} \"$0/loader.py\" {strategy}");
    let (outcome, usage) = setting.serve(&[], &["--size", "1G"], &script);
    assert_eq!(outcome.expect_success("PyTorch under shmfs"), format!("{strategy} True\n"));
    setting.prove(&usage, &["shm_open", "shm_unlink", "ftruncate"]);
    assert!(usage["peak_bytes"].as_u64() >= Some(BATCHES), "{usage}");
    // The counter-proof last: it uses this world's /dev/shm.
    let script = format!("{script} 2>&1");
    let natively = setting.world().shell(&script, &[setting.scratch().path().as_os_str()]);
    assert!(!natively.success(), "64 MB were enough: {natively:?}");
}

#[test]
fn loader_by_descriptors() {
    loads("file_descriptor");
}

#[test]
fn loader_by_names() {
    loads("file_system");
}
