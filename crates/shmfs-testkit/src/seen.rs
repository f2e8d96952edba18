//! What a sequence has brought about.

use crate::play::Heard;
use shmfs_abi::Call;
use shmfs_core::Effect;
use std::collections::{BTreeMap, BTreeSet};

/// Which calls were answered how, and what the engine wanted done.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    /// The names of the errnos that a call was refused with, and "" if it was answered.
    pub calls: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The names of effects.
    pub effects: BTreeSet<&'static str>,
}

impl Seen {
    pub(crate) fn note(&mut self, heard: &Heard) {
        match heard {
            Heard::Answer(asked) => {
                let (call, answer) = &**asked;
                let how = answer.as_ref().map_or_else(|refusal| refusal.errno.name(), |_| "");
                self.calls.entry(name_of_call(call)).or_default().insert(how);
                let effects = answer.iter().flat_map(|answer| &answer.effects);
                self.effects.extend(effects.map(name_of_effect));
            }
            Heard::Effects(effects) => self.effects.extend(effects.iter().map(name_of_effect)),
        }
    }

    /// What was seen here or there.
    pub fn merge(&mut self, other: Seen) {
        for (call, hows) in other.calls {
            self.calls.entry(call).or_default().extend(hows);
        }
        self.effects.extend(other.effects);
    }
}

macro_rules! names {
    ($of:ident, $name:ident, $all:ident: $($variant:ident),* $(,)?) => {
        impl Seen {
            #[doc = concat!("The name of every `", stringify!($of), "`.")]
            pub const $all: &[&str] = &[$(stringify!($variant)),*];
        }

        fn $name(it: &$of) -> &'static str {
            match it {
                $($of::$variant { .. } => stringify!($variant)),*
            }
        }
    };
}

names! {
    Call, name_of_call, ALL_CALLS:
    ShmGet, ShmGetDurable, ShmAttach, ShmDetached, ShmStat, ShmStatIndex, ShmSet, ShmRemove, ShmLock, ShmInfo, Open,
    Want, Anonymous, Fetch, Unlink, Rename, Link, SemOpen, SemPublish, Reserve, Settle, ProcText, ProcWrite, Next, Usage, SetLimits, Replace,
    Mount, Tree,
}

names! {
    Effect, name_of_effect, ALL_EFFECTS:
    Make, Give, GiveUndo, Introduce, Link, Rename, LinkName, Lock, Hear, Populate, Resize, Unlink, Own, Truncate, Mark, Release,
    Text,
}
