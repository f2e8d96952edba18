//! Refused accesses and mappings in words, with their numbers.

use crate::{Error, MapOptions, Mapping, Window, source::Source};
use shmfs_abi::Errno;
use shmfs_sys::span::Denied;

impl Window<'_> {
    /// The error of a refused access.
    #[cold]
    pub(crate) fn refuse(&self, verb: &str, offset: usize, len: usize, denied: Denied) -> Error {
        let access = self.tried(verb, offset, len);
        match denied {
            Denied::Outside => {
                Error::because(Errno::EINVAL, format!("{access}, which has {} bytes", self.len()))
            }
            Denied::ReadOnly => {
                Error::because(Errno::EACCES, format!("{access}: it is mapped for reading only"))
            }
            Denied::Unaligned => {
                let beyond = self.address().wrapping_add(offset) % len.max(1);
                let why = format!("{access}: that is {beyond} bytes beyond a multiple of {len}");
                Error::because(Errno::EINVAL, why)
            }
            Denied::Fault(address) => {
                Error::because(Errno::EFAULT, format!("{access}: {}", self.cause(address)))
            }
        }
    }

    /// The error of an access beyond the end of an object of `size` bytes.
    #[cold]
    pub(crate) fn past_the_end(&self, verb: &str, offset: usize, len: usize, size: u64) -> Error {
        let begins = self.mapping().map_or(0, Mapping::offset);
        let begins = begins.saturating_add(self.start() as u64);
        let what = if self.start() == 0 { "the mapping" } else { "the window" };
        let access = self.tried(verb, offset, len);
        let why =
            format!("{access}: past the end, there are {size} bytes and {what} begins at byte {begins}");
        Error::because(Errno::ERANGE, why)
    }

    fn tried(&self, verb: &str, offset: usize, len: usize) -> String {
        let what = match self.mapping() {
            None => "memory".to_owned(),
            Some(mapping) if self.len() == mapping.len() => format!("the mapping of {}", mapping.label()),
            Some(mapping) => format!("a window of {}", mapping.label()),
        };
        format!("cannot {verb} {len} bytes at {offset} of {what}")
    }

    /// Which byte of the object is at an address, if its mapping is there.
    pub(crate) fn place_of(&self, address: usize) -> Option<u64> {
        let mapping = self.mapping()?;
        let at = address.checked_sub(mapping.address()).filter(|at| *at < mapping.len())?;
        Some(mapping.offset().saturating_add(at as u64))
    }

    /// Why the page at `address` cannot be had.
    fn cause(&self, address: usize) -> String {
        let Some((mapping, place)) = self.mapping().zip(self.place_of(address)) else {
            return "the other side of the copy is memory whose page cannot be had".to_owned();
        };
        match mapping.source().map(|source| source.len()) {
            Some(Ok(size)) if place >= size => {
                format!("byte {place} is gone, somebody has cut {} to {size} bytes", mapping.label())
            }
            Some(Ok(_)) => format!("no memory or disk space is left for the page of byte {place}"),
            Some(Err(error)) => error.to_string(),
            None => format!("byte {place} is gone: somebody has cut it, or there is no memory left"),
        }
    }
}

/// The error of a refused mapping.
#[cold]
pub(crate) fn map(source: &Source, options: &MapOptions, size: u64, errno: Errno) -> Error {
    let label = source.label();
    let offset = options.offset;
    let len = options.len.map_or_else(|| "the rest".to_owned(), |len| format!("{len} bytes"));
    let tried = format!("cannot map {len} from byte {offset} of {label}");
    let why = match errno {
        Errno::EINVAL if !offset.is_multiple_of(source.page() as u64) => {
            format!("the offset is no multiple of a page, which has {} bytes", source.page())
        }
        Errno::EINVAL if options.len == Some(0) => "a mapping has at least one byte".to_owned(),
        Errno::EINVAL if options.len.is_none() && size <= offset => {
            format!("there are no more than {size} bytes, and a mapping has at least one")
        }
        Errno::EACCES => "its descriptor is not open for that".to_owned(),
        Errno::EPERM => "a seal forbids it, or the system does".to_owned(),
        Errno::EEXIST => {
            let address = options.address.map_or(0, std::num::NonZero::get);
            format!("something is mapped at {address:#x}")
        }
        _ => return Error::kernel(errno, tried),
    };
    Error::because(errno, format!("{tried}: {why}"))
}
