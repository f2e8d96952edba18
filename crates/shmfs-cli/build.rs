//! Builds the preload with a cargo of its own and hands its path to the program, which includes its bytes.
//!
//! A second cargo, because the preload is a `no_std` cdylib with a panic handler: in one build with the
//! program, which uses std, its dependencies would be unified with the program's.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates whose code ends up in the preload.
const BUILT_FROM: [&str; 6] =
    ["shmfs-abi", "shmfs-sys", "shmfs-index", "shmfs-wire", "shmfs-client", "shmfs-preload"];

/// What the outer cargo, clippy or the person set for the program and must not reach the preload.
const NOT_FOR_THE_PRELOAD: [&str; 9] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_BUILD_TARGET",
];

fn main() {
    let root = workspace_root();
    for name in BUILT_FROM {
        println!("cargo:rerun-if-changed={}", root.join("crates").join(name).display());
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
    }
    let library = build_preload(&root);
    println!("cargo:rustc-env=SHMFS_PRELOAD={}", library.display());
}

fn workspace_root() -> PathBuf {
    let manifest_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    manifest_dir.ancestors().nth(2).map(Path::to_owned).unwrap_or(manifest_dir)
}

fn build_preload(root: &Path) -> PathBuf {
    let target = variable("TARGET");
    let target_dir = PathBuf::from(variable("OUT_DIR")).join("preload");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["build", "--quiet", "--package", "shmfs-preload", "--profile", "preload"])
        .args(["--target", &target])
        .arg("--target-dir")
        .arg(&target_dir)
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"));
    for name in NOT_FOR_THE_PRELOAD {
        cargo.env_remove(name);
    }
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the preload does not build: {cargo:?} ended with {status}"),
        Err(error) => panic!("cannot run {cargo:?}: {error}"),
    }
    target_dir.join(target).join("preload").join("libshmfs_preload.so")
}

fn variable(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) => value,
        Err(error) => panic!("cargo sets {name}: {error}"),
    }
}
