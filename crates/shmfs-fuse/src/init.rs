//! The first message: what kernel and server agree on.

use crate::wire::flags::InitFlags;
use crate::wire::{self, Body, InitIn, InitOut};
use shmfs_abi::Errno;

/// The version of linux/fuse.h that this server was written for.
const VERSION: (u32, u32) = (7, 45);

/// The first version with passthrough and with requests that come again (Linux 6.9).
const LEAST_MINOR: u32 = 40;

/// Bytes of the largest request: a value of an extended attribute (`XATTR_SIZE_MAX`) and its name.
pub(crate) const REQUEST_BYTES: usize = 136 * 1024;

/// Bytes that the kernel may send with a `WRITE`, which never comes; it bounds other requests too.
const MAX_WRITE: u32 = 128 * 1024;

/// Bytes of the largest reply, a listing, in pages.
const MAX_PAGES: u16 = 64;

/// What this server cannot do without.
fn needed() -> InitFlags {
    InitFlags::PASSTHROUGH | InitFlags::HAS_RESEND | InitFlags::POSIX_ACL | InitFlags::INIT_EXT
}

fn wanted() -> InitFlags {
    needed()
        | InitFlags::ASYNC_READ
        | InitFlags::EXPORT_SUPPORT
        | InitFlags::BIG_WRITES
        | InitFlags::DONT_MASK
        | InitFlags::HAS_IOCTL_DIR
        | InitFlags::DO_READDIRPLUS
        | InitFlags::READDIRPLUS_AUTO
        | InitFlags::PARALLEL_DIROPS
        | InitFlags::MAX_PAGES
        | InitFlags::CACHE_SYMLINKS
        | InitFlags::HANDLE_KILLPRIV_V2
        | InitFlags::SETXATTR_EXT
}

/// Answers `FUSE_INIT`.
pub(crate) fn agree(mut body: Body<'_>, out: &mut Vec<u8>) -> Result<(), Errno> {
    let told: InitIn = body.take()?;
    let upper = body.take::<u32>().unwrap_or(0);
    let offered = InitFlags::from_bits_truncate(u64::from(upper) << 32 | u64::from(told.flags));
    if told.major != VERSION.0 || told.minor < LEAST_MINOR || !offered.contains(needed()) {
        tracing::error!(
            major = told.major,
            minor = told.minor,
            ?offered,
            "the kernel's FUSE is too old: passthrough and resent requests need Linux 6.9"
        );
        return Err(Errno::EPROTO);
    }
    let agreed = (offered & wanted()).bits();
    wire::put(
        out,
        &InitOut {
            major: VERSION.0,
            minor: VERSION.1.min(told.minor),
            max_readahead: told.max_readahead,
            flags: agreed as u32,
            flags2: (agreed >> 32) as u32,
            max_background: 64,
            congestion_threshold: 48,
            max_write: MAX_WRITE,
            time_gran: 1,
            max_pages: MAX_PAGES,
            // The files behind are a tmpfs' and stacked on nothing.
            max_stack_depth: 1,
            ..InitOut::default()
        },
    );
    Ok(())
}
