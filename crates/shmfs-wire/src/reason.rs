//! The words of a refusal, as they travel: bounded text.
//!
//! Owns: the bound. Leaves to others: the layout (`text`).

use core::fmt::{self, Write};
use shmfs_abi::limits::REASON_BYTES;

/// Text of at most [`REASON_BYTES`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    len: u8,
    bytes: [u8; REASON_BYTES],
}

const _: () = assert!(REASON_BYTES <= u8::MAX as usize);

impl Reason {
    /// The text, cut before the first character that does not fit.
    pub fn new(text: &str) -> Reason {
        let mut reason = Reason { len: 0, bytes: [0; REASON_BYTES] };
        // It fails where the text is cut.
        let _ = reason.write_str(text);
        reason
    }

    /// The text that these arguments make, cut in the same way.
    pub fn format(args: fmt::Arguments<'_>) -> Reason {
        let mut reason = Reason::new("");
        // It fails where the text is cut.
        let _ = reason.write_fmt(args);
        reason
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only whole characters are let in.
        core::str::from_utf8(self.bytes.get(..usize::from(self.len)).unwrap_or_default()).unwrap_or_default()
    }
}

impl Write for Reason {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.bytes.get_mut(usize::from(self.len)..).unwrap_or_default();
        let len = text.floor_char_boundary(free.len());
        for (to, from) in free.iter_mut().zip(text.as_bytes().iter().take(len)) {
            *to = *from;
            self.len += 1;
        }
        if len == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
