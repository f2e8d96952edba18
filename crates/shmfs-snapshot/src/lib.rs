//! The file that `shm snapshot` writes and `shm restore` reads: one object, compressed and checksummed.
//!
//! ```
//! use shmfs_abi::{ByteLen, Kind, Name};
//! use shmfs_snapshot::{Header, Hold, Item, Reader, Verdict, Writer};
//!
//! let mut header = Header::new(Kind::Object, ByteLen(1 << 30));
//! header.name = Some(Name::new(b"frames").unwrap());
//! header.hold = Hold::Guard;
//! let mut writer = Writer::begin(Vec::new(), &header).unwrap();
//! writer.frame(4096, b"three").unwrap();
//! writer.frame(1 << 29, b"bytes").unwrap();
//! let (file, totals) = writer.finish(Verdict::Consistent).unwrap();
//! assert_eq!((totals.frames, totals.bytes), (2, 10));
//!
//! let mut reader = Reader::begin(&file[..]).unwrap();
//! assert_eq!(reader.header(), &header);
//! let Item::Frame { offset: 4096, bytes: b"three" } = reader.next().unwrap() else { panic!() };
//! let Item::Frame { offset: 0x2000_0000, bytes: b"bytes" } = reader.next().unwrap() else { panic!() };
//! assert_eq!(reader.next().unwrap(), Item::End { verdict: Verdict::Consistent, totals });
//! ```
//!
//! Owns: the layout (docs/design/snapshot.md), its bounds, what damage is.
//! Leaves to others: files and pipes, the object, and whether a copy is consistent (`shm`).

mod bytes;
mod error;
mod frame;
mod header;
mod read;
mod verdict;
mod write;

pub use error::SnapshotError;
pub use frame::{FRAME_BYTES, STORED_BYTES, Totals};
pub use header::{HEADER_BYTES, Header};
pub use read::{Item, Reader};
pub use verdict::{Doubt, Hold, Verdict};
pub use write::Writer;
