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
    Hello, MESSAGE_BYTES, Refused, Request, Response, Role, Welcome, decode_request, encode_response,
};
use std::{
    collections::VecDeque,
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
    /// The answer has another sequence number.
    Nonsense,
}

pub const OBJECT: ObjectId = ObjectId(77);
pub const SLOT: Slot = Slot(5);
pub const SIZE: u64 = 5000;

/// What the broker knows and has heard.
pub struct Store {
    pub calls: Vec<Call>,
    pub hellos: Vec<Hello>,
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
            hellos: vec![],
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
        let (seq, response, fds) = match request {
            Request::Hello(hello) => {
                begun = true;
                let (response, fds) = store.hello(hello, &mut table);
                (seq, response, fds)
            }
            Request::Call(call) => match store.faults.pop_front().flatten() {
                Some(Fault::Reconnect) => (seq, Response::Reconnect, vec![]),
                Some(Fault::Refuse(errno)) => {
                    store.calls.push(call);
                    (seq, Response::Refused(Refused::new(errno, "as planned")), vec![])
                }
                fault => {
                    let (response, fds) = store.call(call, table);
                    match fault {
                        Some(Fault::Unanswered) => return,
                        Some(Fault::Nonsense) => (seq + 1, response, fds),
                        _ => (seq, response, fds),
                    }
                }
            },
            Request::Fork | Request::Born => panic!("{request:?}"),
        };
        drop(store);
        let mut buffer = [0; MESSAGE_BYTES];
        let len = encode_response(&response, seq, &mut buffer);
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        if socket::send(connection, &buffer[..len], &fds, true).is_err() {
            return;
        }
    }
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

    fn call(&mut self, call: Call, table: Option<usize>) -> (Response, Vec<OwnedFd>) {
        self.calls.push(call);
        let refused = |errno| (Response::Refused(Refused::new(errno, "no")), vec![]);
        let reopened = |file: &OwnedFd| vec![fd::reopen(file.as_fd(), OpenFlags::RDWR).unwrap()];
        let (reply, fds) = match call {
            Call::ShmGet { .. } => (Reply::Shmid(Shmid(SLOT.0 as i32)), vec![]),
            Call::ShmAttach { .. } => {
                self.tables[table.unwrap()].attach(SLOT, OBJECT);
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
                self.published = Some((self.asked.unwrap(), self.fresh.take().unwrap()));
                (Reply::Done, vec![])
            }
            Call::ShmDetached { .. }
            | Call::ShmRemove { .. }
            | Call::Unlink { .. }
            | Call::Reserve { .. }
            | Call::Settle { .. } => (Reply::Done, vec![]),
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
