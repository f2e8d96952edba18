//! Rules of single Rust files: lengths, headers, `unsafe`, names of types, words that say "later".

use super::Complaint;
use super::source::{Source, code_of};

/// Lines of a file: more asks for a reason, and more still is refused.
const WARN_LINES: usize = 500;
const MAX_LINES: usize = 800;
/// Half of the files have at most this many lines.
const MEDIAN_LINES: usize = 150;

/// The crates that may say `unsafe` (ARCHITECTURE.md, code map).
const MARKED: [&str; 3] = ["shmfs-sys", "shmfs-preload", "bindings/c"];

/// The files that may say it besides.
const MARKED_FILES: [&str; 3] =
    ["crates/shmfs/src/escape.rs", "bindings/python/src/descriptor.rs", "bindings/python/src/memory.rs"];

/// Nouns that name no thing, and `Shm`, which names them all.
const FORBIDDEN: [&str; 11] = [
    "Manager", "Handler", "Helper", "Helpers", "Util", "Utils", "Context", "Data", "Info", "Region", "Block",
];

/// Lengths of all files; tests apart.
pub(crate) fn lengths(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut lengths = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let lines = source.lines();
        lengths.push(lines);
        if lines > MAX_LINES {
            complaints.push(format!("{}: {lines} lines, at most {MAX_LINES}", source.path));
        } else if lines > WARN_LINES {
            println!("warning: {}: {lines} lines; more than {WARN_LINES} asks for a reason", source.path);
        }
    }
    lengths.sort_unstable();
    match lengths.get(lengths.len() / 2) {
        Some(median) if *median > MEDIAN_LINES => {
            complaints.push(format!("the median file has {median} lines, at most {MEDIAN_LINES}"));
        }
        _ => {}
    }
    complaints
}

/// The rules of one file.
pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let code = code_of(&source.text);
    let mut complaints = Vec::new();
    if !source.text.starts_with("//!") {
        complaints.push(format!("{}:1: no `//!` header", source.path));
    }
    for (at, line) in code.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if says_unsafe(line) && !may_say_unsafe(source) {
            complaints.push(format!("{}:{at}: unsafe outside the marked crates", source.path));
        }
        if let Some(name) = forbidden_type(line) {
            complaints.push(format!("{}:{at}: `{name}` has a noun that names no thing", source.path));
        }
    }
    for (at, line) in source.text.lines().enumerate() {
        if says_later(line) {
            complaints.push(format!("{}:{}: say it under \"Not done:\" in the header", source.path, at + 1));
        }
    }
    complaints
}

/// `unsafe` as a word, and the lint's name, by which it could be allowed.
fn says_unsafe(line: &str) -> bool {
    words(line).any(|word| word == "unsafe") || line.contains("allow(unsafe_code")
}

fn may_say_unsafe(source: &Source) -> bool {
    MARKED.contains(&source.crate_name()) || MARKED_FILES.contains(&source.path.as_str())
}

fn says_later(line: &str) -> bool {
    // In two halves, so that this file does not say it.
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")].iter().any(|word| line.contains(word))
}

fn forbidden_type(line: &str) -> Option<&str> {
    let mut words =
        words(line).skip_while(|word| !["struct", "enum", "trait", "union", "type"].contains(word));
    words.next()?;
    let name = words.next()?;
    // C's structures keep C's names behind a C.
    let from_c = name.starts_with('C') && name.chars().nth(1).is_some_and(char::is_uppercase);
    let broken = name == "Shm" || parts(name).iter().any(|part| FORBIDDEN.contains(part));
    (broken && !from_c).then_some(name)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The parts of a name in camel case.
fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let end =
            rest.char_indices().skip(1).find(|(_, c)| c.is_uppercase()).map_or(rest.len(), |(at, _)| at);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn rules_of_one_file() {
        let core = "crates/shmfs-core/src/x.rs";
        let cases = [
            (core, "//! A.\nstruct Segment;", 0),
            (core, "struct Segment;", 1),
            (core, "//! A.\nunsafe fn f() {}", 1),
            (core, "//! A.\n// unsafe\nlet x = \"unsafe\";", 0),
            (core, "//! A.\n#![allow(unsafe_code)]", 1),
            ("crates/shmfs-sys/src/x.rs", "//! A.\nunsafe fn f() {}", 0),
            ("crates/shmfs/src/escape.rs", "//! A.\nunsafe fn f() {}", 0),
            ("crates/shmfs/src/object.rs", "//! A.\nunsafe fn f() {}", 1),
            (core, "//! A.\npub struct SegmentInfo;", 1),
            (core, "//! A.\npub struct CShmInfo;", 0),
            (core, "//! A.\nenum Shm { A }", 1),
            (core, "//! A.\nstruct Database;", 0),
            (core, concat!("//! A.\n// TO", "DO: more"), 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(complaints(path, text), expected, "{text}");
        }
    }
}
