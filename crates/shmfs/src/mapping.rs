//! Mappings of objects and files.
//!
//! Owns: the check of a mapping against the length that its object has, the texts of what `mmap` refuses.
//! Leaves to others: accesses (`window`), advice (`advice`), plain references (`escape`).

use crate::{Error, MapOptions, Result, Window, denied, guard, segment::Attach, source::Source};
use shmfs_abi::Errno;
use shmfs_sys::{
    AsFd,
    view::{Advice, Plan, View},
};
use std::{ops::RangeBounds, sync::Arc};

/// Pages of an object or a file, seen by this process; unmapped when dropped.
///
/// Two mappings of one object see the same bytes, in one process or in several:
///
/// ```
/// use shmfs::Object;
/// let object = Object::anonymous(4096)?;
/// let (here, there) = (object.map()?, object.map()?);
/// here.write_at(100, b"seen")?;
/// let mut bytes = [0; 4];
/// there.read_at(100, &mut bytes)?;
/// assert_eq!(&bytes, b"seen");
/// # Ok::<(), shmfs::Error>(())
/// ```
///
/// # What others may do
/// A stranger who has the object may write its bytes at any time, while they are being read too. No access here is undefined
/// behaviour then: bytes are copied, words are loaded whole, and an [atomic](Mapping::atomic_u32) is what it is everywhere.
/// What a copy finds may be half of an old value and half of a new one; who wants more takes turns by an atomic.
///
/// # Lengths and pages
/// - A mapping has the length that was asked for, in bytes. An access that is not inside is an error (`EINVAL`) that names
///   the numbers.
/// - The kernel maps whole pages. Where the object ends inside of a page, the rest of that page is zeros for whoever maps it.
///   What is stored there by other means is seen by all who map the page, is never written to a file, and is gone when the
///   page is. This library does not let one read or store there, since the bytes are not the object's.
/// - A mapping may be longer than its object ([`MapOptions::len`]). An access beyond the object's end, as it is then, is an
///   error (`ERANGE`) that names the numbers. When the object has grown there, the same access by the same mapping succeeds.
/// - A mapping remembers how much of it the object has backed. Within that nothing is asked: an access costs what its copy
///   costs. Only an access beyond it asks the kernel for the length, by a system call (`fstat(2)`).
/// - So one thing is left: a stranger who *cuts* an object that is mapped. Objects that are sealed against it
///   ([`Seals::SHRINK`]) cannot be cut, nor can System V segments. With the others it is as everywhere on Linux: the next access
///   to a page that is gone ends the program by SIGBUS. To ask before each access would not help, as the object can be cut
///   between the question and the access. What helps is the [`guard`](crate::guard): with it, such an access is an error
///   (`EFAULT`) that names object and cause.
///
/// # What it keeps
/// The kernel keeps the object's bytes as long as a mapping shows them: the [`Object`](crate::Object) may be dropped, its name
/// unlinked. The object's descriptor is kept open only by mappings that may have to ask for the length: those that reach beyond
/// the object's end, and those that the guard knows.
///
/// [`Seals::SHRINK`]: crate::Seals::SHRINK
#[derive(Debug)]
pub struct Mapping {
    // Before `view`: what is forgotten first cannot name pages that are somebody else's by then.
    guarded: Option<guard::Entry>,
    view: View,
    /// Kept where the length may have to be asked.
    source: Option<Arc<Source>>,
    label: Arc<str>,
    // After `view`: it unmaps the pages.
    _attach: Option<Attach>,
}

impl Mapping {
    /// The pages of an attached segment, which is never cut.
    pub(crate) fn attached(view: View, label: Arc<str>, attach: Attach) -> Mapping {
        Mapping { guarded: None, view, source: None, label, _attach: Some(attach) }
    }

    /// Maps a source of `size` bytes.
    pub(crate) fn new(source: &Arc<Source>, size: u64, options: &MapOptions) -> Result<Mapping> {
        let rest = size.saturating_sub(options.offset);
        let len = options.len.map_or(usize::try_from(rest), Ok);
        let len = len.map_err(|_| denied::map(source, options, size, Errno::EOVERFLOW))?;
        let plan = Plan {
            offset: options.offset,
            write: !options.read_only,
            private: options.private,
            address: options.address,
            page: source.page(),
            ..Plan::new(len)
        };
        let view =
            View::new(source.as_fd(), &plan).map_err(|errno| denied::map(source, options, size, errno))?;
        let backed = usize::try_from(rest).map_or(len, |rest| rest.min(len));
        view.set_known(backed);
        let guarded = guard::enter(&view, source, options.guarded)?;
        let kept = (backed < len || guarded.is_some()).then(|| Arc::clone(source));
        let label = Arc::clone(source.label());
        let made = Mapping { guarded, view, source: kept, label, _attach: None };
        made.prepare(options, backed)?;
        Ok(made)
    }

    fn prepare(&self, options: &MapOptions, backed: usize) -> Result<()> {
        if options.huge {
            // A wish: a kernel without huge pages refuses it.
            let _ = self.view.advise(0..self.len(), Advice::HugePage);
        }
        if options.populate && backed > 0 {
            self.view.populate(0..backed).map_err(|errno| {
                let tried = format!("cannot make the pages of {}", self.label);
                match errno {
                    // The kernel's word for a page that would be SIGBUS (MADV_POPULATE_READ, madvise(2)).
                    Errno::EFAULT => Error::because(
                        errno,
                        format!("{tried}: no memory or disk space is left for one of them"),
                    ),
                    _ => Error::kernel(errno, tried),
                }
            })?;
        }
        if options.locked && backed > 0 {
            let locked = self.view.lock(0..backed);
            locked.map_err(|errno| {
                Error::kernel(errno, format_args!("cannot lock the pages of {}", self.label))
            })?;
        }
        Ok(())
    }

    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    #[inline]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether it can be written.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.view.plan().write
    }

    /// Whether its writes stay with this process.
    pub fn is_private(&self) -> bool {
        self.view.plan().private
    }

    /// Where in the object it begins, in bytes.
    pub fn offset(&self) -> u64 {
        self.view.plan().offset
    }

    /// The address of its first byte.
    pub fn address(&self) -> usize {
        self.view.as_ptr() as usize
    }

    /// Some of its bytes; offsets in a window count from its start.
    ///
    /// # Errors
    /// `EINVAL` for a range that is not inside.
    #[inline]
    pub fn window(&self, range: impl RangeBounds<usize>) -> Result<Window<'_>> {
        self.whole().window(range)
    }

    /// All of its bytes.
    #[inline]
    pub fn whole(&self) -> Window<'_> {
        Window::of(self)
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn source(&self) -> Option<&Arc<Source>> {
        self.source.as_ref()
    }

    /// Asks how long the object is, and remembers; nothing where that cannot change.
    pub(crate) fn ask(&self) -> Result<Option<u64>> {
        let Some(source) = &self.source else { return Ok(None) };
        let size = source.len()?;
        let rest = size.saturating_sub(self.offset());
        self.view.set_known(usize::try_from(rest).unwrap_or(usize::MAX));
        Ok(Some(size))
    }

    /// Gives it the length `len`, of which the object has `backed` bytes.
    pub(crate) fn resize(&mut self, len: usize, backed: usize) -> shmfs_sys::Result<()> {
        self.view.resize(len)?;
        self.view.set_known(backed);
        if let Some(entry) = &self.guarded {
            entry.moved(&self.view);
        }
        Ok(())
    }
}
