//! `shm run`: a program whose shared memory is served by a store.

use crate::attached;
use crate::failure::{Failure, NO_STORE, NOT_EXECUTABLE, REFUSED, RUN_FAILED};
use crate::keep::Charge;
use crate::launch::{self, Ends, Launched, OpenTo, Order};
use crate::log;
use crate::output;
use crate::places::Places;
use crate::preload::{self, ENV_PRELOAD};
use crate::program;
use crate::report::{self, Before};
use crate::signals::Signals;
use crate::size;
use crate::store::{self, Visit};
use rustix::process::Pid;
use shmfs_abi::store::{ENV_STORE, ENV_TOKEN, Token};
use shmfs_abi::{Call, Errno, LimitsChange};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

/// Where programs look for POSIX objects (shm_overview(7)).
const DEV_SHM: &str = "/dev/shm";

/// How long the store's end is awaited when nobody is left in it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Run a program with shared memory from a store, by default one of its own
///
/// The store is named run-PID, after the process id of `shm run`, and ends when the program has ended and no
/// process of it is left.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm run -- python3 train.py
  shm run --size 8G --report -- ./simulation --ranks 4
  shm run --store build -- make test      joins the store of `shm daemon --store build`
  shm run --mount /dev/shm -- ./static    a program that cannot be preloaded meets the others

Exit status: the program's own; 128+N when signal N ended it; 125 when shm itself
failed, 126 when the program cannot be executed, 127 when it is not found.")]
pub(crate) struct Args {
    /// Join the running store NAME in place of a new one
    #[arg(long, value_name = "NAME", conflicts_with_all = ["size", "kill"])]
    store: Option<OsString>,
    /// How much shared memory may be in the store, such as 512M or 8G [default: half of RAM]
    #[arg(long, value_name = "SIZE", value_parser = size::parse_store)]
    size: Option<u64>,
    /// The largest System V segment [default: Linux's]
    #[arg(long, value_name = "SIZE", value_parser = size::parse, conflicts_with = "store")]
    shmmax: Option<u64>,
    /// Pages of all System V segments together [default: Linux's]
    #[arg(long, value_name = "PAGES", conflicts_with = "store")]
    shmall: Option<u64>,
    /// How many System V segments there may be [default: 4096]
    #[arg(long, value_name = "NUMBER", conflicts_with = "store")]
    shmmni: Option<u64>,
    /// Charge pages in memory in place of sizes: what is sparse may be larger than the store
    #[arg(long, conflicts_with = "store")]
    sparse: bool,
    /// Make every page at the call that asks for the size: what is granted is there
    #[arg(long, conflicts_with_all = ["store", "sparse"])]
    reserve: bool,
    /// Show the store's files at DIR too, to this program alone; /dev/shm is then the store's for static programs as well
    #[arg(long, value_name = "DIR")]
    mount: Option<PathBuf>,
    /// Tell at the end what was created, served and left
    #[arg(long)]
    report: bool,
    /// End the store with the program, though processes of it are left
    #[arg(long)]
    kill: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The store that the program is to use.
struct Store {
    dir: PathBuf,
    token: Option<Token>,
    before: Before,
    launched: Option<Launched>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    log::begin("warn");
    // 1 and 3 would be taken for the program's own.
    serve_program(args).map_err(|failure| match failure.status {
        REFUSED | NO_STORE => failure.status(RUN_FAILED),
        _ => failure,
    })
}

fn serve_program(args: &Args) -> Result<ExitCode, Failure> {
    let (name, arguments) = args.command.split_first().ok_or_else(|| Failure::new("no program is given"))?;
    let file = program::find(name)?;
    if let Some(dir) = &args.mount {
        attached::check(dir)?;
    }
    let shown = args.mount.as_deref().is_some_and(|dir| dir == Path::new(DEV_SHM));
    for warning in program::warnings(&file, shown) {
        output::complain(&format!("shm: warning: {warning}"));
    }
    let library = preload::lay()?;
    let mut store = match &args.store {
        Some(named) => join(named)?,
        None => start(args)?,
    };
    if let Some(dir) = &args.mount {
        show(&mut store, dir)?;
    }
    let mut signals = Signals::begin()?;
    let mut command = Command::new(&file);
    command.arg0(name).args(arguments);
    surround(&mut command, &library, &store);
    let child = spawn(command, &file, arguments, |command| surround(command, &library, &store))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::new("the program has no process id"))?;
    let code = signals.wait_for(pid)?;
    finish(&mut store, args);
    Ok(ExitCode::from(code))
}

