//! The clients of this process: one for each store that it has joined.
//!
//! A client takes part in every fork, so it must never go: it stays in a list to which is only added, and serves another
//! store when its own has been left.
//!
//! Owns: the list, the registration for forks.
//! Leaves to others: what a client does at a fork (`shmfs-client`).
//! Not done: a client whose store was left while a child still shared its attaches is not used again.

use shmfs_abi::Errno;
use shmfs_client::{Client, Settings};
use shmfs_sys::{atfork, lock::Lock};
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// One client, and the next.
struct Node {
    client: Client,
    taken: AtomicBool,
    next: OnceLock<&'static Node>,
}

/// The first of the list.
static FIRST: Node = Node::new();

/// Held while the list grows, and over a fork: no child finds a node half added.
static GROWING: Lock<()> = Lock::new(());

/// Whether the process's forks are told of; changed while `GROWING` is held.
static REGISTERED: AtomicBool = AtomicBool::new(false);

impl Node {
    const fn new() -> Node {
        Node { client: Client::idle(), taken: AtomicBool::new(false), next: OnceLock::new() }
    }

    fn take(&'static self) -> Option<Seat> {
        let taken = self.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        taken.is_ok().then(|| Seat { node: self })
    }
}

/// All of them, in the order in which they are locked.
fn nodes() -> impl Iterator<Item = &'static Node> {
    std::iter::successors(Some(&FIRST), |node| node.next.get().copied())
}

/// A client that belongs to one store, until it is dropped.
pub(crate) struct Seat {
    node: &'static Node,
}

impl Seat {
    /// A client of the store that `settings` names; it connects at its first call.
    ///
    /// # Errors
    /// `ENOMEM` where the process cannot take part in forks.
    pub(crate) fn take(settings: Settings) -> Result<Seat, Errno> {
        let seat = GROWING.with(|()| {
            register()?;
            Ok(nodes().find_map(Node::take).unwrap_or_else(grow))
        })?;
        seat.node.client.join(settings)?;
        Ok(seat)
    }
}

/// Takes part in forks from here on, those of raw `clone` too.
fn register() -> Result<(), Errno> {
    if !REGISTERED.load(Ordering::Acquire) {
        GROWING.arm()?;
        atfork::register(prepare, parent, child)?;
        REGISTERED.store(true, Ordering::Release);
    }
    Ok(())
}

/// Adds a client to the list. The list does not grow meanwhile.
fn grow() -> Seat {
    let node: &'static Node = Box::leak(Box::new(Node { taken: AtomicBool::new(true), ..Node::new() }));
    if let Some(last) = nodes().last() {
        // The last one has no next, as it was just seen.
        let _ = last.next.set(node);
    }
    Seat { node }
}

impl Deref for Seat {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.node.client
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.node.client.leave().is_ok() {
            self.node.taken.store(false, Ordering::Release);
        }
    }
}

extern "C" fn prepare() {
    GROWING.hold();
    nodes().for_each(|node| node.client.fork_prepare());
}

extern "C" fn parent() {
    nodes().for_each(|node| node.client.fork_parent());
    GROWING.release();
}

extern "C" fn child() {
    nodes().for_each(|node| node.client.fork_child());
    GROWING.release();
}
