//! The mounted store beside the kernel's tmpfs: every case of `mount/*.c` says the same on both, but for the differences that
//! `mount/differences.txt` names with their reasons.
//!
//! One test for each file. `SHMFS_TEST_CASE=moving.exchange` runs the cases whose full name has that in it;
//! `SHMFS_TEST_SHM=native` compares the kernel with itself: cases must say the same each time. Needs root, who may mount.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{
    Case, DevShm, Differences, Mounts, Transcript, World, compare, here, is_root, report, shm, skip,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One test for each file in `mount/`.
macro_rules! groups {
    ($($group:ident),* $(,)?) => {
        const GROUPS: &[&str] = &[$(stringify!($group)),*];
        $(
            #[test]
            fn $group() {
                if let Some(reason) = cannot_run() {
                    skip!("{reason}");
                }
                check_group(stringify!($group));
            }
        )*
    };
}

groups! {
    acl, attributes, content, links, listing, locks, maps, modes, moving, naming, nodes, opening, removed, rights, special,
    times, watch, whole, xattr,
}

fn cannot_run() -> Option<String> {
    if !is_root() {
        return Some("mounting needs root".to_owned());
    }
    if !native() && !Path::new("/dev/fuse").exists() {
        return Some("there is no /dev/fuse; `modprobe fuse`".to_owned());
    }
    World::start(DevShm::Ample).err()
}

/// Whether both sides are the kernel.
fn native() -> bool {
    std::env::var_os("SHMFS_TEST_SHM").is_some_and(|shm| shm == "native")
}

fn differences() -> Differences {
    let path = here().join("mount/differences.txt");
    Differences::parse(&fs::read_to_string(path).expect("the list of differences"))
}

fn check_group(group: &str) {
    let program = (!native()).then(shm);
    let mounts = Mounts::of(group, program.as_deref());
    let differences = if native() { Differences::parse("") } else { differences() };
    let wanted = std::env::var("SHMFS_TEST_CASE").unwrap_or_default();
    let (mut failed, mut ran, mut skipped) = (Vec::new(), 0, BTreeSet::new());
    for case in mounts.cases().into_iter().filter(|case| case.full_name().contains(&wanted)) {
        match check(&mounts, &differences, &case) {
            Ok(None) => ran += 1,
            Ok(Some(reason)) => drop(skipped.insert(reason)),
            Err(report) => failed.push(report),
        }
    }
    println!("{group}: {ran} cases agree, {} do not", failed.len());
    skipped.iter().for_each(|reason| println!("SKIP: {reason}"));
    assert!(failed.is_empty(), "{} of {group} do not agree:\n\n{}", failed.len(), failed.join("\n\n"));
}

/// Plays one case on both sides; the reason when it cannot run here, a report when both do not agree.
fn check(mounts: &Mounts, differences: &Differences, case: &Case) -> Result<Option<String>, String> {
    let kernel = match mounts.on_the_kernel(case) {
        Transcript::Said(lines) => lines,
        Transcript::Skipped(reason) => return Ok(Some(reason)),
    };
    let (on_shmfs, mut wrong) = mounts.on_shmfs(case);
    let shmfs = match on_shmfs {
        Transcript::Said(lines) => lines,
        Transcript::Skipped(reason) => vec![format!("SKIP: {reason}")],
    };
    let impossible = kernel.iter().filter(|line| line.starts_with("NOT POSSIBLE"));
    wrong.extend(impossible.map(|line| format!("the case itself: {line}")));
    let edits = compare(&kernel, &shmfs);
    wrong.extend(differences.judge(&case.full_name(), &edits));
    if wrong.is_empty() { Ok(None) } else { Err(report(&case.full_name(), &edits, &wrong)) }
}

#[test]
fn every_file_has_its_test_and_every_listed_case_is_there() {
    let files = fs::read_dir(here().join("mount")).expect("the folder of the cases").flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".c")?.to_owned()));
    assert_eq!(names.collect::<BTreeSet<_>>(), GROUPS.iter().map(|group| (*group).to_owned()).collect());
    let cases: BTreeSet<String> = GROUPS
        .iter()
        .flat_map(|group| Mounts::of(group, None).cases())
        .map(|case| case.full_name())
        .collect();
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    for case in differences().cases() {
        assert!(cases.contains(case), "differences.txt names {case}, which is no case");
    }
}
