//! Short texts for the kernel, built on the stack: paths below /proc and numbers in options.
//!
//! Owns: the bytes.
//! Leaves to others: choosing a length that holds the text.

use core::ffi::CStr;
use rustix::fd::{AsRawFd, BorrowedFd};

/// A text of fewer than `N` bytes. What does not fit is a mistake of the caller, and ends it.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

/// Bytes that hold "/proc/thread-self/fd/" and any descriptor.
pub(crate) const FD_PATH: usize = 36;

/// Decimal digits of the largest number.
const DIGITS: usize = 20;

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Text<N> {
        Text { bytes: [0; N], len: 0 }
    }

    /// Appends bytes that are not NUL.
    pub(crate) fn push(mut self, bytes: &[u8]) -> Text<N> {
        assert!(self.len + bytes.len() < N && !bytes.contains(&0), "the text has room");
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        self
    }

    /// Appends a number in decimal.
    pub(crate) fn number(self, mut number: u64) -> Text<N> {
        let mut digits = [0; DIGITS];
        let mut first = DIGITS;
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[first..]);
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// The path under which the calling thread can open a descriptor's file once more (proc_pid_fd(5)): a thread may have a
/// table of its own (`table::apart`).
pub(crate) fn fd_path(fd: BorrowedFd<'_>) -> Text<FD_PATH> {
    Text::new().push(b"/proc/thread-self/fd/").number(fd.as_raw_fd() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 4096, u64::MAX] {
            let text = Text::<24>::new().push(b"n=").number(number);
            assert_eq!(text.as_c_str().to_str().unwrap(), format!("n={number}"));
            assert_eq!(text.as_bytes().len(), text.as_c_str().count_bytes());
        }
    }
}
