//! The one line that a program says before it dies: which object, where, and why.
//!
//! Owns: the words. Everything here is async-signal-safe.

use super::known;
use crate::fd;
use rustix::{fd::BorrowedFd, io};

/// Bytes of the line: a name, three numbers, and words.
const LINE_BYTES: usize = 512;

/// Bytes that are written at once; what has no room is left out.
struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl Line {
    fn text(&mut self, text: &[u8]) -> &mut Line {
        for byte in text.iter().take_while(|byte| **byte != 0) {
            if let Some(place) = self.bytes.get_mut(self.len) {
                // A name may be anything; a terminal is not to be told what to do by it.
                *place = if byte.is_ascii_control() && *byte != b'\n' { b'?' } else { *byte };
                self.len += 1;
            }
        }
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Line {
        let mut digits = [0; 20];
        let mut first = digits.len();
        while first > 0 {
            first -= 1;
            if let Some(digit) = digits.get_mut(first) {
                *digit = b'0' + (number % 10) as u8;
            }
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.text(digits.get(first..).unwrap_or_default())
    }
}

/// Says on standard error what is known of a fault at `address`, if anything is. `broken`: the memory itself is.
pub(super) fn write(address: usize, broken: bool) {
    let Some(found) = known::find(address) else { return };
    let mut line = Line { bytes: [0; LINE_BYTES], len: 0 };
    line.text(b"shmfs: cannot reach byte ").number(found.place).text(b" of ").text(&found.name).text(b": ");
    match fd::identify_raw(found.fd).map(|facts| facts.size.0) {
        _ if broken => line.text(b"the memory is broken"),
        Some(size) if found.place >= size => {
            line.text(b"the file was truncated to ").number(size).text(b" bytes by somebody")
        }
        Some(size) => line
            .text(b"it has ")
            .number(size)
            .text(b" bytes, and no memory or disk space is left for the page"),
        None => line.text(b"its length is not known"),
    };
    line.text(b"\n");
    // Nobody is left to hear that this fails.
    let _ = io::write(standard_error(), line.bytes.get(..line.len).unwrap_or_default());
}

fn standard_error() -> BorrowedFd<'static> {
    // SAFETY: it is lent to one system call, which checks it.
    unsafe { BorrowedFd::borrow_raw(2) }
}
