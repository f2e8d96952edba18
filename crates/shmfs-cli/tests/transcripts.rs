//! What people read: help texts and messages of failures, as whole transcripts.
//!
//! After an intended change: `SNAPSHOTS=overwrite cargo test -p shmfs-cli`.

#![allow(clippy::unwrap_used, reason = "functions that the tests share fail as tests do")]

use shmfs_abi::{ByteLen, Kind, Lifetime, Name, Time};
use shmfs_snapshot::{Doubt, Header, Hold, Verdict, Writer};
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
    assert_data_eq!(transcript(&["snapshot", "--help"]), file!["snapshots/help-snapshot.txt"]);
    assert_data_eq!(transcript(&["restore", "--help"]), file!["snapshots/help-restore.txt"]);
    assert_data_eq!(transcript(&["mount", "--help"]), file!["snapshots/help-mount.txt"]);
    assert_data_eq!(transcript(&["umount", "--help"]), file!["snapshots/help-umount.txt"]);
    assert_data_eq!(transcript(&["completions", "--help"]), file!["snapshots/help-completions.txt"]);
}

#[test]
fn help_fits_80_columns() {
    for command in
        ["run", "daemon", "ls", "stat", "rm", "df", "snapshot", "restore", "mount", "umount", "completions"]
    {
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
fn options_that_are_not_served_are_refused_by_name() {
    let refused = [
        (&["mount", "-o", "size=1m,mpol=local", "/tmp"][..], "shm: the option `mpol=local` is refused: [..]"),
        (&["mount", "-o", "huge=sometimes", "/tmp"], "shm: the option `huge=sometimes` is refused: [..]"),
        (&["mount", "-o", "nr_inodes", "/tmp"], "shm: the option `nr_inodes` is refused: it needs a value"),
        (&["mount", "-o", "noswap=1", "/tmp"], "shm: the option `noswap=1` is refused: it takes no value"),
    ];
    for (args, message) in refused {
        assert_data_eq!(transcript(args), format!("{message}\nhint: [..]\n[exit 2]\n"));
    }
    assert_data_eq!(
        transcript(&["mount", "-o", "size=1m"]),
        str![[r#"
error: the following required arguments were not provided:
  <DIR>

Usage: shm mount --options <OPTIONS> <DIR>

For more information, try '--help'.
[exit 2]

"#]]
    );
    assert_data_eq!(
        transcript(&["umount", "/no/such/place"]),
        str![[r#"
shm: nothing is mounted at /no/such/place
hint: `shm mount` lists the mounts of stores
[exit 1]

"#]]
    );
}

/// A snapshot of a durable object, and one that says it is fuzzy.
fn snapshot_files(folder: &Folder) -> [String; 2] {
    let header = Header {
        name: Name::new(b"fr\xffmes").ok(),
        lifetime: Lifetime::Durable,
        created: Time { seconds: 1_709_251_199, nanos: 0 },
        taken: Time { seconds: 1_709_251_200, nanos: 0 },
        hold: Hold::Epoch(41),
        ..Header::new(Kind::Object, ByteLen(1 << 30))
    };
    let fuzzy = Header { hold: Hold::Nothing, lifetime: Lifetime::UntilRemoved, ..header };
    let doubt = Verdict::Fuzzy(Doubt::Held { attaches: 0 });
    [("whole", header, Verdict::Consistent), ("fuzzy", fuzzy, doubt)].map(|(name, header, verdict)| {
        let mut writer = Writer::begin(Vec::new(), &header).unwrap();
        writer.frame(1 << 20, &[7; 4096]).unwrap();
        let path = folder.0.join(name);
        std::fs::write(&path, writer.finish(verdict).unwrap().0).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn snapshots_are_checked_without_a_store() {
    let folder = Folder::new("check");
    let [whole, fuzzy] = snapshot_files(&folder);
    assert_data_eq!(
        transcript(&["restore", "--check", &whole]),
        str![[r#"
snapshot   of `fr/xffmes`
taken      2024-03-01 00:00:00 UTC
state      consistent as committed in epoch 41
kind       object
size       1.0 GiB (1073741824 bytes)
data       4.0 KiB in 1 frame
file       435 bytes
mode       0600
owner      uid 0, gid 0
lifetime   durable
created    2024-02-29 23:59:59 UTC
[exit 0]

"#]]
    );
    assert_data_eq!(
        transcript(&["restore", "--check", "--consistent", &fuzzy]),
        str![[r#"
shm: cannot use `[..]/fuzzy`: it is fuzzy: nothing kept its object from changing
[exit 1]

"#]]
    );
    let said = transcript(&["restore", "--check", "--json", &fuzzy]);
    let value: serde_json::Value = serde_json::from_str(said.trim_end_matches("[exit 0]\n")).unwrap();
    assert_eq!((&value["consistent"], &value["held_by"]), (&false.into(), &"nothing".into()));
    assert_eq!(value["fuzzy"], "other processes have it open, and may have written while it was copied");

    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&whole, &bytes[..400]).unwrap();
    assert_data_eq!(
        transcript(&["restore", "--check", &whole]),
        str![[r#"
shm: cannot use `[..]/whole`: it was cut after 400 bytes
[exit 1]

"#]]
    );
    let damaged = [&bytes[..380], &[bytes[380] ^ 1], &bytes[381..]].concat();
    std::fs::write(&whole, damaged).unwrap();
    assert_data_eq!(
        transcript(&["restore", "--check", &whole]),
        str![[r#"
shm: cannot use `[..]/whole`: it is damaged at byte 344: the checksum of a frame is wrong
[exit 1]

"#]]
    );
    std::fs::write(&whole, "text").unwrap();
    assert_data_eq!(
        transcript(&["restore", "--check", &whole]),
        str![[r#"
shm: cannot use `[..]/whole`: it is no snapshot
[exit 1]

"#]]
    );
}

#[test]
fn snapshots_that_go_nowhere() {
    assert_data_eq!(
        transcript(&["snapshot", "x", "--json", "-o", "-"]),
        str![[r#"
shm: `--json` prints to standard output, where the snapshot goes
[exit 2]

"#]]
    );
    assert_data_eq!(
        transcript(&["restore", "/nonexistent/file"]),
        str![[r#"
shm: cannot read `/nonexistent/file`: No such file or directory (os error 2)
[exit 1]

"#]]
    );
    assert_data_eq!(
        transcript(&["restore", "file", "--key", "0"]),
        str![[r#"
error: invalid value '0' for '--key <KEY>': 0 is no key (IPC_PRIVATE)[..]

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
