//! What `shm run --report` tells of the store after its program's end.

use crate::failure::Failure;
use crate::listing;
use crate::size;
use crate::store::Visit;
use shmfs_abi::{CallName, Created, Row, Usage};

/// The store as it was before the program, when it was not its own.
pub(crate) struct Before {
    created: Created,
    calls: [u64; CallName::ALL.len()],
}

impl Before {
    /// A store that begins with the program.
    pub(crate) const NOTHING: Before = Before {
        created: Created { segments: 0, objects: 0, semaphores: 0, anonymous: 0 },
        calls: [0; CallName::ALL.len()],
    };

    /// A store that others use too.
    pub(crate) fn of(visit: &mut Visit) -> Result<Before, Failure> {
        let usage = listing::usage(visit)?;
        Ok(Before { created: usage.created, calls: usage.calls })
    }
}

/// The report's lines.
pub(crate) fn lines(visit: &mut Visit, before: &Before) -> Result<Vec<String>, Failure> {
    let usage = listing::usage(visit)?;
    let rows = listing::rows(visit)?;
    Ok(words(&usage, &rows, before))
}

fn words(usage: &Usage, rows: &[Row], before: &Before) -> Vec<String> {
    let created = usage.created;
    let mut lines = vec![
        format!(
            "created  {}, {}, {}",
            count(created.segments.saturating_sub(before.created.segments), "segment"),
            count(created.objects.saturating_sub(before.created.objects), "object"),
            count(created.semaphores.saturating_sub(before.created.semaphores), "semaphore"),
        ),
        format!("served   {}", calls(&usage.calls, &before.calls)),
        format!("peak     {} of {}", size::long(usage.peak.0), size::long(usage.size.0)),
    ];
    if rows.is_empty() {
        lines.push("left     nothing".to_owned());
    } else {
        let left: u64 = rows.iter().map(|row| row.size.0).fold(0, u64::saturating_add);
        lines.push(format!("left     {}, {}", count(rows.len() as u64, "object"), size::long(left)));
        lines.extend(listing::table(rows, None).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// `3 segments`, `1 segment`, `no segments`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match number {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// The calls that were served at all: `shmget 3, shmat 2`.
pub(crate) fn calls(calls: &[u64; CallName::ALL.len()], before: &[u64; CallName::ALL.len()]) -> String {
    let served = calls.iter().zip(before).map(|(now, before)| now.saturating_sub(*before));
    let words: Vec<String> = CallName::ALL
        .iter()
        .zip(served)
        .filter(|(_, served)| *served > 0)
        .map(|(name, served)| format!("{} {served}", name.text()))
        .collect();
    if words.is_empty() { "no calls".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::{object, usage};

    #[test]
    fn a_report_says_what_was_made_served_and_left() {
        let expected = [
            "created  3 segments, 1 object, no semaphores",
            "served   shmget 3",
            "peak     2.0 GiB of 4.0 GiB",
            "left     1 object, 64.0 MiB",
            "  DOOR   KIND    SIZE  IN-MEM  NATTCH  MODE   UID  CPID  NAME",
            "  posix  object   64M    4.0K       -  0644  1000  4711  fr\\xffmes",
        ];
        assert_eq!(words(&usage(), &[object()], &Before::NOTHING), expected);
        let before = Before { created: usage().created, calls: usage().calls };
        let expected = [
            "created  no segments, no objects, no semaphores",
            "served   no calls",
            "peak     2.0 GiB of 4.0 GiB",
            "left     nothing",
        ];
        assert_eq!(words(&usage(), &[], &before), expected);
    }
}
