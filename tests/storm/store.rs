//! The store under test: an own `shm daemon`, and programs in it.

use crate::ledger::monotonic;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shmfs_abi::store::{BROKER_FILE, PID_FILE, SOCKET_FILE};
use shmfs_abi::{Call, Reply, Usage};
use shmfs_client::Visitor;
use shmfs_tests::{LIMIT, Running, run, wait_for};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long anything that must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The store's name.
const NAME: &str = "storm";

/// Since when the driver itself waits for an answer; 0 while it does not.
static VISIT: AtomicU64 = AtomicU64::new(0);

/// Ends the driver when its own call is never answered. `seed` is for whoever repeats it.
pub(crate) fn watch_visits(seed: u64) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let since = VISIT.load(Ordering::Relaxed);
            let waited = Duration::from_nanos(monotonic().saturating_sub(since));
            if since != 0 && waited > PATIENCE {
                println!("storm: a visitor's Usage is not answered for {waited:?}\nstorm: seed {seed}");
                std::process::exit(1);
            }
        }
    });
}

/// A store that runs.
pub(crate) struct Store {
    folder: PathBuf,
    dir: PathBuf,
    shm: PathBuf,
    daemon: Child,
}

impl Store {
    /// Starts it. `folder` holds the programs, and gets the daemon's log.
    pub(crate) fn start(folder: &Path) -> Result<Store, String> {
        let shm = folder.join("shm");
        let log = File::create(folder.join("daemon.log")).map_err(|error| error.to_string())?;
        File::create(folder.join("complaints")).map_err(|error| error.to_string())?;
        let mut daemon = Command::new(&shm);
        daemon.args(["daemon", "--store", NAME, "--size", "4G"]).stdin(Stdio::null());
        daemon.stdout(Stdio::null()).stderr(log);
        let daemon = daemon.spawn().map_err(|error| format!("no daemon: {error}"))?;
        // Who is root inside; a world for others makes them root, too.
        let dir = Path::new(shmfs_abi::store::ROOT_DIR).join(NAME);
        let store = Store { folder: folder.to_owned(), dir, shm, daemon };
        wait_for("the store", PATIENCE, || store.usage().is_ok().then_some(()))?;
        Ok(store)
    }

    /// The program whose copy serves this store.
    pub(crate) fn shm(&self) -> &Path {
        &self.shm
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    /// What the processes complained of, and the end of the daemon's log.
    pub(crate) fn complaints(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let log = read("daemon.log");
        // Killed clients get no answer: that is not worth a line.
        let lines = log.lines().rev().filter(|line| !line.contains("an answer could not be sent"));
        let lines: Vec<&str> = lines.take(24).collect();
        let log: Vec<&str> = lines.into_iter().rev().collect();
        format!("{}the daemon's log ends with:\n{}", read("complaints"), log.join("\n"))
    }

    /// Nothing that the daemon calls an error has happened: no broker has crashed by itself, hung, or lost anything.
    pub(crate) fn expect_no_errors(&self) -> Result<(), String> {
        let log = fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default();
        let errors: Vec<&str> =
            log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")).collect();
        match errors.first() {
            Some(first) => Err(format!("{} errors in the daemon's log; the first: {first}", errors.len())),
            None => Ok(()),
        }
    }

    fn number_in(&self, file: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.dir.join(file)).ok()?;
        text.trim().parse().ok().and_then(Pid::from_raw)
    }

    /// The process that serves, by its file.
    pub(crate) fn broker(&self) -> Option<Pid> {
        self.number_in(BROKER_FILE)
    }

    /// The process that starts brokers, by its file.
    pub(crate) fn keeper(&self) -> Option<Pid> {
        self.number_in(PID_FILE)
    }

    fn descriptors_folder(&self) -> PathBuf {
        let pid = self.broker().or_else(|| self.keeper()).map_or(0, |pid| pid.as_raw_nonzero().get());
        PathBuf::from(format!("/proc/{pid}/fd"))
    }

