//! What plays a plan on something real and compares it with the model.

#[cfg(feature = "mount")]
mod fuse;
mod kernel;
mod look;
mod user;

#[cfg(feature = "mount")]
pub use fuse::{Fuse, send_bytes};
pub use kernel::Kernel;
pub use look::picture;

use super::{Answer, Picture, Plan, Setting, Step, Tree};

/// Something on which steps can be done.
pub trait Player {
    /// Does a step; nothing when it cannot do steps of this kind, which the model then leaves out too.
    fn step(&mut self, who: usize, step: &Step, expected: &Answer) -> Option<Answer>;

    /// Everything that it holds.
    fn picture(&mut self) -> Picture;
}

/// Plays a plan on a player and on the model. Panics where they differ, with the whole plan.
pub fn compare(plan: &Plan, setting: Setting, player: &mut impl Player) {
    let mut model = Tree::new(setting);
    compare_steps(plan, &mut model, player, |_, _| ());
    assert_same(&player.picture(), &model.picture(), plan);
}

/// Plays the steps of a plan on both, and hears each and its answer.
pub fn compare_steps(
    plan: &Plan,
    model: &mut Tree,
    player: &mut impl Player,
    mut hear: impl FnMut(&Step, &Answer),
) {
    for (at, (who, step)) in plan.steps.iter().enumerate() {
        let mut after = model.clone();
        let expected = after.step(*who, step);
        let Some(answer) = player.step(*who, step, &expected) else { continue };
        assert_eq!(answer, expected, "step {at}: {step:?} by {who}, of {plan:?}");
        after.check();
        hear(step, &answer);
        *model = after;
    }
}

/// Panics where two pictures differ, after this plan.
pub fn assert_same(real: &Picture, model: &Picture, plan: &Plan) {
    for path in real.keys().chain(model.keys()) {
        let name = String::from_utf8_lossy(path);
        assert_eq!(real.get(path), model.get(path), "{name}, after {plan:?}");
    }
}

/// Plays what a fuzzer has made on the server of mounts: the first byte says whether the rest is a plan, behind bytes that
/// say when servers die, or requests as they are.
///
/// # Errors
/// This process may not do what the server has to: it takes root.
#[cfg(feature = "mount")]
pub fn play_bytes(hidden: rustix::fd::OwnedFd, bytes: &[u8]) -> Result<(), shmfs_abi::Errno> {
    /// Bytes that say when servers die.
    const DEATHS: usize = 16;
    match bytes.split_first() {
        Some((0x80.., rest)) => send_bytes(hidden, rest),
        Some((living, rest)) => {
            let (deaths, plan) = rest.split_at(rest.len().min(DEATHS));
            let plan = Plan::decode(plan);
            let deaths = if living % 2 == 0 { deaths } else { &[] };
            let mut fuse = Fuse::new(hidden, plan.root_mode, deaths)?;
            let setting = fuse.setting().clone();
            compare(&plan, setting, &mut fuse);
            fuse.finish();
            Ok(())
        }
        None => Ok(()),
    }
}
