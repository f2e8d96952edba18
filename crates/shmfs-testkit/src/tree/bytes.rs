//! Any bytes as a plan.
//!
//! As in sequences of calls, a byte of 0x80 or more begins a step: its low five bits say which, the two above them who
//! does it; the smaller bytes behind it are its arguments, and one that is missing is 0. What stands before the first
//! step says what mode the root directory has. A path takes two bytes.
//!
//! The numbers of steps are those of the committed corpus: a further step takes the next free one.

use super::step::{How, Name, Part, Path, Plan, SLOTS, Step, XATTRS};

/// Steps of one plan; what follows is not looked at.
const MOST: usize = 128;

/// Pages that positions reach over.
const PAGES: u64 = 5;
const PAGE: u64 = 4096;

const BEGINS: u8 = 0x80;

const MODES: [u32; 16] = [
    0o755, 0o777, 0o700, 0o644, 0o1777, 0o2775, 0o4755, 0o2755, 0o6777, 0o000, 0o070, 0o444, 0o3777, 0o600,
    0o111, 0o2640,
];
const ROOT_MODES: [u32; 8] = [0o1777, 0o777, 0o755, 0o2777, 0o3777, 0o775, 0o711, 0o1775];
const OWNERS: [Option<u32>; 8] =
    [Some(1001), Some(1002), None, Some(0), Some(1100), None, Some(1001), Some(77)];

#[derive(Clone, Copy)]
struct Args<'a>(&'a [u8]);

impl Args<'_> {
    fn at(self, index: usize) -> u8 {
        self.0.get(index).copied().unwrap_or(0)
    }

    fn bit(self, index: usize, bit: u8) -> bool {
        self.at(index) >> bit & 1 == 1
    }

    fn slot(self, index: usize) -> usize {
        usize::from(self.at(index)) % SLOTS
    }

    fn mode(self, index: usize) -> u32 {
        MODES[usize::from(self.at(index) & 15)]
    }

    fn owner(self, index: usize) -> Option<u32> {
        OWNERS[usize::from(self.at(index) & 7)]
    }

    fn xattr(self, index: usize) -> usize {
        usize::from(self.at(index)) % XATTRS.len()
    }

    /// Near the edges of pages, or anywhere.
    fn position(self, index: usize) -> u64 {
        let byte = u64::from(self.at(index));
        let page = (byte >> 2) % (PAGES + 1) * PAGE;
        [page, page + 1, page + PAGE - 1, page + byte * 31 % PAGE][usize::from(self.at(index) & 3)]
    }

    fn length(self, index: usize) -> u64 {
        [0, 1, 10, 4095, 4096, 4097, 8192, 6000][usize::from(self.at(index) & 7)]
    }

    /// The first byte: two letters and how many parts there are; the second: another letter and what is odd.
    fn path(self, index: usize) -> Path {
        let (first, second) = (self.at(index), self.at(index + 1));
        // One letter comes twice as often, so that steps meet.
        let letter = |bits: u8| Part::Name(Name::Letter([0, 1, 2, 0][usize::from(bits & 3)]));
        let all = [letter(first), letter(first >> 2), letter(second)];
        let count = [1, 2, 3, 2, 1, 1, 2, 1][usize::from(first >> 4)];
        let mut parts = all[..count].to_vec();
        let (begin, end) = (0, count - 1);
        let odd = second >> 2;
        match odd {
            2 => parts[end] = Part::Here,
            3 => parts[end] = Part::Up,
            4 => parts[begin] = Part::Up,
            5 => parts[begin] = Part::Here,
            6 => parts[end] = Part::Name(Name::Longest),
            7 => parts[end] = Part::Name(Name::TooLong),
            8 => parts.insert(count / 2, Part::Up),
            _ => {}
        }
        Path { parts, slash: odd == 1 || odd == 9 }
    }

    /// As a symlink says it, without a slash at its end.
    fn target(self, index: usize) -> Path {
        Path { slash: false, ..self.path(index) }
    }

    fn how(self, index: usize) -> How {
        let (read, write) =
            [(true, true), (true, false), (false, true), (true, true)][usize::from(self.at(index) & 3)];
        let (create, exclusive) = [(true, false), (false, false), (true, true), (false, false)]
            [usize::from(self.at(index) >> 2 & 3)];
        How {
            read,
            write,
            create,
            exclusive,
            truncate: self.bit(index, 4),
            no_follow: self.bit(index, 5),
            directory: self.bit(index, 6),
        }
    }
}

