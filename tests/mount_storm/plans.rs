//! Random plans in directories of their own, each beside the model. Of one that fails, what can go without mending it is
//! taken out before it is shown.

use crate::{Storm, dice::Dice};
use rustix::fs::{Mode, mkdirat};
use rustix::mount::{OpenTreeFlags, open_tree};
use shmfs_testkit::tree::{Plan, play};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};

/// Steps of a plan.
const STEPS: u64 = 60;

pub(crate) fn run(storm: &Storm) {
    for number in 0..storm.amount {
        let seed = storm.seed + number;
        let plan = Plan::decode(&Dice::new(seed).plan(STEPS));
        let Err(why) = catch_unwind(AssertUnwindSafe(|| play(storm, &plan))) else { continue };
        println!("seed {seed}: the shortest plan that fails");
        drop(catch_unwind(AssertUnwindSafe(|| play(storm, &shortened(storm, plan)))));
        resume_unwind(why);
    }
    println!("{} plans of {STEPS} steps", storm.amount);
}

fn play(storm: &Storm, plan: &Plan) {
    let (dir, name) = (storm.open(), "plan");
    mkdirat(&dir, name, Mode::from_raw_mode(0o777)).expect("a directory");
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // A mount of its own, so that `..` leads nowhere else.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let root = open_tree(&dir, name, flags).expect("a mount of the directory");
        let mut kernel = play::Kernel::new(root, plan.root_mode);
        let setting = kernel.setting().clone();
        play::compare(plan, setting, &mut kernel);
    }));
    std::fs::remove_dir_all(storm.dir.join(name)).expect("all of it removed");
    outcome.unwrap_or_else(|why| resume_unwind(why));
}

fn shortened(storm: &Storm, mut plan: Plan) -> Plan {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let mut at = plan.steps.len();
    while at > 0 {
        at -= 1;
        let mut shorter = plan.clone();
        shorter.steps.remove(at);
        if catch_unwind(AssertUnwindSafe(|| play(storm, &shorter))).is_err() {
            plan = shorter;
        }
    }
    set_hook(hook);
    plan
}
