//! A shared memory object with a name, as with `shm_open`: whoever comes first makes it, the other finds it.
//!
//! Both processes run the same code, and no one of them need be the first. They join the store that applies here:
//! SHMFS_STORE's, or else the user's, which is started where it does not run.
//!
//!     cargo run -p shmfs --example shm_open

use shmfs::Store;
use std::env;
use std::error::Error;
use std::process::Command;
use std::sync::atomic::Ordering::{Acquire, SeqCst};

const NAME: &str = "/shmfs-example";
/// Where in the object what lies.
const VISITORS: usize = 0;
const READY: usize = 4;
const TEXT: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let store = Store::open()?;
    let (object, created) = store.open_or_create(NAME, 4096)?;
    let mapping = object.map()?;
    let before = mapping.atomic_u32(VISITORS)?.fetch_add(1, SeqCst);

    if !created {
        while mapping.atomic_u32(READY)?.load(Acquire) == 0 {
            std::thread::yield_now();
        }
        let found = mapping.window(TEXT..TEXT + 21)?.to_vec()?;
        println!("second: {before} was here before me, and wrote `{}`", String::from_utf8_lossy(&found));
        assert_eq!((before, found.as_slice()), (1, &b"for whoever is second"[..]));
        return Ok(());
    }
    println!("first: I made `{NAME}` with {} bytes, all zero: {}", object.len()?, before == 0);
    mapping.write_at(TEXT, b"for whoever is second")?;
    mapping.atomic_u32(READY)?.store(1, SeqCst);

    let status = Command::new(env::current_exe()?).envs(store.environment()).status()?;
    object.unlink()?;
    assert!(status.success(), "the second process: {status}");
    println!(
        "first: {} have been here; the name is free: {}",
        mapping.load_u32(VISITORS)?,
        store.open_object(NAME).is_err()
    );
    assert_eq!(mapping.load_u32(VISITORS)?, 2);
    Ok(())
}
