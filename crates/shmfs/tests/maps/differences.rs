//! Comparing two transcripts, and the list of differences that are expected: `case :: pattern :: reason`.
//!
//! In a pattern `*` stands for any characters; it is compared with each line that only one side says. A listed difference that
//! does not occur fails, so the list can only shrink.

use crate::session::Side;
use std::collections::BTreeSet;

/// The lines that one side says at a place where the other says something else. Both sides are given the same commands, so they
/// say as many lines, unless one has died.
pub fn differing(kernel: &[String], library: &[String]) -> Vec<(Side, String)> {
    let mut lines = Vec::new();
    for at in 0..kernel.len().max(library.len()) {
        if kernel.get(at) != library.get(at) {
            lines.extend(kernel.get(at).map(|line| (Side::Kernel, line.clone())));
            lines.extend(library.get(at).map(|line| (Side::Library, line.clone())));
        }
    }
    lines
}

/// The expected differences of all cases: case and pattern.
pub struct Differences(Vec<(String, String)>);

impl Differences {
    /// Reads the list; every entry needs a reason.
    pub fn parse(text: &str) -> Differences {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let parts: Vec<&str> = line.split(" :: ").map(str::trim).collect();
            let [case, pattern, reason] = parts[..] else {
                panic!("not `case :: pattern :: reason`: {line}")
            };
            assert!(!reason.is_empty(), "no reason: {line}");
            (case.to_owned(), pattern.to_owned())
        });
        Differences(entries.collect())
    }

    /// The cases that are named.
    pub fn cases(&self) -> BTreeSet<String> {
        self.0.iter().map(|(case, _)| case.clone()).collect()
    }

    fn of<'a>(&'a self, case: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(named, _)| named == case).map(|(_, pattern)| pattern.as_str())
    }

    /// The lines that are not listed.
    pub fn unlisted(&self, case: &str, found: &[(Side, String)]) -> Vec<String> {
        let listed = |line: &str| self.of(case).any(|pattern| matches(pattern, line));
        found.iter().map(|(_, line)| line).filter(|line| !listed(line)).cloned().collect()
    }

    /// The entries that did not occur.
    pub fn unused(&self, case: &str, found: &BTreeSet<String>) -> Vec<String> {
        let unused = self.of(case).filter(|pattern| !found.iter().any(|line| matches(pattern, line)));
        unused.map(|pattern| format!("{case}: listed, but does not differ: {pattern}")).collect()
    }
}

fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((head, rest)) => line.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

/// Whether listed differences must occur, and others must not.
pub fn self_check() -> Vec<String> {
    let list = Differences::parse("# words\n\nt.c :: get * -> * :: because\nt.c :: never :: because\n");
    let [kernel, library] = [["get a -> 1", "put b -> ok"], ["get a -> 2", "put b -> no"]]
        .map(|lines| lines.map(str::to_owned).to_vec());
    let found = differing(&kernel, &library);
    let unlisted = list.unlisted("t.c", &found);
    let unused = list.unused("t.c", &found.into_iter().map(|(_, line)| line).collect());
    let right =
        unlisted == ["put b -> ok", "put b -> no"] && unused == ["t.c: listed, but does not differ: never"];
    if right {
        Vec::new()
    } else {
        vec![format!("the list of differences is not kept: {unlisted:?} {unused:?}")]
    }
}
