//! Anonymous memory that a child inherits over fork, as with `mmap(MAP_SHARED | MAP_ANONYMOUS)`.
//!
//! The mapping is the same in parent and child, at the same address: nothing is opened, named or passed. How a program forks
//! is its own affair; this one has one thread and asks a crate that does it without `unsafe`.
//!
//!     cargo run -p shmfs --example anonymous_fork

use shmfs::Object;
use shmfs_sys::child::{self, Ended};
use shmfs_sys::table::Cloned;
use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::Ordering::{AcqRel, Acquire};

const TURN: usize = 0;
const NUMBERS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mapping = Object::anonymous(4096)?.map()?;
    let turn = mapping.atomic_u32(TURN)?;

    let child = match child::fork().map_err(|errno| shmfs::Error::new(errno.0, "cannot fork"))? {
        Cloned::Parent(child) => child,
        Cloned::Child => {
            while turn.load(Acquire) == 0 {
                std::thread::yield_now();
            }
            let found: u64 = mapping.get(NUMBERS)?;
            println!("child: the parent wrote {found}, and I square it");
            io::stdout().flush()?;
            mapping.set(NUMBERS + 8, &(found * found))?;
            turn.fetch_add(1, AcqRel);
            child::exit(i32::from(found != 12));
        }
    };
    mapping.set(NUMBERS, &12u64)?;
    turn.fetch_add(1, AcqRel);
    let ended = child::wait(child).map_err(|errno| shmfs::Error::new(errno.0, "cannot wait"))?;
    let square: u64 = mapping.get(NUMBERS + 8)?;
    println!("parent: the child wrote {square}, and ended well: {}", ended == Ended::Exit(0));
    assert_eq!((square, turn.load(Acquire), ended), (144, 2, Ended::Exit(0)));
    Ok(())
}
