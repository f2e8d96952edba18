//! The broker of a store: the one process that owns its namespace and the descriptors of its objects.
//!
//! A [`Broker`] listens on the socket in the store's directory, fixes who is asking for each connection,
//! puts their calls to the engine and carries out what the engine wants done.
//!
//! Owns: the event loop, connections, client processes and their attach tables, the backing of objects,
//! the evidence of deaths.
//! Leaves to others: every rule of a call (`shmfs-core`), the bytes of messages (`shmfs-wire`).
//! Not done: the keeper and the journal. When the broker dies, its store ends; programs keep their mappings
//! and their next calls are refused.

mod admission;
mod answer;
mod backing;
mod broker;
mod client;
mod connection;
mod count;
mod credentials;
mod death;
mod directory;
mod effects;
mod error;
mod events;
mod release;
mod serve;
mod session;
mod usage;
mod writers;

pub use admission::Admission;
pub use broker::{Broker, Config, Lifetime};
pub use error::{RunError, StartError};
