//! The control file as the driver reads it: the layout is load.h's.

use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ROWS: u64 = 32;
const ROW_BYTES: u64 = 320;
/// Where the driver's row says that all are to stop.
const STOP_AT: u64 = 40;

/// What a process is doing, and what it has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Post {
    /// The call under way, and how long it has taken.
    pub(crate) waits: Option<(String, Duration)>,
    pub(crate) calls: u64,
    pub(crate) longest: Duration,
    pub(crate) slowest: String,
}

/// The control file.
pub(crate) struct Control {
    path: PathBuf,
    file: File,
}

impl Control {
    pub(crate) fn create(path: PathBuf) -> io::Result<Control> {
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        file.set_len(ROWS * ROW_BYTES)?;
        Ok(Control { path, file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells all processes to look at what they made, and to end.
    pub(crate) fn stop(&self) -> io::Result<()> {
        self.file.write_all_at(&1u64.to_ne_bytes(), STOP_AT)
    }

    pub(crate) fn post(&self, which: u64) -> io::Result<Post> {
        let mut bytes = [0; 40];
        self.file.read_exact_at(&mut bytes, which * ROW_BYTES)?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at * 8..at * 8 + 8]);
            word
        };
        let number = |at: usize| u64::from_ne_bytes(word(at));
        let letters = |at: usize| String::from_utf8_lossy(&word(at)).trim_end_matches('\0').to_owned();
        let since = number(0);
        let waited = Duration::from_nanos(monotonic().saturating_sub(since));
        Ok(Post {
            waits: (since != 0).then(|| (letters(1), waited)),
            calls: number(2),
            longest: Duration::from_nanos(number(3)),
            slowest: letters(4),
        })
    }
}

/// CLOCK_MONOTONIC in nanoseconds, as the processes read it.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec.cast_unsigned()) * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
