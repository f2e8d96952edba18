//! Any bytes as a sequence.
//!
//! A byte of 0x80 or more begins an act: its low five bits say which, the two above them who does it. The smaller bytes
//! up to the next such byte are its arguments; an argument that is missing is 0, and what is too many is passed over.
//! So a byte more or less, or another one, changes one act and leaves the others as they are. What stands before the
//! first act is the setting.
//!
//! The numbers of acts are those of the committed corpus: a further act takes the next free one.

use crate::sequence::{Act, Sequence};
use crate::setting::{Setting, USERS};
use crate::step::{BEYOND, Fault, LIFETIMES, Limit, PARTS, PROC_FILES, Question, STALE, Step};
use shmfs_abi::Caps;

/// Acts in one sequence; what follows is not looked at.
pub(crate) const MOST: usize = 256;

/// Restarts among them; further ones are passed over. One costs as much as forty steps.
const MOST_RESTARTS: usize = 8;

const BEGINS: u8 = 0x80;

/// The arguments of one act.
#[derive(Clone, Copy)]
struct Args<'a>(&'a [u8]);

impl Args<'_> {
    fn at(self, index: usize) -> u8 {
        self.0.get(index).copied().unwrap_or(0)
    }

    fn bit(self, index: usize, bit: u8) -> bool {
        self.at(index) >> bit & 1 == 1
    }

    fn user(self, index: usize) -> u8 {
        self.at(index) % USERS
    }

    /// One of four names or keys.
    fn name(self, index: usize) -> u8 {
        self.at(index) & 3
    }

    /// The largest argument stands for what is more than there is.
    fn or_beyond(self, index: usize) -> u8 {
        if self.at(index) == 0x7f { BEYOND } else { self.at(index) }
    }

    fn mode(self, index: usize) -> u32 {
        [0o600, 0o666, 0o640, 0o400, 0o000, 0o777, 0o4755, 0o2770][usize::from(self.at(index) & 7)]
    }

    fn fault(self, index: usize) -> Fault {
        [Fault::None, Fault::Make, Fault::Link, Fault::Wait][usize::from(self.at(index) & 3)]
    }
}

/// The sequence that these bytes are.
pub(crate) fn decode(bytes: &[u8]) -> Sequence {
    let begins = |byte: &u8| *byte >= BEGINS;
    let first = bytes.iter().position(begins).unwrap_or(bytes.len());
    let (setting, mut rest) = bytes.split_at(first);
    let (mut acts, mut restarts) = (Vec::new(), 0);
    while let ([kind, behind @ ..], true) = (rest, acts.len() < MOST) {
        let next = behind.iter().position(begins).unwrap_or(behind.len());
        let (args, others) = behind.split_at(next);
        let act = act(*kind, Args(args));
        restarts += usize::from(act == Some(Act::Restart));
        acts.extend(act.filter(|act| *act != Act::Restart || restarts <= MOST_RESTARTS));
        rest = others;
    }
    Sequence { setting: setting_of(Args(setting)), acts }
}

fn setting_of(args: Args<'_>) -> Setting {
    let all = || Caps::all().iter().enumerate();
    let chosen = |index| all().filter(|(bit, _)| args.bit(index, *bit as u8)).map(|(_, cap)| cap).collect();
    let (taken, given): (Caps, Caps) = (chosen(1), chosen(2));
    Setting {
        sparse: args.bit(0, 0),
        reserve: args.bit(0, 1),
        protected_regular: args.at(0) >> 2 & 1,
        protected_hardlinks: args.bit(0, 3),
        durable: args.bit(0, 6),
        owner: args.at(0) >> 4 & 3,
        caps: [Caps::all() - taken, given, Caps::empty(), Caps::empty()],
    }
}

fn act(kind: u8, args: Args<'_>) -> Option<Act> {
    let (who, which) = (kind >> 5 & 3, args.at(0));
    let step = match kind & 0x1f {
        0 => {
            let flags = get_flags(args);
            let (fails, durable) = (args.bit(0, 4), args.bit(3, 0));
            Step::Get { who, key: args.name(0), pages: args.at(1), flags, fails, durable }
        }
        1 => Step::Attach { who, which, read_only: args.bit(1, 0) },
        2 => Step::Detach { who, which },
        3 => Step::Die { who, exits: args.bit(0, 0) },
        4 => Step::Stat { who, which },
        // Their sign bit is not an argument's: here it says what is above the slot.
        5 => Step::StatIndex { who, which: which | args.at(1) << 7, any: args.bit(1, 1) },
        6 => {
            let owner = if args.bit(1, 2) { BEYOND } else { args.user(1) };
            Step::Set { who, which, owner, mode: args.mode(2) }
        }
        7 => Step::Remove { who, which },
        8 => {
            let (lock, fails) = (!args.bit(1, 0), args.bit(1, 1));
            Step::Lock { who, which, lock, allowance: args.or_beyond(2), fails }
        }
        9 => Step::Stale { who, which, call: STALE[usize::from(args.at(1)) % STALE.len()] },
        10 => {
            let limits =
                [Limit::Size, Limit::Forced, Limit::Shmmax, Limit::Shmall, Limit::Shmmni, Limit::NextId];
            Step::Limit { who, limit: limits[usize::from(args.at(0)) % limits.len()], amount: amount(args) }
        }
        11 => Step::Fork { who, child: args.user(0) },
        12 => {
            let flags = open_flags(args);
            Step::Open { who, name: args.name(0), flags, mode: args.mode(1), fault: args.fault(2) }
        }
        13 => Step::Unlink { who, name: args.name(0) },
        14 => Step::Rename { who, from: args.name(0), to: args.name(1), flags: args.at(2) & 3 },
        15 => Step::Link { who, from: args.name(0), to: args.name(1) },
        16 => Step::Resize { name: args.name(0), pages: args.or_beyond(1), dies: args.bit(0, 2) },
        17 => Step::Measure { name: args.name(0) },
        18 => Step::Own { name: args.name(0), owner: args.user(1), mode: args.mode(2) },
        19 => {
            let flags = [0o100, 0o300, 0, 0o100][usize::from(args.at(0) >> 2 & 3)];
            Step::Semaphore { who, name: args.name(0), flags, fails: args.bit(0, 4) }
        }
        20 => Step::Publish { which, fault: args.fault(1) },
        21 => Step::Settle { which, fails: args.bit(1, 0) },
        22 => Step::Touch { which, pages: args.at(1) },
        23 => Step::LetGo { which },
        24 => Step::Reap { which },
        25 => Step::Ask { who, question: question(args) },
        26 => Step::Pass { seconds: args.at(0) },
        27 => return Some(Act::Keep),
        28 => return Some(Act::Restart),
        29 => {
            let (flags, lifetime) = (open_flags(args), LIFETIMES[usize::from(args.at(2) >> 2 & 3)]);
            let (mode, fault, guarded) = (args.mode(1), args.fault(2), args.bit(2, 4));
            let pages = args.or_beyond(3);
            Step::Want { who, name: args.name(0), flags, mode, fault, pages, lifetime, guarded }
        }
        30 => library(who, args),
        _ => return None,
    };
    Some(Act::Step(step))
}

