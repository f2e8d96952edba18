//! What happened, for a person who replays a failure, and as one number by which two runs of a seed are compared.
//!
//! Owns: the lines, the number. Leaves to others: what is worth a line.

use std::fmt::Display;

/// What happened in one run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Kept only where somebody will read them: writing them costs more than the run.
    lines: Option<Vec<String>>,
    digest: u64,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Trace {
        Trace { lines: keep.then(Vec::new), digest: 0 }
    }

    /// Writes a line, if lines are kept.
    pub(crate) fn say<D: Display>(&mut self, line: impl FnOnce() -> D) {
        if let Some(lines) = &mut self.lines {
            lines.push(line().to_string());
        }
    }

    /// Counts something into the number.
    pub(crate) fn count(&mut self, what: &str, number: u64) {
        let mut digest = self.digest ^ number;
        for byte in what.bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest = digest.rotate_left(23);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
