//! What a program does next.
//!
//! Few keys, names and sizes, so that programs meet.
//!
//! Owns: the shares of the calls. Leaves to others: carrying them out.

use super::library::LIBRARY;
use super::{Doing, NONSENSE};
use crate::sim::world::World;
use shmfs_abi::limits::MESSAGE_BYTES;
use shmfs_abi::{
    AttachFlags, ByteLen, Call, GetFlags, Gid, Key, LimitsChange, Name, ObjectId, OpenFlags, PAGE_SIZE,
    ProcFile, Shmid, Uid,
};
use shmfs_wire::{Request, encode_request};

/// What a program may choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    Get,
    Attach,
    Detach,
    Stat,
    Set,
    Remove,
    Lock,
    Open,
    Unlink,
    Rename,
    Link,
    Semaphore,
    Resize,
    Write,
    Close,
    Limits,
    Look,
    Break,
    Want,
    Anonymous,
    Fetch,
    GetDurable,
    PassOn,
    Edit,
    Fork,
    Clone,
    Exec,
    End,
    Spawn,
    CloseAll,
}

/// Choices and their shares; the second half are matters of life.
const CALLS: [(u64, Choice); 18] = [
    (14, Choice::Get),
    (14, Choice::Attach),
    (10, Choice::Detach),
    (4, Choice::Stat),
    (3, Choice::Set),
    (7, Choice::Remove),
    (3, Choice::Lock),
    (12, Choice::Open),
    (6, Choice::Unlink),
    (4, Choice::Rename),
    (3, Choice::Link),
    (6, Choice::Semaphore),
    (7, Choice::Resize),
    (5, Choice::Write),
    (6, Choice::Close),
    (2, Choice::Limits),
    (4, Choice::Look),
    (2, Choice::Break),
];
const LIVES: [(u64, Choice); 6] = [
    (4, Choice::Fork),
    (2, Choice::Clone),
    (1, Choice::Exec),
    (3, Choice::End),
    (2, Choice::Spawn),
    (1, Choice::CloseAll),
];

/// Programs and their copies that may have lived in one run.
const MOST_PROGRAMS: usize = 24;

/// Objects and semaphores share names, as `shm_open("/sem.a")` opens a semaphore.
pub(crate) fn name_of(number: u8) -> Name {
    match Name::new(&[b's', b'e', b'm', b'.', b'a' + number]) {
        Ok(name) => name,
        Err(_) => unreachable!("a letter behind a prefix is a name"),
    }
}

impl World {
    pub(super) fn choose(&mut self, who: usize) -> bool {
        if self.actions == 0 || self.actors[who].is_told {
            return false;
        }
        self.actions -= 1;
        let all: &[(u64, Choice)] = if self.dice.percent(self.plan.mortality) {
            &LIVES
        } else if self.dice.percent(self.plan.library) {
            &LIBRARY
        } else {
            &CALLS
        };
        let mut drawn = self.dice.below(all.iter().map(|(share, _)| share).sum());
        let chosen = all.iter().find(|(share, _)| {
            let found = drawn < *share;
            drawn = drawn.saturating_sub(*share);
            found
        });
        let Some((_, choice)) = chosen else { return true };
        match choice {
            Choice::Fork | Choice::Clone | Choice::Exec | Choice::End | Choice::Spawn | Choice::CloseAll => {
                self.live(who, *choice)
            }
            Choice::Detach | Choice::Resize | Choice::Write | Choice::Close => self.use_own(who, *choice),
            Choice::PassOn => self.pass_on(who),
            Choice::Edit => self.edit(who),
            Choice::Break => self.break_a_rule(who),
            _ => {
                let Some(call) = self.draw_call(who, *choice) else { return true };
                self.begin(who, Request::Call(call), None)
            }
        }
    }

