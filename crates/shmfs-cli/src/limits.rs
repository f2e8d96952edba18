//! The limits of a store, as people set and read them.

use crate::failure::Failure;
use crate::listing;
use crate::size::{self, long};
use crate::store::Visit;
use serde::Serialize;
use shmfs_abi::{Call, LimitsChange, PAGE_SIZE, Reply};

/// One `name=value`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    Size(u64),
    Shmmax(u64),
    Shmall(u64),
    Shmmni(u64),
    RmidForced(u64),
}

/// Reads `name=value`.
///
/// # Errors
/// Words for the person.
pub(crate) fn parse(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("a limit is set as NAME=VALUE, such as shmmax=1G")?;
    let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is not a number for {name}"));
    match name {
        "size" => size::parse_store(value).map(Setting::Size),
        "shmmax" => size::parse(value).map(Setting::Shmmax),
        "shmall" => number().map(Setting::Shmall),
        "shmmni" => number().map(Setting::Shmmni),
        "rmid_forced" => number().map(Setting::RmidForced),
        _ => Err(format!("`{name}` is no limit; size, shmmax, shmall, shmmni and rmid_forced are")),
    }
}

/// All settings as one change; the last of two wins.
pub(crate) fn change(settings: &[Setting]) -> LimitsChange {
    let mut change = LimitsChange::default();
    for setting in settings {
        match *setting {
            Setting::Size(size) => change.size = Some(size),
            Setting::Shmmax(shmmax) => change.shmmax = Some(shmmax),
            Setting::Shmall(shmall) => change.shmall = Some(shmall),
            Setting::Shmmni(shmmni) => change.shmmni = Some(shmmni),
            Setting::RmidForced(forced) => change.rmid_forced = Some(forced),
        }
    }
    change
}

/// What a store allows.
#[derive(Serialize)]
pub(crate) struct Limits {
    size_bytes: u64,
    used_bytes: u64,
    shmmax_bytes: u64,
    shmall_pages: u64,
    shmmni: u32,
    segments: u32,
    segment_pages: u64,
}

impl Limits {
    /// Asks the store.
    pub(crate) fn of(visit: &mut Visit) -> Result<Limits, Failure> {
        let usage = listing::usage(visit)?;
        let Reply::ShmInfo { limits, usage: segments, .. } = visit.call("read the limits", Call::ShmInfo)?
        else {
            return Err(Failure::new("the store gave another answer than its limits"));
        };
        Ok(Limits {
            size_bytes: usage.size.0,
            used_bytes: usage.used.0,
            shmmax_bytes: limits.shmmax,
            shmall_pages: limits.shmall,
            shmmni: limits.shmmni,
            segments: segments.segments,
            segment_pages: segments.total.0,
        })
    }

    /// For people: each limit, and how much of it is used.
    pub(crate) fn words(&self) -> String {
        let all = self.shmall_pages.saturating_mul(PAGE_SIZE);
        let used = self.segment_pages.saturating_mul(PAGE_SIZE);
        format!(
            "size    {}, {} used\nshmmax  {}\nshmall  {} pages ({}), {} used\nshmmni  {}, {} used\n",
            long(self.size_bytes),
            long(self.used_bytes),
            long(self.shmmax_bytes),
            self.shmall_pages,
            long(all),
            long(used),
            self.shmmni,
            self.segments,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let cases = [
            ("shmmax=1G", Ok(Setting::Shmmax(1 << 30))),
            ("size=64M", Ok(Setting::Size(64 << 20))),
            ("shmall=100", Ok(Setting::Shmall(100))),
            ("shmmni=7", Ok(Setting::Shmmni(7))),
            ("rmid_forced=1", Ok(Setting::RmidForced(1))),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
        for bad in ["", "shmmax", "shmmax=", "shmmax=x", "shmall=1G", "shmseg=1", "size=1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_last_setting_wins() {
        let both = change(&[Setting::Shmmni(1), Setting::Shmmni(2)]);
        assert_eq!(both, LimitsChange { shmmni: Some(2), ..LimitsChange::default() });
    }
}
