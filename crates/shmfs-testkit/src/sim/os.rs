//! The operating system that a broker in the simulation runs on.
//!
//! Owns: the broker's side of the kernel's calls.
//! Leaves to others: what they mean (`kernel`), what happens meanwhile (`world`).

use super::handle::{Handle, SimFd};
use super::kernel::{Got, Message, What};
use super::pages::SimPages;
use super::state;
use super::table::{SimKept, SimTable};
use super::world::{Idle, Shared, World};
use shmfs_abi::{
    ByteLen, Caps, ClientId, Cred, Errno, Gid, Groups, Name, ObjectId, OpenFlags, Pid, Time, Uid, limits,
};
use shmfs_broker::Source;
use shmfs_broker::heads;
use shmfs_broker::os::{Closed, Os, Peeked, Result, Wish};
use shmfs_core::ObjectImage;
use shmfs_sys::fd::{Facts, Identity};
use shmfs_sys::socket::Peer;
use shmfs_sys::watch::WatchId;
use std::collections::BTreeSet;

/// The process of every broker, and its user.
pub(crate) const BROKER: Peer = Peer { pid: Pid(2), uid: Uid(0), gid: Gid(0) };

/// Locked memory that every process may have, in bytes.
const MEMLOCK: u64 = 1 << 40;

/// The simulated operating system, as one broker has it.
pub(crate) struct SimOs {
    handle: Handle,
    /// Numbers of its own queues of events.
    queues: [i32; 2],
    /// Whether it knows where durable objects are kept.
    has_state: bool,
}

impl SimOs {
    /// A fresh one for the broker that now begins.
    pub(crate) fn new(world: &Shared) -> SimOs {
        let queues = {
            let kernel = &mut world.borrow_mut().kernel;
            [(); 2].map(|()| {
                let queue = kernel.describe(What::Queue, OpenFlags::empty());
                kernel.install(queue)
            })
        };
        SimOs { handle: Handle::new(world), queues, has_state: false }
    }

    /// The same broker's way into the world.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    fn with_state(&self) -> Result<()> {
        if self.has_state { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
    }

    fn peeked(&self, world: &mut World, message: &Message, bytes: &mut [u8]) -> Peeked<SimFd> {
        let len = message.bytes.len().min(bytes.len());
        bytes[..len].copy_from_slice(&message.bytes[..len]);
        let mut fds: Vec<_> = message.descriptions.iter().take(limits::MESSAGE_FDS).copied().collect();
        let mut truncated = message.bytes.len() > len || message.descriptions.len() > limits::MESSAGE_FDS;
        if !fds.is_empty() && world.refuse("peek", &[Errno::EMFILE]).is_err() {
            // No number is left for them (`scm_detach_fds`, MSG_CTRUNC).
            truncated = true;
            fds.clear();
        }
        // The second of two would be closed at once.
        let fd = fds.first().map(|description| {
            world.kernel.hold(*description);
            self.handle.install(world, *description)
        });
        Peeked { len, truncated, sender: Some(message.sender), fd }
    }
}

const MEMORY: &[Errno] = &[Errno::ENOMEM];
const NUMBERS: &[Errno] = &[Errno::ENFILE, Errno::EMFILE, Errno::ENOMEM];

impl Os for SimOs {
    type Fd = SimFd;
    type Table = SimTable;
    type Kept = SimKept;
    type Pages = SimPages;

    fn number(&self, fd: &SimFd) -> i32 {
        fd.number
    }

    fn adopt(&mut self, number: i32) -> Result<SimFd> {
        let mut world = self.handle.step("adopt", number.into());
        world.kernel.at(number)?;
        if !world.kernel.owned.insert(number) {
            world.complain(format!("the number {number} is taken over twice"));
        }
        Ok(SimFd { handle: self.handle.clone(), number })
    }

