//! What the tests need from the machine: looked for, and as root installed where Debian's apt is.

use crate::tools::{Outcome, found, run, succeeds};
use std::path::Path;
use std::process::Command;

/// A thing that tests need.
struct Need {
    name: &'static str,
    package: &'static str,
    serves: &'static str,
    /// Whether only `--full` tests it.
    full: bool,
    is_there: fn() -> bool,
}

/// A need of the quick tests.
const fn need(
    name: &'static str,
    package: &'static str,
    serves: &'static str,
    is_there: fn() -> bool,
) -> Need {
    Need { name, package, serves, full: false, is_there }
}

const NEEDS: [Need; 14] = [
    need("cc", "gcc libc6-dev", "programs in C", || found("cc")),
    need("python3", "python3", "programs in Python", || found("python3")),
    need("ipcmk", "util-linux", "ipcmk, ipcs, ipcrm", || found("ipcmk")),
    need("/usr/bin/python3.11", "python3.11", "CPython's own tests", || exists("/usr/bin/python3.11")),
    need(
        "Debian's test.test_multiprocessing_spawn",
        "libpython3.11-testsuite",
        "CPython's own tests",
        || exists("/usr/lib/python3.11/test/test_multiprocessing_spawn.py"),
    ),
    need("python3 -m venv", "python3-venv", "the Python package", || {
        succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
    }),
    need("/usr/lib/postgresql/15", "postgresql", "PostgreSQL", || {
        exists("/usr/lib/postgresql/15/bin/postgres")
    }),
    need("php8.2", "php8.2-cli php8.2-opcache", "PHP", || exists("/usr/bin/php8.2")),
    need("perl", "perl", "Perl", || found("perl")),
    need("/usr/bin/python3 -m pip", "python3-pip", "sysv_ipc and posix_ipc", || exists("/usr/bin/pip3")),
    Need { full: true, ..need("node", "nodejs", "Node.js", || exists("/usr/bin/node")) },
    Need { full: true, ..need("valgrind", "valgrind", "programs under valgrind", || found("valgrind")) },
    Need { full: true, ..need("chromium", "chromium", "a browser", || found("chromium")) },
    Need {
        full: true,
        ..need("Debian's torch", "python3-torch", "PyTorch", || {
            exists("/usr/lib/python3/dist-packages/torch")
        })
    },
];

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

/// Installs what is missing, or says what to type; what stays missing is skipped by the tests that need it.
pub(crate) fn prepare(full: bool) {
    let needs = NEEDS.iter().filter(|need| full || !need.full);
    let missing: Vec<&Need> = needs.filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return;
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.package.split(' ')).collect();
    let outcome = install(&packages);
    for need in missing.iter().filter(|need| !(need.is_there)()) {
        println!("SKIP: no {}, so tests of {} are skipped", need.name, need.serves);
    }
    if let Err(why) = outcome {
        println!("{why}; on Debian: apt-get install {}", packages.join(" "));
    }
}

fn install(packages: &[&str]) -> Outcome {
    if !found("apt-get") {
        return Err("there is no apt-get here".to_owned());
    }
    if !is_root() {
        return Err("only root can install packages".to_owned());
    }
    // Lists may be old or absent on a fresh machine; an update that fails may still leave usable ones.
    if let Err(why) = run(apt().args(["update", "--quiet"])) {
        eprintln!("{why}");
    }
    run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    apt
}

fn is_root() -> bool {
    succeeds(Command::new("sh").args(["-c", "test $(id -u) = 0"]))
}
