//! A mount's door in a broker that is killed: it is opened again with what it remembers, and its requests go on.
//!
//! The door here is a stand-in that answers FUSE's lookups with numbers, so that another process can ask it by `stat`.
//! No test harness: a process that clones brokers has one thread.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/forked.rs"]
mod forked;

use forked::{begin, kill, serve};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use shmfs_abi::store::Admission;
use shmfs_abi::{
    ByteLen, Call, Caps, Cred, Errno, GetFlags, Gid, Groups, Key, Name, Pid, Reply, ShmLimits, Uid, limits,
};
use shmfs_broker::{Config, Door, DoorFiles, DoorMaker, Face, Lifetime, Served, found};
use shmfs_client::{Client, Settings, Visitor};
use shmfs_sys::child::{self, Ended};
use shmfs_sys::{fd, memfd};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a mount is asked for while brokers are killed.
const MOUNTS: usize = 40;

/// What a door remembers, as words of its state.
const OPENED: u64 = 0;
const RESUMED: u64 = 1;
const KEPT: u64 = 2;
const KEPT_INO: u64 = 3;
const SHARED: u64 = 4;
const FAILS: u64 = 5;

const DOOR: DoorMaker = DoorMaker { state, kept, open: open_door };

fn state() -> Result<OwnedFd, Errno> {
    let state = memfd::create(c"door", false)?;
    fd::truncate(&state, ByteLen(64))?;
    Ok(state)
}

fn word(state: &File, word: u64) -> u64 {
    let mut bytes = [0; 8];
    state.read_exact_at(&mut bytes, word * 8).unwrap();
    u64::from_ne_bytes(bytes)
}

fn set(state: &File, word: u64, value: u64) {
    state.write_all_at(&value.to_ne_bytes(), word * 8).unwrap();
}

fn file(fd: BorrowedFd<'_>) -> File {
    File::from(fd.try_clone_to_owned().unwrap())
}

fn kept(state: BorrowedFd<'_>) -> Vec<i32> {
    vec![word(&file(state), KEPT) as i32]
}

fn open_door(files: DoorFiles<'_>) -> Result<Box<dyn Door>, Errno> {
    let state = file(files.state);
    set(&state, OPENED, word(&state, OPENED) + 1);
    if files.resumed && word(&state, FAILS) == 1 {
        return Err(Errno::EIO);
    }
    if files.resumed {
        set(&state, RESUMED, word(&state, RESUMED) + 1);
    } else {
        let kept = memfd::create(c"kept", false)?;
        set(&state, KEPT_INO, fd::facts(&kept)?.identity.ino);
        set(&state, KEPT, kept.into_raw_fd() as u64);
    }
    assert!(fd::facts(files.hidden).unwrap().mode & 0o40_000 != 0, "the tree is a directory");
    let device = files.device.try_clone_to_owned().unwrap();
    fcntl_setfl(&device, fcntl_getfl(&device).unwrap() | OFlags::NONBLOCK).unwrap();
    if files.resumed {
        // What a broker before this one has read and not answered comes again.
        let again = [&16_u32.to_ne_bytes()[..], &NOTIFY_RESEND.to_ne_bytes(), &[0; 8]].concat();
        rustix::io::write(&device, &again).unwrap();
    }
    Ok(Box::new(StandIn { device, state }))
}

struct StandIn {
    device: OwnedFd,
    state: File,
}

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const INIT: u32 = 26;
const NOTIFY_RESEND: i32 = 7;
const ENOSYS: i32 = 38;

/// Who asks in the name of root.
const ROOT: Cred = Cred { pid: Pid(1), uid: Uid(0), gid: Gid(0), groups: Groups::NONE, caps: Caps::all() };

impl Door for StandIn {
    fn serve(&mut self, face: &mut dyn Face) -> Served {
        let mut request = [0; 1 << 16];
        match rustix::io::read(&self.device, &mut request) {
            Ok(len) => self.answer(&request[..len], face),
            Err(rustix::io::Errno::NODEV) => return Served::Closed,
            Err(_) => {}
        }
        Served::Open
    }

    fn become_shared(&mut self) {
        set(&self.state, SHARED, word(&self.state, SHARED) + 1);
    }

