//! The words of a refusal, as they travel: bounded text.
//!
//! Owns: the bound. Leaves to others: the layout (`text`).

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
        let len = text.floor_char_boundary(REASON_BYTES);
        for (to, from) in reason.bytes.iter_mut().zip(text.as_bytes().iter().take(len)) {
            *to = *from;
            reason.len += 1;
        }
        reason
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Both constructors let only whole characters in.
        core::str::from_utf8(self.bytes.get(..usize::from(self.len)).unwrap_or_default()).unwrap_or_default()
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::fmt::Debug for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}
