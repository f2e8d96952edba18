//! Durable objects where something goes wrong: a disk that fails, a broker that is killed, an editor that is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::state::{MIB, State, content, create, fetch, rows, until, wanted};
use common::{Store, name};
use rustix::fd::OwnedFd;
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::store::{Admission, Token};
use shmfs_abi::{ByteLen, Call, Errno, Lifetime, ObjectId, OpenFlags, Part, Pid, Reply, ShmLimits, Wanted};
use shmfs_broker::{Broker, Config, Fittings, Linux, Surroundings, found};
use shmfs_client::{Client, Settings};
use shmfs_durable::{Head, Leftover, StateDir, Undo, Why, lock_editor};
use shmfs_sys::socket;
use shmfs_wire::{Hello, Request, Response, Role};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// What the head of an object says is its name.
fn named(state: &State, object: ObjectId) -> Vec<u8> {
    let head = StateDir::open(&state.0).unwrap().read_head(object.0).unwrap();
    head.name.unwrap().as_bytes().to_vec()
}

#[test]
fn a_disk_that_fails_is_tried_again() {
    let state = State::new("behind");
    let store = state.store();
    let mut peer = store.client();
    let (object, _) = create(&mut peer, "a", b"a");
    let (other, _) = create(&mut peer, "other", b"a");
    // Where the next head is written to lies a directory.
    let blocked = state.file(object, "head.tmp");
    std::fs::create_dir(&blocked).unwrap();
    peer.call(Call::Rename { from: name("a"), to: name("b"), flags: 0 }, &[]).unwrap();
    assert_eq!(rows(&mut peer)[0].name, Some(name("b")));
    assert_eq!(named(&state, object), b"a");
    // Others are not held up.
    peer.call(Call::Rename { from: name("other"), to: name("another"), flags: 0 }, &[]).unwrap();
    assert_eq!(named(&state, other), b"another");
    std::fs::remove_dir(&blocked).unwrap();
    until("the head is written", || named(&state, object) == b"b");
    // It cannot be made, and nothing is left of it.
    let next = ObjectId(other.0 + 1);
    std::fs::create_dir(state.file(next, "head.tmp")).unwrap();
    let refused = peer.call(Call::Want(wanted("c", 10)), &[]).unwrap_err();
    assert_eq!((refused, rows(&mut peer).len()), (Errno(21), 2));
    std::fs::remove_dir(state.file(next, "head.tmp")).unwrap();
    assert!(create(&mut peer, "c", b"c").0 > next);
}

fn surroundings() -> Surroundings<OwnedFd> {
    Surroundings { pid: Pid(0), stop: None, keeper: None, keep: None }
}

/// What the broker answers within some turns.
fn ask(broker: &mut Broker<Linux>, socket: &OwnedFd, number: u64, request: &Request) -> Response {
    let mut bytes = [0; MESSAGE_BYTES];
    let len = shmfs_wire::encode_request(request, number, &mut bytes);
    socket::send(socket, &bytes[..len], &[], false).unwrap();
    loop {
        match socket::receive(socket, &mut bytes, false) {
            Ok(received) => {
                // The end of the attach table would be this client's.
                std::mem::forget(received.fds);
                let (answered, response) = shmfs_wire::decode_response(&bytes[..received.len]).unwrap();
                assert_eq!(answered, number);
                return response;
            }
            Err(Errno::EAGAIN) => drop(broker.turn().unwrap()),
            Err(errno) => panic!("{errno:?}"),
        }
    }
}

