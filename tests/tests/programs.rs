//! Real programs that nobody changed, under `shm run`, each time with the proof that shmfs served them.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use serde_json::Value;
use shmfs_tests::{
    DevShm, LIMIT, Running, compile, eventually, is_root, need_program, run, setting, skip, untouched,
};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// CPython's own tests of multiprocessing.shared_memory, for one way of starting processes.
fn cpythons_own(method: &str) {
    need_program!("/usr/bin/python3.11", "python3.11");
    if !Path::new(&format!("/usr/lib/python3.11/test/test_multiprocessing_{method}.py")).exists() {
        skip!("no tests of CPython; on Debian: apt-get install libpython3.11-testsuite");
    }
    let setting = setting!("cpython", DevShm::Ample);
    let script = format!(
        "cd \"$0\" && /usr/bin/python3.11 -m test --tempdir \"$0\" -v test_multiprocessing_{method} \
         -m '*SharedMemory*' 2>&1"
    );
    let (outcome, usage) = setting.serve(&[], &[], &script);
    let said = outcome.expect_success("CPython's tests");
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(ran >= Some(13) && said.contains("\nOK\n"), "{said}");
    setting.prove(&usage, &["shm_open", "shm_unlink", "ftruncate"]);
}

#[test]
fn cpythons_own_tests_fork() {
    cpythons_own("fork");
}

#[test]
fn cpythons_own_tests_spawn() {
    cpythons_own("spawn");
}

#[test]
fn cpythons_own_tests_forkserver() {
    cpythons_own("forkserver");
}

