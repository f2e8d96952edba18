//! One case on the kernel and under shmfs.
//!
//! Each side runs in a world of its own that ends with it. The shmfs side also proves that the store served it:
//! the kernel's own System V calls are refused to it by a seccomp filter, its /dev/shm and System V tables are
//! untouched in the end, and the store has counted calls.

use crate::{Outcome, Scratch, World, compile, run};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A case ends itself before this (LIMIT_SECONDS in case.h).
const LIMIT: Duration = Duration::from_secs(90);

/// The exit status of a case that cannot run here.
const SKIPPED: i32 = 77;

/// The status of the case is told in a line: `sh`'s own would hide it behind that of what follows.
const KERNEL: &str = r#""$1" "$2"; echo "status $?""#;

/// $1 program, $2 case, $3 shm, $4 usage's file, $5 checker, $6 the kernel's refusal.
/// The last call is there for cases that the library refuses by itself: the store is asked in each of them.
const SHMFS: &str = r#"export SHM="$3" USAGE="$4"
"$6" "$SHM" run -- sh -c '"$0" "$1"; echo "status $?"; ipcs -ml >/dev/null; "$SHM" df --json >"$USAGE"' "$1" "$2" || exit
"$5" >&2"#;

/// A case: `group.name` in `calls/group.c`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The file's name.
    pub group: String,
    /// The case's name in it.
    pub name: String,
}

impl Case {
    /// `group.name`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.group, self.name)
    }
}

/// What a case said on one side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transcript {
    /// It ran.
    Said(Vec<String>),
    /// It cannot run here.
    Skipped(String),
}

/// The programs with which the cases of one group are run.
pub struct Sides {
    scratch: Scratch,
    group: String,
    program: PathBuf,
    /// None: both sides are the kernel, which tells whether cases say the same each time.
    shmfs: Option<Shmfs>,
}

struct Shmfs {
    shm: PathBuf,
    checker: PathBuf,
    deny: PathBuf,
}

impl Sides {
    /// Compiles `calls/GROUP.c`; `shm` is the program under test.
    pub fn of(group: &str, shm: Option<&Path>) -> Sides {
        let scratch = Scratch::new(group);
        let program = compile(&format!("calls/{group}.c"), scratch.path(), &[]);
        let shmfs = shm.map(|shm| Shmfs {
            shm: scratch.copy_of(shm, "shm"),
            checker: compile("programs/untouched.c", scratch.path(), &["-static"]),
            deny: compile("programs/deny.c", scratch.path(), &[]),
        });
        Sides { scratch, group: group.to_owned(), program, shmfs }
    }

    /// The cases of the group, in the order of the file.
    pub fn cases(&self) -> Vec<Case> {
        let mut list = std::process::Command::new(&self.program);
        let names = run(list.arg("list"), LIMIT).expect_success("listing the cases");
        names.lines().map(|name| Case { group: self.group.clone(), name: name.to_owned() }).collect()
    }

    /// What the case says on the kernel.
    pub fn on_the_kernel(&self, case: &Case) -> Transcript {
        let arguments = [self.program.as_os_str(), OsStr::new(&case.name)];
        transcript(case, &run(&mut World::once(KERNEL, &arguments), LIMIT))
    }

    /// What the case says under shmfs, and what is wrong with the proof that shmfs served it.
    pub fn under_shmfs(&self, case: &Case) -> (Transcript, Vec<String>) {
        let Some(shmfs) = &self.shmfs else { return (self.on_the_kernel(case), Vec::new()) };
        let usage = self.scratch.join("usage.json");
        drop(fs::remove_file(&usage));
        let arguments = [
            self.program.as_os_str(),
            OsStr::new(&case.name),
            shmfs.shm.as_os_str(),
            usage.as_os_str(),
            shmfs.checker.as_os_str(),
            shmfs.deny.as_os_str(),
        ];
        let outcome = run(&mut World::once(SHMFS, &arguments), LIMIT);
        let transcript = transcript(case, &outcome);
        let wrong = match transcript {
            Transcript::Said(_) => proof(&outcome, &fs::read_to_string(&usage).unwrap_or_default()),
            Transcript::Skipped(_) => Vec::new(),
        };
        (transcript, wrong)
    }
}

/// What was said: lines, the last of which tells the status.
pub(crate) fn transcript(case: &Case, outcome: &Outcome) -> Transcript {
    let lines: Vec<String> = outcome.stdout.lines().map(str::to_owned).collect();
    if lines.last().is_some_and(|line| *line == format!("status {SKIPPED}")) {
        let reason = lines.iter().rev().find_map(|line| line.strip_prefix("SKIP: "));
        return Transcript::Skipped(reason.unwrap_or("no reason given").to_owned());
    }
    // A world that cannot be made says nothing at all; `run` of a hanging one has failed the test before.
    let ran = lines.last().is_some_and(|line| line.starts_with("status "));
    assert!(
        ran,
        "{} did not run: {}\n{}\n{}",
        case.full_name(),
        outcome.status,
        outcome.stdout,
        outcome.stderr
    );
    Transcript::Said(lines)
}

/// What speaks against the store having served everything.
fn proof(outcome: &Outcome, usage: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let usage: serde_json::Value = serde_json::from_str(usage).unwrap_or_default();
    let calls = usage["calls"].as_object().map_or(0, |calls| calls.values().filter_map(|n| n.as_u64()).sum());
    if calls == 0 {
        wrong.push(format!("no proof of service: the store counted no calls: {usage}"));
    }
    if !outcome.stderr.lines().any(|line| line == "untouched") {
        wrong
            .push(format!("no proof of service: the kernel's tables: {} {}", outcome.status, outcome.stderr));
    }
    wrong
}
