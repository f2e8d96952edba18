//! Mapped files: views of ordinary files.
//!
//! Owns: the length of the view, and the check of each access against the file's length.
//! Leaves to others: accesses (`window`), flush and advice (`advice`).

use crate::{Advice, Error, MapOptions, Mapping, Result, Window, source::Source};
use shmfs_abi::{ByteLen, Errno};
use shmfs_sys::{AsFd, BorrowedFd, fd};
use std::{
    fs::{File, OpenOptions},
    ops::Range,
    path::Path,
    sync::Arc,
};

/// An ordinary file, mapped shared: what is written here is seen by `read(2)` at once, by every process that maps it, and
/// the other way round; and it reaches the disk as written files do, at the latest by [`flush`](MappedFile::flush).
///
/// ```
/// use shmfs::MappedFile;
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("index");
/// let file = MappedFile::create(&path, 5)?;
/// file.write_at(0, b"bytes")?;
/// assert_eq!(std::fs::read(&path)?, b"bytes");
///
/// let error = file.read_at(3, &mut [0; 4]).unwrap_err();
/// assert!(error.to_string().contains("past the end"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Lengths
/// An access beyond the file's end *as it is then* is an error (`ERANGE`) that names the numbers; bytes of the last page
/// beyond the end are never seen or written. Each access asks for the length, which is a system call (`fstat(2)`); code that
/// cannot spare that takes a [`window`](MappedFile::window) once, or a [`Mapping`] of its own ([`map`](MappedFile::map)).
///
/// Others may grow the file: [`refresh`](MappedFile::refresh) shows what they have added. They may cut it, too: after the
/// check of one access and before its copy there is a moment in which SIGBUS is possible, as on every mapping of a file that
/// is cut. The [`guard`](crate::guard) makes an error of that as well.
#[derive(Debug)]
pub struct MappedFile {
    source: Arc<Source>,
    /// All of the file as it was; nothing of an empty one.
    mapping: Option<Mapping>,
    read_only: bool,
}

impl MappedFile {
    /// Opens and maps a file for reading and writing.
    ///
    /// # Errors
    /// As `open(2)` and `mmap(2)`; `ENODEV` for what cannot be mapped.
    pub fn open(path: impl AsRef<Path>) -> Result<MappedFile> {
        Self::opened(path.as_ref(), OpenOptions::new().read(true).write(true), false)
    }