/// The plan that these bytes are.
pub(super) fn decode(bytes: &[u8]) -> Plan {
    let begins = |byte: &u8| *byte >= BEGINS;
    let first = bytes.iter().position(begins).unwrap_or(bytes.len());
    let (setting, mut rest) = bytes.split_at(first);
    let mut steps = Vec::new();
    while let ([kind, behind @ ..], true) = (rest, steps.len() < MOST) {
        let next = behind.iter().position(begins).unwrap_or(behind.len());
        let (args, others) = behind.split_at(next);
        steps.push((usize::from(kind >> 5 & 3), step(*kind & 0x1f, Args(args))));
        rest = others;
    }
    Plan { root_mode: ROOT_MODES[usize::from(Args(setting).at(0) & 7)], steps }
}

fn step(kind: u8, args: Args<'_>) -> Step {
    let path = args.path(0);
    match kind {
        0 | 28 => Step::MakeDir { path, mode: args.mode(2) },
        1 => Step::MakeNode { path, fifo: args.bit(3, 0), mode: args.mode(2) },
        2 => Step::MakeLink { target: args.target(2), path },
        3 => Step::Link { from: path, to: args.path(2), follow: args.bit(4, 0) },
        4 => Step::LinkOpen { slot: args.slot(2), to: path },
        5 => Step::Unlink { path },
        6 => Step::RemoveDir { path },
        7 | 29 => Step::Rename { from: path, to: args.path(2), flags: u32::from(args.at(4) & 3) },
        8 => Step::Chmod { path, mode: args.mode(2) },
        9 => Step::Chown { path, uid: args.owner(2), gid: args.owner(3), follow: !args.bit(4, 0) },
        10 => Step::Truncate { path, size: args.position(2) },
        11 => {
            let length = args.length(3) as usize / 16;
            Step::SetXattr { path, name: args.xattr(2), length, flags: u32::from(args.at(4) & 3) }
        }
        12 => Step::GetXattr { path, name: args.xattr(2) },
        13 => Step::RemoveXattr { path, name: args.xattr(2) },
        14 => Step::ListXattrs { path },
        15 => Step::Stat { path, follow: args.bit(2, 0) },
        16 => Step::List { path },
        17 => Step::ReadLink { path },
        19 => Step::OpenUnnamed { slot: args.slot(2), path, mode: args.mode(3) },
        20 => Step::Close { slot: args.slot(0) },
        21 => Step::StatOpen { slot: args.slot(0) },
        22 | 30 => {
            let (at, length, seed) = (args.position(1), args.length(2) as usize, args.at(3));
            Step::Write { slot: args.slot(0), at, length, seed }
        }
        23 => Step::Read { slot: args.slot(0), at: args.position(1), length: args.length(2) as usize },
        24 => Step::Resize { slot: args.slot(0), size: args.position(1) },
        25 => Step::Punch { slot: args.slot(0), at: args.position(1), length: args.length(2) },
        26 => {
            let (at, length) = (args.position(1), args.length(2));
            Step::Allocate { slot: args.slot(0), at, length, keep: args.bit(3, 0) }
        }
        27 => Step::Seek { slot: args.slot(0), at: args.position(1), hole: args.bit(2, 0) },
        _ => Step::Open { slot: args.slot(2), path, how: args.how(3), mode: args.mode(4) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_a_bounded_plan() {
        assert_eq!(decode(&[]), Plan { root_mode: 0o1777, steps: vec![] });
        assert_eq!(decode(&[0xff; 9999]).steps.len(), MOST);
        for kind in BEGINS..=u8::MAX {
            for arg in 0..BEGINS {
                let plan = decode(&[arg, arg, arg, kind, arg, arg, arg, arg, arg]);
                assert_eq!(plan.steps.len(), 1);
            }
        }
    }
}
