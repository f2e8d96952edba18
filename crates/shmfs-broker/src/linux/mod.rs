//! The operating system as it is: Linux, by `shmfs-sys`.
//!
//! Owns: the epoll set and the inotify queue of this broker process; both are new in each.
//! Leaves to others: what is done with what it says.

mod cores;
mod credentials;
mod deaths;
mod door;
mod events;
mod files;
mod pages;
mod state;
mod table;
mod tree;

pub use pages::MappedPages;

use crate::door::{Door, DoorFiles, DoorMaker};
use crate::os::{Closed, Os, Peeked, Result, Wish};
use crate::process::Fittings;
use crate::source::Source;
use cores::{Cores, LINGER};
use events::Events;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit};
use shmfs_abi::{ByteLen, ClientId, Cred, Errno, Gid, Name, ObjectId, OpenFlags, Pid, Time, Uid};
use shmfs_core::ObjectImage;
use shmfs_durable::StateDir;
use shmfs_index::Table;
use shmfs_sys::fd::{Facts, Identity};
use shmfs_sys::map::SharedMap;
use shmfs_sys::watch::{Drained, Watch, WatchId};
use shmfs_sys::{fd, lease, memfd, process, socket, table as numbers};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

/// Linux, as one broker process sees it.
pub struct Linux {
    events: Events,
    cores: Cores,
    watch: Watch,
    state: Option<StateDir>,
    door: Option<DoorMaker>,
}

impl Linux {
    /// An epoll set and an inotify queue.
    ///
    /// # Errors
    /// The kernel has none left (`EMFILE`, fs.inotify.max_user_instances).
    pub fn new() -> Result<Linux> {
        let (events, watch) = (Events::new()?, Watch::new()?);
        events.add(&watch, Source::Watch)?;
        Ok(Linux { events, cores: Cores::default(), watch, state: None, door: None })
    }

    /// The same with what a program has for it.
    #[must_use]
    pub(crate) fn fitted(self, fittings: &Fittings) -> Linux {
        let cores = if fittings.wakeful { Cores::of_this_machine() } else { Cores::default() };
        Linux { door: fittings.door, cores, ..self }
    }

    fn state(&self) -> Result<&StateDir> {
        self.state.as_ref().ok_or(Errno::EOPNOTSUPP)
    }
}

impl Os for Linux {
    type Fd = OwnedFd;
    type Table = Table;
    type Kept = SharedMap;
    type Pages = MappedPages;

    fn number(&self, fd: &OwnedFd) -> i32 {
        fd.as_raw_fd()
    }

    fn adopt(&mut self, number: i32) -> Result<OwnedFd> {
        numbers::adopt(number)
    }

    fn descriptor_limit(&self) -> u64 {
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }

    fn open_descriptors(&self) -> Option<u64> {
        // Since Linux 6.2 this is the directory's size (`proc_fd_getattr`, fs/proc/fd.c); before, that was 0.
        let counted = rustix::fs::stat("/proc/self/fd").ok()?.st_size;
        u64::try_from(counted).ok().filter(|counted| *counted > 0)
    }

