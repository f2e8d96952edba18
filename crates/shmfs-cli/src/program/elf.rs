//! As much of an ELF file as tells whether the loader will take a preload: class, machine, interpreter (elf(5)).

/// Bytes that hold the header and, in every real program, the program headers.
pub(crate) const HEAD_BYTES: usize = 4096;

const PT_INTERP: u32 = 3;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// What a program is to the loader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Elf {
    /// No loader runs: static.
    Static,
    /// Built for another machine; its name.
    Foreign(String),
    /// The loader at this path runs first.
    Dynamic(Vec<u8>),
    /// The headers do not hold together; the kernel will say so.
    Damaged,
}

/// Reads the first bytes of a file; nothing when it is not ELF.
pub(crate) fn read(head: &[u8]) -> Option<Elf> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    Some(read_elf(head).unwrap_or(Elf::Damaged))
}

fn read_elf(head: &[u8]) -> Option<Elf> {
    let (class, order) = (*head.get(4)?, *head.get(5)?);
    let machine = number::<2>(head, 18).map(|bytes| match order {
        LITTLE_ENDIAN => u16::from_le_bytes(bytes),
        _ => u16::from_be_bytes(bytes),
    })?;
    if class != CLASS_64 || order != LITTLE_ENDIAN || machine != own_machine() {
        return Some(Elf::Foreign(machine_name(class, machine)));
    }
    let start = usize::try_from(u64::from_le_bytes(number(head, 32)?)).ok()?;
    let entry_bytes = usize::from(u16::from_le_bytes(number(head, 54)?));
    let entries = usize::from(u16::from_le_bytes(number(head, 56)?));
    for i in 0..entries {
        let at = start.checked_add(i.checked_mul(entry_bytes)?)?;
        if u32::from_le_bytes(number(head, at)?) != PT_INTERP {
            continue;
        }
        let offset = usize::try_from(u64::from_le_bytes(number(head, at.checked_add(8)?)?)).ok()?;
        let bytes = usize::try_from(u64::from_le_bytes(number(head, at.checked_add(32)?)?)).ok()?;
        // Where a linker put the name further back, the program is dynamic all the same.
        let name = head.get(offset..offset.checked_add(bytes)?).unwrap_or_default();
        return Some(Elf::Dynamic(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()));
    }
    Some(Elf::Static)
}

fn number<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn own_machine() -> u16 {
    if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 }
}

fn machine_name(class: u8, machine: u16) -> String {
    let bits = if class == CLASS_64 { 64 } else { 32 };
    match machine {
        3 => "32-bit x86".to_owned(),
        40 => "32-bit ARM".to_owned(),
        EM_X86_64 if bits == 64 => "x86-64".to_owned(),
        EM_X86_64 => "x32".to_owned(),
        EM_AARCH64 => "aarch64".to_owned(),
        243 => format!("{bits}-bit RISC-V"),
        other => format!("a {bits}-bit machine with number {other}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An ELF file of this machine with one program header of `kind`, and `name` behind it.
    pub(crate) fn made(kind: u32, name: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 120];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', CLASS_64, LITTLE_ENDIAN]);
        file[18..20].copy_from_slice(&own_machine().to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&1_u16.to_le_bytes());
        file[64..68].copy_from_slice(&kind.to_le_bytes());
        file[72..80].copy_from_slice(&120_u64.to_le_bytes());
        file[96..104].copy_from_slice(&(name.len() as u64).to_le_bytes());
        file.extend(name);
        file
    }

    #[test]
    fn headers_tell_static_from_dynamic() {
        let dynamic = made(PT_INTERP, b"/lib64/ld-linux-x86-64.so.2\0");
        assert_eq!(read(&dynamic), Some(Elf::Dynamic(b"/lib64/ld-linux-x86-64.so.2".to_vec())));
        assert_eq!(read(&made(1, b"")), Some(Elf::Static));
        assert_eq!(read(b"#!/bin/sh\n"), None);
        assert_eq!(read(b""), None);
        let mut foreign = dynamic.clone();
        foreign[4] = 1;
        foreign[18..20].copy_from_slice(&3_u16.to_le_bytes());
        assert_eq!(read(&foreign), Some(Elf::Foreign("32-bit x86".to_owned())));
    }

    #[test]
    fn no_bytes_make_it_fail() {
        let whole = made(PT_INTERP, b"/lib/ld.so\0");
        for len in 0..whole.len() {
            drop(read(&whole[..len]));
        }
        for at in 4..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xff;
            drop(read(&broken));
        }
        let mut far = whole;
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(read(&far), Some(Elf::Damaged));
    }

    #[test]
    fn this_test_is_dynamic_or_static() {
        let mut head = std::fs::read("/proc/self/exe").unwrap();
        head.truncate(HEAD_BYTES);
        assert!(matches!(read(&head), Some(Elf::Dynamic(_) | Elf::Static)));
    }
}
