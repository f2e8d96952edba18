//! A folder for one test, gone with it.

use crate::{LIMIT, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that every user can enter; removed on drop.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one; `name` is for whoever finds it left behind.
    pub fn new(name: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("shmfs-test-{}-{number}-{name}", std::process::id()));
        fs::create_dir(&path).expect("a scratch folder");
        open_to_all(&path);
        Scratch { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A copy of a program, in reach of every user. Made by another process: a child that one of our threads forks
    /// meanwhile would hold our descriptor, and a file open for writing cannot be executed (ETXTBSY).
    pub fn copy_of(&self, program: &Path, name: &str) -> PathBuf {
        let copy = self.join(name);
        run(Command::new("cp").arg(program).arg(&copy), LIMIT).expect_success("copying the program");
        open_to_all(&copy);
        copy
    }
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode 0755");
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            println!("cannot remove {}: {error}", self.path.display());
        }
    }
}