    fn close_others(&mut self, known: &BTreeSet<i32>) {
        let mut known = known.clone();
        known.extend([self.events.number(), self.watch.as_fd().as_raw_fd()]);
        known.extend(self.cores.number());
        let sorted: Vec<i32> = known.into_iter().collect();
        if let Err(errno) = numbers::close_others(&sorted) {
            tracing::warn!(errno = errno.name(), "descriptors of the broker before may be left open");
        }
    }

    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() }
    }

    fn random(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
            Ok(8) => Ok(u64::from_ne_bytes(bytes)),
            _ => Err(Errno::EAGAIN),
        }
    }

    fn wait(&mut self, milliseconds: Option<u32>) -> std::io::Result<Vec<Source>> {
        let brief = self.cores.in_burst() && milliseconds.is_none_or(|milliseconds| milliseconds > LINGER);
        let mut sources = self.events.wait(if brief { Some(LINGER) } else { milliseconds })?;
        if brief && sources.is_empty() {
            self.cores.rest();
            sources = self.events.wait(milliseconds)?;
        }
        if !sources.is_empty() {
            self.cores.turn();
        }
        Ok(sources)
    }

    fn listen_to(&mut self, fd: &OwnedFd, source: Source) -> Result<()> {
        self.events.add(fd, source)
    }

    fn ignore(&mut self, fd: &OwnedFd) {
        self.events.remove(fd);
    }

    fn watch_close(&mut self, fd: &OwnedFd) -> Result<WatchId> {
        self.watch.add_close(fd.as_fd())
    }

    fn unwatch(&mut self, watch: WatchId) {
        if let Err(errno) = self.watch.remove(watch) {
            tracing::debug!(errno = errno.name(), "it was not watched any more");
        }
    }

    fn closed(&mut self) -> Closed {
        let mut closed = Closed::default();
        let drained = self.watch.drain(|event| match event {
            Drained::Closed(watch) => closed.watches.push(watch),
            Drained::Left(_, name) => closed.gone.push(name),
            Drained::Ended(_) => {}
            Drained::Overflow => closed.overflow = true,
        });
        if let Err(errno) = drained {
            tracing::warn!(errno = errno.name(), "the notices of closed files cannot be read");
            closed.overflow = true;
        }
        closed
    }

    fn accept(&mut self, listener: &OwnedFd) -> Result<OwnedFd> {
        let connection = socket::accept(listener)?;
        socket::pass_credentials(&connection)?;
        Ok(connection)
    }

    fn pair(&mut self) -> Result<(OwnedFd, OwnedFd)> {
        let (ours, theirs) = socket::pair()?;
        socket::pass_credentials(&ours)?;
        Ok((ours, theirs))
    }

    fn peek(&mut self, socket: &OwnedFd, bytes: &mut [u8]) -> Result<Peeked<OwnedFd>> {
        let received = socket::peek(socket, bytes)?;
        let fd = received.fds.into_iter().flatten().next();
        Ok(Peeked { len: received.len, truncated: received.truncated, sender: received.sender, fd })
    }

    fn consume(&mut self, socket: &OwnedFd) {
        if let Err(errno) = socket::discard(socket) {
            tracing::debug!(errno = errno.name(), "the message is gone already");
        }
    }

    fn send(&mut self, socket: &OwnedFd, bytes: &[u8], fds: &[&OwnedFd]) -> Result<()> {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        socket::send(socket, bytes, &fds, false)
    }

    fn credentials(&mut self, socket: &OwnedFd) -> Result<Cred> {
        let peer = socket::peer(socket)?;
        Ok(credentials::of(socket, &peer))
    }

    fn locked_memory(&self, pid: Pid) -> u64 {
        credentials::memlock_bytes(pid)
    }

    fn huge_group(&self) -> Option<Gid> {
        credentials::huge_group()
    }

    fn pidfd(&mut self, pid: Pid) -> Result<OwnedFd> {
        process::pidfd(pid)
    }

    fn maps(&self, pid: Pid, ino: u64) -> bool {
        deaths::maps_inode(pid, ino)
    }

    fn runs(&self, program: &OwnedFd) -> bool {
        let own = std::fs::File::open("/proc/self/exe").ok().and_then(|own| fd::facts(&own).ok());
        own.is_some_and(|own| fd::facts(program).is_ok_and(|other| other.identity == own.identity))
    }

    fn make_table(&mut self, client: ClientId, cookie: u64) -> Result<(OwnedFd, Table)> {
        Table::create(client, cookie)
    }

    fn map_table(&mut self, fd: &OwnedFd) -> Result<Table> {
        Table::open(fd)
    }

    fn make(&mut self, hidden: Option<&OwnedFd>, wish: &Wish) -> Result<OwnedFd> {
        files::make(hidden, wish)
    }

    fn facts(&self, fd: &OwnedFd) -> Result<Facts> {
        fd::facts(fd)
    }

    fn changed(&self, fd: &OwnedFd) -> Result<u64> {
        fd::changed(fd)
    }

    fn access(&self, fd: &OwnedFd) -> Result<OpenFlags> {
        fd::access(fd)
    }

    fn open(&mut self, fd: &OwnedFd, flags: OpenFlags) -> Result<OwnedFd> {
        files::open(fd, flags)
    }

    fn is_unused(&mut self, fd: &OwnedFd) -> Result<bool> {
        lease::is_only_description(fd)
    }

    fn own(&mut self, fd: &OwnedFd, uid: Uid, gid: Gid, mode: u32) {
        files::own(fd, uid, gid, mode);
    }

    fn truncate(&mut self, fd: &OwnedFd, size: ByteLen) -> Result<()> {
        files::truncate(fd, size)
    }

    fn populate(&mut self, fd: &OwnedFd, size: ByteLen) -> Result<()> {
        files::populate(fd, size)
    }

    fn keep(&mut self, fd: &OwnedFd, lock: bool) -> Result<SharedMap> {
        let len = fd::facts(fd)?.size.0;
        let pages = SharedMap::new(fd, usize::try_from(len).map_err(|_| Errno::ENOMEM)?)?;
        if lock {
            pages.lock()?;
        }
        Ok(pages)
    }

    fn link(&mut self, hidden: &OwnedFd, file: &OwnedFd, name: &Name) -> Result<()> {
        files::in_hidden(hidden, |hidden| hidden.link(file.as_fd(), name.as_bytes()))
    }

    fn unlink(&mut self, hidden: &OwnedFd, name: &Name) -> Result<()> {
        files::in_hidden(hidden, |hidden| hidden.unlink(name.as_bytes()))
    }

    fn rename(&mut self, hidden: &OwnedFd, from: &Name, to: &Name, flags: u32) -> Result<()> {
        files::in_hidden(hidden, |hidden| hidden.rename(from.as_bytes(), to.as_bytes(), flags))
    }

    fn link_name(&mut self, hidden: &OwnedFd, from: &Name, to: &Name) -> Result<()> {
        files::in_hidden(hidden, |hidden| hidden.link_name(from.as_bytes(), to.as_bytes()))
    }

    fn named(&self, hidden: &OwnedFd, name: &Name) -> Result<Option<Identity>> {
        files::in_hidden(hidden, |hidden| hidden.named(name.as_bytes()))
    }

    fn resize(&mut self, hidden: &OwnedFd, size: ByteLen) -> Result<()> {
        files::in_hidden(hidden, |hidden| hidden.resize(size.0))
    }

    fn root(&mut self, hidden: &OwnedFd) -> Result<OwnedFd> {
        files::in_hidden(hidden, shmfs_sys::tmpfs::Hidden::root)
    }

    fn use_state(&mut self, dir: &[u8]) -> Result<()> {
        self.state = Some(state::open(dir)?);
        Ok(())
    }

    fn make_durable(&mut self, image: &ObjectImage) -> Result<OwnedFd> {
        state::make(self.state()?, image)
    }

    fn record(&mut self, image: &ObjectImage) -> Result<()> {
        state::record(self.state()?, image)
    }

    fn erase(&mut self, object: ObjectId) -> Result<()> {
        state::erase(self.state()?, object)
    }

    fn undo(&mut self, object: ObjectId) -> Result<OwnedFd> {
        state::undo(self.state()?, object)
    }

    fn roll_back(&mut self, image: &ObjectImage) -> Result<bool> {
        state::roll_back(self.state()?, image)
    }

    fn sweep(&mut self, last: ObjectId) {
        if let Some(dir) = &self.state {
            state::sweep(dir, last);
        }
    }

    fn allocate(&mut self, fd: &OwnedFd, size: ByteLen) -> Result<()> {
        state::allocate(fd, size)
    }

    fn tree(&mut self, hidden: &OwnedFd) -> Result<OwnedFd> {
        fd::duplicate(hidden.as_fd())
    }

    fn open_to_all(&mut self, hidden: &OwnedFd) -> Result<()> {
        tree::open_to_all(hidden)
    }

    fn take_in(&mut self, hidden: &OwnedFd, name: &Name) -> Result<Option<OwnedFd>> {
        tree::take_in(hidden, name)
    }

    fn entry(&self, hidden: &OwnedFd, name: &Name) -> Result<Facts> {
        tree::entry(hidden, name)
    }

    fn attempt(&self, hidden: &OwnedFd, name: &Name, flags: OpenFlags) -> Option<Errno> {
        tree::attempt(hidden, name, flags)
    }

    fn entries(&self, hidden: &OwnedFd, most: usize) -> Result<(Vec<(Name, u64)>, bool)> {
        tree::entries(hidden, most)
    }

    fn watch_names(&mut self, hidden: &OwnedFd) -> Result<()> {
        self.watch.add_names(hidden.as_fd()).map(drop)
    }

    fn holds(&self, hidden: &OwnedFd) -> Result<ByteLen> {
        let room = files::in_hidden(hidden, shmfs_sys::tmpfs::Hidden::room)?;
        Ok(ByteLen(room.size.0.saturating_sub(room.free.0)))
    }

    fn is_device(&self, fd: &OwnedFd) -> bool {
        door::is_device(fd)
    }

    fn door_state(&mut self) -> Result<OwnedFd> {
        (self.door.ok_or(Errno::EOPNOTSUPP)?.state)()
    }

    fn kept_by_door(&self, state: &OwnedFd) -> Vec<i32> {
        self.door.map_or_else(Vec::new, |door| (door.kept)(state.as_fd()))
    }

    fn open_door(
        &mut self,
        device: &OwnedFd,
        state: &OwnedFd,
        hidden: &OwnedFd,
        resumed: bool,
    ) -> Result<Box<dyn Door>> {
        let open = self.door.ok_or(Errno::EOPNOTSUPP)?.open;
        open(DoorFiles { device: device.as_fd(), state: state.as_fd(), hidden: hidden.as_fd(), resumed })
    }

    fn text(&mut self, text: &str) -> Result<OwnedFd> {
        let file = memfd::of_text(c"shmfs-text", text.as_bytes())?;
        fd::reopen(file.as_fd(), OpenFlags::empty())
    }

    fn pipe(&mut self) -> Result<(OwnedFd, OwnedFd)> {
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(errno)
    }

    fn read(&mut self, fd: &OwnedFd, bytes: &mut [u8]) -> Result<usize> {
        rustix::io::read(fd, bytes).map_err(errno)
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}
