//! What is in a store, for people: fetched row by row, one line each.

use crate::failure::Failure;
use crate::json;
use crate::size;
use crate::store::Visit;
use crate::table::{self, Side};
use crate::text::visible;
use shmfs_abi::{Call, Door, Kind, Lifetime, ObjectId, Reply, Row, Usage, limits};

/// Every object of the store, in the order of their numbers.
pub(crate) fn rows(visit: &mut Visit) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut after = ObjectId(0);
    // Objects are made while we look; the bound ends a listing that they outrun.
    for _ in 0..limits::OBJECTS + limits::SLOTS as usize {
        match visit.call("list the store", Call::Next { after })? {
            Reply::Row(row) => {
                after = row.object;
                rows.push(row);
            }
            _ => break,
        }
    }
    Ok(rows)
}

/// The store's use.
pub(crate) fn usage(visit: &mut Visit) -> Result<Usage, Failure> {
    match visit.call("measure the store", Call::Usage)? {
        Reply::Usage(usage) => Ok(usage),
        other => Err(Failure::new(format!("the broker answered something else: {other:?}"))),
    }
}

/// The rows as a table; lines end at `width` when one is given.
pub(crate) fn table(rows: &[Row], width: Option<usize>) -> Vec<String> {
    let heads = [
        ("DOOR", Side::Left),
        ("KIND", Side::Left),
        ("SIZE", Side::Right),
        ("IN-MEM", Side::Right),
        ("NATTCH", Side::Right),
        ("MODE", Side::Left),
        ("UID", Side::Right),
        ("CPID", Side::Right),
        ("NAME", Side::Left),
    ];
    let cells: Vec<[String; 9]> = rows.iter().map(cells).collect();
    table::lines(heads, &cells, width)
}

fn cells(row: &Row) -> [String; 9] {
    [
        json::door(row.door).to_owned(),
        json::kind(row.kind).to_owned(),
        size::short(row.size.0),
        size::short(row.allocated.0),
        row.nattch.map_or_else(|| "-".to_owned(), |nattch| nattch.to_string()),
        format!("{:04o}", row.mode),
        row.uid.0.to_string(),
        row.cpid.0.to_string(),
        title(row),
    ]
}

/// By what a person knows the object.
pub(crate) fn title(row: &Row) -> String {
    let mut title = match (row.door, row.shmid, row.name) {
        (Door::Sysv, Some(shmid), _) => match row.key {
            Some(key) if key.0 != 0 => format!("id {} key 0x{:08x}", shmid.0, key.0),
            _ => format!("id {}", shmid.0),
        },
        (_, _, Some(name)) => visible(name.as_bytes()),
        _ => "-".to_owned(),
    };
    if row.removed {
        title.push_str(match row.kind {
            Kind::Segment => " (removed)",
            Kind::Object | Kind::Semaphore | Kind::Anonymous => " (unlinked)",
        });
    }
    match row.lifetime {
        Lifetime::UntilRemoved => {}
        lifetime => title.push_str(&format!(" ({})", lifetime.text())),
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::{object, segment};

    #[test]
    fn a_table_fits_80_columns() {
        let removed = Row { removed: true, key: None, ..segment() };
        let unlinked = Row { removed: true, name: None, ..object() };
        let durable = Row { lifetime: Lifetime::Durable, ..object() };
        let lines = table(&[segment(), removed, object(), unlinked, durable], None);
        let expected = [
            "DOOR   KIND     SIZE  IN-MEM  NATTCH  MODE   UID  CPID  NAME",
            "sysv   segment  1.0G    4.0K       2  0600  1000  4711  id 32769 key 0xfffffffe",
            "sysv   segment  1.0G    4.0K       2  0600  1000  4711  id 32769 (removed)",
            "posix  object    64M    4.0K       -  0644  1000  4711  fr\\xffmes",
            "posix  object    64M    4.0K       -  0644  1000  4711  - (unlinked)",
            "posix  object    64M    4.0K       -  0644  1000  4711  fr\\xffmes (durable)",
        ];
        assert_eq!(lines, expected);
        assert!(lines.iter().all(|line| line.len() <= 80));
    }
}
