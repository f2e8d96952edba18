//! A broker without a descriptor left: it says so once, waits, and serves again when one is given back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Store;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tracing::span;

static WARNINGS: AtomicUsize = AtomicUsize::new(0);

/// Counts the warnings of every thread.
struct Counting;

impl tracing::Subscriber for Counting {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        WARNINGS.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn nobody_is_accepted_until_a_descriptor_is_given_back() {
    tracing::subscriber::set_global_default(Counting).unwrap();
    let store = Store::start(1 << 20);
    let mut first = store.client();
    let waiting =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let limit = getrlimit(Resource::Nofile);
    // This process is the broker's as well. What is open stays, and no number is left below.
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
    connect(&waiting, &SocketAddrUnix::new(store.dir().join("socket")).unwrap()).unwrap();
    common::state::until("it says so", || WARNINGS.load(Ordering::Relaxed) > 0);
    // Many turns, were it to turn on.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(WARNINGS.load(Ordering::Relaxed), 1);
    // Who is there is served meanwhile.
    first.call(shmfs_abi::Call::ShmInfo, &[]).unwrap();
    setrlimit(Resource::Nofile, limit).unwrap();
    drop(store.client());
    assert_eq!(WARNINGS.load(Ordering::Relaxed), 1);
}
