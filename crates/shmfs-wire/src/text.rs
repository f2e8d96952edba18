//! Names and reasons within bodies: a length and bytes, zero after the text.
//!
//! Owns: their layouts. Leaves to others: what a name may be made of (`Name`).

use crate::{Malformed, Reason, frame::zero};
use shmfs_abi::{
    Name,
    limits::{NAME_BYTES, REASON_BYTES},
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A name: 256 bytes. All zero where a name is absent.
#[derive(FromBytes, IntoBytes, Immutable, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct NameText {
    len: u8,
    bytes: [u8; NAME_BYTES],
}

impl NameText {
    pub(crate) const ABSENT: NameText = NameText { len: 0, bytes: [0; NAME_BYTES] };

    pub(crate) fn new(name: &Name) -> NameText {
        let mut text = NameText::ABSENT;
        text.len = fill(&mut text.bytes, name.as_bytes());
        text
    }

    pub(crate) fn name(&self) -> Result<Name, Malformed> {
        let bytes = within(&self.bytes, self.len, "name")?;
        Name::new(bytes).map_err(|_| Malformed::Field("name"))
    }
}

/// A reason: 168 bytes.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct ReasonText {
    len: u8,
    zero: [u8; 7],
    bytes: [u8; REASON_BYTES],
}

impl ReasonText {
    pub(crate) fn new(reason: &Reason) -> ReasonText {
        let mut text = ReasonText { len: 0, zero: [0; 7], bytes: [0; REASON_BYTES] };
        text.len = fill(&mut text.bytes, reason.as_str().as_bytes());
        text
    }

    pub(crate) fn reason(&self) -> Result<Reason, Malformed> {
        zero(self.zero == [0; 7], "reason")?;
        let bytes = within(&self.bytes, self.len, "reason")?;
        let text = core::str::from_utf8(bytes).map_err(|_| Malformed::Field("reason"))?;
        Ok(Reason::new(text))
    }
}

/// Copies as much of `from` as fits; its length. No text here is longer than 255 bytes.
fn fill(to: &mut [u8], from: &[u8]) -> u8 {
    let mut len = 0;
    for (to, from) in to.iter_mut().zip(from).take(usize::from(u8::MAX)) {
        *to = *from;
        len += 1;
    }
    len
}

/// The first `len` of `bytes`, when the others are zero.
fn within<'b>(bytes: &'b [u8], len: u8, field: &'static str) -> Result<&'b [u8], Malformed> {
    let (text, rest) = bytes.split_at_checked(usize::from(len)).ok_or(Malformed::Field(field))?;
    zero(rest.iter().all(|&byte| byte == 0), field)?;
    Ok(text)
}
