//! The front ends. They do not know each other; they meet in `namespace`.

pub(crate) mod posix;
pub(crate) mod sysv;
