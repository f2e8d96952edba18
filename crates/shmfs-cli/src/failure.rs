//! What the person reads when a command cannot be done: what was tried, why it failed, and what to type next.

use crate::size;
use crate::text::visible;
use shmfs_abi::Shortage;
use std::process::ExitCode;

/// Refused, or not found.
pub(crate) const REFUSED: u8 = 1;
/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// There is no store.
pub(crate) const NO_STORE: u8 = 3;
/// `shm run` itself failed.
pub(crate) const RUN_FAILED: u8 = 125;
/// The program was found and cannot be executed.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// The program was not found.
pub(crate) const NOT_FOUND: u8 = 127;

/// A command that could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was tried and why it failed: lowercase, no final period.
    pub(crate) message: String,
    /// What to type next.
    pub(crate) hint: Option<String>,
    /// The exit status.
    pub(crate) status: u8,
}

impl Failure {
    /// A failure with exit status [`REFUSED`].
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: None, status: REFUSED }
    }

    /// The same with a hint.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The same with another exit status.
    pub(crate) fn status(self, status: u8) -> Failure {
        Failure { status, ..self }
    }

    /// A call that the store refused while `tried`.
    pub(crate) fn refused(tried: &str, refused: &shmfs_wire::Refused) -> Failure {
        let why = match refused.shortage {
            Some(shortage) => shortage_words(&shortage),
            None => {
                let reason = visible(refused.reason.as_str().as_bytes());
                let name = refused.errno.name();
                if reason.is_empty() { name.to_owned() } else { format!("{reason} ({name})") }
            }
        };
        Failure::new(format!("cannot {tried}: {why}"))
    }

    /// Prints it to standard error; gives the exit status.
    pub(crate) fn tell(&self) -> ExitCode {
        self.print();
        ExitCode::from(self.status)
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self) {
        crate::output::complain(&format!("shm: {}", self.message));
        if let Some(hint) = &self.hint {
            crate::output::complain(&format!("hint: {hint}"));
        }
    }
}

fn shortage_words(shortage: &Shortage) -> String {
    format!(
        "{} asked, {} free of this store's {}",
        size::long(shortage.asked_bytes),
        size::long(shortage.free_bytes),
        size::long(shortage.limit_bytes)
    )
}