/// What only programs of the library ask for, by the two highest bits of the first argument.
fn library(who: u8, args: Args<'_>) -> Step {
    match args.at(0) >> 5 {
        0 => {
            let (label, pages) = (args.name(0), args.or_beyond(1));
            Step::Anonymous { who, label, pages, fails: args.bit(0, 2) }
        }
        1 => Step::Unheld { which: args.at(1) },
        _ => {
            let part = PARTS[usize::from(args.at(0) & 0x1f) % PARTS.len()];
            Step::Fetch { who, which: args.at(1), part }
        }
    }
}

fn get_flags(args: Args<'_>) -> i32 {
    let huge = [0, 0o4000, 0o4000 | 30 << 26, 0o4000 | 25 << 26][usize::from(args.at(0) >> 5)];
    let create = if args.bit(0, 2) { 0 } else { 0o1000 };
    let exclusive = if args.bit(0, 3) { 0o2000 } else { 0 };
    create | exclusive | huge | (args.mode(2) & 0o777) as i32
}

fn open_flags(args: Args<'_>) -> i32 {
    // Creating, for reading and writing, comes first: nothing else works before.
    let access = [2, 0, 1, 3][usize::from(args.at(0) >> 2 & 3)];
    let create = [0o100, 0, 0o300, 0o200][usize::from(args.at(0) >> 4 & 3)];
    let truncate = if args.bit(0, 6) { 0o1000 } else { 0 };
    access | create | truncate
}

/// Small amounts are themselves; the last few stand at edges.
fn amount(args: Args<'_>) -> u64 {
    const EDGES: [u64; 12] = [
        512,
        2000,
        32767,
        32768,
        32769,
        65535 << 15,
        i32::MAX as u64,
        1 << 31,
        1 << 32,
        i64::MAX as u64,
        u64::MAX / 4096,
        u64::MAX,
    ];
    let small = args.at(1);
    let edge = EDGES.len().checked_sub(1 + usize::from(0x7f - small));
    edge.map_or(u64::from(small), |edge| EDGES[edge])
}

fn question(args: Args<'_>) -> Question {
    let file = PROC_FILES[usize::from(args.at(1)) % PROC_FILES.len()];
    match args.at(0) % 7 {
        0 => Question::List,
        1 => Question::Info,
        2 => Question::Text(file),
        3 => Question::Write(file),
        4 => Question::Replace,
        5 => Question::Detached,
        _ => Question::Grow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_bounded_sequence() {
        assert_eq!(decode(&[]), Sequence { setting: Setting::default(), acts: vec![] });
        assert_eq!(decode(&[0x9f; 9]).acts, [], "a kind that there is not is passed over");
        assert_eq!(decode(&[0x9c; 9]).acts, [Act::Restart; MOST_RESTARTS]);
        assert_eq!(decode(&[0x9b; 9999]).acts.len(), MOST);
        for kind in BEGINS..=u8::MAX {
            for arg in 0..BEGINS {
                decode(&[arg, arg, arg, kind, arg, arg, arg]);
            }
        }
    }

    /// Of this sequence every byte in turn goes, comes twice or is another one: one act changes, or two where one
    /// is cut in two or two become one.
    #[test]
    fn a_small_change_of_bytes_is_a_small_change_of_the_sequence() {
        let bytes: Vec<_> = (0..24).flat_map(|kind| [BEGINS | kind, kind, 2 * kind, kind % 5]).collect();
        let before = decode(&bytes).acts;
        assert_eq!(before.len(), 24);
        for at in 0..bytes.len() {
            let (mut gone, mut twice, mut other) = (bytes.clone(), bytes.clone(), bytes.clone());
            gone.remove(at);
            twice.insert(at, bytes[at]);
            other[at] ^= 0x40;
            for changed in [gone, twice, other] {
                let after = decode(&changed).acts;
                let front = before.iter().zip(&after).take_while(|(one, two)| one == two).count();
                let back =
                    before.iter().rev().zip(after.iter().rev()).take_while(|(one, two)| one == two).count();
                assert!(front + back + 2 >= before.len().min(after.len()), "byte {at}");
            }
        }
    }
}
