//! A store of one's own, with a limit of its own: nobody else's objects are in it, and it ends with its last user.
//!
//! The program `shm` keeps it, so it stays when the process that made it has gone and another is still in it.
//!
//!     cargo run -p shmfs --example private_store

use shmfs::{Lifetime, Store};
use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("second") => second(),
        _ => first(),
    }
}

fn first() -> Result<(), Box<dyn Error>> {
    let store = Store::options().size(1 << 20).private()?;
    let frames = store.object("frames")?.lifetime(Lifetime::LastUser).create(256 << 10)?;
    let mapping = frames.map()?;
    mapping.fill(.., 7)?;
    let usage = store.usage()?;
    println!("first: {} of {} bytes are used", usage.used, usage.size);

    let error = store.create("too-much", 1 << 20).map(drop).map_err(|error| error.to_string());
    println!("first: {}", error.as_ref().err().map_or("", String::as_str));
    assert!(error.is_err());

    // What leads the second process here: the store's directory, and a token that admits to it.
    let status = Command::new(env::current_exe()?).arg("second").envs(store.environment()).status()?;
    assert!(status.success(), "the second process: {status}");
    println!(
        "first: the store has served {} calls of shm_open",
        store.usage()?.calls("shm_open").unwrap_or(0)
    );
    Ok(())
}

fn second() -> Result<(), Box<dyn Error>> {
    let store = Store::open()?;
    let mapping = store.open_object("frames")?.map()?;
    let (first, last) = (mapping.load_u8(0)?, mapping.load_u8(mapping.len() - 1)?);
    println!(
        "second: {} of us are here; the first and the last byte are {first} and {last}",
        store.usage()?.clients
    );
    assert_eq!((first, last), (7, 7));
    Ok(())
}
