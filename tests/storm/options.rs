//! What is wanted.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const USAGE: &str = "\
storm faults  [--clients N] [--brokers N] [--keepers N] [--seconds N] [--seed S]   kills them under load
storm retry   [--brokers N] [--seed S]   kills brokers between request and answer
storm restart [--objects N] [--brokers N]   prints how long a restart takes, and opening as many descriptors";

/// One storm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// `faults`, `retry` or `restart`.
    pub(crate) what: String,
    /// Client processes to kill, at least.
    pub(crate) clients: u64,
    /// Brokers to kill.
    pub(crate) brokers: u64,
    /// Keepers to kill.
    pub(crate) keepers: u64,
    /// Ends a storm that has not reached these counts by then.
    pub(crate) seconds: u64,
    /// Where all dice begin.
    pub(crate) seed: u64,
    /// Objects in the store that is restarted.
    pub(crate) objects: u64,
}

impl Options {
    /// Reads the words behind the program's name.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let (what, rest) = words.split_first().ok_or("what?")?;
        let (clients, brokers, keepers) = match what.as_str() {
            "faults" => (10_000, 1_000, 20),
            "retry" => (0, 1_000, 0),
            "restart" => (0, 15, 0),
            other => return Err(format!("there is no `{other}`")),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64);
        let seed = now % 1_000_000_000;
        let mut options =
            Options { what: what.clone(), clients, brokers, keepers, seconds: 3600, seed, objects: 10_000 };
        for pair in rest.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} wants a number", pair[0])) };
            let number = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
            match name.as_str() {
                "--clients" => options.clients = number,
                "--brokers" => options.brokers = number,
                "--keepers" => options.keepers = number,
                "--seconds" => options.seconds = number,
                "--seed" => options.seed = number,
                "--objects" => options.objects = number,
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        Ok(options)
    }

    /// The words that mean the same.
    pub(crate) fn words(&self) -> Vec<String> {
        let pairs = [
            ("--clients", self.clients),
            ("--brokers", self.brokers),
            ("--keepers", self.keepers),
            ("--seconds", self.seconds),
            ("--seed", self.seed),
            ("--objects", self.objects),
        ];
        let pairs = pairs.into_iter().flat_map(|(name, number)| [name.to_owned(), number.to_string()]);
        [self.what.clone()].into_iter().chain(pairs).collect()
    }
}
