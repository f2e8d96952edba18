//! Limits that change while a store runs.

use super::Play;
use crate::step::{Fault, Limit};
use shmfs_abi::{Call, Errno, LimitsChange, PAGE_SIZE, Shmid, limits};

impl Play {
    pub(super) fn limit(&mut self, who: u8, limit: Limit, amount: u64) {
        let bytes = amount.saturating_mul(PAGE_SIZE);
        let (change, fits) = {
            let none = LimitsChange::default();
            match limit {
                Limit::Size => {
                    let fits = bytes / PAGE_SIZE >= self.model.used();
                    (LimitsChange { size: Some(bytes), ..none }, fits)
                }
                Limit::Shmmax => (LimitsChange { shmmax: Some(bytes), ..none }, true),
                Limit::Shmall => (LimitsChange { shmall: Some(amount), ..none }, true),
                Limit::Shmmni => {
                    (LimitsChange { shmmni: Some(amount), ..none }, amount <= u64::from(limits::SLOTS))
                }
                Limit::Forced => (LimitsChange { rmid_forced: Some(amount), ..none }, amount <= 1),
                Limit::NextId => {
                    (LimitsChange { next_id: Some(amount), ..none }, i32::try_from(amount).is_ok())
                }
            }
        };
        let expected = match (self.model.is_administrator(&self.cred(who)), fits) {
            (false, _) => Some(Errno::EPERM),
            (true, false) => Some(Errno::EINVAL),
            (true, true) => None,
        };
        let set = self.call(who, Call::SetLimits { change }, Fault::None);
        assert_eq!(set.err(), expected, "{limit:?}");
        if expected.is_some() {
            return;
        }
        let limits = &mut self.model.limits;
        match limit {
            Limit::Size => limits.pages = bytes / PAGE_SIZE,
            Limit::Shmmax => limits.shmmax = bytes,
            Limit::Shmall => limits.shmall = amount,
            Limit::Shmmni => limits.shmmni = amount,
            Limit::Forced => limits.forced = amount == 1,
            Limit::NextId => limits.next_id = i32::try_from(amount).ok().map(Shmid),
        }
        if limits.forced {
            self.model.destroy(|segment| segment.orphaned && !segment.durable);
        }
    }
}
