//! Stores, as a process uses them.
//!
//! Owns: the handle; what is asked of a store about its objects.
//! Leaves to others: which store it is (`find`), making one (`private`, `embedded`), the clients and forks (`seat`), every
//! rule of a call (the engine).

mod embedded;
mod find;
mod keeper;
mod listing;
mod objects;
mod options;
mod private;
mod rooms;
mod seat;
mod start;

pub use listing::{Entry, Kind, Usage};
pub use objects::ObjectOptions;
pub use options::StoreOptions;

use crate::{Error, Result};
use keeper::Keeper;
use seat::Seat;
use shmfs_abi::{
    Call, Errno, Name, Reply,
    store::{ENV_STORE, ENV_TOKEN, Token},
};
use shmfs_client::{Client, Refused, Settings};
use shmfs_sys::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, result};

/// A store: objects with names, segments with keys, one limit for them all, and a broker that keeps them.
///
/// | | whose it is | ends |
/// |---|---|---|
/// | [`open`](Store::open) | the one that applies here; the user's, if none does | when it is told to |
/// | [`named`](Store::named), [`at`](Store::at), [`user`](Store::user), [`system`](Store::system) | that one | when it is told to |
/// | [`private`](Store::private) | this process's, and those that it hands it to | with the last of them |
/// | [`embedded`](Store::embedded) | this process's; the broker is one of its threads | with this process |
///
/// A handle is cheap to clone, may be used by several threads, and works in a child made by fork, which is a user of its
/// own there. When the last one has gone in a process, with the objects that were opened by it, the process has left the
/// store.
///
/// ```
/// use shmfs::Store;
/// let store = Store::embedded()?;
/// let frames = store.create("frames", 8192)?;
/// frames.map()?.write_at(0, b"first")?;
///
/// let same = store.open_object("frames")?;
/// assert_eq!(same.map()?.window(0..5)?.to_vec()?, b"first");
/// assert_eq!(store.list()?[0].size, 8192);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// What the handles of one store in one process share.
struct Inner {
    // Before `keeper`: the process leaves the store before it lets it end.
    seat: Seat,
    dir: PathBuf,
    token: Option<Token>,
    /// What keeps the store alive, where this process does.
    _keeper: Keeper,
}

impl Store {
    /// The store that applies here: the one that SHMFS_STORE names, which a program finds that `shm run` has started, or
    /// else the user's, or else the system's; where none runs, the user's is started.
    ///
    /// Where several processes find none at the same time, one starts it and the others join.
    ///
    /// # Errors
    /// `ENOENT` where none runs and the program `shm` is not found, which would start it: SHMFS_PROGRAM is its path, or else
    /// it is looked for in PATH; `ECONNREFUSED` where SHMFS_STORE names a store that does not run; `EACCES` where the store
    /// does not admit this user.
    pub fn open() -> Result<Store> {
        find::applying()
    }

    /// The running store of this name, the user's or the system's.
    ///
    /// # Errors
    /// `ECONNREFUSED` where none runs; `EINVAL` for what is no name; `EACCES` where it does not admit this user.
    pub fn named(name: &str) -> Result<Store> {
        find::named(name.as_ref(), None)
    }

    /// The running store in this directory.
    ///
    /// # Errors
    /// `ECONNREFUSED` where none runs there; `EACCES` where it does not admit this user; `ENAMETOOLONG` beyond 100 bytes.
    pub fn at(dir: impl AsRef<Path>) -> Result<Store> {
        find::at(dir.as_ref(), None)
    }

    /// The user's own store, for root the system's; started where it does not run.
    ///
    /// # Errors
    /// As [`open`](Store::open).
    pub fn user() -> Result<Store> {
        find::users()
    }

    /// The system's store, which root's `shm daemon` serves to everyone.
    ///
    /// # Errors
    /// `ECONNREFUSED` where it does not run.
    pub fn system() -> Result<Store> {
        find::systems()
    }

    /// A store of its own, kept by a process of its own: the program `shm`, found as [`open`](Store::open) finds it.
    /// Others join it by its [`environment`](Store::environment). It ends when this process has let go of it, its
    /// children made by fork have ended, and nobody else is in it.
    ///
    /// # Errors
    /// `ENOENT` where the program is not found; else what it says.
    pub fn private() -> Result<Store> {
        Store::options().private()
    }

    /// A store of its own, kept by a thread of this process. Nothing needs to be installed. Others join it by its
    /// [`environment`](Store::environment). It ends when this process has let go of it, whoever is in it then.
    ///
    /// # Errors
    /// As the kernel refuses what a store is made of: `EMFILE`, `ENOMEM`.
    pub fn embedded() -> Result<Store> {
        Store::options().embedded()
    }

    /// How a store is to be made.
    pub fn options() -> StoreOptions {
        StoreOptions::default()
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// What leads a child to this store: [`open`](Store::open) joins it, and so do unmodified programs under `shm run`.
    ///
    /// ```
    /// # let store = shmfs::Store::embedded()?;
    /// let child = std::process::Command::new("env").envs(store.environment()).output().unwrap();
    /// assert!(String::from_utf8_lossy(&child.stdout).contains("SHMFS_STORE="));
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![(ENV_STORE, self.inner.dir.display().to_string())];
        if let Some(token) = self.inner.token {
            variables.push((ENV_TOKEN, String::from_utf8_lossy(&token.text()).into_owned()));
        }
        variables
    }

    /// Joins the store in `dir`, and makes sure that it answers.
    #[allow(clippy::result_large_err, reason = "it becomes an error in words at once")]
    fn join(dir: &Path, token: Option<Token>, keeper: Keeper) -> result::Result<Store, Refused> {
        let refused = |errno| Refused::new(errno, "");
        let settings = Settings::new(dir.as_os_str().as_bytes(), token).map_err(refused)?;
        let seat = Seat::take(settings).map_err(refused)?;
        seat.call(Call::Usage, None)?;
        Ok(Store { inner: Arc::new(Inner { seat, dir: dir.to_owned(), token, _keeper: keeper }) })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.seat
    }

    /// Puts a call to the store. What was `tried` is said only where it is refused.
    pub(crate) fn ask(
        &self,
        call: Call,
        descriptor: Option<BorrowedFd<'_>>,
        tried: impl fmt::Display,
    ) -> Result<(Reply, Option<OwnedFd>)> {
        self.client().call(call, descriptor).map_err(|refused| Error::refused(&refused, tried))
    }

    /// Puts a call that the reply `Done` ends.
    pub(crate) fn ask_done(&self, call: Call, tried: impl fmt::Display + Copy) -> Result<()> {
        match self.ask(call, None, tried)? {
            (Reply::Done, _) => Ok(()),
            _ => Err(Error::nonsense(tried)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

/// A name as the engine has it.
pub(crate) fn name(name: &crate::Name) -> Result<Name> {
    Name::new(name.as_bytes()).map_err(|error| Error::because(error.errno(), format!("`{name}` is no name")))
}

/// The process has no number left for the descriptor that came with an answer.
pub(crate) fn no_number(tried: impl fmt::Display) -> Error {
    Error::kernel(Errno::EMFILE, tried)
}
