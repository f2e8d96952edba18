//! Where the words of a table are.
//!
//! ```text
//! page 0         header: magic, version, pid, client, cookie, detaches, opens, heard, touched
//! page 1 to 256  rows, 32 bytes each; row i belongs to the segment in slot i
//! ```
//!
//! The file is sparse. `touched` has one bit for each page of rows that is in use: reading any other would
//! make the kernel allocate it.
//!
//! Owns: offsets. Leaves to others: values (`table`, `row`).

use shmfs_abi::{PAGE_SIZE, Slot, limits::SLOTS};

/// "SHMFSTAB", read as one number.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"SHMFSTAB");

/// Rises with every change of this layout.
pub(crate) const VERSION: u32 = 1;

pub(crate) const PAGE: usize = PAGE_SIZE as usize;

/// Offset of the u64 [`MAGIC`].
pub(crate) const AT_MAGIC: usize = 0;
/// Offset of the u32 [`VERSION`].
pub(crate) const AT_VERSION: usize = 8;
/// Offset of the u32 process id, 0 until the process has written it.
pub(crate) const AT_PID: usize = 12;
/// Offset of the u64 client number.
pub(crate) const AT_CLIENT: usize = 16;
/// Offset of the u64 cookie, by which the client can prove later that it is the same.
pub(crate) const AT_COOKIE: usize = 24;
/// Offset of the u64 number of detaches.
pub(crate) const AT_DETACHES: usize = 32;
/// Offset of the u64 number of objects opened without a message.
pub(crate) const AT_OPENS: usize = 40;
/// Offset of the u64 number of the last request whose answer the client has received.
pub(crate) const AT_HEARD: usize = 48;
/// Offset of four u64: the pages of rows in use.
pub(crate) const AT_TOUCHED: usize = 64;

/// Bytes of one row.
pub(crate) const ROW: usize = 32;
/// Within a row, the u64 number of the object that it counts, 0 for none.
pub(crate) const ROW_OBJECT: usize = 0;
/// Within a row, the u32 number of attaches.
pub(crate) const ROW_COUNT: usize = 8;
/// Within a row, the u32 marks.
pub(crate) const ROW_MARKS: usize = 12;
/// Within a row, the u32 process that detached last, 0 for none.
pub(crate) const ROW_LAST_PID: usize = 16;
/// Within a row, the u64 time of that, in nanoseconds since the epoch.
pub(crate) const ROW_LAST_TIME: usize = 24;

pub(crate) const ROWS_PER_PAGE: u32 = (PAGE / ROW) as u32;
pub(crate) const ROW_PAGES: u32 = SLOTS / ROWS_PER_PAGE;

/// Bytes of a table.
pub(crate) const BYTES: usize = PAGE + SLOTS as usize * ROW;

/// The page of rows that has the row of `slot`.
pub(crate) const fn row_page(slot: Slot) -> u32 {
    slot.0 / ROWS_PER_PAGE
}

/// The offset of a slot's row. The slot is below [`SLOTS`].
pub(crate) const fn row(slot: Slot) -> usize {
    PAGE + slot.0 as usize * ROW
}

const _: () = assert!(ROW_PAGES == 4 * u64::BITS && AT_TOUCHED + 32 <= PAGE);
