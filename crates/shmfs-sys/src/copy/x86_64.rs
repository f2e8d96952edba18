//! The routines of `copy` for x86-64, by the System V calling convention: arguments in rdi, rsi, rdx, result in rax.
//!
//! None of them touches the stack or a register that the caller keeps, so a jump to `fixup` from anywhere returns well.
//! Up to 64 bytes are copied by moves that may overlap, all loads before all stores; more by vectors, of 32 bytes where the
//! processor has AVX, and from [`STREAM_BYTES`] on past the caches. `cargo xtask bench` holds the library to memcpy.
//!
//! Owns: the choice of vectors, made once from cpuid.

use core::arch::global_asm;

/// From here on stores go past the caches: more than most of them hold.
const STREAM_BYTES: usize = 32 << 20;

#[cfg(test)]
unsafe extern "C" {
    /// 0: not asked yet; 1: without AVX; 2: with it.
    #[link_name = "shmfs_v1_vectors"]
    pub(super) safe static VECTORS: core::sync::atomic::AtomicU8;
}

global_asm!(
    r#"
    .pushsection .text.shmfs_v1, "ax", @progbits
    .macro place name
        .globl \name
        .hidden \name
        \name:
    .endm
    .macro routine name
        .p2align 6
        .type \name, @function
        place \name
        .byte 0xf3, 0x0f, 0x1e, 0xfa // endbr64
    .endm

    place shmfs_v1_begin

    routine shmfs_v1_copy
        cmp rdx, 64
        ja 4f
        cmp rdx, 16
        jb 1f
        cmp rdx, 32
        ja 3f
        movups xmm0, xmmword ptr [rsi]
        movups xmm1, xmmword ptr [rsi + rdx - 16]
        movups xmmword ptr [rdi], xmm0
        movups xmmword ptr [rdi + rdx - 16], xmm1
        xor eax, eax
        ret
    1:  // 0 to 15 bytes
        cmp edx, 8
        jae 12f
        cmp edx, 4
        jae 11f
        test edx, edx
        jz 10f
        movzx eax, byte ptr [rsi]
        movzx ecx, byte ptr [rsi + rdx - 1]
        shr edx
        movzx r8d, byte ptr [rsi + rdx]
        mov byte ptr [rdi + rdx], r8b
        adc rdx, rdx
        mov byte ptr [rdi], al
        mov byte ptr [rdi + rdx - 1], cl
    10: xor eax, eax
        ret
    11: mov eax, dword ptr [rsi]
        mov ecx, dword ptr [rsi + rdx - 4]
        mov dword ptr [rdi], eax
        mov dword ptr [rdi + rdx - 4], ecx
        xor eax, eax
        ret
    12: mov rax, qword ptr [rsi]
        mov rcx, qword ptr [rsi + rdx - 8]
        mov qword ptr [rdi], rax
        mov qword ptr [rdi + rdx - 8], rcx
        xor eax, eax
        ret
    3:  movups xmm0, xmmword ptr [rsi]
        movups xmm1, xmmword ptr [rsi + 16]
        movups xmm2, xmmword ptr [rsi + rdx - 32]
        movups xmm3, xmmword ptr [rsi + rdx - 16]
        movups xmmword ptr [rdi], xmm0
        movups xmmword ptr [rdi + 16], xmm1
        movups xmmword ptr [rdi + rdx - 32], xmm2
        movups xmmword ptr [rdi + rdx - 16], xmm3
        xor eax, eax
        ret
    4:  cmp byte ptr [rip + shmfs_v1_vectors], 2
        jne 5f
        cmp rdx, 128
        ja 8f
        vmovups ymm0, ymmword ptr [rsi]
        vmovups ymm1, ymmword ptr [rsi + 32]
        vmovups ymm2, ymmword ptr [rsi + rdx - 64]
        vmovups ymm3, ymmword ptr [rsi + rdx - 32]
        vmovups ymmword ptr [rdi], ymm0
        vmovups ymmword ptr [rdi + 32], ymm1
        vmovups ymmword ptr [rdi + rdx - 64], ymm2
        vmovups ymmword ptr [rdi + rdx - 32], ymm3
        vzeroupper
        xor eax, eax
        ret
    5:  cmp byte ptr [rip + shmfs_v1_vectors], 1
        je 52f
        // AVX and OSXSAVE in cpuid, SSE and AVX state in XCR0 (Intel SDM, volume 1, 14.3). cpuid changes rbx.
        mov r8, rdx
        mov r9, rbx
        mov eax, 1
        cpuid
        mov rbx, r9
        and ecx, 0x18000000
        mov r10d, 1
        cmp ecx, 0x18000000
        jne 51f
        xor ecx, ecx
        xgetbv
        and eax, 6
        cmp eax, 6
        jne 51f
        inc r10d
    51: mov byte ptr [rip + shmfs_v1_vectors], r10b
        mov rdx, r8
        jmp 4b
    52: // Without AVX.
        cmp rdx, 128
        ja 6f
        movups xmm0, xmmword ptr [rsi]
        movups xmm1, xmmword ptr [rsi + 16]
        movups xmm2, xmmword ptr [rsi + 32]
        movups xmm3, xmmword ptr [rsi + 48]
        movups xmm4, xmmword ptr [rsi + rdx - 64]
        movups xmm5, xmmword ptr [rsi + rdx - 48]
        movups xmm6, xmmword ptr [rsi + rdx - 32]
        movups xmm7, xmmword ptr [rsi + rdx - 16]
        movups xmmword ptr [rdi], xmm0
        movups xmmword ptr [rdi + 16], xmm1
        movups xmmword ptr [rdi + 32], xmm2
        movups xmmword ptr [rdi + 48], xmm3
        movups xmmword ptr [rdi + rdx - 64], xmm4
        movups xmmword ptr [rdi + rdx - 48], xmm5
        movups xmmword ptr [rdi + rdx - 32], xmm6
        movups xmmword ptr [rdi + rdx - 16], xmm7
        xor eax, eax
        ret
    6:  // The last 64 bytes are kept for the end, the rest goes in steps of 64.
        movups xmm4, xmmword ptr [rsi + rdx - 64]
        movups xmm5, xmmword ptr [rsi + rdx - 48]
        movups xmm6, xmmword ptr [rsi + rdx - 32]
        movups xmm7, xmmword ptr [rsi + rdx - 16]
        lea r8, [rdi + rdx - 64]
        .p2align 5
    7:  movups xmm0, xmmword ptr [rsi]
        movups xmm1, xmmword ptr [rsi + 16]
        movups xmm2, xmmword ptr [rsi + 32]
        movups xmm3, xmmword ptr [rsi + 48]
        movups xmmword ptr [rdi], xmm0
        movups xmmword ptr [rdi + 16], xmm1
        movups xmmword ptr [rdi + 32], xmm2
        movups xmmword ptr [rdi + 48], xmm3
        add rsi, 64
        add rdi, 64
        cmp rdi, r8
        jb 7b
        movups xmmword ptr [r8], xmm4
        movups xmmword ptr [r8 + 16], xmm5
        movups xmmword ptr [r8 + 32], xmm6
        movups xmmword ptr [r8 + 48], xmm7
        xor eax, eax
        ret
    8:  // Where a store is a little above a multiple of 4096 from the loads that follow it, the processor takes them for one
        // place and waits; from the back it is the other way round.
        mov ecx, edi
        sub ecx, esi
        cmp rdx, {stream}
        jae 81f
        test ecx, 0xe00
        jnz 81f
        cmp rdx, 512
        jae 92f
    81: // The first 32 bytes go by themselves, then stores are aligned; the last 128 are kept for the end.
        vmovups ymm0, ymmword ptr [rsi]
        vmovups ymm4, ymmword ptr [rsi + rdx - 128]
        vmovups ymm5, ymmword ptr [rsi + rdx - 96]
        vmovups ymm6, ymmword ptr [rsi + rdx - 64]
        vmovups ymm7, ymmword ptr [rsi + rdx - 32]
        lea r8, [rdi + rdx - 128]
        sub rsi, rdi
        vmovups ymmword ptr [rdi], ymm0
        or rdi, 31
        inc rdi
        cmp rdx, {stream}
        jae 94f
        cmp rdi, r8
        jae 91f
        .p2align 5
    9:  vmovups ymm0, ymmword ptr [rsi + rdi]
        vmovups ymm1, ymmword ptr [rsi + rdi + 32]
        vmovups ymm2, ymmword ptr [rsi + rdi + 64]
        vmovups ymm3, ymmword ptr [rsi + rdi + 96]
        vmovaps ymmword ptr [rdi], ymm0
        vmovaps ymmword ptr [rdi + 32], ymm1
        vmovaps ymmword ptr [rdi + 64], ymm2
        vmovaps ymmword ptr [rdi + 96], ymm3
        sub rdi, -128
        cmp rdi, r8
        jb 9b
    91: vmovups ymmword ptr [r8], ymm4
        vmovups ymmword ptr [r8 + 32], ymm5
        vmovups ymmword ptr [r8 + 64], ymm6
        vmovups ymmword ptr [r8 + 96], ymm7
        vzeroupper
        xor eax, eax
        ret
    92: // The same from the back: the last 32 bytes first, the first 128 kept for the end.
        vmovups ymm0, ymmword ptr [rsi + rdx - 32]
        vmovups ymm4, ymmword ptr [rsi]
        vmovups ymm5, ymmword ptr [rsi + 32]
        vmovups ymm6, ymmword ptr [rsi + 64]
        vmovups ymm7, ymmword ptr [rsi + 96]
        sub rsi, rdi
        vmovups ymmword ptr [rdi + rdx - 32], ymm0
        lea rcx, [rdi + rdx - 1]
        and rcx, -32
        lea r8, [rdi + 128]
        .p2align 5
    93: vmovups ymm0, ymmword ptr [rsi + rcx - 32]
        vmovups ymm1, ymmword ptr [rsi + rcx - 64]
        vmovups ymm2, ymmword ptr [rsi + rcx - 96]
        vmovups ymm3, ymmword ptr [rsi + rcx - 128]
        vmovaps ymmword ptr [rcx - 32], ymm0
        vmovaps ymmword ptr [rcx - 64], ymm1
        vmovaps ymmword ptr [rcx - 96], ymm2
        vmovaps ymmword ptr [rcx - 128], ymm3
        add rcx, -128
        cmp rcx, r8
        ja 93b
        mov r8, rdi
        jmp 91b
        .p2align 5
    94: prefetcht0 [rsi + rdi + 1024]
        prefetcht0 [rsi + rdi + 1088]
        vmovups ymm0, ymmword ptr [rsi + rdi]
        vmovups ymm1, ymmword ptr [rsi + rdi + 32]
        vmovups ymm2, ymmword ptr [rsi + rdi + 64]
        vmovups ymm3, ymmword ptr [rsi + rdi + 96]
        vmovntps ymmword ptr [rdi], ymm0
        vmovntps ymmword ptr [rdi + 32], ymm1
        vmovntps ymmword ptr [rdi + 64], ymm2
        vmovntps ymmword ptr [rdi + 96], ymm3
        sub rdi, -128
        cmp rdi, r8
        jb 94b
        sfence
        jmp 91b

    routine shmfs_v1_fill
        mov eax, esi
        mov rcx, rdx
        rep stosb
        xor eax, eax
        ret

    routine shmfs_v1_load8
        mov al, byte ptr [rsi]
        mov byte ptr [rdi], al
        xor eax, eax
        ret
    routine shmfs_v1_load16
        mov ax, word ptr [rsi]
        mov word ptr [rdi], ax
        xor eax, eax
        ret
    routine shmfs_v1_load32
        mov eax, dword ptr [rsi]
        mov dword ptr [rdi], eax
        xor eax, eax
        ret
    routine shmfs_v1_load64
        mov rax, qword ptr [rsi]
        mov qword ptr [rdi], rax
        xor eax, eax
        ret
    routine shmfs_v1_store8
        mov byte ptr [rdi], sil
        xor eax, eax
        ret
    routine shmfs_v1_store16
        mov word ptr [rdi], si
        xor eax, eax
        ret
    routine shmfs_v1_store32
        mov dword ptr [rdi], esi
        xor eax, eax
        ret
    routine shmfs_v1_store64
        mov qword ptr [rdi], rsi
        xor eax, eax
        ret

    place shmfs_v1_end

    // The guard has put the address of the fault into rax.
    place shmfs_v1_fixup
        sfence
        cmp byte ptr [rip + shmfs_v1_vectors], 2
        jne 1f
        vzeroupper
    1:  ret

    // 0: not asked yet; 1: without AVX; 2: with it.
    .pushsection .bss.shmfs_v1, "aw", @nobits
    place shmfs_v1_vectors
        .byte 0
    .popsection

    .purgem place
    .purgem routine
    .popsection
    "#,
    stream = const STREAM_BYTES,
);
