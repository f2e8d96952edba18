//! A broker of a few lines, which does what a test tells it: enough to see what the client says, and how it
//! takes a broken connection.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use shmfs_abi::{
    ByteLen, Call, ClientId, Errno, Name, ObjectId, OpenFlags, Pid, Reply, SegmentStat, Shmid, Slot, Ticket,
    limits::SEM_BYTES,
};
use shmfs_client::Settings;
use shmfs_index::Table;
use shmfs_sys::{AsFd, BorrowedFd, OwnedFd, fd, memfd, socket};
use shmfs_wire::{
    Hello, MESSAGE_BYTES, Refused, Request, Response, Role, VERSION, Welcome, decode_request, encode_response,
};
use std::{
    collections::{HashMap, VecDeque},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// What becomes of the next message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection ends before it is read.
    Unread,
    /// It is carried out, and the connection ends without an answer.
    Unanswered,
    /// It is answered with this refusal.
    Refuse(Errno),
    /// The client shall connect anew.
    Reconnect,
    /// The answer has a number that nothing has been asked under.
    Nonsense,
    /// The answer comes twice: the broker was killed before it knew that it had answered, and so was the next.
    Twice,
    /// The descriptors of the answer are lost, since the process has no number left.
    Bare,
    /// The answer is one of another version of the protocol.
    Foreign,
    /// A broker of another version refuses.
    ForeignRefusal,
}

/// How a connection ends of which the broker knew nothing yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HangUp {
    /// With `Hello` in its queue.
    Unread,
    /// After `Hello` was read.
    Read,
}

/// A version of the protocol that is not ours.
const FOREIGN: u16 = VERSION + 1;

pub const OBJECT: ObjectId = ObjectId(77);
pub const SLOT: Slot = Slot(5);
pub const SIZE: u64 = 5000;

/// What the broker knows and has heard.
pub struct Store {
    pub calls: Vec<Call>,
    /// The numbers of the calls and forks that were read.
    pub numbers: Vec<u64>,
    pub hellos: Vec<Hello>,
    /// The next connections end so.
    pub hangups: VecDeque<HangUp>,
    /// The last number of each client and visitor that was carried out.
    done: HashMap<Option<usize>, u64>,
    /// Descriptors that came with calls.
    pub shown: usize,
    /// The sockets of children that are not born.
    pub unborn: Vec<OwnedFd>,
    /// Before the n-th next call; earlier ones are served.
    pub faults: VecDeque<Option<Fault>>,
    pub tables: Vec<Table>,
    pub segment: OwnedFd,
    pub object: OwnedFd,
    pub fresh: Option<OwnedFd>,
    pub published: Option<(Name, OwnedFd)>,
    pub asked: Option<Name>,
    pub forgetful: bool,
}

/// A running broker.
pub struct Mock {
    pub dir: PathBuf,
    store: Arc<Mutex<Store>>,
}

fn file(size: u64) -> OwnedFd {
    let file = memfd::create(c"mock", true).unwrap();
    fd::truncate(&file, ByteLen(size)).unwrap();
    file
}

impl Mock {
    /// Starts a broker in a directory of this name.
    pub fn start(name: &str) -> Mock {
        let all = std::env::temp_dir().join("shmfs-client-tests");
        sweep(&all);
        let dir = all.join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let store = Arc::new(Mutex::new(Store {
            calls: vec![],
            numbers: vec![],
            hellos: vec![],
            hangups: VecDeque::new(),
            done: HashMap::new(),
            shown: 0,
            unborn: vec![],
            faults: VecDeque::new(),
            tables: vec![],
            segment: file(SIZE),
            object: file(0),
            fresh: None,
            published: None,
            asked: None,
            forgetful: false,
        }));
        let mock = Mock { dir, store: store.clone() };
        let listener = socket::listen(mock.dir.join("socket").as_os_str().as_bytes(), 8).unwrap();
        thread::spawn(move || accept(&listener, &store));
        mock
    }

