//! The seeds of the corpus: journals of a few rows, some left by a writer that was killed.

use crate::any;
use crate::mortal::{Mortal, commit_all};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use shmfs_abi::{
    Backing, ByteLen, Call, Caps, Cred, GetFlags, Gid, Groups, Key, Name, OpenFlags, Pid, Reply, ShmLimits,
    Slot, Time, Uid, store::Admission,
};
use shmfs_core::{Config, Effect, Event, Facts, Namespace};
use shmfs_journal::{Intent, Journal, MountRecord, ObjectRecord, Record, StoreRecord, VecPages};
use shmfs_sys::fd::Identity;

const NOW: Time = Time { seconds: 1_700_000_000, nanos: 0 };

const CALLER: Cred =
    Cred { pid: Pid(100), uid: Uid(1000), gid: Gid(1000), groups: Groups::NONE, caps: Caps::empty() };

fn namespace() -> Namespace {
    Namespace::new(Config {
        size: ByteLen(1 << 20),
        sparse: false,
        reserve: false,
        limits: ShmLimits { shmmax: 1 << 20, shmmni: 16, shmall: 256 },
        posix: Backing::Memfd,
        durable: false,
        protected_regular: 0,
        protected_hardlinks: false,
        owner: (Uid(1000), Gid(1000)),
        boot: NOW,
    })
}

/// Carries out a call as far as the engine sees it; with `unlinked`, an object stays without its name.
fn call(namespace: &mut Namespace, call: Call, unlinked: bool) -> Reply {
    let answer = namespace.call(&CALLER, call, NOW).unwrap();
    let mut effects = answer.effects;
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Make { ticket, size, .. } => {
                effects.extend(namespace.settle(ticket, Ok(Facts { size, allocated: ByteLen(0) })));
            }
            Effect::Link { ticket, .. } if !unlinked => {
                effects.extend(namespace.settle(ticket, Ok(Facts::default())));
            }
            _ => {}
        }
    }
    answer.reply
}

/// What a broker would have written of a namespace.
fn records(namespace: &mut Namespace) -> Vec<Record> {
    let changes = namespace.take_changes();
    let store = StoreRecord {
        image: namespace.image(),
        dir: b"/run/shmfs/s".to_vec(),
        state: Vec::new(),
        state_lock: -1,
        listener: 3,
        hidden: -1,
        hold: -1,
        kill: false,
        reap: true,
        command_ended: false,
        mount: MountRecord::default(),
        until_unmounted: false,
        admission: Admission::Owner,
        posix_dev: 0,
        next_connection: 1,
        next_client: 1,
        next_writer: 1,
    };
    let objects = changes.objects.iter().filter_map(|(_, image)| *image).map(|image| {
        Record::Object(ObjectRecord {
            image,
            fd: 10,
            identity: Identity { dev: 1, ino: image.object.0 },
            backing: Backing::Memfd,
            owner: (image.uid, image.gid, image.mode),
        })
    });
    let names = changes.names.iter().filter_map(|(name, object)| Some(Record::Name(*name, (*object)?)));
    [Record::Store(store)].into_iter().chain(objects).chain(names).collect()
}

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

const CREATE: OpenFlags = OpenFlags::from_bits_retain(OpenFlags::CREAT.bits() | OpenFlags::RDWR.bits());

fn files() -> Vec<Record> {
    let mut namespace = namespace();
    call(&mut namespace, Call::Open { name: name("a"), flags: CREATE, mode: 0o600 }, false);
    call(&mut namespace, Call::Link { from: name("a"), to: name("b") }, false);
    call(&mut namespace, Call::Open { name: name("c"), flags: CREATE, mode: 0o600 }, true);
    records(&mut namespace)
}

fn semaphores() -> Vec<Record> {
    let mut namespace = namespace();
    call(&mut namespace, Call::SemOpen { name: name("sem.s"), flags: CREATE, mode: 0o600 }, false);
    call(&mut namespace, Call::Open { name: name("gone"), flags: CREATE, mode: 0o600 }, false);
    call(&mut namespace, Call::Unlink { name: name("gone") }, false);
    records(&mut namespace)
}

fn segments() -> Vec<Record> {
    let mut namespace = namespace();
    let get = |key, size| Call::ShmGet {
        key: Key(key),
        size: ByteLen(size),
        flags: GetFlags::from_bits_retain(0o1600),
    };
    let Reply::Shmid(shmid) = call(&mut namespace, get(7, 5000), false) else { panic!("no segment") };
    call(&mut namespace, get(0, 1), false);
    call(&mut namespace, Call::ShmAttach { shmid, flags: shmfs_abi::AttachFlags::empty() }, false);
    call(&mut namespace, Call::ShmRemove { shmid }, false);
    namespace.observe(Event::Exited { pid: CALLER.pid }, NOW);
    records(&mut namespace)
}

fn intents() -> Vec<Record> {
    let mut runner = TestRunner::deterministic();
    let mut all = vec![records(&mut namespace()).swap_remove(0)];
    for index in 0..3 {
        let intent = any::intent().new_tree(&mut runner).unwrap().current();
        all.push(Record::Intent(index, intent));
    }
    all
}

/// The journal's bytes to the end of its last used row.
fn bytes(journal: &Journal<Mortal>) -> Vec<u8> {
    let bytes = &journal.pages().pages.0;
    let used = bytes[4096..].chunks(1024).rposition(|row| row.iter().any(|&byte| byte != 0)).unwrap() + 1;
    bytes[..4096 + used * 1024].to_vec()
}

fn written(records: &[Record]) -> Journal<Mortal> {
    let mut journal = Journal::create(Mortal::new(VecPages::default(), usize::MAX)).unwrap();
    commit_all(&mut journal, records);
    journal
}

/// Their names and bytes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let store = || records(&mut namespace())[..1].to_vec();
    let writer = [store(), any::twelve(0).split_off(11)].concat();
    let processes = any::twelve(0)
        .into_iter()
        .filter(|record| matches!(record, Record::Client(_) | Record::Connection(_)));
    let processes: Vec<_> = store().into_iter().chain(processes.take(3)).collect();

    // Two versions and a tombstone: killed before anything was freed.
    let mut killed = written(&files()[..2]);
    killed.remove(files()[1].id()).unwrap();
    killed.put(&store()[0]).unwrap();
    killed.pages_mut().left = 2;
    killed.commit();
    // Killed in the middle of a row.
    let mut torn = written(&semaphores());
    torn.pages_mut().left = 5;
    torn.put(&Record::Intent(0, Intent::Mark { object: shmfs_abi::ObjectId(1), slot: Slot(1) })).unwrap();
    torn.put(&store()[0]).unwrap();

    let written = |records: &[Record]| bytes(&written(records));
    vec![
        ("store", written(&store())),
        ("files", written(&files())),
        ("semaphores", written(&semaphores())),
        ("segments", written(&segments())),
        ("intents", written(&intents())),
        ("processes", written(&processes)),
        ("writer", written(&writer)),
        ("killed", bytes(&killed)),
        ("torn", bytes(&torn)),
    ]
}
