//! Handles in children made by fork. A program of its own, since a fork copies one thread.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use shmfs::{Lifetime, Mapping, Object, Segment, Store};
use shmfs_sys::child::{self, Ended};
use shmfs_sys::table::Cloned;
use std::sync::atomic::Ordering::SeqCst;

const TESTS: [(&str, fn()); 4] = [
    ("a_child_uses_what_it_has_inherited", a_child_uses_what_it_has_inherited),
    ("a_childs_end_ends_nothing", a_childs_end_ends_nothing),
    ("a_store_outlives_its_embedder_in_no_child", a_store_outlives_its_embedder_in_no_child),
    ("a_copy_by_raw_clone_is_a_client_of_its_own", a_copy_by_raw_clone_is_a_client_of_its_own),
];

fn main() {
    // A runner asks which tests there are, and runs them one by one, by name.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if has("--list") {
        if !has("--ignored") {
            TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return;
    }
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, test) in TESTS {
        if named.is_empty() || named.iter().any(|wanted| name.contains(wanted.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
}

/// Runs `act` in a child that the C library forks, and waits for its end. With an embedded store there are two threads.
fn in_child(threads: u64, act: impl FnOnce()) {
    match fork_in_c(threads) {
        Cloned::Child => end_after(act),
        Cloned::Parent(child) => assert_eq!(child::wait(child).unwrap(), Ended::Exit(0)),
    }
}

/// A copy of this process, of which the C library knows nothing. A thread that was joined may be seen for a moment still.
fn fork() -> Cloned {
    loop {
        match child::fork() {
            Err(shmfs_abi::Errno::EINVAL) => std::thread::yield_now(),
            cloned => return cloned.unwrap(),
        }
    }
}

/// The same by the C library, with `threads` threads.
fn fork_in_c(threads: u64) -> Cloned {
    loop {
        match child::fork_in_c(threads) {
            Err(shmfs_abi::Errno::EINVAL) => std::thread::yield_now(),
            cloned => return cloned.unwrap(),
        }
    }
}

/// In a child: a panic is an exit code.
fn end_after(act: impl FnOnce()) -> ! {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
    child::exit(i32::from(done.is_err()))
}

/// A store that a process of its own embeds, so that this one has a single thread. It ends when this is dropped.
struct Elsewhere {
    store: Option<Store>,
    stop: Object,
    server: shmfs_abi::Pid,
}

impl Elsewhere {
    fn start() -> Elsewhere {
        let stop = Object::anonymous(4096).unwrap();
        let page = stop.map().unwrap();
        match fork() {
            Cloned::Child => end_after(|| {
                let store = Store::embedded().unwrap();
                let dir = store.dir().to_str().unwrap().as_bytes();
                page.write_at(64, dir).unwrap();
                page.atomic_u32(0).unwrap().store(dir.len() as u32, SeqCst);
                while page.atomic_u32(4).unwrap().load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
            }),
            Cloned::Parent(server) => {
                while page.atomic_u32(0).unwrap().load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                let len = page.load_u32(0).unwrap() as usize;
                let dir = String::from_utf8(page.window(64..64 + len).unwrap().to_vec().unwrap()).unwrap();
                Elsewhere { store: Some(Store::at(dir).unwrap()), stop, server }
            }
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.store.take());
        self.stop.map().unwrap().atomic_u32(4).unwrap().store(1, SeqCst);
        assert_eq!(child::wait(self.server).unwrap(), Ended::Exit(0));
    }
}

/// Something of each kind.
fn things(store: &Store) -> (Object, Mapping, Segment, Mapping) {
    let object = store.create("object", 4096).unwrap();
    let mapping = object.map().unwrap();
    let segment = store.segment(7).len(4096).create().unwrap();
    let attach = segment.attach().unwrap();
    (object, mapping, segment, attach)
}

fn use_them(
    store: &Store,
    clients: u64,
    (object, mapping, segment, attach): (Object, Mapping, Segment, Mapping),
) {
    assert_eq!(segment.stat().unwrap().attaches, 2, "the child's attach was counted before it was born");
    mapping.store_u32(0, 11).unwrap();
    attach.store_u32(0, 12).unwrap();
    object.resize(8192).unwrap();
    store.create("by the child", 1).unwrap();
    store.object("as long as the child").unwrap().lifetime(Lifetime::Process).create(1).unwrap();
    assert_eq!(store.usage().unwrap().clients, clients + 1);
    drop(attach);
    assert_eq!(segment.stat().unwrap().attaches, 1);
    drop((object, mapping, segment));
}

fn a_child_uses_what_it_has_inherited() {
    let embedded = Store::embedded().unwrap();
    check_inheritance(&embedded, 2);
    drop(embedded);
    let elsewhere = Elsewhere::start();
    check_inheritance(elsewhere.store(), 1);
}

fn check_inheritance(store: &Store, threads: u64) {
    let things = things(store);
    let usage = store.usage().unwrap();
    match fork_in_c(threads) {
        Cloned::Child => end_after(|| use_them(store, usage.clients, things)),
        Cloned::Parent(child) => assert_eq!(child::wait(child).unwrap(), Ended::Exit(0)),
    }
    let (object, mapping, segment, attach) = things;
    assert_eq!((mapping.load_u32(0).unwrap(), attach.load_u32(0).unwrap()), (11, 12));
    assert_eq!((object.len().unwrap(), segment.stat().unwrap().attaches), (8192, 1));
    store.open_object("by the child").unwrap();
    while store.usage().unwrap().clients > usage.clients {
        std::thread::yield_now();
    }
    while store.open_object("as long as the child").is_ok() {
        std::thread::yield_now();
    }
    let (calls, before) = (store.usage().unwrap().calls("shm_open"), usage.calls("shm_open"));
    assert!(calls > before, "the store served the child: {calls:?} after {before:?}");
}

fn a_childs_end_ends_nothing() {
    let store = Store::embedded().unwrap();
    let object = store.create("kept", 4096).unwrap();
    let moved = (store.clone(), object);
    let (dir, kept) = (store.dir().to_owned(), store.clone());
    drop(store);
    match fork_in_c(2) {
        // Every handle of the child goes, with all that belongs to it.
        Cloned::Child => end_after(move || drop((moved, kept))),
        Cloned::Parent(child) => assert_eq!(child::wait(child).unwrap(), Ended::Exit(0)),
    }
    assert!(dir.join("socket").exists());
    moved.0.open_object("kept").unwrap();
    drop((moved, kept));
    assert!(!dir.exists());
}

fn a_store_outlives_its_embedder_in_no_child() {
    let tells = Object::anonymous(4096).unwrap();
    let page = tells.map().unwrap();
    let Cloned::Parent(embedder) = fork() else {
        end_after(|| {
            let store = Store::embedded().unwrap();
            store.create("x", 1).unwrap();
            let Cloned::Parent(_) = fork_in_c(2) else {
                // Lives on when its parent has been killed.
                page.atomic_u32(0).unwrap().store(1, SeqCst);
                while page.atomic_u32(4).unwrap().load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                let errno = store.create("y", 1).unwrap_err().errno() as u32;
                page.atomic_u32(8).unwrap().store(errno, SeqCst);
                child::exit(0);
            };
            loop {
                std::thread::park();
            }
        });
    };
    while page.atomic_u32(0).unwrap().load(SeqCst) == 0 {
        std::thread::yield_now();
    }
    let embedder = rustix::process::Pid::from_raw(embedder.0).unwrap();
    rustix::process::kill_process(embedder, rustix::process::Signal::KILL).unwrap();
    assert_eq!(
        child::wait(shmfs_abi::Pid(embedder.as_raw_nonzero().get())).unwrap(),
        Ended::Signal(rustix::process::Signal::KILL.as_raw())
    );
    page.atomic_u32(4).unwrap().store(1, SeqCst);
    while page.atomic_u32(8).unwrap().load(SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(page.load_u32(8).unwrap(), 111, "ECONNREFUSED, and no hanging");
}

fn a_copy_by_raw_clone_is_a_client_of_its_own() {
    let elsewhere = Elsewhere::start();
    let things = things(elsewhere.store());
    match fork() {
        Cloned::Child => end_after(|| use_them_unannounced(elsewhere.store(), &things)),
        Cloned::Parent(child) => assert_eq!(child::wait(child).unwrap(), Ended::Exit(0)),
    }
    in_child(1, || assert_eq!(things.2.stat().unwrap().attaches, 2));
    while things.2.stat().unwrap().attaches > 1 {
        std::thread::yield_now();
    }
}

fn use_them_unannounced(store: &Store, (object, _, segment, _): &(Object, Mapping, Segment, Mapping)) {
    assert_eq!(segment.stat().unwrap().attaches, 2, "its first call counts what it has inherited");
    object.resize(100).unwrap();
    assert_eq!(store.usage().unwrap().clients, 3, "the embedder, the parent and the child");
}
