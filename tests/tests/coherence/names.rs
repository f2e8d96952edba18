//! Sizes and names that one door changes are those that the others see.

use crate::house::{House, Side};
use crate::{CREATE_EXCL, PAGE, RDWR};
use shmfs_tests::skip;

on_sides!(sizes: sizes_on_the_kernel Kernel, sizes_in_a_store Store, sizes_at_dev_shm StoreThere);
fn sizes(house: &House) {
    let (caller, plain, other, library) = (house.caller(), house.plain(), house.plain(), house.library());
    let path = house.path("frames");
    caller.done(format!("shm_open 0 /frames {CREATE_EXCL} 0600"));
    for door in [&plain, &other] {
        door.done(format!("open 0 {path} {RDWR} 0"));
    }
    if let Some(library) = &library {
        library.done("open frames");
    }
    let mut size = 0;
    let look = |size: u64| {
        for door in [&caller, &plain, &other] {
            door.says("size 0", size);
            door.says("end 0", size);
            // -2: the end of the file.
            door.says(format!("read 0 {size}"), -2);
            if size >= 4 {
                door.says(format!("read 0 {}", size - 4), 0);
            }
        }
        for door in [&plain, &other] {
            door.says(format!("stat {path}"), size);
        }
        if let Some(library) = &library {
            library.says("size", size);
        }
    };
    look(0);
    for round in 1..=12 {
        for which in 0..4 {
            size = (size + 3 * PAGE + round * 100 * 4) % (16 * PAGE);
            match (which, &library) {
                (0, _) => caller.done(format!("resize 0 {size}")),
                (1, _) => plain.done(format!("resize 0 {size}")),
                (2, _) => {
                    // The end moves by a write.
                    other.done("resize 0 0");
                    other.done(format!("write 0 {} 0", size - 4));
                }
                (_, Some(library)) => library.done(format!("resize {size}")),
                (_, None) => plain.done(format!("resize 0 {size}")),
            }
            // Each look leaves the size in every cache that there is, for the next one to be wrong by.
            look(size);
        }
    }
}

on_sides!(names: names_on_the_kernel Kernel, names_in_a_store Store, names_at_dev_shm StoreThere);
fn names(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    let other = house.plain();
    let path = |name: &str| house.path(name);
    let there = |name: &str, there: bool| {
        let wanted = if there { "0" } else { "ENOENT" };
        for door in [&plain, &other] {
            door.says(format!("stat {}", path(name)), wanted);
            door.says(format!("open 1 {} {RDWR} 0", path(name)), wanted);
            door.says(format!("listed {} {name}", path("")), u8::from(there));
        }
        caller.says(format!("shm_open 1 /{name} {RDWR} 0"), wanted);
        if let Some(library) = &library {
            library.says(format!("open {name}"), wanted);
        }
    };
    for round in 0..12 {
        there("one", false);
        match (round % 3, &library) {
            (0, _) => caller.done(format!("shm_open 0 /one {CREATE_EXCL} 0600")),
            (1, Some(library)) => library.done("create one 0"),
            _ => plain.done(format!("open 0 {} {CREATE_EXCL} 0600", path("one"))),
        }
        there("one", true);
        // It is taken, by whatever door.
        caller.says(format!("shm_open 0 /one {CREATE_EXCL} 0600"), "EEXIST");
        other.says(format!("open 0 {} {CREATE_EXCL} 0600", path("one")), "EEXIST");
        there("two", false);
        other.done(format!("rename {} {}", path("one"), path("two")));
        there("one", false);
        there("two", true);
        other.done(format!("link {} {}", path("two"), path("one")));
        there("one", true);
        there("two", true);
        for (turn, name) in ["one", "two"].into_iter().enumerate() {
            match ((round + turn) % 3, &library) {
                (0, _) => caller.done(format!("shm_unlink /{name}")),
                (1, Some(library)) => library.done(format!("unlink {name}")),
                _ => plain.done(format!("unlink {}", path(name))),
            }
            there(name, false);
        }
    }
}
