//! `cargo xtask demo`: the main job before one's eyes.
//!
//! Unmodified programs share memory in a private store, the store is looked at from outside while they run,
//! and the kernel's own tables prove that it served none of it.

use crate::build;
use crate::tools::{Outcome, found, output, root, succeeds};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Shared memory that the kernel shows: System V segments as key and id, names in /dev/shm.
#[derive(Clone, PartialEq, Eq)]
struct Kernel {
    segments: BTreeSet<String>,
    names: BTreeSet<String>,
}

pub(crate) fn run() -> Outcome {
    for program in ["python3", "ipcmk", "ipcs", "ipcrm"] {
        if !found(program) {
            return Err(format!("the demo needs {program}; on Debian: apt-get install python3 util-linux"));
        }
    }
    let shm = build::program()?;
    let before = Kernel::now();
    say(&format!(
        "The kernel's own tables before: {} segments, {} names in /dev/shm.",
        before.segments.len(),
        before.names.len()
    ));
    say("A Python program that nobody changed, in a private store of 256 MiB:");
    let script = root().join("xtask/demo/two_processes.py");
    println!("  $ shm run --size 256M --report -- python3 {}", script.display());
    let mut program = Command::new(&shm)
        .args(["run", "--size", "256M", "--report", "--", "python3"])
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", shm.display()))?;
    let followed = follow(&mut program, &shm, &before);
    // Its standard input ends with this: a program that still waits goes on to its end.
    drop(program.stdin.take());
    let status = program.wait().map_err(|error| format!("cannot wait for the program: {error}"))?;
    followed?;
    prove(status.success(), "the program ended well, and `shm run` passed its status on")?;
    let after = Kernel::now();
    prove(after.segments == before.segments, "/proc/sysvipc/shm of the kernel is as it was")?;
    prove(after.names == before.names, "/dev/shm of the kernel is as it was")?;
    let still_there = succeeds(Command::new(&shm).args(["ls", "--store", &store(&program)]));
    prove(!still_there, "the private store has vanished with its program")?;
    say("All proofs hold.");
    Ok(())
}

/// Shows what the program says, and looks from outside where it asks for that.
fn follow(program: &mut Child, shm: &Path, before: &Kernel) -> Outcome {
    let said = program.stdout.take().ok_or("the program has no output")?;
    let mut looked = false;
    for line in BufReader::new(said).lines() {
        let line = line.map_err(|error| format!("cannot read what the program says: {error}"))?;
        let Some(name) = line.strip_prefix("LOOK ") else {
            println!("  | {line}");
            continue;
        };
        look(shm, &store(program), name, before)?;
        looked = true;
        let input = program.stdin.as_mut().ok_or("the program has no input")?;
        input.write_all(b"go on\n").map_err(|error| format!("cannot answer the program: {error}"))?;
        say("The program goes on:");
    }
    prove(looked, "the program ran up to the look from outside")
}

fn look(shm: &Path, store: &str, name: &str, before: &Kernel) -> Outcome {
    say("Seen from outside while it runs:");
    let ask = |command: &str, json: bool| {
        let mut shm = Command::new(shm);
        shm.args([command, "--store", store]).args(json.then_some("--json"));
        output(&mut shm)
    };
    for command in ["ls", "df"] {
        println!("  $ shm {command} --store {store}");
        ask(command, false)?.lines().for_each(|line| println!("  | {line}"));
    }
    let (listing, usage) = (ask("ls", true)?, ask("df", true)?);
    say("Proof that shmfs served it, and that the kernel did not:");
    prove(listing.contains(name), &format!("the store has `{name}`"))?;
    prove(listing.contains("\"segment\""), "the store has the segment of ipcmk")?;
    for call in ["shmget", "shm_open"] {
        let served = counter(&usage, call);
        prove(served > 0, &format!("the broker has served {call} {served} times"))?;
    }
    let during = Kernel::now();
    let segments = during.segments.difference(&before.segments).count();
    prove(segments == 0, "the kernel has no segment more than before")?;
    prove(!during.names.contains(name), &format!("/dev/shm has no `{name}`"))
}

impl Kernel {
    fn now() -> Kernel {
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let key_and_id = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let names = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        Kernel {
            segments: table.lines().skip(1).map(key_and_id).collect(),
            names: names.map(|entry| entry.file_name().display().to_string()).collect(),
        }
    }
}

/// A private store is named after the process of `shm run`.
fn store(program: &Child) -> String {
    format!("run-{}", program.id())
}

/// The number behind `"name":` in JSON that `shm` printed.
fn counter(json: &str, name: &str) -> u64 {
    let quoted = format!("\"{name}\":");
    let number =
        json.split(&quoted).nth(1).map(|rest| rest.trim_start().split(|c: char| !c.is_ascii_digit()));
    number.and_then(|mut parts| parts.next()?.parse().ok()).unwrap_or(0)
}

fn say(text: &str) {
    println!("\n{text}");
}

fn prove(holds: bool, what: &str) -> Outcome {
    if holds {
        println!("  proof: {what}");
        return Ok(());
    }
    Err(format!("a proof failed: not true that {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found() {
        let json = "{\"calls\": {\"shm_open\": 3,\n \"shmget\": 12}}";
        assert_eq!(counter(json, "shmget"), 12);
        assert_eq!(counter(json, "shm_open"), 3);
        assert_eq!(counter(json, "shmat"), 0);
    }
}