    /// Opens and maps a file for reading.
    ///
    /// # Errors
    /// As [`open`](MappedFile::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<MappedFile> {
        Self::opened(path.as_ref(), OpenOptions::new().read(true), true)
    }

    /// Makes a file of `len` bytes, all zero, which must not exist, and maps it for reading and writing. It has no disk
    /// space until it is written.
    ///
    /// # Errors
    /// `EEXIST`; as [`open`](MappedFile::open).
    pub fn create(path: impl AsRef<Path>, len: u64) -> Result<MappedFile> {
        let path = path.as_ref();
        let options = OpenOptions::new().read(true).write(true).create_new(true).to_owned();
        let file = open(path, &options)?;
        fd::truncate(&file, ByteLen(len)).map_err(|errno| {
            Error::kernel(errno, format_args!("cannot give {len} bytes to `{}`", path.display()))
        })?;
        Self::mapped(file, format!("`{}`", path.display()), false)
    }

    /// Maps a file that is open: for writing too, if it is open for that.
    ///
    /// # Errors
    /// `EACCES` for a file that is not open for reading; as `mmap(2)`.
    pub fn from_file(file: File) -> Result<MappedFile> {
        const ACCESS: i32 = 0o3;
        const WRITE_ONLY: i32 = 0o1;
        let access =
            fd::access(&file).map_err(|errno| Error::kernel(errno, "cannot examine the file"))?.bits()
                & ACCESS;
        if access == WRITE_ONLY {
            return Err(Error::because(Errno::EACCES, "cannot map the file: it is not open for reading"));
        }
        Self::mapped(file, "the file".to_owned(), access == 0)
    }

    fn opened(path: &Path, options: &OpenOptions, read_only: bool) -> Result<MappedFile> {
        Self::mapped(open(path, options)?, format!("`{}`", path.display()), read_only)
    }

    fn mapped(file: File, label: String, read_only: bool) -> Result<MappedFile> {
        let source = Arc::new(Source::with_any_pages(file.into(), label)?);
        let mut made = MappedFile { source, mapping: None, read_only };
        made.refresh()?;
        Ok(made)
    }

    /// The file's length now, in bytes, whoever has changed it.
    ///
    /// # Errors
    /// As `fstat(2)`.
    #[allow(clippy::len_without_is_empty, reason = "it asks the kernel each time")]
    pub fn len(&self) -> Result<u64> {
        self.source.len()
    }

    /// The view: all of the file as it was when it was opened, grown or refreshed. An empty file has none.
    pub fn mapping(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }

    /// Whether it can be written.
    pub fn is_writable(&self) -> bool {
        !self.read_only
    }

    /// Some of its bytes, which are there now. Later accesses by the window do not ask again.
    ///
    /// # Errors
    /// `ERANGE` where they are not all in the file, or not all in the view; both with the numbers.
    pub fn window(&self, range: Range<u64>) -> Result<Window<'_>> {
        self.reach("see", range.start, range.end.saturating_sub(range.start))
    }

    /// Copies bytes out, as many as `bytes` has room for.
    ///
    /// # Errors
    /// As [`window`](MappedFile::window); with the guard, `EFAULT` where a page cannot be had.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.reach("read", offset, bytes.len() as u64)?.read_at(0, bytes)
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// As [`read_at`](MappedFile::read_at); `EACCES` where it is for reading only.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.reach("write", offset, bytes.len() as u64)?.write_at(0, bytes)
    }

    /// The bytes of one access, after a look at the file's length.
    fn reach(&self, verb: &str, offset: u64, len: u64) -> Result<Window<'_>> {
        let size = self.len()?;
        let end = offset.checked_add(len);
        let refuse = |why: String| {
            let tried = format!("cannot {verb} {len} bytes at {offset} of {}", self.source.label());
            Error::because(Errno::ERANGE, format!("{tried}: {why}"))
        };
        let Some(end) = end.filter(|end| *end <= size) else {
            return Err(refuse(format!("past the end, there are {size} bytes")));
        };
        let view = self.mapping.as_ref().map_or_else(|| Window::from(&mut [][..]), Mapping::whole);
        if end > view.len() as u64 {
            return Err(refuse(format!(
                "the view has {} bytes, of {size} there are: refresh it",
                view.len()
            )));
        }
        view.window(offset as usize..end as usize)
    }

    /// Makes the file at least `len` bytes long, with disk space for what is added, and shows all of it. The view may move.
    ///
    /// # Errors
    /// `ENOSPC`, `EFBIG`; `EACCES` where it is for reading only; `ENOMEM`.
    pub fn grow(&mut self, len: u64) -> Result<()> {
        let refused = |errno| self.source.refused(errno, &format!("give {len} bytes to"));
        let size = self.len()?;
        if size < len {
            if self.read_only {
                let tried = format!("cannot give {len} bytes to {}", self.source.label());
                return Err(Error::because(Errno::EACCES, format!("{tried}: it is open for reading only")));
            }
            // By allocation, which never cuts what another process has added since.
            match fd::allocate(self.source.as_fd(), ByteLen(size), ByteLen(len - size)) {
                Err(Errno::EOPNOTSUPP) => fd::truncate(self.source.as_fd(), ByteLen(len)).map_err(refused)?,
                grown => grown.map_err(refused)?,
            }
        }
        self.refresh()
    }

    /// Shows all of the file as it is now, whoever has grown or cut it. The view may move.
    ///
    /// # Errors
    /// As `mremap(2)`: `ENOMEM`; `EOVERFLOW` for more than there are addresses.
    pub fn refresh(&mut self) -> Result<()> {
        let size = self.len()?;
        let len = usize::try_from(size).map_err(|_| self.source.refused(Errno::EOVERFLOW, "map"))?;
        match &mut self.mapping {
            _ if len == 0 => self.mapping = None,
            Some(mapping) => {
                mapping
                    .resize(len, len)
                    .map_err(|errno| self.source.refused(errno, &format!("map {len} bytes of")))?;
            }
            None => {
                let options = MapOptions { read_only: self.read_only, ..MapOptions::new() };
                self.mapping = Some(Mapping::new(&self.source, size, &options)?);
            }
        }
        Ok(())
    }

    /// A mapping of its own of a part of the file, which begins at a page; as writable as the file is.
    ///
    /// # Errors
    /// `EINVAL` for an offset that is no multiple of the page and for an empty range; as `mmap(2)`.
    pub fn map(&self, range: Range<u64>) -> Result<Mapping> {
        let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let options = MapOptions { read_only: self.read_only, ..MapOptions::new() };
        self.map_with(&options.offset(range.start).len(len))
    }

    /// A mapping of its own, as the options say.
    ///
    /// # Errors
    /// As [`Object::map_with`](crate::Object::map_with).
    pub fn map_with(&self, options: &MapOptions) -> Result<Mapping> {
        Mapping::new(&self.source, self.len()?, options)
    }

    /// Writes what was changed in a range to the disk, and returns when it is there (`msync(2)`).
    ///
    /// # Errors
    /// As [`window`](MappedFile::window); `EIO`, `ENOSPC`.
    pub fn flush(&self, range: Range<u64>) -> Result<()> {
        self.act("flush", range, Mapping::flush)
    }

    /// Says that a range is to be written to the disk, and does not wait.
    ///
    /// # Errors
    /// As [`flush`](MappedFile::flush).
    pub fn flush_async(&self, range: Range<u64>) -> Result<()> {
        self.act("flush", range, Mapping::flush_async)
    }

    /// Tells the kernel how a range will be used, which begins at a page; see [`Mapping::advise`].
    ///
    /// # Errors
    /// As [`window`](MappedFile::window), and as there.
    pub fn advise(&self, range: Range<u64>, advice: Advice) -> Result<()> {
        self.act("advise about", range, |mapping, range| mapping.advise(range, advice))
    }

    fn act(
        &self,
        verb: &str,
        range: Range<u64>,
        act: impl FnOnce(&Mapping, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let reached = self.reach(verb, range.start, range.end.saturating_sub(range.start))?;
        match &self.mapping {
            Some(mapping) => act(mapping, reached.start()..reached.start() + reached.len()),
            None => Ok(()),
        }
    }

    /// Gives the disk space of a range back; who reads there finds zeros. The length stays.
    ///
    /// # Errors
    /// `EOPNOTSUPP` where the file system has no holes; `EINVAL` for no bytes; as `fallocate(2)`.
    pub fn punch_hole(&self, range: Range<u64>) -> Result<()> {
        let len = range.end.saturating_sub(range.start);
        let punched = fd::punch(self, ByteLen(range.start), ByteLen(len));
        punched
            .map_err(|errno| self.source.refused(errno, &format!("free {len} bytes at {} of", range.start)))
    }
}

fn open(path: &Path, options: &OpenOptions) -> Result<File> {
    options.open(path).map_err(|error| {
        let errno = error.raw_os_error().map_or(Errno::EINVAL, Errno);
        Error::kernel(errno, format_args!("cannot open `{}`", path.display()))
    })
}

impl AsFd for MappedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
