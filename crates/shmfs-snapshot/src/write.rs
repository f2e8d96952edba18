//! Writing a snapshot from its first byte to its last; nothing is ever gone back to.
//!
//! Owns: the order of its parts, compression.
//! Leaves to others: which bytes are written, and to where.

use crate::frame::{
    Count, FRAME, FRAME_BYTES, FrameLayout, STORED_BYTES, Start, TRAILER, Totals, TrailerLayout,
};
use crate::{Header, Hold, SnapshotError, Verdict};
use std::io::Write;
use zerocopy::IntoBytes;
use zstd::bulk::Compressor;

/// How hard zstd tries: its default, some hundred megabytes a second.
const LEVEL: i32 = 3;

/// A snapshot that is being written.
pub struct Writer<W> {
    to: W,
    hold: Hold,
    size: u64,
    count: Count,
    file_bytes: u64,
    packer: Compressor<'static>,
    stored: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`SnapshotError::Header`] if no object can be so; as `to` writes.
    pub fn begin(mut to: W, header: &Header) -> Result<Writer<W>, SnapshotError> {
        let bytes = header.encode()?;
        to.write_all(&bytes)?;
        Ok(Writer {
            to,
            hold: header.hold,
            size: header.size.0,
            count: Count::default(),
            file_bytes: bytes.len() as u64,
            packer: Compressor::new(LEVEL)?,
            stored: Vec::with_capacity(STORED_BYTES),
        })
    }

    /// Writes bytes of the object: at most [`FRAME_BYTES`], and none before the end of those written last. What is
    /// left out is zero.
    ///
    /// # Errors
    /// [`SnapshotError::Frame`] otherwise; as the writer writes.
    pub fn frame(&mut self, offset: u64, bytes: &[u8]) -> Result<(), SnapshotError> {
        let len = bytes.len() as u64;
        if !self.count.has_room(offset, len, self.size) {
            return Err(SnapshotError::Frame { offset, len, end: self.count.end, size: self.size });
        }
        const { assert!(STORED_BYTES <= u32::MAX as usize && FRAME_BYTES <= STORED_BYTES) };
        self.stored.clear();
        self.packer.compress_to_buffer(bytes, &mut self.stored)?;
        let mut layout = FrameLayout {
            start: Start { tag: FRAME, crc: 0.into() },
            offset: offset.into(),
            len: (len as u32).into(),
            stored: (self.stored.len() as u32).into(),
            plain_crc: crc32fast::hash(bytes).into(),
            zero: 0.into(),
        };
        layout.start.crc = layout.crc(&self.stored).into();
        self.to.write_all(layout.as_bytes())?;
        self.to.write_all(&self.stored)?;
        self.file_bytes += (layout.as_bytes().len() + self.stored.len()) as u64;
        self.count.add(&layout);
        Ok(())
    }

    /// Writes the trailer: without one it is a snapshot that was cut. Nothing is synced.
    ///
    /// # Errors
    /// [`SnapshotError::Verdict`] for a consistent one that [nothing](Hold::Nothing) held; as the writer writes and
    /// flushes.
    pub fn finish(mut self, verdict: Verdict) -> Result<(W, Totals), SnapshotError> {
        if !verdict.fits(self.hold) {
            return Err(SnapshotError::Verdict);
        }
        let (number, attaches) = verdict.number();
        let mut layout = TrailerLayout {
            start: Start { tag: TRAILER, crc: 0.into() },
            frames: self.count.frames.into(),
            bytes: self.count.bytes.into(),
            sum: self.count.sum().into(),
            attaches: attaches.into(),
            verdict: number,
            zero: [0; 7],
        };
        layout.start.crc = layout.crc().into();
        self.to.write_all(layout.as_bytes())?;
        self.to.flush()?;
        let file_bytes = self.file_bytes + size_of::<TrailerLayout>() as u64;
        Ok((self.to, Totals { frames: self.count.frames, bytes: self.count.bytes, file_bytes }))
    }
}
