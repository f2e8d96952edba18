//! A store for tests: calls with one caller, and its effects carried out.

#![allow(dead_code, reason = "each test uses a part of it")]

use shmfs_abi::{
    Backing, ByteLen, Call, Caps, Cred, Errno, GetFlags, Gid, Groups, Key, Lifetime, Name, ObjectId,
    OpenFlags, Pid, Reply, ShmLimits, Shmid, Ticket, Time, Uid, Wanted,
};
use shmfs_core::{Config, Effect, Event, Facts, Namespace};

pub const CREATOR: Pid = Pid(500);
pub const ROOT: Cred =
    Cred { pid: CREATOR, uid: Uid(0), gid: Gid(0), groups: Groups::NONE, caps: Caps::all() };
pub const NOW: Time = Time { seconds: 1000, nanos: 0 };

pub fn store() -> Namespace {
    store_of(false)
}

pub fn store_of(sparse: bool) -> Namespace {
    Namespace::new(config(sparse))
}

/// A store that durable objects can outlive.
pub fn durable_store() -> Namespace {
    Namespace::new(Config { durable: true, ..config(false) })
}

fn config(sparse: bool) -> Config {
    Config {
        size: ByteLen(1 << 20),
        sparse,
        reserve: false,
        limits: ShmLimits { shmmax: 1 << 30, shmmni: 4096, shmall: 1 << 20 },
        posix: Backing::TmpfsFile,
        durable: false,
        protected_regular: 0,
        protected_hardlinks: false,
        owner: (Uid(0), Gid(0)),
        boot: NOW,
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

/// Puts a call and leaves its effects to the test.
pub fn ask(store: &mut Namespace, call: Call) -> Result<(Reply, Vec<Effect>), Errno> {
    let answer = store.call(&ROOT, call, NOW);
    store.check();
    answer.map(|answer| (answer.reply, answer.effects)).map_err(|refusal| refusal.errno)
}

/// Puts a call and carries its effects out; those that are only seen come back.
pub fn call(store: &mut Namespace, call: Call) -> Result<(Reply, Vec<Effect>), Errno> {
    let (reply, effects) = ask(store, call)?;
    Ok((reply, carry_out(store, effects)))
}

fn carry_out(store: &mut Namespace, effects: Vec<Effect>) -> Vec<Effect> {
    let mut seen = Vec::new();
    for effect in effects {
        match effect {
            Effect::Make { ticket, .. } | Effect::Link { ticket, .. } | Effect::Lock { ticket, .. } => {
                let next = store.settle(ticket, Ok(Facts::default()));
                seen.extend(carry_out(store, next));
            }
            other => seen.push(other),
        }
    }
    store.check();
    seen
}

pub fn observe(store: &mut Namespace, event: Event) -> Vec<Effect> {
    let effects = store.observe(event, NOW);
    store.check();
    effects
}

pub fn settle(store: &mut Namespace, ticket: Ticket, outcome: Result<Facts, Errno>) -> Vec<Effect> {
    let effects = store.settle(ticket, outcome);
    store.check();
    effects
}

pub fn open_call(text: &str) -> Call {
    Call::Open { name: name(text), flags: OpenFlags::CREAT | OpenFlags::RDWR, mode: 0o600 }
}

/// An object of two pages, which must be absent.
pub fn wanted(text: &str, lifetime: Lifetime) -> Wanted {
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
    Wanted { name: name(text), flags, mode: 0o600, size: ByteLen(8000), lifetime, guarded: false }
}

/// Makes it.
pub fn want(store: &mut Namespace, text: &str, lifetime: Lifetime) -> ObjectId {
    match call(store, Call::Want(wanted(text, lifetime))).unwrap().0 {
        Reply::Wanted { object, created: true, .. } => object,
        other => panic!("{other:?}"),
    }
}

/// Anonymous memory of a page.
pub fn anonymous(store: &mut Namespace, label: &str) -> ObjectId {
    match call(store, Call::Anonymous { label: name(label), size: ByteLen(100) }).unwrap().0 {
        Reply::Opened { object } => object,
        other => panic!("{other:?}"),
    }
}

pub fn sem_call(text: &str) -> Call {
    Call::SemOpen { name: name(text), flags: OpenFlags::CREAT, mode: 0o600 }
}

/// An object with this name.
pub fn open(store: &mut Namespace, text: &str) -> ObjectId {
    match call(store, open_call(text)).unwrap().0 {
        Reply::Opened { object } => object,
        other => panic!("{other:?}"),
    }
}

/// A fresh semaphore.
pub fn fresh(store: &mut Namespace, text: &str) -> (ObjectId, Ticket) {
    match call(store, sem_call(text)).unwrap().0 {
        Reply::Fresh { object, ticket } => (object, ticket),
        other => panic!("{other:?}"),
    }
}

/// A segment of two pages.
pub fn segment(store: &mut Namespace, key: i32) -> (Shmid, ObjectId) {
    let asked =
        Call::ShmGet { key: Key(key), size: ByteLen(8192), flags: GetFlags::from_bits_retain(0o1600) };
    let Reply::Shmid(shmid) = call(store, asked).unwrap().0 else { panic!("no id") };
    (shmid, store.segment_object(shmid.slot().unwrap()).unwrap())
}

/// Bytes that are charged.
pub fn used(store: &mut Namespace) -> u64 {
    match call(store, Call::Usage).unwrap().0 {
        Reply::Usage(usage) => usage.used.0,
        other => panic!("{other:?}"),
    }
}
