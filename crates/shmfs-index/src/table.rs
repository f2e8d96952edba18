//! One client process's attach table.
//!
//! The broker makes it and maps it; the client gets a descriptor and maps it too. Each side treats what the
//! other may have written as a claim: a client can make its own counts wrong and nobody else's.
//!
//! Owns: the memfd's layout and life, the pages in use.
//! Leaves to others: who may attach (`shmfs-core`); when a table ends (`shmfs-broker`).

use crate::{
    layout::{
        self, AT_CLIENT, AT_COOKIE, AT_DETACHES, AT_HEARD, AT_MAGIC, AT_OPENS, AT_PID, AT_TOUCHED,
        AT_VERSION, ROWS_PER_PAGE,
    },
    protocol::Detached,
    row::Row,
};
use core::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use shmfs_abi::{ByteLen, ClientId, Errno, ObjectId, Pid, Slot, Time, limits::SLOTS};
use shmfs_sys::{AsFd, OwnedFd, Result, fd, map::SharedMap, memfd};

/// Bytes of a table; all but the pages in use are holes.
pub const TABLE_BYTES: usize = layout::BYTES;

/// A mapped attach table.
#[derive(Debug)]
pub struct Table {
    pages: SharedMap,
    client: ClientId,
    cookie: u64,
}

impl Table {
    /// Makes the table of a new client: its file, sealed at its size, and the mapping.
    ///
    /// # Errors
    /// As `memfd_create(2)` and `mmap(2)`.
    pub fn create(client: ClientId, cookie: u64) -> Result<(OwnedFd, Table)> {
        let file = memfd::create(c"shmfs-attaches", true)?;
        fd::truncate(&file, ByteLen(TABLE_BYTES as u64))?;
        memfd::seal_size(&file)?;
        let pages = SharedMap::new(&file, TABLE_BYTES)?;
        pages.atomic_u32(AT_VERSION).store(layout::VERSION, Relaxed);
        pages.atomic_u64(AT_CLIENT).store(client.0, Relaxed);
        pages.atomic_u64(AT_COOKIE).store(cookie, Relaxed);
        pages.atomic_u64(AT_MAGIC).store(layout::MAGIC, Release);
        Ok((file, Table { pages, client, cookie }))
    }

    /// Maps a table that the broker made.
    ///
    /// # Errors
    /// `EPROTO` if the file is not a table of this version; as `mmap(2)`.
    pub fn open(file: impl AsFd) -> Result<Table> {
        if fd::facts(&file)?.size.0 != TABLE_BYTES as u64 {
            return Err(Errno::EPROTO);
        }
        let pages = SharedMap::new(&file, TABLE_BYTES)?;
        let magic = pages.atomic_u64(AT_MAGIC).load(Acquire);
        let version = pages.atomic_u32(AT_VERSION).load(Relaxed);
        if (magic, version) != (layout::MAGIC, layout::VERSION) {
            return Err(Errno::EPROTO);
        }
        let client = ClientId(pages.atomic_u64(AT_CLIENT).load(Relaxed));
        let cookie = pages.atomic_u64(AT_COOKIE).load(Relaxed);
        Ok(Table { pages, client, cookie })
    }

    /// Whose table it is, as it was when this side first saw it.
    pub const fn client(&self) -> ClientId {
        self.client
    }

    /// The secret between broker and client, as it was when this side first saw it.
    pub const fn cookie(&self) -> u64 {
        self.cookie
    }

    /// The process, as it says itself; 0 until it has.
    pub fn pid(&self) -> Pid {
        Pid(self.pages.atomic_u32(AT_PID).load(Acquire) as i32)
    }

    /// Writes the process into the table.
    pub fn set_pid(&self, pid: Pid) {
        self.pages.atomic_u32(AT_PID).store(pid.0 as u32, Release);
    }

    /// Counts one more attach of `object`, which has `slot`. A row of another object is taken over; then the
    /// mark of removal is not set.
    pub fn attach(&self, slot: Slot, object: ObjectId) {
        let row = self.used_row(slot);
        row.take_over(object);
        row.raise();
    }

    /// Lets the row of `slot` count exactly `count` attaches of `object`, however often it is said: what a broker says
    /// that may have been said by one that was killed. A row of another object is taken over; in one of `object`
    /// itself a mark of removal stays, and who detached last.
    ///
    /// The client must be waiting for an answer of the broker: a detach at the same moment would be lost.
    pub fn set_count(&self, slot: Slot, object: ObjectId, count: u32) {
        let row = self.used_row(slot);
        row.take_over(object);
        row.set_count(count);
    }

    /// Counts one attach less in the row of `slot`, by `pid`.
    pub fn detach(&self, slot: Slot, pid: Pid, at: Time) -> Detached {
        let nothing = Detached { left: 0, removed: false, underflow: true };
        let detached = self.row(slot).map_or(nothing, |row| row.detach(pid, at));
        if !detached.underflow {
            self.pages.atomic_u64(AT_DETACHES).fetch_add(1, Relaxed);
        }
        detached
    }

