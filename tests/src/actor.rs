//! Actors: processes that do what a test tells them, line by line (`programs/actor.c`).

use crate::{Scratch, compile, eventually};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an actor may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where actors come in.
pub struct Stage {
    listener: UnixListener,
    socket: PathBuf,
    program: PathBuf,
    /// Those who came while another was awaited.
    early: RefCell<Vec<Actor>>,
}

impl Stage {
    /// Compiles the actor into `scratch` and listens there.
    pub fn new(scratch: &Scratch) -> Stage {
        let socket = scratch.join("stage");
        let listener = UnixListener::bind(&socket).expect("the stage's socket");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let program = compile("programs/actor.c", scratch.path(), &[]);
        Stage { listener, socket, program, early: RefCell::default() }
    }

    /// The program and the argument in front of an actor's name.
    pub fn program(&self) -> (&Path, &Path) {
        (&self.program, &self.socket)
    }

    /// Waits for the actor `name`.
    pub fn arrival(&self, name: &str) -> Actor {
        let mut found = None;
        eventually(&format!("the actor {name} comes"), || {
            self.let_in();
            let mut early = self.early.borrow_mut();
            let at = early.iter().position(|actor| actor.name == name);
            found = at.map(|at| early.swap_remove(at));
            found.is_some()
        });
        found.expect("it has come")
    }

    fn let_in(&self) {
        match self.listener.accept() {
            Ok((stream, _)) => self.early.borrow_mut().push(Actor::new(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("the stage's socket: {error}"),
        }
    }
}

/// One process. It ends when this is dropped, since its connection does.
pub struct Actor {
    name: String,
    stream: BufReader<UnixStream>,
    pid: Pid,
}

impl Actor {
    fn new(stream: UnixStream) -> Actor {
        stream.set_nonblocking(false).expect("a socket that blocks");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let pid = socket_peercred(&stream).expect("the peer's credentials").pid;
        let mut actor = Actor { name: String::new(), stream: BufReader::new(stream), pid };
        actor.name = actor.answer().expect("an actor says its name");
        actor
    }

    /// Its process number, as seen from outside.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(n) if n > 0 => Some(line.trim_end().to_owned()),
            Ok(_) => None,
            Err(error) => panic!("{} does not answer: {error}", self.name),
        }
    }

    /// Tells it `order` and gives its answer.
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer().unwrap_or_else(|| panic!("{} is gone instead of answering `{order}`", self.name))
    }

    /// Tells it `order`, whose answer nobody awaits.
    pub fn tell(&mut self, order: &str) {
        let sent = self.stream.get_mut().write_all(format!("{order}\n").as_bytes());
        sent.unwrap_or_else(|error| panic!("{} is gone: {error}", self.name));
    }

    /// Tells it `order`, whose answer is a number.
    pub fn number(&mut self, order: &str) -> i64 {
        let answer = self.ask(order);
        answer.parse().unwrap_or_else(|_| panic!("{}: `{order}` failed: {answer}", self.name))
    }

    /// kill -9, and waits for its end.
    pub fn kill(mut self) {
        kill_process(self.pid, Signal::KILL).expect("a process to kill");
        // The answer that it may still have written, then the end.
        while matches!(self.stream.read_line(&mut String::new()), Ok(n) if n > 0) {}
    }
}
