//! An object that outlives its store: run it twice.
//!
//! Each run adds a line to a ledger and its length to a counter, both or neither, whenever it is killed. The state directory
//! is the first argument, or else in the folder for temporary files.
//!
//!     cargo run -p shmfs --example durable

use shmfs::{Lifetime, Store};
use std::env;
use std::error::Error;
use std::path::PathBuf;

const LEDGER: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let state = env::args().nth(1).map_or_else(|| env::temp_dir().join("shmfs-example-state"), PathBuf::from);
    // In earnest it is a daemon's, which keeps it for many programs: `shm daemon --state DIR` and Store::open().
    let store = Store::options().state(&state).embedded()?;
    let (object, created) = store.object("ledger")?.lifetime(Lifetime::Durable).open_or_create(1 << 20)?;
    let mut ledger = object.durable()?;

    let len = ledger.mapping().load_u64(0)? as usize;
    let before = String::from_utf8(ledger.mapping().window(LEDGER..LEDGER + len)?.to_vec()?)?;
    println!("found: {}", if created { "nothing, a new ledger".to_owned() } else { format!("{len} bytes") });
    before.lines().for_each(|line| println!("  {line}"));

    let line = format!("run {} was here\n", before.lines().count() + 1);
    ledger.write(LEDGER + len, line.as_bytes())?;
    ledger.write(0, &((len + line.len()) as u64).to_ne_bytes())?;
    println!("persisted: epoch {}", ledger.persist()?);

    // Half an edit, which nobody shall find: as if the program were killed here.
    ledger.write(0, &u64::MAX.to_ne_bytes())?;
    println!("rolled back: {} bytes", ledger.roll_back()?);
    Ok(())
}
