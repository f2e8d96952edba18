//! Running programs to their end, or to the end of their time.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at again.
const PERIOD: Duration = Duration::from_millis(5);

/// The same, for what comes soon and is not to be missed.
const SOON: Duration = Duration::from_micros(200);

/// How long a condition may take to come true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What became of a program.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Outcome {
    /// Whether it ended with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The exit status as a shell tells it: 128 and the signal's number for a program that was killed.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Fails the test unless the program ended with 0; gives what it printed.
    pub fn expect_success(self, what: &str) -> String {
        assert!(self.success(), "{what}: {}\n{}\n{}", self.status, self.stdout, self.stderr);
        self.stdout
    }
}

/// A program that runs; killed on drop.
pub struct Running {
    child: Child,
    /// Files, not pipes: what outlives the program and holds its output keeps nobody waiting.
    stdout: File,
    stderr: File,
}

impl Running {
    /// Starts `command` without input; its output is collected.
    pub fn start(command: &mut Command) -> Running {
        let (stdout, stderr) = (nameless_file(), nameless_file());
        let to = |file: &File| Stdio::from(file.try_clone().expect("a second descriptor"));
        command.stdin(Stdio::null()).stdout(to(&stdout)).stderr(to(&stderr));
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Running { child, stdout, stderr }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("waiting for a child").is_none()
    }

    /// Waits for its end; fails the test when it does not end within `limit`.
    pub fn finish(mut self, limit: Duration) -> Outcome {
        if !eventually_within(limit, || !self.runs()) {
            drop(self.child.kill());
            let said = (text(&mut self.stdout), text(&mut self.stderr));
            panic!("not ended after {limit:?}; it printed:\n{}\n{}", said.0, said.1);
        }
        let status = self.child.wait().expect("the end of a child");
        Outcome { status, stdout: text(&mut self.stdout), stderr: text(&mut self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when the program has ended: that is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn nameless_file() -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("shmfs-test-{}-output-{number}", std::process::id()));
    let file =
        File::options().read(true).append(true).create_new(true).open(&path).expect("a file for output");
    fs::remove_file(&path).expect("removing its name");
    file
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().expect("going to its start");
    file.read_to_end(&mut bytes).expect("reading what was printed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `command` without input.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    Running::start(command).finish(limit)
}

/// Waits until `holds`; fails the test when it never does.
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    assert!(eventually_within(PATIENCE, holds), "never came true: {what}");
}

/// Looks often for what there will be soon, at most for `limit`.
///
/// # Errors
/// In words: it did not come.
pub fn wait_for<T>(what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> Result<T, String> {
    look_again(limit, SOON, look).ok_or_else(|| format!("{what} did not come within {limit:?}"))
}

/// Waits until `holds`, at most for `limit`; tells whether it came true.
pub(crate) fn eventually_within(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    look_again(limit, PERIOD, || holds().then_some(())).is_some()
}

fn look_again<T>(limit: Duration, period: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        thread::sleep(period);
    }
}
