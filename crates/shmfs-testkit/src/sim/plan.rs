//! What a seed decides before anything happens: how many programs there are, what they do, and what goes wrong how often.
//!
//! Owns: the shares. Leaves to others: each single draw (`world`, `actor`).

use super::rng::Rng;

/// What a run is like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Programs at the start.
    pub(crate) programs: u64,
    /// What all of them begin together, forks and deaths included.
    pub(crate) actions: u64,
    /// How many brokers are killed at most.
    pub(crate) kills: u64,
    /// The longest life of a broker that is to be killed, in steps.
    pub(crate) life: u64,
    /// Brokers are killed before this call, a few times after they began; else anywhere.
    pub(crate) aim: Option<&'static str>,
    /// One call in so many fails that can fail; 0 for none.
    pub(crate) failures: u64,
    /// One call to the disk in so many fails; 0 for none.
    pub(crate) disk_failures: u64,
    /// Of a hundred steps of the broker, so many have a program do something before them.
    pub(crate) crowding: u64,
    /// Of a hundred actions, so many are deaths, execs and forks.
    pub(crate) mortality: u64,
    /// How often a program loses its connection, in all.
    pub(crate) losses: u64,
    /// Pages of the store.
    pub(crate) pages: u64,
    pub(crate) keys: u64,
    pub(crate) names: u64,
    /// Each program has keys and names of its own: what it creates exclusively cannot be there.
    pub(crate) own_keys: bool,
    /// POSIX objects are files of a hidden tmpfs; else memfds.
    pub(crate) hidden: bool,
    /// Whether there is a state directory.
    pub(crate) durable: bool,
    /// Of a hundred calls, so many are those of the library.
    pub(crate) library: u64,
    /// Users of the programs: 0 alone, or others too.
    pub(crate) users: u64,
    /// Whether notices of closes are lost now and then.
    pub(crate) overflows: bool,
    /// Nanoseconds that a closed description counts at most.
    pub(crate) linger: u64,
    /// Whether brokers are killed while everything is taken down.
    pub(crate) kills_late: bool,
}

/// Calls before which little is settled.
const AIMS: [&str; 21] = [
    "consume",
    "consume",
    "consume",
    "send",
    "send",
    "store",
    "write",
    "set_count",
    "mark_removed",
    "link",
    "unlink",
    "truncate",
    "peek",
    "is_unused",
    "close_other",
    "adopt",
    "state_tmp",
    "state_publish",
    "state_withdraw",
    "state_unlink",
    "watch_close",
];

impl Plan {
    pub(crate) fn draw(rng: &mut Rng) -> Plan {
        let gentle = rng.percent(10);
        Plan {
            programs: rng.between(1, 4),
            actions: rng.between(4, 36),
            kills: if gentle { 0 } else { rng.pick(&[1, 1, 2, 3, 5, 8, 20]) },
            life: rng.pick(&[20, 60, 60, 150, 400, 1000]),
            aim: if rng.percent(50) { None } else { Some(rng.pick(&AIMS)) },
            failures: if rng.percent(70) { 0 } else { rng.pick(&[10, 30, 80]) },
            disk_failures: if rng.percent(80) { 0 } else { rng.pick(&[3, 10]) },
            crowding: rng.pick(&[0, 5, 20, 50]),
            mortality: rng.pick(&[0, 5, 15, 40]),
            losses: rng.pick(&[0, 0, 1, 3, 8]),
            pages: rng.pick(&[8, 24, 64]),
            keys: rng.between(1, 3),
            names: rng.between(1, 4),
            own_keys: rng.percent(30),
            hidden: rng.percent(85),
            durable: rng.percent(75),
            library: rng.pick(&[0, 30, 30, 60]),
            users: rng.pick(&[1, 1, 2, 3]),
            overflows: rng.percent(10),
            linger: rng.pick(&[0, 0, 3_000_000]),
            kills_late: rng.percent(30),
        }
    }
}
