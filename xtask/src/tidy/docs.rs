//! The documents: no link leads nowhere, and every table in docs/compat can be reached by one.

use super::Complaint;
use super::source::{below, files, read};
use crate::tools::Outcome;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Every Markdown file of the workspace.
pub(crate) fn check(root: &Path) -> Outcome<Vec<Complaint>> {
    let documents = files(root, "md")?;
    let mut complaints = Vec::new();
    let mut linked = BTreeSet::new();
    for document in &documents {
        let folder = document.parent().unwrap_or(root);
        for link in links(&read(document)?) {
            let goal = normal(&folder.join(&link));
            if goal.exists() {
                linked.insert(goal);
            } else {
                complaints.push(format!("{}: the link to {link} leads nowhere", below(root, document)));
            }
        }
    }
    let tables = documents.iter().filter(|document| document.starts_with(root.join("docs/compat")));
    for table in tables.filter(|table| !linked.contains(*table)) {
        complaints.push(format!("{}: no document links to it", below(root, table)));
    }
    Ok(complaints)
}

/// The links to files: `](goal)`, without those to places on the web and within the document.
fn links(text: &str) -> Vec<String> {
    let goals = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    goals
        .filter(|goal| !goal.contains("://") && !goal.starts_with('#') && !goal.contains(char::is_whitespace))
        .filter_map(|goal| goal.split('#').next())
        .filter(|goal| !goal.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found() {
        let text = "[a](x.md) [b](https://x) [c](#part) [d](../y.md#part) `a[0](b c)`";
        assert_eq!(links(text), ["x.md", "../y.md"]);
        assert_eq!(normal(Path::new("/a/b/../c/./d")), Path::new("/a/c/d"));
    }
}
