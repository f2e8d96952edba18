//! `shm stat`: everything about one object.

use crate::clock::utc;
use crate::failure::Failure;
use crate::json::{self, RowJson};
use crate::listing;
use crate::output;
use crate::size::long;
use crate::store::{StoreArg, Visit};
use shmfs_abi::{Call, Reply, Row, SegmentStat};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Show everything about one object
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm stat psm_1f3a90        a POSIX object by name, with or without its slash
  shm stat 32769             a segment by id
  shm stat 0x2a              a segment by key

A name that is made of digits is meant with a slash in front: shm stat /42.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// A name, a segment's id, or a key with 0x in front
    #[arg(value_name = "NAME|ID|0xKEY")]
    object: OsString,
    /// Print JSON: one object, sizes in bytes
    #[arg(long)]
    json: bool,
}

/// What the person calls the object.
#[derive(Debug, PartialEq, Eq)]
enum Called<'a> {
    Id(i32),
    Key(u32),
    Name(&'a [u8]),
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut visit = args.store.visit()?;
    let rows = listing::rows(&mut visit)?;
    let Some(row) = find(&rows, &args.object) else {
        return Err(Failure::new(format!("nothing called `{}` in this store", args.object.display()))
            .hint("`shm ls` lists what there is"));
    };
    if args.json {
        return output::json(&RowJson::from(row));
    }
    let stat = row.shmid.and_then(|shmid| segment_stat(&mut visit, shmid));
    output::data(&words(row, stat.as_ref()))
}

/// The times of a segment, where its mode lets us ask.
fn segment_stat(visit: &mut Visit, shmid: shmfs_abi::Shmid) -> Option<SegmentStat> {
    match visit.call("ask for the segment's times", Call::ShmStat { shmid }) {
        Ok(Reply::Stat { stat, .. }) => Some(stat),
        _ => None,
    }
}

/// The object that the person means.
pub(super) fn find<'a>(rows: &'a [Row], text: &OsStr) -> Option<&'a Row> {
    let called = called(text);
    rows.iter().find(|row| match called {
        Called::Id(id) => row.shmid.is_some_and(|shmid| shmid.0 == id),
        Called::Key(key) => row.key.is_some_and(|found| found.0.cast_unsigned() == key),
        Called::Name(name) => row.name.is_some_and(|found| found.as_bytes() == name),
    })
}

fn called(text: &OsStr) -> Called<'_> {
    if let Some(id) = text.to_str().and_then(|text| text.parse().ok()) {
        return Called::Id(id);
    }
    if let Some(key) = text.to_str().and_then(super::rm::hexadecimal) {
        return Called::Key(key);
    }
    Called::Name(super::rm::without_slash(text.as_bytes()))
}

fn words(row: &Row, stat: Option<&SegmentStat>) -> String {
    let mut lines = vec![
        ("name", listing::title(row)),
        ("kind", format!("{} ({})", json::kind(row.kind), json::door(row.door))),
        ("size", format!("{} ({} bytes)", long(row.size.0), row.size.0)),
        ("in memory", format!("{} ({} bytes)", long(row.allocated.0), row.allocated.0)),
        ("mode", format!("{:04o}", row.mode)),
        ("owner", format!("uid {}, gid {}", row.uid.0, row.gid.0)),
        ("created", format!("{}, by process {}", utc(row.created.seconds), row.cpid.0)),
    ];
    if let Some(nattch) = row.nattch {
        lines.push(("attaches", nattch.to_string()));
    }
    if let Some(lpid) = row.lpid {
        // 0 until somebody has attached it.
        let shown = if lpid.0 == 0 { "-".to_owned() } else { lpid.0.to_string() };
        lines.push(("last pid", shown));
    }
    if let Some(stat) = stat {
        lines.push(("attached", utc(stat.atime)));
        lines.push(("detached", utc(stat.dtime)));
        lines.push(("changed", utc(stat.ctime)));
    }
    lines.iter().map(|(word, value)| format!("{word:<10} {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::{object, segment};

    #[test]
    fn what_the_person_calls_it() {
        let cases = [
            ("42", Called::Id(42)),
            ("-1", Called::Id(-1)),
            ("0x2a", Called::Key(42)),
            ("0xffffffff", Called::Key(u32::MAX)),
            ("0xfffffffff", Called::Name(b"0xfffffffff")),
            ("/42", Called::Name(b"42")),
            ("frames", Called::Name(b"frames")),
            ("4294967296", Called::Name(b"4294967296")),
        ];
        for (text, expected) in cases {
            assert_eq!(called(OsStr::new(text)), expected);
        }
    }

    #[test]
    fn objects_are_found_and_told() {
        let rows = [segment(), object()];
        assert_eq!(find(&rows, OsStr::new("32769")), Some(&rows[0]));
        assert_eq!(find(&rows, OsStr::new("0xfffffffe")), Some(&rows[0]));
        assert_eq!(find(&rows, OsStr::from_bytes(b"/fr\xffmes")), Some(&rows[1]));
        assert_eq!(find(&rows, OsStr::new("x")), None);
        let expected = "\
name       id 32769 key 0xfffffffe
kind       segment (sysv)
size       1.0 GiB (1073741824 bytes)
in memory  4.0 KiB (4096 bytes)
mode       0600
owner      uid 1000, gid 100
created    2024-02-29 23:59:59 UTC, by process 4711
attaches   2
last pid   4712
attached   -
detached   -
changed    -
";
        assert_eq!(words(&rows[0], Some(&SegmentStat::default())), expected);
    }
}
