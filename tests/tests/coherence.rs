//! Doors to the same memory at once, each in a process of its own: calls under the preload, a mounted store's maps and
//! calls, the library. What one has stored the others see at once: nobody waits, a store is followed by words over
//! pipes and then by a load.
//!
//! What concerns names and bytes alone is played on the kernel's /dev/shm, too, where it must be the same.

#![allow(clippy::expect_used, reason = "a test that cannot be set up fails, and says why")]

use serde_json::Value;
use shmfs_tests::{DevShm, LIMIT, Scratch, World, compile, eventually, is_root, run, shm, skip};
use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const STORE: &str = "doors";
/// open(2)'s flags, as door.c reads them.
const RDWR: &str = "2";
const CREATE: &str = "0102";
const CREATE_EXCL: &str = "0302";
/// Bytes of what is mapped.
const SIZE: u64 = 32768;
const PAGE: u64 = 4096;

/// Whose memory it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// The kernel's /dev/shm, which is its own mount.
    Kernel,
    /// A store's, mounted elsewhere.
    Store,
    /// A store's, mounted at /dev/shm.
    StoreThere,
}

/// Where doors are.
struct House {
    side: Side,
    dir: PathBuf,
    shm: PathBuf,
    door: PathBuf,
    world: World,
    scratch: Scratch,
}

impl House {
    /// An error is a reason to skip.
    fn new(side: Side, size: &str) -> Result<House, String> {
        if side != Side::Kernel && (!is_root() || !Path::new("/dev/fuse").exists()) {
            return Err("only root can mount a store, and with /dev/fuse".to_owned());
        }
        let world = World::start(DevShm::Ample)?;
        let scratch = Scratch::new("coherence");
        let shm = scratch.copy_of(&shm(), "shm");
        let door = compile("mount_load/door.c", scratch.path(), &[]);
        let dir = if side == Side::Store { scratch.join("mount") } else { PathBuf::from("/dev/shm") };
        let house = House { side, dir, shm, door, world, scratch };
        let options = format!("size={size}");
        match side {
            Side::Kernel => {
                house.shell("umount /dev/shm && mount -t tmpfs -o mode=1777,$1 tmpfs /dev/shm", &[&options]);
            }
            Side::Store | Side::StoreThere => {
                let mount = "mkdir -p \"$2\" && \"$0\"/shm mount --store $3 -o $1 \"$2\"";
                house.shell(mount, &[&options, &house.path(""), STORE]);
            }
        }
        Ok(house)
    }

    /// A path on the mount.
    fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// What a script says; $0 is the folder with `shm`.
    fn shell(&self, script: &str, words: &[&str]) -> String {
        let mut command = self.world.command("sh");
        command.args(["-c", script]).arg(self.scratch.path()).args(words);
        run(&mut command, LIMIT).expect_success(script)
    }

    /// A program that knows nothing of shmfs.
    fn plain(&self) -> Door {
        Door::start(self.world.command(&self.door))
    }

    /// A program that makes the calls, under the preload where a store serves them.
    fn caller(&self) -> Door {
        match self.side {
            Side::Kernel => self.plain(),
            Side::Store | Side::StoreThere => {
                let mut command = self.world.command(&self.shm);
                command.args(["run", "--store", STORE, "--"]).arg(&self.door);
                Door::start(command)
            }
        }
    }

    /// A program that uses the library; none on the kernel's side.
    fn library(&self) -> Option<Door> {
        (self.side != Side::Kernel).then(|| {
            let mut command = self.world.command(env!("CARGO_BIN_EXE_mount_load"));
            command.arg("door").arg(format!("{}/{STORE}", shmfs_abi::store::ROOT_DIR));
            Door::start(command)
        })
    }

    /// `shm df --json`
    fn usage(&self) -> Value {
        let said = self.shell("\"$0\"/shm df --json --store $1", &[STORE]);
        serde_json::from_str(&said).expect("JSON")
    }

