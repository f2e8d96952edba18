//! What a program does with an answer.
//!
//! Owns: mapping, keeping and closing what comes along. Leaves to others: whether the answer is right (`oracle`).

use super::{Asking, Attach, Doing, Opened, Unborn};
use crate::sim::kernel::{DescId, What};
use crate::sim::world::World;
use shmfs_abi::{AttachFlags, ByteLen, Call, Name, ObjectId, OpenFlags, Part, Reply, Ticket};
use shmfs_wire::{Request, Response};

impl World {
    pub(super) fn follow(
        &mut self,
        who: usize,
        asking: &Asking,
        response: Response,
        descriptions: Vec<DescId>,
    ) {
        if self.actors[who].is_told {
            self.actors[who].answer = Some(response);
        } else {
            match (asking.request, response) {
                (Request::Call(call), Response::Reply(reply)) => {
                    self.follow_call(who, &call, asking.with, reply, &descriptions);
                }
                (Request::Fork, Response::Forked) => self.take_unborn(who, &descriptions),
                _ => {}
            }
        }
        // What was wanted is held by now.
        self.drop_all(descriptions);
    }

    fn follow_call(
        &mut self,
        who: usize,
        call: &Call,
        with: Option<Opened>,
        reply: Reply,
        descriptions: &[DescId],
    ) {
        let first = descriptions.first().copied();
        let file = first.and_then(|first| self.kernel.file_of(first).ok());
        match (*call, reply, first, file) {
            (
                Call::ShmAttach { shmid, flags },
                Reply::Attached { slot, object, .. },
                Some(mapping),
                Some(file),
            ) => {
                let writes = !flags.contains(AttachFlags::RDONLY);
                let attach = Attach { mapping, file, slot, object, shmid, writes, inherited: false };
                if self.dice.percent(5) {
                    // No room in its memory: it takes the count back.
                    self.actors[who].doing = Doing::Uncounting(attach);
                    return;
                }
                self.kernel.map(self.actors[who].pid, mapping);
                self.actors[who].attaches.push(attach);
            }
            (Call::Open { flags, .. }, Reply::Opened { object }, Some(description), Some(file)) => {
                let writes = flags.access().writes();
                self.open(who, Opened { description, object, file, writes });
            }
            (Call::Want(wanted), Reply::Wanted { object, .. }, Some(description), Some(file)) => {
                let writes = wanted.flags.access().writes();
                self.open(who, Opened { description, object, file, writes });
            }
            (Call::Anonymous { .. }, Reply::Opened { object }, Some(description), Some(file)) => {
                self.open(who, Opened { description, object, file, writes: true });
            }
            // The program `shm` edits nothing.
            (Call::Fetch { object, part: Part::Undo }, Reply::Fetched { .. }, Some(description), None)
                if !self.actors[who].is_visitor =>
            {
                self.take_log(who, description, object);
            }
            (Call::Fetch { object, part }, Reply::Fetched { .. }, Some(description), Some(file)) => {
                self.open(who, Opened { description, object, file, writes: part == Part::Write });
            }
            (Call::SemOpen { .. }, Reply::Opened { object }, Some(description), Some(file)) => {
                self.open(who, Opened { description, object, file, writes: true });
            }
            (Call::SemOpen { name, .. }, Reply::Fresh { object, ticket }, Some(description), Some(file)) => {
                let opened = Opened { description, object, file, writes: true };
                self.open(who, opened);
                self.actors[who].doing = Doing::Publishing(opened, ticket, name);
            }
            (Call::Reserve { size, .. }, Reply::Done, ..) => {
                if let Some(opened) = with {
                    self.actors[who].doing = Doing::Resizing(opened, size.0);
                }
            }
            (Call::ProcWrite { .. }, Reply::Text, Some(description), _) => {
                if let What::WriteEnd(pipe) = self.kernel.what(description) {
                    self.kernel.write_pipe(pipe, b"4096\n");
                }
            }
            (
                Call::ShmAttach { .. }
                | Call::Open { .. }
                | Call::SemOpen { .. }
                | Call::Want(_)
                | Call::Anonymous { .. }
                | Call::Fetch { .. }
                | Call::ProcText { .. }
                | Call::ProcWrite { .. },
                _,
                None,
                _,
            ) => self.complain(format!("program {who} is answered without a descriptor: {call:?}")),
            _ => {}
        }
    }

    fn open(&mut self, who: usize, opened: Opened) {
        self.kernel.hold(opened.description);
        self.kernel.give(self.actors[who].pid, opened.description);
        self.actors[who].opened.push(opened);
    }

    fn take_unborn(&mut self, who: usize, descriptions: &[DescId]) {
        let &[table, socket] = descriptions else {
            return self.complain(format!("program {who} has no table and socket for its child"));
        };
        let Some(file) = self.kernel.file_of(table).ok().filter(|file| self.kernel.is_table(*file)) else {
            return self.complain(format!("program {who} has another thing than a table for its child"));
        };
        let rows = self.kernel.rows(file);
        let (client, cookie) = (rows.client, rows.cookie);
        let pid = self.actors[who].pid;
        self.kernel.map(pid, table);
        self.kernel.hold(socket);
        self.kernel.give(pid, socket);
        self.actors[who].unborn = Some(Unborn { client, cookie, table, file, socket });
        self.actors[who].doing = Doing::Forking;
    }

    /// The semaphore is initialised; now it shall have its name. A few programs never ask for it.
    pub(super) fn publish(&mut self, who: usize, opened: Opened, ticket: Ticket, _name: Name) -> bool {
        let stamp = self.new_stamp();
        self.program_writes(opened.file, stamp);
        self.begin(who, Request::Call(Call::SemPublish { ticket }), None)
    }

    /// The size is granted: the program sets it, and says when it was not what it asked for.
    pub(super) fn resize(&mut self, who: usize, opened: Opened, size: u64) -> bool {
        self.actors[who].doing = Doing::Nothing;
        let set = if self.dice.percent(80) { size } else { size / 2 };
        self.program_resizes(opened.file, set);
        if set == size || self.dice.percent(20) {
            return true;
        }
        self.begin(who, Request::Call(Call::Settle { object: ObjectId(0) }), Some(opened))
    }

    /// Asks for room before an object grows.
    pub(super) fn reserve(&mut self, who: usize, opened: Opened, size: u64) -> bool {
        let call = Call::Reserve { object: ObjectId(0), size: ByteLen(size) };
        self.begin(who, Request::Call(call), Some(opened))
    }

    /// How an object is opened, by the flags that matter.
    pub(super) fn draw_open_flags(&mut self) -> OpenFlags {
        let access = self.dice.pick(&[OpenFlags::empty(), OpenFlags::RDWR, OpenFlags::RDWR]);
        let create = self.dice.pick(&[
            OpenFlags::empty(),
            OpenFlags::CREAT,
            OpenFlags::CREAT,
            OpenFlags::CREAT | OpenFlags::EXCL,
        ]);
        let cut = if self.dice.percent(20) { OpenFlags::TRUNC } else { OpenFlags::empty() };
        access | create | cut
    }
}
