//! What programs of the library ask for: sizes and lifetimes, anonymous memory, parts by number; and how a program
//! passes on what it holds.
//!
//! Owns: the shares of these. Leaves to others: their place among the calls (`choose`), what follows (`answer`).

use super::choose::{Choice, name_of};
use crate::sim::kernel::DescId;
use crate::sim::world::World;
use shmfs_abi::{ByteLen, Call, GetFlags, Key, Lifetime, ObjectId, OpenFlags, PAGE_SIZE, Part, Wanted};

/// Choices of such programs and their shares.
pub(super) const LIBRARY: [(u64, Choice); 10] = [
    (14, Choice::Want),
    (5, Choice::Anonymous),
    (5, Choice::Fetch),
    (5, Choice::GetDurable),
    (4, Choice::PassOn),
    (6, Choice::Edit),
    (6, Choice::Close),
    (3, Choice::Unlink),
    (5, Choice::Rename),
    (1, Choice::Link),
];

impl World {
    pub(super) fn draw_want(&mut self, who: usize) -> Call {
        let create = self.dice.pick(&[
            OpenFlags::empty(),
            OpenFlags::CREAT,
            OpenFlags::CREAT,
            OpenFlags::CREAT | OpenFlags::EXCL,
        ]);
        let cut = if self.dice.percent(10) { OpenFlags::TRUNC } else { OpenFlags::empty() };
        let lifetimes = [
            Lifetime::UntilRemoved,
            Lifetime::Process,
            Lifetime::LastUser,
            Lifetime::LastUser,
            Lifetime::Durable,
        ];
        Call::Want(Wanted {
            name: self.draw_name(who),
            flags: OpenFlags::RDWR | create | cut,
            mode: self.draw_mode(),
            size: ByteLen(self.dice.below(4) * PAGE_SIZE),
            lifetime: self.dice.pick(&lifetimes),
            guarded: self.dice.percent(20),
        })
    }

    pub(super) fn draw_anonymous(&mut self) -> Call {
        let label = name_of(self.dice.below(self.plan.names) as u8);
        Call::Anonymous { label, size: ByteLen(self.dice.below(4) * PAGE_SIZE) }
    }

    pub(super) fn draw_fetch(&mut self) -> Call {
        let durable = self.oracle.durable_numbers();
        if !durable.is_empty() && self.dice.percent(50) {
            return Call::Fetch { object: self.dice.pick(&durable), part: Part::Undo };
        }
        let part = self.dice.pick(&[Part::Read, Part::Write, Part::Undo]);
        // Segments that nobody has attached yet have numbers that nobody knows.
        let known = self.oracle.numbers();
        let at = self.dice.index(known.len() + 1);
        Call::Fetch { object: known.get(at).copied().unwrap_or(ObjectId(1 << 40)), part }
    }

    pub(super) fn draw_durable(&mut self, who: usize) -> Call {
        let key = if self.dice.percent(20) {
            Key::PRIVATE
        } else {
            Key(1 + i32::from(self.draw_own(who, self.plan.keys)))
        };
        let create = self.dice.pick(&[GetFlags::CREAT, GetFlags::CREAT | GetFlags::EXCL, GetFlags::empty()]);
        let flags = create | GetFlags::from_bits_retain(self.draw_mode() as i32);
        Call::ShmGetDurable { key, size: ByteLen(self.dice.below(4) * PAGE_SIZE), flags }
    }

    pub(super) fn take_log(&mut self, who: usize, description: DescId, object: ObjectId) {
        self.kernel.hold(description);
        self.kernel.give(self.actors[who].pid, description);
        self.actors[who].logs.push((description, object));
        if self.dice.percent(60) {
            self.edit(who);
        }
    }

    /// Begins an edit of a durable object, or commits it.
    pub(super) fn edit(&mut self, who: usize) -> bool {
        let all = self.actors[who].logs.len();
        if all > 0 {
            let at = self.dice.index(all);
            let (description, object) = self.actors[who].logs[at];
            self.trace.say(|| format!("program {who}: edits object {}, or commits it", object.0));
            self.kernel.edit(object.0, description);
        }
        true
    }

    /// A child has the descriptors of its parent, and with them an edit that is going on.
    pub(super) fn copy_logs(&mut self, who: usize, child: usize) {
        let (logs, pid) = (self.actors[who].logs.clone(), self.actors[child].pid);
        for (description, _) in &logs {
            self.kernel.hold(*description);
            self.kernel.give(pid, *description);
        }
        self.actors[child].logs = logs;
    }

    /// Commits every edit, before a program that lives on closes its logs.
    pub(super) fn end_edits(&mut self, who: usize) {
        for (description, object) in std::mem::take(&mut self.actors[who].logs) {
            self.kernel.commit(object.0, description);
        }
    }

    /// Another program gets a descriptor of what this one has open (`SCM_RIGHTS`), who may keep its own.
    pub(super) fn pass_on(&mut self, who: usize) -> bool {
        let (opened, all) = (self.actors[who].opened.len(), self.actors.len());
        if opened == 0 {
            return true;
        }
        let (at, to) = (self.dice.index(opened), self.dice.index(all));
        let passed = self.actors[who].opened[at];
        let taker = &self.actors[to];
        if to == who || !taker.runs() || taker.is_told {
            return true;
        }
        self.kernel.hold(passed.description);
        self.kernel.give(taker.pid, passed.description);
        self.trace.say(|| format!("program {who}: passes object {} on to {to}", passed.object.0));
        self.actors[to].opened.push(passed);
        true
    }
}
