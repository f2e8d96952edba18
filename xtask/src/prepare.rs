//! What the tests need from the machine: looked for, and as root installed where Debian's apt is.

use crate::tools::{Outcome, found, run, succeeds};
use std::path::Path;
use std::process::Command;

/// A thing that tests need.
struct Need {
    name: &'static str,
    package: &'static str,
    serves: &'static str,
    is_there: fn() -> bool,
}

const NEEDS: [Need; 5] = [
    Need { name: "cc", package: "gcc libc6-dev", serves: "programs in C", is_there: || found("cc") },
    Need { name: "python3", package: "python3", serves: "programs in Python", is_there: || found("python3") },
    Need { name: "ipcmk", package: "util-linux", serves: "ipcmk, ipcs, ipcrm", is_there: || found("ipcmk") },
    Need {
        name: "/usr/bin/python3.11",
        package: "python3.11",
        serves: "CPython's own tests",
        is_there: || Path::new("/usr/bin/python3.11").exists(),
    },
    Need {
        name: "Debian's test.test_multiprocessing_spawn",
        package: "libpython3.11-testsuite",
        serves: "CPython's own tests",
        is_there: || Path::new("/usr/lib/python3.11/test/test_multiprocessing_spawn.py").exists(),
    },
];

/// Installs what is missing, or says what to type; what stays missing is skipped by the tests that need it.
pub(crate) fn prepare() {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.is_there)()).collect();
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