fn ask_for(broker: &mut Broker<Linux>, socket: &OwnedFd, number: u64, wanted: Wanted) -> ObjectId {
    match ask(broker, socket, number, &Request::Call(Call::Want(wanted))) {
        Response::Reply(Reply::Wanted { object, created: true, .. }) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_killed_broker_has_not_committed_is_swept() {
    let state = State::new("sweep");
    let dir = state.0.with_extension("store");
    let config = Config {
        dir: dir.clone(),
        size: ByteLen(MIB),
        sparse: false,
        reserve: false,
        limits: ShmLimits { shmmax: MIB, shmmni: 16, shmall: MIB },
        admission: Admission::Owner,
        lifetime: shmfs_broker::Lifetime::Forever,
        reap: false,
        state: Some(state.0.clone()),
        listener: None,
    };
    let founded = found(config).unwrap();
    let journal = founded.pages.number();
    // What is forgotten here is as if its process had been killed: its numbers stay open.
    std::mem::forget(founded);
    let mut first = Broker::go_on(journal, surroundings(), &Fittings::default()).unwrap();
    let socket = socket::connect(dir.join("socket").as_os_str().as_bytes()).unwrap();
    let hello = Hello { token: Token::default(), role: Role::Client, resume: None };
    assert!(matches!(ask(&mut first, &socket, 0, &Request::Hello(hello)), Response::Welcome(_)));
    let object = ask_for(&mut first, &socket, 1, wanted("seen", 4096));
    std::mem::forget(first);

    let files = StateDir::open(&state.0).unwrap();
    let [whole, begun, ended, lost] = [1, 2, 3, 7].map(|more| ObjectId(object.0 + more));
    let head = files.read_head(object.0).unwrap();
    files.create(whole.0, &Head { name: Some(name("unseen")), ..head }).unwrap();
    for (object, end) in
        [(begun, "head.tmp"), (begun, "pages"), (ended, "gone"), (ended, "undo"), (lost, "pages")]
    {
        std::fs::write(state.file(object, end), b"").unwrap();
    }
    let mut second = Broker::go_on(journal, surroundings(), &Fittings::default()).unwrap();
    let scan = files.scan().unwrap();
    assert_eq!(scan.objects.iter().map(|(object, _)| *object).collect::<Vec<_>>(), [object.0]);
    // Nobody knows whose those are; somebody may want them.
    assert_eq!(scan.leftovers, [Leftover { object: lost.0, why: Why::Unknown }]);
    // The number was given to nobody.
    assert_eq!(ask_for(&mut second, &socket, 2, wanted("unseen", 4096)), whole);
    second.remove_directory();
}

/// In a process of its own: edits the object `log` of a store, and never comes to an end.
#[test]
#[ignore = "another test runs it, and kills it"]
fn editor() {
    let dir = std::env::var_os("SHMFS_TEST_EDITS").unwrap();
    let peer = Client::idle();
    peer.join(Settings::new(Path::new(&dir).as_os_str().as_bytes(), None).unwrap()).unwrap();
    let open = Wanted { flags: OpenFlags::RDWR, lifetime: Lifetime::UntilRemoved, ..wanted("log", 0) };
    let Ok((Reply::Wanted { object, .. }, pages)) = peer.call(Call::Want(open), None) else { panic!() };
    let Ok((_, log)) = peer.call(Call::Fetch { object, part: Part::Undo }, None) else { panic!() };
    let (pages, log) = (File::from(pages.unwrap()), File::from(log.unwrap()));
    assert!(lock_editor(&log, true).unwrap());
    let mut undo = Undo::open(&log, object.0).unwrap();
    undo.save(&pages, 0..9).unwrap();
    pages.write_all_at(b"half done", 0).unwrap();
    println!("\nhalf done");
    loop {
        std::thread::park();
    }
}

/// That process; killed when it goes.
struct Editor(Child, #[allow(dead_code, reason = "its output ends nowhere")] BufReader<ChildStdout>);

impl Editor {
    /// Starts it, and returns when its edit is half done.
    fn start(store: &Store) -> Editor {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["editor", "--exact", "--ignored", "--nocapture"])
            .env("SHMFS_TEST_EDITS", store.dir())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut editor = Editor(child, output);
        let mut line = String::new();
        while line != "half done\n" {
            line.clear();
            assert!(editor.1.read_line(&mut line).unwrap() > 0, "the editor has failed");
        }
        editor
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn half_an_edit_is_rolled_back_and_a_living_editor_left_alone() {
    let state = State::new("edits");
    let store = state.store();
    let mut peer = store.client();
    let (object, file) = create(&mut peer, "log", b"committed");
    let editor = Editor::start(&store);
    assert_eq!(content(&file, 9), b"half done");
    drop(editor);
    until("the store rolls back", || content(&file, 9) == b"committed");

    let editor = Editor::start(&store);
    drop((peer, store));
    let store = state.store();
    assert_eq!(content(&fetch(&mut store.client(), object), 9), b"half done");
    drop(store);
    drop(editor);
    let store = state.store();
    assert_eq!(content(&fetch(&mut store.client(), object), 9), b"committed");
}
