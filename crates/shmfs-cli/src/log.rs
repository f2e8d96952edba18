//! The log: `tracing` to standard error, filtered by `SHMFS_LOG`.

use std::io::{self, Write};
use tracing_subscriber::EnvFilter;

/// The environment's filter, such as `debug` or `shmfs_broker=trace`.
pub(crate) const ENV_LOG: &str = "SHMFS_LOG";

/// Begins the log with the filter of the environment, or else `default`.
pub(crate) fn begin(default: &str) {
    let filter = EnvFilter::try_from_env(ENV_LOG).unwrap_or_else(|_| EnvFilter::new(default));
    // A log that has begun already stays as it is.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| Stderr)
            .with_ansi(false)
            .log_internal_errors(false)
            .try_init(),
    );
}

/// Standard error that cannot fail: a broker outlives the terminal that it was started from.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