    /// Marks the row of a segment that was removed, if it has one here. Counts read after this are those to
    /// decide by: a detach that they do not show has seen the mark.
    pub fn mark_removed(&self, slot: Slot, object: ObjectId) {
        if let Some(row) = self.row_of(slot, object) {
            row.mark();
        }
    }

    /// Marks the row of a removed segment although it has none here yet: for a client that writes its own rows,
    /// being a copy that nobody announced.
    pub fn mark_ahead(&self, slot: Slot, object: ObjectId) {
        let row = self.used_row(slot);
        row.take_over(object);
        row.mark();
    }

    /// The attaches of `object`, which has `slot`.
    pub fn count(&self, slot: Slot, object: ObjectId) -> u32 {
        self.row_of(slot, object).map_or(0, |row| row.count())
    }

    /// Whether the row of `object`, which has `slot`, is marked.
    pub fn is_removed(&self, slot: Slot, object: ObjectId) -> bool {
        self.row_of(slot, object).is_some_and(|row| row.is_removed())
    }

    /// Who detached `object` last, and when; nothing if nobody did in this table.
    pub fn last_detach(&self, slot: Slot, object: ObjectId) -> Option<(Pid, Time)> {
        self.row_of(slot, object)?.last_detach()
    }

    /// Clears the row of a segment that was destroyed.
    pub fn take(&self, slot: Slot) {
        if let Some(row) = self.row(slot) {
            row.clear();
        }
    }

    /// What is attached: slot, object, count.
    pub fn used(&self) -> impl Iterator<Item = (Slot, ObjectId, u32)> + '_ {
        let slots = (0..layout::ROW_PAGES).flat_map(|page| {
            let rows = if self.is_touched(page) { ROWS_PER_PAGE } else { 0 };
            (0..rows).map(move |row| Slot(page * ROWS_PER_PAGE + row))
        });
        slots.filter_map(|slot| {
            let row = Row::at(&self.pages, layout::row(slot));
            let (object, count) = (row.object(), row.count());
            (object != ObjectId(0) && count > 0).then_some((slot, object, count))
        })
    }

    /// Counts what `parent` counts, its marks included, in this table of a child that knows nothing of it yet.
    /// The parent is inside fork, so its counts stand still.
    pub fn copy_counts_from(&self, parent: &Table) {
        for (slot, ..) in parent.used() {
            self.used_row(slot).copy_from(&Row::at(&parent.pages, layout::row(slot)));
        }
    }

    /// Detaches that were counted here.
    pub fn detaches(&self) -> u64 {
        self.pages.atomic_u64(AT_DETACHES).load(Relaxed)
    }

    /// Counts one object that the client opened without a message.
    pub fn count_open(&self) {
        self.count_opens(1);
    }

    /// Counts as many.
    pub fn count_opens(&self, number: u64) {
        self.pages.atomic_u64(AT_OPENS).fetch_add(number, Relaxed);
    }

    /// Objects that were opened without a message, as they were counted here.
    pub fn opens(&self) -> u64 {
        self.pages.atomic_u64(AT_OPENS).load(Relaxed)
    }

    /// The client has received the answer to its request with this number.
    pub fn set_heard(&self, number: u64) {
        self.pages.atomic_u64(AT_HEARD).store(number, Release);
    }

    /// The last request whose answer the client has received: a broker that follows on one which was killed does not
    /// answer it again.
    pub fn heard(&self) -> u64 {
        self.pages.atomic_u64(AT_HEARD).load(Acquire)
    }

    /// Keeps the table out of children.
    ///
    /// # Errors
    /// As `madvise(2)`.
    pub fn dont_fork(&self) -> Result<()> {
        self.pages.dont_fork()
    }

    /// Gives the mapping up without unmapping it: for a copy of the process that never inherited the pages.
    pub fn forget(self) {
        self.pages.leak();
    }

    /// The row of `slot` if it counts `object`.
    fn row_of(&self, slot: Slot, object: ObjectId) -> Option<Row<'_>> {
        self.row(slot).filter(|row| row.object() == object)
    }

    /// The row of `slot` if its page is in use.
    fn row(&self, slot: Slot) -> Option<Row<'_>> {
        let used = slot.0 < SLOTS && self.is_touched(layout::row_page(slot));
        used.then(|| Row::at(&self.pages, layout::row(slot)))
    }

    /// The row of `slot`, its page in use from now on.
    fn used_row(&self, slot: Slot) -> Row<'_> {
        assert!(slot.0 < SLOTS, "a slot has a row");
        let (word, bit) = self.touched(layout::row_page(slot));
        if word.load(Acquire) & bit == 0 {
            word.fetch_or(bit, AcqRel);
        }
        Row::at(&self.pages, layout::row(slot))
    }

    fn is_touched(&self, page: u32) -> bool {
        let (word, bit) = self.touched(page);
        word.load(Acquire) & bit != 0
    }

    fn touched(&self, page: u32) -> (&AtomicU64, u64) {
        let offset = AT_TOUCHED + (page / u64::BITS) as usize * size_of::<u64>();
        (self.pages.atomic_u64(offset), 1 << (page % u64::BITS))
    }
}
