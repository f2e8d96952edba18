//! The tables in docs/compat and the cases in tests/calls and tests/mount: a table names cases that exist, each group of
//! cases stands in a table, and so does each case of which a difference is expected.

use super::Complaint;
use super::source::{below, files, read};
use crate::tools::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where cases are: a file is a group, and differences.txt lists the expected differences.
const FOLDERS: [&str; 2] = ["tests/calls", "tests/mount"];

pub(crate) fn check(root: &Path) -> Outcome<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut cases = BTreeSet::new();
    let mut groups = BTreeMap::new();
    for file in files(root, "c")? {
        let Some(folder) = FOLDERS.into_iter().find(|folder| file.starts_with(root.join(folder))) else {
            continue;
        };
        let group = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        cases.extend(defined(&read(&file)?).map(|case| format!("{group}.{case}")));
        if groups.insert(group.clone(), folder).is_some() {
            complaints.push(format!("{folder}/{group}.c: another folder of cases has a file of this name"));
        }
    }
    let mut named = BTreeSet::new();
    for table in files(root, "md")?.iter().filter(|file| file.starts_with(root.join("docs/compat"))) {
        for case in quoted(&read(table)?) {
            let of_a_group = case.split_once('.').is_some_and(|(group, _)| groups.contains_key(group));
            if !cases.contains(&case) && of_a_group {
                complaints.push(format!("{}: there is no case {case}", below(root, table)));
            }
            named.insert(case);
        }
    }
    for (group, folder) in &groups {
        if !named.iter().any(|case| case.split_once('.').is_some_and(|(of, _)| of == group)) {
            complaints.push(format!("docs/compat: no table names a case of {folder}/{group}.c"));
        }
    }
    for folder in FOLDERS {
        let differences = read(&root.join(folder).join("differences.txt"))?;
        for case in differences.lines().filter_map(|line| line.split_once(" :: ")).map(|(case, _)| case) {
            if !case.starts_with('#') && !named.contains(case) {
                complaints.push(format!("docs/compat: no table names {case}, which differs"));
            }
        }
    }
    Ok(complaints)
}

/// The names in `CASE(name)` and `CASE_ON(name, "options")` at the beginning of a line.
fn defined(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().filter_map(|line| {
        let plain = line.strip_prefix("CASE(").and_then(|rest| rest.split_once(')'));
        let on = line.strip_prefix("CASE_ON(").and_then(|rest| rest.split_once(','));
        Some(plain.or(on)?.0.to_owned())
    })
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
        let text = "CASE(one) {\n  CASE(two)\nCASE(three) { x(); }\nCASE_ON(four, \"ro\") {\n";
        assert_eq!(defined(text).collect::<Vec<_>>(), ["one", "three", "four"]);
        assert_eq!(quoted("`shmget.key`, `a b.c`, `shmget(2)`, `x.` and `p.q_1`"), ["shmget.key", "p.q_1"]);
    }
}