    fn live(&mut self, who: usize, choice: Choice) -> bool {
        if self.actors.len() >= MOST_PROGRAMS && !matches!(choice, Choice::End) {
            return true;
        }
        match choice {
            Choice::Fork if self.actors[who].known.is_some() => self.begin(who, Request::Fork, None),
            Choice::Fork | Choice::Clone => {
                self.copy(who);
                true
            }
            Choice::Exec => self.exec(who),
            Choice::Spawn => {
                let is_visitor = self.dice.percent(25);
                self.spawn(is_visitor);
                true
            }
            Choice::CloseAll => self.close_everything(who),
            _ => {
                self.kill(who);
                true
            }
        }
    }

    /// Something with what the program has.
    fn use_own(&mut self, who: usize, choice: Choice) -> bool {
        let (attaches, opened) = (self.actors[who].attaches.len(), self.actors[who].opened.len());
        match choice {
            Choice::Detach if attaches > 0 => {
                let at = self.dice.index(attaches);
                self.detach(who, at)
            }
            Choice::Write if attaches > 0 => {
                let at = self.dice.index(attaches);
                let attach = self.actors[who].attaches[at];
                if attach.writes {
                    let stamp = self.new_stamp();
                    self.program_writes(attach.file, stamp);
                }
                true
            }
            Choice::Resize if opened > 0 => {
                let at = self.dice.index(opened);
                let opened = self.actors[who].opened[at];
                let size = self.dice.below(6) * PAGE_SIZE;
                self.reserve(who, opened, size)
            }
            Choice::Write if opened > 0 => {
                let at = self.dice.index(opened);
                let opened = self.actors[who].opened[at];
                if opened.writes {
                    let stamp = self.new_stamp();
                    self.program_writes(opened.file, stamp);
                }
                true
            }
            Choice::Close if opened > 0 => {
                let at = self.dice.index(opened);
                let closed = self.actors[who].opened.swap_remove(at);
                self.kernel.close_of(self.actors[who].pid, closed.description);
                true
            }
            _ => true,
        }
    }

    /// A call, with arguments that meet those of others.
    fn draw_call(&mut self, who: usize, choice: Choice) -> Option<Call> {
        let is_visitor = self.actors[who].is_visitor;
        let for_visitors = [Choice::Stat, Choice::Remove, Choice::Unlink, Choice::Limits, Choice::Fetch];
        Some(match choice {
            // The program `shm` asks nothing else.
            other if is_visitor && !for_visitors.contains(&other) => self.draw_question(),
            Choice::Get => {
                let key = if self.dice.percent(20) {
                    Key::PRIVATE
                } else {
                    Key(1 + i32::from(self.draw_own(who, self.plan.keys)))
                };
                let create = self.dice.pick(&[
                    GetFlags::empty(),
                    GetFlags::CREAT,
                    GetFlags::CREAT,
                    GetFlags::CREAT | GetFlags::EXCL,
                ]);
                let flags = create | GetFlags::from_bits_retain(self.draw_mode() as i32);
                Call::ShmGet { key, size: ByteLen(self.dice.below(7) * PAGE_SIZE), flags }
            }
            Choice::Attach => {
                let flags = if self.dice.percent(20) { AttachFlags::RDONLY } else { AttachFlags::empty() };
                Call::ShmAttach { shmid: self.draw_id()?, flags }
            }
            Choice::Stat => Call::ShmStat { shmid: self.draw_id()? },
            Choice::Set => {
                let owner = self.dice.below(self.plan.users) as u32;
                Call::ShmSet {
                    shmid: self.draw_id()?,
                    uid: Uid(owner),
                    gid: Gid(owner),
                    mode: self.draw_mode(),
                }
            }
            Choice::Remove => Call::ShmRemove { shmid: self.draw_id()? },
            Choice::Lock => {
                Call::ShmLock { shmid: self.draw_id()?, lock: self.dice.percent(60), allowance: 0 }
            }
            Choice::Open => Call::Open {
                name: self.draw_name(who),
                flags: self.draw_open_flags(),
                mode: self.draw_mode(),
            },
            Choice::Want => self.draw_want(who),
            Choice::Anonymous => self.draw_anonymous(),
            Choice::Fetch => self.draw_fetch(),
            Choice::GetDurable => self.draw_durable(who),
            Choice::Unlink => Call::Unlink { name: self.draw_name(who) },
            Choice::Rename => Call::Rename {
                from: self.draw_name(who),
                to: self.draw_name(who),
                flags: self.dice.pick(&[0, 0, 0, 1, 2, 3]),
            },
            Choice::Link => Call::Link { from: self.draw_name(who), to: self.draw_name(who) },
            Choice::Semaphore => {
                let exclusive = if self.dice.percent(40) { OpenFlags::EXCL } else { OpenFlags::empty() };
                let flags = OpenFlags::RDWR | OpenFlags::CREAT | exclusive;
                Call::SemOpen { name: self.draw_name(who), flags, mode: self.draw_mode() }
            }
            Choice::Limits => {
                let mut change = LimitsChange::default();
                if self.dice.percent(50) {
                    change.size = Some((self.plan.pages / 2 + self.dice.below(self.plan.pages)) * PAGE_SIZE);
                } else {
                    change.shmmni = Some(self.dice.pick(&[3, 4096]));
                }
                Call::SetLimits { change }
            }
            _ => self.draw_question(),
        })
    }

