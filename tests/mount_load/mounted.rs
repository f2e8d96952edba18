//! The mounted file system under test: a store of its own, or the kernel's tmpfs.

use crate::brokers::PATIENCE;
use rustix::fs::statvfs;
use shmfs_abi::store::{BROKER_FILE, ROOT_DIR};
use shmfs_tests::{LIMIT, run, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The store's name.
const NAME: &str = "load";
const SIZE: &str = "size=2G";

/// A mounted file system.
pub(crate) struct Mounted {
    shm: PathBuf,
    dir: PathBuf,
    tmpfs: bool,
    /// Blocks and files in use when nobody had made any.
    empty: (u64, u64),
}

impl Mounted {
    /// Mounts it in `folder`, which holds the programs.
    pub(crate) fn mount(folder: &Path, tmpfs: bool) -> Result<Mounted, String> {
        let (shm, dir) = (folder.join("shm"), folder.join("mount"));
        fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let mut command = Command::new(if tmpfs { Path::new("mount") } else { &shm });
        if tmpfs {
            command.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]);
        } else {
            command.args(["mount", "--store", NAME, "-o", SIZE]);
        }
        succeed(command.arg(&dir))?;
        let mut mounted = Mounted { shm, dir, tmpfs, empty: (0, 0) };
        mounted.empty = mounted.used()?;
        Ok(mounted)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program that serves it.
    pub(crate) fn shm(&self) -> &Path {
        &self.shm
    }

    /// The number of the broker, by the store's file.
    pub(crate) fn broker(&self) -> Option<i32> {
        let file = Path::new(ROOT_DIR).join(NAME).join(BROKER_FILE);
        fs::read_to_string(file).ok()?.trim().parse().ok()
    }

    fn used(&self) -> Result<(u64, u64), String> {
        let vfs = statvfs(&self.dir).map_err(|error| format!("statvfs: {error}"))?;
        Ok((vfs.f_blocks - vfs.f_bfree, vfs.f_files - vfs.f_ffree))
    }

    /// Removes all that is in it; then nothing is in use.
    pub(crate) fn clear(&self) -> Result<(), String> {
        let (blocks, files) = self.used()?;
        println!("mount_load: at the end {blocks} blocks and {files} files are in use");
        succeed(Command::new("sh").args(["-c", "rm -r \"$0\"/*"]).arg(&self.dir))?;
        let left: Vec<_> = fs::read_dir(&self.dir).map_err(|error| error.to_string())?.collect();
        // The folder of segments stays.
        let left: Vec<_> = left.into_iter().flatten().filter(|entry| entry.file_name() != ".sysv").collect();
        if !left.is_empty() {
            return Err(format!("left after rm -r: {left:?}"));
        }
        match self.used()? {
            used if used == self.empty => Ok(()),
            used => Err(format!(
                "{used:?} blocks and files are in use after rm -r, and {:?} were at first",
                self.empty
            )),
        }
    }

    /// Unmounts it; neither a mount, nor a file of the store, nor a process of it is left.
    pub(crate) fn unmount(self) -> Result<(), String> {
        let mut command = Command::new(if self.tmpfs { Path::new("umount") } else { &self.shm });
        if !self.tmpfs {
            command.arg("umount");
        }
        succeed(command.arg(&self.dir))?;
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        if mounts.contains(&*self.dir.to_string_lossy()) {
            return Err(format!("it is mounted still:\n{mounts}"));
        }
        wait_for("the end of the store's processes", PATIENCE, || {
            processes(&self.shm).is_empty().then_some(())
        })?;
        // What the store logged stays, for whoever wants to know.
        let left = fs::read_dir(ROOT_DIR).into_iter().flatten().flatten().map(|entry| entry.path());
        let left: Vec<_> = left.filter(|path| path.extension().is_none_or(|end| end != "log")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left in {ROOT_DIR}: {left:?}")) }
    }
}

/// The processes whose program is `program`.
fn processes(program: &Path) -> Vec<i32> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
        .collect()
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let outcome = run(command, LIMIT);
    if outcome.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}\n{}{}", outcome.status, outcome.stdout, outcome.stderr))
    }
}
