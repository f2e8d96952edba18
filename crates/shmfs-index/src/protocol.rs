//! One row's count and marks: `IPC_RMID` on one side, the last detach on the other.
//!
//! The broker sets the mark and then reads the count. The client lowers the count and then reads the mark. With
//! a full fence between the two steps on both sides, at least one of them sees what the other did: either the
//! broker reads the lower count, or the client reads the mark and says so. Both may, and then the client's
//! message comes too late to matter.
//!
//! Owns: the order of the steps.
//! Leaves to others: which row (`row`), what a client says (`Call::ShmDetached`).

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering, fence};

/// Mark: the segment was removed, and dies with its last attach.
pub(crate) const REMOVED: u32 = 1;

/// What a detach found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Detached {
    /// Attaches that this process still has.
    pub left: u32,
    /// The segment is marked for removal: the broker wants to hear of `left == 0`.
    pub removed: bool,
    /// There was nothing to detach; nothing has changed.
    pub underflow: bool,
}

/// Raises a count; it stays at the largest number.
pub(crate) fn raise(count: &AtomicU32) {
    change(count, |old| old.checked_add(1));
}

/// The broker's side: lets the count be this, as often as it likes. The client waits for the broker meanwhile: a
/// change at the same moment would be lost.
pub(crate) fn set(count: &AtomicU32, number: u32) {
    count.store(number, Ordering::SeqCst);
}

/// The client's side: lowers the count, then reads the mark.
pub(crate) fn detach(count: &AtomicU32, marks: &AtomicU32) -> Detached {
    let Some(old) = change(count, |old| old.checked_sub(1)) else {
        return Detached { left: 0, removed: false, underflow: true };
    };
    fence(Ordering::SeqCst);
    let removed = marks.load(Ordering::SeqCst) & REMOVED != 0;
    Detached { left: old - 1, removed, underflow: false }
}

/// The broker's side: sets the mark. The counts of all tables must be read after this, by [`read`].
pub(crate) fn mark(marks: &AtomicU32) {
    marks.fetch_or(REMOVED, Ordering::SeqCst);
    fence(Ordering::SeqCst);
}

/// Reads a count.
pub(crate) fn read(count: &AtomicU32) -> u32 {
    count.load(Ordering::SeqCst)
}

/// Changes a count unless `next` says no; returns what it was.
fn change(count: &AtomicU32, next: impl Fn(u32) -> Option<u32>) -> Option<u32> {
    let mut old = count.load(Ordering::SeqCst);
    loop {
        match count.compare_exchange(old, next(old)?, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(old) => return Some(old),
            Err(other) => old = other,
        }
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::{sync::Arc, thread};

    struct Row {
        count: AtomicU32,
        marks: AtomicU32,
    }

    fn row(attaches: u32) -> Arc<Row> {
        Arc::new(Row { count: AtomicU32::new(attaches), marks: AtomicU32::new(0) })
    }

    /// The broker marks every table and then sums; each client detaches all it has. When the sum was not 0, some
    /// client must say that it was the last of its table: only then does the segment die.
    fn check(attaches: &'static [u32]) {
        loom::model(move || {
            let rows: Vec<_> = attaches.iter().map(|&attaches| row(attaches)).collect();
            let clients: Vec<_> = rows
                .iter()
                .cloned()
                .zip(attaches)
                .map(|(row, &attaches)| {
                    thread::spawn(move || {
                        let last = (0..attaches).map(|_| detach(&row.count, &row.marks)).last().unwrap();
                        assert!(last.left == 0 && !last.underflow);
                        last.removed
                    })
                })
                .collect();
            rows.iter().for_each(|row| mark(&row.marks));
            let seen: u32 = rows.iter().map(|row| read(&row.count)).sum();
            let told = clients.into_iter().map(|client| client.join().unwrap());
            let told = told.fold(false, |any, told| any | told);
            assert!(seen == 0 || told, "the segment stays for ever");
        });
    }

    #[test]
    fn one_client_with_one_attach() {
        check(&[1]);
    }

    #[test]
    fn one_client_with_two_attaches() {
        check(&[2]);
    }

    #[test]
    fn two_clients() {
        check(&[1, 1]);
    }

    /// The broker counts another attach for the client while the client ends its first.
    #[test]
    fn an_attach_meets_a_detach() {
        loom::model(|| {
            let row = row(1);
            let client = {
                let row = row.clone();
                thread::spawn(move || detach(&row.count, &row.marks).left)
            };
            raise(&row.count);
            let left = client.join().unwrap();
            assert_eq!(read(&row.count), 1);
            assert!(left <= 1);
        });
    }

    /// A broker counts an attach, is killed, and the next counts it again before it answers. The client's detach after
    /// that meets a removal as any other does.
    #[test]
    fn a_count_that_was_set_meets_a_removal() {
        loom::model(|| {
            let row = row(1);
            set(&row.count, 2);
            set(&row.count, 2);
            let client = {
                let row = row.clone();
                thread::spawn(move || {
                    let first = detach(&row.count, &row.marks);
                    let last = detach(&row.count, &row.marks);
                    assert_eq!((first.left, last.left, last.underflow), (1, 0, false));
                    last.removed
                })
            };
            mark(&row.marks);
            let seen = read(&row.count);
            let told = client.join().unwrap();
            assert!(seen == 0 || told, "the segment stays for ever");
            assert_eq!(read(&row.count), 0);
        });
    }

    #[test]
    fn nothing_goes_below_zero() {
        loom::model(|| {
            let row = row(1);
            let other = {
                let row = row.clone();
                thread::spawn(move || detach(&row.count, &row.marks).underflow)
            };
            let one = detach(&row.count, &row.marks).underflow;
            assert!(one != other.join().unwrap());
            assert_eq!(read(&row.count), 0);
        });
    }
}
