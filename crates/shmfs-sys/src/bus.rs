//! The guard: what SIGBUS does to the program, if it asks for it.
//!
//! The kernel sends SIGBUS to the thread that reaches for a page of a file that is not there: somebody has cut the file, or
//! there is no memory or disk space for the page. A fault inside of `copy` becomes that routine's result. Any other fault
//! ends the program as it does without the guard; before that, if it is in a mapping that the guard knows, one line on
//! standard error says which object it was and why.
//!
//! Everything in the handler is async-signal-safe: it takes no lock, allocates nothing, makes system calls only
//! (signal-safety(7)), and reads what it knows from atomics.
//!
//! Owns: the action for SIGBUS from [`install`] on, for the life of the process; the former action is passed on to.
//! Leaves to others: which mappings are known ([`known`]), the registers of a stopped thread (`frame`).
//! Not done: giving the action back; another library may have put its own on top of it.

mod frame;
pub mod known;
mod report;

use crate::{
    Result, copy,
    raw::{self, number},
    signal::{self, Mask},
};
use core::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use frame::{Frame, SigFault};

const SIGBUS: usize = 7;

// include/uapi/asm-generic/siginfo.h: the codes of faults of the thread itself. BUS_MCEERR_AO tells of a page that nobody has
// reached for.
const BUS_ADRALN: i32 = 1;
const BUS_MCEERR_AR: i32 = 4;

/// The kernel's `struct sigaction`: action, flags, restorer, mask.
type Action = [usize; 4];

const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const SA_SIGINFO: usize = 0x4;
const SA_ONSTACK: usize = 0x0800_0000;
const SA_RESETHAND: usize = 0x8000_0000;

/// What was to be done on SIGBUS before the guard.
static FORMER: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

static STATE: AtomicU32 = AtomicU32::new(ABSENT);
const ABSENT: u32 = 0;
const COMING: u32 = 1;
const INSTALLED: u32 = 2;

/// Whether [`install`] has been called.
#[inline]
pub fn is_installed() -> bool {
    STATE.load(Acquire) == INSTALLED
}

/// Installs the guard, once in the life of the process; it is inherited over fork. Threads that have an alternate stack
/// (`sigaltstack(2)`) run it there.
///
/// # Errors
/// As `rt_sigaction(2)`, under a filter that forbids it.
pub fn install() -> Result<()> {
    match STATE.compare_exchange(ABSENT, COMING, AcqRel, Acquire) {
        Err(COMING) => {
            while STATE.load(Acquire) == COMING {
                core::hint::spin_loop();
            }
            // The other thread may have failed.
            return if is_installed() { Ok(()) } else { install() };
        }
        Err(_) => return Ok(()),
        Ok(_) => {}
    }
    let done = replace_action();
    STATE.store(if done.is_ok() { INSTALLED } else { ABSENT }, Release);
    done
}

fn replace_action() -> Result<()> {
    // The former action must be known before the first fault can come.
    set_former(&action(None)?);
    let ours = frame::action(on_fault as *const () as usize, SA_SIGINFO | SA_ONSTACK);
    // Another thread may have changed it in between.
    set_former(&action(Some(&ours))?);
    Ok(())
}

fn set_former(former: &Action) {
    FORMER.iter().zip(former).for_each(|(place, word)| place.store(*word, Relaxed));
}

/// Asks for the action of SIGBUS, and sets it.
fn action(set: Option<&Action>) -> Result<Action> {
    let mut old: Action = [0; 4];
    let set = set.map_or(0, |action| action.as_ptr() as usize);
    let old_at = old.as_mut_ptr() as usize;
    // SAFETY: the kernel reads and writes one action each, which are there. The actions set are our handler, which keeps the
    // rules of signal handlers, and one that was the process's before.
    raw::check(unsafe { raw::syscall6(number::RT_SIGACTION, SIGBUS, set, old_at, size_of::<u64>(), 0, 0) })?;
    Ok(old)
}

/// The handler.
extern "C" fn on_fault(signal: i32, fault: *const SigFault, context: *mut u8) {
    // SAFETY: the kernel hands over a `siginfo_t`, of which this is the beginning (SA_SIGINFO).
    let SigFault { code, address, .. } = unsafe { fault.read() };
    let own = (BUS_ADRALN..=BUS_MCEERR_AR).contains(&code);
    if own {
        // SAFETY: it is the `ucontext_t` of the stopped thread, on its stack, and nobody else has a reference to it.
        let mut frame = unsafe { Frame::of(context) };
        if let Some(fixup) = copy::fixup(frame.instruction()) {
            frame.go_on(fixup, address.max(1));
            return;
        }
        report::write(address, code == BUS_MCEERR_AR);
    }
    pass_on(signal, fault, context, own);
}

/// Does what was to be done before the guard. `own`: the instruction that has faulted faults again when it is returned to.
fn pass_on(signal: i32, fault: *const SigFault, context: *mut u8, own: bool) {
    let former: Action = [0, 1, 2, 3].map(|index| FORMER[index].load(Relaxed));
    let [act, flags, _, mask] = former;
    match act {
        SIG_IGN if !own => {}
        // What is ignored ends the program nevertheless if the kernel forces it (`force_sig_fault`, kernel/signal.c).
        SIG_DFL | SIG_IGN => {
            let restored = action(Some(&former));
            if !own || restored.is_err() {
                send_again(signal, fault);
            }
        }
        _ => {
            if flags & SA_RESETHAND != 0 {
                FORMER[0].store(SIG_DFL, Relaxed);
            }
            // Restored by the return from this handler.
            let _ = signal::block(Mask(mask as u64));
            // SAFETY: the process had this as its handler, with these flags; it is called as the kernel would.
            unsafe { call(act, flags, signal, fault, context) };
        }
    }
}

/// # Safety
/// `act` must be the address of a signal handler with these flags.
unsafe fn call(act: usize, flags: usize, signal: i32, fault: *const SigFault, context: *mut u8) {
    let act = act as *const ();
    if flags & SA_SIGINFO == 0 {
        // SAFETY: without the flag it is a function of one number (sigaction(2)).
        let act: extern "C" fn(i32) = unsafe { core::mem::transmute(act) };
        act(signal);
    } else {
        // SAFETY: with the flag it is a function of three arguments (sigaction(2)).
        let act: extern "C" fn(i32, *const SigFault, *mut u8) = unsafe { core::mem::transmute(act) };
        act(signal, fault, context);
    }
}

/// The signal that has come, once more, to this thread: it waits until the handler has returned.
fn send_again(signal: i32, fault: *const SigFault) {
    let (process, thread) = (rustix::process::getpid(), rustix::thread::gettid());
    let (process, thread) = (process.as_raw_nonzero().get() as usize, thread.as_raw_nonzero().get() as usize);
    // SAFETY: the kernel reads the `siginfo_t` that it has handed over.
    unsafe {
        raw::syscall6(number::RT_TGSIGQUEUEINFO, process, thread, signal as usize, fault as usize, 0, 0)
    };
}