    /// df(1) of the mount: bytes in all, in use, left.
    fn df(&self) -> [u64; 3] {
        let said = self.shell("df -B1 --output=size,used,avail \"$1\" | tail -n 1", &[&self.path("")]);
        let numbers: Vec<u64> = said.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        numbers.try_into().expect("three numbers")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if self.side != Side::Kernel && !std::thread::panicking() {
            self.shell("\"$0\"/shm umount \"$1\"", &[&self.path("")]);
        }
    }
}

/// A process that does what it is told.
struct Door {
    child: Child,
    /// Its end is the process's.
    input: RefCell<Option<ChildStdin>>,
    output: RefCell<BufReader<ChildStdout>>,
}

impl Door {
    fn start(mut command: Command) -> Door {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a door");
        let input = RefCell::new(child.stdin.take());
        let output = RefCell::new(BufReader::new(child.stdout.take().expect("a pipe")));
        Door { child, input, output }
    }

    fn tell(&self, words: &str) {
        let mut input = self.input.borrow_mut();
        writeln!(input.as_mut().expect("a pipe"), "{words}").expect("a door that listens");
    }

    fn answer(&self) -> String {
        let mut line = String::new();
        self.output.borrow_mut().read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    /// A number, or an errno's name.
    fn ask(&self, words: impl AsRef<str>) -> String {
        self.tell(words.as_ref());
        self.answer()
    }

    /// Wants 0.
    fn done(&self, words: impl AsRef<str>) {
        self.says(words, 0);
    }

    fn says(&self, words: impl AsRef<str>, wanted: impl ToString) {
        let words = words.as_ref();
        assert_eq!(self.ask(words), wanted.to_string(), "{words}");
    }

    fn number(&self, words: impl AsRef<str>) -> u64 {
        let said = self.ask(words.as_ref());
        said.parse().unwrap_or_else(|_| panic!("{}: {said}", words.as_ref()))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may wait for what will not come; the world's end ends it.
        if std::thread::panicking() {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// One way to load, store, and to tell the size.
struct Way<'a> {
    name: &'a str,
    door: &'a Door,
    get: &'a str,
    put: &'a str,
}

/// Every way stores, at several places, again and again; every way loads it at once.
fn check_bytes(ways: &[Way<'_>]) {
    let value = Cell::new(1u32);
    for round in 0..40 {
        for writer in ways {
            let at = [0, 4, PAGE, 5 * PAGE + 8, SIZE - 4][round % 5];
            value.set(value.get() + 7);
            writer.door.done(format!("{} {at} {}", writer.put, value.get()));
            for reader in ways {
                let seen = reader.door.ask(format!("{} {at}", reader.get));
                let what = format!("{} after {}, at {at}", reader.name, writer.name);
                assert_eq!(seen, value.get().to_string(), "{what}");
            }
        }
    }
}

/// A house, or a skip.
macro_rules! house {
    ($side:expr) => {
        house!($side, "256M")
    };
    ($side:expr, $size:literal) => {
        match House::new($side, $size) {
            Ok(house) => house,
            Err(reason) => skip!("{reason}"),
        }
    };
}

/// The same story on each side that is named.
macro_rules! on_sides {
    ($story:ident: $($name:ident $side:ident),*) => {
        $(#[test] fn $name() { $story(&house!(Side::$side)); })*
    };
}

on_sides!(bytes_of_an_object: bytes_of_an_object_on_the_kernel Kernel, bytes_of_an_object_in_a_store Store,
    bytes_of_an_object_at_dev_shm StoreThere);
fn bytes_of_an_object(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    let path = house.path("frames");
    caller.done(format!("shm_open 0 /frames {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 0 {path} {RDWR} 0"));
    plain.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 1 {path} {RDWR} 0"));
    let mut ways = vec![
        Way { name: "the caller's map", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the caller's calls", door: &caller, get: "read 0", put: "write 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 1", put: "write 1" },
    ];
    if house.side == Side::StoreThere {
        plain.done(format!("shm_open 2 /frames {RDWR} 0"));
        plain.done(format!("map 2 {SIZE}"));
        ways.push(Way { name: "shm_open without preload", door: &plain, get: "get 2", put: "put 2" });
    }
    if let Some(library) = &library {
        library.done("open frames");
        library.done("map");
        ways.push(Way { name: "the library", door: library, get: "get", put: "put" });
    }
    check_bytes(&ways);
    caller.done("shm_unlink /frames");
    // Without a name it is the same memory still.
    check_bytes(&ways);
    plain.says(format!("stat {path}"), "ENOENT");
}

on_sides!(bytes_of_a_file: bytes_of_a_file_on_the_kernel Kernel, bytes_of_a_file_in_a_store Store,
    bytes_of_a_file_at_dev_shm StoreThere);
/// The mount made it.
fn bytes_of_a_file(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("made")));
    plain.done(format!("resize 0 {SIZE}"));
    plain.done(format!("map 0 {SIZE}"));
    caller.done(format!("shm_open 0 /made {RDWR} 0"));
    caller.done(format!("map 0 {SIZE}"));
    let mut ways = vec![
        Way { name: "the caller's map", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 0", put: "write 0" },
    ];
    if let Some(library) = &library {
        library.done("open made");
        library.done("map");
        ways.push(Way { name: "the library", door: library, get: "get", put: "put" });
    }
    check_bytes(&ways);
    plain.done(format!("unlink {}", house.path("made")));
    caller.says(format!("shm_open 1 /made {RDWR} 0"), "ENOENT");
    check_bytes(&ways);
}

/// A segment under key 0x5ea, attached by the caller; its number.
fn segment(caller: &Door) -> u64 {
    let id = caller.number(format!("shmget 0x5ea {SIZE} 01600"));
    caller.done(format!("shmat 0 {id}"));
    id
}

#[test]
fn bytes_of_a_segment() {
    let house = house!(Side::Store);
    let (caller, plain) = (house.caller(), house.plain());
    let id = segment(&caller);
    plain.done(format!("open 0 {} {RDWR} 0", house.path(&format!(".sysv/{id}"))));
    plain.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 1 {} {RDWR} 0", house.path(".sysv/0x000005ea")));
    plain.done(format!("map 1 {SIZE}"));
    let ways = [
        Way { name: "shmat", door: &caller, get: "get 0", put: "put 0" },
        Way { name: "the mount's map", door: &plain, get: "get 0", put: "put 0" },
        Way { name: "the mount's calls", door: &plain, get: "read 0", put: "write 0" },
        Way { name: "the key's map", door: &plain, get: "get 1", put: "put 1" },
        Way { name: "the key's calls", door: &plain, get: "read 1", put: "write 1" },
    ];
    check_bytes(&ways);
    caller.done(format!("rmid {id}"));
    check_bytes(&ways);
}

on_sides!(sizes: sizes_on_the_kernel Kernel, sizes_in_a_store Store, sizes_at_dev_shm StoreThere);
fn sizes(house: &House) {
    let (caller, plain, other, library) = (house.caller(), house.plain(), house.plain(), house.library());
    let path = house.path("frames");
    caller.done(format!("shm_open 0 /frames {CREATE_EXCL} 0600"));
    for door in [&plain, &other] {
        door.done(format!("open 0 {path} {RDWR} 0"));
    }
    if let Some(library) = &library {
        library.done("open frames");
    }
    let mut size = 0;
    let look = |size: u64| {
        for door in [&caller, &plain, &other] {
            door.says("size 0", size);
            door.says("end 0", size);
            // -2: the end of the file.
            door.says(format!("read 0 {size}"), -2);
            if size >= 4 {
                door.says(format!("read 0 {}", size - 4), 0);
            }
        }
        for door in [&plain, &other] {
            door.says(format!("stat {path}"), size);
        }
        if let Some(library) = &library {
            library.says("size", size);
        }
    };
    look(0);
    for round in 1..=12 {
        for which in 0..4 {
            size = (size + 3 * PAGE + round * 100 * 4) % (16 * PAGE);
            match (which, &library) {
                (0, _) => caller.done(format!("resize 0 {size}")),
                (1, _) => plain.done(format!("resize 0 {size}")),
                (2, _) => {
                    // The end moves by a write.
                    other.done("resize 0 0");
                    other.done(format!("write 0 {} 0", size - 4));
                }
                (_, Some(library)) => library.done(format!("resize {size}")),
                (_, None) => plain.done(format!("resize 0 {size}")),
            }
            // Each look leaves the size in every cache that there is, for the next one to be wrong by.
            look(size);
        }
    }
}

on_sides!(names: names_on_the_kernel Kernel, names_in_a_store Store, names_at_dev_shm StoreThere);
fn names(house: &House) {
    let (caller, plain, library) = (house.caller(), house.plain(), house.library());
    let other = house.plain();
    let path = |name: &str| house.path(name);
    let there = |name: &str, there: bool| {
        let wanted = if there { "0" } else { "ENOENT" };
        for door in [&plain, &other] {
            door.says(format!("stat {}", path(name)), wanted);
            door.says(format!("open 1 {} {RDWR} 0", path(name)), wanted);
            door.says(format!("listed {} {name}", path("")), u8::from(there));
        }
        caller.says(format!("shm_open 1 /{name} {RDWR} 0"), wanted);
        if let Some(library) = &library {
            library.says(format!("open {name}"), wanted);
        }
    };
    for round in 0..12 {
        there("one", false);
        match (round % 3, &library) {
            (0, _) => caller.done(format!("shm_open 0 /one {CREATE_EXCL} 0600")),
            (1, Some(library)) => library.done("create one 0"),
            _ => plain.done(format!("open 0 {} {CREATE_EXCL} 0600", path("one"))),
        }
        there("one", true);
        // It is taken, by whatever door.
        caller.says(format!("shm_open 0 /one {CREATE_EXCL} 0600"), "EEXIST");
        other.says(format!("open 0 {} {CREATE_EXCL} 0600", path("one")), "EEXIST");
        there("two", false);
        other.done(format!("rename {} {}", path("one"), path("two")));
        there("one", false);
        there("two", true);
        other.done(format!("link {} {}", path("two"), path("one")));
        there("one", true);
        there("two", true);
        for (turn, name) in ["one", "two"].into_iter().enumerate() {
            match ((round + turn) % 3, &library) {
                (0, _) => caller.done(format!("shm_unlink /{name}")),
                (1, Some(library)) => library.done(format!("unlink {name}")),
                _ => plain.done(format!("unlink {}", path(name))),
            }
            there(name, false);
        }
    }
}

on_sides!(futexes: futexes_on_the_kernel Kernel, futexes_in_a_store Store, futexes_at_dev_shm StoreThere);
fn futexes(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    caller.done(format!("shm_open 0 /futex {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    plain.done(format!("open 0 {} {RDWR} 0", house.path("futex")));
    plain.done(format!("map 0 {SIZE}"));
    check_wake(&caller, &plain);
    check_wake(&plain, &caller);
}

/// One waits for the word at 64 in slot 0, the other wakes it.
fn check_wake(waiter: &Door, waker: &Door) {
    waiter.tell("wait 0 64 0");
    eventually("the waiter is woken", || waker.ask("wake 0 64") == "1");
    assert_eq!(waiter.answer(), "0");
    // The word is looked at where both see it.
    waker.done("put 0 64 5");
    waiter.says("wait 0 64 0", "EAGAIN");
    waker.done("put 0 64 0");
}

#[test]
fn futexes_of_a_segment() {
    let house = house!(Side::Store);
    let (caller, plain) = (house.caller(), house.plain());
    let id = segment(&caller);
    plain.done(format!("open 0 {} {RDWR} 0", house.path(&format!(".sysv/{id}"))));
    plain.done(format!("map 0 {SIZE}"));
    check_wake(&caller, &plain);
    check_wake(&plain, &caller);
}

on_sides!(semaphores: semaphores_on_the_kernel Kernel, semaphores_in_a_store Store,
    semaphores_at_dev_shm StoreThere);
fn semaphores(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    let path = house.path("sem.gate");
    caller.done("sem_open 0 /gate 0300 3");
    plain.says(format!("stat {path}"), 32);
    plain.done(format!("open 0 {path} {RDWR} 0"));
    plain.done("map 0 32");
    // glibc keeps the value in the first word (nptl/internaltypes.h).
    plain.says("read 0 0", 3);
    plain.says("sem_value 0", 3);
    plain.done("sem_post 0");
    caller.says("sem_value 0", 4);
    for _ in 0..4 {
        caller.done("sem_wait 0");
    }
    plain.says("read 0 0", 0);
    caller.tell("sem_wait 0");
    // glibc counts who waits in the second word.
    eventually("the caller waits", || plain.ask("read 0 4") == "1");
    plain.done("sem_post 0");
    assert_eq!(caller.answer(), "0");
    if house.side == Side::StoreThere {
        plain.done("sem_open 1 /gate 0 0");
        plain.done("sem_post 1");
        caller.done("sem_wait 0");
    }
    plain.done(format!("unlink {path}"));
    caller.says("sem_open 1 /gate 0 0", "ENOENT");
}

#[test]
fn removing_a_segments_file_is_ipc_rmid() {
    let house = house!(Side::Store);
    let (caller, plain, root) = (house.caller(), house.plain(), house.path(".sysv"));
    let ipcs = || house.shell("\"$0\"/shm run --store $1 -- ipcs -m", &[STORE]);
    for name in ["id", "key"] {
        let id = segment(&caller);
        let (number, key) = (format!("{root}/{id}"), format!("{root}/0x000005ea"));
        for file in [&number, &key] {
            plain.says(format!("stat {file}"), SIZE);
            plain.says(format!("mode {file}"), 0o600);
        }
        assert!(ipcs().contains("0x000005ea"), "{}", ipcs());
        plain.done(format!("chmod {number} 0640"));
        plain.says(format!("mode {key}"), 0o640);
        caller.says(format!("seg_mode {id}"), 0o640);
        plain.done(format!("open 3 {number} {RDWR} 0"));
        plain.says("resize 3 0", "EPERM");
        for refused in [
            format!("open 4 {root}/new {CREATE} 0600"),
            format!("rename {number} {root}/7777"),
            format!("link {number} {root}/7777"),
            format!("mkdir {root}/folder"),
        ] {
            plain.says(refused, "EPERM");
        }
        plain.done(format!("unlink {}", if name == "id" { &number } else { &key }));
        for file in [&number, &key] {
            plain.says(format!("stat {file}"), "ENOENT");
        }
        // SHM_DEST: it lives as long as its attach.
        caller.says(format!("seg_mode {id}"), 0o1640);
        assert!(ipcs().contains("dest"), "{}", ipcs());
        caller.done("put 0 0 9");
        caller.done("shmdt 0");
        caller.says(format!("seg_mode {id}"), "EINVAL");
        assert!(!ipcs().contains(&format!(" {id} ")), "{}", ipcs());
    }
}

on_sides!(a_segment_made_after_a_look: a_segment_is_seen_although_its_absence_was Store);
fn a_segment_made_after_a_look(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    let key = house.path(".sysv/0x000005ea");
    for _ in 0..8 {
        plain.says(format!("stat {key}"), "ENOENT");
        let id = segment(&caller);
        plain.says(format!("stat {key}"), SIZE);
        plain.says(format!("listed {} {id}", house.path(".sysv")), 1);
        caller.done(format!("rmid {id}"));
        caller.done("shmdt 0");
        plain.says(format!("stat {key}"), "ENOENT");
        plain.says(format!("listed {} {id}", house.path(".sysv")), 0);
    }
}

const SMALL: u64 = 16 << 20;

#[test]
fn a_full_mount_on_the_kernel() {
    full(&house!(Side::Kernel, "16M"));
}

#[test]
fn a_full_store() {
    full(&house!(Side::Store, "16M"));
}

fn full(house: &House) {
    let (caller, plain) = (house.caller(), house.plain());
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("kept")));
    plain.done(format!("resize 0 {SIZE}"));
    plain.done(format!("write 0 {PAGE} 4711"));
    for round in 0..3 {
        let (big, more) = (house.path("big"), house.path("more"));
        plain.done(format!("open 1 {big} {CREATE_EXCL} 0600"));
        let written = plain.number(format!("fill 1 {}", 2 * SMALL));
        assert!((SMALL / 2..=SMALL).contains(&written), "{written} bytes went in");
        plain.says(format!("write 1 {} 1", written + SMALL), "ENOSPC");
        // As on any tmpfs there is a size, and SIGBUS where there is no page for it.
        plain.done(format!("open 2 {more} {CREATE_EXCL} 0600"));
        plain.done(format!("resize 2 {SMALL}"));
        plain.done(format!("map 2 {SMALL}"));
        let touched = plain.number("touch 2") * PAGE;
        assert!(written + touched <= SMALL, "{written} and {touched} bytes in a store of {SMALL}");
        plain.says(format!("write 2 {} 1", SMALL - PAGE), "ENOSPC");
        // The calls of others are refused, too, and what is there stays.
        caller.done(format!("shm_open 0 /object {CREATE} 0600"));
        let refused = caller.ask(format!("resize 0 {}", 4 * PAGE));
        if house.side == Side::Store {
            assert_eq!(refused, "ENOSPC", "a growth of an object in a full store");
        }
        plain.says(format!("read 0 {PAGE}"), 4711);
        plain.done(format!("write 0 {PAGE} 4711"));
        let [size, used, left] = house.df();
        assert_eq!(size, SMALL);
        assert!(left <= PAGE && used + left <= size, "df: {used} used, {left} left of {size}");
        plain.done("unmap 2");
        for (slot, name) in [(1, &big), (2, &more)] {
            let orders = [format!("close {slot}"), format!("unlink {name}")];
            let [first, second] = if round == 0 { [1, 0] } else { [0, 1] };
            plain.done(&orders[first]);
            plain.done(&orders[second]);
        }
        caller.done(format!("resize 0 {PAGE}"));
        caller.done("shm_unlink /object");
        caller.done("close 0");
    }
    plain.says(format!("read 0 {PAGE}"), 4711);
}

#[test]
fn df_and_du_and_shm_df_agree() {
    let house = house!(Side::Store, "64M");
    let (caller, plain) = (house.caller(), house.plain());
    let agree = |what: &str| {
        let (usage, [size, used, left]) = (house.usage(), house.df());
        assert_eq!(size, 64 << 20, "{what}");
        assert_eq!(usage["size_bytes"], size, "{what}: {usage}");
        let [objects, files] = ["used_bytes", "files_bytes"].map(|part| usage[part].as_u64().expect("bytes"));
        assert_eq!(objects + files, used, "{what}: df(1) tells {used} used: {usage}");
        assert_eq!(size - used, left, "{what}");
        used
    };
    let before = agree("empty");
    plain.done(format!("mkdir {}", house.path("folder")));
    plain.done(format!("open 0 {} {CREATE_EXCL} 0600", house.path("folder/file")));
    plain.says(format!("fill 0 {}", 3 << 20), 3 << 20);
    assert_eq!(agree("a file of 3 MiB") - before, 3 << 20);
    let du = house.shell("du -s -B1 \"$1\" | cut -f1", &[&house.path("folder")]);
    assert_eq!(du.trim(), (3 << 20).to_string(), "du");
    caller.done(format!("shm_open 0 /object {CREATE_EXCL} 0600"));
    caller.done(format!("resize 0 {SIZE}"));
    caller.done(format!("map 0 {SIZE}"));
    caller.says("touch 0", SIZE / PAGE);
    agree("an object, touched");
    caller.done("unmap 0");
    let id = segment(&caller);
    agree("a segment");
    caller.done(format!("rmid {id}"));
    caller.done("shmdt 0");
    caller.done("close 0");
    caller.done("shm_unlink /object");
    plain.done("close 0");
    house.shell("rm -r \"$1\"", &[&house.path("folder")]);
    assert_eq!(agree("empty again"), before);
}
