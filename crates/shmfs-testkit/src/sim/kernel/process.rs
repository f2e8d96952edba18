//! Processes, as far as others notice them: who they are, what they map, what they have open, and their end.
//!
//! An end has its order (`do_exit`, kernel/exit.c): the memory goes first, then the descriptors, and then those are
//! told who wait for the process.
//!
//! Owns: holds on descriptions for each process. Leaves to others: what a program does (`actor`).

use super::{DescId, FileId, Kernel, What};
use shmfs_abi::{Errno, Gid, OpenFlags, Pid, Uid};
use shmfs_sys::socket::Peer;

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    uid: Uid,
    maps: Vec<DescId>,
    open: Vec<DescId>,
    has_ended: bool,
}

/// The first process of a run that is no broker.
const FIRST: i32 = 1000;

impl Kernel {
    /// A process that runs.
    pub(crate) fn spawn(&mut self, uid: Uid) -> Pid {
        let pid = Pid(FIRST + self.processes.len() as i32);
        self.processes.insert(pid, Process { uid, maps: Vec::new(), open: Vec::new(), has_ended: false });
        pid
    }

    fn process(&mut self, pid: Pid) -> &mut Process {
        match self.processes.get_mut(&pid) {
            Some(process) => process,
            None => unreachable!("process {} was never made", pid.0),
        }
    }

    /// A copy of a process: the same descriptors, and the same mappings but those that are kept out of children.
    pub(crate) fn fork(&mut self, parent: Pid, kept_out: &[DescId]) -> Pid {
        let Process { uid, maps, open, .. } = self.process(parent).clone();
        let maps: Vec<_> = maps.into_iter().filter(|map| !kept_out.contains(map)).collect();
        for held in maps.iter().chain(&open) {
            self.hold(*held);
        }
        let child = self.spawn(uid);
        let copy = self.process(child);
        (copy.maps, copy.open) = (maps, open);
        child
    }

    /// Who a process is to others.
    pub(crate) fn peer(&self, pid: Pid) -> Peer {
        let uid = self.processes.get(&pid).map_or(Uid(0), |process| process.uid);
        Peer { pid, uid, gid: Gid(uid.0) }
    }

    /// Gives a process a descriptor, with the hold on its description.
    pub(crate) fn give(&mut self, pid: Pid, description: DescId) {
        self.process(pid).open.push(description);
    }

    /// A process closes a descriptor.
    pub(crate) fn close_of(&mut self, pid: Pid, description: DescId) {
        let open = &mut self.process(pid).open;
        if let Some(at) = open.iter().position(|known| *known == description) {
            open.swap_remove(at);
            self.release(description);
        }
    }

    pub(crate) fn map(&mut self, pid: Pid, description: DescId) {
        self.hold(description);
        self.process(pid).maps.push(description);
    }

    pub(crate) fn unmap(&mut self, pid: Pid, description: DescId) {
        let maps = &mut self.process(pid).maps;
        if let Some(at) = maps.iter().position(|known| *known == description) {
            maps.swap_remove(at);
            self.release(description);
        }
    }

    /// Its memory goes.
    pub(crate) fn exit_memory(&mut self, pid: Pid) {
        for held in std::mem::take(&mut self.process(pid).maps) {
            self.release(held);
        }
    }

    /// Its descriptors go.
    pub(crate) fn exit_files(&mut self, pid: Pid) {
        for held in std::mem::take(&mut self.process(pid).open) {
            self.release(held);
        }
    }

    /// It has ended.
    pub(crate) fn exit(&mut self, pid: Pid) {
        self.process(pid).has_ended = true;
    }

    pub(crate) fn has_ended(&self, pid: Pid) -> bool {
        self.processes.get(&pid).is_none_or(|process| process.has_ended)
    }

    /// Whether a living process maps the file with this inode number.
    pub(crate) fn maps(&self, pid: Pid, ino: u64) -> bool {
        let maps = |process: &Process| {
            process.maps.iter().any(|map| match self.what(*map) {
                What::File(file) => self.file(file).identity.ino == ino,
                _ => false,
            })
        };
        self.processes.get(&pid).is_some_and(maps)
    }

    /// Whether a living process maps the file.
    pub(crate) fn is_mapped(&self, file: FileId) -> bool {
        let maps = self.processes.values().flat_map(|process| &process.maps);
        maps.into_iter().any(|map| self.what(*map) == What::File(file))
    }

    /// Whether a process holds the file, by a descriptor or a mapping, or a message on its way does.
    pub(crate) fn is_held_by_programs(&self, file: FileId) -> bool {
        let of_brokers = self.numbers.values().chain(&self.broker_maps);
        let theirs = of_brokers.filter(|held| self.what(**held) == What::File(file)).count();
        self.holders_of(file) as usize > theirs
    }

    /// A descriptor of a process.
    pub(crate) fn pidfd(&mut self, pid: Pid) -> Result<DescId, Errno> {
        if !self.processes.contains_key(&pid) {
            return Err(Errno::ESRCH);
        }
        Ok(self.describe(What::Process(pid), OpenFlags::empty()))
    }
}
