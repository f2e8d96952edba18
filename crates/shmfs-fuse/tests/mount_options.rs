//! Mount options beside the kernel's: the same text mounts a tmpfs of the kernel's, or is refused there as well. And the
//! corpus of the fuzz target, replayed.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use shmfs_fuse::options::Options;
use std::path::Path;
use std::process::Command;

mod replay_options;

/// Texts that both take, or both refuse.
const SAME: [&str; 112] = [
    "size=64m",
    "size=64M",
    "size=1g,nr_blocks=10",
    "nr_blocks=10,size=1g",
    "size=50%",
    "size=200%",
    "size",
    "size=",
    "size=0x10m",
    "size=010m",
    "size=-1",
    "size=1.5m",
    "size=5kb",
    "size=+5m",
    "size=1t",
    "size=1p",
    "size=08",
    "size=0x",
    "size=1%%",
    "size=1k%",
    "size=1m%",
    "size=1m,size=2m",
    "size = 1m",
    "SIZE=1m",
    "size=\"1m\"",
    "size=1m ",
    "size= 1m",
    "nr_blocks=10%",
    "nr_blocks=1k",
    "nr_blocks=-1",
    "nr_blocks=",
    "nr_inodes=0",
    "nr_inodes=10k",
    "nr_inodes=1",
    "nr_inodes=-1",
    "nr_inodes=100p",
    "nr_inodes=1t",
    "nr_inodes=5%",
    "nr_inodes",
    "mode=1777",
    "mode=0755",
    "mode=77777",
    "mode=9",
    "mode=+755",
    "mode=",
    "mode=0x1",
    "mode=-1",
    "mode=1",
    "mode",
    "mode=++7",
    "mode=37777777777",
    "mode=77777777777",
    "uid=0",
    "uid=nobody",
    "uid=0x10",
    "uid=010",
    "uid=08",
    "uid=-1",
    "uid=4294967295",
    "uid=4294967294",
    "uid=4294967296",
    "uid=+5",
    "uid= 5",
    "uid=",
    "gid=",
    "gid=nogroup",
    "gid=7x",
    "huge=never",
    "huge=always",
    "huge=within_size",
    "huge=advise",
    "huge=deny",
    "huge=force",
    "huge=ALWAYS",
    "huge",
    "noswap",
    "noswap=1",
    "swap",
    "noswap=",
    "auto",
    "noauto",
    "user",
    "users",
    "owner",
    "group",
    "nofail",
    "nofail=1",
    "_netdev",
    "x-a=b",
    "X-b",
    "comment=foo",
    "comment",
    "defaults",
    "ro",
    "rw",
    "ro,rw,ro",
    "nosuid,suid,nodev,dev,noexec,exec",
    "sync,async,dirsync",
    "noatime",
    "relatime,strictatime,atime",
    "diratime,nodiratime",
    "lazytime,nolazytime",
    "iversion,noiversion",
    "silent,loud",
    "nosymfollow,symfollow",
    ",,",
    ",size=1m,",
    "foo",
    "foo=bar",
    "nosize",
    "verbose",
    "quota=1",
];

/// Texts that the kernel's tmpfs (or mount(8)) takes and that are refused here, each for a reason.
const REFUSED_HERE: [(&str, &str); 17] = [
    ("size=0", "without a limit in tmpfs; a store has a size"),
    ("nr_blocks=0", "as size=0"),
    ("size=k", "a unit without a number is 0 to the kernel"),
    ("size=%", "as size=k"),
    ("nr_inodes=k", "as size=k"),
    ("size=16e", "the kernel keeps the remainder of 2^64, which is 0"),
    ("size=99999999999999999999999", "as size=16e"),
    ("size=8e", "no store is larger than a file can be"),
    ("inode32", "inode numbers have 32 bits always"),
    ("inode64", "as inode32"),
    ("mpol=local", "memory policies of a whole mount are not kept"),
    ("mand", "FUSE refuses it, and Linux does nothing for it since 5.15"),
    ("ro=1", "a flag takes no value"),
    ("rw=recursive", "as ro=1"),
    ("loop", "mount(8) passes over it where no device is"),
    ("context=system_u:object_r:tmp_t:s0", "mount(8) takes it away where SELinux is not"),
    ("uid=useruid", "mount(8) means the caller by it, of whom a helper is not told"),
];

/// Texts that are options of ours alone, and what /proc/mounts shows of FUSE.
const OURS: [&str; 6] =
    ["sysv", "nosysv", "store=lab", "store=/run/shmfs/lab", "allow_other,default_permissions", "user_id=0"];

/// Mounts with each of the arguments; prints a line for each. `exit 77` tells that nothing can be mounted.
const MOUNT: &str = "\
mount -t tmpfs tmpfs \"$0\" && umount \"$0\" || exit 77
for options; do
    if mount -t tmpfs -o \"$options\" tmpfs \"$0\" 2>/dev/null; then umount \"$0\"; echo yes; else echo no; fi
done";

/// Whether the kernel takes each text; nothing where this process may not mount.
fn kernels(texts: &[&str]) -> Option<Vec<bool>> {
    let place = std::env::temp_dir().join(format!("shmfs-options-{}", std::process::id()));
    std::fs::create_dir(&place).unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", MOUNT]).arg(&place).args(texts);
    let output = unshare.output();
    std::fs::remove_dir(&place).unwrap();
    let output = output.ok().filter(|output| output.status.success())?;
    let said = String::from_utf8(output.stdout).unwrap();
    Some(said.lines().map(|line| line == "yes").collect())
}

/// Here a name is a name until it is looked up, which the program does.
fn ours(text: &str) -> bool {
    Options::parse(text.as_bytes()).is_ok() && !text.contains("useruid")
}

#[test]
fn the_kernel_takes_and_refuses_the_same_options() {
    let listed: Vec<&str> = REFUSED_HERE.iter().map(|(text, _)| *text).collect();
    let texts: Vec<&str> = SAME.iter().chain(&listed).chain(&OURS).copied().collect();
    let Some(kernels) = kernels(&texts) else {
        println!("SKIP: mount(8) cannot mount a tmpfs here: that needs root");
        return;
    };
    assert_eq!(kernels.len(), texts.len());
    let mut different = Vec::new();
    for (text, kernels) in texts.iter().zip(kernels) {
        let expected = match () {
            () if listed.contains(text) => (true, false),
            () if OURS.contains(text) => (false, true),
            () => (kernels, kernels),
        };
        if (kernels, ours(text)) != expected {
            different.push(format!("{text}: kernel {kernels}, here {}", ours(text)));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
fn the_corpus_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/mount_options");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 20, "{} files", files.len());
    for file in files {
        println!("{}", file.display());
        replay_options::replay(&std::fs::read(file).unwrap());
    }
}

#[test]
fn every_listed_text_keeps_the_rules() {
    let listed = REFUSED_HERE.iter().map(|(text, _)| text);
    SAME.iter().chain(listed).chain(&OURS).for_each(|text| replay_options::replay(text.as_bytes()));
}