    /// How many descriptors the broker has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.descriptors_folder()).map_or(0, Iterator::count)
    }

    /// What they are open on.
    pub(crate) fn open_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.descriptors_folder()).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
    }

    /// How many it has open when nobody is there.
    pub(crate) fn idle_descriptors(&self) -> Result<usize, String> {
        // The visitor that found the store ready may still be about to go.
        let (mut before, mut same) = (0, 0);
        wait_for("an idle broker", PATIENCE, || {
            std::thread::sleep(Duration::from_millis(5));
            let open = self.descriptors();
            same = if open == before { same + 1 } else { 0 };
            before = open;
            (same == 20).then_some(open)
        })
    }

    /// A fresh visitor's first answer.
    pub(crate) fn usage(&self) -> Result<Usage, String> {
        VISIT.store(monotonic(), Ordering::Relaxed);
        let answer = self.visit();
        VISIT.store(0, Ordering::Relaxed);
        answer
    }

    fn visit(&self) -> Result<Usage, String> {
        let socket = self.dir.join(SOCKET_FILE);
        let visitor = Visitor::connect(socket.as_os_str().as_bytes(), None);
        let mut visitor = visitor.map_err(|errno| format!("a visitor: {}", errno.name()))?;
        match visitor.call(Call::Usage) {
            Ok((Reply::Usage(usage), _)) => Ok(usage),
            Ok((other, _)) => Err(format!("the answer to Usage is {other:?}")),
            Err(refused) => Err(format!("Usage is refused: {}", refused.errno.name())),
        }
    }

    /// `shm ls --json`
    pub(crate) fn list(&self) -> Result<Vec<Value>, String> {
        let outcome = run(Command::new(&self.shm).args(["ls", "--json", "--store", NAME]), LIMIT);
        if !outcome.success() {
            return Err(format!("shm ls: {}: {}", outcome.status, outcome.stderr.trim()));
        }
        let listed: Value = serde_json::from_str(&outcome.stdout).map_err(|error| error.to_string())?;
        listed.as_array().cloned().ok_or_else(|| "shm ls --json prints no array".to_owned())
    }

    /// `shm limits OPTIONS`
    pub(crate) fn limits(&self, options: &[&str]) -> Result<(), String> {
        let outcome = run(Command::new(&self.shm).args(["limits", "--store", NAME]).args(options), LIMIT);
        if outcome.success() { Ok(()) } else { Err(format!("shm limits: {}", outcome.stderr)) }
    }

    /// Starts storm.c in a role, in the store.
    pub(crate) fn start_role(&self, seed: u64, words: &[&str]) -> Running {
        let mut command = Command::new(&self.shm);
        command.args(["run", "--store", NAME, "--"]).arg(self.folder.join("storm")).arg(self.ledger());
        command.arg(seed.to_string()).args(words).env("STORM_LOG", self.folder.join("complaints"));
        Running::start(&mut command)
    }

    /// The same, to its end.
    pub(crate) fn play_role(&self, seed: u64, words: &[&str]) -> Result<(), String> {
        let outcome = self.start_role(seed, words).finish(LIMIT);
        if outcome.success() {
            Ok(())
        } else {
            Err(format!("{words:?}: {}{}", outcome.stderr, self.complaints()))
        }
    }

    /// Ends it as people do; nothing of it is left.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let keeper = self.keeper().ok_or("nobody keeps the store")?;
        kill_process(keeper, Signal::TERM).map_err(|error| format!("ending the keeper: {error}"))?;
        if keeper == Pid::from_child(&self.daemon) {
            let status = wait_for("the daemon's end", PATIENCE, || self.daemon.try_wait().ok().flatten())?;
            if !status.success() {
                return Err(format!("the daemon ended with {status}"));
            }
        }
        wait_for("the end of the store's directory", PATIENCE, || (!self.dir.exists()).then_some(()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}
