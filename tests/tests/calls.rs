//! Both kernels: every case of `calls/*.c` says the same on Linux and under `shm run`, but for the differences that
//! `calls/differences.txt` names with their reasons.
//!
//! One test for each file. `SHMFS_TEST_CASE=shmget.private` runs the cases whose full name has that in it;
//! `SHMFS_TEST_SHM=native` compares the kernel with itself: cases must say the same each time.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{Case, DevShm, Differences, Sides, Transcript, World, compare, here, report, shm, skip};
use std::collections::BTreeSet;
use std::fs;

/// One test for each file in `calls/`.
macro_rules! groups {
    ($($group:ident),* $(,)?) => {
        const GROUPS: &[&str] = &[$(stringify!($group)),*];
        $(
            #[test]
            fn $group() {
                if let Err(reason) = World::start(DevShm::Ample) {
                    skip!("{reason}");
                }
                check_group(stringify!($group));
            }
        )*
    };
}

groups! {
    descriptors, exec, fork, huge, ids, limits, passing, paths, proc, raw, sem, shm_open, shm_unlink, shmat, shmctl, shmctl_info, shmdt, shmget,
    threads, truncate, users,
}

fn differences() -> Differences {
    let path = here().join("calls/differences.txt");
    Differences::parse(&fs::read_to_string(path).expect("the list of differences"))
}

fn check_group(group: &str) {
    let native = std::env::var_os("SHMFS_TEST_SHM").is_some_and(|shm| shm == "native");
    let program = (!native).then(shm);
    let sides = Sides::of(group, program.as_deref());
    let differences = if native { Differences::parse("") } else { differences() };
    let wanted = std::env::var("SHMFS_TEST_CASE").unwrap_or_default();
    let (mut failed, mut ran, mut skipped) = (Vec::new(), 0, BTreeSet::new());
    for case in sides.cases().into_iter().filter(|case| case.full_name().contains(&wanted)) {
        match check(&sides, &differences, &case) {
            Ok(()) => ran += 1,
            Err(Trouble::Skipped(reason)) => drop(skipped.insert(reason)),
            Err(Trouble::Wrong(report)) => failed.push(report),
        }
    }
    println!("{group}: {ran} cases agree, {} do not", failed.len());
    skipped.iter().for_each(|reason| println!("SKIP: {reason}"));
    assert!(failed.is_empty(), "{} of {group} do not agree:\n\n{}", failed.len(), failed.join("\n\n"));
}

enum Trouble {
    Skipped(String),
    Wrong(String),
}

fn check(sides: &Sides, differences: &Differences, case: &Case) -> Result<(), Trouble> {
    let kernel = match sides.on_the_kernel(case) {
        Transcript::Said(lines) => lines,
        Transcript::Skipped(reason) => return Err(Trouble::Skipped(reason)),
    };
    let (under_shmfs, mut wrong) = sides.under_shmfs(case);
    let shmfs = match under_shmfs {
        Transcript::Said(lines) => lines,
        Transcript::Skipped(reason) => vec![format!("SKIP: {reason}")],
    };
    let edits = compare(&kernel, &shmfs);
    wrong.extend(differences.judge(&case.full_name(), &edits));
    if wrong.is_empty() { Ok(()) } else { Err(Trouble::Wrong(report(&case.full_name(), &edits, &wrong))) }
}

#[test]
fn every_file_has_its_test_and_every_listed_case_is_there() {
    let files = fs::read_dir(here().join("calls")).expect("the folder of the cases").flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".c")?.to_owned()));
    assert_eq!(names.collect::<BTreeSet<_>>(), GROUPS.iter().map(|group| (*group).to_owned()).collect());
    let cases: BTreeSet<String> =
        GROUPS.iter().flat_map(|group| Sides::of(group, None).cases()).map(|case| case.full_name()).collect();
    assert!(cases.len() >= 160, "only {} cases", cases.len());
    for case in differences().cases() {
        assert!(cases.contains(case), "differences.txt names {case}, which is no case");
    }
}
