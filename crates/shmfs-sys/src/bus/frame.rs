//! The frame of a signal: the registers of the thread that it has stopped, and the way back to it.
//!
//! Owns: the layouts of `siginfo_t` and `ucontext_t` as the kernel writes them.

use super::Action;

/// The beginning of `siginfo_t` for a fault (include/uapi/asm-generic/siginfo.h).
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct SigFault {
    signal: i32,
    error: i32,
    /// Why: above 0 if the kernel says so.
    pub(super) code: i32,
    padding: i32,
    /// What was reached for.
    pub(super) address: usize,
}

/// The registers of a stopped thread; what is written there is so when it goes on.
pub(super) struct Frame<'c> {
    instruction: &'c mut usize,
    result: &'c mut usize,
}

#[cfg(target_arch = "x86_64")]
mod layout {
    // arch/x86/include/uapi/asm/ucontext.h and sigcontext.h: flags, link, stack, then the registers r8 to r15, rdi, rsi, rbp,
    // rbx, rdx, rax, rcx, rsp, rip.
    const REGISTERS: usize = 40;
    pub(super) const RESULT: usize = REGISTERS + 13 * 8;
    pub(super) const INSTRUCTION: usize = REGISTERS + 16 * 8;
}

#[cfg(target_arch = "aarch64")]
mod layout {
    // arch/arm64/include/uapi/asm/ucontext.h and sigcontext.h: flags, link, stack, 128 bytes of mask, then at 16 bytes the
    // address of a fault, the registers x0 to x30, sp, pc.
    const REGISTERS: usize = 176 + 8;
    pub(super) const RESULT: usize = REGISTERS;
    pub(super) const INSTRUCTION: usize = REGISTERS + 32 * 8;
}

impl<'c> Frame<'c> {
    /// # Safety
    /// `context` is the third argument of a handler with SA_SIGINFO, and nothing else refers to it for `'c`.
    pub(super) unsafe fn of(context: *mut u8) -> Frame<'c> {
        // SAFETY: the register has this place in the context, which is aligned.
        let instruction = unsafe { &mut *context.wrapping_add(layout::INSTRUCTION).cast() };
        // SAFETY: as above; it is another register.
        let result = unsafe { &mut *context.wrapping_add(layout::RESULT).cast() };
        Frame { instruction, result }
    }

    /// Where the thread was stopped.
    pub(super) fn instruction(&self) -> usize {
        *self.instruction
    }

    /// Lets the thread go on at `place`, with `result` in the register of results.
    pub(super) fn go_on(&mut self, place: usize, result: usize) {
        *self.instruction = place;
        *self.result = result;
    }
}

/// The action of a handler.
#[cfg(target_arch = "x86_64")]
pub(super) fn action(handler: usize, flags: usize) -> Action {
    // x86-64 wants the way back from the program (`setup_rt_frame`, arch/x86/kernel/signal_64.c).
    const SA_RESTORER: usize = 0x0400_0000;
    [handler, flags | SA_RESTORER, restorer as *const () as usize, 0]
}

/// Returns from a handler: the kernel jumps here by the handler's `ret`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn restorer() {
    // rt_sigreturn. Unwinders and debuggers know a frame of a signal by exactly these two instructions.
    core::arch::naked_asm!("mov rax, 15", "syscall")
}

/// The action of a handler. The way back is the kernel's own (vdso).
#[cfg(target_arch = "aarch64")]
pub(super) fn action(handler: usize, flags: usize) -> Action {
    [handler, flags, 0, 0]
}
