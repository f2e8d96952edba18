//! The server of mounts beside the model of a tree: random plans, servers that die, and bytes that are no requests.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use proptest::collection::vec;
use proptest::prelude::*;
use shmfs_abi::Errno;
use shmfs_sys::tmpfs::Hidden;
use shmfs_testkit::tree::{Plan, plans, play};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Plans of the quick tests; `SHMFS_PLANS` says another number.
const PLANS: u32 = 150;

fn cases() -> ProptestConfig {
    let plans = std::env::var("SHMFS_PLANS").ok().and_then(|plans| plans.parse().ok());
    ProptestConfig { cases: plans.unwrap_or(PLANS), failure_persistence: None, ..ProptestConfig::default() }
}

/// One test at a time: a server that follows on a dead one finds descriptors under their numbers.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hidden() -> OwnedFd {
    Hidden::make(64 << 20, 4096).expect("a tmpfs").into_fd()
}

/// False: this process may not do what the server has to.
fn agree(plan: &Plan, deaths: &[u8]) -> bool {
    let _alone = alone();
    let mut fuse = match play::Fuse::new(hidden(), plan.root_mode, deaths) {
        Err(Errno::EPERM) => {
            println!("SKIP: the server of mounts needs root");
            return false;
        }
        made => made.expect("a server"),
    };
    let setting = fuse.setting().clone();
    play::compare(plan, setting, &mut fuse);
    fuse.finish();
    true
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn model_and_server_agree(plan in plans(60)) {
        agree(&plan, &[]);
    }

    #[test]
    fn model_and_server_agree_though_servers_die(plan in plans(60), deaths in vec(any::<u8>(), 40)) {
        agree(&plan, &deaths);
    }

    #[test]
    fn any_bytes_are_answered_or_not(bytes in vec(any::<u8>(), 0..2000)) {
        let _alone = alone();
        let _ = play::send_bytes(hidden(), &bytes);
    }
}

/// What the fuzzer has found, and what shows one thing each.
#[test]
fn model_and_server_agree_on_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/mount_sequence");
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("a file").path();
        println!("{}", path.display());
        let _alone = alone();
        match play::play_bytes(hidden(), &fs::read(&path).expect("its bytes")) {
            Err(Errno::EPERM) => return println!("SKIP: the server of mounts needs root"),
            played => played.expect("a server"),
        }
        files += 1;
    }
    assert!(files > 0, "an empty corpus");
}
