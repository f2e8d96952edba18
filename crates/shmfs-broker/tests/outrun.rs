//! Names that a program changes in the tree of a store, while another calls the store and its brokers are killed.
//!
//! No test harness: a process that clones brokers has one thread.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/forked.rs"]
mod forked;
#[path = "common/names.rs"]
mod names;

use forked::{begin, kill, serve};
use shmfs_abi::store::Admission;
use shmfs_abi::{ByteLen, Call, Reply, ShmLimits, limits};
use shmfs_broker::{Config, Lifetime, found};
use shmfs_client::{Client, Settings, Visitor};
use shmfs_sys::child::{self, Ended};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Calls between two kills, about, and kills.
const CALLS: u64 = 40;
const KILLS: u64 = 60;

fn dir() -> PathBuf {
    // Forked processes see the parent's environment.
    PathBuf::from(std::env::var_os("SHMFS_OUTRUN_DIR").unwrap())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("names_agree_whoever_is_killed: test");
        }
        return;
    }
    if std::env::var_os("SHMFS_OUTRUN_DIR").is_none() {
        let place = std::env::temp_dir().join(format!("shmfs-outrun-{}", std::process::id()));
        let program = std::env::current_exe().unwrap();
        let status = std::process::Command::new(program).env("SHMFS_OUTRUN_DIR", &place).status().unwrap();
        let _ = std::fs::remove_dir_all(&place);
        std::process::exit(status.code().unwrap_or(1));
    }
    keep(&dir());
}

/// Founds the store, and clones brokers until the worker has ended.
fn keep(store: &Path) {
    let (shmmax, shmmni, shmall) = (limits::DEFAULT_SHMMAX, limits::DEFAULT_SHMMNI, limits::DEFAULT_SHMMAX);
    let founded = found(Config {
        dir: store.to_owned(),
        size: ByteLen(8 << 20),
        sparse: false,
        reserve: false,
        limits: ShmLimits { shmmax, shmmni, shmall },
        admission: Admission::Owner,
        lifetime: Lifetime::Forever,
        reap: false,
        state: None,
        listener: None,
    });
    let founded = founded.unwrap();
    let journal = founded.pages.number();
    let worker = begin(|| work(store));
    let (mut broker, mut kills) = (serve(journal, None), 0);
    loop {
        let Some((pid, ended)) = child::try_wait_any().unwrap() else {
            std::thread::sleep(Duration::from_micros(100));
            continue;
        };
        if pid == worker {
            assert_eq!(ended, Ended::Exit(0), "the worker failed");
            break;
        }
        if pid == broker {
            assert_eq!(ended, Ended::Signal(9), "a broker ended by itself");
            kills += 1;
            broker = serve(journal, None);
        }
    }
    kill(broker);
    println!("{kills} brokers killed: ok");
    std::mem::forget(founded);
}

fn work(store: &Path) {
    let mut visitor = Visitor::connect(store.join("socket").as_os_str().as_bytes(), None).unwrap();
    let tree = match visitor.call(Call::Tree) {
        Ok((Reply::Tree, tree)) => tree.unwrap(),
        refused => return println!("SKIP: no hidden tmpfs can be had here: {:?}", refused.err()),
    };
    let program = Client::idle();
    program.join(Settings::new(store.as_os_str().as_bytes(), None).unwrap()).unwrap();
    let stranger = begin(|| {
        let mut random = 99_u64;
        loop {
            names::change(&tree, &mut random);
        }
    });
    let mut random = 88_172_645_463_325_252_u64;
    for _ in 0..KILLS {
        let calls = names::next(&mut random) % (2 * CALLS);
        let Ok((Reply::Usage(usage), _)) = visitor.call(Call::Usage) else { panic!("no usage") };
        let pause = Duration::from_micros(names::next(&mut random) % 3000);
        let killer = begin(|| {
            std::thread::sleep(pause);
            kill(usage.broker);
        });
        (0..calls).for_each(|_| names::call(&program, &mut random));
        child::wait(killer).unwrap();
    }
    kill(stranger);
    child::wait(stranger).unwrap();
    names::agree(&program, &tree);
}
