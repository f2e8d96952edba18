//! Becoming known to the broker: anew, or again as the client that the process is already.
//!
//! Owns: hello, the registration.
//! Leaves to others: when it is needed (`state`).

use crate::{
    attach,
    kept::Kept,
    session::{FIRST_WORDS, Lost, Session, Sheet},
    settings::Settings,
    state::State,
};
use shmfs_abi::{ClientId, Errno, store::Token};
use shmfs_index::Table;
use shmfs_sys::{
    fd, process,
    socket::{self, Fds},
};
use shmfs_wire::{Hello, Refused, Response, Role, Welcome, Words};

/// Connections that one message may use up.
pub(crate) const ATTEMPTS: usize = 16;

/// What the broker knows this process by.
pub(crate) struct Registration {
    pub(crate) client: ClientId,
    pub(crate) cookie: u64,
    /// Invariant: mapped in this process only (`Table::dont_fork`).
    pub(crate) table: Table,
}

/// Why a call has no reply.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "no heap to put the reason on; it lives on the stack for a moment"
)]
pub(crate) enum Failure {
    /// The broker said no.
    Refused(Refused),
    /// There is no broker to ask, or none that can be understood.
    Broken(Errno),
}

impl Failure {
    /// The errno that the program sees.
    pub(crate) const fn errno(&self) -> Errno {
        match self {
            Failure::Refused(refused) => refused.errno,
            Failure::Broken(errno) => *errno,
        }
    }
}

/// A conversation that has begun: who we are, and what came along.
pub(crate) struct Begun {
    pub(crate) session: Session,
    pub(crate) welcome: Welcome,
    /// Its table, for a client that is new; and the root of the hidden tmpfs.
    pub(crate) fds: Fds,
}

/// Connects to the socket at `path` and says hello. A broker that is killed before it knows of a connection leaves it
/// to be closed by the next one: then it is made again. Where nothing listens the store is gone.
#[allow(
    clippy::result_large_err,
    reason = "no heap to put the reason on; it lives on the stack for a moment"
)]
pub(crate) fn begin(path: &[u8], hello: Hello, sheet: &mut Sheet) -> Result<Begun, Failure> {
    for _ in 0..ATTEMPTS {
        let session = open(path).map_err(Failure::Broken)?;
        match session.exchange(FIRST_WORDS, Words::Hello(&hello), &[], sheet) {
            Ok((Response::Welcome(welcome), fds)) => return Ok(Begun { session, welcome, fds }),
            Ok((Response::Refused(refused), _)) => return Err(Failure::Refused(refused)),
            Ok(_) | Err(Lost::Nonsense) => return Err(Failure::Broken(Errno::EPROTO)),
            Err(Lost::Unsent | Lost::Unanswered) => {}
        }
    }
    Err(Failure::Broken(Errno::ECONNREFUSED))
}

#[inline(never)]
fn open(path: &[u8]) -> Result<Session, Errno> {
    let rights = process::rights();
    let socket = socket::connect(path).and_then(Kept::new)?;
    Ok(Session::new(socket, rights))
}

impl State {
    /// The connection, made anew where it is missing, closed, or has other rights than the process has now.
    pub(crate) fn session(&mut self) -> Result<&Session, Errno> {
        self.meet()?;
        self.session.as_ref().ok_or(Errno::ECONNREFUSED)
    }

    /// Makes the connection anew where it is missing, closed, or another user's.
    pub(crate) fn meet(&mut self) -> Result<(), Errno> {
        if self.session.as_ref().is_some_and(Session::is_good) {
            return Ok(());
        }
        self.session = None;
        self.connect()
    }

    #[cold]
    #[inline(never)]
    fn connect(&mut self) -> Result<(), Errno> {
        let settings = self.settings()?;
        let known = self.registration.as_ref().map(|known| (known.client, known.cookie));
        if let Some(known) = known {
            match self.resume(&settings, known) {
                Err(Errno::ESRCH) => self.disown(),
                resumed => return resumed,
            }
        }
        self.register(&settings)
    }

    #[inline(never)]
    fn resume(&mut self, settings: &Settings, known: (ClientId, u64)) -> Result<(), Errno> {
        let begun =
            begin(settings.socket(), hello(settings.token(), Some(known)), &mut self.sheet).map_err(gone)?;
        if begun.welcome.client != known.0 {
            return Err(Errno::EPROTO);
        }
        let [root, _] = begun.fds;
        self.keep_root(root);
        self.tmpfs_dev = begun.welcome.tmpfs_dev;
        self.session = Some(begun.session);
        Ok(())
    }

    /// Becomes a client. Attaches that the process has inherited are counted in its table.
    fn register(&mut self, settings: &Settings) -> Result<(), Errno> {
        let begun = begin(settings.socket(), hello(settings.token(), None), &mut self.sheet).map_err(gone)?;
        // The broker always sends it; the process had no number left for it.
        let [table, root] = begun.fds;
        let table = table.ok_or(Errno::EMFILE)?;
        let welcome = begun.welcome;
        // Where POSIX objects are memfds, as the table is one, there is no hidden tmpfs.
        self.hidden = fd::facts(&table)?.identity.dev != welcome.tmpfs_dev;
        let table = Table::open(table)?;
        if table.client() != welcome.client {
            return Err(Errno::EPROTO);
        }
        table.dont_fork()?;
        attach::count_inherited(&mut self.attaches, &table);
        self.keep_root(root);
        self.same_numbers = welcome.pid == process::pid();
        self.tmpfs_dev = welcome.tmpfs_dev;
        self.registration = Some(Registration { client: welcome.client, cookie: welcome.cookie, table });
        self.session = Some(begun.session);
        Ok(())
    }

    /// The broker that knew this process is gone, and with it the store that its attaches belong to: another
    /// one's counts must not move when they end.
    fn disown(&mut self) {
        self.registration = None;
        attach::disown(&mut self.attaches);
    }
}

const fn hello(token: Token, resume: Option<(ClientId, u64)>) -> Hello {
    Hello { token, role: Role::Client, resume }
}

/// A store without a socket is gone; so is one whose directory was removed.
fn gone(failure: Failure) -> Errno {
    match failure {
        Failure::Broken(Errno::ENOENT | Errno::ENOTDIR) => Errno::ECONNREFUSED,
        other => other.errno(),
    }
}
