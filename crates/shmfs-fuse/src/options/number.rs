//! Numbers in options, by the kernel's own rules (`memparse`, lib/cmdline.c; `shmem_parse_one`, mm/shmem.c, v6.18).
//!
//! Two differences, both refusals: a number that overflows, which the kernel takes for its remainder, and a unit
//! without a number, which it takes for 0.

use super::{Refused, Size};
use shmfs_abi::{PAGE_SIZE, limits::OBJECT_BYTES};

/// Memory of one inode that the kernel assumes where it bounds their number (`BOGO_INODE_SIZE`).
const INODE_BYTES: u64 = 1024;

/// `64m`, `50%`.
pub(super) fn size(item: &[u8], value: &[u8]) -> Result<Size, Refused> {
    let (number, rest) = with_unit(value).ok_or_else(|| no_size(item))?;
    match rest {
        b"" => pages(item, number),
        b"%" if number > 0 => Ok(Size::Percent(number)),
        b"%" => Err(no_room(item)),
        _ => Err(no_size(item)),
    }
}

/// Pages: `16k`.
pub(super) fn blocks(item: &[u8], value: &[u8]) -> Result<Size, Refused> {
    match with_unit(value) {
        Some((blocks, b"")) => pages(item, blocks.saturating_mul(PAGE_SIZE)),
        _ => Err(Refused::new(item, "it is no number of pages", "write it as in nr_blocks=16k")),
    }
}

fn pages(item: &[u8], bytes: u64) -> Result<Size, Refused> {
    match whole_pages(bytes) {
        Some(0) => Err(no_room(item)),
        Some(bytes) => Ok(Size::Bytes(bytes)),
        None => Err(Refused::new(item, "it is beyond 8 EiB", "give a smaller size")),
    }
}

fn no_size(item: &[u8]) -> Refused {
    Refused::new(item, "it is no size", "write it as in size=512m, size=4g or size=50%")
}

fn no_room(item: &[u8]) -> Refused {
    Refused::new(item, "a store has a size", "leave it out for half of the machine's memory")
}

/// Rounded up; nothing beyond what a store may hold.
pub(super) fn whole_pages(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE_SIZE).filter(|bytes| *bytes <= OBJECT_BYTES)
}

/// `10k`; 0 is without a limit.
pub(super) fn inodes(item: &[u8], value: &[u8]) -> Result<u64, Refused> {
    match with_unit(value) {
        Some((inodes, b"")) if inodes <= u64::MAX / INODE_BYTES => Ok(inodes),
        _ => Err(Refused::new(item, "it is no number of files", "write it as in nr_inodes=10k")),
    }
}

/// Octal; bits above 07777 are dropped, as the kernel drops them.
pub(super) fn mode(item: &[u8], value: &[u8]) -> Result<u32, Refused> {
    match whole(signless(value), 8).and_then(|mode| u32::try_from(mode).ok()) {
        Some(mode) => Ok(mode & 0o7777),
        None => Err(Refused::new(item, "it is no mode", "write it as in mode=1777")),
    }
}

/// A number of a user or a group; the largest means nobody (`make_kuid`, `uid_valid`).
pub(super) fn id(item: &[u8], value: &[u8]) -> Result<u32, Refused> {
    let (digits, radix) = radix(signless(value));
    let id = whole(digits, radix).and_then(|id| u32::try_from(id).ok());
    let id = id.filter(|id| *id != u32::MAX);
    id.ok_or_else(|| Refused::new(item, "it is no number of a user or group", "give 0 to 4294967294"))
}

/// One sign is taken (`kstrtoull`, lib/kstrtox.c).
fn signless(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"+").unwrap_or(value)
}

/// 0x before hexadecimal digits, 0 before octal ones.
fn radix(value: &[u8]) -> (&[u8], u32) {
    match value {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => (digits, 16),
        [b'0', ..] => (value, 8),
        _ => (value, 10),
    }
}

/// All of it one number.
fn whole(value: &[u8], radix: u32) -> Option<u64> {
    match leading(value, radix)? {
        (number, b"") => Some(number),
        _ => None,
    }
}

/// A number and a unit, and what follows them.
fn with_unit(value: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, radix) = radix(value);
    let (number, rest) = leading(digits, radix)?;
    let power = match rest.first().map(u8::to_ascii_lowercase) {
        Some(b'k') => 1,
        Some(b'm') => 2,
        Some(b'g') => 3,
        Some(b't') => 4,
        Some(b'p') => 5,
        Some(b'e') => 6,
        _ => return Some((number, rest)),
    };
    Some((number.checked_mul(1 << (10 * power))?, &rest[1..]))
}

/// The digits in front; nothing without any, and nothing beyond 64 bits.
fn leading(value: &[u8], radix: u32) -> Option<(u64, &[u8])> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let digits = value.iter().take_while(|byte| is_digit(byte)).count();
    let (digits, rest) = value.split_at(digits);
    let number = std::str::from_utf8(digits).ok()?;
    Some((u64::from_str_radix(number, radix).ok()?, rest))
}
