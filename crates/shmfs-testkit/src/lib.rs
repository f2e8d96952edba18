//! What tests of the engine share: a naive model of a store, and random sequences of calls.
//!
//! The model keeps lists and searches them; it knows no slots, no keys' table and no account, and says for each step
//! what the engine must answer. [`steps`] generates sequences, [`Play`] plays one on both and compares.
//!
//! Owns: the model, the generator, the comparison.
//! Leaves to others: real descriptors and processes (the tests of the broker and `tests/`).
//! Not done: times; sequence numbers of ids beyond being different from those that exist.

mod model;
mod play;
mod step;

pub use model::Model;
pub use play::Play;
pub use step::{Fault, Step, steps};