    fn names_changed(&mut self) {}
}

impl StandIn {
    fn answer(&self, request: &[u8], face: &mut dyn Face) {
        let number = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let (error, body) = match number(4) {
            FORGET => return,
            INIT => (0, init()),
            GETATTR => (0, root_attributes()),
            // The name is the body, to its NUL.
            LOOKUP => (-self.told(&request[40..request.len() - 1], face), Vec::new()),
            _ => (-ENOSYS, Vec::new()),
        };
        let len = 16 + body.len() as u32;
        let reply = [&len.to_ne_bytes()[..], &error.to_ne_bytes(), &request[8..16], &body].concat();
        let _ = rustix::io::write(&self.device, &reply);
    }

    /// The answer to a question, as an errno: one more than the number.
    fn told(&self, asked: &[u8], face: &mut dyn Face) -> i32 {
        let first = face.segments().first().copied();
        let number = match asked {
            b"opened" => word(&self.state, OPENED),
            b"resumed" => word(&self.state, RESUMED),
            b"became-shared" => word(&self.state, SHARED),
            b"shared" => face.is_shared().into(),
            b"attached" => face.is_attached().into(),
            b"sysv" => face.sysv().into(),
            b"segments" => face.segments().len() as u64,
            b"outside" => face.outside().pages().0,
            b"file" => {
                let number = face.segment_number(first.unwrap().shmid).unwrap();
                fd::with_number(number, |file| fd::facts(file)).unwrap().size.pages().0
            }
            b"mode" => u64::from(first.unwrap().mode),
            b"set" => outcome(face.set_segment(&ROOT, first.unwrap().shmid, Uid(0), Gid(0), 0o20)),
            b"remove" => outcome(face.remove_segment(&ROOT, first.unwrap().shmid)),
            b"kept" => {
                let kept = fd::with_number(word(&self.state, KEPT) as i32, |file| fd::facts(file));
                u64::from(kept.is_ok_and(|kept| kept.identity.ino == word(&self.state, KEPT_INO)))
            }
            b"fail" => {
                set(&self.state, FAILS, 1);
                0
            }
            name => {
                face.name_changed(&Name::new(name).unwrap());
                0
            }
        };
        number as i32 + 1
    }
}

fn outcome(done: Result<(), Errno>) -> u64 {
    done.map_or_else(|errno| errno.0 as u64, |()| 0)
}

/// `struct fuse_init_out` of 7.31.
fn init() -> Vec<u8> {
    let mut body = [7_u32, 31, 0, 0, 0, 4096].map(u32::to_ne_bytes).concat();
    body.resize(64, 0);
    body
}

/// `struct fuse_attr_out` of a directory.
fn root_attributes() -> Vec<u8> {
    let mut body = vec![0; 16 + 88];
    body[16..24].copy_from_slice(&1_u64.to_ne_bytes());
    body[16 + 60..16 + 64].copy_from_slice(&0o40_755_u32.to_ne_bytes());
    body[16 + 64..16 + 68].copy_from_slice(&2_u32.to_ne_bytes());
    body
}

fn dir() -> PathBuf {
    // Forked processes see the parent's environment.
    PathBuf::from(std::env::var_os("SHMFS_DOOR_DIR").unwrap())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("a_mount_outlives_its_broker: test");
        }
        return;
    }
    if std::env::var_os("SHMFS_DOOR_DIR").is_none() {
        let place = std::env::temp_dir().join(format!("shmfs-door-{}", std::process::id()));
        let program = std::env::current_exe().unwrap();
        let status = std::process::Command::new(program).env("SHMFS_DOOR_DIR", &place).status().unwrap();
        let _ = unmount(place.join("mnt"), UnmountFlags::DETACH);
        let _ = std::fs::remove_dir_all(&place);
        std::process::exit(status.code().unwrap_or(1));
    }
    let mnt = dir().join("mnt");
    std::fs::create_dir_all(&mnt).unwrap();
    match fuse(&mnt) {
        Ok(device) => drop(device),
        Err(errno) => return println!("SKIP: FUSE cannot be mounted here: {}", errno.name()),
    }
    unmount(&mnt, UnmountFlags::DETACH).unwrap();
    let kills = keep("first", ask);
    assert!(kills >= 2, "{kills}");
    assert!(keep("lost", lose) >= 1);
    let kills = keep("second", mount_again_and_again);
    println!("{kills} brokers killed over {MOUNTS} mounts: ok");
}

