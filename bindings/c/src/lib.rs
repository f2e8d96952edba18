//! `libshmfs`: the public Rust library, as C sees it. `include/shmfs.h` is made of this crate, its comments too: what stands
//! above a public item here is written for C programmers. The text at the head of the header is in `cbindgen.toml`.
//!
//! Every function does the same three things: it looks at what C passed (`argument`, `handle`), calls the Rust library, and
//! says how that went (`answer`). No panic leaves it.
//!
//! Owns: the C interface, its rules of pointers.
//! Leaves to others: every rule of shared memory (`shmfs`).
#![allow(
    clippy::missing_safety_doc,
    reason = "the header states the rules of pointers once, for all functions"
)]
#![allow(clippy::not_unsafe_ptr_arg_deref, reason = "as above; functions of C are called unsafely anyway")]

mod argument;
mod descriptor;
mod handle;
mod lifetime;

// In the order in which the header has them.
mod answer;

mod store;

mod listing;

mod object;

mod sharing;

mod guard;

mod mapping;

mod segment;

mod durable;

mod file;
