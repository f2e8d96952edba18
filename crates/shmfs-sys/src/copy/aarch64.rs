//! The routines of `copy` for aarch64, by its procedure call standard: arguments in x0, x1, x2, result in x0.
//!
//! None of them touches the stack or a register that the caller keeps, so a jump to `fixup` from anywhere returns well.
//! All loads of a step come before its stores; up to 64 bytes are copied by moves that may overlap.

use core::arch::global_asm;

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
        hint #34 // bti c
    .endm
    .macro done
        mov x0, xzr
        ret
    .endm

    place shmfs_v1_begin

    routine shmfs_v1_copy
        add x4, x1, x2
        add x5, x0, x2
        cmp x2, #16
        b.lo 2f
        cmp x2, #32
        b.hi 3f
        ldr q0, [x1]
        ldur q1, [x4, #-16]
        str q0, [x0]
        stur q1, [x5, #-16]
        done
    2:  // 0 to 15 bytes
        tbz x2, #3, 21f
        ldr x6, [x1]
        ldur x7, [x4, #-8]
        str x6, [x0]
        stur x7, [x5, #-8]
        done
    21: tbz x2, #2, 22f
        ldr w6, [x1]
        ldur w7, [x4, #-4]
        str w6, [x0]
        stur w7, [x5, #-4]
        done
    22: cbz x2, 23f
        lsr x8, x2, #1
        ldrb w6, [x1]
        ldrb w7, [x1, x8]
        ldurb w9, [x4, #-1]
        strb w6, [x0]
        strb w7, [x0, x8]
        sturb w9, [x5, #-1]
    23: done
    3:  cmp x2, #64
        b.hi 4f
        ldp q0, q1, [x1]
        ldp q2, q3, [x4, #-32]
        stp q0, q1, [x0]
        stp q2, q3, [x5, #-32]
        done
    4:  // The last 64 bytes are kept for the end, the rest goes in steps of 64.
        ldp q4, q5, [x4, #-64]
        ldp q6, q7, [x4, #-32]
        sub x5, x5, #64
    5:  ldp q0, q1, [x1]
        ldp q2, q3, [x1, #32]
        add x1, x1, #64
        stp q0, q1, [x0]
        stp q2, q3, [x0, #32]
        add x0, x0, #64
        cmp x0, x5
        b.lo 5b
        stp q4, q5, [x5]
        stp q6, q7, [x5, #32]
        done

    routine shmfs_v1_fill
        add x5, x0, x2
        cmp x2, #16
        b.lo 7f
        dup v0.16b, w1
        sub x5, x5, #16
    6:  str q0, [x0], #16
        cmp x0, x5
        b.lo 6b
        str q0, [x5]
        done
    7:  cbz x2, 8f
        strb w1, [x0], #1
        sub x2, x2, #1
        b 7b
    8:  done

    routine shmfs_v1_load8
        ldrb w2, [x1]
        strb w2, [x0]
        done
    routine shmfs_v1_load16
        ldrh w2, [x1]
        strh w2, [x0]
        done
    routine shmfs_v1_load32
        ldr w2, [x1]
        str w2, [x0]
        done
    routine shmfs_v1_load64
        ldr x2, [x1]
        str x2, [x0]
        done
    routine shmfs_v1_store8
        strb w1, [x0]
        done
    routine shmfs_v1_store16
        strh w1, [x0]
        done
    routine shmfs_v1_store32
        str w1, [x0]
        done
    routine shmfs_v1_store64
        str x1, [x0]
        done

    place shmfs_v1_end

    // The guard has put the address of the fault into x0.
    place shmfs_v1_fixup
        ret

    .purgem place
    .purgem routine
    .purgem done
    .popsection
    "#
);
