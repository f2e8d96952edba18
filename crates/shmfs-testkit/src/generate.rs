//! Random sequences and settings for proptest.

use crate::setting::{Setting, USERS};
use crate::step::{BEYOND, Fault, LIFETIMES, Limit, PARTS, PROC_FILES, Question, STALE, Step};
use proptest::prelude::*;
use proptest::sample::select;
use shmfs_abi::Caps;

fn mode() -> impl Strategy<Value = u32> {
    select(&[0o600, 0o666, 0o640, 0o660, 0o400, 0o000, 0o777, 0o4755, 0o2770][..])
}

fn get_flags() -> impl Strategy<Value = i32> {
    // SHM_HUGETLB alone, with SHM_HUGE_2MB and with a size that there is not.
    let huge = prop_oneof![30 => Just(0), 1 => Just(0o4000), 1 => Just(0o4000 | 21 << 26), 1 => Just(0o4000 | 25 << 26)];
    (select(&[0, 0o1000, 0o3000, 0o2000][..]), mode(), huge)
        .prop_map(|(flags, mode, huge)| flags | mode as i32 & 0o777 | huge)
}

fn open_flags() -> impl Strategy<Value = i32> {
    let access = select(&[0, 1, 2][..]);
    let create = select(&[0, 0o100, 0o300][..]);
    (access, create, prop_oneof![4 => Just(0), 1 => Just(0o1000)]).prop_map(|(a, c, t)| a | c | t)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::Make), 1 => Just(Fault::Link), 2 => Just(Fault::Wait)]
}

fn who() -> impl Strategy<Value = u8> {
    0..USERS
}

fn fails() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn question() -> impl Strategy<Value = Question> {
    let questions = [Question::List, Question::Info, Question::Replace, Question::Detached, Question::Grow];
    let files = || select(&PROC_FILES[..]);
    prop_oneof![
        select(questions.to_vec()),
        files().prop_map(Question::Text),
        files().prop_map(Question::Write)
    ]
}

fn limit() -> impl Strategy<Value = (Limit, u64)> {
    let edges = select(&[0, 1, 32767, 32768, 32769, 1 << 31, u64::MAX][..]);
    let any = select(&[Limit::Size, Limit::Shmmax, Limit::Shmall, Limit::Shmmni, Limit::NextId][..]);
    prop_oneof![
        4 => prop::bool::weighted(0.3).prop_map(|on| (Limit::Forced, u64::from(on))),
        4 => (any.clone(), prop_oneof![4 => 0..70u64, 1 => 500..2000u64]),
        1 => (any, edges.clone()),
        1 => edges.prop_map(|edge| (Limit::Forced, edge)),
    ]
}

fn sysv() -> impl Strategy<Value = Step> {
    let which = any::<u8>;
    prop_oneof![
        12 => (who(), 0..4u8, 0..9u8, get_flags(), fails(), prop::bool::weighted(0.2)).prop_map(
            |(who, key, pages, flags, fails, durable)| Step::Get { who, key, pages, flags, fails, durable }
        ),
        10 => (who(), which(), any::<bool>())
            .prop_map(|(who, which, read_only)| Step::Attach { who, which, read_only }),
        6 => (who(), which()).prop_map(|(who, which)| Step::Detach { who, which }),
        1 => (who(), who()).prop_map(|(who, child)| Step::Fork { who, child }),
        4 => (who(), any::<bool>()).prop_map(|(who, exits)| Step::Die { who, exits }),
        4 => (who(), which()).prop_map(|(who, which)| Step::Stat { who, which }),
        1 => (who(), which(), any::<bool>()).prop_map(|(who, which, any)| Step::StatIndex { who, which, any }),
        4 => (who(), which(), prop_oneof![9 => who(), 1 => Just(BEYOND)], mode())
            .prop_map(|(who, which, owner, mode)| Step::Set { who, which, owner, mode }),
        6 => (who(), which()).prop_map(|(who, which)| Step::Remove { who, which }),
        2 => (who(), which(), any::<bool>(), prop_oneof![0..12u8, Just(BEYOND)], fails())
            .prop_map(|(who, which, lock, allowance, fails)| Step::Lock { who, which, lock, allowance, fails }),
        1 => (who(), which(), select(&STALE[..])).prop_map(|(who, which, call)| Step::Stale { who, which, call }),
        3 => (prop_oneof![4 => Just(0), 1 => who()], limit())
            .prop_map(|(who, (limit, amount))| Step::Limit { who, limit, amount }),
    ]
}

