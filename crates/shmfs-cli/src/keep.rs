//! This process as the keeper of a store: founding it, taking it over, and the brokers that serve it.
//!
//! Owns: the broker's exit codes, the words of a hand-over. Leaves to others: keeping (`shmfs-keeper`), serving
//! (`shmfs-broker`).

use crate::failure::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shmfs_abi::limits::{DEFAULT_SHMMAX, DEFAULT_SHMMNI, DESCRIPTORS};
use shmfs_abi::store::Admission;
use shmfs_abi::{ByteLen, Pid, ShmLimits};
use shmfs_broker::{Broker, Config, End, Fittings, Founded, Lifetime, Linux, StartError, found};
use shmfs_keeper::{HANDED_OVER, Keeper, PATIENCE, Store, Successor, Surroundings, Timing, hand_over};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::mem::{ManuallyDrop, forget};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Says that waking a core may take any time: the kernel is never asked to keep idle cores awake.
const ENV_CPU_LATENCY: &str = "SHMFS_CPU_LATENCY";

/// What a store may hold, in bytes, and what counts.
#[derive(Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) size: u64,
    pub(crate) sparse: bool,
    pub(crate) reserve: bool,
}

/// A store that is to be founded.
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) charge: Charge,
    pub(crate) admission: Admission,
    pub(crate) lifetime: Lifetime,
    /// Whether what nobody uses and whose creator has died is removed.
    pub(crate) reap: bool,
    /// The directory of durable objects.
    pub(crate) state: Option<PathBuf>,
    /// The socket of a supervisor that listens for it.
    pub(crate) listener: Option<OwnedFd>,
}

/// What each keeper of a store tells the next on its command line.
#[derive(Clone)]
pub(crate) struct Heirloom {
    /// Whether the store's socket is a supervisor's.
    pub(crate) activated: bool,
    /// What is logged where the environment does not say.
    pub(crate) log: String,
}

impl Heirloom {
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![OsString::from("--log"), OsString::from(&self.log)];
        if self.activated {
            arguments.push(OsString::from("--activated"));
        }
        arguments
    }
}

/// Founds a store with Linux's limits for segments and keeps it until it has ended or another process keeps it.
/// `ready` is called when programs can connect.
pub(crate) fn found_and_keep(plan: Plan, log: &str, ready: impl FnOnce()) -> Result<(), Failure> {
    raise_descriptor_limit();
    // Before anything is there that a signal could leave behind.
    let keeper = Keeper::new(Timing::default()).map_err(|error| cannot_keep(&error))?;
    let heirloom = Heirloom { activated: plan.listener.is_some(), log: log.to_owned() };
    let Plan { dir, charge: Charge { size, sparse, reserve }, admission, lifetime, reap, state, listener } =
        plan;
    let limits = ShmLimits { shmmax: DEFAULT_SHMMAX, shmmni: DEFAULT_SHMMNI, shmall: DEFAULT_SHMMAX };
    let size = ByteLen(size);
    let config = Config {
        dir: dir.clone(),
        size,
        sparse,
        reserve,
        limits,
        admission,
        lifetime,
        reap,
        state,
        listener,
    };
    let Founded { pages, fds } = found(config).map_err(|error| start_failure(&error))?;
    let journal = pages.number();
    // From here on these numbers are the store's: they lie in the table, and the brokers take them over in turn.
    forget(pages);
    for fd in fds {
        let _ = fd.into_raw_fd();
    }
    keep(keeper, dir, journal, &heirloom, ready)
}

/// Takes the store over from the broker that started this process, or tells it why not. `numbers` are those of the
/// journal, of the pipe to that broker, and of its pidfd.
pub(crate) fn resume(numbers: [RawFd; 3], heirloom: &Heirloom) -> Result<(), Failure> {
    let [journal, ready, before] = numbers;
    let successor = Successor::adopt(journal, ready, before).map_err(|error| cannot_keep(&error))?;
    let prepared = Keeper::new(Timing::default()).map_err(Into::into);
    let prepared = prepared.and_then(|keeper| successor.look().map(|record| (keeper, record)));
    let (mut keeper, record) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            successor.refuse(&error.to_string());
            return Err(Failure::new(format!("cannot take the store over: {error}")));
        }
    };
    if !successor.take_over(&mut keeper).map_err(|error| cannot_keep(&error))? {
        tracing::info!("the broker ended before it gave the store away");
        return Ok(());
    }
    let dir = PathBuf::from(OsStr::from_bytes(&record.dir));
    keep(keeper, dir, journal, heirloom, || {})
}

