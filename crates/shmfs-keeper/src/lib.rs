//! The process that outlives a store's broker.
//!
//! Keeper and broker share one descriptor table and the pages of one journal. A broker that is killed therefore hangs
//! up on nobody: the keeper clones another, which rebuilds everything from the journal and answers what waits. The
//! broker in turn notices the keeper's death, and starts another from its own program ([`hand_over`]).
//!
//! The keeper opens no descriptor after it has cloned a broker, since that one closes what the journal does not name.
//!
//! Owns: the broker as a process, its crashes and its hanging, signals that end the store, the supervisor's protocol
//! (`sd_notify`, socket activation), the files that name the processes.
//! Leaves to others: everything in the journal but a few words of its header, the store itself (`shmfs-broker`).

mod becoming;
mod crashes;
mod error;
mod files;
mod hand_over;
mod keeper;
mod notify;
mod processes;
mod signals;
mod sockets;
mod still;
mod stop;
mod successor;
mod surroundings;
mod words;

pub use error::{HandOverError, KeepError, ListenError, SuccessorError};
pub use hand_over::{PATIENCE, hand_over};
pub use keeper::{HANDED_OVER, Keeper, Outcome, Store, Timing};
pub use sockets::listener;
pub use successor::Successor;
pub use surroundings::Surroundings;
