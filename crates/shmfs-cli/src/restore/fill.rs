//! From the frames of a snapshot into an object's pages, or past them, to see whether they are whole.

use crate::failure::Failure;
use shmfs_snapshot::{Item, Reader, SnapshotError, Totals, Verdict};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

/// Reads the snapshot to its end, and writes what is in it where it belongs, if that is somewhere. `passed` is told
/// how far it has come, and may end it; `unusable` finds the words for damage.
pub(crate) fn fill<R: Read>(
    reader: &mut Reader<R>,
    pages: Option<&File>,
    mut passed: impl FnMut(u64) -> Result<(), Failure>,
    unusable: impl FnOnce(SnapshotError) -> Failure,
) -> Result<(Verdict, Totals), Failure> {
    loop {
        match reader.next() {
            Ok(Item::Frame { offset, bytes }) => {
                passed(offset)?;
                let written = pages.map_or(Ok(()), |pages| pages.write_all_at(bytes, offset));
                written.map_err(|error| Failure::new(format!("cannot fill the object: {error}")))?;
            }
            Ok(Item::End { verdict, totals }) => return Ok((verdict, totals)),
            Err(error) => {
                // A read that was interrupted is not damage.
                passed(0)?;
                return Err(unusable(error));
            }
        }
    }
}
