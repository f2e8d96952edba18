//! What a mapping shows: a descriptor, and what to call it in messages.

use crate::{Error, Result};
use shmfs_abi::PAGE_SIZE;
use shmfs_sys::{AsFd, BorrowedFd, OwnedFd, fd};
use std::sync::Arc;

/// A file behind mappings: an object's, or an ordinary one.
#[derive(Debug)]
pub(crate) struct Source {
    fd: OwnedFd,
    /// As it stands in messages: "`frames`", "the anonymous object", "/tmp/index".
    label: Arc<str>,
    /// Bytes of one of its pages.
    page: usize,
}

impl Source {
    /// A file whose pages are ordinary ones.
    pub(crate) fn new(fd: OwnedFd, label: impl Into<Arc<str>>) -> Source {
        Source { fd, label: label.into(), page: PAGE_SIZE as usize }
    }

    /// A file that may have huge pages; asks the kernel.
    pub(crate) fn with_any_pages(fd: OwnedFd, label: impl Into<Arc<str>>) -> Result<Source> {
        let label = label.into();
        let page = fd::page_bytes(&fd)
            .map_err(|errno| Error::kernel(errno, format_args!("cannot examine {label}")))?;
        Ok(Source { fd, label, page })
    }

    pub(crate) fn label(&self) -> &Arc<str> {
        &self.label
    }

    pub(crate) fn page(&self) -> usize {
        self.page
    }

    /// Its length now, in bytes.
    pub(crate) fn len(&self) -> Result<u64> {
        let facts = fd::facts(&self.fd);
        facts.map(|facts| facts.size.0).map_err(|errno| self.refused(errno, "examine"))
    }

    /// The kernel would not do `verb` to it.
    #[cold]
    pub(crate) fn refused(&self, errno: shmfs_abi::Errno, verb: &str) -> Error {
        Error::kernel(errno, format_args!("cannot {verb} {}", self.label))
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
