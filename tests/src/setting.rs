//! A stage for one real program: a world, a folder, the program `shm`, and the proof that shmfs served.

use crate::{DevShm, LIMIT, Outcome, Scratch, World, compile, here, run, shm, untouched};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Where a program runs, natively or under `shm run`.
pub struct Setting {
    world: World,
    scratch: Scratch,
    shm: PathBuf,
}

impl Setting {
    /// Sets it up; `name` is for whoever finds its folder left behind. An error is a reason to skip.
    pub fn new(name: &str, dev_shm: DevShm) -> Result<Setting, String> {
        let world = World::start(dev_shm)?;
        let scratch = Scratch::new(name);
        let shm = scratch.copy_of(&shm(), "shm");
        Ok(Setting { world, scratch, shm })
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The folder.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The program `shm`, in the folder.
    pub fn shm(&self) -> &Path {
        &self.shm
    }

    /// Runs a shell script under `shm run OPTIONS`, by way of `by` (a wrapper such as `setpriv`, or nothing); gives
    /// what `shm df --json` said at its end. $0 of the script is the scratch folder.
    pub fn serve(&self, by: &[&str], options: &[&str], script: &str) -> (Outcome, Value) {
        let usage = self.scratch.join("usage.json");
        fs::write(&usage, "").expect("a file");
        open_to_all(&usage, 0o666);
        let script = format!("{script}\nstatus=$?; \"$0/shm\" df --json >\"$0/usage.json\"; exit $status");
        let mut words = by.iter().map(OsStr::new).chain([self.shm.as_os_str()]);
        let mut command = self.world.command(words.next().expect("at least shm"));
        command.args(words);
        command.arg("run").args(options).args(["--", "sh", "-c", &script]).arg(self.scratch.path());
        let outcome = run(&mut command, LIMIT);
        let said = fs::read_to_string(&usage).expect("the usage");
        (outcome, serde_json::from_str(&said).unwrap_or_default())
    }

    /// The same script without a store, with System V tables and a /dev/shm of its own.
    pub fn natively(&self, by: &[&str], script: &str) -> Outcome {
        let mut command = self.world.command("unshare");
        let shell = "mount -t tmpfs -o mode=1777,size=8g tmpfs /dev/shm && exec \"$@\"";
        command.args(["--ipc", "--mount", "sh", "-c", shell, "sh"]).args(by);
        run(command.args(["sh", "-c", script]).arg(self.scratch.path()), LIMIT)
    }

    /// Compiles programs/NAME.c into the folder.
    pub fn compile(&self, program: &str) -> PathBuf {
        compile(&format!("programs/{program}.c"), self.scratch.path(), &[])
    }

    /// Copies programs/FILE into the folder.
    pub fn copy(&self, file: &str) {
        let copy = self.scratch.join(file);
        fs::copy(here().join("programs").join(file), &copy).expect("a copy");
        open_to_all(&copy, 0o755);
    }

    /// Makes a folder inside that belongs to a user.
    pub fn folder_of(&self, user: u32, name: &str) -> PathBuf {
        let folder = self.scratch.join(name);
        fs::create_dir(&folder).expect("a folder");
        chown(&folder, Some(user), None).expect("chown");
        open_to_all(&folder, 0o700);
        folder
    }

    /// Fails unless the store counted `calls`, each at least once, and the kernel served nothing.
    pub fn prove(&self, usage: &Value, calls: &[&str]) {
        for call in calls {
            assert!(usage["calls"][call].as_u64() > Some(0), "the store served no {call}: {usage}");
        }
        untouched(&self.world, &self.scratch);
    }
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// A [`Setting`], or the end of the test with the reason.
#[macro_export]
macro_rules! setting {
    ($name:expr, $dev_shm:expr) => {
        match $crate::Setting::new($name, $dev_shm) {
            Ok(setting) => setting,
            Err(reason) => $crate::skip!("{reason}"),
        }
    };
}

/// Ends a test when a program is not installed; `$package` is what brings it on Debian.
#[macro_export]
macro_rules! need_program {
    ($program:expr, $package:literal) => {
        if !std::path::Path::new($program).exists() {
            $crate::skip!("no {}; on Debian: apt-get install {}", $program, $package);
        }
    };
}
