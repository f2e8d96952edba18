//! A pipe on which a limit is written, as a body.
//!
//! Owns: its layout. Leaves to others: that of credentials (`part`).

use super::Senseless;
use super::part::{put_cred, take_cred, zero};
use crate::record::WriterRecord;
use crate::row::{Rest, Sheet};
use shmfs_abi::{Errno, ProcFile};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `WriterRecord`; the credentials follow.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct WriterBody {
    pipe: i32,
    file: u8,
    zero: [u8; 3],
}

pub(super) fn encode(writer: &WriterRecord, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.put(&WriterBody { pipe: writer.pipe, file: file_number(writer.file), zero: [0; 3] })?;
    put_cred(&writer.cred, sheet)
}

pub(super) fn decode(writer: u64, mut rest: Rest<'_>) -> Result<WriterRecord, Senseless> {
    let body: WriterBody = rest.take("writer")?;
    zero(body.zero == [0; 3], "writer")?;
    let cred = take_cred(&mut rest)?;
    rest.end("writer")?;
    Ok(WriterRecord { writer, pipe: body.pipe, file: file(body.file)?, cred })
}

const fn file_number(file: ProcFile) -> u8 {
    match file {
        ProcFile::SysvipcShm => 1,
        ProcFile::Shmmax => 2,
        ProcFile::Shmall => 3,
        ProcFile::Shmmni => 4,
        ProcFile::ShmRmidForced => 5,
        ProcFile::ShmNextId => 6,
    }
}

fn file(number: u8) -> Result<ProcFile, Senseless> {
    match number {
        1 => Ok(ProcFile::SysvipcShm),
        2 => Ok(ProcFile::Shmmax),
        3 => Ok(ProcFile::Shmall),
        4 => Ok(ProcFile::Shmmni),
        5 => Ok(ProcFile::ShmRmidForced),
        6 => Ok(ProcFile::ShmNextId),
        _ => Err(Senseless("file")),
    }
}
