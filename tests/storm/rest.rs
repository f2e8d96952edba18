//! What is compared while nobody calls: the store's list and sums against the ledger.

use crate::ledger::{Row, State};
use crate::store::{PATIENCE, Store};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const PAGE: u64 = 4096;

/// What was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Found {
    pub(crate) objects: usize,
    pub(crate) attaches: u64,
    pub(crate) used_bytes: u64,
    listed: Vec<Value>,
}

/// Compares until all agrees; a death may be noticed a moment later.
pub(crate) fn compare(store: &Store, rows: &[Row]) -> Result<Found, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let outcome = compare_once(store, rows);
        if outcome.is_ok() || Instant::now() > end {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn compare_once(store: &Store, rows: &[Row]) -> Result<Found, String> {
    let listed = store.list()?;
    let used_bytes = store.usage()?.used.0;
    let mut expected: HashMap<String, &Row> =
        rows.iter().filter(|row| row.state != State::Gone).map(|row| (row.shown(), row)).collect();
    let (mut sum, mut attaches) = (0, 0);
    for entry in &listed {
        let shown = match entry["key"].as_u64() {
            Some(key) => format!("key {key}"),
            None => entry["name"].as_str().unwrap_or_default().to_owned(),
        };
        let row = expected.remove(&shown).ok_or_else(|| format!("left over, or listed twice: {entry}"))?;
        let size = entry["size_bytes"].as_u64().unwrap_or(u64::MAX);
        agree(row, entry, size).map_err(|what| format!("row {}: {what}: {row:?}, {entry}", row.number))?;
        sum += size.div_ceil(PAGE) * PAGE;
        attaches += entry["nattch"].as_u64().unwrap_or(0);
    }
    if let Some(lost) = expected.values().find(|row| row.state == State::There) {
        return Err(format!("lost: {lost:?}"));
    }
    if sum != used_bytes {
        return Err(format!("{used_bytes} bytes are used, and the sizes of all objects give {sum}"));
    }
    Ok(Found { objects: listed.len(), attaches, used_bytes, listed })
}

/// The first thing in which a row and an entry of the list differ.
fn agree(row: &Row, entry: &Value, size: u64) -> Result<(), &'static str> {
    let differs = |differs: bool, what| if differs { Err(what) } else { Ok(()) };
    differs(entry["kind"] != row.kind, "another kind")?;
    differs(row.size.is_some_and(|expected| expected != size), "another size")?;
    differs(entry["removed"] != false, "removed, but still there")?;
    if row.kind == "segment" {
        differs(row.id >= 0 && entry["id"] != row.id, "another id")?;
        differs(entry["nattch"] != row.attaches, "another nattch")?;
    }
    Ok(())
}

/// Waits until nothing is listed, nothing is used, and the broker has as many descriptors as it had when idle.
pub(crate) fn expect_empty(store: &Store, descriptors: usize) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let (listed, used) = (store.list()?, store.usage()?.used.0);
        let open = store.descriptors();
        if listed.is_empty() && used == 0 && open == descriptors {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!(
                "after the removal of all: {} objects listed, {used} bytes used, {open} descriptors open \
                 instead of {descriptors}: {:?}",
                listed.len(),
                store.open_files()
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
