//! Processes on the same names: what their answers allow.
//!
//! Each file that is made holds a signature of its own. Without renames that replace, names are conserved: as many are
//! there as were made and not removed, and exchanging two or moving one to an absent name changes nothing.

use crate::{PROCESSES, Storm, dice::Dice, laws::check_links};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, linkat, mkdirat, openat, renameat_with, symlinkat, unlinkat,
};
use shmfs_testkit::tree::{Kind, Picture, play};
use std::collections::BTreeSet;

/// Directories and names in each.
const DIRS: u64 = 3;
const NAMES: u64 = 8;

/// What one process has seen done.
#[derive(Default)]
struct Count {
    made: u64,
    removed: u64,
    moved: u64,
    exchanged: u64,
    replaced: u64,
}

/// One process. It prints its counts and then the signatures of its files.
pub(crate) fn run(storm: &Storm, me: u8) {
    let (dir, mut dice) = (storm.open(), Dice::new(storm.seed << 3 | u64::from(me)));
    let (mut count, mut signatures) = (Count::default(), Vec::new());
    for step in 0..storm.amount {
        let name = |dice: &mut Dice| format!("d{}/n{}", dice.below(DIRS), dice.below(NAMES));
        let (from, to) = (name(&mut dice), name(&mut dice));
        let flags = |flags| renameat_with(&dir, &from, &dir, &to, flags).is_ok();
        match dice.below(16) {
            0..4 => {
                let signature = format!("{me}:{step}");
                if create(&dir, &from, &signature) {
                    count.made += 1;
                    signatures.push(signature);
                }
            }
            4..6 => count.made += u64::from(linkat(&dir, &from, &dir, &to, AtFlags::empty()).is_ok()),
            6 => count.made += u64::from(mkdirat(&dir, &from, Mode::from_raw_mode(0o755)).is_ok()),
            7 => count.made += u64::from(symlinkat("n0", &dir, &from).is_ok()),
            8 => count.removed += u64::from(unlinkat(&dir, &from, AtFlags::REMOVEDIR).is_ok()),
            9..11 => count.removed += u64::from(unlinkat(&dir, &from, AtFlags::empty()).is_ok()),
            11..13 if storm.what == "replacing" => count.replaced += u64::from(flags(RenameFlags::empty())),
            11..14 => count.moved += u64::from(flags(RenameFlags::NOREPLACE)),
            _ => count.exchanged += u64::from(flags(RenameFlags::EXCHANGE)),
        }
    }
    println!("{} {} {} {} {}", count.made, count.removed, count.moved, count.exchanged, count.replaced);
    signatures.iter().for_each(|signature| println!("{signature}"));
}

fn create(dir: &OwnedFd, name: &str, signature: &str) -> bool {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let Ok(file) = openat(dir, name, flags, Mode::from_raw_mode(0o644)) else { return false };
    // Whatever becomes of the name meanwhile, the descriptor is the file.
    let wrote = rustix::io::write(&file, signature.as_bytes()).expect("a file can be written");
    assert_eq!(wrote, signature.len());
    true
}

/// All of them, and the tree that they leave.
pub(crate) fn storm(storm: &Storm) {
    let dir = storm.open();
    for number in 0..DIRS {
        mkdirat(&dir, format!("d{number}"), Mode::from_raw_mode(0o777)).expect("a directory");
    }
    let told = storm.start_all();
    let (mut sums, mut signatures) = ([0; 5], BTreeSet::new());
    for lines in told {
        let (counts, rest) = lines.split_once('\n').expect("a line of counts");
        for (sum, count) in sums.iter_mut().zip(counts.split(' ')) {
            *sum += count.parse::<u64>().expect("a count");
        }
        signatures.extend(rest.lines().map(str::to_owned));
    }
    let picture = play::picture(&dir).expect("a picture");
    check_links(&picture);
    check_contents(&picture, &signatures);
    let [made, removed, moved, exchanged, replaced] = sums;
    let names = (picture.len() as u64).checked_sub(1 + DIRS).expect("the directories are there");
    println!(
        "{PROCESSES} processes: {made} made, {removed} removed, {moved} moved, {exchanged} exchanged, {replaced} replaced, {names} left"
    );
    // Each kind of step has been done, or the storm was none.
    assert!(made > 0 && removed > 0 && moved > 0 && exchanged > 0, "a storm of nothing");
    let least = made - removed - replaced.min(made - removed);
    assert!((least..=made - removed).contains(&names), "{names} names, from {least} to {}", made - removed);
    assert!(storm.what == "shared" || replaced > 0, "nothing was renamed");
}

/// Every file is one that was made, whole, and no two inodes are the same file.
fn check_contents(picture: &Picture, signatures: &BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    for (path, shown) in picture.iter().filter(|(_, shown)| shown.look.kind == Kind::Regular) {
        let text = String::from_utf8_lossy(&shown.bytes.0).into_owned();
        assert!(signatures.contains(&text), "{:?} holds {text:?}", String::from_utf8_lossy(path));
        // Further names of an inode hold what its first holds.
        let first = shown.same_as.0 == *path;
        assert_eq!(seen.insert(text.clone()), first, "{text:?} is in two inodes");
    }
}