#[test]
fn python_shares_between_processes() {
    need_program!("/usr/bin/python3", "python3");
    let setting = setting!("python", DevShm::Ample);
    setting.copy("share.py");
    let script = "/usr/bin/python3 \"$0/share.py\"";
    let natively = setting.natively(&[], script).expect_success("Python on the kernel");
    // Natively it used this world's /dev/shm: the proof needs a fresh one.
    let setting = setting!("python", DevShm::Ample);
    setting.copy("share.py");
    let (outcome, usage) = setting.serve(&[], &[], script);
    assert_eq!(outcome.expect_success("Python under shmfs"), natively);
    setting.prove(&usage, &["shm_open", "shm_unlink", "sem_open"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

#[test]
fn util_linux_tools_say_the_same() {
    need_program!("/usr/bin/ipcmk", "util-linux");
    let setting = setting!("ipc", DevShm::Ample);
    setting.copy("ipc-tools.sh");
    let script = "LC_ALL=C.UTF-8 sh \"$0/ipc-tools.sh\"";
    let natively = setting.natively(&[], script).expect_success("the tools on the kernel");
    let (outcome, usage) = setting.serve(&[], &[], script);
    assert_eq!(outcome.expect_success("the tools under shmfs"), natively);
    setting.prove(&usage, &["shmget", "shmctl"]);
}

/// The kernel refuses its own System V calls: what works is not the kernel's.
#[test]
fn with_the_kernels_calls_denied() {
    need_program!("/usr/bin/ipcmk", "util-linux");
    let setting = setting!("denied", DevShm::Ample);
    let deny = setting.compile("deny");
    setting.compile("large");
    let refused = run(setting.world().command(&deny).args(["ipcmk", "-M", "4096"]), LIMIT);
    assert!(
        !refused.success() && refused.stderr.contains("not permitted"),
        "the filter does not bite: {refused:?}"
    );
    let deny = deny.to_str().expect("a name in UTF-8");
    let script = "ipcmk -M 4096 && ipcs -m | grep 4096 && \"$0/large\" sysv 1000000 && ipcrm -m 0 && ipcs -m";
    let (outcome, usage) = setting.serve(&[deny], &[], script);
    let said = outcome.expect_success("the tools, denied");
    assert!(said.starts_with("Shared memory id: 0\n") && said.contains("\nshared 1000000\n"), "{said}");
    setting.prove(&usage, &["shmget", "shmat", "shmctl"]);
}

#[test]
fn a_gibibyte_where_dev_shm_is_small() {
    let setting = setting!("large", DevShm::Small);
    setting.compile("large");
    let gibibyte = 1_u64 << 30;
    for kind in ["sysv", "posix"] {
        let (outcome, usage) = setting.serve(&[], &[], &format!("\"$0/large\" {kind} {gibibyte}"));
        assert_eq!(outcome.expect_success(kind), format!("shared {gibibyte}\n"));
        assert_eq!(usage["used_bytes"], 0, "{usage}");
        assert!(usage["peak_bytes"].as_u64() >= Some(gibibyte), "{usage}");
    }
    untouched(setting.world(), setting.scratch());
}

#[test]
fn what_does_not_fit_is_refused_at_the_call() {
    let setting = setting!("refused", DevShm::Small);
    setting.compile("large");
    let cases = [("sysv", "shmget"), ("posix", "ftruncate"), ("allocate", "posix_fallocate")];
    for (kind, call) in cases {
        let script = format!("\"$0/large\" {kind} {}; \"$0/large\" {kind} {}", 1_u64 << 30, 200_u64 << 20);
        let (outcome, usage) = setting.serve(&[], &["--size", "256M"], &script);
        assert_eq!(outcome.stdout, format!("{call}: ENOSPC\nshared {}\n", 200 << 20), "{outcome:?}");
        assert_eq!(
            (&usage["used_bytes"], &usage["size_bytes"]),
            (&Value::from(0), &Value::from(256 << 20)),
            "{usage}"
        );
    }
    untouched(setting.world(), setting.scratch());
}

/// The hidden tmpfs stops every writer at the store's size, promised or not.
#[test]
fn writing_past_the_promise_is_stopped() {
    let setting = setting!("beyond", DevShm::Small);
    setting.compile("beyond");
    let (outcome, usage) = setting.serve(&[], &["--size", "64M"], "\"$0/beyond\"");
    let said = outcome.expect_success("writing past the promise");
    if usage["backing"] != "hidden-tmpfs" {
        skip!("no hidden tmpfs here: {}", usage["backing"]);
    }
    let lines: Vec<&str> = said.lines().collect();
    let wanted = [
        "stopped by ENOSPC after no more than 64 MiB",
        "every page read: 1",
        "an object's size: ENOSPC",
        "a segment: ENOSPC",
        "a semaphore: ENOSPC",
        "with room again: 1",
    ];
    assert_eq!(lines, wanted);
    setting.prove(&usage, &["shm_open", "ftruncate"]);
}

/// Both doors fill one store.
#[test]
fn both_doors_are_bounded_together() {
    let setting = setting!("together", DevShm::Small);
    setting.compile("large");
    let script =
        "ipcmk -M 100000000 && \"$0/large\" posix 100000000; ipcrm -m 0; \"$0/large\" posix 100000000";
    let (outcome, usage) = setting.serve(&[], &["--size", "128M"], script);
    let said: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(said, ["Shared memory id: 0", "ftruncate: ENOSPC", "shared 100000000"], "{outcome:?}");
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

#[test]
fn the_report_tells_what_was_served_and_left() {
    need_program!("/usr/bin/ipcmk", "util-linux");
    let setting = setting!("report", DevShm::Ample);
    let (outcome, _) = setting.serve(&[], &["--report"], "ipcmk -M 1048576 >/dev/null");
    assert!(outcome.success(), "{outcome:?}");
    for word in ["created", "1 segment", "shmget 1", "peak", "1.0 MiB", "left"] {
        assert!(outcome.stderr.contains(word), "no `{word}` in the report:\n{}", outcome.stderr);
    }
}

#[test]
fn a_descriptor_goes_to_a_process_outside_the_store() {
    let setting = setting!("pass", DevShm::Ample);
    let pass = setting.compile("pass");
    let socket = setting.scratch().join("socket");
    let receiver = Running::start(setting.world().command(&pass).arg("receive").arg(&socket));
    eventually("the receiver listens", || socket.exists());
    let (outcome, _) = setting.serve(&[], &[], "\"$0/pass\" send \"$0/socket\"");
    assert_eq!(outcome.expect_success("the sender"), "sent, now from outside and grown\n");
    let received = receiver.finish(LIMIT).expect_success("the receiver");
    assert_eq!(received, "received from inside, 4096 bytes, 0 links\n");
    untouched(setting.world(), setting.scratch());
}

/// A user who is nobody special, with and without a runtime directory.
#[test]
fn without_any_privilege() {
    need_program!("/usr/bin/python3", "python3");
    if !is_root() {
        skip!("becoming another user needs root (but then all these tests run without privilege)");
    }
    let as_user = [
        "setpriv",
        "--reuid=1001",
        "--regid=1001",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ];
    for with_runtime_dir in [false, true] {
        // The proof takes the first numbers of a world: a new one each time.
        let setting = setting!("user", DevShm::Small);
        setting.copy("share.py");
        setting.compile("large");
        let runtime_dir = setting.scratch().join("runtime");
        fs::create_dir(&runtime_dir).expect("a folder");
        std::os::unix::fs::chown(&runtime_dir, Some(1001), Some(1001)).expect("chown");
        let runtime = format!("XDG_RUNTIME_DIR={}", runtime_dir.display());
        let extra = if with_runtime_dir { vec!["env", runtime.as_str()] } else { vec![] };
        let by: Vec<&str> = as_user.iter().copied().chain(extra).collect();
        let script = "cd /tmp && id -u && python3 \"$0/share.py\" && ipcmk -M 4096 && ipcs -m | grep -c 4096 && ipcrm -m 0 \
                      && \"$0/large\" posix 200000000";
        let (outcome, usage) = setting.serve(&by, &["--size", "1G"], script);
        let said = outcome.expect_success("as user 1001");
        assert!(said.starts_with("1001\n") && said.ends_with("shared 200000000\n"), "{said}");
        setting.prove(&usage, &["shm_open", "sem_open", "shmget"]);
        let left = fs::read_dir(runtime_dir.join("shmfs")).map_or(0, Iterator::count);
        eventually("the store is gone", || setting.world().processes(setting.shm()).is_empty());
        assert!(left <= 1, "only the store that is ending may be there");
    }
    // Made for stores of this user; somebody else's would not be empty.
    drop(fs::remove_dir("/tmp/shmfs-1001"));
}

/// A program that cannot be preloaded is told of.
#[test]
fn static_programs_are_warned_of() {
    let setting = setting!("static", DevShm::Ample);
    let checker = compile("programs/untouched.c", setting.scratch().path(), &["-static"]);
    let outcome =
        run(setting.world().command(setting.shm()).arg("run").arg("--").arg(OsStr::new(&checker)), LIMIT);
    assert!(outcome.stderr.contains("warning") && outcome.stderr.contains("static"), "{outcome:?}");
    assert_eq!(outcome.stdout, "untouched\n");
}
