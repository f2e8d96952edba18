//! Access by type: plain values, single words, atomics.

use crate::{Error, Mapping, Result, Window};
use shmfs_sys::span::{Denied, Span};
use std::{
    io,
    ops::RangeBounds,
    sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// One method of a [`Window`] for each kind of word, and the same for a [`Mapping`].
macro_rules! words {
    ($($load:ident $store:ident $atomic:ident $word:ty, $type:ty;)*) => {
        impl<'m> Window<'m> { $(
            /// Loads the word at `offset`, whole, in no order with other accesses. It is really loaded each time.
            ///
            /// # Errors
            /// `EINVAL` where it is not inside or at no multiple of its size; else as [`read_at`](Window::read_at).
            #[inline]
            pub fn $load(&self, offset: usize) -> Result<$word> {
                self.access("load", offset, size_of::<$word>(), |span, offset| span.$load(offset))
            }

            /// Stores the word at `offset`, whole, in no order with other accesses. It is really stored each time.
            ///
            /// # Errors
            /// `EINVAL` where it is not inside or at no multiple of its size; else as [`write_at`](Window::write_at).
            #[inline]
            pub fn $store(&self, offset: usize, value: $word) -> Result<()> {
                self.access("store", offset, size_of::<$word>(), |span, offset| span.$store(offset, value))
            }

            /// The word at `offset` as an atomic: the way for processes to take turns.
            ///
            /// # Errors
            /// `EINVAL` where it is not inside or at no multiple of its size; `ERANGE` beyond the object's end; `EACCES`
            /// where the window is for reading only. A page that is gone later is no error but SIGBUS, with the guard
            /// too, which names it.
            #[inline]
            pub fn $atomic(&self, offset: usize) -> Result<&'m $type> {
                self.access("share", offset, size_of::<$word>(), |span, offset| span.$atomic(offset))
            }
        )* }

        impl Mapping { $(
            #[doc = concat!("As [`Window::", stringify!($load), "`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn $load(&self, offset: usize) -> Result<$word> {
                self.access(|span| span.$load(offset), |all| all.$load(offset))
            }

            #[doc = concat!("As [`Window::", stringify!($store), "`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn $store(&self, offset: usize, value: $word) -> Result<()> {
                self.access(|span| span.$store(offset, value), |all| all.$store(offset, value))
            }

            #[doc = concat!("As [`Window::", stringify!($atomic), "`].")]
            ///
            /// # Errors
            /// As there.
            #[inline]
            pub fn $atomic(&self, offset: usize) -> Result<&$type> {
                self.access(|span| span.$atomic(offset), |all| all.$atomic(offset))
            }
        )* }
    };
}

words! {
    load_u8 store_u8 atomic_u8 u8, AtomicU8;
    load_u16 store_u16 atomic_u16 u16, AtomicU16;
    load_u32 store_u32 atomic_u32 u32, AtomicU32;
    load_u64 store_u64 atomic_u64 u64, AtomicU64;
}

impl Window<'_> {
    /// A copy of the value at `offset`, at any alignment. What may be read so is any type of which all bytes are a value
    /// ([`zerocopy::FromBytes`], which can be derived).
    ///
    /// ```
    /// use shmfs::{Object, zerocopy::{FromBytes, Immutable, IntoBytes}};
    /// #[derive(FromBytes, IntoBytes, Immutable, PartialEq, Debug)]
    /// #[repr(C)]
    /// struct Frame { number: u64, width: u32, height: u32 }
    ///
    /// let object = Object::anonymous(4096)?;
    /// let mapping = object.map()?;
    /// mapping.set(64, &Frame { number: 1, width: 640, height: 480 })?;
    /// assert_eq!(mapping.get::<Frame>(64)?.width, 640);
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_at`](Window::read_at).
    #[inline]
    pub fn get<T: FromBytes>(&self, offset: usize) -> Result<T> {
        value_of(|bytes| self.read_at(offset, bytes))
    }

    /// Copies a value in, at any alignment. What may be written so is any type without bytes that have no value
    /// ([`zerocopy::IntoBytes`]).
    ///
    /// # Errors
    /// As [`write_at`](Window::write_at).
    #[inline]
    pub fn set<T: IntoBytes + Immutable + ?Sized>(&self, offset: usize, value: &T) -> Result<()> {
        self.write_at(offset, value.as_bytes())
    }
}

/// Keeps what it does out of the way of those who do not need it.
#[cold]
#[inline(never)]
fn slowly<R>(act: impl FnOnce() -> R) -> R {
    act()
}

/// The value of the bytes that `read` gives: zerocopy knows how to make one of any bytes.
#[inline]
fn value_of<T: FromBytes>(read: impl FnMut(&mut [u8]) -> Result<()>) -> Result<T> {
    let mut copy = Copying { read, failed: None };
    T::read_from_io(&mut copy)
        .map_err(|error| copy.failed.unwrap_or_else(|| Error::new(5, error.to_string())))
}

/// A reader that gives its bytes all at once, and keeps the error.
struct Copying<F> {
    read: F,
    failed: Option<Error>,
}

impl<F: FnMut(&mut [u8]) -> Result<()>> io::Read for &mut Copying<F> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.read_exact(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        (self.read)(bytes).map_err(|error| {
            self.failed = Some(error);
            io::ErrorKind::Other.into()
        })
    }
}

impl Mapping {
    /// An access to what is known to be there, at once; else by a window of all, which looks closer.
    #[inline]
    fn access<'m, R>(
        &'m self,
        fast: impl FnOnce(Span<'m>) -> std::result::Result<R, Denied>,
        slow: impl FnOnce(Window<'m>) -> Result<R>,
    ) -> Result<R> {
        match fast(self.view().known()) {
            Ok(done) => Ok(done),
            Err(_) => slowly(|| slow(self.whole())),
        }
    }

    /// As [`Window::read_at`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn read_at(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        match self.view().known().read(offset, bytes) {
            Ok(()) => Ok(()),
            Err(_) => slowly(|| self.whole().read_at(offset, bytes)),
        }
    }

    /// As [`Window::write_at`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.access(|span| span.write(offset, bytes), |all| all.write_at(offset, bytes))
    }

    /// As [`Window::fill`].
    ///
    /// # Errors
    /// As there.
    pub fn fill(&self, range: impl RangeBounds<usize>, byte: u8) -> Result<()> {
        self.whole().fill(range, byte)
    }

    /// As [`Window::copy_within`].
    ///
    /// # Errors
    /// As there.
    pub fn copy_within(&self, range: impl RangeBounds<usize>, offset: usize) -> Result<()> {
        self.whole().copy_within(range, offset)
    }

    /// Copies a range to another mapping, from its `offset` on; as [`Window::copy_to`].
    ///
    /// # Errors
    /// As there.
    pub fn copy_to(&self, range: impl RangeBounds<usize>, other: &Mapping, offset: usize) -> Result<()> {
        self.window(range)?.copy_to(&other.whole(), offset)
    }

    /// As [`Window::get`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn get<T: FromBytes>(&self, offset: usize) -> Result<T> {
        value_of(|bytes| self.read_at(offset, bytes))
    }

    /// As [`Window::set`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn set<T: IntoBytes + Immutable + ?Sized>(&self, offset: usize, value: &T) -> Result<()> {
        self.write_at(offset, value.as_bytes())
    }
}