    pub fn settings(&self) -> Settings {
        Settings::new(self.dir.as_os_str().as_bytes(), None).unwrap()
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// Makes the broker serve `after` more calls and then meet `fault`.
    pub fn plan(&self, after: usize, fault: Fault) {
        let mut store = self.store();
        store.faults.clear();
        store.faults.extend(std::iter::repeat_n(None, after));
        store.faults.push_back(Some(fault));
    }

    /// The calls since this was last asked.
    pub fn heard(&self) -> Vec<Call> {
        std::mem::take(&mut self.store().calls)
    }

    /// The numbers of the calls and forks since this was last asked.
    pub fn numbers(&self) -> Vec<u64> {
        std::mem::take(&mut self.store().numbers)
    }

    /// No connection can be made any more; those that exist stay.
    pub fn vanish(&self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Mocks live in statics, which nobody drops: the folders of processes that have ended are removed by the next.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.rsplit_once('-').map_or("", |(_, pid)| pid);
        if !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn accept(listener: &OwnedFd, store: &Arc<Mutex<Store>>) {
    loop {
        match socket::accept(listener) {
            Ok(connection) => {
                let store = store.clone();
                thread::spawn(move || serve(&connection, &store));
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn serve(connection: &OwnedFd, store: &Mutex<Store>) {
    let mut table = None;
    let mut begun = false;
    let hangup = store.lock().unwrap().hangups.pop_front();
    if hangup == Some(HangUp::Unread) {
        await_message(connection);
        return;
    }
    loop {
        if begun && store.lock().unwrap().faults.front() == Some(&Some(Fault::Unread)) {
            // Ends the connection with the next message in its queue.
            if !await_message(connection) {
                return;
            }
            store.lock().unwrap().faults.pop_front();
            return;
        }
        let mut bytes = [0; MESSAGE_BYTES];
        let received = match socket::receive(connection, &mut bytes, true) {
            Ok(received) if received.len > 0 => received,
            _ => return,
        };
        let (seq, request) = decode_request(&bytes[..received.len]).unwrap();
        let mut store = store.lock().unwrap();
        let mut fault = None;
        let (response, fds) = match request {
            Request::Hello(hello) => {
                assert_eq!(seq, 0);
                begun = true;
                let answer = store.hello(hello, &mut table);
                if hangup == Some(HangUp::Read) {
                    return;
                }
                answer
            }
            Request::Born => panic!("{request:?}"),
            Request::Fork | Request::Call(_) => {
                store.numbers.push(seq);
                store.shown += received.fds.iter().flatten().count();
                fault = store.faults.pop_front().flatten();
                match (fault, request) {
                    (Some(Fault::Reconnect), _) => (Response::Reconnect, vec![]),
                    (Some(Fault::Refuse(errno)), Request::Call(call)) => {
                        store.calls.push(call);
                        (Response::Refused(Refused::new(errno, "as planned")), vec![])
                    }
                    (_, Request::Call(call)) => {
                        let again = store.done.insert(table, seq) == Some(seq);
                        store.call(call, table, again)
                    }
                    _ => store.fork(),
                }
            }
        };
        drop(store);
        if fault == Some(Fault::Unanswered) || !answer(connection, seq, &response, &fds, fault) {
            return;
        }
    }
}

/// Sends an answer as the fault has it. False when the other end hung up.
fn answer(
    connection: &OwnedFd,
    seq: u64,
    response: &Response,
    fds: &[OwnedFd],
    fault: Option<Fault>,
) -> bool {
    let refusal = Response::Refused(Refused::new(Errno::EPROTO, "another version"));
    let (seq, response) = match fault {
        Some(Fault::Nonsense) => (seq + 1, response),
        Some(Fault::ForeignRefusal) => (seq, &refusal),
        _ => (seq, response),
    };
    let mut buffer = [0; MESSAGE_BYTES];
    let len = encode_response(response, seq, &mut buffer);
    if let Some(Fault::Foreign | Fault::ForeignRefusal) = fault {
        buffer[4..6].copy_from_slice(&FOREIGN.to_ne_bytes());
    }
    let mut fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    if fault == Some(Fault::Bare) {
        fds.clear();
    }
    let times = if fault == Some(Fault::Twice) { 2 } else { 1 };
    (0..times).all(|_| socket::send(connection, &buffer[..len], &fds, true).is_ok())
}

/// Waits until a message can be read, and leaves it. False when the other end hung up.
fn await_message(connection: &OwnedFd) -> bool {
    loop {
        match queued(connection) {
            Some(true) => return true,
            Some(false) => thread::sleep(Duration::from_millis(1)),
            None => return false,
        }
    }
}

/// Whether a message waits; nothing after hang-up.
fn queued(connection: &OwnedFd) -> Option<bool> {
    let mut peek = [0; 1];
    match rustix::net::recv(
        connection,
        &mut peek,
        rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT,
    ) {
        Ok((_, 0)) => None,
        Ok(_) => Some(true),
        Err(rustix::io::Errno::AGAIN) => Some(false),
        Err(_) => None,
    }
}

impl Store {
    fn hello(&mut self, hello: Hello, table: &mut Option<usize>) -> (Response, Vec<OwnedFd>) {
        self.hellos.push(hello);
        let welcome = |client| {
            Response::Welcome(Welcome {
                client: ClientId(client),
                cookie: 9,
                tmpfs_dev: fd::facts(&self.object).unwrap().identity.dev,
                pid: Pid(std::process::id() as i32),
            })
        };
        if hello.role == Role::Visitor {
            return (welcome(0), vec![]);
        }
        match hello.resume {
            Some(_) if self.forgetful => {
                (Response::Refused(Refused::new(Errno::ESRCH, "nobody knows it")), vec![])
            }
            Some((client, cookie)) => {
                assert_eq!(cookie, 9);
                *table = Some(client.0 as usize - 1);
                (welcome(client.0), vec![])
            }
            None => {
                let client = self.tables.len() as u64 + 1;
                let answer = welcome(client);
                let (file, made) = Table::create(ClientId(client), 9).unwrap();
                self.tables.push(made);
                *table = Some(client as usize - 1);
                (answer, vec![file])
            }
        }
    }

    fn fork(&mut self) -> (Response, Vec<OwnedFd>) {
        let client = self.tables.len() as u64 + 1;
        let (file, made) = Table::create(ClientId(client), 9).unwrap();
        let (ours, childs) = socket::pair().unwrap();
        self.tables.push(made);
        self.unborn.push(ours);
        (Response::Forked, vec![file, childs])
    }

    /// Carries a call out, or answers it again.
    fn call(&mut self, call: Call, table: Option<usize>, again: bool) -> (Response, Vec<OwnedFd>) {
        self.calls.push(call);
        let refused = |errno| (Response::Refused(Refused::new(errno, "no")), vec![]);
        let reopened = |file: &OwnedFd| vec![fd::reopen(file.as_fd(), OpenFlags::RDWR).unwrap()];
        let (reply, fds) = match call {
            Call::ShmGet { .. } => (Reply::Shmid(Shmid(SLOT.0 as i32)), vec![]),
            Call::ShmAttach { .. } => {
                if !again {
                    self.tables[table.unwrap()].attach(SLOT, OBJECT);
                }
                let reply = Reply::Attached { slot: SLOT, object: OBJECT, size: ByteLen(SIZE) };
                (reply, reopened(&self.segment))
            }
            Call::ShmStat { shmid } => (Reply::Stat { shmid, stat: SegmentStat::default() }, vec![]),
            Call::Open { .. } => (Reply::Opened { object: OBJECT }, reopened(&self.object)),
            Call::SemOpen { name, flags, .. } => match &self.published {
                Some((known, _)) if *known == name && flags.contains(OpenFlags::EXCL) => {
                    return refused(Errno::EEXIST);
                }
                Some((known, file)) if *known == name => (Reply::Opened { object: OBJECT }, reopened(file)),
                _ if flags.contains(OpenFlags::CREAT) => {
                    let fresh = file(SEM_BYTES);
                    let given = reopened(&fresh);
                    self.fresh = Some(fresh);
                    self.asked = Some(name);
                    (Reply::Fresh { object: OBJECT, ticket: Ticket(3) }, given)
                }
                _ => return refused(Errno::ENOENT),
            },
            Call::SemPublish { ticket } => {
                assert_eq!(ticket, Ticket(3));
                if !again {
                    self.published = Some((self.asked.unwrap(), self.fresh.take().unwrap()));
                }
                (Reply::Done, vec![])
            }
            Call::ShmDetached { .. }
            | Call::ShmRemove { .. }
            | Call::Unlink { .. }
            | Call::Reserve { .. }
            | Call::Settle { .. }
            | Call::Replace => (Reply::Done, vec![]),
            _ => return refused(Errno::ENOSYS),
        };
        (Response::Reply(reply), fds)
    }
}

/// A client of its own broker, both living as long as the test program.
#[macro_export]
macro_rules! client {
    ($name:literal) => {{
        static MOCK: std::sync::OnceLock<mock::Mock> = std::sync::OnceLock::new();
        static CLIENT: shmfs_client::Client =
            shmfs_client::Client::new(|| Ok(MOCK.get().unwrap().settings()));
        (&CLIENT, MOCK.get_or_init(|| mock::Mock::start($name)))
    }};
}
