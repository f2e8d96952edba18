//! The store's limit and what is charged against it.
//!
//! Owns: the sum of all charges, the peak.
//! Leaves to others: which object is charged what (`object`).

use shmfs_abi::{ByteLen, Errno, PageCount, Result, Shortage, refuse};

/// Pages charged against a limit.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    limit: PageCount,
    /// Sizes can be set through descriptors as large as numbers go: their sum needs more.
    used: u128,
    /// How much of it lies elsewhere than in the hidden tmpfs.
    outside: u128,
    /// What lies in the hidden tmpfs and is nobody's charge: files of a mount that are no objects. Not in `used`.
    tree: PageCount,
    peak: PageCount,
}

/// Where pages lie that are charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lies {
    /// In the hidden tmpfs.
    Inside,
    /// Elsewhere.
    Outside,
}

impl Account {
    /// Nothing charged; a part of a page in the limit is not used.
    pub(crate) fn new(limit: ByteLen) -> Account {
        let limit = PageCount(limit.0 / shmfs_abi::PAGE_SIZE);
        Account { limit, used: 0, outside: 0, tree: PageCount(0), peak: PageCount(0) }
    }

    /// An account with this limit; nothing is charged yet.
    pub(crate) fn restore(limit: PageCount) -> Account {
        Account { limit, used: 0, outside: 0, tree: PageCount(0), peak: PageCount(0) }
    }

    /// The peak is what it was, whatever was charged since [`restore`](Account::restore).
    pub(crate) fn restore_peak(&mut self, peak: PageCount) {
        self.peak = peak;
    }

    /// What is charged, or as much of it as a number holds.
    pub(crate) fn used(&self) -> PageCount {
        PageCount(u64::try_from(self.used).unwrap_or(u64::MAX))
    }

    /// The sum of all charges.
    pub(crate) fn sum(&self) -> u128 {
        self.used
    }

    /// The sum of the charges that do not lie in the hidden tmpfs, or as much of it as a number holds.
    pub(crate) fn outside(&self) -> PageCount {
        PageCount(u64::try_from(self.outside).unwrap_or(u64::MAX))
    }

    pub(crate) fn outside_sum(&self) -> u128 {
        self.outside
    }

    /// What lies in the hidden tmpfs and is nobody's charge.
    pub(crate) fn tree(&self) -> PageCount {
        self.tree
    }

    pub(crate) fn set_tree(&mut self, pages: PageCount) {
        self.tree = pages;
    }

    pub(crate) fn peak(&self) -> PageCount {
        self.peak
    }

    pub(crate) fn limit(&self) -> PageCount {
        self.limit
    }

    /// Sets another limit. What is charged already stays.
    pub(crate) fn resize(&mut self, limit: ByteLen) -> Result<()> {
        let limit = PageCount(limit.0 / shmfs_abi::PAGE_SIZE);
        if limit.0 < self.used().0.saturating_add(self.tree.0) {
            return refuse(Errno::EINVAL, "more is in use than the new size");
        }
        self.limit = limit;
        Ok(())
    }

    /// Refuses what the limit cannot give (`shmem_inode_acct_blocks`, mm/shmem.c; there at first touch).
    pub(crate) fn admit(&self, pages: PageCount) -> Result<()> {
        let free = self.limit.0.saturating_sub(self.used().0).saturating_sub(self.tree.0);
        if pages.0 <= free {
            return Ok(());
        }
        let shortage = Shortage {
            asked_bytes: pages.bytes().0,
            free_bytes: PageCount(free).bytes().0,
            limit_bytes: self.limit.bytes().0,
        };
        refuse(Errno::ENOSPC, "the store is full").map_err(|refusal| refusal.with(shortage))
    }

    /// Charges pages that were admitted, or that exist although nobody asked: the limit does not bind here.
    pub(crate) fn charge(&mut self, pages: PageCount, lies: Lies) {
        self.used += u128::from(pages.0);
        if lies == Lies::Outside {
            self.outside += u128::from(pages.0);
        }
        self.peak = self.peak.max(self.used());
    }

    /// Gives pages back.
    pub(crate) fn uncharge(&mut self, pages: PageCount, lies: Lies) {
        let pages = u128::from(pages.0);
        assert!(pages <= self.used, "more is given back than was charged");
        self.used -= pages;
        if lies == Lies::Outside {
            assert!(pages <= self.outside, "more is given back than was charged elsewhere");
            self.outside -= pages;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: u64, charged: u64, asked: u64, expected: Option<(u64, u64, u64)>) {
        let mut account = Account::new(ByteLen(limit));
        account.charge(PageCount(charged), Lies::Inside);
        let shortage = account.admit(PageCount(asked)).err().and_then(|refusal| refusal.shortage);
        let expected = expected.map(|(asked_bytes, free_bytes, limit_bytes)| Shortage {
            asked_bytes,
            free_bytes,
            limit_bytes,
        });
        assert_eq!(shortage, expected);
    }

    #[test]
    fn the_limit_admits_what_is_free() {
        check(8192, 0, 2, None);
        check(8192, 0, 3, Some((12288, 8192, 8192)));
        check(8191, 0, 2, Some((8192, 4096, 4096)));
        check(8192, 2, 1, Some((4096, 0, 8192)));
        check(8192, 5, 0, None);
        check(8192, 5, 1, Some((4096, 0, 8192)));
        check(8192, 0, u64::MAX, Some((u64::MAX, 8192, 8192)));
    }

    #[test]
    fn files_that_are_no_objects_take_room() {
        let mut account = Account::new(ByteLen(4 * 4096));
        account.charge(PageCount(1), Lies::Outside);
        account.set_tree(PageCount(2));
        assert_eq!(
            (account.used(), account.outside(), account.tree()),
            (PageCount(1), PageCount(1), PageCount(2))
        );
        assert_eq!(account.admit(PageCount(1)), Ok(()));
        let refused =
            account.admit(PageCount(2)).map_err(|refusal| refusal.shortage.map(|short| short.free_bytes));
        assert_eq!(refused, Err(Some(4096)));
        assert_eq!(account.resize(ByteLen(2 * 4096)).map_err(|refusal| refusal.errno), Err(Errno::EINVAL));
        assert_eq!(account.resize(ByteLen(3 * 4096)), Ok(()));
    }

    #[test]
    fn the_peak_stays() {
        let mut account = Account::new(ByteLen(8192));
        account.charge(PageCount(2), Lies::Outside);
        account.uncharge(PageCount(2), Lies::Outside);
        assert_eq!((account.used(), account.peak()), (PageCount(0), PageCount(2)));
    }
}
