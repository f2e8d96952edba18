//! The lock around a client's state, in a program that was not changed: it must hold against signals, threads
//! and forks of all kinds.
//!
//! While it is held every signal of the thread is blocked, so that no signal's code can ask for it again.
//! [`Lock::hold`] keeps it across a fork, in parent and child. A copy of the process that came about otherwise
//! (raw clone, `_Fork`) while some thread had the lock finds it free, if it was [armed](Lock::arm): the threads
//! of the original are not in the copy.
//!
//! Owns: the lock's word, the blocked signals.
//! Leaves to others: repairing a value that the copied thread was changing. Plain values cannot become invalid
//! by it; what is made of several of them can be incomplete.
//! Not done: threads made by raw clone without a thread pointer of their own count as the thread that made them.

use crate::{
    Result, futex,
    futex::Reach,
    mark::ForkMark,
    raw::thread_pointer,
    signal::{self, Mask},
};
use core::{
    cell::UnsafeCell,
    hint,
    ptr::null_mut,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::*},
};
use rustix::thread::sched_yield;

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// The word of the fork mark: 0 in a copy, then one thread makes the lock free, then it is armed again.
const WIPED: u32 = 0;
const FREEING: u32 = 1;
const ARMED: u32 = 2;

/// Turns before a thread sleeps. A holder that talks to the broker is gone for longer in any case.
const SPINS: u32 = 100;

/// A value behind a lock. All of it may live in a `static`.
#[derive(Debug)]
pub struct Lock<T> {
    word: AtomicU32,
    /// The thread pointer of the holder, 0 for none. Invariant: only the holder writes it, so a thread that
    /// reads its own pointer here is the holder.
    owner: AtomicUsize,
    /// Whether a closure has the value at the moment. Used by the holder only.
    entered: AtomicBool,
    /// The signal mask to restore at [`Lock::release`]. Used by the holder only.
    mask: AtomicU64,
    /// Invariant: null, or the word of a [`ForkMark`], which lives for ever.
    mark: AtomicPtr<u32>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by the holder only, one thread at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Lock<T> {
        Lock {
            word: AtomicU32::new(FREE),
            owner: AtomicUsize::new(0),
            entered: AtomicBool::new(false),
            mask: AtomicU64::new(0),
            mark: AtomicPtr::new(null_mut()),
            value: UnsafeCell::new(value),
        }
    }

    /// From here on a copy of the process that nobody announced finds the lock free.
    ///
    /// # Errors
    /// As [`ForkMark::new`]. Where the kernel does not wipe pages it has no effect.
    pub fn arm(&self) -> Result<()> {
        if let Some(word) = ForkMark::new()?.wiped_word() {
            word.store(ARMED, Release);
            // A second caller's mark is one page more, and no harm.
            let _ = self.mark.compare_exchange(null_mut(), word.as_ptr(), AcqRel, Relaxed);
        }
        Ok(())
    }

    /// Runs `act` with the value. A thread that has the lock by [`hold`](Lock::hold) enters at once.
    ///
    /// # Panics
    /// If this thread is inside `with` already.
    pub fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        let _mask = Restore(signal::block_all());
        let held = self.is_owner();
        let _unlock = (!held).then(|| {
            self.acquire();
            Unlock(self)
        });
        self.enter(act).unwrap_or_else(|| recursion())
    }

    /// Takes the lock and keeps it, with all signals blocked, until [`release`](Lock::release): for the time of a
    /// fork. Does nothing in a thread that has it.
    pub fn hold(&self) {
        let mask = signal::block_all();
        if self.is_owner() {
            return signal::restore(mask);
        }
        self.acquire();
        self.mask.store(mask.0, Relaxed);
    }

    /// Runs `act` with the value in the thread that has the lock by [`hold`](Lock::hold), or in its copy in a
    /// child; in any other nothing happens.
    pub fn with_held<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.is_owner() { self.enter(act) } else { None }
    }

    /// Gives up what [`hold`](Lock::hold) took, and restores the signal mask; in the child likewise. Nothing
    /// happens in a thread that does not have it.
    pub fn release(&self) {
        if self.is_owner() && !self.entered.load(Relaxed) {
            let mask = Mask(self.mask.load(Relaxed));
            self.unlock();
            signal::restore(mask);
        }
    }

    /// Whether this thread has the lock. Notices first whether this process is a copy.
    fn is_owner(&self) -> bool {
        let owner = self.owner.load(Relaxed) == thread_pointer();
        let mark = self.mark.load(Acquire);
        if mark.is_null() {
            return owner;
        }
        // SAFETY: a mark that is not null is the word of a ForkMark: aligned, atomic everywhere, there for ever.
        let mark = unsafe { AtomicU32::from_ptr(mark) };
        if mark.load(Acquire) != ARMED {
            self.recover(mark, owner);
        }
        owner
    }

    /// In a copy of the process: the copied holder keeps the lock, the holders that were not copied lose it.
    /// No thread of this process gets past here before that is done, so nobody can have it yet.
    #[cold]
    fn recover(&self, mark: &AtomicU32, owner: bool) {
        if mark.compare_exchange(WIPED, FREEING, AcqRel, Acquire).is_ok() {
            if !owner {
                self.entered.store(false, Relaxed);
                self.owner.store(0, Relaxed);
                self.word.store(FREE, Release);
            }
            mark.store(ARMED, Release);
        }
        while mark.load(Acquire) != ARMED {
            sched_yield();
        }
    }

    fn acquire(&self) {
        let taken = (0..SPINS).any(|_| {
            hint::spin_loop();
            self.word.compare_exchange_weak(FREE, HELD, Acquire, Relaxed).is_ok()
        });
        if !taken {
            while self.word.swap(CONTENDED, Acquire) != FREE {
                // An error means that it did not sleep; the loop looks again.
                let _ = futex::wait(&self.word, CONTENDED, Reach::Private);
            }
        }
        self.owner.store(thread_pointer(), Relaxed);
    }

    fn unlock(&self) {
        self.owner.store(0, Relaxed);
        if self.word.swap(FREE, Release) == CONTENDED {
            // The word is mapped, so waking cannot fail.
            let _ = futex::wake(&self.word, 1, Reach::Private);
        }
    }

    /// Runs `act` in the holder, unless a closure of it has the value already.
    fn enter<R>(&self, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.entered.swap(true, Relaxed) {
            return None;
        }
        let _leave = Leave(&self.entered);
        // SAFETY: this thread is the holder, and `entered` says that no closure has the value.
        Some(act(unsafe { &mut *self.value.get() }))
    }
}

/// A closure inside `with` asked for the lock: a mistake in this program, not a state of the world.
#[cold]
fn recursion() -> ! {
    panic!("the lock is asked for from inside")
}

struct Restore(Mask);

impl Drop for Restore {
    fn drop(&mut self) {
        signal::restore(self.0);
    }
}

struct Unlock<'a, T>(&'a Lock<T>);

impl<T> Drop for Unlock<'_, T> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

struct Leave<'a>(&'a AtomicBool);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}
