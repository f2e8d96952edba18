//! What goes out of the engine and what comes back: answers, effects, events.

use shmfs_abi::{
    Backing, ByteLen, Gid, Name, ObjectId, OpenFlags, Pid, ProcFile, Reply, Slot, Ticket, Time, Uid,
};

/// The answer to a call that was not refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What the caller is told, once the effects are carried out.
    pub reply: Reply,
    /// What is to be done, in this order.
    pub effects: Vec<Effect>,
}

impl Answer {
    pub(crate) fn new(reply: Reply, effects: Vec<Effect>) -> Answer {
        Answer { reply, effects }
    }

    pub(crate) fn done() -> Answer {
        Answer::new(Reply::Done, Vec::new())
    }
}

/// What an object's inode says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Its size in bytes.
    pub size: ByteLen,
    /// What it has in memory, in bytes.
    pub allocated: ByteLen,
}

/// Something that the engine wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum Effect {
    /// Make the backing of a pending object, without a name, then settle the ticket; only then the reply may go out.
    /// Owner first, mode second: a change of owner clears the set-id bits.
    Make {
        ticket: Ticket,
        object: ObjectId,
        backing: Backing,
        /// With `Backing::Huge`: the logarithm of the page size.
        huge_log2: u32,
        size: ByteLen,
        uid: Uid,
        gid: Gid,
        mode: u32,
        /// Make every page at once.
        populate: bool,
    },
    /// Send a description of its own with the reply, opened with these flags.
    Give { object: ObjectId, flags: OpenFlags },
    /// Send a description of the undo log of a durable object with the reply.
    GiveUndo { object: ObjectId },
    /// Raise the count in the caller's row of its attach table, and mark the row where the segment is removed.
    Introduce { object: ObjectId, slot: Slot, removed: bool },
    /// Give the backing file its name, then settle the ticket. Until then the name is taken and finds nothing.
    Link { ticket: Ticket, object: ObjectId, name: Name },
    /// Rename the backing file; `replaced` loses the name `to`. `flags` as of renameat2(2).
    Rename { object: ObjectId, from: Name, to: Name, flags: u32, replaced: Option<ObjectId> },
    /// Give the backing file one more name.
    LinkName { object: ObjectId, from: Name, to: Name },
    /// Keep the object's pages in memory, or no longer, then settle the ticket.
    Lock { ticket: Ticket, object: ObjectId, lock: bool },
    /// Send the writing end of a pipe with the reply; what is written there is a limit, to be set by the caller.
    Hear { file: ProcFile },
    /// Let the object have at least this size, and make every page of it.
    Populate { object: ObjectId, size: ByteLen },
    /// Let the hidden tmpfs have this size.
    Resize { size: ByteLen },
    /// Take the name from the backing file.
    Unlink { object: ObjectId, name: Name },
    /// Mirror owner and mode on the backing inode.
    Own { object: ObjectId, uid: Uid, gid: Gid, mode: u32 },
    /// Cut the object to nothing.
    Truncate { object: ObjectId },
    /// Set the mark of removal in the row `slot` of every attach table, fence, count again, and report it by
    /// [`Event::Counted`].
    Mark { object: ObjectId, slot: Slot },
    /// Nothing finds the object any more: let its descriptor go as soon as nobody else holds one, and
    /// report it by [`Event::Unused`]. Until then it stays charged.
    Release { object: ObjectId },
    /// Send this text with the reply, as a sealed descriptor.
    Text(String),
}

/// Something that the engine has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum Event {
    /// The attaches of a segment, summed over all processes, and the last detach that any of their tables
    /// remembers. A marked segment without attaches is destroyed by it.
    Counted { slot: Slot, object: ObjectId, nattch: u64, last_detach: Option<(Pid, Time)> },
    /// What an object's inode says.
    Measured { object: ObjectId, facts: Facts },
    /// Somebody changed owner or mode of a POSIX object through a descriptor.
    Owned { object: ObjectId, uid: Uid, gid: Gid, mode: u32 },
    /// Nobody holds the released object any more.
    Unused { object: ObjectId },
    /// A process that attaches this segment forked; a [`Event::Counted`] tells the new count.
    Forked { slot: Slot, parent: Pid },
    /// A process ended, whatever it had attached: what it created is orphaned.
    Exited { pid: Pid },
    /// Nobody holds this object, which was to live as long as somebody does.
    Unheld { object: ObjectId },
    /// Nobody uses this orphan (`Namespace::orphans`): it goes, as by `unlink` of each name or by `IPC_RMID`.
    Reaped { object: ObjectId },
    /// A file that is no object yet has this name in the root of the hidden tmpfs, where other programs change names: it
    /// becomes the object that [`Namespace::next_object`](crate::Namespace::next_object) says.
    Found { object: ObjectId, name: Name, facts: Facts, uid: Uid, gid: Gid, mode: u32, created: Time },
    /// The file of this object has this name, which nothing has.
    Named { object: ObjectId, name: Name },
    /// This name shows no file any more, or one that is no object, or another object's.
    Gone { name: Name },
    /// The root of the hidden tmpfs belongs to these, and has this mode.
    Rooted { uid: Uid, gid: Gid, mode: u32 },
    /// What lies in the hidden tmpfs besides the objects.
    Tree { size: ByteLen },
    /// A process ended with `count` attaches of this segment. Has no effects: a [`Event::Counted`] is to
    /// follow, which may destroy the segment.
    Died { slot: Slot, object: ObjectId, pid: Pid, count: u32 },
}
