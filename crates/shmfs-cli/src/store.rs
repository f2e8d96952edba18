//! Which store is meant, and the way to it: `--store`, else `SHMFS_STORE`, else the user's, else the system's.

use crate::failure::{Failure, NO_STORE};
use crate::places::Places;
use shmfs_abi::store::{ENV_STORE, ENV_TOKEN, PID_FILE, SOCKET_FILE, Token};
use shmfs_abi::{Call, Errno, Reply};
use shmfs_client::Visitor;
use shmfs_wire::Refused;
use std::ffi::{OsStr, OsString};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// `--store NAME`, for every command that looks into one.
#[derive(clap::Args)]
pub(crate) struct StoreArg {
    /// Look into this store: a name, or the path of its directory
    ///
    /// Without it: $SHMFS_STORE, else your own store, else the system's.
    #[arg(long, value_name = "NAME")]
    store: Option<OsString>,
}

/// A conversation with a store.
pub(crate) struct Visit {
    /// The store's directory.
    pub(crate) dir: PathBuf,
    /// What admitted us, where that is needed.
    pub(crate) token: Option<Token>,
    visitor: Visitor,
}

impl Visit {
    /// Asks the store; `tried` completes the sentence "cannot ...".
    pub(crate) fn call(&mut self, tried: &str, call: Call) -> Result<Reply, Failure> {
        match self.visitor.call(call) {
            Ok((reply, _)) => Ok(reply),
            Err(refused) => Err(Failure::refused(tried, &refused)),
        }
    }

    /// Asks the store for what may come with a descriptor, or be refused for a reason that matters here.
    pub(crate) fn ask(&mut self, call: Call) -> Result<(Reply, Option<OwnedFd>), Box<Refused>> {
        self.visitor.call(call).map_err(Box::new)
    }

    /// The same, with a descriptor.
    pub(crate) fn ask_with(
        &mut self,
        call: Call,
        fd: BorrowedFd<'_>,
    ) -> Result<(Reply, Option<OwnedFd>), Box<Refused>> {
        self.visitor.call_with(call, fd).map_err(Box::new)
    }

    /// Goes to the store in `dir`.
    pub(crate) fn at(dir: &Path, token: Option<Token>) -> Result<Visit, Errno> {
        let visitor = Visitor::connect(dir.join(SOCKET_FILE).as_os_str().as_bytes(), token)?;
        Ok(Visit { dir: dir.to_owned(), token, visitor })
    }
}

impl StoreArg {
    /// Goes to the store that the person means.
    pub(crate) fn visit(&self) -> Result<Visit, Failure> {
        visit(self.store.as_deref())
    }
}

/// Goes to the store called `named`, or to the one that applies here.
pub(crate) fn visit(named: Option<&OsStr>) -> Result<Visit, Failure> {
    let places = Places::here();
    let from_environment = env::var_os(ENV_STORE).filter(|store| !store.is_empty());
    let candidates = places.candidates(named.or(from_environment.as_deref()))?;
    for dir in &candidates {
        // The token belongs to the environment's store; another store would not know it.
        let ours = from_environment.as_deref().is_some_and(|store| Path::new(store) == dir);
        match Visit::at(dir, if ours { token() } else { None }) {
            Ok(visit) => return Ok(visit),
            Err(Errno::EACCES | Errno::EPERM) => {
                return Err(Failure::new(format!("the store at {} does not admit you", dir.display()))
                    .hint("ask its owner, or look as root"));
            }
            Err(Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR) => {}
            Err(errno) => {
                let name = errno.name();
                return Err(Failure::new(format!("cannot reach the store at {}: {name}", dir.display())));
            }
        }
    }
    Err(no_store(&places, named, &candidates))
}

fn token() -> Option<Token> {
    Token::parse(env::var_os(ENV_TOKEN)?.as_bytes())
}

fn no_store(places: &Places, named: Option<&OsStr>, candidates: &[PathBuf]) -> Failure {
    let tried: Vec<String> = candidates.iter().map(|dir| dir.display().to_string()).collect();
    let message = match named {
        Some(name) => format!("no store `{}` runs: tried {}", name.display(), tried.join(", ")),
        None => format!("no store runs here: tried {}", tried.join(", ")),
    };
    let running = running(places);
    let hint = if running.is_empty() {
        "`shm run -- CMD` gives a program a store of its own, `shm daemon` serves one to all of yours"
            .to_owned()
    } else {
        let names: Vec<String> = running.iter().map(|name| format!("`--store {name}`")).collect();
        format!("running here: {}", names.join(", "))
    };
    Failure::new(message).hint(hint).status(NO_STORE)
}

/// Names of stores whose keepers live, for hints; at most eight. Nobody is asked: a socket may be a supervisor's, which would
/// start a store, or be held by somebody who never answers.
fn running(places: &Places) -> Vec<String> {
    let entries = places.bases().into_iter().filter_map(|base| fs::read_dir(base).ok()).flatten().flatten();
    entries
        .filter(|entry| has_keeper(&entry.path()))
        .map(|entry| entry.file_name().display().to_string())
        .take(8)
        .collect()
}

fn has_keeper(dir: &Path) -> bool {
    let pid = fs::read_to_string(dir.join(PID_FILE)).ok().and_then(|text| text.trim().parse::<u32>().ok());
    pid.is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists())
}
