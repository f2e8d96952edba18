//! Running what is installed here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says why a test cannot run here.
pub(crate) fn skip(reason: &str) {
    println!("SKIP: {reason}");
}

/// The program of this name in PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The program `shm`.
pub(crate) fn shm() -> Option<PathBuf> {
    let named = env::var_os("SHMFS_TEST_SHM").map(PathBuf::from).filter(|shm| shm.is_file());
    named.map(|shm| std::path::absolute(shm).unwrap()).or_else(|| find("shm"))
}

/// A program that is ended if it hangs, in an environment that leads to no store.
pub(crate) fn within_two_minutes(program: &Path) -> Command {
    let mut run = match find("timeout") {
        Some(timeout) => {
            let mut run = Command::new(timeout);
            run.arg("120").arg(program);
            run
        }
        None => Command::new(program),
    };
    for variable in ["SHMFS_STORE", "SHMFS_TOKEN", "LD_PRELOAD"] {
        run.env_remove(variable);
    }
    run
}

/// What a command says that must succeed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
