//! Where doors are: a world with a mount, the kernel's or a store's.

use crate::door::Door;
use serde_json::Value;
use shmfs_tests::{DevShm, LIMIT, Scratch, World, compile, is_root, run, shm};
use std::path::{Path, PathBuf};

/// The store's name.
pub(crate) const STORE: &str = "doors";

/// Whose memory it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The kernel's /dev/shm, which is its own mount.
    Kernel,
    /// A store's, mounted elsewhere.
    Store,
    /// A store's, mounted at /dev/shm.
    StoreThere,
}

/// Where doors are.
pub(crate) struct House {
    pub(crate) side: Side,
    dir: PathBuf,
    shm: PathBuf,
    door: PathBuf,
    world: World,
    scratch: Scratch,
}

impl House {
    /// An error is a reason to skip.
    pub(crate) fn new(side: Side, size: &str) -> Result<House, String> {
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
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// What a script says; $0 is the folder with `shm`.
    pub(crate) fn shell(&self, script: &str, words: &[&str]) -> String {
        let mut command = self.world.command("sh");
        command.args(["-c", script]).arg(self.scratch.path()).args(words);
        run(&mut command, LIMIT).expect_success(script)
    }

    /// A program that knows nothing of shmfs.
    pub(crate) fn plain(&self) -> Door {
        Door::start(self.world.command(&self.door))
    }

    /// A program that makes the calls, under the preload where a store serves them.
    pub(crate) fn caller(&self) -> Door {
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
    pub(crate) fn library(&self) -> Option<Door> {
        (self.side != Side::Kernel).then(|| {
            let mut command = self.world.command(env!("CARGO_BIN_EXE_mount_load"));
            command.arg("door").arg(format!("{}/{STORE}", shmfs_abi::store::ROOT_DIR));
            Door::start(command)
        })
    }

    /// `shm df --json`
    pub(crate) fn usage(&self) -> Value {
        let said = self.shell("\"$0\"/shm df --json --store $1", &[STORE]);
        serde_json::from_str(&said).expect("JSON")
    }

    /// df(1) of the mount: bytes in all, in use, left.
    pub(crate) fn df(&self) -> [u64; 3] {
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
