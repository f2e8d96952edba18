//! A world of its own for each test: process numbers, System V tables, /dev/shm and /run.
//!
//! The first process of its process namespace ends when its input does, that is when the [`World`] is dropped or the
//! test dies, and the kernel ends every other process in it. Root needs no more; others get a user namespace in
//! which they are root alone.
//!
//! Leaves to others: what is run in it.

use crate::{LIMIT, Running, is_root, run};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The size of a world's /dev/shm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DevShm {
    /// Larger than what any test makes.
    Ample,
    /// 64 MiB, as in containers.
    Small,
}

impl DevShm {
    fn option(self) -> &'static str {
        match self {
            DevShm::Ample => "8g",
            DevShm::Small => "64m",
        }
    }
}

/// What is mounted at the start; $0 is the size of /dev/shm. `exit 125` tells that the world cannot be made.
const SET_UP: &str = "mount -t tmpfs -o mode=1777,size=$0 tmpfs /dev/shm || exit 125
mount -t tmpfs -o mode=0755 tmpfs /run || exit 125
";

/// A living world.
pub struct World {
    unshare: Child,
    /// Held open: its end is the world's.
    _input: ChildStdin,
    /// The first process, as seen from outside.
    first: u32,
}

impl World {
    /// Makes a world, or tells why none can be made here.
    pub fn start(dev_shm: DevShm) -> Result<World, String> {
        // `wait` reaps the orphans of the world, until `cat` has seen the end of the input.
        let script = format!("{SET_UP}exec 3<&0; cat <&3 >/dev/null & echo ready; wait $!");
        let mut unshare = unshare();
        unshare.args(["sh", "-c", &script, dev_shm.option()]);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = unshare.spawn().map_err(|error| format!("no unshare(1): {error}"))?;
        let input = child.stdin.take().expect("the input was piped");
        let mut line = String::new();
        let output = child.stdout.take().expect("the output was piped");
        drop(BufReader::new(output).read_line(&mut line));
        if line != "ready\n" {
            let outcome = child.wait_with_output().map_err(|error| error.to_string())?;
            let why = String::from_utf8_lossy(&outcome.stderr);
            return Err(format!("no namespaces here: {}", why.trim().replace('\n', "; ")));
        }
        let first = first_process(child.id()).ok_or("/proc does not tell children")?;
        Ok(World { unshare: child, _input: input, first })
    }

    /// A command that will run inside, with `/` as working directory.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.first)).args(["--ipc", "--mount", "--pid"]);
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        without_store(&mut command);
        command
    }

    /// Runs a shell script inside; `arguments` are $0, $1 and so on.
    pub fn shell(&self, script: &str, arguments: &[&OsStr]) -> crate::Outcome {
        run(self.command("sh").args(["-c", script]).args(arguments), LIMIT)
    }

    /// Starts a program inside.
    pub fn start_program(&self, program: &Path, arguments: &[&str]) -> Running {
        Running::start(self.command(program).args(arguments))
    }

    /// The living processes inside whose program is `program`, as numbers from outside.
    pub fn processes(&self, program: &Path) -> Vec<u32> {
        let ours = fs::read_link(format!("/proc/{}/ns/pid", self.first)).expect("the world's namespace");
        let numbers = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let inside = |pid: &u32| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|ns| ns == ours);
        let runs = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        pids.filter(inside).filter(runs).collect()
    }

    /// A path inside, as it can be reached from outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    /// A command that makes a world, runs `script` as its first process (with /dev/shm ample) and ends with it.
    pub fn once(script: &str, arguments: &[&OsStr]) -> Command {
        let mut unshare = unshare();
        unshare.args(["sh", "-c", &format!("{SET_UP}{script}"), DevShm::Ample.option()]).args(arguments);
        unshare
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // --kill-child takes the first process along, and the kernel the rest.
        drop(self.unshare.kill());
        drop(self.unshare.wait());
    }
}

fn unshare() -> Command {
    let mut unshare = Command::new("unshare");
    if !is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["--ipc", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    without_store(&mut unshare);
    unshare
}

/// Nothing of a store in which the tests themselves run, and no folders of a session.
fn without_store(command: &mut Command) {
    for name in ["LD_PRELOAD", "SHMFS_STORE", "SHMFS_TOKEN", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
}

fn first_process(unshare: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
