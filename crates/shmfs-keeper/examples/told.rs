//! A keeper whose brokers do what they are told, for the tests of the keeper.
//!
//! `TOLD_DIR` is the store's directory. `TOLD_STEPS` has a word for each broker, the last for all that follow: some
//! deeds with `+` between them. Each broker says what it finds, on standard output.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a program for tests")]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, IntoRawFd, RawFd};
use rustix::process::{Signal, getpid, kill_process};
use shmfs_abi::store::{Admission, SOCKET_FILE};
use shmfs_abi::{Backing, ByteLen, Errno, Gid, PAGE_SIZE, Pid, ShmLimits, Time, Uid};
use shmfs_core::{Config, Namespace};
use shmfs_journal::state::{self, Word};
use shmfs_journal::{Journal, MountRecord, Pages, Record, StoreRecord, VecPages};
use shmfs_keeper::{
    HANDED_OVER, Keeper, Outcome, Store, Successor, Surroundings, Timing, hand_over, listener,
};
use shmfs_sys::map::SharedMap;
use shmfs_sys::{fd, memfd, socket, table};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let arguments: Vec<String> = env::args().collect();
    let _threads =
        env::var_os("TOLD_THREADS").map(|_| std::thread::spawn(|| std::thread::sleep(Duration::MAX)));
    let outcome = match arguments.get(1).map(String::as_str) {
        Some("broker") => resume(&arguments),
        _ => begin(),
    };
    match outcome {
        Ok(outcome) => println!("outcome {outcome:?}"),
        Err(words) => {
            println!("error {words}");
            std::process::exit(1);
        }
    }
}

fn begin() -> Result<Outcome, String> {
    let dir = PathBuf::from(env::var_os("TOLD_DIR").unwrap());
    let passed = listener(&dir.join(SOCKET_FILE)).map_err(|error| error.to_string())?;
    let keeper = Keeper::new(timing()).map_err(|error| error.to_string())?;
    let activated = passed.is_some();
    let listener = passed.unwrap_or_else(|| {
        std::fs::create_dir_all(&dir).unwrap();
        socket::listen(dir.join(SOCKET_FILE).as_os_str().as_bytes(), 8).unwrap()
    });
    let journal = found(&dir, listener.into_raw_fd());
    keep(keeper, Store { dir, journal, activated })
}

/// `told broker --resume JOURNAL --ready NUMBER --before NUMBER [--slow]`
fn resume(arguments: &[String]) -> Result<Outcome, String> {
    let number = |at: usize| arguments[at].parse::<RawFd>().unwrap();
    assert_eq!([&arguments[2], &arguments[4], &arguments[6]], ["--resume", "--ready", "--before"]);
    if arguments.get(8).is_some_and(|word| word == "--slow") {
        std::thread::sleep(Duration::from_secs(1000));
    }
    let successor = Successor::adopt(number(3), number(5), number(7)).map_err(|error| error.to_string())?;
    let mut keeper = Keeper::new(timing()).map_err(|error| error.to_string())?;
    let record = match successor.look() {
        Ok(record) => record,
        Err(error) => {
            successor.refuse(&error.to_string());
            return Err(error.to_string());
        }
    };
    if !successor.take_over(&mut keeper).map_err(|error| error.to_string())? {
        return Err("not ours".to_owned());
    }
    let dir = PathBuf::from(OsStr::from_bytes(&record.dir));
    keep(keeper, Store { dir, journal: number(3), activated: false })
}

fn keep(keeper: Keeper, store: Store) -> Result<Outcome, String> {
    let steps = env::var("TOLD_STEPS").unwrap();
    keeper
        .keep(store, || {}, |surroundings| Broker::begin(surroundings).carry_out(&steps))
        .map_err(|error| error.to_string())
}

fn timing() -> Timing {
    let default = Timing::default();
    let of = |name, default| {
        env::var(name).map_or(default, |millis| Duration::from_millis(millis.parse().unwrap()))
    };
    Timing {
        hang: of("TOLD_HANG", default.hang),
        insist: of("TOLD_INSIST", default.insist),
        end: of("TOLD_END", default.end),
    }
}