    fn close_others(&mut self, known: &BTreeSet<i32>) {
        let numbers: Vec<i32> = self.handle.look().kernel.numbers.keys().copied().collect();
        for number in numbers {
            if known.contains(&number) || self.queues.contains(&number) {
                continue;
            }
            let mut world = self.handle.step("close_other", number.into());
            if world.kernel.owned.contains(&number) {
                world.complain(format!("the number {number}, in use, is closed as left over"));
            }
            world.kernel.close(number);
        }
    }

    fn now(&self) -> Time {
        self.handle.look().kernel.now()
    }

    fn random(&mut self) -> Result<u64> {
        let mut world = self.handle.step("random", 0);
        Ok(world.dice.next())
    }

    fn wait(&mut self, milliseconds: Option<u32>) -> std::io::Result<Vec<Source>> {
        if milliseconds == Some(0) && !self.handle.look().kernel.is_any_ready() {
            // How often a broker looks before it sleeps is the machine's matter.
            return Ok(Vec::new());
        }
        let mut world = self.handle.step("wait", 0);
        let ready = world.kernel.ready();
        if !ready.is_empty() {
            world.trace.say(|| format!("       {ready:?}"));
            return Ok(ready);
        }
        match milliseconds {
            Some(milliseconds) => {
                world.idle = Idle::ForNow;
                world.kernel.pass(u64::from(milliseconds) * 1_000_000);
            }
            None => world.idle = Idle::Forever,
        }
        Ok(world.kernel.ready())
    }

    fn listen_to(&mut self, fd: &SimFd, source: Source) -> Result<()> {
        let mut world = self.handle.risk("listen_to", fd.number.into(), &[Errno::ENOMEM, Errno::ENOSPC])?;
        world.kernel.listen_to(fd.number, source)
    }

    fn ignore(&mut self, fd: &SimFd) {
        self.handle.step("ignore", fd.number.into()).kernel.ignore(fd.number);
    }

    fn watch_close(&mut self, fd: &SimFd) -> Result<WatchId> {
        let mut world = self.handle.risk("watch_close", fd.number.into(), &[Errno::ENOSPC, Errno::ENOMEM])?;
        let description = world.kernel.at(fd.number)?;
        let file = world.kernel.file_of(description)?;
        Ok(world.kernel.notices.watch(file))
    }

    fn unwatch(&mut self, watch: WatchId) {
        self.handle.step("unwatch", watch.0.into()).kernel.notices.unwatch(watch);
    }

    fn closed(&mut self) -> Closed {
        let mut world = self.handle.step("closed", 0);
        let (watches, overflow) = world.kernel.notices.drain();
        Closed { watches, gone: Vec::new(), overflow }
    }

    fn accept(&mut self, listener: &SimFd) -> Result<SimFd> {
        let mut world = self.handle.risk("accept", listener.number.into(), NUMBERS)?;
        let accepted = world.kernel.accept()?;
        Ok(self.handle.install(&mut world, accepted))
    }

    fn pair(&mut self) -> Result<(SimFd, SimFd)> {
        let mut world = self.handle.risk("pair", 0, NUMBERS)?;
        let (one, two) = world.kernel.pair(BROKER);
        let one = self.handle.install(&mut world, one);
        let two = self.handle.install(&mut world, two);
        Ok((one, two))
    }

    fn peek(&mut self, socket: &SimFd, bytes: &mut [u8]) -> Result<Peeked<SimFd>> {
        let mut world = self.handle.step("peek", socket.number.into());
        world.written = 0;
        let description = world.kernel.at(socket.number)?;
        let end = world.kernel.end_of(description)?;
        match world.kernel.peek(end) {
            Got::Nothing => Err(Errno::EAGAIN),
            Got::End => Ok(Peeked { len: 0, truncated: false, sender: None, fd: None }),
            Got::Reset => Err(Errno::ECONNRESET),
            Got::Message(message) => Ok(self.peeked(&mut world, &message, bytes)),
        }
    }

