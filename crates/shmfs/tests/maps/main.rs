//! Maps on both sides: the kernel's own calls, made by a C program, and the library must show the same.
//!
//! A case is a list of commands in `cases/`. Each is played twice, once to `side.c`, which makes the system calls that the
//! commands name, and once to `library.rs`, which does the same by this library. Both are processes of their own, so that one
//! of them may die. A second process, always of `side.c`, looks at the same file. What they answer is the transcript, and the
//! transcripts of both sides must be equal, but for the lines that `differences.txt` lists with a reason.
//!
//! Owns: nothing. Leaves to others: reading the cases (`script`), the processes (`session`), the list (`differences`).
//!
//! # Commands
//! Files, mappings and sockets go by a letter. A command that begins with `>` goes to the second process.
//!
//! | command | what it does |
//! |---|---|
//! | `file F KIND LEN` | makes a file: `memfd`, `shm` (`shm_open`; an object of a store), `disk`, `huge` |
//! | `reopen G F ro` | opens F once more; also `rw`, `wo` |
//! | `share F` | the second process opens F, as `f` of its own; `share F ro` for reading |
//! | `close` `len` `resize F N` `hole F OFFSET LEN` `blocks` `unlink` `seal F A\|B` `seals` | as they say |
//! | `pread F OFFSET LEN`, `pwrite F OFFSET TEXT` | by `read(2)` and `write(2)` |
//! | `map M F OFFSET LEN ...` | maps; `-` is the rest; options `ro` `private` `populate` `locked` `at=M+BYTES` |
//! | `view V F`, `grow V LEN`, `refresh V` | a view of all of the file, that grows with it (`MappedFile`) |
//! | `get M OFFSET LEN`, `put M OFFSET TEXT`, `fill M OFFSET LEN C` | accesses |
//! | `flush M OFFSET LEN sync`, `advise M OFFSET LEN WHAT`, `lock`, `unlock`, `resident`, `unmap`, `same M N` | as they say |
//! | `fork`, `exit N` | the child goes on with the commands until it exits |
//! | `meet` | a socket `s` between both processes |
//! | `send S F`, `receive S F`, `hangup S` | descriptors over it |
//! | `limit memlock N`, `nobody` | as little as a program may have |
//! | `guard` | the library's guard; nothing for the kernel |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test")]

mod differences;
mod library;
mod script;
mod session;

use differences::{Differences, differing};
use script::{Script, cases_of};
use session::{Pair, Side};
use std::{collections::BTreeSet, env, path::PathBuf, process::ExitCode};

/// The topics: each is a file in `cases/`, and a test.
const TOPICS: [(&str, &str); 14] = [
    ("pages", include_str!("cases/pages.txt")),
    ("end", include_str!("cases/end.txt")),
    ("private", include_str!("cases/private.txt")),
    ("truncate", include_str!("cases/truncate.txt")),
    ("flush", include_str!("cases/flush.txt")),
    ("fork", include_str!("cases/fork.txt")),
    ("refused", include_str!("cases/refused.txt")),
    ("seals", include_str!("cases/seals.txt")),
    ("holes", include_str!("cases/holes.txt")),
    ("advice", include_str!("cases/advice.txt")),
    ("grow", include_str!("cases/grow.txt")),
    ("memory", include_str!("cases/memory.txt")),
    ("lives", include_str!("cases/lives.txt")),
    ("passing", include_str!("cases/passing.txt")),
];

const DIFFERENCES: &str = include_str!("differences.txt");

/// Plays every case of a topic on both sides; what is wrong.
fn check(topic: &str, text: &str) -> Vec<String> {
    let differences = Differences::parse(DIFFERENCES);
    let mut wrong = Vec::new();
    for case in cases_of(topic, text) {
        if let Some(reason) = case.cannot_run() {
            println!("SKIP: {}: {reason}", case.name);
            continue;
        }
        let mut all = BTreeSet::new();
        for kind in &case.kinds {
            let [kernel, library] = [Side::Kernel, Side::Library].map(|side| play(&case, kind, side));
            let found = differing(&kernel, &library);
            let unlisted = differences.unlisted(&case.name, &found);
            if !unlisted.is_empty() {
                wrong.push(format!("{} ({kind}): not expected to differ:", case.name));
                wrong.extend(found.iter().map(|(side, line)| format!("  {side:?}: {line}")));
            }
            all.extend(found.into_iter().map(|(_, line)| line));
        }
        wrong.extend(differences.unused(&case.name, &all));
    }
    wrong
}

/// The transcript of a case on one side.
fn play(case: &Script, kind: &str, side: Side) -> Vec<String> {
    let mut pair = Pair::start(side);
    let commands = case.commands.iter().map(|command| command.replace("KIND", kind));
    commands.map(|command| format!("{command} -> {}", pair.play(&command))).collect()
}

/// The cases themselves: enough, each with a name of its own, and each expected difference is of one of them.
fn census() -> Vec<String> {
    let mut wrong = Vec::new();
    let cases = TOPICS.into_iter().flat_map(|(topic, text)| cases_of(topic, text));
    let names: Vec<String> = cases.map(|case| case.name).collect();
    let distinct: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    if names.len() < 50 || distinct.len() < names.len() {
        wrong.push(format!("{} cases, {} names; 50 are the least", names.len(), distinct.len()));
    }
    let listed = Differences::parse(DIFFERENCES).cases();
    wrong.extend(
        listed.iter().filter(|case| !distinct.contains(case.as_str())).map(|case| format!("no case {case}")),
    );
    wrong.extend(differences::self_check());
    println!("{} cases", names.len());
    wrong
}

/// Runs the test of this name: a topic, or the [`census`]. What is wrong.
fn run(name: &str) -> Vec<String> {
    match TOPICS.into_iter().find(|(topic, _)| *topic == name) {
        Some((topic, text)) => check(topic, text),
        None => census(),
    }
}

/// It has a `main` of its own, since the library's side of a case forks, and must have one thread.
fn main() -> ExitCode {
    if let Some(folder) = env::var_os(session::FOLDER) {
        library::serve(&PathBuf::from(folder));
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |name: &str| match filters[..] {
        [] => true,
        _ if has("--exact") => filters.iter().any(|filter| *filter == name),
        _ => filters.iter().any(|filter| name.contains(filter.as_str())),
    };
    let names = TOPICS.iter().map(|(topic, _)| *topic).chain(["census"]);
    if has("--list") {
        // What `cargo nextest` asks for, of ignored tests too: there are none.
        names.filter(|_| !has("--ignored")).for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for name in names.filter(|name| is_chosen(name)) {
        let wrong = run(name);
        println!("test {name} ... {}", if wrong.is_empty() { "ok" } else { "FAILED" });
        wrong.iter().for_each(|line| println!("{line}"));
        failed += usize::from(!wrong.is_empty());
    }
    session::end();
    ExitCode::from(u8::from(failed > 0))
}
