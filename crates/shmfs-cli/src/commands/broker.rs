//! `shm broker`: the keeper that `shm run`, `shm mount` and `shm daemon --background` start, and the one to which a broker hands its
//! store. Not for people.

use crate::failure::Failure;
use crate::keep::{self, Charge, Heirloom, Plan};
use crate::launch::READY;
use crate::log;
use rustix::process::setsid;
use shmfs_abi::store::{Admission, ENV_TOKEN, Token};
use shmfs_broker::Lifetime;
use std::env;
use std::io::{self, Write};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serve a store (for `shm run`, `shm mount` and `shm daemon`)
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The store's directory
    #[arg(long, required_unless_present = "resume")]
    dir: Option<PathBuf>,
    /// Its size in bytes
    #[arg(long, required_unless_present = "resume")]
    size: Option<u64>,
    /// Charge pages in place of sizes
    #[arg(long)]
    sparse: bool,
    /// Make every page when its size is charged
    #[arg(long)]
    reserve: bool,
    /// Remove what nobody uses and whose creator has died
    #[arg(long)]
    reap: bool,
    /// The directory of durable objects
    #[arg(long)]
    state: Option<PathBuf>,
    /// Let everyone in
    #[arg(long)]
    everyone: bool,
    /// End when standard input has ended and no client is left
    #[arg(long)]
    hold: bool,
    /// End when standard input has ended
    #[arg(long, requires = "hold")]
    kill: bool,
    /// End when it has been unmounted and no client is left
    #[arg(long, conflicts_with = "hold")]
    until_unmounted: bool,
    /// What to log where SHMFS_LOG does not say
    #[arg(long, default_value = "warn")]
    log: String,
    /// Take over the store with the journal of this number
    #[arg(long, requires_all = ["ready", "before"])]
    resume: Option<RawFd>,
    /// The number of a pipe: where to say whether it is taken over
    #[arg(long)]
    ready: Option<RawFd>,
    /// The number of the broker before, a pidfd
    #[arg(long)]
    before: Option<RawFd>,
    /// The store's socket is a supervisor's
    #[arg(long)]
    activated: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    log::begin(&args.log);
    if let (Some(journal), Some(ready), Some(before)) = (args.resume, args.ready, args.before) {
        let heirloom = Heirloom { activated: args.activated, log: args.log.clone() };
        keep::resume([journal, ready, before], &heirloom)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A session of its own: what the terminal sends to the command must not end its store.
    if let Err(error) = setsid() {
        tracing::warn!(%error, "the keeper stays in its starter's session");
    }
    let mut is_ready = false;
    let kept = plan(args).and_then(|plan| {
        keep::found_and_keep(plan, &args.log, || {
            is_ready = true;
            say(READY);
        })
    });
    match kept {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) if is_ready => Err(failure),
        Err(failure) => {
            // Whoever started us tells it to the person.
            say(&format!("{}\n{}", failure.message, failure.hint.clone().unwrap_or_default()));
            Ok(ExitCode::from(failure.status))
        }
    }
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let lifetime = if args.hold {
        let hold = io::stdin().as_fd().try_clone_to_owned();
        let hold = hold.map_err(|error| Failure::new(format!("cannot keep the hold: {error}")))?;
        Lifetime::UntilHoldEnds { hold, kill: args.kill }
    } else if args.until_unmounted {
        Lifetime::UntilUnmounted
    } else {
        Lifetime::Forever
    };
    let admission = if args.everyone { Admission::Everyone } else { Admission::Owner };
    let token = env::var_os(ENV_TOKEN).and_then(|token| Token::parse(token.as_bytes()));
    Ok(Plan {
        dir: args.dir.clone().unwrap_or_default(),
        charge: Charge { size: args.size.unwrap_or_default(), sparse: args.sparse, reserve: args.reserve },
        admission: token.map_or(admission, Admission::Token),
        lifetime,
        reap: args.reap,
        state: args.state.clone(),
        listener: None,
    })
}

fn say(line: &str) {
    // Nobody listens when the starter has died; the hold tells us so too.
    drop(writeln!(io::stdout(), "{}", line.trim_end()));
}
