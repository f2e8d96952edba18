//! The model of a tree against the kernel's tmpfs: random plans, every answer and everything that is left; and that
//! random plans meet every refusal.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use shmfs_sys::tmpfs::Hidden;
use shmfs_testkit::tree::{Guards, Plan, Setting, Tree, plans, play};
use std::collections::{BTreeMap, BTreeSet};

/// Plans of the quick tests; `SHMFS_PLANS` says another number.
const PLANS: u32 = 1500;

fn cases() -> ProptestConfig {
    let plans = std::env::var("SHMFS_PLANS").ok().and_then(|plans| plans.parse().ok());
    ProptestConfig { cases: plans.unwrap_or(PLANS), failure_persistence: None, ..ProptestConfig::default() }
}

fn on_the_kernel(plan: &Plan) {
    // A page for each of the largest files, and names and attributes for all.
    let hidden = Hidden::make(64 << 20, 4096).expect("a tmpfs");
    let mut kernel = play::Kernel::new(hidden.into_fd(), plan.root_mode);
    let setting = kernel.setting().clone();
    play::compare(plan, setting, &mut kernel);
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn model_and_tmpfs_agree(plan in plans(60)) {
        on_the_kernel(&plan);
    }
}

/// What every call on a path can be refused with, and what each is refused with besides; 0 is success. Calls on
/// descriptors meet only what is theirs.
const PATHS: [i32; 6] = [0, 2, 13, 20, 36, 40];
const MET: [(&str, &[i32]); 28] = [
    ("MakeDir", &[17]),
    ("MakeNode", &[17]),
    ("MakeLink", &[17]),
    ("Link", &[1, 17]),
    ("LinkOpen", &[1, 17]),
    ("Unlink", &[1, 21]),
    ("RemoveDir", &[1, 22, 39]),
    ("Rename", &[1, 16, 17, 21, 22, 39]),
    ("Chmod", &[1]),
    ("Chown", &[1]),
    ("Truncate", &[21, 22]),
    ("SetXattr", &[1, 17, 61]),
    ("GetXattr", &[61]),
    ("RemoveXattr", &[1, 61]),
    ("ListXattrs", &[]),
    ("Stat", &[]),
    ("List", &[]),
    ("ReadLink", &[22]),
    ("Open", &[6, 17, 21, 22]),
    ("OpenUnnamed", &[]),
    ("Close", &[0, 9]),
    ("StatOpen", &[0, 9]),
    ("Write", &[0, 9, 29]),
    ("Read", &[0, 9, 21, 29]),
    ("Resize", &[0, 9, 22]),
    ("Punch", &[0, 9, 22, 29]),
    ("Allocate", &[0, 9, 22, 29]),
    ("Seek", &[0, 6, 9, 22, 29]),
];

#[test]
fn random_plans_meet_every_answer() {
    let mut runner = TestRunner::deterministic();
    let (mut met, plans) = (BTreeMap::<String, BTreeSet<i32>>::new(), plans(60));
    let guards = Guards { hardlinks: 1, ..Guards::default() };
    for _ in 0..4000 {
        let plan = plans.new_tree(&mut runner).expect("a plan").current();
        let mut model = Tree::new(Setting::of_root(plan.root_mode, guards));
        for (who, step) in &plan.steps {
            let answer = model.step(*who, step);
            let name = format!("{step:?}").split(' ').next().unwrap_or_default().to_owned();
            met.entry(name).or_default().insert(answer.map_or_else(|errno| errno.0, |_| 0));
        }
        model.check();
    }
    for (name, numbers) in MET {
        let on_path: &[i32] = if numbers.contains(&0) { &[] } else { &PATHS };
        let expected: BTreeSet<i32> = on_path.iter().chain(numbers).copied().collect();
        assert_eq!(met.remove(name), Some(expected), "{name}");
    }
    assert_eq!(met, BTreeMap::new());
}
