//! PostgreSQL 15, unmodified, under `shm run`: from initdb to its stop, with a crash and an orphan in between.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use serde_json::Value;
use shmfs_tests::{DevShm, LIMIT, full, here, is_root, need_program, run, setting, skip, untouched};
use std::fs;

/// What programs/postgres.sh prints, $MAIN and $DYNAMIC apart.
const STEPS: &str = "\
dynamic shared memory implementation ... posix
$MAIN
$DYNAMIC
number of transactions actually processed: 1000/1000
number of failed transactions: 0 (0.000%)
number of transactions actually processed: 4000/4000
number of failed transactions: 0 (0.000%)
consistent: t
Workers Launched: 2
Parallel Hash Join
100000
consistent after a crash: t
pre-existing shared memory block (...) is still in use
consistent after an orphan: t
stopped
";

/// The user and group numbers of `postgres`, who must run the server: it refuses root.
fn postgres() -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| line.strip_prefix("postgres:")?.split(':').nth(1)?.parse().ok())
}

/// One server with the main segment and the dynamic ones of these kinds.
fn serves(main: &str, dynamic: &str) {
    need_program!("/usr/lib/postgresql/15/bin/pgbench", "postgresql");
    if !is_root() {
        skip!("becoming the user postgres needs root");
    }
    let Some(user) = postgres() else { skip!("no user postgres") };
    let setting = setting!("postgres", DevShm::Ample);
    setting.copy("postgres.sh");
    let steps = STEPS.replace("$MAIN", main).replace("$DYNAMIC", dynamic);
    // A runtime directory of this test: process numbers, and so stores' names, repeat in other worlds.
    let runtime = format!("XDG_RUNTIME_DIR={}", setting.folder_of(user, "runtime").display());
    let by =
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "-C", "/", &runtime];
    if full() {
        setting.folder_of(user, "native");
        let natively =
            setting.natively(&by, &format!("sh \"$0/postgres.sh\" \"$0/native\" {main} {dynamic}"));
        assert_eq!(natively.expect_success("PostgreSQL on the kernel"), steps);
    }
    setting.folder_of(user, "served");
    let script = format!("sh \"$0/postgres.sh\" \"$0/served\" {main} {dynamic}");
    let (outcome, usage) = setting.serve(&by, &["--size", "1G"], &script);
    assert_eq!(outcome.expect_success("PostgreSQL under shmfs"), steps);
    // The interlock between two servers is a System V segment in every configuration.
    setting.prove(&usage, &["shmget", "shmat", "shmdt", "shmctl"]);
    let count = |what: &str| usage["calls"][what].as_u64().unwrap_or(0);
    // shared_buffers alone are 32 MiB.
    assert_eq!(usage["peak_bytes"].as_u64() > Some(32 << 20), main == "sysv", "{usage}");
    // initdb tries shm_open; a server with parallel plans needs many more.
    assert_eq!(count("shm_open") > 20, dynamic == "posix", "{usage}");
    assert_eq!(count("shmget") > 20, dynamic == "sysv", "{usage}");
    assert_eq!(usage["used_bytes"], Value::from(0), "{usage}");
}

#[test]
fn main_memory_sysv_dynamic_posix() {
    serves("sysv", "posix");
}

macro_rules! in_the_full_tier {
    ($($name:ident: $main:literal, $dynamic:literal;)*) => {$(
        #[test]
        fn $name() {
            if !full() {
                skip!("the other configurations of PostgreSQL: with --full");
            }
            serves($main, $dynamic);
        }
    )*};
}

in_the_full_tier! {
    main_memory_sysv_dynamic_sysv: "sysv", "sysv";
    main_memory_sysv_dynamic_mmap: "sysv", "mmap";
    main_memory_mmap_dynamic_posix: "mmap", "posix";
    main_memory_mmap_dynamic_sysv: "mmap", "sysv";
    main_memory_mmap_dynamic_mmap: "mmap", "mmap";
}

/// What storm/postgres.sh prints.
const KILLS: &str = "\
Workers Planned: 2
number of failed transactions: 0 (0.000%)
consistent: t
nothing in the log
brokers killed: 50
bytes used at the end: 0
";

#[test]
fn no_transaction_fails_when_brokers_are_killed() {
    if !full() {
        skip!("PostgreSQL while brokers are killed: with --full");
    }
    need_program!("/usr/lib/postgresql/15/bin/pgbench", "postgresql");
    if !is_root() {
        skip!("becoming the user postgres needs root");
    }
    let Some(user) = postgres() else { skip!("no user postgres") };
    let setting = setting!("postgres-kills", DevShm::Ample);
    let script = setting.scratch().join("postgres.sh");
    fs::copy(here().join("storm/postgres.sh"), &script).expect("a copy");
    let runtime = format!("XDG_RUNTIME_DIR={}", setting.folder_of(user, "runtime").display());
    let folder = setting.folder_of(user, "served");
    let mut command = setting.world().command("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "env",
        "-C",
        "/",
        &runtime,
        "sh",
    ]);
    command.arg(&script).arg(setting.scratch().path()).arg(folder).arg("50");
    let outcome = run(&mut command, LIMIT);
    println!("{}", outcome.stderr);
    assert_eq!(outcome.expect_success("PostgreSQL while brokers are killed"), KILLS);
    untouched(setting.world(), setting.scratch());
}
