//! Comparing two transcripts, and the list of differences that are expected.

use std::collections::BTreeSet;

/// A line that only one side has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Said by the kernel only.
    Kernel(String),
    /// Said under shmfs only.
    Shmfs(String),
    /// Said by both.
    Both(String),
}

impl Edit {
    /// The line, when only one side has it.
    pub fn differing(&self) -> Option<&str> {
        match self {
            Edit::Kernel(line) | Edit::Shmfs(line) => Some(line),
            Edit::Both(_) => None,
        }
    }
}

/// The lines of both sides in order, by their longest common run of lines.
pub fn compare(kernel: &[String], shmfs: &[String]) -> Vec<Edit> {
    let (rows, columns) = (kernel.len(), shmfs.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] = if kernel[i] == shmfs[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut edits = Vec::with_capacity(rows + columns);
    while i < rows || j < columns {
        if i < rows && j < columns && kernel[i] == shmfs[j] {
            edits.push(Edit::Both(kernel[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if j == columns || (i < rows && common[i + 1][j] >= common[i][j + 1]) {
            edits.push(Edit::Kernel(kernel[i].clone()));
            i += 1;
        } else {
            edits.push(Edit::Shmfs(shmfs[j].clone()));
            j += 1;
        }
    }
    edits
}

/// One expected difference: `case :: pattern :: reason`. In a pattern `*` stands for any characters.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Expected {
    case: String,
    pattern: String,
}

/// The expected differences of all cases.
pub struct Differences(Vec<Expected>);

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
            Expected { case: case.to_owned(), pattern: pattern.to_owned() }
        });
        Differences(entries.collect())
    }

    /// The cases that are named.
    pub fn cases(&self) -> BTreeSet<&str> {
        self.0.iter().map(|entry| entry.case.as_str()).collect()
    }

    /// What is wrong with the differences of `case`: lines that are not listed, and entries that did not occur.
    pub fn judge(&self, case: &str, edits: &[Edit]) -> Vec<String> {
        let listed: Vec<&Expected> = self.0.iter().filter(|entry| entry.case == case).collect();
        let differing: Vec<&str> = edits.iter().filter_map(Edit::differing).collect();
        let unlisted =
            differing.iter().filter(|line| !listed.iter().any(|entry| matches(&entry.pattern, line)));
        let unused =
            listed.iter().filter(|entry| !differing.iter().any(|line| matches(&entry.pattern, line)));
        unlisted
            .map(|line| format!("not expected to differ: {line}"))
            .chain(unused.map(|entry| format!("listed, but does not differ: {}", entry.pattern)))
            .collect()
    }
}

/// Both sides of a case for a reader, `-` before what only the kernel said and `+` before what shmfs alone said, and
/// what is wrong with it.
pub fn report(case: &str, edits: &[Edit], wrong: &[String]) -> String {
    let lines = edits.iter().map(|edit| match edit {
        Edit::Kernel(line) => format!("  - {line}"),
        Edit::Shmfs(line) => format!("  + {line}"),
        Edit::Both(line) => format!("    {line}"),
    });
    let wrong = wrong.iter().map(|wrong| format!("  ! {wrong}"));
    let all: Vec<String> = std::iter::once(case.to_owned()).chain(lines).chain(wrong).collect();
    all.join("\n")
}

fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((head, rest)) => line.strip_prefix(head).is_some_and(|tail| {
            (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_longest_common_run_is_kept() {
        let edits = compare(&lines("a b c d"), &lines("a x c d e"));
        let differing: Vec<&str> = edits.iter().filter_map(Edit::differing).collect();
        assert_eq!(differing, ["b", "x", "e"]);
        assert!(compare(&lines("a b"), &lines("a b")).iter().all(|edit| edit.differing().is_none()));
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, line, expected) in [
            ("a*c", "abc", true),
            ("a*c", "abd", false),
            ("*", "", true),
            ("a", "ab", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(matches(pattern, line), expected, "{pattern} {line}");
        }
    }

    #[test]
    fn listed_differences_must_occur_and_others_must_not() {
        let list = Differences::parse("# words\n\ng.c :: one* :: because\ng.c :: two :: because\n");
        let edits = [Edit::Kernel("one thing".into()), Edit::Shmfs("three".into()), Edit::Both("two".into())];
        let wrong = list.judge("g.c", &edits);
        assert_eq!(wrong, ["not expected to differ: three", "listed, but does not differ: two"]);
        assert!(list.judge("g.d", &[]).is_empty());
    }
}
