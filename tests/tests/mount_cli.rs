//! `shm mount`, `shm umount` and mount(8) with the helper in place: what is mounted, changed, refused and left.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use shmfs_tests::{
    DevShm, LIMIT, Outcome, Scratch, Setting, compile, full, here, is_root, need_program, run, skip,
    untouched,
};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Words for all scripts; $0 is the folder. What a command complains of is told with the rest.
const WORDS: &str = "\
exec 2>&1
PATH=\"$0:$PATH\"; D=\"$0/mnt\"; E=\"$0/mnt2\"; mkdir -p \"$D\" \"$E\"
at() { awk -v d=\"$1\" '$2 == d { print $1, $3, $4 }' /proc/self/mounts | sed 's/,user_id=.*//'; }
size() { df --block-size=1K --output=size \"$1\" | tail -1 | tr -d ' '; }
gone() { n=0; while [ -e \"/run/shmfs/$1\" ] && [ $n -lt 1000 ]; do n=$((n + 1)); sleep 0.01; done; \
[ -e \"/run/shmfs/$1\" ] && echo \"$1 is still there\" || echo \"$1 has ended\"; }
";

/// The helper where mount(8) looks for it, in this world alone.
const HELPER: &str = "\
mkdir \"$0/sbin\" && cp -a /usr/sbin/. \"$0/sbin\" && mount --bind \"$0/sbin\" /usr/sbin || exit
for name in mount.fuse.shmfs mount.shmfs; do ln -sf \"$0/shm\" /usr/sbin/$name || exit; done
";

fn prepared(name: &str) -> Result<Setting, String> {
    if !is_root() {
        return Err("mounting: that needs root".to_owned());
    }
    if !Path::new("/dev/fuse").exists() {
        return Err("no /dev/fuse".to_owned());
    }
    Setting::new(name, DevShm::Ample)
}

/// A [`Setting`] in which FUSE can be mounted, or the end of the test with the reason.
macro_rules! prepared {
    ($name:expr) => {
        match prepared($name) {
            Ok(setting) => setting,
            Err(reason) => skip!("{reason}"),
        }
    };
}

fn script(setting: &Setting, script: &str) -> Outcome {
    let script = format!("{WORDS}{script}");
    run(setting.world().command("sh").args(["-c", &script]).arg(setting.scratch().path()), LIMIT)
}

/// Compares what a script says, line by line, with the folder as $0; `...` at the end of a line stands for anything.
fn says(setting: &Setting, text: &str, expected: &str) {
    let outcome = script(setting, text);
    let said = outcome.stdout.replace(&setting.scratch().path().display().to_string(), "$0");
    let lines: Vec<&str> = said.lines().collect();
    let fits = |line: &str, expected: &str| match expected.strip_suffix("...") {
        Some(start) => line.starts_with(start),
        None => line == expected,
    };
    let all = lines.len() == expected.lines().count()
        && lines.iter().zip(expected.lines()).all(|(line, expected)| fits(line, expected));
    assert!(all, "said:\n{said}\nand not:\n{expected}");
}

#[test]
fn a_store_is_mounted_shown_twice_and_ends_with_its_mounts() {
    let setting = prepared!("mount-life");
    let text = "
shm mount 2>&1 | grep -c \"$D\"
shm mount --store lab -o size=64m,mode=1770,uid=daemon \"$D\"
at \"$D\"; size \"$D\"; stat -c '%a %U' \"$D\"
cp /etc/passwd \"$D/p\" && cmp /etc/passwd \"$D/p\" && shm ls --store lab | sed 1d | awk '{ print $2, $NF }'
shm mount --store lab \"$D\"; echo $?
shm mount --store lab -o ro,noexec \"$E\"
at \"$E\"; cmp \"$D/p\" \"$E/p\"; touch \"$E/x\"; touch \"$D/x\"; ls \"$E\"
shm mount | grep -e STORE -e \"$D\" | sed 's/  */ /g'
shm mount --json | grep -c '\"store\": \"lab\"'
shm mount -o remount,size=8m,nosuid \"$D\"; at \"$D\"; size \"$E\"
head -c 16M /dev/zero >\"$D/big\"; rm \"$D/big\"
shm umount \"$D\"; at \"$D\"; cmp /etc/passwd \"$E/p\" && echo same
shm umount \"$E\"; gone lab";
    let expected = "\
0
store `lab` is mounted at $0/mnt
lab fuse.shmfs rw,relatime
65536
1770 daemon
object p
shm: store `lab` is mounted at $0/mnt already
hint: change it with `shm mount -o remount,... $0/mnt`
1
store `lab` is mounted at $0/mnt2
lab fuse.shmfs ro,noexec,relatime
touch: cannot touch '$0/mnt2/x': Read-only file system
p
x
STORE OPTIONS DIR
lab rw,relatime $0/mnt
lab ro,noexec,relatime $0/mnt2
2
lab fuse.shmfs rw,nosuid,relatime
8192
head: error writing 'standard output': No space left on device
same
lab has ended
";
    says(&setting, text, expected);
}

#[test]
fn mount_8_and_fstab_use_the_helper() {
    let setting = prepared!("mount-8");
    let text = format!(
        "{HELPER}
cat >\"$0/fstab\" <<END
none $D fuse.shmfs size=32m,mode=1777,nodev,x-systemd.automount,nofail,_netdev 0 0
lab $E shmfs size=16m,noauto,nosysv 0 0
END
mount -T \"$0/fstab\" \"$D\"; echo $?; at \"$D\"; size \"$D\"
mount -T \"$0/fstab\" -a; echo $?; grep -c \" $D fuse.shmfs\" /proc/self/mounts
mount -o remount,size=48m,noexec \"$D\"; echo $?; at \"$D\"; size \"$D\"
mount -o remount,ro \"$D\"; touch \"$D/x\"; mount -o remount,rw \"$D\"; touch \"$D/x\" && at \"$D\"
umount \"$D\"; gone system
mount -T \"$0/fstab\" \"$E\"; at \"$E\"; size \"$E\"; ls -A \"$E\"; umount \"$E\"; gone lab
mount -t fuse.shmfs -o size=1m,mpol=local none \"$D\"; echo $?
mount -s -t fuse.shmfs -o size=1m,mpol=local none \"$D\"; size \"$D\"; umount \"$D\"; gone system
mount -f -t shmfs lab \"$D\"; echo $?; at \"$D\"
mount.shmfs lab; echo $?
mount.fuse.shmfs lab \"$0/nowhere\"; echo $?
mount -v -t shmfs lab \"$D\"; shm umount \"$D\"; gone lab"
    );
    let expected = "\
0
none fuse.shmfs rw,nodev,relatime
32768
0
1
0
none fuse.shmfs rw,nodev,noexec,relatime
49152
touch: cannot touch '$0/mnt/x': Read-only file system
none fuse.shmfs rw,nodev,noexec,relatime
system has ended
lab fuse.shmfs rw,relatime
16384
lab has ended
shm: the option `mpol=local` is refused: memory policies of a whole mount are not kept
hint: use numactl(8), or mbind(2) on the mapping
1
1024
system has ended
0
error: the following required arguments were not provided:
  <DIR>

Usage: shm mount-helper <SOURCE> <DIR>

For more information, try '--help'.
1
shm: cannot mount at $0/nowhere: No such file or directory (os error 2)
hint: `mkdir -p $0/nowhere`
32
shm: store `lab` is mounted at $0/mnt
lab has ended
";
    says(&setting, &text, expected);
}

#[test]
fn what_cannot_be_done_is_refused_in_plain_words() {
    let setting = prepared!("mount-refused");
    let text = "
shm mount -o size=1m,frobnicate=1 \"$D\"; echo $?
shm mount -o noswap --store lab \"$D\"; echo $?
shm mount --store a -o store=b \"$D\"; echo $?
shm mount \"$0/shm\"; echo $?
shm umount \"$D\"; echo $?
shm umount /dev/shm; echo $?
shm mount -o remount,size=1m /dev/shm; echo $?
setpriv --reuid=65534 --clear-groups shm mount \"$D\"; echo $?
shm mount --store lab -o nr_inodes=4 \"$D\"
setpriv --reuid=65534 --clear-groups shm umount \"$D\"
touch \"$D/1\" \"$D/2\" \"$D/3\" \"$D/4\"
head -c 64K /dev/zero >\"$D/1\"
shm mount -o remount,nr_inodes=2 \"$D\"; shm mount -o remount,size=4k \"$D\"
shm mount -o remount,nosysv \"$D\"
exec 8<\"$D\"
shm mount -o remount,ro \"$D\"; shm mount --store lab \"$E\"
shm umount \"$D\"; shm umount --lazy \"$D\"; at \"$D\"; exec 8<&-; gone lab
ls /run/shmfs | grep -v libshmfs";
    let expected = "\
shm: the option `frobnicate=1` is refused: there is no such option
hint: `shm mount --help` lists them
2
shm: the option `noswap` is refused: a store's memory may go to swap
hint: a cgroup with memory.swap.max=0 keeps it in memory, and so does mlock(2)
1
shm: two stores are named: `a` and `b`
hint: leave store= out
2
shm: cannot mount at $0/shm: it is not a directory
1
shm: nothing is mounted at $0/mnt
hint: `shm mount` lists the mounts of stores
1
shm: /dev/shm is not a mount of a store: it is of type tmpfs
hint: `umount /dev/shm` if that is meant
1
shm: /dev/shm is not a mount of a store
hint: `shm mount` lists them
1
shm: cannot mount at $0/mnt: only root may
hint: `shm run --mount $0/mnt -- CMD` shows a store there to CMD alone, without root
1
store `lab` is mounted at $0/mnt
shm: cannot unmount $0/mnt: only root may
hint: what `shm run --mount` shows to a program goes with it
touch: cannot touch '$0/mnt/4': No space left on device
shm: cannot set nr_inodes=2: Too few inodes for current use
shm: cannot ...
hint: see what fills the store with `shm ls --by size`, and remove with `shm rm`
shm: the option `nosysv` comes too late: the store is mounted at $0/mnt ...
hint: unmount it everywhere, then `shm mount -o nosysv ...`
shm: the store is mounted at $0/mnt with `ro`, which holds at every place
hint: `shm mount -o remount,rw $0/mnt`, or `-o ro` here too
shm: cannot unmount $0/mnt: Device or resource busy (os error 16)
hint: in use by ...
lab has ended
lab.log
";
    says(&setting, text, expected);
}

#[test]
fn places_and_namespaces_do_not_come_in_each_others_way() {
    let setting = prepared!("mount-places");
    let text = format!(
        "{HELPER}
i=0; while [ $i -lt 8 ]; do mkdir \"$0/p$i\"; shm mount --store lab \"$0/p$i\" 2>&1 & i=$((i + 1)); done | sort
wait; echo same >\"$0/p0/x\"; cat \"$0\"/p?/x | sort | uniq -c | tr -s ' '
unshare --mount sh -c 'umount \"$1\"/p?; shm mount --store lab \"$1/mnt\"; echo $?' sh \"$0\"
unshare --mount sleep 1000 & other=$!
until [ \"$(readlink /proc/$other/ns/mnt)\" != \"$(readlink /proc/$$/ns/mnt)\" ]; do sleep 0.01; done
mount --namespace $other -t fuse.shmfs there \"$E\"; echo $?; at \"$E\"
grep -c \" $E fuse.shmfs \" /proc/$other/mounts
kill $other; wait $other 2>/dev/null; gone there
umount \"$0\"/p?; gone lab"
    );
    let expected = "\
store `lab` is mounted at $0/p0
store `lab` is mounted at $0/p1
store `lab` is mounted at $0/p2
store `lab` is mounted at $0/p3
store `lab` is mounted at $0/p4
store `lab` is mounted at $0/p5
store `lab` is mounted at $0/p6
store `lab` is mounted at $0/p7
 8 same
shm: store `lab` is mounted already, where it cannot be seen from here
hint: in another mount namespace, ...
1
0
1
there has ended
lab has ended
";
    says(&setting, &text, expected);
}

#[test]
fn at_dev_shm_a_static_program_meets_those_of_shm_run() {
    let setting = prepared!("mount-dev-shm");
    let folder = setting.scratch().join("static");
    fs::create_dir(&folder).expect("a folder");
    compile("programs/by_path.c", &folder, &["-static"]);
    setting.compile("by_name");
    let text = "
shm mount -o size=64m /dev/shm
\"$0/static/by_path\" put /dev/shm/a 'from a path'; shm run --store system -- \"$0/by_name\" get /a
shm run --store system -- \"$0/by_name\" put /b 'from a name'; \"$0/static/by_path\" get /dev/shm/b
\"$0/by_name\" get /b; stat -c '%a %s' /dev/shm/b
shm run --store system -- ipcmk -M 4096 >\"$0/made\"; ls /dev/shm/.sysv | wc -l
shm ls | sed 1d | awk '{ print $1, $2 }' | sort
shm run --store system -- \"$0/by_name\" unlink /a; \"$0/static/by_path\" get /dev/shm/a
df --block-size=1 --output=used /dev/shm | tail -1 | tr -d ' '
umount /dev/shm; gone system";
    let expected = "\
store `system` is mounted at /dev/shm
from a path
from a name
from a name
600 4096
2
posix object
posix object
sysv segment
open: No such file or directory
8192
system has ended
";
    says(&setting, text, expected);
    untouched(setting.world(), setting.scratch());
}

/// Debian's own program; /usr/bin/chromium is a script that may choose /tmp in place of /dev/shm.
const CHROMIUM: &str = "/usr/lib/chromium/chromium";

#[test]
fn chromium_works_on_a_mounted_store_without_a_preload() {
    if !full() {
        skip!("Chromium: with --full");
    }
    need_program!(CHROMIUM, "chromium");
    let setting = prepared!("mount-chromium");
    setting.compile("no_memfd");
    setting.compile("by_name");
    setting.copy("page.html");
    let text = format!(
        "
export HOME=\"$0/home\"; mkdir \"$HOME\"
page() {{ \"$@\" \"$0/no_memfd\" {CHROMIUM} --no-sandbox --headless --disable-gpu --disable-quic --no-first-run \
--disable-sync --disable-background-networking --disable-component-update --disable-breakpad \
--disable-crash-reporter --user-data-dir=\"$HOME/profile\" --dump-dom \"file://$0/page.html\" 2>/dev/null | \
grep -o 'rendered 5050 in 255,0,0,255'; }}
# Inode numbers of a tmpfs go up by one with each file: how many there were.
mark() {{ : >/dev/shm/mark && stat -c %i /dev/shm/mark && rm /dev/shm/mark; }}
shm mount -o size=4g /dev/shm
shm run --store system -- \"$0/by_name\" put /met 'made under shm run'
\"$0/by_name\" get /met
before=$(mark); page env; after=$(mark); echo \"many files: $((after - before > 50))\"
umount /dev/shm; gone system
page shm run --mount /dev/shm -- env -u LD_PRELOAD"
    );
    let expected = "\
store `system` is mounted at /dev/shm
made under shm run
rendered 5050 in 255,0,0,255
many files: 1
system has ended
rendered 5050 in 255,0,0,255
";
    says(&setting, &text, expected);
}

#[test]
fn systemd_has_nothing_against_the_units() {
    let scratch = Scratch::new("mount-units");
    let program = shmfs_tests::shm();
    let units = ["srv-shared.mount", "shmfs-dev-shm.service"].map(|name| {
        let text = fs::read_to_string(here().join("../dist/systemd").join(name)).expect("a unit");
        let copy = scratch.join(name);
        fs::write(&copy, text.replace("/usr/bin/shm", program.to_str().expect("UTF-8"))).expect("a copy");
        copy
    });
    let mut analyze = Command::new("systemd-analyze");
    let Ok(output) = analyze.args(["verify", "--man=no"]).args(&units).output() else {
        skip!("no systemd-analyze(1) here");
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
