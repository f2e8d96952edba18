//! The units for systemd: it finds nothing to complain about in them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

use shmfs_tests::{Scratch, here, shm, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where packages install the program.
const INSTALLED: &str = "/usr/bin/shm";

fn units() -> PathBuf {
    here().join("../dist/systemd")
}

/// Copies the units of a folder so that they start the program under test; gives the copies' paths.
fn copies(of: &Path, scratch: &Scratch) -> Vec<PathBuf> {
    let program = shm();
    ["shmfs.service", "shmfs.socket"]
        .map(|name| {
            let text = fs::read_to_string(of.join(name)).unwrap();
            let copy = scratch.path().join(name);
            fs::write(&copy, text.replace(INSTALLED, program.to_str().unwrap())).unwrap();
            copy
        })
        .to_vec()
}

/// What `systemd-analyze verify` says; it complains without failing. Nothing where there is no such program.
fn verify(options: &[&str], units: &[PathBuf]) -> Option<String> {
    let mut analyze = Command::new("systemd-analyze");
    // A user's manager wants to know where the user's files lie.
    analyze
        .args(options)
        .args(["verify", "--man=no"])
        .args(units)
        .env("XDG_RUNTIME_DIR", "/tmp")
        .env("HOME", "/");
    let output = analyze.output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { said } else { format!("{said}{}", output.status) })
}

fn check(options: &[&str], folder: &Path) {
    let scratch = Scratch::new("units");
    let copies = copies(folder, &scratch);
    let Some(said) = verify(options, &copies) else { skip!("no systemd-analyze(1) here") };
    assert_eq!(said, "", "{}", folder.display());
    // It would have said so.
    let service = &copies[0];
    let text = fs::read_to_string(service).unwrap();
    fs::write(service, text.replace("KillMode=mixed", "KillMode=none-such")).unwrap();
    let said = verify(options, &copies).unwrap();
    assert!(said.contains("kill mode"), "{said}");
}

#[test]
fn the_systems_units_are_in_order() {
    check(&[], &units());
}

#[test]
fn a_users_units_are_in_order() {
    check(&["--user"], &units().join("user"));
}

#[test]
fn sockets_are_where_clients_look() {
    let socket = |folder: &Path| {
        let text = fs::read_to_string(folder.join("shmfs.socket")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("ListenSequentialPacket=")).unwrap().to_owned()
    };
    // `Places` in the program: root's below /run/shmfs, a user's below XDG_RUNTIME_DIR, which is %t.
    assert_eq!(socket(&units()), "/run/shmfs/system/socket");
    assert_eq!(socket(&units().join("user")), "%t/shmfs/user/socket");
}
