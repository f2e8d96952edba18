//! The library's side of `cargo xtask bench library` and `bench durable`: what benches/library.c does, by `shmfs`.
//!
//!     cost open ROUNDS | first | in BYTES ROUNDS | out BYTES ROUNDS
//!     cost fill DIR BYTES | usable DIR
//!
//! Owns: the work of each round, one duration in nanoseconds a line.
//! Leaves to others: medians and bounds (xtask).

use shmfs::{Lifetime, Mapping, Object, Store};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

/// The size of an object, and what is copied at once from a durable one.
const OBJECT: u64 = 64 << 10;
const NAME: &str = "cost";

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["open", rounds] => opens(rounds.parse()?),
        ["first"] => first(),
        ["in", bytes, rounds] => copies(bytes.parse()?, rounds.parse()?, |map, own| map.write_at(0, own)),
        ["out", bytes, rounds] => copies(bytes.parse()?, rounds.parse()?, |map, own| map.read_at(0, own)),
        ["fill", dir, bytes] => fill(Path::new(dir), bytes.parse()?),
        ["usable", dir] => usable(Path::new(dir)),
        _ => Err("cost open N | first | in BYTES N | out BYTES N | fill DIR BYTES | usable DIR".into()),
    }
}

fn say(since: Instant) {
    println!("{}", since.elapsed().as_nanos());
}

/// Opens and maps an object that this process has met.
fn opens(rounds: usize) -> Outcome {
    let store = Store::private()?;
    let object = store.create(NAME, OBJECT)?;
    drop((object.map()?, object));
    for _ in 0..rounds {
        let since = Instant::now();
        drop(open_and_map(&store)?);
        say(since);
    }
    Ok(())
}

fn open_and_map(store: &Store) -> Outcome<(Object, Mapping)> {
    let object = store.open_object(NAME)?;
    let map = object.map()?;
    Ok((object, map))
}

/// What another process made: the first thing that this one asks its store for.
fn first() -> Outcome {
    if let Ok(dir) = std::env::var("SHMFS_COST_SECOND") {
        let store = Store::at(dir)?;
        let since = Instant::now();
        drop(open_and_map(&store)?);
        say(since);
        return Ok(());
    }
    let store = Store::private()?;
    let object = store.create(NAME, OBJECT)?;
    let mut second = std::process::Command::new(std::env::current_exe()?);
    second.arg("first").envs(store.environment()).env("SHMFS_COST_SECOND", store.dir());
    let ended = second.status()?;
    drop(object);
    if ended.success() { Ok(()) } else { Err("the second process failed".into()) }
}

fn copies(bytes: usize, rounds: usize, copy: impl Fn(&Mapping, &mut [u8]) -> shmfs::Result<()>) -> Outcome {
    let store = Store::private()?;
    let map = store.create(NAME, bytes as u64)?.map()?;
    let mut own = vec![2; bytes];
    map.fill(.., 1)?;
    for _ in 0..rounds {
        let since = Instant::now();
        copy(&map, black_box(&mut own))?;
        say(since);
    }
    Ok(())
}

/// Makes a durable object in the store at `dir`, and commits every byte of it.
fn fill(dir: &Path, bytes: u64) -> Outcome {
    let object = Store::at(dir)?.object(NAME)?.lifetime(Lifetime::Durable).create(bytes)?;
    let mut durable = object.durable()?;
    let chunk = vec![7; OBJECT as usize];
    for at in (0..bytes as usize).step_by(chunk.len()) {
        // Nothing was committed before that anybody would want back.
        durable.mapping().write_at(at, &chunk)?;
    }
    durable.persist()?;
    Ok(())
}

/// From the moment at which the store is ready: the first byte, and all of them.
fn usable(dir: &Path) -> Outcome {
    let since = Instant::now();
    let map = Store::at(dir)?.open_object(NAME)?.map()?;
    let mut chunk = vec![0; OBJECT as usize];
    map.read_at(0, &mut chunk[..1])?;
    say(since);
    for at in (0..map.len()).step_by(chunk.len()) {
        map.read_at(at, &mut chunk)?;
        if chunk.iter().any(|byte| *byte != 7) {
            return Err(format!("other bytes at {at}").into());
        }
    }
    say(since);
    Ok(())
}
