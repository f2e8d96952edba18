//! Standard output and standard error, which may be gone.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, ErrorKind, Write};

/// Writes data to standard output. A reader that has seen enough (`shm ls | head`) is no failure.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes `value` as JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    data(&(text + "\n"))
}

/// Writes a line to standard error. There is nobody to tell when that fails.
pub(crate) fn complain(line: &str) {
    // With one write: lines of programs that run at once stay whole.
    drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
}