    fn consume(&mut self, socket: &SimFd) {
        let mut world = self.handle.step("consume", socket.number.into());
        let end = world.kernel.at(socket.number).and_then(|description| world.kernel.end_of(description));
        let taken = end.ok().and_then(|end| world.kernel.take(end));
        for description in taken.into_iter().flat_map(|message| message.descriptions) {
            world.kernel.release(description);
        }
    }

    fn send(&mut self, socket: &SimFd, bytes: &[u8], fds: &[&SimFd]) -> Result<()> {
        let mut world = self.handle.step("send", socket.number.into());
        let description = world.kernel.at(socket.number)?;
        let end = world.kernel.end_of(description)?;
        let fds: Result<Vec<_>> = fds.iter().map(|fd| world.kernel.at(fd.number)).collect();
        let descriptions = fds?;
        let to = world.kernel.other(end);
        world.answered(to, bytes, &descriptions);
        world.refuse("send", MEMORY)?;
        descriptions.iter().for_each(|description| world.kernel.hold(*description));
        world.kernel.send(end, Message { bytes: bytes.to_vec(), descriptions, sender: BROKER })
    }

    fn runs(&self, _program: &SimFd) -> bool {
        true
    }

    fn credentials(&mut self, socket: &SimFd) -> Result<Cred> {
        let world = self.handle.step("credentials", socket.number.into());
        let description = world.kernel.at(socket.number)?;
        let end = world.kernel.end_of(description)?;
        Ok(cred_of(&world.kernel.them(end)))
    }

    fn locked_memory(&self, _pid: Pid) -> u64 {
        MEMLOCK
    }

    fn huge_group(&self) -> Option<Gid> {
        None
    }

    fn pidfd(&mut self, pid: Pid) -> Result<SimFd> {
        let mut world = self.handle.risk("pidfd", pid.0.into(), NUMBERS)?;
        let description = world.kernel.pidfd(pid)?;
        Ok(self.handle.install(&mut world, description))
    }

    fn maps(&self, pid: Pid, ino: u64) -> bool {
        self.handle.step("maps", pid.0.into()).kernel.maps(pid, ino)
    }

    fn make_table(&mut self, client: ClientId, cookie: u64) -> Result<(SimFd, SimTable)> {
        let mut world = self.handle.risk("make_table", client.0 as i64, NUMBERS)?;
        let description = world.kernel.make_table(client, cookie);
        let table = SimTable::map(&self.handle, &mut world, description)?;
        Ok((self.handle.install(&mut world, description), table))
    }

    fn map_table(&mut self, fd: &SimFd) -> Result<SimTable> {
        let mut world = self.handle.risk("map_table", fd.number.into(), MEMORY)?;
        let description = world.kernel.at(fd.number)?;
        SimTable::map(&self.handle, &mut world, description)
    }

    fn make(&mut self, hidden: Option<&SimFd>, wish: &Wish) -> Result<SimFd> {
        let mut world =
            self.handle.risk("make", wish.size.0 as i64, &[Errno::ENOMEM, Errno::ENOSPC, Errno::ENFILE])?;
        let hidden = hidden.map(|fd| world.kernel.at(fd.number)).transpose()?;
        let description = world.kernel.make(hidden, wish)?;
        Ok(self.handle.install(&mut world, description))
    }

    fn facts(&self, fd: &SimFd) -> Result<Facts> {
        let world = self.handle.step("facts", fd.number.into());
        let description = world.kernel.at(fd.number)?;
        match world.kernel.file_of(description) {
            Ok(file) => Ok(world.kernel.facts(file)),
            // fstat(2) tells of any file; what is no object's is nobody's here.
            Err(_) => Ok(Facts {
                identity: Identity { dev: 0, ino: description_number(fd.number) },
                size: ByteLen(0),
                allocated: ByteLen(0),
                links: 1,
                mode: 0o140_600,
                uid: Uid(0),
                gid: Gid(0),
            }),
        }
    }