/// A journal with the record of an empty store, under a number of its own.
fn found(dir: &std::path::Path, listener: RawFd) -> RawFd {
    let shm = ShmLimits { shmmax: 1 << 20, shmmni: 16, shmall: 1 << 20 };
    let namespace = Namespace::new(Config {
        size: ByteLen(1 << 20),
        sparse: false,
        reserve: false,
        limits: shm,
        posix: Backing::Memfd,
        durable: false,
        protected_regular: 0,
        protected_hardlinks: false,
        owner: (Uid(0), Gid(0)),
        boot: Time::default(),
    });
    let record = StoreRecord {
        image: namespace.image(),
        dir: dir.as_os_str().as_bytes().to_vec(),
        state: Vec::new(),
        state_lock: -1,
        listener,
        hidden: -1,
        hold: -1,
        kill: false,
        reap: false,
        command_ended: false,
        mount: MountRecord::default(),
        until_unmounted: false,
        admission: Admission::Owner,
        posix_dev: 0,
        next_connection: 1,
        next_client: 1,
        next_writer: 0,
    };
    let mut journal = Journal::create(VecPages::default()).unwrap();
    journal.put(&Record::Store(record)).unwrap();
    journal.commit();
    let file = memfd::create(c"journal", false).unwrap();
    fd::write_all(&file, &journal.pages().0).unwrap();
    file.into_raw_fd()
}

/// The header's page, as a broker reaches it.
struct Header(SharedMap);

impl Pages for Header {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn grow(&mut self, _: usize) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }
    fn read(&self, at: usize, bytes: &mut [u8]) {
        self.0.read_bytes(at, bytes);
    }
    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.0.write_bytes(at, bytes);
    }
    fn load(&self, at: usize) -> u64 {
        self.0.atomic_u64(at).load(Acquire)
    }
    fn store(&mut self, at: usize, value: u64) {
        self.0.atomic_u64(at).store(value, Release);
    }
}

/// Where the journal says which layout it has.
const AT_SHAPE: usize = 8;

fn record(journal: RawFd) -> StoreRecord {
    let mut bytes = vec![0; 1 << 20];
    let read = lend(journal, |file| rustix::io::pread(file, &mut bytes, 0)).unwrap();
    bytes.truncate(read);
    let (_, records) = Journal::open(VecPages(bytes)).unwrap();
    let store = |record| if let Record::Store(store) = record { Some(store) } else { None };
    records.into_iter().find_map(store).unwrap()
}

struct Broker {
    surroundings: Surroundings,
    header: Header,
    listener: RawFd,
}

fn lend<R>(number: RawFd, act: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
    fd::with_number(number, |fd| Ok(act(fd))).unwrap()
}

impl Broker {
    fn begin(surroundings: Surroundings) -> Broker {
        let header = lend(surroundings.journal, |file| SharedMap::new(file, PAGE_SIZE as usize)).unwrap();
        let listener = record(surroundings.journal).listener;
        let broker = Broker { surroundings, header: Header(header), listener };
        let get = |word| state::get(&broker.header, word);
        println!(
            "broker restarts={} crashes={} on={}:{} panicked={} keeper={}",
            get(Word::Restarts),
            get(Word::Crashes),
            get(Word::CrashConnection),
            get(Word::CrashSequence),
            get(Word::Panicked),
            broker.surroundings.keeper == Pid(get(Word::Keeper) as i32)
                && get(Word::Broker) == u64::from(std::process::id()),
        );
        broker
    }

    fn carry_out(mut self, steps: &str) -> i32 {
        // It has served what the broker before it was busy with.
        state::set(&mut self.header, Word::Busy, 0);
        // Nothing here turns, so that word counts the keepers before this one.
        let before = state::get(&self.header, Word::Restarts) + state::get(&self.header, Word::Turns);
        let steps: Vec<&str> = steps.split_whitespace().collect();
        let step = steps.get(before as usize).or(steps.last()).unwrap();
        for deed in step.split('+') {
            let mut words = deed.split(':');
            let (verb, arguments) = (words.next().unwrap(), words.collect::<Vec<_>>());
            if let Some(code) = self.act(verb, &arguments) {
                return code;
            }
        }
        0
    }