fn join(named: &OsStr) -> Result<Store, Failure> {
    let mut visit = store::visit(Some(named))?;
    let before = Before::of(&mut visit)?;
    // The program may change its working directory.
    let dir = std::path::absolute(&visit.dir).unwrap_or(visit.dir);
    Ok(Store { dir, token: visit.token, before, launched: None })
}

fn start(args: &Args) -> Result<Store, Failure> {
    let size = size::or_half_of_ram(args.size)?;
    let name = OsString::from(format!("run-{}", std::process::id()));
    let dir = Places::here().make(&name)?;
    let mut token = Token::default();
    rustix::rand::getrandom(&mut token.0, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Failure::new(format!("cannot make the store's token: {error}")))?;
    let ends = if args.kill { Ends::WithCommand } else { Ends::WithLastClient };
    let charge = Charge { size, sparse: args.sparse, reserve: args.reserve };
    let order =
        Order { dir: &dir, charge, reap: false, state: None, open_to: OpenTo::Token(token), ends, log: None };
    let launched = launch::launch(order)?;
    set_limits(args, &dir, token)?;
    Ok(Store { dir, token: Some(token), before: Before::NOTHING, launched: Some(launched) })
}

/// Shows the store's files at `dir`; a store that was started for the program ends when they cannot be shown.
fn show(store: &mut Store, dir: &Path) -> Result<(), Failure> {
    let gone = |errno: Errno| Failure::new(format!("cannot reach the store: {}", errno.name()));
    let mut visit = Visit::at(&store.dir, store.token).map_err(gone)?;
    let shown = attached::show(&mut visit, dir);
    drop(visit);
    shown.inspect_err(|_| {
        if let Some(launched) = store.launched.take() {
            launched.release(PATIENCE);
        }
    })
}

/// Before the program runs: limits other than Linux's.
fn set_limits(args: &Args, dir: &Path, token: Token) -> Result<(), Failure> {
    let Args { shmmax, shmall, shmmni, .. } = *args;
    let change = LimitsChange { shmmax, shmall, shmmni, ..LimitsChange::default() };
    if change == LimitsChange::default() {
        return Ok(());
    }
    let gone = |errno: Errno| Failure::new(format!("cannot reach the store: {}", errno.name()));
    let mut visit = Visit::at(dir, Some(token)).map_err(gone)?;
    visit.call("set the limits", Call::SetLimits { change }).map(drop)
}

/// Sets what leads the program to the store.
fn surround(command: &mut Command, library: &Path, store: &Store) {
    let old = env::var_os(ENV_PRELOAD);
    command.env(ENV_PRELOAD, preload::prepended(library, old.as_deref())).env(ENV_STORE, &store.dir);
    match store.token {
        Some(token) => command.env(ENV_TOKEN, OsStr::from_bytes(&token.text())),
        None => command.env_remove(ENV_TOKEN),
    };
}

/// Starts the program; a file that the kernel does not know is a shell's script (execvp(3)).
fn spawn(
    mut command: Command,
    file: &Path,
    arguments: &[OsString],
    surround: impl Fn(&mut Command),
) -> Result<Child, Failure> {
    let spawned = match command.spawn() {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg(file).args(arguments);
            surround(&mut shell);
            shell.spawn()
        }
        other => other,
    };
    spawned.map_err(|error: io::Error| {
        Failure::new(format!("cannot run `{}`: {error}", file.display())).status(NOT_EXECUTABLE)
    })
}

/// The program has ended: tells the report and lets the store go.
fn finish(store: &mut Store, args: &Args) {
    let mut visit = match Visit::at(&store.dir, store.token) {
        Ok(visit) => visit,
        Err(errno) => {
            let status = store.launched.as_mut().and_then(Launched::ended);
            let why = status.map_or_else(|| errno.name().to_string(), |status| status.to_string());
            return output::complain(&format!(
                "shm: warning: the store ended before the program did ({why})"
            ));
        }
    };
    if args.report {
        match report::lines(&mut visit, &store.before) {
            Ok(lines) => lines.iter().for_each(|line| output::complain(&format!("shm: {line}"))),
            Err(failure) => failure.print(),
        }
    }
    let Some(launched) = store.launched.take() else { return };
    let deserted = crate::listing::usage(&mut visit).is_ok_and(|usage| usage.clients == 0);
    // Who looks on keeps no store alive, but need not be there.
    drop(visit);
    launched.release(if deserted || args.kill { PATIENCE } else { Duration::ZERO });
}
