//! How far a copy has come, on a terminal; nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const STYLE: &str = "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

/// A bar on standard error; it goes when this goes.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar of `size` bytes behind the words; none with `quiet`, or where standard error is no terminal.
    pub(crate) fn new(quiet: bool, words: String, size: u64) -> Progress {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(size), target).with_message(words);
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress(bar)
    }

    /// Bytes of the object up to here are done.
    pub(crate) fn at(&self, offset: u64) {
        self.0.set_position(offset);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
