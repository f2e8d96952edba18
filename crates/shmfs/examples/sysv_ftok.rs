//! A System V segment, which both processes find by the key of a file that they both know: `ftok`, `shmget`, `shmat`.
//!
//! They join the store that applies here: SHMFS_STORE's, or else the user's, which is started where it does not run.
//!
//!     cargo run -p shmfs --example sysv_ftok

use shmfs::{Store, ftok};
use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("second") => second(),
        _ => first(),
    }
}

/// The program's own file: the same for both.
fn key() -> Result<i32, Box<dyn Error>> {
    Ok(ftok(env::current_exe()?, b'E')?)
}

fn first() -> Result<(), Box<dyn Error>> {
    let store = Store::open()?;
    let segment = store.segment(key()?).len(5000).mode(0o600).create()?;
    let mapping = segment.attach()?;
    mapping.write_at(0, b"found by its key")?;

    let status = Command::new(env::current_exe()?).arg("second").envs(store.environment()).status()?;
    let stat = segment.stat()?;
    segment.remove()?;
    assert!(status.success(), "the second process: {status}");
    println!("first: {} attach is left of two; byte 4999 is {}", stat.attaches, mapping.load_u8(4999)?);
    assert_eq!((stat.attaches, mapping.load_u8(4999)?), (1, 7));
    drop(mapping);
    println!("first: removed and detached, it is gone: {}", segment.stat().is_err());
    assert!(segment.stat().is_err());
    Ok(())
}

fn second() -> Result<(), Box<dyn Error>> {
    let segment = Store::open()?.segment(key()?).open()?;
    let mapping = segment.attach()?;
    let found = mapping.window(..16)?.to_vec()?;
    println!(
        "second: {} bytes, attached {} times, with `{}`",
        segment.len(),
        segment.stat()?.attaches,
        String::from_utf8_lossy(&found)
    );
    assert_eq!((segment.len(), found.as_slice()), (5000, &b"found by its key"[..]));
    mapping.store_u8(4999, 7)?;
    Ok(())
}
