//! A kernel in memory: as much of Linux as a broker and its clients can notice.
//!
//! It knows files, descriptions, sockets, processes and notices, and nothing of shmfs: what it says of each call is
//! what Linux says, with the same moments in between.
//!
//! Owns: everything that outlives a broker.
//! Leaves to others: who is killed when (`driver`), what programs do (`actor`), what must be true (`oracle`).
//! Not done: numbers of processes that are used again; limits of descriptors, but as planned failures; a file system
//! that swaps.

mod attach;
mod description;
mod event;
mod file;
mod process;
mod socket;
mod state;

pub(crate) use attach::Rows;
pub(crate) use description::{DescId, What};
pub(crate) use event::Interest;
pub(crate) use file::{File, FileId};
pub(crate) use process::Process;
pub(crate) use socket::{EndId, Got, Message};

use crate::sim::rng::Rng;
use description::Description;
use event::Notices;
use file::Hidden;
use shmfs_abi::{Pid, Time};
use socket::End;
pub(crate) use state::Log;
use state::StateDir;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) rng: Rng,
    /// Nanoseconds since the epoch.
    clock: u64,
    /// The descriptor table that keeper and brokers share.
    pub(crate) numbers: BTreeMap<i32, DescId>,
    /// Numbers that a descriptor of the living broker stands for.
    pub(crate) owned: BTreeSet<i32>,
    descriptions: Vec<Option<Description>>,
    /// Closed descriptions that still count, until this time (`__fput`, fs/file_table.c).
    closing: Vec<(u64, DescId)>,
    /// Nanoseconds that a closed description counts at most.
    pub(crate) linger: u64,
    files: Vec<Option<File>>,
    hidden: Hidden,
    pub(crate) state: StateDir,
    ends: Vec<End>,
    backlog: VecDeque<DescId>,
    pipes: Vec<VecDeque<u8>>,
    processes: BTreeMap<Pid, Process>,
    pub(crate) interest: Vec<Interest>,
    pub(crate) notices: Notices,
    /// What the living broker has mapped.
    broker_maps: Vec<DescId>,
    /// Files that the living broker keeps in memory.
    pub(crate) locked: Vec<FileId>,
}

/// Seconds since the epoch at which every run begins.
const BEGIN: u64 = 1_700_000_000;

impl Kernel {
    pub(crate) fn new(rng: Rng) -> Kernel {
        Kernel {
            rng,
            clock: BEGIN * 1_000_000_000,
            numbers: BTreeMap::new(),
            owned: BTreeSet::new(),
            descriptions: Vec::new(),
            closing: Vec::new(),
            linger: 0,
            files: Vec::new(),
            hidden: Hidden::default(),
            state: StateDir::default(),
            ends: Vec::new(),
            backlog: VecDeque::new(),
            pipes: Vec::new(),
            processes: BTreeMap::new(),
            interest: Vec::new(),
            notices: Notices::default(),
            broker_maps: Vec::new(),
            locked: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_nanos(self.clock)
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.clock
    }

    /// Lets time pass, and what was about to end with it.
    pub(crate) fn pass(&mut self, nanos: u64) {
        self.clock += nanos;
        while let Some(at) = self.closing.iter().position(|(due, _)| *due <= self.clock) {
            let (_, description) = self.closing.swap_remove(at);
            self.finish(description);
        }
    }

    /// The broker has ended: what it had mapped goes, its numbers stay with the keeper.
    pub(crate) fn broker_ended(&mut self) {
        self.owned.clear();
        self.interest.clear();
        self.notices = Notices::default();
        self.locked.clear();
        for description in std::mem::take(&mut self.broker_maps) {
            self.release(description);
        }
    }

    /// The broker maps what is behind a description.
    pub(crate) fn broker_maps(&mut self, description: DescId) {
        self.hold(description);
        self.broker_maps.push(description);
    }

    pub(crate) fn broker_unmaps(&mut self, description: DescId) {
        if let Some(at) = self.broker_maps.iter().position(|mapped| *mapped == description) {
            self.broker_maps.swap_remove(at);
            self.release(description);
        }
    }
}
