//! What keeps a store alive that belongs to this process.

use super::{embedded::Embedded, private::Private};

/// Dropping it lets the store end.
pub(crate) enum Keeper {
    /// Somebody else does.
    Others,
    /// A process that this one has started.
    Private(#[allow(dead_code, reason = "kept until it is dropped")] Private),
    /// A thread of this process.
    Embedded(#[allow(dead_code, reason = "kept until it is dropped")] Embedded),
}
