//! Plans that several processes play at once in the same directories, each on names of its own, so that each can tell
//! what becomes of its own.

use super::picture::Picture;
use super::step::{Name, Part, Path, Plan, Step};

/// Processes that have names of their own.
pub const SHARERS: u8 = 4;

/// Names of each: no more stand in a plan that was read from bytes.
const LETTERS: u8 = 4;

/// The directories that all use.
const SHARED: [Name; 2] = [Name::Letter(24), Name::Letter(25)];

impl Plan {
    /// What makes the directories that all use, open to all.
    pub fn of_shared() -> Plan {
        let path = |name| Path { parts: vec![Part::Name(name)], slash: false };
        let make = |name| (0, Step::MakeDir { path: path(name), mode: 0o1777 });
        Plan { root_mode: 0o1777, steps: SHARED.map(make).to_vec() }
    }

    /// The same plan for one of several processes: on its own names in the directories that all use.
    #[must_use]
    pub fn shared_by(mut self, me: u8) -> Plan {
        self.root_mode = 0o1777;
        for (_, step) in &mut self.steps {
            if let Step::MakeLink { target, path } = step {
                *target = Path { parts: own(target, me), slash: false };
                *path = shared(path, me);
                continue;
            }
            step.paths_mut().into_iter().for_each(|path| *path = shared(path, me));
        }
        self
    }
}

/// What a picture shows of the names of one process.
pub fn part_of(picture: &Picture, me: u8) -> Picture {
    let is_own = |path: &[u8]| {
        let second = path.split(|byte| *byte == b'/').nth(1);
        second.is_some_and(|name| (0..LETTERS).any(|letter| own_letter(letter, me).bytes() == name))
    };
    picture
        .iter()
        .filter(|(path, _)| is_own(path))
        .map(|(path, shown)| (path.clone(), shown.clone()))
        .collect()
}

fn own_letter(letter: u8, me: u8) -> Name {
    Name::Letter(me % SHARERS * LETTERS + letter % LETTERS)
}

/// Names only: `..` would lead to what is not one's own.
fn own(path: &Path, me: u8) -> Vec<Part> {
    let letters = path.parts.iter().filter_map(|part| match part {
        Part::Name(Name::Letter(letter)) => Some(Part::Name(own_letter(*letter, me))),
        _ => None,
    });
    let mut parts: Vec<_> = letters.collect();
    if parts.is_empty() {
        parts.push(Part::Name(own_letter(0, me)));
    }
    parts
}

fn shared(path: &Path, me: u8) -> Path {
    let mut parts = own(path, me);
    let Some(Part::Name(Name::Letter(last))) = parts.last() else { panic!("a letter") };
    parts.insert(0, Part::Name(SHARED[usize::from(last % 2)]));
    Path { parts, slash: path.slash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_two_processes_have_no_name_in_common() {
        let bytes: Vec<u8> = (0..4000_u32).map(|at| (at * 31 + at / 7) as u8).collect();
        let names = |me: u8| {
            let mut plan = Plan::decode(&bytes).shared_by(me);
            assert!(plan.steps.len() > 50);
            let paths = plan.steps.iter_mut().flat_map(|(_, step)| step.paths_mut());
            paths.map(|path| (path.parts[0], path.parts[1])).collect::<std::collections::BTreeSet<_>>()
        };
        for (one, other) in (0..SHARERS).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let (mine, theirs) = (names(one), names(other));
            assert!(mine.iter().all(|(first, second)| {
                SHARED.map(Part::Name).contains(first) && !theirs.iter().any(|other| other.1 == *second)
            }));
        }
    }
}