    /// The exit code, if the broker is to end with that.
    fn act(&mut self, verb: &str, arguments: &[&str]) -> Option<i32> {
        let number = |at: usize| arguments[at].parse::<u64>().unwrap();
        match verb {
            "exit" => return Some(number(0) as i32),
            "panic" => panic!("as told"),
            "abort" => std::process::abort(),
            "kill" => kill_process(getpid(), Signal::from_named_raw(number(0) as i32).unwrap()).unwrap(),
            "answer" => drop(state::raise(&mut self.header, Word::Answered)),
            "panicked" => state::set(&mut self.header, Word::Panicked, 1),
            "long" => state::set(&mut self.header, Word::Long, 1),
            "busy" => {
                state::set(&mut self.header, Word::BusySequence, number(1));
                state::set(&mut self.header, Word::Busy, number(0));
            }
            "hang" => std::thread::sleep(Duration::from_secs(1000)),
            "sleep" => std::thread::sleep(Duration::from_millis(number(0))),
            "closing" => {
                // What a broker does first: whatever is neither the journal's nor the keeper's goes.
                let mut known = self.surroundings.keep.clone();
                known.insert(self.listener);
                table::close_others(&known.into_iter().collect::<Vec<_>>()).unwrap();
            }
            "serve" => self.serve(),
            "spoil" => self.header.store(AT_SHAPE, self.header.load(AT_SHAPE) + 1),
            "mend" => self.header.store(AT_SHAPE, self.header.load(AT_SHAPE) - 1),
            "orphan" => {
                await_input(&self.surroundings.keeper_end, None);
                return self.replace(None, &[]);
            }
            // It is killed after it has given the store away.
            "give" => {
                if self.replace(None, &[]).is_some() {
                    kill_process(getpid(), Signal::KILL).unwrap();
                }
            }
            "replace" => {
                let program = File::open(arguments.first().copied().unwrap_or("/proc/self/exe")).unwrap();
                let rest: Vec<&OsStr> = arguments.iter().skip(1).map(OsStr::new).collect();
                return self.replace(Some(program.as_fd()), &rest);
            }
            other => panic!("no deed `{other}`"),
        }
        None
    }

    fn replace(&mut self, program: Option<BorrowedFd<'_>>, arguments: &[&OsStr]) -> Option<i32> {
        let patience = Duration::from_millis(if arguments.is_empty() { 20_000 } else { 300 });
        let known = [self.surroundings.journal, self.listener];
        let keepers = state::raise(&mut self.header, Word::Turns);
        match hand_over(program, self.surroundings.journal, &known, arguments, patience) {
            Ok(()) => Some(HANDED_OVER),
            Err(error) => {
                state::set(&mut self.header, Word::Turns, keepers - 1);
                println!("stays: {error}");
                None
            }
        }
    }

    /// Tells everybody who connects its own and its keeper's number, until the store is to end.
    fn serve(&mut self) {
        let stop = &self.surroundings.stop;
        while !await_input(stop, Some(0)) {
            let accepted = lend(self.listener, |listener| {
                poll(&mut [PollFd::new(&listener, PollFlags::IN), PollFd::new(stop, PollFlags::IN)], None)
                    .unwrap();
                socket::accept(listener).ok()
            });
            if let Some(connection) = accepted {
                let said = format!("{} {}", std::process::id(), self.surroundings.keeper.0);
                let _ = socket::send(&connection, said.as_bytes(), &[], true);
            }
        }
    }
}

fn await_input(fd: &impl AsFd, milliseconds: Option<i64>) -> bool {
    let time = milliseconds.map(|milliseconds| Timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 });
    poll(&mut [PollFd::new(fd, PollFlags::IN)], time.as_ref()).unwrap() == 1
}
