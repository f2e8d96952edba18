//! The shared memory of PHP, Perl and Python's modules, unmodified, natively and under `shm run`: what they print must
//! agree, and the store must have served it.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use serde_json::Value;
use shmfs_tests::{DevShm, LIMIT, Setting, need_program, run, setting, skip};
use std::path::Path;
use std::process::Command;

/// Debian's PHP, whose extensions are loaded with RTLD_DEEPBIND.
const PHP: &str = "/usr/bin/php8.2";

/// Debian's Python: pyenv's has other modules.
const PYTHON: &str = "/usr/bin/python3";

/// The modules of the test, as they were when it was written.
const MODULES: [&str; 2] = ["sysv_ipc==1.2.0", "posix_ipc==1.3.2"];

/// Runs a script on the kernel and under shmfs; gives what both printed, and what the store counted.
fn on_both(setting: &Setting, script: &str) -> (String, Value) {
    let natively = setting.natively(&[], script).expect_success("on the kernel");
    let (outcome, usage) = setting.serve(&[], &[], script);
    let served = outcome.expect_success("under shmfs");
    assert_eq!(served, natively, "under shmfs (left) it is not as on the kernel (right)");
    (served, usage)
}

#[test]
fn php_shmop_and_sysvshm() {
    need_program!(PHP, "php8.2-cli");
    let setting = setting!("php", DevShm::Ample);
    setting.copy("share.php");
    let (said, usage) = on_both(&setting, &format!("{PHP} \"$0/share.php\""));
    assert!(said.contains("another reads: from PHP\n") && said.contains("got: answer\n"), "{said}");
    setting.prove(&usage, &["shmget", "shmat", "shmdt", "shmctl"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

/// PHP's cache of compiled scripts, in the memory that `model` names.
fn opcache(model: &str, calls: &[&str]) {
    need_program!(PHP, "php8.2-cli");
    let modules = run(Command::new(PHP).arg("-m"), LIMIT).expect_success("php -m");
    if !modules.contains("Zend OPcache") {
        skip!("PHP without its opcache; on Debian: apt-get install php8.2-opcache");
    }
    let setting = setting!("opcache", DevShm::Ample);
    setting.copy("opcache.php");
    let script = format!(
        "{PHP} -d opcache.enable_cli=1 -d opcache.memory_consumption=64 -d opcache.preferred_memory_model={model} \
         \"$0/opcache.php\""
    );
    let (said, usage) = on_both(&setting, &script);
    assert!(said.contains(&format!("{model} cached now: true\n")), "{said}");
    setting.prove(&usage, calls);
    assert!(usage["peak_bytes"].as_u64() >= Some(64 << 20), "{usage}");
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

#[test]
fn php_opcache_in_segments() {
    opcache("shm", &["shmget", "shmat", "shmctl", "fork"]);
}

#[test]
fn php_opcache_in_an_object() {
    opcache("posix", &["shm_open", "ftruncate", "shm_unlink", "fork"]);
}

#[test]
fn perl_calls_and_modules() {
    need_program!("/usr/bin/perl", "perl");
    let modules =
        run(Command::new("/usr/bin/perl").args(["-MIPC::SysV", "-MIPC::SharedMem", "-e", "1"]), LIMIT);
    if !modules.success() {
        skip!("Perl without IPC::SysV; on Debian: apt-get install perl");
    }
    let setting = setting!("perl", DevShm::Ample);
    setting.copy("share.pl");
    let (said, usage) = on_both(&setting, "/usr/bin/perl \"$0/share.pl\" 2>&1");
    assert!(said.contains("read: from Perl") && !said.contains("died"), "{said}");
    setting.prove(&usage, &["shmget", "shmat", "shmdt", "shmctl", "fork"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

/// Puts the modules of the test into `folder`, or tells why not.
fn install(folder: &Path) -> Result<(), String> {
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--retries", "1", "--timeout", "20", "--target"]).arg(folder).args(MODULES);
    let outcome = run(&mut pip, LIMIT);
    if outcome.success() {
        return Ok(());
    }
    let why = outcome.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Err(format!("pip cannot install {}: {why}", MODULES.join(" and ")))
}

#[test]
fn python_modules_from_pypi() {
    need_program!(PYTHON, "python3 python3-pip");
    let setting = setting!("python", DevShm::Ample);
    if let Err(reason) = install(&setting.scratch().join("modules")) {
        skip!("{reason}");
    }
    setting.copy("share_ipc.py");
    let script =
        format!("PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=\"$0/modules\" {PYTHON} \"$0/share_ipc.py\" 2>&1");
    let (said, usage) = on_both(&setting, &script);
    assert!(said.contains("b'from Python' 3 True\n") && said.ends_with("3000 0 7\n"), "{said}");
    setting.prove(&usage, &["shmget", "shmat", "shmdt", "shmctl", "shm_open", "shm_unlink", "sem_open"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

/// libuv asks for files by `syscall(SYS_statx)`.
#[test]
fn node_finds_the_files_that_it_made() {
    need_program!("/usr/bin/node", "nodejs");
    let setting = setting!("node", DevShm::Ample);
    setting.copy("files.js");
    let (said, usage) = on_both(&setting, "/usr/bin/node \"$0/files.js\"");
    assert!(said.starts_with("12 true false\n") && said.ends_with("four one three\n0\n"), "{said}");
    setting.prove(&usage, &["shm_open", "shm_unlink"]);
    assert_eq!(usage["used_bytes"], 0, "{usage}");
}

#[test]
fn valgrind_finds_nothing_wrong() {
    need_program!("/usr/bin/valgrind", "valgrind");
    let setting = setting!("valgrind", DevShm::Ample);
    setting.compile("life");
    let (said, usage) = on_both(&setting, "valgrind --quiet --error-exitcode=9 \"$0/life\"");
    assert_eq!(said, "a segment, 1 attach\nan object\n");
    setting.prove(&usage, &["shmget", "shmat", "shmdt", "shm_open"]);
}
