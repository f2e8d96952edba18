//! The words of the header that belong to no transaction: what the broker is doing, and what the keeper knows of it.
//!
//! Each is one aligned word, read and written by whoever has the pages; both processes do. Pages must have passed
//! [`is_journal`](crate::is_journal), or come from a [`Journal`](crate::Journal).
//!
//! Owns: the words. Leaves to others: what follows from them (the keeper).

use crate::layout::{AT_STATE, PAGE};
use crate::{ANSWER_BYTES, Answered, Pages};
use shmfs_abi::limits::MESSAGE_FDS;
use shmfs_abi::{CallName, ObjectId, OpenFlags};

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
    /// 1 once [`answer`] is the answer to the request that is being served: it may have been sent.
    Saying,
    /// Calls served under this name.
    Calls(CallName),
}

/// Where the calls' words begin: behind room for others.
const AT_CALLS: usize = AT_STATE + 64 * 8;

/// How many names there are.
const CALLS: usize = CallName::ALL.len();

/// Where the answer begins that is being said: number and length, then which descriptions go along, then its bytes.
const AT_ANSWER: usize = 2048;

/// Bytes of one description that goes along: its object, and how it is opened with a mark that it is there at all.
const GIVE: usize = 16;

const AT_GIVES: usize = AT_ANSWER + 16;
const AT_BYTES: usize = AT_GIVES + MESSAGE_FDS * GIVE;

/// Beside the flags of a description that goes along.
const GIVEN: u64 = 1 << 32;

const _: () = assert!(AT_CALLS + CALLS * 8 <= AT_ANSWER && AT_BYTES + ANSWER_BYTES <= PAGE);

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

/// Writes an answer down before it is sent. It counts while [`Word::Saying`] is 1.
pub fn put_answer<P: Pages + ?Sized>(pages: &mut P, answered: &Answered) {
    pages.store(AT_ANSWER, answered.sequence);
    pages.store(AT_ANSWER + 8, answered.response().len() as u64);
    for (give, at) in answered.gives.iter().zip((AT_GIVES..).step_by(GIVE)) {
        let (object, flags) = give.unwrap_or_default();
        pages.store(at, object.0);
        pages.store(at + 8, if give.is_some() { GIVEN | u64::from(flags.bits() as u32) } else { 0 });
    }
    pages.write(AT_BYTES, answered.response());
}

/// The answer that was written down last.
pub fn answer<P: Pages + ?Sized>(pages: &P) -> Option<Answered> {
    let mut bytes = [0; ANSWER_BYTES];
    let bytes = bytes.get_mut(..usize::try_from(pages.load(AT_ANSWER + 8)).ok()?)?;
    pages.read(AT_BYTES, bytes);
    let mut gives = [None; MESSAGE_FDS];
    for (give, at) in gives.iter_mut().zip((AT_GIVES..).step_by(GIVE)) {
        let flags = pages.load(at + 8);
        let flags_given = OpenFlags::from_bits_retain(flags as u32 as i32);
        *give = (flags & GIVEN != 0).then(|| (ObjectId(pages.load(at)), flags_given));
    }
    Answered::new(pages.load(AT_ANSWER), bytes, gives).ok()
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
    use crate::{Journal, VecPages};
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
    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let mut journal = Journal::create(VecPages::default()).unwrap();
        let gives = [Some((ObjectId(7), OpenFlags::RDWR)), None];
        for (response, gives) in [(&b"refused"[..], [None, None]), (b"given", gives), (b"", [gives[0]; 2])] {
            let answered = Answered::new(9, response, gives).unwrap();
            put_answer(journal.pages_mut(), &answered);
            assert_eq!(answer(journal.pages()), Some(answered));
        }
    }
}
