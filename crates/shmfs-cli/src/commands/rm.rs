//! `shm rm`: take names and segments away. Who still uses them keeps them.

use crate::failure::{Failure, REFUSED};
use crate::listing;
use crate::store::{StoreArg, Visit};
use shmfs_abi::{Call, Name, Shmid};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

/// Remove names and segments; programs that use them keep them until they end
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm rm psm_1f3a90 sem.lock
  shm rm --id 32769
  shm rm --key 0x2a")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// Names of POSIX objects and semaphores, with or without their slash
    #[arg(value_name = "NAME", required_unless_present_any = ["id", "key"])]
    names: Vec<OsString>,
    /// A segment's id; may be repeated
    #[arg(long, value_name = "ID")]
    id: Vec<i32>,
    /// A segment's key, decimal or with 0x in front; may be repeated
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Vec<u32>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut visit = args.store.visit()?;
    let mut outcomes = Vec::new();
    for name in &args.names {
        outcomes.push(remove_name(&mut visit, name));
    }
    for id in &args.id {
        outcomes.push(remove_id(&mut visit, &format!("segment {id}"), Shmid(*id)));
    }
    for key in &args.key {
        outcomes.push(remove_key(&mut visit, *key));
    }
    // What can be removed is, though something before it could not.
    let failures: Vec<Failure> = outcomes.into_iter().filter_map(Result::err).collect();
    for failure in &failures {
        failure.print();
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn remove_name(visit: &mut Visit, text: &OsStr) -> Result<(), Failure> {
    let shown = text.display();
    let name = Name::new(without_slash(text.as_bytes()))
        .map_err(|error| Failure::new(format!("`{shown}` is not a name: {}", error.errno().name())))?;
    visit.call(&format!("remove `{shown}`"), Call::Unlink { name }).map(drop).map_err(|failure| {
        match text.to_str().is_some_and(|text| text.parse::<i32>().is_ok()) {
            true => failure.hint(format!("a segment is removed by `shm rm --id {shown}`")),
            false => failure,
        }
    })
}

fn remove_id(visit: &mut Visit, what: &str, shmid: Shmid) -> Result<(), Failure> {
    visit.call(&format!("remove {what}"), Call::ShmRemove { shmid }).map(drop)
}

fn remove_key(visit: &mut Visit, key: u32) -> Result<(), Failure> {
    let rows = listing::rows(visit)?;
    let found = rows.iter().find(|row| row.key.is_some_and(|found| found.0.cast_unsigned() == key));
    let what = format!("the segment with key 0x{key:08x}");
    match found.and_then(|row| row.shmid) {
        Some(shmid) => remove_id(visit, &what, shmid),
        None => Err(Failure::new(format!("cannot remove {what}: there is none"))),
    }
}

/// A key as people write it. 0 is `IPC_PRIVATE`, which names no segment.
pub(super) fn parse_key(text: &str) -> Result<u32, String> {
    let decimal = || text.parse().ok().or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned));
    match hexadecimal(text).or_else(decimal) {
        Some(0) => Err("0 is no key (IPC_PRIVATE); remove the segment by --id".to_owned()),
        Some(key) => Ok(key),
        None => Err("a key is a number of 32 bits, such as 42 or 0x2a".to_owned()),
    }
}

/// `0x2a`.
pub(super) fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    // from_str_radix would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// `shm_open` takes names with slashes in front, and the store has them without.
pub(super) fn without_slash(name: &[u8]) -> &[u8] {
    let slashes = name.iter().take_while(|byte| **byte == b'/').count();
    &name[slashes..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let cases = [
            ("42", Some(42)),
            ("0x2a", Some(42)),
            ("0XFFFFFFFF", Some(u32::MAX)),
            ("-1", Some(u32::MAX)),
            ("4294967295", Some(u32::MAX)),
            ("0", None),
            ("0x", None),
            ("0x+1", None),
            ("0x100000000", None),
            ("four", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_key(text).ok(), expected, "{text:?}");
        }
    }
}
