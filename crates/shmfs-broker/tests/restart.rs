//! A broker that is killed while programs call it, and those that follow on it: with the real client, the real
//! kernel, and a descriptor table that this process shares with its brokers.
//!
//! No test harness: a process that clones brokers has one thread.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/forked.rs"]
mod forked;

use forked::{begin, kill, serve};
use shmfs_abi::store::Admission;
use shmfs_abi::{ByteLen, Call, Errno, Pid, Reply, ShmLimits, limits};
use shmfs_broker::{Config, Lifetime, found};
use shmfs_client::{Client, Settings, Visitor};
use shmfs_sys::child::{self, Ended};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const WORKERS: usize = 2;
const KILLS: u32 = 100;

const IPC_CREAT: i32 = 0o1000;
const IPC_EXCL: i32 = 0o2000;
const O_RDWR: i32 = 2;
const O_CREAT: i32 = 0o100;
const O_EXCL: i32 = 0o200;

fn dir() -> PathBuf {
    // Forked processes see the parent's environment.
    PathBuf::from(std::env::var_os("SHMFS_RESTART_DIR").unwrap())
}

static CLIENT: Client = Client::new(|| Settings::new(dir().as_os_str().as_bytes(), None));

fn main() {
    // The runner asks which tests there are, and runs them one by one.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("a_killed_broker_is_followed_by_another: test");
        }
        return;
    }
    let place = std::env::temp_dir().join(format!("shmfs-restart-{}", std::process::id()));
    if std::env::var_os("SHMFS_RESTART_DIR").is_none() {
        // One process for the variable: it is read by copies, and set nowhere else.
        let program = std::env::current_exe().unwrap();
        let status = std::process::Command::new(program).env("SHMFS_RESTART_DIR", &place).status().unwrap();
        let _ = std::fs::remove_dir_all(&place);
        std::process::exit(status.code().unwrap_or(1));
    }
    keep();
}

/// The keeper: founds the store, lets workers and a killer go, and clones brokers.
fn keep() {
    let limits = ShmLimits {
        shmmax: limits::DEFAULT_SHMMAX,
        shmmni: limits::DEFAULT_SHMMNI,
        shmall: limits::DEFAULT_SHMMAX,
    };
    let founded = found(Config {
        dir: dir(),
        size: ByteLen(64 << 20),
        sparse: false,
        reserve: false,
        limits,
        admission: Admission::Owner,
        lifetime: Lifetime::Forever,
        reap: false,
        state: None,
        listener: None,
    });
    let founded = founded.unwrap();
    let journal = founded.pages.number();
    let workers = (0..WORKERS).map(|number| begin(move || work(number))).collect();
    let killer = begin(kill_brokers);
    let (broker, kills) = serve_while(journal, serve(journal, None), workers);
    kill(killer);
    // Who calls has a descriptor table of its own: what a broker does not know in its table it closes.
    let (broker, last) = serve_while(journal, broker, BTreeSet::from([begin(settle)]));
    kill(broker);
    assert!(kills >= KILLS, "only {kills} brokers were killed");
    println!("{} brokers killed under {WORKERS} workers: ok", kills + last);
    std::mem::forget(founded);
}

/// Clones a broker for each that is killed, until these processes have ended.
fn serve_while(journal: i32, broker: Pid, mut others: BTreeSet<Pid>) -> (Pid, u32) {
    let (mut broker, mut kills) = (broker, 0);
    while !others.is_empty() {
        let Some((pid, ended)) = child::try_wait_any().unwrap() else {
            std::thread::sleep(Duration::from_micros(100));
            continue;
        };
        if pid == broker {
            assert_eq!(ended, Ended::Signal(9), "a broker ended by itself");
            kills += 1;
            broker = serve(journal, None);
        } else if others.remove(&pid) {
            assert_eq!(ended, Ended::Exit(0), "a worker failed");
        }
    }
    (broker, kills)
}

/// After the last worker nothing is left.
fn settle() {
    let mut visitor = Visitor::connect(dir().join("socket").as_os_str().as_bytes(), None).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let Ok((Reply::Usage(usage), _)) = visitor.call(Call::Usage) else { panic!("no usage") };
        if (usage.clients, usage.sysv + usage.posix + usage.unnamed, usage.used.0) == (0, 0, 0) {
            break;
        }
        assert!(Instant::now() < deadline, "left over: {usage:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills a broker as soon as it serves, and the next.
fn kill_brokers() {
    let mut random = 88_172_645_463_325_252_u64;
    let mut killed = Pid(0);
    loop {
        let mut visitor = match Visitor::connect(dir().join("socket").as_os_str().as_bytes(), None) {
            Ok(visitor) => visitor,
            Err(_) => continue,
        };
        let Ok((Reply::Usage(usage), _)) = visitor.call(Call::Usage) else { continue };
        if usage.broker == killed {
            continue;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % 3000));
        killed = usage.broker;
        kill(killed);
    }
}

/// What one program does with names and keys of its own: every answer is known beforehand.
fn work(number: usize) {
    let key = 100 + number as i32;
    let name = format!("/restart-{number}");
    let begun = Instant::now();
    let mut rounds = 0;
    while begun.elapsed() < Duration::from_secs(1) || rounds < 300 {
        rounds += 1;
        let id = CLIENT.shmget(key, 8192, IPC_CREAT | IPC_EXCL | 0o600).expect("a key of its own is free");
        assert_eq!(CLIENT.shmget(key, 0, IPC_CREAT | IPC_EXCL), Err(Errno::EEXIST));
        let address = CLIENT.shmat(id, 0, 0).unwrap();
        assert_eq!(CLIENT.shm_stat(id).unwrap().nattch, 1);
        let second = CLIENT.shmat(id, 0, 0).unwrap();
        assert_eq!(CLIENT.shm_stat(id).unwrap().nattch, 2);
        CLIENT.shmdt(second).unwrap();
        CLIENT.shm_remove(id).expect("it is removed once");
        assert_eq!(CLIENT.shm_stat(id).unwrap().nattch, 1);
        CLIENT.shmdt(address).unwrap();
        assert_eq!(CLIENT.shm_stat(id).map(|stat| stat.nattch), Err(Errno::EINVAL));
        let file =
            CLIENT.shm_open(name.as_bytes(), O_RDWR | O_CREAT | O_EXCL, 0o600).expect("a name of its own");
        let same = CLIENT.shm_open(name.as_bytes(), O_RDWR, 0).unwrap();
        let identity = |file| shmfs_sys::fd::facts(file).unwrap().identity;
        assert_eq!(identity(&file), identity(&same));
        CLIENT.shm_unlink(name.as_bytes()).expect("it is unlinked once");
        assert_eq!(CLIENT.shm_unlink(name.as_bytes()), Err(Errno::ENOENT));
    }
}
