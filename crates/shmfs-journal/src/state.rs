//! The words of the header that belong to no transaction: what the broker is doing, and what the keeper knows of it.
//!
//! Each is one aligned word, read and written by whoever has the pages; both processes do. Pages must have passed
//! [`is_journal`](crate::is_journal), or come from a [`Journal`](crate::Journal).
//!
//! Owns: the words. Leaves to others: what follows from them (the keeper).

use crate::Pages;
use crate::layout::{AT_STATE, PAGE};
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
    /// 1 while the answer to the request that is being served is said, 2 where another may lie unread before it.
    Saying,
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
        Word::Saying => 12,
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

#[cfg(test)]
mod tests {
    use super::*;
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
            Word::Saying,
        ];
        let words = words.into_iter().chain(CallName::ALL.iter().map(|&name| Word::Calls(name)));
        let places: Vec<_> = words.map(at).collect();
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
        assert!(places.iter().all(|place| place % 8 == 0 && (AT_STATE..PAGE).contains(place)));
    }
}
