//! Processes with names of their own in directories that all use.

use crate::{PROCESSES, Storm, dice::Dice};
use shmfs_testkit::tree::{Picture, Plan, Tree, part_of, play};

/// Steps of a plan.
const STEPS: u64 = 100;

fn plan(storm: &Storm, me: u8, number: u64) -> Plan {
    let seed = storm.seed.wrapping_mul(1000) + number;
    Plan::decode(&Dice::new(seed << 3 | u64::from(me)).plan(STEPS)).shared_by(me)
}

/// One process.
pub(crate) fn run(storm: &Storm, me: u8) {
    let made = Plan::of_shared();
    let mut kernel = play::Kernel::new(storm.open(), made.root_mode);
    let mut model = model_of(&kernel);
    for number in 0..storm.amount {
        play::compare_steps(&plan(storm, me, number), &mut model, &mut kernel, |_, _| ());
    }
}

fn model_of(kernel: &play::Kernel) -> Tree {
    let mut model = Tree::new(kernel.setting().clone());
    for (who, step) in Plan::of_shared().steps {
        model.step(who, &step).expect("a directory for all");
    }
    model
}

/// All of them, and the tree that they leave.
pub(crate) fn storm(storm: &Storm) {
    let made = Plan::of_shared();
    let mut kernel = play::Kernel::new(storm.open(), made.root_mode);
    let mut empty = Tree::new(kernel.setting().clone());
    play::compare_steps(&made, &mut empty, &mut kernel, |_, _| ());
    storm.start_all();
    let real = play::picture(&storm.open()).expect("a picture");
    crate::laws::check_links(&real);
    let mut parts = 0;
    for me in 0..PROCESSES {
        let mut model = model_of(&kernel);
        for number in 0..storm.amount {
            // What the model refuses leaves it as it was.
            plan(storm, me, number).steps.iter().for_each(|(who, step)| drop(model.step(*who, step)));
        }
        let (seen, expected): (Picture, _) = (part_of(&real, me), part_of(&model.picture(), me));
        play::assert_same(&seen, &expected, &plan(storm, me, storm.amount.saturating_sub(1)));
        parts += seen.len();
    }
    // Besides them there are the root and the directories that all use.
    assert_eq!(real.len(), parts + 1 + made.steps.len(), "names that nobody has made");
    println!("{PROCESSES} processes, {} steps each, {parts} names left", storm.amount * STEPS);
}