/// Mounts a new connection there.
fn fuse(dir: &Path) -> Result<OwnedFd, Errno> {
    let errno = |error: rustix::io::Errno| Errno(error.raw_os_error());
    let device = open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let options = std::ffi::CString::new(options).unwrap();
    mount("shmfs-test", dir, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
        .map_err(errno)?;
    Ok(device)
}

/// Unmounts it, as soon as nobody is on a path there.
fn take_down(dir: &Path) {
    while let Err(error) = unmount(dir, UnmountFlags::empty()) {
        assert_eq!(error, rustix::io::Errno::BUSY);
        std::thread::yield_now();
    }
}

/// Founds a store, and clones brokers until the store has ended; `act` is another process. How many were killed.
fn keep(name: &str, act: fn(&Path)) -> u32 {
    let store = dir().join(name);
    let founded = found(Config {
        dir: store.clone(),
        size: ByteLen(8 << 20),
        sparse: false,
        reserve: false,
        limits: ShmLimits {
            shmmax: limits::DEFAULT_SHMMAX,
            shmmni: limits::DEFAULT_SHMMNI,
            shmall: limits::DEFAULT_SHMMAX,
        },
        admission: Admission::Owner,
        lifetime: Lifetime::UntilUnmounted,
        reap: false,
        state: None,
        listener: None,
    });
    let founded = founded.unwrap();
    let journal = founded.pages.number();
    let worker = begin(|| act(&store));
    let (mut broker, mut kills, mut worked) = (serve(journal, Some(DOOR)), 0, false);
    loop {
        let Some((pid, ended)) = child::try_wait_any().unwrap() else {
            std::thread::sleep(Duration::from_micros(100));
            continue;
        };
        if pid == worker {
            assert_eq!(ended, Ended::Exit(0), "the worker failed");
            worked = true;
        } else if pid == broker && ended == Ended::Exit(0) {
            // Its mount is gone, and so is the store.
            assert!(worked || child::wait(worker).unwrap() == Ended::Exit(0), "the worker failed");
            std::mem::forget(founded);
            return kills;
        } else if pid == broker {
            assert_eq!(ended, Ended::Signal(9), "a broker ended by itself");
            kills += 1;
            broker = serve(journal, Some(DOOR));
        }
    }
}

fn visit(store: &Path) -> Visitor {
    Visitor::connect(store.join("socket").as_os_str().as_bytes(), None).unwrap()
}

fn kill_broker(visitor: &mut Visitor) {
    let Ok((Reply::Usage(usage), _)) = visitor.call(Call::Usage) else { panic!("no usage") };
    kill(usage.broker);
}

/// What the door says.
fn told(question: &str) -> i32 {
    let asked = std::fs::symlink_metadata(dir().join("mnt").join(question));
    asked.expect_err("it shows nothing").raw_os_error().unwrap() - 1
}

fn ask(store: &Path) {
    let mut visitor = visit(store);
    let mnt = dir().join("mnt");
    let null = File::open("/dev/null").unwrap();
    let refused = visitor.call_with(Call::Mount { sysv: true }, null.as_fd()).unwrap_err();
    assert_eq!(refused.errno, Errno::EINVAL);
    let device = fuse(&mnt).unwrap();
    let mount = Call::Mount { sysv: true };
    assert_eq!(visitor.call_with(mount, device.as_fd()).unwrap().0, Reply::Done);
    let refused = visitor.call_with(mount, device.as_fd()).unwrap_err();
    assert_eq!(refused.errno, Errno::EBUSY);
    // The store has it.
    drop(device);
    assert_eq!((told("opened"), told("resumed"), told("sysv"), told("kept")), (1, 0, 1, 1));
    assert_eq!((told("shared"), told("attached"), told("became-shared")), (0, 0, 0));
    kill_broker(&mut visitor);
    assert_eq!((told("opened"), told("resumed"), told("sysv"), told("kept")), (2, 1, 1, 1));
    assert_eq!((told("shared"), told("attached")), (0, 0));

    // A client reaches the files, and so does every broker's door know that follows.
    let client = Client::idle();
    client.join(Settings::new(store.as_os_str().as_bytes(), None).unwrap()).unwrap();
    let flags = GetFlags::CREAT | GetFlags::from_bits_retain(0o600);
    let get = Call::ShmGet { key: Key(5), size: ByteLen(8192), flags };
    assert!(matches!(client.call(get, None).unwrap().0, Reply::Shmid(_)));
    assert_eq!((told("shared"), told("became-shared"), told("attached")), (1, 1, 0));
    assert_eq!((told("segments"), told("outside"), told("file")), (1, 2, 2));
    assert_eq!((told("set"), told("mode")), (0, 0o20));
    kill_broker(&mut visitor);
    assert_eq!((told("shared"), told("became-shared"), told("mode")), (1, 1, 0o20));
    assert_eq!((told("remove"), told("segments"), told("outside")), (0, 0, 0));
    assert!(visitor.call(Call::Tree).is_ok());
    assert_eq!((told("attached"), told("kept"), told("resumed")), (1, 1, 2));

    take_down(&mnt);
}

/// A door that cannot be opened again is lost, and its mount; the store is not.
fn lose(store: &Path) {
    const ENOTCONN: i32 = 107;
    let mnt = dir().join("mnt");
    let client = Client::idle();
    client.join(Settings::new(store.as_os_str().as_bytes(), None).unwrap()).unwrap();
    let object = client.shm_open(b"/a", 0o102, 0o600).unwrap();
    let mut visitor = visit(store);
    let mount = Call::Mount { sysv: true };
    assert!(visitor.call_with(mount, fuse(&mnt).unwrap().as_fd()).is_ok());
    assert_eq!((told("opened"), told("fail")), (1, 0));
    kill_broker(&mut visitor);
    assert!(visitor.call(Call::Usage).is_ok());
    let asked = std::fs::symlink_metadata(mnt.join("opened"));
    assert_eq!(asked.expect_err("nobody serves it").raw_os_error(), Some(ENOTCONN));
    take_down(&mnt);
    assert_eq!(fd::facts(client.shm_open(b"/a", 2, 0).unwrap()), fd::facts(object));
    // It can be mounted anew.
    assert!(visitor.call_with(mount, fuse(&mnt).unwrap().as_fd()).is_ok());
    assert_eq!((told("opened"), told("resumed"), told("shared")), (1, 0, 1));
    take_down(&mnt);
}

/// Each mount is made once, whenever the broker dies over the request.
fn mount_again_and_again(store: &Path) {
    let mnt = dir().join("mnt");
    // A client keeps the store while nothing is mounted.
    let client = Client::idle();
    client.join(Settings::new(store.as_os_str().as_bytes(), None).unwrap()).unwrap();
    client.call(Call::ShmInfo, None).unwrap();
    let mut random = 88_172_645_463_325_252_u64;
    for round in 0..MOUNTS {
        let device = fuse(&mnt).unwrap();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let killer = begin(|| {
            let mut visitor = visit(store);
            std::thread::sleep(Duration::from_micros(random % 500));
            kill_broker(&mut visitor);
        });
        let mut visitor = visit(store);
        let asked = visitor.call_with(Call::Mount { sysv: false }, device.as_fd());
        assert_eq!(
            asked.map(|(reply, _)| reply).map_err(|refused| refused.errno),
            Ok(Reply::Done),
            "{round}"
        );
        assert_eq!((told("kept"), told("sysv")), (1, 0), "{round}");
        assert_eq!(child::wait(killer).unwrap(), Ended::Exit(0));
        assert_eq!(told("opened"), told("resumed") + 1, "{round}");
        take_down(&mnt);
        // Other namespaces may have had a copy of the mount.
        poll(&mut [PollFd::new(&device, PollFlags::empty())], None).unwrap();
        drop(device);
        // The second is asked after the turn in which the broker has heard of it.
        assert!(visitor.call(Call::Usage).is_ok() && visitor.call(Call::Usage).is_ok());
    }
    // Lest the last broker is killed no more.
    let mut visitor = visit(store);
    kill_broker(&mut visitor);
    assert!(visitor.call(Call::Usage).is_ok());
}
