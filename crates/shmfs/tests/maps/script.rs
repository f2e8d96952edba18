//! The cases as they are written: `== name: kinds`, then a command a line. `#` begins a comment.

use std::fs;

/// One case.
#[derive(Debug)]
pub struct Script {
    /// `topic.name`.
    pub name: String,
    /// It is played with each of these in place of the word KIND.
    pub kinds: Vec<String>,
    pub commands: Vec<String>,
}

/// The cases of one file.
pub fn cases_of(topic: &str, text: &str) -> Vec<Script> {
    let mut cases: Vec<Script> = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if let Some(head) = line.strip_prefix("== ") {
            let (name, kinds) = head.split_once(": ").unwrap_or_else(|| panic!("no kinds: {line}"));
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "not a name: {name}");
            let kinds = kinds.split_whitespace().map(str::to_owned).collect();
            cases.push(Script { name: format!("{topic}.{name}"), kinds, commands: Vec::new() });
        } else if !line.is_empty() {
            let case = cases
                .last_mut()
                .unwrap_or_else(|| panic!("{topic}: a command before the first case: {line}"));
            case.commands.push(line.to_owned());
        }
    }
    assert!(
        cases.iter().all(|case| !case.commands.is_empty() && !case.kinds.is_empty()),
        "{topic}: an empty case"
    );
    cases
}

impl Script {
    /// Why it cannot be played on this machine.
    pub fn cannot_run(&self) -> Option<String> {
        if !self.kinds.iter().any(|kind| kind == "huge") {
            return None;
        }
        const FREE: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
        let free: u32 = fs::read_to_string(FREE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        (free < 4).then(|| format!("{free} huge pages are free, 4 are needed: `sysctl vm.nr_hugepages=4`"))
    }
}