    fn changed(&self, fd: &SimFd) -> Result<u64> {
        let world = self.handle.step("changed", fd.number.into());
        let file = world.kernel.file_of(world.kernel.at(fd.number)?)?;
        Ok(world.kernel.changed(file))
    }

    fn access(&self, fd: &SimFd) -> Result<OpenFlags> {
        let world = self.handle.step("access", fd.number.into());
        Ok(world.kernel.flags(world.kernel.at(fd.number)?))
    }

    fn open(&mut self, fd: &SimFd, flags: OpenFlags) -> Result<SimFd> {
        let mut world = self.handle.risk("open", fd.number.into(), NUMBERS)?;
        let description = world.kernel.at(fd.number)?;
        let opened = world.kernel.reopen(description, flags);
        Ok(self.handle.install(&mut world, opened))
    }

    fn is_unused(&mut self, fd: &SimFd) -> Result<bool> {
        let mut world = self.handle.step("is_unused", fd.number.into());
        let file = world.kernel.file_of(world.kernel.at(fd.number)?)?;
        let unused = world.kernel.descriptions_of(file) == 1;
        if unused {
            world.seen_unused(file);
        }
        Ok(unused)
    }

    fn own(&mut self, fd: &SimFd, uid: Uid, gid: Gid, mode: u32) {
        let mut world = self.handle.step("own", fd.number.into());
        let file = world.kernel.at(fd.number).and_then(|description| world.kernel.file_of(description));
        if let Ok(file) = file {
            world.kernel.own(file, uid, gid, mode);
        }
    }

    fn truncate(&mut self, fd: &SimFd, size: ByteLen) -> Result<()> {
        let mut world = self.handle.step("truncate", fd.number.into());
        let description = world.kernel.at(fd.number)?;
        let file = world.kernel.file_of(description)?;
        world.broker_cuts(file, size);
        world.kernel.truncate(file, size.0)
    }

    fn populate(&mut self, fd: &SimFd, size: ByteLen) -> Result<()> {
        let mut world = self.handle.risk("populate", fd.number.into(), MEMORY)?;
        let description = world.kernel.at(fd.number)?;
        let file = world.kernel.file_of(description)?;
        if world.kernel.file(file).size < size.0 {
            world.kernel.truncate(file, size.0)?;
        }
        world.kernel.write_pages(file, size.pages().0)
    }

    fn keep(&mut self, fd: &SimFd, lock: bool) -> Result<SimKept> {
        let mut world = self.handle.risk("keep", fd.number.into(), MEMORY)?;
        let description = world.kernel.at(fd.number)?;
        SimKept::map(&self.handle, &mut world, description, lock)
    }

    fn link(&mut self, _hidden: &SimFd, file: &SimFd, name: &Name) -> Result<()> {
        let mut world = self.handle.risk("link", file.number.into(), &[Errno::ENOSPC, Errno::ENOMEM])?;
        let description = world.kernel.at(file.number)?;
        let file = world.kernel.file_of(description)?;
        world.kernel.link(file, name)
    }

    fn unlink(&mut self, _hidden: &SimFd, name: &Name) -> Result<()> {
        self.handle.step("unlink", 0).kernel.unlink(name)
    }

    fn rename(&mut self, _hidden: &SimFd, from: &Name, to: &Name, flags: u32) -> Result<()> {
        self.handle.step("rename", flags.into()).kernel.rename(from, to, flags)
    }

    fn link_name(&mut self, _hidden: &SimFd, from: &Name, to: &Name) -> Result<()> {
        // The mount has no inode left: each name counts as one.
        self.handle.risk("link_name", 0, &[Errno::ENOSPC])?.kernel.link_name(from, to)
    }

    fn named(&self, _hidden: &SimFd, name: &Name) -> Result<Option<Identity>> {
        let world = self.handle.step("named", 0);
        Ok(world.kernel.names().get(name).map(|file| world.kernel.file(*file).identity))
    }

