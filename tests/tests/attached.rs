//! `shm run --mount`: programs that no preload reaches meet those that one does, as root and as a user without any
//! privilege, and the kernel's own /dev/shm stays empty.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{DevShm, LIMIT, Setting, compile, is_root, run, skip};
use std::fs;
use std::path::Path;

/// Makes a user of a program that has no privilege and no groups.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// Both ways, and what each sees of the other's names. $0 is the folder, D the directory.
const MEETING: &str = "\
names() { \"$0/shm\" ls | sed 1d | awk '{ printf \" %s\", $NF } END { print \"\" }'; }
path() { \"$0/static/by_path\" \"$@\" 2>&1; }
name() { \"$0/by_name\" \"$@\" 2>&1; }
df --block-size=1 --output=size \"$D\" | tail -1 | tr -d ' '
path put \"$D/a\" 'from a path'; name get /a
name put /b 'from a name'; path get \"$D/b\"
names
path rename \"$D/b\" \"$D/c\"; name get /b; name get /c
name unlink /a; path get \"$D/a\"
names
path put \"$D/c\" 'again'; name get /c
path unlink \"$D/c\"; name get /c; name unlink /c
names
name put /left 'left behind'; path get \"$D/left\"
ls -A \"$D\"";

const MET: &str = "\
67108864
from a path
from a name
 a b
shm_open: No such file or directory
from a name
open: No such file or directory
 c
again
shm_open: No such file or directory
shm_unlink: No such file or directory

left behind
left
";

fn prepared(name: &str) -> Result<Setting, String> {
    let setting = Setting::new(name, DevShm::Ample)?;
    let folder = setting.scratch().join("static");
    fs::create_dir(&folder).expect("a folder");
    compile("programs/by_path.c", &folder, &["-static"]);
    setting.compile("by_name");
    Ok(setting)
}

/// A [`Setting`] with both programs, or the end of the test with the reason.
macro_rules! prepared {
    ($name:expr) => {
        match prepared($name) {
            Ok(setting) => setting,
            Err(reason) => skip!("{reason}"),
        }
    };
}

fn meets(setting: &Setting, by: &[&str], dir: &str) {
    let script = format!("D={dir}; {MEETING}");
    let (outcome, usage) = setting.serve(by, &["--size", "64M", "--mount", dir], &script);
    let said = outcome.expect_success("the meeting");
    // The order of a listing is that of the objects' numbers.
    assert_eq!(said, MET, "{dir} by {by:?}");
    assert_eq!(usage["backing"], "hidden-tmpfs");
    setting.prove(&usage, &["shm_open"]);
}

#[test]
fn a_static_program_meets_others_at_dev_shm() {
    meets(&prepared!("attached"), &[], "/dev/shm");
}

#[test]
fn and_at_any_directory() {
    let setting = prepared!("attached-dir");
    let dir = setting.scratch().join("mnt");
    fs::create_dir(&dir).expect("a folder");
    meets(&setting, &[], dir.to_str().expect("a path in UTF-8"));
    assert_eq!(fs::read_dir(&dir).expect("the folder").count(), 0, "it was seen outside");
}

#[test]
fn a_user_without_privilege_has_the_same() {
    if !is_root() {
        skip!("another user: that needs root");
    }
    meets(&prepared!("attached-user"), &NOBODY, "/dev/shm");
}

#[test]
fn two_runs_on_one_store_see_the_same_files() {
    let setting = prepared!("attached-two");
    let script = "
D=\"$0/mnt\"; mkdir \"$D\"
\"$0/shm\" daemon --background --store both --size 16M 2>/dev/null || exit
inside() { \"$0/shm\" run --store both --mount \"$D\" -- \"$@\" 2>&1; }
quiet() { \"$0/shm\" run --store both --mount \"$D\" -- \"$@\" 2>/dev/null; }
quiet \"$0/static/by_path\" put \"$D/x\" 'made in the first'
quiet \"$0/static/by_path\" get \"$D/x\"
inside \"$0/by_name\" get /x
\"$0/shm\" run --store both -- \"$0/by_name\" put /y 'made without a mount'
quiet \"$0/static/by_path\" get \"$D/y\"
inside sh -c 'mkdir \"$1/d\" && ln -s d \"$1/l\" && ls -A \"$1\"' sh \"$D\"
inside sh -c 'head -c 17M /dev/zero >\"$1/full\"; rm \"$1/full\"; ls -A \"$1\" | wc -l' sh \"$D\"
ls -A \"$D\"";
    let outcome =
        run(setting.world().command("sh").args(["-c", script]).arg(setting.scratch().path()), LIMIT);
    let said = outcome.expect_success("two runs");
    let expected = "made in the first\nmade in the first\nmade without a mount\nd\nl\nx\ny\nhead: error writing \
         'standard output': No space left on device\n4\n";
    assert_eq!(said, expected);
}

/// What no object can be; none of it goes by way of the store.
const NO_OBJECTS: &str = "\
D=/dev/shm; exec 2>&1
mkdir $D/d && echo 'in a folder' >$D/d/f && mv $D/d/f $D/g && \"$0/by_name\" get /g
ln -s g $D/l && cat $D/l && ln $D/g $D/d/h && stat -c %h $D/g && ls -A $D
echo ' and longer' >>$D/l; cat $D/g; rm $D/d/h $D/l; rmdir $D/d
mkfifo $D/p; echo 'through a FIFO' >$D/p & cat <$D/p; wait; echo again | tee $D/p & cat $D/p; wait
\"$0/by_name\" put /o 'an object'; mv $D/o $D/n; \"$0/by_name\" get /n; \"$0/by_name\" get /o
cp /bin/echo $D/e && $D/e 'it runs'; rm $D/e
T=$(mktemp -d $D/XXXXXX) && echo x >$(mktemp $T/XXXXXX) && cat $T/* && rm -r $T
rm $D/*; ls -A $D; \"$0/by_name\" get /n";

const NOT_BY_OBJECTS: &str = "\
in a folder

in a folder
2
d
g
l
in a folder
 and longer
through a FIFO
again
again
an object
shm_open: No such file or directory
it runs
x
shm_open: No such file or directory
";

#[test]
fn at_dev_shm_the_kernel_does_what_no_object_can() {
    let setting = prepared!("attached-kernel");
    let users: &[&[&str]] = if is_root() { &[&[], &NOBODY] } else { &[&[]] };
    for by in users {
        let (outcome, _) = setting.serve(by, &["--size", "64M", "--mount", "/dev/shm"], NO_OBJECTS);
        assert_eq!(outcome.stdout, NOT_BY_OBJECTS, "by {by:?}");
    }
}

#[test]
fn and_where_the_store_is_mounted_by_fuse() {
    let setting = prepared!("attached-fuse");
    if !is_root() || !Path::new("/dev/fuse").exists() {
        skip!("mounting by FUSE: that needs root and /dev/fuse");
    }
    let script = "
\"$0/shm\" mount --store fused -o nosysv /dev/shm >/dev/null || exit
\"$0/shm\" run --store fused -- sh -c \"$1\" \"$0\"
\"$0/shm\" umount /dev/shm";
    let mut command = setting.world().command("sh");
    command.args(["-c", script]).arg(setting.scratch().path()).arg(NO_OBJECTS);
    assert_eq!(run(&mut command, LIMIT).stdout, NOT_BY_OBJECTS);
}

#[test]
fn what_is_missing_is_named() {
    let setting = prepared!("attached-refused");
    let script = "
\"$0/shm\" run --mount \"$0/nowhere\" -- true; echo $?
: >\"$0/file\"; \"$0/shm\" run --mount \"$0/file\" -- true; echo $?
\"$0/shm\" run --mount /run -- true; echo $?
\"$0/shm\" daemon --background --store refused 2>/dev/null
mkdir \"$0/mnt\"; \"$0/no_unshare\" \"$0/shm\" run --store refused --mount \"$0/mnt\" -- true; echo $?
ls /run/shmfs | grep -c '^run-'";
    setting.compile("no_unshare");
    let mut command = setting.world().command("sh");
    command.args(["-c", &format!("exec 2>&1{script}")]).arg(setting.scratch().path());
    let said = run(&mut command, LIMIT).stdout;
    let folder = setting.scratch().path().display().to_string();
    let expected = [
        "shm: cannot mount at $0/nowhere: No such file or directory (os error 2)",
        "hint: `mkdir -p $0/nowhere`",
        "125",
        "shm: cannot mount at $0/file: it is not a directory",
        "125",
        "shm: cannot mount at /run: it would hide the store's own folder /run/shmfs/run-",
        "hint: choose another directory, or set XDG_RUNTIME_DIR",
        "125",
        "shm: cannot mount at $0/mnt: no mount namespace can be made here (EPERM)",
        "hint: a container's filter or limit forbids it",
        "125",
        "0",
    ];
    let lines: Vec<String> = said.lines().map(|line| line.replace(&folder, "$0")).collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nis not\n{expected}");
    }
}
