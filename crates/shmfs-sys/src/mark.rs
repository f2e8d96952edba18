//! A mark that a fork wipes: how a process learns that it is a copy, whoever copied it.
//!
//! Owns: one page for each mark, for as long as the process lives.
//! Leaves to others: what a copy then does.

use crate::{Errno, Result, errno, process};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use rustix::mm::{self, Advice, MapFlags, ProtFlags};
use shmfs_abi::PAGE_SIZE;

/// A mark that is gone in a child that has its own copy of the memory, and stays in one that shares it (vfork).
///
/// Where the kernel does not wipe pages (madvise(2), `MADV_WIPEONFORK`, Linux 4.14) the mark is the process's
/// own number, and is missing in a vfork child too.
#[derive(Clone, Copy, Debug)]
pub struct ForkMark {
    word: &'static AtomicU32,
    wiped: bool,
}

impl ForkMark {
    /// Makes a mark, not yet set. It costs a page that is never given back.
    ///
    /// # Errors
    /// As `mmap(2)`.
    pub fn new() -> Result<ForkMark> {
        let len = PAGE_SIZE as usize;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address that nothing uses.
        let page = unsafe { mm::mmap_anonymous(core::ptr::null_mut(), len, protection, MapFlags::PRIVATE) };
        let page = NonNull::new(page.map_err(errno)?).ok_or(Errno::ENOMEM)?;
        // SAFETY: the range is the page just mapped, of which nobody knows yet.
        let wiped = unsafe { mm::madvise(page.as_ptr(), len, Advice::LinuxWipeOnFork) }.is_ok();
        // SAFETY: the page is aligned, zeroed, readable and writable, and is never unmapped.
        let word = unsafe { AtomicU32::from_ptr(page.as_ptr().cast()) };
        Ok(ForkMark { word, wiped })
    }

    /// Sets the mark in this process.
    pub fn set(&self) {
        self.word.store(self.value(), Ordering::Release);
    }

    /// Whether this process set the mark.
    pub fn is_set(&self) -> bool {
        self.word.load(Ordering::Acquire) == self.value()
    }

    fn value(&self) -> u32 {
        if self.wiped { 1 } else { process::pid().0 as u32 }
    }

    /// The word itself, if the kernel wipes it: 0 in a copy.
    pub(crate) fn wiped_word(&self) -> Option<&'static AtomicU32> {
        self.wiped.then_some(self.word)
    }
}
