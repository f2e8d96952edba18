//! The routines of `copy` as Rust knows them: every processor's assembler defines these names.
//!
//! Owns: their signatures, the end of a faulting one. Leaves to others: their code (`arch`).

unsafe extern "C" {
    #[link_name = "shmfs_v1_copy"]
    pub(in crate::copy) fn copy(to: *mut u8, from: *const u8, len: usize) -> usize;
    #[link_name = "shmfs_v1_fill"]
    pub(in crate::copy) fn fill(to: *mut u8, byte: u8, len: usize) -> usize;
    #[link_name = "shmfs_v1_load8"]
    pub(in crate::copy) fn load_u8(value: *mut u8, from: *const u8) -> usize;
    #[link_name = "shmfs_v1_load16"]
    pub(in crate::copy) fn load_u16(value: *mut u16, from: *const u16) -> usize;
    #[link_name = "shmfs_v1_load32"]
    pub(in crate::copy) fn load_u32(value: *mut u32, from: *const u32) -> usize;
    #[link_name = "shmfs_v1_load64"]
    pub(in crate::copy) fn load_u64(value: *mut u64, from: *const u64) -> usize;
    #[link_name = "shmfs_v1_store8"]
    pub(in crate::copy) fn store_u8(to: *mut u8, value: u8) -> usize;
    #[link_name = "shmfs_v1_store16"]
    pub(in crate::copy) fn store_u16(to: *mut u16, value: u16) -> usize;
    #[link_name = "shmfs_v1_store32"]
    pub(in crate::copy) fn store_u32(to: *mut u32, value: u32) -> usize;
    #[link_name = "shmfs_v1_store64"]
    pub(in crate::copy) fn store_u64(to: *mut u64, value: u64) -> usize;

    // Places in the code below, not functions.
    #[link_name = "shmfs_v1_begin"]
    safe static BEGIN: u8;
    #[link_name = "shmfs_v1_end"]
    safe static END: u8;
    #[link_name = "shmfs_v1_fixup"]
    safe static FIXUP: u8;
}

/// Where to go on after a fault at this instruction, if it is one of the routines'.
pub(crate) fn fixup(instruction: usize) -> Option<usize> {
    let (begin, end) = (&raw const BEGIN as usize, &raw const END as usize);
    (begin..end).contains(&instruction).then_some(&raw const FIXUP as usize)
}
