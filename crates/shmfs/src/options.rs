//! How an object or a file is to be mapped.

use std::num::NonZeroUsize;

/// What a mapping shows and how: by default the whole object, for reading and writing, shared, anywhere.
///
/// ```
/// use shmfs::{MapOptions, Object};
/// let object = Object::anonymous(3 * 4096)?;
/// let last_page = object.map_with(&MapOptions::new().offset(2 * 4096).read_only())?;
/// assert_eq!((last_page.len(), last_page.is_writable()), (4096, false));
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until something is mapped with them"]
pub struct MapOptions {
    pub(crate) read_only: bool,
    pub(crate) private: bool,
    pub(crate) offset: u64,
    pub(crate) len: Option<usize>,
    pub(crate) address: Option<NonZeroUsize>,
    pub(crate) huge: bool,
    pub(crate) populate: bool,
    pub(crate) locked: bool,
    pub(crate) guarded: bool,
}

impl MapOptions {
    /// The whole object, for reading and writing, shared, anywhere.
    pub fn new() -> MapOptions {
        MapOptions::default()
    }

    /// For reading only; the descriptor may then be one for reading only. Writes by this mapping are errors (`EACCES`).
    pub fn read_only(mut self) -> MapOptions {
        self.read_only = true;
        self
    }

    /// Writes stay with this mapping (`MAP_PRIVATE`). What others write is seen in the pages that this mapping has not
    /// written; in those that it has, no more. A descriptor for reading is enough.
    pub fn private(mut self) -> MapOptions {
        self.private = true;
        self
    }

    /// Where in the object the mapping begins, in bytes: a multiple of the page (4096, or that of its huge pages).
    pub fn offset(mut self, bytes: u64) -> MapOptions {
        self.offset = bytes;
        self
    }

    /// How many bytes are mapped; without it, all from the offset to the object's end. It may be more than the object
    /// has: what lies beyond its end is an error to access until the object has grown there.
    pub fn len(mut self, bytes: usize) -> MapOptions {
        self.len = Some(bytes);
        self
    }

    /// At this address, a multiple of the page, or not at all: `EEXIST` where something is mapped
    /// (`MAP_FIXED_NOREPLACE`). 0 is anywhere.
    pub fn at(mut self, address: usize) -> MapOptions {
        self.address = NonZeroUsize::new(address);
        self
    }

    /// In huge pages, where the kernel has them for this file system (`MADV_HUGEPAGE`): a wish, that only the speed
    /// tells of. What must have huge pages is made with [`Object::anonymous_huge`](crate::Object::anonymous_huge).
    pub fn huge(mut self) -> MapOptions {
        self.huge = true;
        self
    }

    /// Every page is made before the mapping is returned, so that no access waits for one. That a page cannot be had is
    /// an error then, and not a fault later.
    pub fn populate(mut self) -> MapOptions {
        self.populate = true;
        self
    }

    /// The pages are made and stay in memory (`mlock(2)`); RLIMIT_MEMLOCK bounds it.
    pub fn locked(mut self) -> MapOptions {
        self.locked = true;
        self
    }

    /// The [`guard`](crate::guard) knows this mapping by name; it is installed if it is not.
    pub fn guarded(mut self) -> MapOptions {
        self.guarded = true;
        self
    }
}
