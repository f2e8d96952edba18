//! Amounts: bytes and pages are different types, and never meet without a conversion by name.

/// The size of a page in bytes, on both supported architectures.
pub const PAGE_SIZE: u64 = 4096;

/// A length in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ByteLen(pub u64);

/// A number of pages of [`PAGE_SIZE`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PageCount(pub u64);

impl ByteLen {
    /// The pages that hold this many bytes, rounded up.
    pub const fn pages(self) -> PageCount {
        PageCount(self.0.div_ceil(PAGE_SIZE))
    }
}

impl PageCount {
    /// The bytes in these pages; saturates at the largest number.
    pub const fn bytes(self) -> ByteLen {
        ByteLen(self.0.saturating_mul(PAGE_SIZE))
    }
}