fn posix() -> impl Strategy<Value = Step> {
    let name = || 0..4u8;
    let which = any::<u8>;
    prop_oneof![
        12 => (who(), name(), open_flags(), mode(), fault())
            .prop_map(|(who, name, flags, mode, fault)| Step::Open { who, name, flags, mode, fault }),
        6 => (who(), name()).prop_map(|(who, name)| Step::Unlink { who, name }),
        4 => (who(), name(), name(), 0..4u8)
            .prop_map(|(who, from, to, flags)| Step::Rename { who, from, to, flags }),
        4 => (who(), name(), name()).prop_map(|(who, from, to)| Step::Link { who, from, to }),
        8 => (name(), prop_oneof![20 => 0..12u8, 1 => Just(BEYOND)], fails())
            .prop_map(|(name, pages, dies)| Step::Resize { name, pages, dies }),
        2 => name().prop_map(|name| Step::Measure { name }),
        1 => (name(), who(), mode()).prop_map(|(name, owner, mode)| Step::Own { name, owner, mode }),
        4 => (who(), name(), select(&[0, 0o100, 0o100, 0o300][..]), fails())
            .prop_map(|(who, name, flags, fails)| Step::Semaphore { who, name, flags, fails }),
        4 => (which(), fault()).prop_map(|(which, fault)| Step::Publish { which, fault }),
        4 => (which(), fails()).prop_map(|(which, fails)| Step::Settle { which, fails }),
    ]
}

fn library() -> impl Strategy<Value = Step> {
    let which = any::<u8>;
    let pages = || prop_oneof![20 => 0..9u8, 1 => Just(BEYOND)];
    let lifetime = || select(&LIFETIMES[..]);
    let wanted = (pages(), lifetime(), any::<bool>());
    prop_oneof![
        12 => (who(), 0..4u8, open_flags(), mode(), fault(), wanted).prop_map(
            |(who, name, flags, mode, fault, (pages, lifetime, guarded))| Step::Want {
                who, name, flags, mode, fault, pages, lifetime, guarded
            }
        ),
        4 => (who(), 0..4u8, pages(), fails())
            .prop_map(|(who, label, pages, fails)| Step::Anonymous { who, label, pages, fails }),
        3 => (who(), which(), select(&PARTS[..])).prop_map(|(who, which, part)| Step::Fetch { who, which, part }),
        3 => which().prop_map(|which| Step::Unheld { which }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<u8>;
    prop_oneof![
        25 => sysv(),
        24 => posix(),
        10 => library(),
        3 => which().prop_map(|which| Step::LetGo { which }),
        1 => which().prop_map(|which| Step::Reap { which }),
        1 => (which(), 0..9u8).prop_map(|(which, pages)| Step::Touch { which, pages }),
        1 => (who(), question()).prop_map(|(who, question)| Step::Ask { who, question }),
        1 => (0..20u8).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// Sequences of up to `most` steps.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..=most)
}

/// Settings, most of them the default.
pub fn settings() -> impl Strategy<Value = Setting> {
    let caps = select(vec![Caps::empty(), Caps::empty(), Caps::all()]);
    let one =
        (0..Caps::all().iter().count()).prop_map(|index| Caps::all().iter().nth(index).unwrap_or_default());
    let (root, user) = (one.clone().prop_map(|one| Caps::all() - one), prop_oneof![caps, one]);
    let any = (any::<[bool; 4]>(), 0..3u8, who(), root, user);
    let any = any.prop_map(|(switches, protected_regular, owner, root, user)| {
        let [sparse, reserve, protected_hardlinks, durable] = switches;
        let caps = [root, user, Caps::empty(), Caps::empty()];
        Setting { sparse, reserve, protected_regular, protected_hardlinks, durable, owner, caps }
    });
    let durable = Setting { durable: true, ..Setting::default() };
    prop_oneof![Just(Setting::default()), Just(durable), any]
}
