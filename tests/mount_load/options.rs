//! What is wanted.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const USAGE: &str = "\
mount_load faults [--brokers N] [--seconds N] [--seed S] [--tmpfs 1]   a load on a mounted store, its brokers killed
                  --seconds: without kills; --tmpfs 1: the same load on the kernel's own tmpfs, which has none
mount_load door STORE   an object by the library, line by line";

/// One course of the load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// Brokers to kill.
    pub(crate) brokers: u64,
    /// How long the load goes on after the last kill.
    pub(crate) seconds: u64,
    /// Where all dice begin.
    pub(crate) seed: u64,
    /// Whether it is the kernel's tmpfs, to see that the load itself is right.
    pub(crate) tmpfs: bool,
}

impl Options {
    /// Reads the words behind the program's name.
    pub(crate) fn parse(words: &[&str]) -> Result<Options, String> {
        let Some((&"faults", rest)) = words.split_first() else { return Err("what?".to_owned()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64);
        let mut options = Options { brokers: 100, seconds: 2, seed: now % 1_000_000_000, tmpfs: false };
        for pair in rest.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} wants a number", pair[0])) };
            let number = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
            match *name {
                "--brokers" => options.brokers = number,
                "--seconds" => options.seconds = number,
                "--seed" => options.seed = number,
                "--tmpfs" => options.tmpfs = number != 0,
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        Ok(options)
    }

    /// The words that mean the same.
    pub(crate) fn words(&self) -> Vec<String> {
        let pairs = [
            ("--brokers", self.brokers),
            ("--seconds", self.seconds),
            ("--seed", self.seed),
            ("--tmpfs", u64::from(self.tmpfs)),
        ];
        let pairs = pairs.into_iter().flat_map(|(name, number)| [name.to_owned(), number.to_string()]);
        ["faults".to_owned()].into_iter().chain(pairs).collect()
    }
}
