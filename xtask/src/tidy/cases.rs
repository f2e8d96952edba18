//! The tables in docs/compat and the cases in tests/calls: a table names cases that exist, each group of cases stands
//! in a table, and so does each case of which a difference is expected.

use super::Complaint;
use super::source::{below, files, read};
use crate::tools::Outcome;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) fn check(root: &Path) -> Outcome<Vec<Complaint>> {
    let mut cases = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for file in files(root, "c")?.iter().filter(|file| file.starts_with(root.join("tests/calls"))) {
        let group = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        cases.extend(defined(&read(file)?).map(|case| format!("{group}.{case}")));
        groups.insert(group);
    }
    let mut complaints = Vec::new();
    let mut named = BTreeSet::new();
    for table in files(root, "md")?.iter().filter(|file| file.starts_with(root.join("docs/compat"))) {
        for case in quoted(&read(table)?) {
            if !cases.contains(&case) && case.split_once('.').is_some_and(|(group, _)| groups.contains(group))
            {
                complaints.push(format!("{}: there is no case {case}", below(root, table)));
            }
            named.insert(case);
        }
    }
    for group in &groups {
        if !named.iter().any(|case| case.split_once('.').is_some_and(|(of, _)| of == group)) {
            complaints.push(format!("docs/compat: no table names a case of tests/calls/{group}.c"));
        }
    }
    let differences = read(&root.join("tests/calls/differences.txt"))?;
    for case in differences.lines().filter_map(|line| line.split_once(" :: ")).map(|(case, _)| case) {
        if !case.starts_with('#') && !named.contains(case) {
            complaints.push(format!("docs/compat: no table names {case}, which differs"));
        }
    }
    Ok(complaints)
}

/// The names in `CASE(name)` at the beginning of a line.
fn defined(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter_map(|line| Some(line.strip_prefix("CASE(")?.split_once(')')?.0.to_owned()))
}

/// What stands between backticks and looks like `group.case`.
fn quoted(text: &str) -> Vec<String> {
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let between = text.split('`').skip(1).step_by(2);
    between
        .filter(|quoted| {
            quoted
                .split_once('.')
                .is_some_and(|(group, case)| plain(group) && plain(case) && !case.is_empty())
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_found() {
        let names: Vec<_> = defined("CASE(one) {\n  CASE(two)\nCASE(three) { x(); }\n").collect();
        assert_eq!(names, ["one", "three"]);
        assert_eq!(quoted("`shmget.key`, `a b.c`, `shmget(2)`, `x.` and `p.q_1`"), ["shmget.key", "p.q_1"]);
    }
}
