//! What people read: help texts and messages of failures, as whole transcripts.
//!
//! After an intended change: `SNAPSHOTS=overwrite cargo test -p shmfs-cli`.

#![allow(clippy::unwrap_used, reason = "functions that the tests share fail as tests do")]

use snapbox::{assert_data_eq, file, str};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `shm` where no store is known; gives what it said as one text, exit status last.
fn transcript(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = shm(args).output().unwrap();
    let code = status.code().unwrap();
    format!("{}{}[exit {code}]\n", String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn shm(args: &[&str]) -> Command {
    let mut shm = Command::new(env!("CARGO_BIN_EXE_shm"));
    shm.args(args).env("COLUMNS", "80");
    for name in ["SHMFS_STORE", "SHMFS_TOKEN", "SHMFS_LOG", "XDG_RUNTIME_DIR"] {
        shm.env_remove(name);
    }
    shm
}

/// A folder of this test's own; removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("shm-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn help() {
    assert_data_eq!(transcript(&["--help"]), file!["snapshots/help.txt"]);
}

#[test]
fn help_of_each_command() {
    assert_data_eq!(transcript(&["run", "--help"]), file!["snapshots/help-run.txt"]);
    assert_data_eq!(transcript(&["daemon", "--help"]), file!["snapshots/help-daemon.txt"]);
    assert_data_eq!(transcript(&["ls", "--help"]), file!["snapshots/help-ls.txt"]);
    assert_data_eq!(transcript(&["stat", "--help"]), file!["snapshots/help-stat.txt"]);
    assert_data_eq!(transcript(&["rm", "--help"]), file!["snapshots/help-rm.txt"]);
    assert_data_eq!(transcript(&["df", "--help"]), file!["snapshots/help-df.txt"]);
    assert_data_eq!(transcript(&["completions", "--help"]), file!["snapshots/help-completions.txt"]);
}

#[test]
fn help_fits_80_columns() {
    for command in ["run", "daemon", "ls", "stat", "rm", "df", "completions"] {
        let text = transcript(&[command, "--help"]);
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
}

#[test]
fn no_store() {
    let folder = Folder::new("no-store");
    let dir = folder.0.join("x");
    let expected = str![[r#"
shm: no store `[..]/x` runs: tried [..]/x
hint: [..]
[exit 3]

"#]];
    for command in ["ls", "df"] {
        assert_data_eq!(transcript(&[command, "--store", dir.to_str().unwrap()]), expected.clone());
    }
    assert_data_eq!(
        transcript(&["df", "--store", ".hidden"]),
        str![[r#"
shm: `.hidden` is not a name for a store: 1 to 64 bytes, no slash, no dot in front
[exit 2]

"#]]
    );
}

#[test]
fn wrong_usage() {
    assert_data_eq!(
        transcript(&["run", "--size", "4X", "--", "true"]),
        str![[r#"
error: invalid value '4X' for '--size <SIZE>': `X` is not a unit; K, M, G, T and P are

For more information, try '--help'.
[exit 2]

"#]]
    );
    assert_data_eq!(
        transcript(&["run", "--size", "0", "--", "true"]),
        str![[r#"
error: invalid value '0' for '--size <SIZE>': a store has at least one page, 4096 bytes

For more information, try '--help'.
[exit 2]

"#]]
    );
    assert_data_eq!(
        transcript(&["rm", "--key", "0"]),
        str![[r#"
error: invalid value '0' for '--key <KEY>': 0 is no key (IPC_PRIVATE); remove the segment by --id

For more information, try '--help'.
[exit 2]

"#]]
    );
}

#[test]
fn programs_that_cannot_run() {
    let folder = Folder::new("cannot-run");
    let plain = folder.file("plain", "text");
    assert_data_eq!(
        transcript(&["run", "--", "no-such-program"]),
        str![[r#"
shm: cannot run `no-such-program`: no such file along PATH
[exit 127]

"#]]
    );
    assert_data_eq!(
        transcript(&["run", "--", plain.to_str().unwrap()]),
        str![[r#"
shm: cannot run `[..]/plain`: permission denied
[exit 126]

"#]]
    );
    assert_data_eq!(
        transcript(&["run", "--", folder.0.to_str().unwrap()]),
        str![[r#"
shm: cannot run `[..]`: it is a directory
[exit 126]

"#]]
    );
}

#[test]
fn completions_and_manual_pages_build() {
    for shell in ["bash", "zsh", "fish"] {
        let text = transcript(&["completions", shell]);
        assert!(text.contains("daemon") && text.ends_with("[exit 0]\n"), "{shell}");
    }
    assert!(transcript(&["man"]).starts_with(".ie"));
    let folder = Folder::new("man");
    assert_data_eq!(transcript(&["man", "--into", folder.0.to_str().unwrap()]), "[exit 0]\n");
    let page = |name: &str| Path::new(&folder.0).join(name).exists();
    assert!(page("shm.1") && page("shm-run.1"));
}
