//! Shared memory for Rust programs: every kind that Linux has, behind one safe interface.
//!
//! Two views of one object see the same bytes. Here both are in one process; a child inherits an object over fork, a
//! stranger gets it over a socket ([`Object::send_to`]):
//!
//! ```
//! use shmfs::Object;
//! use std::sync::atomic::Ordering::SeqCst;
//!
//! let object = Object::anonymous(1 << 20)?;
//! let (ours, theirs) = (object.map()?, object.map()?);
//!
//! ours.write_at(64, b"a message")?;
//! ours.atomic_u32(0)?.store(9, SeqCst);                  // its length, last: it is there
//!
//! let len = theirs.atomic_u32(0)?.load(SeqCst) as usize;
//! assert_eq!(theirs.window(64..64 + len)?.to_vec()?, b"a message");
//! # Ok::<(), shmfs::Error>(())
//! ```
//!
//! No access is undefined behaviour when somebody else writes at the same time: [`Mapping`] says how that is done, and
//! what its lengths and pages are.
//!
//! | for | there is |
//! |---|---|
//! | memory with a name, as `shm_open` | [`Store::create`], [`Store::open_object`], [`Store::open_or_create`] |
//! | memory with a key, as `shmget` | [`Store::segment`], [`ftok`] |
//! | memory without a name, for children and for sockets | [`Object::anonymous`]; [`Store::anonymous`] is charged and listed |
//! | an ordinary file | [`MappedFile`] |
//! | how long it lives | [`Lifetime`]; [`Durable`] survives the machine |
//! | no daemon and nothing installed | [`Store::embedded`] |

mod advice;
mod denied;
mod durable;
mod error;
mod escape;
mod file;
mod ftok;
pub mod guard;
mod guarding;
mod home;
mod lifetime;
mod mapping;
mod name;
mod object;
mod options;
mod places;
mod refusal;
mod seal;
mod segment;
mod send;
mod source;
mod store;
mod typed;
mod window;

pub use advice::Advice;
pub use durable::Durable;
pub use error::{Error, Result};
pub use file::MappedFile;
pub use ftok::ftok;
pub use guarding::Guard;
pub use lifetime::Lifetime;
pub use mapping::Mapping;
pub use name::{Name, NameError};
pub use object::Object;
pub use options::MapOptions;
pub use places::{Places, make_folder};
pub use seal::Seals;
pub use segment::{Segment, SegmentOptions, SegmentStat};
pub use store::{Entry, Kind, ObjectOptions, Store, StoreOptions, Usage};
pub use window::Window;
pub use zerocopy;
