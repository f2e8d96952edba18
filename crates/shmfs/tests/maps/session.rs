//! The processes of a case: one on the side that is played, and a second one beside it.
//!
//! Owns: the processes and what they leave behind, until the case has ended.

use shmfs::Store;
use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Environment: this program is the library's side, and its files belong here.
pub const FOLDER: &str = "SHMFS_MAPS_FOLDER";

/// A command that has no answer by then hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Who is played to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// `side.c`.
    Kernel,
    /// `library.rs`.
    Library,
}

/// `side.c`, compiled once: the folder that it is in.
static PROGRAM: Mutex<Option<TempDir>> = Mutex::new(None);

fn program() -> PathBuf {
    let mut compiled = PROGRAM.lock().unwrap();
    compiled.get_or_insert_with(compile).path().join("side")
}

fn compile() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/maps/side.c");
    let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-o"]);
    cc.arg(folder.path().join("side")).arg(source).arg("-lrt");
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The store in which the library's side makes its named objects.
static STORE: Mutex<Option<Store>> = Mutex::new(None);

fn store() -> Store {
    STORE.lock().unwrap().get_or_insert_with(|| Store::embedded().unwrap()).clone()
}

/// Leaves nothing behind: what is static is never dropped.
pub fn end() {
    drop(STORE.lock().unwrap().take());
    drop(PROGRAM.lock().unwrap().take());
}

/// One process that answers commands.
struct Session {
    child: Child,
    commands: Option<ChildStdin>,
    answers: mpsc::Receiver<String>,
    /// How it has ended.
    ended: Option<String>,
}

impl Session {
    fn start(side: Side, folder: &Path) -> Session {
        let mut command = match side {
            Side::Kernel => {
                let mut command = Command::new(program());
                command.arg(folder);
                command
            }
            Side::Library => {
                let mut command = Command::new(env::current_exe().unwrap());
                command.env(FOLDER, folder).envs(store().environment());
                command
            }
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let answer =
                    line.strip_prefix("= ").unwrap_or_else(|| panic!("not an answer: {line}")).to_owned();
                if sender.send(answer).is_err() {
                    return;
                }
            }
        });
        let commands = child.stdin.take();
        Session { child, commands, answers, ended: None }
    }

    /// The answer to a command, or how the process has ended over it.
    fn ask(&mut self, command: &str) -> String {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let commands = self.commands.as_mut().unwrap();
        // Its end is told by its answers.
        let _ = writeln!(commands, "{command}");
        match self.answers.recv_timeout(LIMIT) {
            Ok(answer) => answer,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no answer to `{command}`"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().unwrap();
                let ended = match status.signal() {
                    Some(7) => "died by SIGBUS".to_owned(),
                    Some(11) => "died by SIGSEGV".to_owned(),
                    _ => panic!("`{command}` has ended it: {status}"),
                };
                self.ended.insert(ended).clone()
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.commands.take());
        if thread::panicking() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let left = format!("shmfs-maps-{}-", self.child.id());
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&left) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Both processes of a case.
pub struct Pair {
    main: Session,
    other: Option<Session>,
    folder: TempDir,
}

impl Pair {
    /// Starts the process of this side; the second comes with the first command for it.
    pub fn start(side: Side) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        Pair { main: Session::start(side, folder.path()), other: None, folder }
    }

    fn other(&mut self) -> &mut Session {
        self.other.get_or_insert_with(|| Session::start(Side::Kernel, self.folder.path()))
    }

    /// Plays one command; what comes of it.
    pub fn play(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            [">", ..] => self.other().ask(command.trim_start_matches(['>', ' '])),
            ["share", file, ref mode @ ..] => {
                let place = self.main.ask(&format!("where {file}"));
                let mode = mode.first().unwrap_or(&"rw");
                self.other().ask(&format!("open f {place} {mode}"))
            }
            ["meet"] => {
                let path = self.folder.path().join("socket");
                let path = path.display();
                let heard = self.other().ask(&format!("listen s {path}"));
                let said = self.main.ask(&format!("connect s {path}"));
                let met = self.other().ask("accept s");
                format!("{heard}, {said}, {met}")
            }
            _ => self.main.ask(command),
        }
    }
}
