//! The files of the workspace, and Rust's text without its comments and strings.

use crate::tools::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no sources of ours.
const NOT_OURS: [&str; 4] = ["target", ".git", "corpus", "snapshots"];

/// A Rust file.
pub(crate) struct Source {
    /// Below the workspace's folder, such as `crates/shmfs-abi/src/lib.rs`.
    pub(crate) path: String,
    /// Everything in it.
    pub(crate) text: String,
}

impl Source {
    /// Every Rust file of the workspace.
    pub(crate) fn all(root: &Path) -> Outcome<Vec<Source>> {
        files(root, "rs")?
            .into_iter()
            .map(|file| Ok(Source { path: below(root, &file), text: read(&file)? }))
            .collect()
    }

    /// Its crate's folder, such as `shmfs-abi`; the workspace's own folders give theirs.
    pub(crate) fn crate_name(&self) -> &str {
        if let Some((at, _)) = self.path.match_indices('/').nth(1)
            && self.path.starts_with("bindings/")
        {
            return &self.path[..at];
        }
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or(path)
    }

    /// Whether it is made of tests alone.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines before the tests at its end.
    pub(crate) fn lines(&self) -> usize {
        self.text.lines().take_while(|line| *line != "#[cfg(test)]").count()
    }
}

/// Files whose names end in `extension`, in order.
pub(crate) fn files(root: &Path, extension: &str) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && !path.is_symlink() {
                if !NOT_OURS.iter().any(|other| name == *other) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A path below the workspace's folder.
pub(crate) fn below(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}

/// A whole file.
pub(crate) fn read(file: &Path) -> Outcome<String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The code alone: comments and the content of strings become spaces, line ends stay.
pub(crate) fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_word(&chars, at).unwrap_or(at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where a comment or a literal that begins at `at` ends; nothing when none begins there.
fn end_of_word(chars: &[char], at: usize) -> Option<usize> {
    let starts = |word: &str| word.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    if starts("//") {
        return Some(find(chars, at, "\n"));
    }
    if starts("/*") {
        return Some(find(chars, at + 2, "*/") + 2);
    }
    if starts("\"") {
        return Some(end_of_string(chars, at));
    }
    let after_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if starts("r") && !after_name {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            let closing = format!("\"{}", "#".repeat(hashes));
            return Some(find(chars, at + 2 + hashes, &closing) + closing.len());
        }
    }
    // A quote begins a character, unless it begins a lifetime.
    if starts("'\\") {
        return Some(find(chars, at + 3, "'") + 1);
    }
    (starts("'") && chars.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

fn end_of_string(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// Where `word` begins at or after `from`, or the end.
fn find(chars: &[char], from: usize, word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    let rest = chars.get(from..).unwrap_or_default();
    let end = chars.len().saturating_sub(word.len());
    rest.windows(word.len()).position(|window| window == word).map_or(end, |found| from + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_go() {
        let cases = [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x\ny */ b", "a     \n     b"),
            ("f(\"un\\\"safe\") g", "f(          ) g"),
            ("r#\"a\"b\"# c", "         c"),
            ("'\"' 'a <'b>", "    'a <'b>"),
            ("'\\'' x", "     x"),
            ("for r in", "for r in"),
            ("\"open", "     "),
        ];
        for (text, expected) in cases {
            assert_eq!(code_of(text), expected);
        }
    }
}
