//! `shm df`: how full a store is, and what it has served.

use crate::failure::Failure;
use crate::json::UsageJson;
use crate::listing;
use crate::output;
use crate::report;
use crate::size::long;
use crate::store::StoreArg;
use shmfs_abi::{CallName, Usage};
use std::path::Path;

/// Show how full a store is and what it has served
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm df
  shm df --store run-4711 --json | jq .calls.shmget

`used` is what objects may grow to and counts against the size; `in memory` is
what their pages take. Files of the store's mount that are no objects count in
both as what they have, and have a line of their own.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// Print JSON, sizes in bytes
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut visit = args.store.visit()?;
    let usage = listing::usage(&mut visit)?;
    if args.json {
        return output::json(&UsageJson::from(&usage));
    }
    output::data(&words(&visit.dir, &usage))
}

fn words(dir: &Path, usage: &Usage) -> String {
    // u128: a hundred times a size does not fit 64 bits.
    let used = usage.used.0.saturating_add(usage.tree.0);
    let percent = u128::from(used) * 100 / u128::from(usage.size.0.max(1));
    let created = &usage.created;
    let mut lines = vec![
        ("store", dir.display().to_string()),
        ("size", long(usage.size.0)),
        ("used", format!("{} ({percent}%)", long(used))),
        ("peak", long(usage.peak.0)),
        ("in memory", long(usage.allocated.0.saturating_add(usage.tree.0))),
        ("backing", usage.backing.text().to_owned()),
        (
            "objects",
            format!(
                "sysv {}, posix {}, anon {}, without a name {}",
                usage.sysv, usage.posix, usage.anon, usage.unnamed
            ),
        ),
        (
            "created",
            format!(
                "{}, {}, {}",
                report::count(created.segments, "segment"),
                report::count(created.objects, "object"),
                report::count(created.semaphores, "semaphore")
            ),
        ),
        ("clients", usage.clients.to_string()),
        ("broker", broker(usage)),
        ("calls", report::calls(&usage.calls, &[0; CallName::ALL.len()])),
    ];
    if usage.tree.0 > 0 {
        lines.insert(5, ("files", format!("{} of the mount, besides objects", long(usage.tree.0))));
    }
    lines.iter().map(|(word, value)| format!("{word:<10} {value}\n")).collect()
}

/// The process that serves the store, who keeps it, and how often another took its place.
fn broker(usage: &Usage) -> String {
    let kept = match usage.keeper.0 {
        0 => "without a keeper".to_owned(),
        keeper => format!("kept by {keeper}"),
    };
    format!("process {}, {kept}, {}", usage.broker.0, report::count(usage.restarts, "restart"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::usage;
    use shmfs_abi::ByteLen;

    #[test]
    fn the_words_name_every_number() {
        let expected = "\
store      /run/shmfs/x
size       4.0 GiB
used       1.0 GiB (25%)
peak       2.0 GiB
in memory  8.0 KiB
backing    hidden-tmpfs
objects    sysv 1, posix 1, anon 0, without a name 0
created    3 segments, 1 object, no semaphores
clients    2
broker     process 4713, kept by 4710, 1 restart
calls      shmget 3
";
        assert_eq!(words(Path::new("/run/shmfs/x"), &usage()), expected);
    }

    #[test]
    fn files_of_the_mount_have_a_line() {
        let mounted = Usage { tree: ByteLen(1 << 30), ..usage() };
        let words = words(Path::new("/run/shmfs/x"), &mounted);
        let expected = "\
used       2.0 GiB (50%)
peak       2.0 GiB
in memory  1.0 GiB
files      1.0 GiB of the mount, besides objects
backing    hidden-tmpfs
";
        assert!(words.contains(expected), "{words}");
    }
}
