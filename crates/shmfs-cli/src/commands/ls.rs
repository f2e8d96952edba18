//! `shm ls`: what is in a store.

use crate::failure::Failure;
use crate::json::RowJson;
use crate::listing;
use crate::output;
use crate::store::StoreArg;
use crate::table;
use clap::ValueEnum;
use shmfs_abi::{Door, Row};
use std::cmp::Reverse;

/// List the shared memory in a store
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm ls --by size
  shm ls --door sysv --json | jq '.[] | select(.nattch == 0) | .id'
  shm ls --store run-4711

SIZE is what was asked for, IN-MEM what is in memory (on the disk, if it is durable), NATTCH counts attaches,
CPID is the process that created it.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// Only what came in by this door
    #[arg(long, value_enum)]
    door: Option<DoorArg>,
    /// The order
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = Order::Created)]
    by: Order,
    /// Print JSON: an array of objects, sizes in bytes
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DoorArg {
    /// shmget(2)
    Sysv,
    /// shm_open(3), sem_open(3)
    Posix,
    /// Anonymous memory that the library passes on by descriptor
    Anon,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Order {
    /// Oldest first
    Created,
    /// Largest first
    Size,
    /// Most in memory first
    Memory,
    /// Most attaches first
    Nattch,
    /// Segments by id, then the rest by name
    Name,
    /// By owner
    Uid,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut visit = args.store.visit()?;
    let mut rows = listing::rows(&mut visit)?;
    rows.retain(|row| match args.door {
        None => true,
        Some(DoorArg::Sysv) => row.door == Door::Sysv,
        Some(DoorArg::Posix) => row.door == Door::Posix,
        Some(DoorArg::Anon) => row.door == Door::Anon,
    });
    sort(&mut rows, args.by);
    if args.json {
        return output::json(&rows.iter().map(RowJson::from).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        output::complain(&format!("nothing in the store at {}", visit.dir.display()));
        return Ok(());
    }
    output::data(&(listing::table(&rows, table::terminal_width()).join("\n") + "\n"))
}

fn sort(rows: &mut [Row], by: Order) {
    match by {
        Order::Created => rows.sort_by_key(|row| row.object),
        Order::Size => rows.sort_by_key(|row| Reverse(row.size)),
        Order::Memory => rows.sort_by_key(|row| Reverse(row.allocated)),
        Order::Nattch => rows.sort_by_key(|row| Reverse(row.nattch)),
        // Segments have no name, and none comes before some.
        Order::Name => rows.sort_by_key(|row| (row.name, row.shmid)),
        Order::Uid => rows.sort_by_key(|row| row.uid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::{object, segment};
    use shmfs_abi::{Name, ObjectId, Uid};

    #[test]
    fn orders() {
        let other = Row {
            object: ObjectId(3),
            name: Name::new(b"a").ok(),
            allocated: shmfs_abi::ByteLen(1 << 20),
            uid: Uid(0),
            ..object()
        };
        let cases = [
            (Order::Created, [1, 2, 3]),
            (Order::Size, [1, 3, 2]),
            (Order::Memory, [3, 1, 2]),
            (Order::Nattch, [1, 3, 2]),
            (Order::Name, [1, 3, 2]),
            (Order::Uid, [3, 1, 2]),
        ];
        for (by, expected) in cases {
            let mut rows = [other, segment(), object()];
            sort(&mut rows, by);
            assert_eq!(rows.map(|row| row.object.0), expected, "{by:?}");
        }
    }
}
