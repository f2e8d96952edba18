//! A store's keeper as a process of its own: `shm` again, with the hidden command `broker`.
//!
//! The process that is started need not keep the store for ever: another may take it over. Whether a store is there, its
//! directory tells.
//!
//! Its standard input is the hold, a pipe that ends when the store's command has ended. Its standard output is
//! the readiness pipe: one line `ready`, or else a message and perhaps a hint. Neither needs a number to be
//! passed, and neither reaches the command, whose own are the person's.

use crate::failure::{Failure, RUN_FAILED};
use crate::keep::Charge;
use crate::preload::{self, ENV_PRELOAD};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use shmfs_abi::store::{ENV_STORE, ENV_TOKEN, PID_FILE, Token};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

/// The word that says: the socket is there.
pub(crate) const READY: &str = "ready";

/// Bytes of what a keeper may say before it is ready.
const SAID_BYTES: u64 = 16 << 10;

/// What is to be served.
pub(crate) struct Order<'a> {
    /// The store's directory.
    pub(crate) dir: &'a Path,
    /// What it may hold.
    pub(crate) charge: Charge,
    /// Whether what nobody uses and whose creator has died is removed.
    pub(crate) reap: bool,
    /// The directory of durable objects.
    pub(crate) state: Option<&'a Path>,
    /// Who may enter.
    pub(crate) open_to: OpenTo,
    /// When it ends.
    pub(crate) ends: Ends,
    /// Where its log goes; standard error when nothing is said.
    pub(crate) log: Option<std::fs::File>,
}

/// Who may enter a store, besides its owner and root.
#[derive(Clone, Copy)]
pub(crate) enum OpenTo {
    Everyone,
    Nobody,
    Token(Token),
}

/// When a store ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// When it is told to.
    WhenTold,
    /// When the hold has ended and no client is left.
    WithLastClient,
    /// When the hold has ended.
    WithCommand,
    /// When it is unmounted and no client is left.
    WhenUnmounted,
}

/// A store that is ready.
pub(crate) struct Launched {
    child: Child,
    hold: Option<PipeWriter>,
    dir: PathBuf,
}

/// Starts a keeper and waits until programs can connect.
pub(crate) fn launch(order: Order<'_>) -> Result<Launched, Failure> {
    let failed =
        |error: io::Error| Failure::new(format!("cannot start the store: {error}")).status(RUN_FAILED);
    let (held, hold) = io::pipe().map_err(failed)?;
    let (readiness, ready) = io::pipe().map_err(failed)?;
    let mut command = command(&order);
    command.stdout(ready);
    let hold = match order.ends {
        Ends::WhenTold | Ends::WhenUnmounted => {
            command.stdin(Stdio::null());
            None
        }
        Ends::WithLastClient | Ends::WithCommand => {
            command.stdin(held);
            Some(hold)
        }
    };
    if let Some(log) = order.log {
        command.stderr(log);
    }
    let mut child = command.spawn().map_err(failed)?;
    // Our copies of its ends of the pipes go with it.
    drop(command);
    match refusal(readiness) {
        None => Ok(Launched { child, hold, dir: order.dir.to_owned() }),
        Some(failure) => {
            drop(hold);
            drop(child.wait());
            Err(failure)
        }
    }
}

fn command(order: &Order<'_>) -> Command {
    // The file that runs, though another may lie at its path by now.
    let mut command = Command::new("/proc/self/exe");
    let Charge { size, sparse, reserve } = order.charge;
    command.arg0("shm").arg("broker").arg("--dir").arg(order.dir).args(["--size", &size.to_string()]);
    for (wanted, option) in [(sparse, "--sparse"), (reserve, "--reserve"), (order.reap, "--reap")] {
        if wanted {
            command.arg(option);
        }
    }
    if let Some(state) = order.state {
        command.arg("--state").arg(state);
    }
    // The broker must not be served by itself, nor by the store around it.
    command.env_remove(ENV_STORE).env_remove(ENV_TOKEN).env_remove(ENV_PRELOAD).current_dir("/");
    if let Some(others) = env::var_os(ENV_PRELOAD).as_deref().and_then(preload::without_ours) {
        command.env(ENV_PRELOAD, others);
    }
    match order.open_to {
        OpenTo::Everyone => {
            command.arg("--everyone");
        }
        OpenTo::Nobody => {}
        // Everybody sees arguments; the environment only its owner.
        OpenTo::Token(token) => {
            command.env(ENV_TOKEN, OsStr::from_bytes(&token.text()));
        }
    }
    match order.ends {
        Ends::WhenTold => {
            command.args(["--log", "info"]);
        }
        Ends::WithLastClient => {
            command.arg("--hold");
        }
        Ends::WithCommand => {
            command.args(["--hold", "--kill"]);
        }
        Ends::WhenUnmounted => {
            command.args(["--until-unmounted", "--log", "info"]);
        }
    }
    command
}

/// Reads from the readiness pipe; nothing when the store is ready.
fn refusal(readiness: impl Read) -> Option<Failure> {
    let mut lines = BufReader::new(readiness.take(SAID_BYTES)).lines().map_while(Result::ok);
    let said = lines.next();
    match said.as_deref() {
        Some(READY) => None,
        Some(message) => {
            let failure = Failure::new(message).status(RUN_FAILED);
            Some(match lines.next() {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
        None => Some(Failure::new("the store's keeper ended before it was ready").status(RUN_FAILED)),
    }
}

impl Launched {
    /// The process that was started.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process that was started has ended, if it has. The store may be kept by another.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends the store, which nobody has used.
    pub(crate) fn end(mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
        drop(self.child.wait());
    }

    /// Lets go of the hold, and waits for the store's end at most `patience`: clients may keep it.
    pub(crate) fn release(mut self, patience: Duration) {
        drop(self.hold.take());
        let deadline = Instant::now() + patience;
        while let Some(keeper) = keeper(&self.dir) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !await_end(&keeper, left) {
                break;
            }
            // Ended by now, unless it handed the store over: then the file names another.
        }
        drop(self.child.try_wait());
    }
}

/// The log of a store that runs in the background: beside its directory, which goes with the store.
pub(crate) fn log_file(dir: &Path) -> Result<fs::File, Failure> {
    let path = dir.with_added_extension("log");
    let opened = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    opened.map_err(|error| Failure::new(format!("cannot write the log {}: {error}", path.display())))
}

/// Whether a process keeps the store in `dir`.
pub(crate) fn is_kept(dir: &Path) -> bool {
    keeper(dir).is_some()
}

/// The process that keeps the store in `dir`; nothing if none does.
fn keeper(dir: &Path) -> Option<OwnedFd> {
    let pid = fs::read_to_string(dir.join(PID_FILE)).ok()?.trim().parse().ok()?;
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// Waits for a process's end; false if it lives on.
fn await_end(process: &OwnedFd, patience: Duration) -> bool {
    let patience = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&patience)).is_ok_and(|ended| ended > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_one_word_and_anything_else_a_failure() {
        assert!(refusal(&b"ready\n"[..]).is_none());
        let failure = refusal(&b"the store runs\nuse it\n"[..]).unwrap();
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), ("the store runs", Some("use it")));
        assert!(refusal(&b""[..]).unwrap().message.contains("before it was ready"));
    }
}
