//! Every example, run as a person runs it, and what each of its processes said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use shmfs::Store;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A built example.
fn example(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let path: PathBuf = own.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.is_file(), "there is no {}\nhint: `cargo build -p shmfs --examples`", path.display());
    let mut command = Command::new(path);
    command.env_remove("SHMFS_STORE").env_remove("SHMFS_TOKEN").env_remove("SHMFS_PROGRAM");
    command
}

#[track_caller]
fn check(mut command: Command, expected: &[&str]) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (said, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}: {said}\n{errors}");
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "{errors}");
}

#[test]
fn an_unlinked_file_is_mapped_by_both() {
    check(
        example("unlinked_file"),
        &[
            "second: the first wrote `a word to the second`",
            "first: the second wrote `a word to the first`, and no file is at its path: true",
        ],
    );
}

#[test]
fn an_object_with_a_name_is_found_by_the_second() {
    let store = Store::embedded().unwrap();
    let mut command = example("shm_open");
    command.envs(store.environment());
    check(
        command,
        &[
            "first: I made `/shmfs-example` with 4096 bytes, all zero: true",
            "second: 1 was here before me, and wrote `for whoever is second`",
            "first: 2 have been here; the name is free: true",
        ],
    );
    // Made, opened by name, and asked for once more when it was gone.
    assert_eq!(store.usage().unwrap().calls("shm_open"), Some(3), "this store served it");
}

#[test]
fn a_descriptor_is_passed_over_a_socket() {
    check(
        example("passed_descriptor"),
        &[
            "second: 1048576 bytes came, with `look at the other end`; to cut them is refused: Err(1)",
            "first: at the other end stands 4711",
        ],
    );
}

#[test]
fn anonymous_memory_is_inherited_over_fork() {
    check(
        example("anonymous_fork"),
        &["child: the parent wrote 12, and I square it", "parent: the child wrote 144, and ended well: true"],
    );
}

#[test]
fn a_segment_is_found_by_the_key_of_a_file() {
    let store = Store::embedded().unwrap();
    let mut command = example("sysv_ftok");
    command.envs(store.environment());
    check(
        command,
        &[
            "second: 5000 bytes, attached 2 times, with `found by its key`",
            "first: 1 attach is left of two; byte 4999 is 7",
            "first: removed and detached, it is gone: true",
        ],
    );
    let usage = store.usage().unwrap();
    assert_eq!((usage.calls("shmget"), usage.calls("shmat")), (Some(2), Some(2)), "this store served it");
}

#[test]
fn a_durable_object_is_there_at_the_second_run() {
    let state = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = example("durable");
        command.arg(state.path());
        command
    };
    check(run(), &["found: nothing, a new ledger", "persisted: epoch 1", "rolled back: 8 bytes"]);
    check(run(), &["found: 15 bytes", "  run 1 was here", "persisted: epoch 3", "rolled back: 8 bytes"]);
    check(
        run(),
        &[
            "found: 30 bytes",
            "  run 1 was here",
            "  run 2 was here",
            "persisted: epoch 5",
            "rolled back: 8 bytes",
        ],
    );
}

#[test]
fn a_private_store_is_joined_by_the_second() {
    let Some(shm) = common::shm() else { skip!("the program shm is not built") };
    let mut command = example("private_store");
    command.env("SHMFS_PROGRAM", shm);
    check(
        command,
        &[
            "first: 262144 of 1048576 bytes are used",
            "first: cannot create `too-much`: 1048576 bytes asked, 786432 free of this store's 1048576 (ENOSPC)",
            "second: 2 of us are here; the first and the last byte are 7 and 7",
            "first: the store has served 3 calls of shm_open",
        ],
    );
}
