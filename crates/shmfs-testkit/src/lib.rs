//! What tests of the engine share: a naive model of a store, and sequences of calls.
//!
//! The model keeps lists and searches them; it knows no slots, no keys' table and no account, and says for each step
//! what the engine must answer. [`Play`] plays steps on both and compares. [`steps`] generates them at random;
//! [`Sequence`] reads them from any bytes, for the fuzzer, and restores the engine from its images now and then.
//!
//! Owns: the model, the generators, the comparison.
//! Leaves to others: real descriptors and processes (the tests of the broker and `tests/`).
//! Not done: clocks that are set back; sequence numbers of ids beyond being different from those that exist.

mod bytes;
#[cfg(feature = "proptest")]
mod generate;
mod kept;
mod model;
mod play;
mod same;
mod seen;
mod sequence;
mod setting;
#[cfg(feature = "sim")]
pub mod sim;
mod step;
pub mod tree;

#[cfg(feature = "proptest")]
pub use generate::{settings, steps};
pub use kept::Kept;
pub use model::Model;
pub use play::{Heard, Play};
pub use same::assert_same;
pub use seen::Seen;
pub use sequence::{Act, Sequence};
pub use setting::{Setting, USERS};
pub use step::{BEYOND, Fault, Limit, Question, Stale, Step};