    fn resize(&mut self, _hidden: &SimFd, size: ByteLen) -> Result<()> {
        self.handle.risk("resize", size.0 as i64, MEMORY)?.kernel.resize_hidden(size.0);
        Ok(())
    }

    fn root(&mut self, hidden: &SimFd) -> Result<SimFd> {
        let mut world = self.handle.risk("root", hidden.number.into(), NUMBERS)?;
        let root = world.kernel.describe(What::Root, OpenFlags::empty());
        Ok(self.handle.install(&mut world, root))
    }

    fn use_state(&mut self, _dir: &[u8]) -> Result<()> {
        drop(self.handle.step("use_state", 0));
        self.has_state = true;
        Ok(())
    }

    fn make_durable(&mut self, image: &ObjectImage) -> Result<SimFd> {
        self.with_state()?;
        let made = state::create(&self.handle, image)?;
        let mut world = self.handle.world_mut();
        Ok(self.handle.install(&mut world, made))
    }

    fn record(&mut self, image: &ObjectImage) -> Result<()> {
        self.with_state()?;
        state::record(&self.handle, image)
    }

    fn erase(&mut self, object: ObjectId) -> Result<()> {
        self.with_state()?;
        state::erase(&self.handle, object)
    }

    fn undo(&mut self, object: ObjectId) -> Result<SimFd> {
        self.with_state()?;
        let mut world = self.handle.risk("undo", object.0 as i64, NUMBERS)?;
        if !world.kernel.state.has_undo(object.0) {
            return Err(Errno::ENOENT);
        }
        let instance = world.instance;
        let opened = world.kernel.describe(What::Undo(object, instance), OpenFlags::RDWR);
        Ok(self.handle.install(&mut world, opened))
    }

    fn roll_back(&mut self, image: &ObjectImage) -> Result<bool> {
        self.with_state()?;
        let mut world = self.handle.step("roll_back", image.object.0 as i64);
        if heads::is_kept(image) { world.kernel.roll_back(image.object.0) } else { Ok(true) }
    }

    fn sweep(&mut self, last: ObjectId) {
        if self.has_state {
            state::sweep(&self.handle, last);
        }
    }

    fn allocate(&mut self, fd: &SimFd, size: ByteLen) -> Result<()> {
        let mut world = self.handle.risk("allocate", fd.number.into(), &[Errno::ENOSPC, Errno::EIO])?;
        let file = world.kernel.file_of(world.kernel.at(fd.number)?)?;
        if world.kernel.file(file).size < size.0 { world.kernel.truncate(file, size.0) } else { Ok(()) }
    }

    fn text(&mut self, text: &str) -> Result<SimFd> {
        let mut world = self.handle.risk("text", text.len() as i64, NUMBERS)?;
        let made = world.kernel.describe(What::Text, OpenFlags::empty());
        Ok(self.handle.install(&mut world, made))
    }

    fn pipe(&mut self) -> Result<(SimFd, SimFd)> {
        let mut world = self.handle.risk("pipe", 0, NUMBERS)?;
        let (read, write) = world.kernel.pipe();
        let read = self.handle.install(&mut world, read);
        let write = self.handle.install(&mut world, write);
        Ok((read, write))
    }

    fn read(&mut self, fd: &SimFd, bytes: &mut [u8]) -> Result<usize> {
        let mut world = self.handle.step("read", fd.number.into());
        let description = world.kernel.at(fd.number)?;
        match world.kernel.what(description) {
            What::ReadEnd(pipe) => world.kernel.read_pipe(pipe, bytes),
            _ => Err(Errno::EINVAL),
        }
    }
}

fn description_number(number: i32) -> u64 {
    1 << 32 | number as u64
}

/// What the kernel and /proc say of a process: root has every capability, others none.
pub(crate) fn cred_of(peer: &Peer) -> Cred {
    let caps = if peer.uid == Uid(0) { Caps::all() } else { Caps::empty() };
    Cred { pid: peer.pid, uid: peer.uid, gid: peer.gid, groups: Groups::NONE, caps }
}
