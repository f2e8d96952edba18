//! The file systems that are measured beside each other, in a world that ends with this process.
//!
//! Owns: the world, mounting and unmounting, which sides can be had here.
//! Leaves to others: what is done in them (benches/mount.c).

use crate::tools::{self, Outcome, found, output, succeeds};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The store's name, and the folder of all places in the world's own /run.
pub(crate) const STORE: &str = "bench";
const PLACES: &str = "/run/bench";
/// Ample for all lines at once.
const SIZE: &str = "6G";
/// Says that this process is in the world already.
const INSIDE: &str = "SHMFS_BENCH_WORLD";

/// A file system, and how a program is started that works in it.
pub(crate) struct Side {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// Where it is mounted.
    pub(crate) dir: PathBuf,
    /// What stands before the program.
    wrapper: Vec<PathBuf>,
    unmount: &'static [&'static str],
    shm: PathBuf,
}

impl Side {
    /// What `program` says that works in this file system.
    pub(crate) fn output(&self, program: &Path, what: &str, rest: &[&str]) -> Outcome<String> {
        let mut words = self.wrapper.iter().map(PathBuf::as_path).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words).arg(what).arg(&self.dir).args(rest);
        output(&mut command).map_err(|why| format!("{}: {why}", self.name))
    }

    fn plain(name: &'static str, unmount: &'static [&'static str]) -> Outcome<Side> {
        let dir = Path::new(PLACES).join(name);
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(Side { name, dir, wrapper: Vec::new(), unmount, shm: PathBuf::new() })
    }

    /// The kernel's tmpfs.
    pub(crate) fn tmpfs() -> Outcome<Side> {
        let side = Side::plain("tmpfs", &["umount"])?;
        mount_tmpfs(&side.dir)?;
        Ok(side)
    }

    /// Our FUSE door.
    pub(crate) fn shmfs(shm: &Path) -> Outcome<Side> {
        let mut side = Side::plain("shmfs", &["SHM", "umount"])?;
        side.shm = shm.to_owned();
        let mut mount = Command::new(shm);
        mount.args(["mount", "--store", STORE, "-o", &format!("size={SIZE}")]).arg(&side.dir);
        tools::run(&mut mount)?;
        Ok(side)
    }

    /// bindfs on a tmpfs: what FUSE costs others. An error is why it is left out.
    pub(crate) fn bindfs() -> Outcome<[Side; 2]> {
        if !found("bindfs") {
            return Err("no bindfs; on Debian: apt-get install bindfs".to_owned());
        }
        // bindfs may end a moment after it is unmounted.
        let below = Side::plain("below", &["umount", "--lazy"])?;
        mount_tmpfs(&below.dir)?;
        let side = Side::plain("bindfs", &["umount"])?;
        tools::run(Command::new("bindfs").arg(&below.dir).arg(&side.dir))?;
        Ok([side, below])
    }

    /// The hidden tmpfs itself, attached for one program.
    pub(crate) fn attached(shm: &Path) -> Outcome<Side> {
        let mut side = Side::plain("attached", &[])?;
        let words = ["run", "--size", SIZE, "--mount"].map(PathBuf::from);
        side.wrapper =
            [shm.to_owned()].into_iter().chain(words).chain([side.dir.clone(), "--".into()]).collect();
        let mut tried = side.wrapper.iter();
        let mut command = Command::new(tried.next().map_or(shm, |shm| shm.as_path()));
        if succeeds(command.args(tried).arg("true")) {
            Ok(side)
        } else {
            Err("`shm run --mount` does not work here".to_owned())
        }
    }

    /// Unmounts it; the end of the world would do it, too.
    pub(crate) fn end(self) -> Outcome {
        let Some((first, rest)) = self.unmount.split_first() else { return Ok(()) };
        let mut command = if *first == "SHM" { Command::new(&self.shm) } else { Command::new(first) };
        tools::run_quietly(command.args(rest).arg(&self.dir))
    }
}

fn mount_tmpfs(dir: &Path) -> Outcome {
    tools::run_quietly(
        Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"]).arg(dir),
    )
}

/// Runs `inside` in a world: process numbers, mounts and a /run of its own. `words` are those of this command.
pub(crate) fn world(words: &[&str], inside: impl FnOnce() -> Outcome) -> Outcome {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    if !succeeds(Command::new("unshare").args(["--mount", "--pid", "--fork", "true"])) {
        return Err("only root can mount; a mount of ours is measured by root".to_owned());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut unshare = Command::new("unshare");
    unshare.args(["--ipc", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
    // Not exec: the shell reaps the orphans of the world.
    unshare.arg("mount -t tmpfs -o mode=0755 tmpfs /run && \"$@\"; exit $?").arg("sh").arg(own).args(words);
    tools::run_quietly(unshare.env(INSIDE, "1").env_remove("XDG_RUNTIME_DIR"))
}