    fn draw_question(&mut self) -> Call {
        match self.dice.below(5) {
            0 => Call::ShmInfo,
            1 => Call::Usage,
            2 => Call::Next { after: ObjectId(self.dice.below(12)) },
            3 => Call::ShmStatIndex { index: self.dice.below(4) as i32, any: self.dice.percent(50) },
            _ => Call::ProcText { file: ProcFile::SysvipcShm },
        }
    }

    /// One of few, or one of a program's own.
    pub(super) fn draw_own(&mut self, who: usize, bound: u64) -> u8 {
        let drawn = self.dice.below(bound) as u8;
        if self.plan.own_keys { (who % 8) as u8 * 2 + drawn % 2 } else { drawn }
    }

    pub(super) fn draw_name(&mut self, who: usize) -> Name {
        name_of(self.draw_own(who, self.plan.names))
    }

    pub(super) fn draw_mode(&mut self) -> u32 {
        self.dice.pick(&[0o600, 0o600, 0o666, 0o666, 0o640, 0o400, 0o000, 0o777])
    }

    /// An id that was given at some time, or none.
    fn draw_id(&mut self) -> Option<Shmid> {
        let ids = &self.oracle.ids;
        if ids.is_empty() {
            return None;
        }
        // Most often a recent one.
        let back = self.dice.index(ids.len()).min(self.dice.index(ids.len()));
        Some(ids[ids.len() - 1 - back])
    }

    /// A message that no client sends: the connection ends, and nothing else.
    fn break_a_rule(&mut self, who: usize) -> bool {
        let mut bytes = [0; MESSAGE_BYTES];
        let call = Request::Call(Call::ShmGet { key: Key(1), size: ByteLen(1), flags: GetFlags::CREAT });
        let len = encode_request(&call, NONSENSE, &mut bytes);
        let mut message = bytes[..len].to_vec();
        match self.dice.below(5) {
            0 => message.truncate(self.dice.index(len - 1) + 1),
            1 => message.push(0),
            2 => message.resize(MESSAGE_BYTES * 2, 0),
            3 => {
                let len = encode_request(&Request::Born, NONSENSE, &mut bytes);
                message = bytes[..len].to_vec();
            }
            _ => {
                // Another version: on a connection of its own, since it is answered in the words of that.
                message[4] ^= 0x55;
                self.hang_up(who);
            }
        }
        let foreign = message.get(4).is_some_and(|version| *version != bytes[4]);
        self.trace.say(|| format!("program {who}: breaks a rule"));
        if self.actors[who].session.is_none() {
            self.connect(who);
        }
        let _ = self.send_bytes(who, message, None);
        if foreign || self.dice.percent(50) {
            self.hang_up(who);
        }
        self.actors[who].doing = Doing::Nothing;
        true
    }
}
