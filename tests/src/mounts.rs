//! One case of `mount/` on a tmpfs of the kernel and on a mount of shmfs.
//!
//! Each side runs in a world of its own, in a fresh directory of a file system that is mounted for this case alone, with
//! the options that the case names. The shmfs side also proves that shmfs served it: the place is of type `fuse.shmfs`,
//! the broker has read requests meanwhile and was never started again, and the store ends with the mount.

use crate::sides::transcript;
use crate::{Case, Outcome, Scratch, Transcript, World, compile, run};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A case ends itself before this (LIMIT_SECONDS in case.h).
const LIMIT: Duration = Duration::from_secs(90);

/// $1 program, $2 case. ROOT in mounted.h is the place.
const KERNEL: &str = r#"mkdir /run/mount && mount -t tmpfs -o "$("$1" role options "$2")" tmpfs /run/mount || exit
cd /run/mount && mkdir here 2>/dev/null && cd here
"$1" "$2"; echo "status $?""#;

/// $1 program, $2 case, $3 shm. What speaks for the store is told on the other channel.
const SHMFS: &str = r#"mkdir /run/mount && "$3" mount --store cases -o "$("$1" role options "$2")" /run/mount ||
    { echo "status of the mount $?"; exit; }
reads() { sed -n 's/^syscr: //p' "/proc/$(cat /run/shmfs/cases/broker)/io"; }
before=$(reads)
cd /run/mount && mkdir here 2>/dev/null && cd here
"$1" "$2"; echo "status $?"; cd /
[ "$(reads)" -gt "$before" ] && echo "the broker has read requests" >&2
echo "type $(findmnt --noheadings --output FSTYPE,SOURCE --raw /run/mount)" >&2
"$3" df --store cases --json | grep -q '"restarts": 0' && echo "the broker has lived all the time" >&2
"$3" umount /run/mount >&2 && ! grep -q ' /run/mount ' /proc/self/mountinfo && echo "it is unmounted" >&2
waits=0; while [ -e /run/shmfs/cases ] && [ $waits -lt 1000 ]; do waits=$((waits + 1)); sleep 0.01; done
[ -e /run/shmfs/cases ] || echo "the store has ended" >&2"#;

/// What the script above says when all is well.
const PROOF: [&str; 5] = [
    "the broker has read requests",
    "type fuse.shmfs cases",
    "the broker has lived all the time",
    "it is unmounted",
    "the store has ended",
];

/// The programs with which the cases of one file of `mount/` are run.
pub struct Mounts {
    scratch: Scratch,
    group: String,
    program: PathBuf,
    /// None: both sides are the kernel, which tells whether cases say the same each time.
    shm: Option<PathBuf>,
}

impl Mounts {
    /// Compiles `mount/GROUP.c`; `shm` is the program under test.
    pub fn of(group: &str, shm: Option<&Path>) -> Mounts {
        let scratch = Scratch::new(group);
        let program = compile(&format!("mount/{group}.c"), scratch.path(), &[]);
        let shm = shm.map(|shm| scratch.copy_of(shm, "shm"));
        Mounts { scratch, group: group.to_owned(), program, shm }
    }

    /// The cases of the group, in the order of the file.
    pub fn cases(&self) -> Vec<Case> {
        let mut list = std::process::Command::new(&self.program);
        let names = run(list.arg("list").current_dir(self.scratch.path()), LIMIT);
        let names = names.expect_success("listing the cases");
        names.lines().map(|name| Case { group: self.group.clone(), name: name.to_owned() }).collect()
    }

    /// What the case says on a tmpfs.
    pub fn on_the_kernel(&self, case: &Case) -> Transcript {
        let arguments = [self.program.as_os_str(), OsStr::new(&case.name)];
        transcript(case, &run(&mut World::once(KERNEL, &arguments), LIMIT))
    }

    /// What the case says on a mount of shmfs, and what is wrong with the proof that shmfs served it.
    pub fn on_shmfs(&self, case: &Case) -> (Transcript, Vec<String>) {
        let Some(shm) = &self.shm else { return (self.on_the_kernel(case), Vec::new()) };
        let arguments = [self.program.as_os_str(), OsStr::new(&case.name), shm.as_os_str()];
        let outcome = run(&mut World::once(SHMFS, &arguments), LIMIT);
        (transcript(case, &outcome), proof(&outcome))
    }
}

/// What speaks against shmfs having served everything.
fn proof(outcome: &Outcome) -> Vec<String> {
    let said = |wanted: &str| outcome.stderr.lines().any(|line| line == wanted);
    let missing = PROOF.iter().filter(|wanted| !said(wanted));
    missing.map(|wanted| format!("no proof of service: `{wanted}` in: {}", outcome.stderr.trim())).collect()
}
