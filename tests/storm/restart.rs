//! How long a restart of the broker of a full store takes, beside opening and asking as many descriptors: a line for
//! each turn, `restart NANOSECONDS` or `open NANOSECONDS`.

use crate::brokers;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::store::Store;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{MemfdFlags, Mode, OFlags, fstat, memfd_create, open};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs it in `folder`; an error says what was wrong.
pub(crate) fn run(folder: &Path, options: &Options) -> Result<(), String> {
    let objects = usize::try_from(options.objects).map_err(|error| error.to_string())?;
    let files = memfds(objects)?;
    let store = Store::start(folder)?;
    store.limits(&["--set", "shmmni=32768"])?;
    Ledger::create(&store.ledger(), options.objects / 8 + 1)
        .map_err(|error| format!("the ledger: {error}"))?;
    store.play_role(options.seed, &["fill", &options.objects.to_string()])?;
    for _ in 0..options.brokers {
        for took in brokers::respawns(&store, 1)? {
            println!("restart {took}");
        }
        println!("open {}", open_all(&files)?);
    }
    let there = store.list()?.len();
    if there != objects {
        return Err(format!("{there} objects are there, not {objects}\n{}", store.complaints()));
    }
    store.stop()
}

/// Files that are opened anew before they are closed: numbers are bounded.
const AT_ONCE: usize = 2000;

/// As many files as the store has objects.
fn memfds(count: usize) -> Result<Vec<OwnedFd>, String> {
    let limit = getrlimit(Resource::Nofile);
    let room = (count + AT_ONCE + 100) as u64;
    if limit.maximum.is_some_and(|maximum| maximum < room) {
        return Err(format!("{room} descriptors are needed, and the limit is {:?}", limit.maximum));
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .map_err(|error| format!("the limit of descriptors: {error}"))?;
    (0..count)
        .map(|_| memfd_create("restart", MemfdFlags::CLOEXEC).map_err(|error| format!("a memfd: {error}")))
        .collect()
}

/// Opens each anew and asks what it is; nanoseconds, without closing.
fn open_all(files: &[OwnedFd]) -> Result<u64, String> {
    let mut took = Duration::ZERO;
    for files in files.chunks(AT_ONCE) {
        let mut opened = Vec::with_capacity(files.len());
        let begin = Instant::now();
        for file in files {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            let file = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
            let file = file.map_err(|error| error.to_string())?;
            fstat(&file).map_err(|error| error.to_string())?;
            opened.push(file);
        }
        took += begin.elapsed();
    }
    Ok(took.as_nanos() as u64)
}
