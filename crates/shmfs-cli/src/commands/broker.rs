//! `shm broker`: what `shm run` and `shm daemon --background` start. Not for people.

use crate::failure::Failure;
use crate::launch::READY;
use crate::log;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use shmfs_abi::limits::{DEFAULT_SHMMAX, DEFAULT_SHMMNI};
use shmfs_abi::store::{ENV_TOKEN, Token};
use shmfs_abi::{ByteLen, ShmLimits};
use shmfs_broker::{Admission, Broker, Config, Lifetime, StartError};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

/// Serve a store (for `shm run` and `shm daemon`)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The store's directory
    #[arg(long)]
    dir: PathBuf,
    /// Its size in bytes
    #[arg(long)]
    size: u64,
    /// Charge pages in place of sizes
    #[arg(long)]
    sparse: bool,
    /// Make every page when its size is charged
    #[arg(long)]
    reserve: bool,
    /// Let everyone in
    #[arg(long)]
    everyone: bool,
    /// End when standard input has ended and no client is left
    #[arg(long)]
    hold: bool,
    /// End when standard input has ended
    #[arg(long, requires = "hold")]
    kill: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    log::begin("warn");
    // A session of its own: what the terminal sends to the command must not end its store.
    if let Err(error) = setsid() {
        tracing::warn!(%error, "the broker stays in its starter's session");
    }
    // By default the name would be `exe`, after /proc/self/exe.
    drop(fs::write("/proc/self/comm", "shm-broker"));
    let broker = match prepared(args)
        .and_then(|config| Broker::start(config).map_err(|error| start_failure(&error)))
    {
        Ok(broker) => broker,
        Err(failure) => {
            // Whoever started us tells it to the person.
            say(&format!("{}\n{}", failure.message, failure.hint.clone().unwrap_or_default()));
            return Ok(ExitCode::from(failure.status));
        }
    };
    say(READY);
    serve(broker)?;
    Ok(ExitCode::SUCCESS)
}

fn prepared(args: &Args) -> Result<Config, Failure> {
    let lifetime = if args.hold {
        let hold = io::stdin().as_fd().try_clone_to_owned();
        let hold = hold.map_err(|error| Failure::new(format!("cannot keep the hold: {error}")))?;
        Lifetime::UntilHoldEnds { hold, kill: args.kill }
    } else {
        Lifetime::Forever
    };
    let admission = if args.everyone { Admission::Everyone } else { Admission::Owner };
    let token = env::var_os(ENV_TOKEN).and_then(|token| Token::parse(token.as_bytes()));
    let charge = Charge { size: args.size, sparse: args.sparse, reserve: args.reserve };
    config(args.dir.clone(), charge, token.map_or(admission, Admission::Token), lifetime)
}

/// What a store may hold, in bytes, and what counts.
#[derive(Clone, Copy)]
pub(super) struct Charge {
    pub(super) size: u64,
    pub(super) sparse: bool,
    pub(super) reserve: bool,
}

/// A store with Linux's limits for segments.
pub(super) fn config(
    dir: PathBuf,
    charge: Charge,
    admission: Admission,
    lifetime: Lifetime,
) -> Result<Config, Failure> {
    raise_descriptor_limit();
    let stop = stop_pipe().map_err(|error| Failure::new(format!("cannot note signals: {error}")))?;
    let limits = ShmLimits { shmmax: DEFAULT_SHMMAX, shmmni: DEFAULT_SHMMNI, shmall: DEFAULT_SHMMAX };
    let Charge { size, sparse, reserve } = charge;
    Ok(Config { dir, size: ByteLen(size), sparse, reserve, limits, admission, lifetime, stop: Some(stop) })
}

/// Serves until the store ends.
pub(super) fn serve(broker: Broker) -> Result<(), Failure> {
    broker.run().map_err(|error| Failure::new(format!("the broker had to stop: {error}")))
}

/// In words for the person.
pub(super) fn start_failure(error: &StartError) -> Failure {
    let failure = Failure::new(format!("cannot start the store: {error}"));
    match error {
        StartError::Taken { dir, pid } => {
            let store = dir.display();
            failure.hint(format!("use it with `--store {store}`, or end it with `kill {pid}`"))
        }
        StartError::PathTooLong(_) => failure.hint("choose a shorter name with `--store NAME`"),
        StartError::Make { .. } | StartError::Kernel { .. } => failure,
    }
}

/// Readable after a signal that asks for the end.
fn stop_pipe() -> io::Result<OwnedFd> {
    let (stop, asked) = io::pipe()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, asked.try_clone()?)?;
    }
    Ok(stop.into())
}

/// The broker holds a descriptor for each object and each connection.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

fn say(line: &str) {
    // Nobody listens when the starter has died; the hold tells us so too.
    drop(writeln!(io::stdout(), "{}", line.trim_end()));
}
