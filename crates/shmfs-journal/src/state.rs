//! The words of the header that belong to no transaction: what the broker is doing, and what the keeper knows of it.
//!
//! Each is one aligned word, read and written by whoever has the pages; both processes do. Pages must have passed
//! [`is_journal`](crate::is_journal), or come from a [`Journal`](crate::Journal).
//!
//! Owns: the words. Leaves to others: what follows from them (the keeper).

use crate::layout::{AT_STATE, PAGE};
use crate::{Journal, Pages};
use shmfs_abi::CallName;

/// Which word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// Requests that were served to their end.
    Answered,
    /// Turns of the broker's loop.
    Turns,
    /// The connection that is being served, 0 for none.
    Busy,
    /// The sequence number of its request.
    BusySequence,
    /// 1 once a panic hook ran.
    Panicked,
    /// Crashes of the broker's own making, one after the other on the same request.
    Crashes,
    /// That request's connection.
    CrashConnection,
    /// Its sequence number.
    CrashSequence,
    /// How often the broker was started anew.
    Restarts,
    /// The keeper's process.
    Keeper,
    /// The broker's process.
    Broker,
    /// 1 while the broker does something long, such as making pages.
    Long,
    /// Calls served under this name.
    Calls(CallName),
}

/// Where the calls' words begin: behind room for others.
const AT_CALLS: usize = AT_STATE + 64 * 8;

/// How many names there are.
const CALLS: usize = CallName::ALL.len();

const _: () = assert!(AT_CALLS + CALLS * 8 <= PAGE);

const fn at(word: Word) -> usize {
    let index = match word {
        Word::Answered => 0,
        Word::Turns => 1,
        Word::Busy => 2,
        Word::BusySequence => 3,
        Word::Panicked => 4,
        Word::Crashes => 5,
        Word::CrashConnection => 6,
        Word::CrashSequence => 7,
        Word::Restarts => 8,
        Word::Keeper => 9,
        Word::Broker => 10,
        Word::Long => 11,
        Word::Calls(name) => return AT_CALLS + name as usize * 8,
    };
    AT_STATE + index * 8
}

/// The word's value.
pub fn get<P: Pages + ?Sized>(pages: &P, word: Word) -> u64 {
    pages.load(at(word))
}

/// Sets it.
pub fn set<P: Pages + ?Sized>(pages: &mut P, word: Word, value: u64) {
    pages.store(at(word), value);
}

/// Raises it by one; its new value. Only one process may raise a word.
pub fn raise<P: Pages + ?Sized>(pages: &mut P, word: Word) -> u64 {
    let value = get(pages, word).wrapping_add(1);
    set(pages, word, value);
    value
}

/// The calls served, by name.
pub fn calls<P: Pages + ?Sized>(pages: &P) -> [u64; CALLS] {
    let mut calls = [0; CALLS];
    for (count, name) in calls.iter_mut().zip(CallName::ALL) {
        *count = get(pages, Word::Calls(*name));
    }
    calls
}

/// What the broker says of itself.
impl<P: Pages> Journal<P> {
    /// A request is being served.
    pub fn begin(&mut self, connection: u64, sequence: u64) {
        set(self.pages_mut(), Word::BusySequence, sequence);
        set(self.pages_mut(), Word::Busy, connection);
    }

    /// It is served: answered, or its connection is ended.
    pub fn end(&mut self) {
        raise(self.pages_mut(), Word::Answered);
        set(self.pages_mut(), Word::Busy, 0);
    }

    /// Something long is being done, or is no more.
    pub fn set_long(&mut self, long: bool) {
        set(self.pages_mut(), Word::Long, long.into());
    }

    /// The loop has turned once more.
    pub fn count_turn(&mut self) {
        raise(self.pages_mut(), Word::Turns);
    }

    /// So many calls of this name were served.
    pub fn count_call(&mut self, name: CallName, times: u64) {
        let calls = get(self.pages(), Word::Calls(name)).wrapping_add(times);
        set(self.pages_mut(), Word::Calls(name), calls);
    }

    /// The calls served, by name.
    pub fn calls(&self) -> [u64; CALLS] {
        calls(self.pages())
    }

    /// How often the broker was started anew.
    pub fn restarts(&self) -> u64 {
        get(self.pages(), Word::Restarts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VecPages;
    use std::collections::BTreeSet;

    #[test]
    fn no_word_lies_over_another() {
        let words = [
            Word::Answered,
            Word::Turns,
            Word::Busy,
            Word::BusySequence,
            Word::Panicked,
            Word::Crashes,
            Word::CrashConnection,
            Word::CrashSequence,
            Word::Restarts,
            Word::Keeper,
            Word::Broker,
            Word::Long,
        ];
        let words = words.into_iter().chain(CallName::ALL.iter().map(|&name| Word::Calls(name)));
        let places: Vec<_> = words.map(at).collect();
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
        assert!(places.iter().all(|place| place % 8 == 0 && (AT_STATE..PAGE).contains(place)));
    }

    #[test]
    fn the_broker_says_what_it_does() {
        let mut journal = Journal::create(VecPages::default()).unwrap();
        journal.begin(7, 9);
        let busy = |journal: &Journal<VecPages>| {
            [Word::Busy, Word::BusySequence, Word::Answered].map(|word| get(journal.pages(), word))
        };
        assert_eq!(busy(&journal), [7, 9, 0]);
        journal.end();
        assert_eq!(busy(&journal), [0, 9, 1]);
        journal.count_call(CallName::Shmat, 3);
        journal.count_call(CallName::Path, 1);
        journal.count_call(CallName::Shmat, 1);
        let mut expected = [0; CALLS];
        expected[CallName::Shmat as usize] = 4;
        expected[CallName::Path as usize] = 1;
        assert_eq!(journal.calls(), expected);
        journal.set_long(true);
        set(journal.pages_mut(), Word::Restarts, 5);
        assert_eq!((get(journal.pages(), Word::Long), journal.restarts()), (1, 5));
    }
}
