//! Steps of a sequence, small enough numbers that they meet.

use proptest::prelude::*;

/// What goes wrong with what a call wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The backing cannot be made.
    Make,
    /// The backing cannot have its name.
    Link,
    /// The name waits: [`Step::Settle`] says what becomes of it.
    Wait,
}

/// One thing that happens to a store. Numbers are reduced to what exists.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "fields are named after the arguments of the calls")]
pub enum Step {
    Get {
        who: u8,
        key: u8,
        pages: u8,
        flags: i32,
        fails: bool,
    },
    Attach {
        who: u8,
        which: u8,
        read_only: bool,
    },
    Detach {
        who: u8,
        which: u8,
    },
    /// A process's image ends, and with `exits` the process.
    Die {
        who: u8,
        exits: bool,
    },
    Stat {
        who: u8,
        which: u8,
    },
    Set {
        who: u8,
        which: u8,
        owner: u8,
        mode: u32,
    },
    Remove {
        who: u8,
        which: u8,
    },
    Lock {
        who: u8,
        which: u8,
        lock: bool,
        fails: bool,
    },
    /// `shm_rmid_forced`
    Forced {
        on: bool,
    },
    Open {
        who: u8,
        name: u8,
        flags: i32,
        mode: u32,
        fault: Fault,
    },
    Unlink {
        who: u8,
        name: u8,
    },
    Rename {
        who: u8,
        from: u8,
        to: u8,
        flags: u8,
    },
    Link {
        who: u8,
        from: u8,
        to: u8,
    },
    /// With `dies` the program ends between its reservation and the new size.
    Resize {
        name: u8,
        pages: u8,
        dies: bool,
    },
    /// The inode is looked at.
    Measure {
        name: u8,
    },
    Semaphore {
        who: u8,
        name: u8,
        exclusive: bool,
        fails: bool,
    },
    /// A fresh semaphore is published; with [`Fault::Make`] its creator gives it up.
    Publish {
        which: u8,
        fault: Fault,
    },
    Settle {
        which: u8,
        fails: bool,
    },
    LetGo {
        which: u8,
    },
    Reap {
        which: u8,
    },
}

fn mode() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0o600), Just(0o666), Just(0o640), Just(0o400), Just(0o000), Just(0o777)]
}

fn get_flags() -> impl Strategy<Value = i32> {
    (prop_oneof![Just(0), Just(0o1000), Just(0o3000), Just(0o2000)], mode())
        .prop_map(|(flags, mode)| flags | mode as i32)
}

fn open_flags() -> impl Strategy<Value = i32> {
    let access = prop_oneof![Just(0), Just(1), Just(2)];
    let create = prop_oneof![Just(0), Just(0o100), Just(0o300)];
    (access, create, prop_oneof![4 => Just(0), 1 => Just(0o1000)]).prop_map(|(a, c, t)| a | c | t)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::Make), 1 => Just(Fault::Link), 2 => Just(Fault::Wait)]
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..4u8;
    let name = || 0..4u8;
    let which = any::<u8>;
    let fails = || prop::bool::weighted(0.1);
    let sysv = prop_oneof![
        6 => (who(), 0..4u8, 0..9u8, get_flags(), fails())
            .prop_map(|(who, key, pages, flags, fails)| Step::Get { who, key, pages, flags, fails }),
        5 => (who(), which(), any::<bool>())
            .prop_map(|(who, which, read_only)| Step::Attach { who, which, read_only }),
        3 => (who(), which()).prop_map(|(who, which)| Step::Detach { who, which }),
        2 => (who(), any::<bool>()).prop_map(|(who, exits)| Step::Die { who, exits }),
        2 => (who(), which()).prop_map(|(who, which)| Step::Stat { who, which }),
        2 => (who(), which(), who(), mode())
            .prop_map(|(who, which, owner, mode)| Step::Set { who, which, owner, mode }),
        3 => (who(), which()).prop_map(|(who, which)| Step::Remove { who, which }),
        1 => (who(), which(), any::<bool>(), fails())
            .prop_map(|(who, which, lock, fails)| Step::Lock { who, which, lock, fails }),
        1 => prop::bool::weighted(0.3).prop_map(|on| Step::Forced { on }),
    ];
    let posix = prop_oneof![
        6 => (who(), name(), open_flags(), mode(), fault())
            .prop_map(|(who, name, flags, mode, fault)| Step::Open { who, name, flags, mode, fault }),
        3 => (who(), name()).prop_map(|(who, name)| Step::Unlink { who, name }),
        2 => (who(), name(), name(), 0..4u8)
            .prop_map(|(who, from, to, flags)| Step::Rename { who, from, to, flags }),
        2 => (who(), name(), name()).prop_map(|(who, from, to)| Step::Link { who, from, to }),
        4 => (name(), 0..12u8, fails()).prop_map(|(name, pages, dies)| Step::Resize { name, pages, dies }),
        1 => name().prop_map(|name| Step::Measure { name }),
        2 => (who(), name(), any::<bool>(), fails())
            .prop_map(|(who, name, exclusive, fails)| Step::Semaphore { who, name, exclusive, fails }),
        2 => (which(), fault()).prop_map(|(which, fault)| Step::Publish { which, fault }),
        2 => (which(), fails()).prop_map(|(which, fails)| Step::Settle { which, fails }),
    ];
    prop_oneof![
        25 => sysv,
        24 => posix,
        3 => which().prop_map(|which| Step::LetGo { which }),
        1 => which().prop_map(|which| Step::Reap { which }),
    ]
}

/// Sequences of up to `most` steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..=most)
}
