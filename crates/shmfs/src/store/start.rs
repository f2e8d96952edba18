//! Starting stores with the program `shm`.
//!
//! Owns: finding the program, its surroundings, the agreement that one process starts the user's store.
//! Leaves to others: everything that the program does.

use super::Store;
use crate::{Error, Places, Result};
use rustix::fs::{FlockOperation, flock};
use shmfs_abi::{
    Errno,
    store::{ENV_STORE, ENV_TOKEN},
};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Environment: the path of the program `shm`, where PATH does not lead to it.
const ENV_PROGRAM: &str = "SHMFS_PROGRAM";
const PROGRAM: &str = "shm";
const ENV_PRELOAD: &str = "LD_PRELOAD";

/// Starts the user's store in the background. `join` looks for it: where several processes come at once, one starts it
/// and the others find it.
pub(super) fn users(places: &Places, join: impl Fn() -> Result<Option<Store>>) -> Result<Store> {
    let name = places.default_name();
    let dir = places.make(name.as_ref())?;
    // A starter has a lock on the folder; the kernel gives it back when the process ends.
    let turn = dir.parent().map(File::open).transpose().and_then(|folder| {
        folder
            .map(|folder| flock(&folder, FlockOperation::LockExclusive).map(|()| folder))
            .transpose()
            .map_err(Into::into)
    });
    let turn =
        turn.map_err(|error: io::Error| Error::io(&error, "cannot wait for others that start the store"))?;
    if let Some(store) = join()? {
        return Ok(store);
    }
    let mut command = program("no store runs")?;
    command.args(["daemon", "--background", "--store", name]).stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.output().map_err(|error| not_run(&command, &error, "no store runs"))?;
    drop(turn);
    match join()? {
        Some(store) => Ok(store),
        // It has said why.
        None => Err(Error::because(Errno::ECONNREFUSED, said(&output.stderr))),
    }
}

/// The program `shm`, with an environment in which no store serves it.
pub(super) fn program(otherwise: &str) -> Result<Command> {
    let program = env::var_os(ENV_PROGRAM).filter(|program| !program.is_empty()).map(PathBuf::from);
    let program = program.or_else(in_path).ok_or_else(|| not_found(otherwise))?;
    let mut command = Command::new(program);
    command.current_dir("/").env_remove(ENV_STORE).env_remove(ENV_TOKEN);
    if let Some(preloads) = env::var_os(ENV_PRELOAD) {
        match without_ours(&preloads) {
            others if others.is_empty() => command.env_remove(ENV_PRELOAD),
            others => command.env(ENV_PRELOAD, others),
        };
    }
    Ok(command)
}

/// The program could not be run.
pub(super) fn not_run(command: &Command, error: &io::Error, otherwise: &str) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return not_found(otherwise);
    }
    Error::io(error, format_args!("cannot run {}", command.get_program().display()))
}

fn not_found(otherwise: &str) -> Error {
    let hint = "hint: install it, name it by SHMFS_PROGRAM, or use Store::embedded()";
    Error::because(Errno::ENOENT, format!("{otherwise} and the program `shm` was not found; {hint}"))
}

fn in_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(PROGRAM))
        .find(|file| file.is_file())
}

/// LD_PRELOAD without the library of `shm run`: a broker must not be served by a store.
fn without_ours(preloads: &OsStr) -> OsString {
    let is_ours = |library: &&[u8]| {
        let file = library.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        file.starts_with(b"libshmfs")
    };
    let others = preloads.as_bytes().split(|byte| matches!(byte, b':' | b' '));
    let others: Vec<&[u8]> = others.filter(|library| !library.is_empty() && !is_ours(library)).collect();
    OsString::from_vec(others.join(&b':'))
}

/// What the program has said, in one line.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("shm: ")).collect();
    if lines.is_empty() {
        "the store could not be started, and `shm` did not say why".to_owned()
    } else {
        lines.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_librarys_own_preload_is_left_out() {
        let check =
            |given: &str, expected: &str| assert_eq!(without_ours(given.as_ref()), expected, "{given}");
        check("/run/shmfs/libshmfs-0123.so", "");
        check("/usr/lib/libasan.so:/run/shmfs/libshmfs-0123.so other.so", "/usr/lib/libasan.so:other.so");
        check("", "");
    }

    #[test]
    fn what_the_program_says_is_one_line() {
        assert_eq!(
            said(b"shm: cannot start the store: no\nhint: do\n"),
            "cannot start the store: no; hint: do"
        );
    }
}
