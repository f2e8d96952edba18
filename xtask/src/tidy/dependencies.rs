//! Which crate may depend on which: an arrow goes only downwards in the table of the folders.

use super::Complaint;
use super::source::{below, files, read};
use crate::tools::Outcome;
use std::path::Path;

/// A crate and the crates of ours that it may depend on; tests may use the testkit besides.
const TABLE: [(&str, &[&str]); 19] = [
    ("shmfs-abi", &[]),
    ("shmfs-core", &["shmfs-abi"]),
    ("shmfs-wire", &["shmfs-abi"]),
    ("shmfs-sys", &["shmfs-abi"]),
    ("shmfs-index", &["shmfs-sys", "shmfs-abi"]),
    ("shmfs-sync", &["shmfs-sys", "shmfs-abi"]),
    ("shmfs-client", &["shmfs-wire", "shmfs-index", "shmfs-sync", "shmfs-sys", "shmfs-abi"]),
    ("shmfs-preload", &["shmfs-client", "shmfs-sys", "shmfs-abi"]),
    ("shmfs-journal", &["shmfs-core", "shmfs-sys", "shmfs-abi"]),
    ("shmfs-durable", &["shmfs-abi"]),
    (
        "shmfs-broker",
        &[
            "shmfs-journal",
            "shmfs-durable",
            "shmfs-core",
            "shmfs-wire",
            "shmfs-index",
            "shmfs-sys",
            "shmfs-abi",
        ],
    ),
    ("shmfs-keeper", &["shmfs-journal", "shmfs-core", "shmfs-sys", "shmfs-abi"]),
    ("shmfs-fuse", &["shmfs-broker", "shmfs-sys", "shmfs-abi"]),
    ("shmfs-host", &["shmfs-abi"]),
    (
        "shmfs",
        &[
            "shmfs-client",
            "shmfs-sync",
            "shmfs-broker",
            "shmfs-keeper",
            "shmfs-durable",
            "shmfs-sys",
            "shmfs-abi",
        ],
    ),
    ("shmfs-snapshot", &["shmfs-abi"]),
    ("shmfs-c", &["shmfs"]),
    ("shmfs-python", &["shmfs"]),
    ("xtask", &[]),
];

/// These may depend on anything but the preload: the program, and what only tests use.
const FREE: [&str; 4] = ["shmfs-cli", "shmfs-testkit", "shmfs-tests", "shmfs-fuzz"];

/// Every manifest against the table.
pub(crate) fn check(root: &Path) -> Outcome<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for file in files(root, "toml")? {
        if file.file_name().is_some_and(|name| name == "Cargo.toml") {
            complaints.extend(check_manifest(&below(root, &file), &read(&file)?));
        }
    }
    Ok(complaints)
}

fn check_manifest(path: &str, text: &str) -> Vec<Complaint> {
    let Some(name) = package(text) else { return Vec::new() };
    let uses = dependencies(text);
    if FREE.contains(&name) {
        let preloads = uses.iter().filter(|used| **used == "shmfs-preload");
        return preloads.map(|used| format!("{path}: {name} may not depend on {used}")).collect();
    }
    let Some((_, allowed)) = TABLE.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{path}: {name} is not in tidy's table of the folders")];
    };
    uses.iter()
        .filter(|used| !allowed.contains(used))
        .map(|used| format!("{path}: {name} may not depend on {used}"))
        .collect()
}

fn package(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("[package]")?;
    let line = after.lines().find(|line| line.trim_start().starts_with("name"))?;
    Some(line.split_once('=')?.1.trim().trim_matches('"'))
}

/// Our crates among the dependencies, those of tests apart.
fn dependencies(text: &str) -> Vec<&str> {
    let mut section = "";
    let mut uses = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let counts = section.ends_with("dependencies]") && !section.contains("dev-dependencies");
        if counts && line.starts_with("shmfs") {
            uses.extend(line.split(['.', ' ', '=']).next());
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_downwards() {
        let manifest = |name: &str, section: &str, used: &str| {
            format!("[package]\nname = \"{name}\"\n[{section}]\n{used}.workspace = true\n")
        };
        let cases = [
            ("shmfs-core", "dependencies", "shmfs-abi", 0),
            ("shmfs-core", "dependencies", "shmfs-sys", 1),
            ("shmfs-core", "dev-dependencies", "shmfs-testkit", 0),
            ("shmfs-index", "target.\"cfg(loom)\".dependencies", "loom", 0),
            ("shmfs-cli", "dependencies", "shmfs-broker", 0),
            ("shmfs-cli", "dependencies", "shmfs-preload", 1),
            ("shmfs-surprise", "dependencies", "shmfs-abi", 1),
        ];
        for (name, section, used, expected) in cases {
            assert_eq!(check_manifest("x", &manifest(name, section, used)).len(), expected, "{name} {used}");
        }
    }
}