fn keep(
    keeper: Keeper,
    dir: PathBuf,
    journal: RawFd,
    heirloom: &Heirloom,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let store = Store { dir, journal, activated: heirloom.activated };
    let kept = keeper.keep(store, ready, |surroundings| serve(surroundings, &heirloom.arguments()));
    kept.map(drop).map_err(|error| cannot_keep(&error))
}

/// The broker, in a process of its own; its exit code. Nothing that the journal names may be dropped here: it would be
/// closed for the broker that follows.
fn serve(surroundings: Surroundings, arguments: &[OsString]) -> i32 {
    let Surroundings { journal, stop, keeper, keeper_end, keep } = surroundings;
    let surroundings = shmfs_broker::Surroundings {
        pid: Pid(std::process::id().cast_signed()),
        stop: Some(stop),
        keeper: Some((keeper, keeper_end)),
        keep: Some(keep),
    };
    let fittings = Fittings { door: Some(shmfs_fuse::DOOR), wakeful: !may_sleep() };
    let mut broker = match Broker::go_on(journal, surroundings, &fittings) {
        Ok(broker) => ManuallyDrop::new(broker),
        Err(error) => {
            tracing::error!(%error, "the broker cannot begin");
            return 1;
        }
    };
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    loop {
        match broker.run() {
            Ok(End::Over) => return 0,
            Ok(End::Replace) => match pass_on(&broker, journal, &arguments, broker.program()) {
                Ok(()) => return HANDED_OVER,
                Err(why) => broker.replace_failed(&why),
            },
            Ok(End::Orphaned) => match pass_on(&broker, journal, &arguments, None) {
                Ok(()) => return HANDED_OVER,
                // The store is served as long as this process lives.
                Err(_) => tracing::error!("the keeper has died, and no other could be started"),
            },
            Err(error) => {
                tracing::error!(%error, "the broker had to stop");
                return 1;
            }
        }
    }
}

/// Whether the person has said that cores may sleep between requests.
fn may_sleep() -> bool {
    let said = env::var_os(ENV_CPU_LATENCY);
    let is_any = said.as_ref().is_some_and(|said| said == "any");
    if let (Some(said), false) = (&said, is_any) {
        tracing::warn!(?said, "{ENV_CPU_LATENCY} is passed over: it can only be `any`");
    }
    is_any
}

fn pass_on(
    broker: &Broker<Linux>,
    journal: RawFd,
    arguments: &[&OsStr],
    program: Option<&OwnedFd>,
) -> Result<(), String> {
    hand_over(program.map(AsFd::as_fd), journal, &broker.numbers(), arguments, PATIENCE).map_err(|error| {
        tracing::warn!(%error, "the store stays with this broker");
        error.to_string()
    })
}

/// In words for the person.
pub(crate) fn start_failure(error: &StartError) -> Failure {
    let failure = Failure::new(format!("cannot start the store: {error}"));
    match error {
        StartError::Taken { dir, pid } => {
            let store = dir.display();
            failure.hint(format!("use it with `--store {store}`, or end it with `kill {pid}`"))
        }
        StartError::PathTooLong(_) => failure.hint("choose a shorter name with `--store NAME`"),
        _ => failure,
    }
}

fn cannot_keep(error: &impl std::fmt::Display) -> Failure {
    Failure::new(format!("cannot keep the store: {error}"))
}

/// The broker holds a descriptor for each object and three for each process. Whoever may (CAP_SYS_RESOURCE) gets what it
/// can need at most, as far as the host allows (fs.nr_open); everybody else the hard limit.
fn raise_descriptor_limit() {
    let most = getrlimit(Resource::Nofile).maximum;
    let wanted = host_descriptor_limit().map(|host| host.min(DESCRIPTORS));
    if let (Some(wanted), Some(most)) = (wanted, most)
        && wanted > most
    {
        match set_descriptor_limit(Some(wanted)) {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, wanted, most, "the hard limit of open files stays"),
        }
    }
    if let Err(error) = set_descriptor_limit(most) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

fn set_descriptor_limit(limit: Option<u64>) -> rustix::io::Result<()> {
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit })
}

/// What no process's limit may pass.
fn host_descriptor_limit() -> Option<u64> {
    fs::read_to_string("/proc/sys/fs/nr_open").ok()?.trim().parse().ok()
}
