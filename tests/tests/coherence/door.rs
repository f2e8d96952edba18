//! A process at one door, which does what it is told.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that does what it is told.
pub(crate) struct Door {
    child: Child,
    /// Its end is the process's.
    input: RefCell<Option<ChildStdin>>,
    output: RefCell<BufReader<ChildStdout>>,
}

impl Door {
    pub(crate) fn start(mut command: Command) -> Door {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a door");
        let input = RefCell::new(child.stdin.take());
        let output = RefCell::new(BufReader::new(child.stdout.take().expect("a pipe")));
        Door { child, input, output }
    }

    pub(crate) fn tell(&self, words: &str) {
        let mut input = self.input.borrow_mut();
        writeln!(input.as_mut().expect("a pipe"), "{words}").expect("a door that listens");
    }

    pub(crate) fn answer(&self) -> String {
        let mut line = String::new();
        self.output.borrow_mut().read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    /// A number, or an errno's name.
    pub(crate) fn ask(&self, words: impl AsRef<str>) -> String {
        self.tell(words.as_ref());
        self.answer()
    }

    /// Wants 0.
    pub(crate) fn done(&self, words: impl AsRef<str>) {
        self.says(words, 0);
    }

    pub(crate) fn says(&self, words: impl AsRef<str>, wanted: impl ToString) {
        let words = words.as_ref();
        assert_eq!(self.ask(words), wanted.to_string(), "{words}");
    }

    pub(crate) fn number(&self, words: impl AsRef<str>) -> u64 {
        let said = self.ask(words.as_ref());
        said.parse().unwrap_or_else(|_| panic!("{}: {said}", words.as_ref()))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may wait for what will not come; the world's end ends it.
        if std::thread::panicking() {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}
