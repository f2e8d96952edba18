//! The program's life seen from `shm run`: signals are passed on, its end is waited for, its stops are shared; orphans that
//! are its children are buried.
//!
//! What the terminal sends (Ctrl-C, Ctrl-\, Ctrl-Z) goes to every process in the foreground, the program
//! included. Such signals come from the kernel, and are not passed on a second time. What a process sent to
//! `shm run` is.

use crate::failure::{Failure, RUN_FAILED};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, waitpid};
use signal_hook::consts::signal::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::fs;

const PASSED_ON: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT];

/// Signals that are noted from now on.
pub(crate) struct Signals {
    noted: SignalsInfo<WithOrigin>,
}

impl Signals {
    /// Begins to note signals; to be called before the program starts.
    ///
    /// What is ignored stays so, for the program too: otherwise `nohup shm run` would undo nohup.
    pub(crate) fn begin() -> Result<Signals, Failure> {
        let ignored = ignored();
        let wanted = PASSED_ON.iter().filter(|signal| ignored & bit(**signal) == 0).chain(&[SIGCHLD]);
        let noted = SignalsInfo::<WithOrigin>::new(wanted)
            .map_err(|error| Failure::new(format!("cannot note signals: {error}")).status(RUN_FAILED))?;
        Ok(Signals { noted })
    }

    /// Waits for the end of `program`; gives its exit status as a shell has it.
    pub(crate) fn wait_for(&mut self, program: Pid) -> Result<u8, Failure> {
        loop {
            while let Some(status) = changed(program)? {
                if let Some(code) = exit_code(status) {
                    return Ok(code);
                }
                if status
                    .stopping_signal()
                    .is_some_and(|signal| [SIGTSTP, SIGTTIN, SIGTTOU].contains(&signal))
                {
                    stop_too();
                }
            }
            for origin in self.noted.wait() {
                if passes_on(&origin, is_session_leader())
                    && let Some(signal) = Signal::from_named_raw(origin.signal)
                {
                    // It may have ended; its status is about to be read.
                    let _ = kill_process(program, signal);
                }
            }
        }
    }
}

/// A change of the program's state, when there is one. The first process of a container or a pid namespace is the parent of
/// all orphans there: it takes note of their ends too, so that none stays as a zombie.
fn changed(program: Pid) -> Result<Option<WaitStatus>, Failure> {
    let whom = (getpid() != Pid::INIT).then_some(program);
    loop {
        match waitpid(whom, WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) if pid == program => return Ok(Some(status)),
            Ok(Some(_)) => {}
            Ok(None) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => {
                return Err(Failure::new(format!("cannot wait for the program: {error}")).status(RUN_FAILED));
            }
        }
    }
}

fn exit_code(status: WaitStatus) -> Option<u8> {
    let signalled = status.terminating_signal().map(|signal| signal + 128);
    status.exit_status().or(signalled).map(|code| (code & 0xff) as u8)
}

/// The shell waits for `shm run`: it is to see that its job has stopped. SIGCONT to us wakes both.
fn stop_too() {
    let _ = kill_process(getpid(), Signal::STOP);
}

fn passes_on(origin: &Origin, is_session_leader: bool) -> bool {
    match (origin.signal, origin.cause) {
        (SIGCHLD, _) => false,
        // The loss of the terminal is told to the leader of its session alone (`__tty_hangup`, tty_jobctrl.c).
        (SIGHUP, Cause::Kernel) => is_session_leader,
        (_, Cause::Kernel) => false,
        _ => true,
    }
}

/// Whether this process leads its session: field 6 of /proc/self/stat (proc_pid_stat(5)), which is 0 for a session of
/// another pid namespace. Not by rustix: its process ids are never 0.
fn is_session_leader() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let session = after_name.split(' ').nth(3).and_then(|session| session.parse().ok());
    session == Some(getpid().as_raw_nonzero().get())
}

/// The signals that this process was started with as ignored: the mask in /proc/self/status (proc_pid_status(5)).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Whether this process was started with the signal ignored.
pub(crate) fn is_ignored(signal: i32) -> bool {
    ignored() & bit(signal) != 0
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}
