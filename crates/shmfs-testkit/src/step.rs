//! Steps of a sequence, small enough numbers that they meet.

use proptest::prelude::*;

/// One thing that happens to a store. Numbers are reduced to what exists.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "fields are named after the arguments of the calls")]
pub enum Step {
    Get { who: u8, key: u8, pages: u8, flags: i32, fails: bool },
    Attach { who: u8, which: u8, read_only: bool },
    Detach { who: u8, which: u8 },
    Die { who: u8 },
    Stat { who: u8, which: u8 },
    Set { who: u8, which: u8, owner: u8, mode: u32 },
    Remove { who: u8, which: u8 },
    Open { who: u8, name: u8, flags: i32, mode: u32, fails: bool },
    Unlink { who: u8, name: u8 },
    Rename { who: u8, from: u8, to: u8, flags: u8 },
    Link { who: u8, from: u8, to: u8 },
    Resize { name: u8, pages: u8 },
    Semaphore { who: u8, name: u8, exclusive: bool, publishes: bool },
    LetGo { which: u8 },
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

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..4u8;
    let name = || 0..4u8;
    let fails = || prop::bool::weighted(0.1);
    prop_oneof![
        6 => (who(), 0..4u8, 0..9u8, get_flags(), fails())
            .prop_map(|(who, key, pages, flags, fails)| Step::Get { who, key, pages, flags, fails }),
        5 => (who(), any::<u8>(), any::<bool>()).prop_map(|(who, which, read_only)| Step::Attach { who, which, read_only }),
        3 => (who(), any::<u8>()).prop_map(|(who, which)| Step::Detach { who, which }),
        1 => who().prop_map(|who| Step::Die { who }),
        2 => (who(), any::<u8>()).prop_map(|(who, which)| Step::Stat { who, which }),
        2 => (who(), any::<u8>(), who(), mode()).prop_map(|(who, which, owner, mode)| Step::Set { who, which, owner, mode }),
        3 => (who(), any::<u8>()).prop_map(|(who, which)| Step::Remove { who, which }),
        6 => (who(), name(), open_flags(), mode(), fails())
            .prop_map(|(who, name, flags, mode, fails)| Step::Open { who, name, flags, mode, fails }),
        3 => (who(), name()).prop_map(|(who, name)| Step::Unlink { who, name }),
        2 => (who(), name(), name(), 0..4u8).prop_map(|(who, from, to, flags)| Step::Rename { who, from, to, flags }),
        1 => (who(), name(), name()).prop_map(|(who, from, to)| Step::Link { who, from, to }),
        4 => (name(), 0..12u8).prop_map(|(name, pages)| Step::Resize { name, pages }),
        2 => (who(), name(), any::<bool>(), any::<bool>())
            .prop_map(|(who, name, exclusive, publishes)| Step::Semaphore { who, name, exclusive, publishes }),
        3 => any::<u8>().prop_map(|which| Step::LetGo { which }),
    ]
}

/// Sequences of up to `most` steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..=most)
}
