//! From an object's pages into the frames of a snapshot.

use crate::failure::Failure;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use shmfs_snapshot::{FRAME_BYTES, SnapshotError, Writer};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;

/// Copies what is not a hole; whether all `size` bytes were there. `passed` is told how far it has come, and may end
/// it.
pub(crate) fn copy<W: Write>(
    pages: &File,
    size: u64,
    writer: &mut Writer<W>,
    mut passed: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut bytes = vec![0; FRAME_BYTES];
    let mut at = 0;
    while let Some((start, end)) = stretch(pages, at, size).map_err(reading)? {
        at = start;
        while at < end {
            passed(at)?;
            let wanted = FRAME_BYTES.min(usize::try_from(end - at).unwrap_or(FRAME_BYTES));
            let found = read(pages, &mut bytes[..wanted], at).map_err(reading)?;
            if found > 0 {
                writer.frame(at, &bytes[..found]).map_err(writing)?;
            }
            if found < wanted {
                return Ok(false);
            }
            at += found as u64;
        }
    }
    passed(size)?;
    let len = pages.metadata().map_err(reading)?.len();
    Ok(len >= size)
}

/// The next stretch from `at` on that is no hole, within `size`.
fn stretch(pages: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if at >= size {
        return Ok(None);
    }
    match seek(pages, SeekFrom::Data(at)) {
        Ok(start) if start < size => {
            let end = seek(pages, SeekFrom::Hole(start))?;
            Ok(Some((start, end.min(size))))
        }
        // lseek(2): beyond the last of the data.
        Ok(_) | Err(Errno::NXIO) => Ok(None),
        // A file system that knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some((at, size))),
        Err(error) => Err(error.into()),
    }
}

fn read(pages: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match pages.read_at(&mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(found) => done += found,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn reading(error: io::Error) -> Failure {
    Failure::new(format!("cannot read it: {error}"))
}

/// What could not be written, and why.
pub(crate) fn writing(error: SnapshotError) -> Failure {
    Failure::new(format!("cannot write the snapshot: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use shmfs_abi::{ByteLen, Kind};
    use shmfs_snapshot::{Doubt, Header, Item, Reader, Verdict};

    fn memfd(size: u64, parts: &[(u64, &[u8])]) -> File {
        let file = File::from(memfd_create("pages", MemfdFlags::CLOEXEC).unwrap());
        ftruncate(&file, size).unwrap();
        for (offset, bytes) in parts {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file
    }

    /// Copies it as one of `size` bytes; the frames' places and lengths, and whether it was whole.
    fn copied(pages: &File, size: u64) -> (Vec<(u64, usize)>, bool) {
        let header = Header::new(Kind::Object, ByteLen(size));
        let mut writer = Writer::begin(Vec::new(), &header).unwrap();
        let whole = copy(pages, size, &mut writer, |_| Ok(())).unwrap();
        let (file, _) = writer.finish(Verdict::Fuzzy(Doubt::Unknown)).unwrap();
        let mut reader = Reader::begin(&file[..]).unwrap();
        let mut frames = Vec::new();
        while let Item::Frame { offset, bytes } = reader.next().unwrap() {
            let mut there = vec![0; bytes.len()];
            pages.read_exact_at(&mut there, offset).unwrap();
            assert_eq!(bytes, there);
            frames.push((offset, bytes.len()));
        }
        (frames, whole)
    }

    #[test]
    fn holes_are_left_out() {
        let far = 1 << 30;
        let pages = memfd(far + 5000, &[(4096, b"x"), (far, &[1; 5000])]);
        assert_eq!(copied(&pages, far + 5000), (vec![(4096, 4096), (far, 5000)], true));
        assert_eq!(copied(&pages, far), (vec![(4096, 4096)], true));
        assert_eq!(copied(&memfd(1 << 40, &[]), 1 << 40), (vec![], true));
        assert_eq!(copied(&memfd(0, &[]), 0), (vec![], true));
    }

    #[test]
    fn long_stretches_are_cut_into_frames() {
        let long = 2 * FRAME_BYTES + 1;
        let pages = memfd(long as u64, &[(0, &vec![7; long])]);
        let mib = FRAME_BYTES as u64;
        assert_eq!(copied(&pages, long as u64).0, [(0, FRAME_BYTES), (mib, FRAME_BYTES), (2 * mib, 1)]);
    }

    #[test]
    fn what_was_cut_meanwhile_is_noticed() {
        let pages = memfd(5000, &[(0, &[1; 5000])]);
        assert_eq!(copied(&pages, 10_000), (vec![(0, 5000)], false));
        assert_eq!(copied(&memfd(5000, &[]), 10_000), (vec![], false));
    }
}
