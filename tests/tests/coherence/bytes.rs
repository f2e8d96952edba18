//! What is stored by one way is loaded by every other.

use crate::door::Door;
use crate::house::{House, Side};
use crate::segments::segment;
use crate::{CREATE_EXCL, PAGE, RDWR, SIZE};
use shmfs_tests::skip;
use std::cell::Cell;

/// One way to load, store, and to tell the size.
struct Way<'a> {
    name: &'a str,
    door: &'a Door,
    get: &'a str,
    put: &'a str,
}

/// Every way stores, at several places, again and again; every way loads it at once.
fn check_bytes(ways: &[Way<'_>]) {
    let value = Cell::new(1u32);
    for round in 0..40 {
        for writer in ways {
            let at = [0, 4, PAGE, 5 * PAGE + 8, SIZE - 4][round % 5];
            value.set(value.get() + 7);
            writer.door.done(format!("{} {at} {}", writer.put, value.get()));
            for reader in ways {
                let seen = reader.door.ask(format!("{} {at}", reader.get));
                let what = format!("{} after {}, at {at}", reader.name, writer.name);
                assert_eq!(seen, value.get().to_string(), "{what}");
            }
        }
    }
}

on_sides!(bytes_of_an_object: bytes_of_an_object_on_the_kernel Kernel, bytes_of_an_object_in_a_store Store,
    bytes_of_an_object_at_dev_shm StoreThere);
fn bytes_of_an_object(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    let path = house.path("frames");
    caller.done(format!("shm_open 0 /frames {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 0 {path} {RDWR} 0"));
    plain.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 1 {path} {RDWR} 0"));
    let mut ways = vec![
        Way { name: "the caller's map", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the caller's calls", door: &caller, get: "read 0", put: "write 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 1", put: "write 1" },
    ];
    if house.side == Side::StoreThere {
        plain.done(format!("shm_open 2 /frames {RDWR} 0"));
        plain.done(format!("map 2 {SIZE}"));
        ways.push(Way { name: "shm_open without preload", door: &plain, get: "get 2", put: "put 2" });
    }
    if let Some(library) = &library {
        library.done("open frames");
        library.done("map");
        ways.push(Way { name: "the library", door: library, get: "get", put: "put" });
    }
    check_bytes(&ways);
    caller.done("shm_unlink /frames");
    // Without a name it is the same memory still.
    check_bytes(&ways);
    plain.says(format!("stat {path}"), "ENOENT");
}

on_sides!(bytes_of_a_file: bytes_of_a_file_on_the_kernel Kernel, bytes_of_a_file_in_a_store Store,
    bytes_of_a_file_at_dev_shm StoreThere);
/// The mount made it.
fn bytes_of_a_file(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("made")));
    plain.done(format!("resize 0 {SIZE}"));
    plain.done(format!("map 0 {SIZE}"));
    caller.done(format!("shm_open 0 /made {RDWR} 0"));
    caller.done(format!("map 0 {SIZE}"));
    let mut ways = vec![
        Way { name: "the caller's map", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 0", put: "write 0" },
    ];
    if let Some(library) = &library {
        library.done("open made");
        library.done("map");
        ways.push(Way { name: "the library", door: library, get: "get", put: "put" });
    }
    check_bytes(&ways);
    plain.done(format!("unlink {}", house.path("made")));
    caller.says(format!("shm_open 1 /made {RDWR} 0"), "ENOENT");
    check_bytes(&ways);
}

#[test]
fn bytes_of_a_segment() {
    let house = house!(Side::Store);
    let (caller, plain) = (house.caller(), house.plain());
    let id = segment(&caller);
    plain.done(format!("open 0 {} {RDWR} 0", house.path(&format!(".sysv/{id}"))));
    plain.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 1 {} {RDWR} 0", house.path(".sysv/0x000005ea")));
    plain.done(format!("map 1 {SIZE}"));
    let ways = [
        Way { name: "shmat", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 0", put: "write 0" },
        Way { name: "the key's map", door: &plain, get: "get 1", put: "put 1" },
        Way { name: "the key's calls", door: &plain, get: "read 1", put: "write 1" },
    ];
    check_bytes(&ways);
    caller.done(format!("rmid {id}"));
    check_bytes(&ways);
}
