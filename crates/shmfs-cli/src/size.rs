//! Sizes as people write and read them: powers of 1024.

use crate::failure::Failure;
use shmfs_abi::{PAGE_SIZE, limits::OBJECT_BYTES};

const LETTERS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];

/// Bytes from `4G`, `512M`, `64K`, `4GiB` or plain `4096`.
///
/// # Errors
/// Words for the person when it is not a size, or larger than any object.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("a size is a number with K, M, G, T or P, such as 512M".to_owned());
    }
    let factor = factor(unit).ok_or_else(|| format!("`{unit}` is not a unit; K, M, G, T and P are"))?;
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match bytes {
        Some(bytes) if bytes <= OBJECT_BYTES => Ok(bytes),
        _ => Err("the size is beyond 8 EiB".to_owned()),
    }
}

/// The size of a store: at least one page.
///
/// # Errors
/// Words for the person.
pub(crate) fn parse_store(text: &str) -> Result<u64, String> {
    match parse(text)? {
        bytes if bytes < PAGE_SIZE => Err(format!("a store has at least one page, {PAGE_SIZE} bytes")),
        bytes => Ok(bytes),
    }
}

fn factor(unit: &str) -> Option<u64> {
    let mut chars = unit.chars();
    let Some(letter) = chars.next() else { return Some(1) };
    if !matches!(chars.as_str(), "" | "i" | "iB") {
        return None;
    }
    let power = LETTERS.iter().position(|known| *known == letter.to_ascii_uppercase())?;
    Some(1 << (10 * (power + 1)))
}

/// At most five characters: `512`, `1.5K`, `64M`.
pub(crate) fn short(bytes: u64) -> String {
    match scaled(bytes) {
        None => bytes.to_string(),
        Some((value, letter)) if value < 9.95 => format!("{value:.1}{letter}"),
        Some((value, letter)) => format!("{value:.0}{letter}"),
    }
}

/// For sentences: `512 bytes`, `1.5 KiB`.
pub(crate) fn long(bytes: u64) -> String {
    match scaled(bytes) {
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
        Some((value, letter)) => format!("{value:.1} {letter}iB"),
    }
}

fn scaled(bytes: u64) -> Option<(f64, char)> {
    let mut value = bytes as f64;
    let mut unit = None;
    for letter in LETTERS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(letter);
    }
    unit.map(|letter| (value, letter))
}

/// The size of a store: as given, or half of the machine's memory, as tmpfs has it (`shmem_default_max_blocks`,
/// mm/shmem.c).
pub(crate) fn or_half_of_ram(given: Option<u64>) -> Result<u64, Failure> {
    let unknown = || Failure::new("cannot read how much memory there is").hint("give --size");
    given.or_else(half_of_ram).ok_or_else(unknown)
}

/// In whole pages.
fn half_of_ram() -> Option<u64> {
    Some(ram()? / 2 / PAGE_SIZE * PAGE_SIZE)
}

/// The machine's memory, in bytes.
pub(crate) fn ram() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let cases = [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64K", Some(64 << 10)),
            ("64k", Some(64 << 10)),
            ("512M", Some(512 << 20)),
            ("4G", Some(4 << 30)),
            ("4Gi", Some(4 << 30)),
            ("4GiB", Some(4 << 30)),
            ("2T", Some(2 << 40)),
            ("7E", Some(7 << 60)),
            ("9223372036854775807", Some(i64::MAX as u64)),
            ("9223372036854775808", None),
            ("8E", None),
            ("99999999999999999999", None),
            ("18014398509481984K", None),
            ("16777216T", None),
            ("", None),
            ("G", None),
            ("-1", None),
            ("+1", None),
            ("1.5G", None),
            ("4GB", None),
            ("4 G", None),
            ("4X", None),
            ("4é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).ok(), expected, "{text:?}");
        }
        assert!(parse_store("4095").is_err());
        assert_eq!(parse_store("4K"), Ok(4096));
    }

    #[test]
    fn sizes_are_written() {
        let cases = [
            (0, "0", "0 bytes"),
            (1, "1", "1 byte"),
            (1023, "1023", "1023 bytes"),
            (1024, "1.0K", "1.0 KiB"),
            (1536, "1.5K", "1.5 KiB"),
            (10 << 10, "10K", "10.0 KiB"),
            ((1 << 20) - 1, "1024K", "1024.0 KiB"),
            (8 << 30, "8.0G", "8.0 GiB"),
            (u64::MAX, "16E", "16.0 EiB"),
        ];
        for (bytes, expected_short, expected_long) in cases {
            assert_eq!(short(bytes), expected_short);
            assert_eq!(long(bytes), expected_long);
        }
    }

    #[test]
    fn half_of_ram_is_whole_pages() {
        let half = half_of_ram().unwrap();
        assert!(half > 0);
        assert_eq!(half % PAGE_SIZE, 0);
    }
}
