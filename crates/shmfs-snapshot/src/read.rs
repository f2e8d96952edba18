//! Reading a snapshot, of which every byte may be anything.
//!
//! Owns: the checks. Memory is bounded by one frame, plain and stored.
//! Leaves to others: what is done with a damaged one. What was read before the damage is what was written.

use crate::bytes::Counted;
use crate::frame::{Count, FRAME, FrameLayout, STORED_BYTES, Start, TRAILER, Totals, TrailerLayout};
use crate::{Header, SnapshotError, Verdict};
use std::io::Read;
use zerocopy::{FromBytes, IntoBytes};
use zstd::bulk::Decompressor;

/// What comes next in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// Bytes of the object. They come in order, and do not overlap.
    Frame {
        /// Where they belong.
        offset: u64,
        /// They themselves: 1 to [`FRAME_BYTES`](crate::FRAME_BYTES).
        bytes: &'a [u8],
    },
    /// The end, and it is whole.
    End {
        /// Whether the object was so at one moment.
        verdict: Verdict,
        /// What there was.
        totals: Totals,
    },
}

/// A snapshot that is being read.
pub struct Reader<R> {
    from: Counted<R>,
    header: Header,
    count: Count,
    unpacker: Decompressor<'static>,
    stored: Vec<u8>,
    plain: Vec<u8>,
    end: Option<(Verdict, Totals)>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`SnapshotError`] says what is wrong; as `from` reads.
    pub fn begin(from: R) -> Result<Reader<R>, SnapshotError> {
        let mut from = Counted::new(from);
        let header = Header::read(&mut from)?;
        Ok(Reader {
            from,
            header,
            count: Count::default(),
            unpacker: Decompressor::new()?,
            stored: Vec::new(),
            plain: Vec::new(),
            end: None,
        })
    }

    /// What it says of its object.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next frame, or the end. After the end it is the end again.
    ///
    /// # Errors
    /// [`SnapshotError`] says what is wrong; as the reader reads. Nothing can be read then.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from the reader")]
    pub fn next(&mut self) -> Result<Item<'_>, SnapshotError> {
        if let Some((verdict, totals)) = self.end {
            return Ok(Item::End { verdict, totals });
        }
        let at = self.from.at;
        let start: Start = self.from.layout()?;
        match start.tag {
            FRAME => self.frame(at, start),
            TRAILER => {
                let (verdict, totals) = self.trailer(at, start)?;
                self.end = Some((verdict, totals));
                Ok(Item::End { verdict, totals })
            }
            _ => Err(SnapshotError::Damaged { at, what: "neither a frame nor the end begins here" }),
        }
    }

    fn frame(&mut self, at: u64, start: Start) -> Result<Item<'_>, SnapshotError> {
        let damaged = |what| SnapshotError::Damaged { at, what };
        let layout: FrameLayout = self.rest(start)?;
        let (offset, len, stored) = (layout.offset.get(), layout.len.get(), layout.stored.get() as usize);
        let fits = self.count.has_room(offset, u64::from(len), self.header.size.0);
        if !fits || layout.zero != 0 || !(1..=STORED_BYTES).contains(&stored) {
            return Err(damaged("the numbers of a frame cannot be"));
        }
        self.stored.resize(stored, 0);
        self.from.fill(&mut self.stored)?;
        // The fuzzer cannot guess checksums, and is to see what is behind them.
        if layout.crc(&self.stored) != layout.start.crc.get() && !cfg!(fuzzing) {
            return Err(damaged("the checksum of a frame is wrong"));
        }
        self.plain.resize(len as usize, 0);
        let unpacked = self.unpacker.decompress_to_buffer(&self.stored, &mut self.plain[..]);
        if unpacked.ok() != Some(len as usize) {
            return Err(damaged("a frame cannot be unpacked"));
        }
        if crc32fast::hash(&self.plain) != layout.plain_crc.get() && !cfg!(fuzzing) {
            return Err(damaged("the checksum of a frame's bytes is wrong"));
        }
        self.count.add(&layout);
        Ok(Item::Frame { offset, bytes: &self.plain })
    }

    fn trailer(&mut self, at: u64, start: Start) -> Result<(Verdict, Totals), SnapshotError> {
        let damaged = |what| SnapshotError::Damaged { at, what };
        let layout: TrailerLayout = self.rest(start)?;
        let Count { frames, bytes, .. } = self.count;
        let sound = layout.crc() == layout.start.crc.get() && self.count.sum() == layout.sum.get();
        if !sound && !cfg!(fuzzing) {
            return Err(damaged("the checksum of the end is wrong"));
        }
        if (layout.frames.get(), layout.bytes.get(), layout.zero) != (frames, bytes, [0; 7]) {
            return Err(damaged("frames are missing, or too many"));
        }
        let verdict = Verdict::of(layout.verdict, layout.attaches.get());
        let verdict = verdict.filter(|verdict| verdict.fits(self.header.hold));
        let verdict = verdict.ok_or(damaged("what it says of its consistency cannot be"))?;
        let file_bytes = self.from.at;
        if self.from.some(&mut [0])? != 0 {
            return Err(SnapshotError::Trailing { at: file_bytes });
        }
        Ok((verdict, Totals { frames, bytes, file_bytes }))
    }

    /// Reads what follows `start` in its layout.
    fn rest<T: FromBytes + IntoBytes>(&mut self, start: Start) -> Result<T, SnapshotError> {
        let mut layout = T::new_zeroed();
        let (head, rest) = layout.as_mut_bytes().split_at_mut(size_of::<Start>());
        head.copy_from_slice(start.as_bytes());
        self.from.fill(rest)?;
        Ok(layout)
    }
}
