//! The broker of a store: the one process that owns its namespace and the descriptors of its objects.
//!
//! [`found`] makes a store. A [`Broker`] listens on the socket in the store's directory, fixes who is asking for each
//! connection, puts their calls to the engine and carries out what the engine wants done. Everything it knows is in
//! the store's journal before anybody is told of it, so that another broker can go on where this one is killed.
//!
//! Owns: the event loop, connections, client processes and their attach tables, the backing of objects,
//! the evidence of deaths, the order of the steps of a request.
//! Leaves to others: every rule of a call (`shmfs-core`), the bytes of messages (`shmfs-wire`), the journal's rows
//! (`shmfs-journal`), starting brokers anew (`shmfs-keeper`).

mod admission;
mod answer;
mod backing;
mod behind;
mod broker;
mod call;
mod client;
mod connection;
mod count;
mod crowd;
mod death;
mod directory;
mod door;
mod doubt;
mod editors;
mod effects;
mod error;
mod face;
mod found;
pub mod heads;
mod intents;
mod linux;
mod mounted;
pub mod os;
mod process;
mod progress;
mod reap;
mod recover;
mod release;
mod replace;
mod room;
mod serve;
mod session;
mod source;
mod state;
mod strangers;
mod transaction;
mod usage;
mod users;
mod writers;

pub use broker::{Broker, End};
pub use door::{Door, DoorFiles, DoorMaker, Face, Segment, Served};
pub use error::{RunError, StartError};
pub use found::{Config, Founded, Lifetime, found};
pub use linux::{Linux, MappedPages};
pub use process::Fittings;
pub use recover::Surroundings;
pub use source::Source;
