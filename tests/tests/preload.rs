//! The preload by itself, without a broker: small C programs run with it and without it.
//!
//! `SHMFS_TEST_PRELOAD` names the library to test; without it the library is built here. Without a C compiler
//! each test skips and says so.
//!
//! Owns: the programs in tests/preload, the list of exported symbols.
//! Leaves to others: the calls as a store answers them (`calls`).

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What the library may export: the symbols that it takes over in a program, and nothing else.
const SYMBOLS: &[&str] = &[
    "__fxstat",
    "__fxstat64",
    "__fxstatat",
    "__fxstatat64",
    "__lxstat",
    "__lxstat64",
    "__open64_2",
    "__open_2",
    "__openat64_2",
    "__openat_2",
    "__realpath_chk",
    "__xstat",
    "__xstat64",
    "access",
    "canonicalize_file_name",
    "chmod",
    "chown",
    "creat",
    "creat64",
    "dlopen",
    "eaccess",
    "euidaccess",
    "faccessat",
    "fallocate",
    "fallocate64",
    "fchmodat",
    "fchownat",
    "fopen",
    "fopen64",
    "freopen",
    "freopen64",
    "fstat",
    "fstat64",
    "fstatat",
    "fstatat64",
    "ftok",
    "ftruncate",
    "ftruncate64",
    "futimesat",
    "getxattr",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listxattr",
    "llistxattr",
    "lremovexattr",
    "lsetxattr",
    "lstat",
    "lstat64",
    "lutimes",
    "mkdir",
    "mkdirat",
    "mkdtemp",
    "mkfifo",
    "mkfifoat",
    "mknod",
    "mknodat",
    "mkostemp",
    "mkostemp64",
    "mkostemps",
    "mkostemps64",
    "mkstemp",
    "mkstemp64",
    "mkstemps",
    "mkstemps64",
    "open",
    "open64",
    "openat",
    "openat64",
    "opendir",
    "pathconf",
    "posix_fallocate",
    "posix_fallocate64",
    "readlink",
    "readlinkat",
    "realpath",
    "remove",
    "removexattr",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "scandir",
    "scandir64",
    "sem_close",
    "sem_open",
    "sem_unlink",
    "setxattr",
    "shm_open",
    "shm_unlink",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "stat",
    "stat64",
    "statfs",
    "statfs64",
    "statvfs",
    "statvfs64",
    "statx",
    "symlink",
    "symlinkat",
    "syscall",
    "truncate",
    "truncate64",
    "unlink",
    "unlinkat",
    "utime",
    "utimensat",
    "utimes",
];

#[test]
fn syscall_passes_six_arguments_and_errno() -> Outcome {
    check_same("syscall")
}

#[test]
fn ordinary_files_are_libcs() -> Outcome {
    check_same("files")
}

#[test]
fn heap_and_errno_are_left_alone() -> Outcome {
    check_same("quiet")
}

#[test]
fn dlopen_keeps_the_callers_runpath() -> Outcome {
    let Some(room) = Room::new("dlopen")? else { return Ok(()) };
    room.library("dlopen_inside", "far/libinside.so", "")?;
    room.library("dlopen_outside", "near/liboutside.so", "far")?;
    let program = room.compile("dlopen", "dlopen", &[&room.runpath("near"), "-ldl"])?;
    let (native, preloaded) = (room.run(&program, false)?, room.run(&program, true)?);
    assert_eq!(native.said, preloaded.said);
    assert_eq!((native.complained.as_str(), preloaded.complained.as_str()), ("served 0\n", "served 1\n"));
    Ok(())
}

#[test]
fn doors_fail_plainly_without_a_store() -> Outcome {
    let Some(room) = Room::new("doors")? else { return Ok(()) };
    let program = room.compile("doors", "doors", &[])?;
    let run = room.run(&program, true)?;
    assert_eq!((run.said.as_str(), run.complained.as_str(), run.status.as_str()), ("", "", "exit status: 0"));
    Ok(())
}

#[test]
fn only_the_intended_symbols_are_exported() -> Outcome {
    if !there("nm") {
        return skip("symbols", "there is no nm (binutils)");
    }
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library()?).output()?;
    let text = String::from_utf8(output.stdout)?;
    let exported: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(exported, SYMBOLS.iter().copied().collect());
    Ok(())
}

#[test]
fn the_library_runs_nothing_when_it_is_loaded() -> Outcome {
    if !there("readelf") {
        return skip("constructors", "there is no readelf (binutils)");
    }
    let output = Command::new("readelf").args(["-dW"]).arg(library()?).output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(text.contains("[libshmfs_preload.so]"), "no SONAME in {text}");
    for tag in ["(INIT)", "(INIT_ARRAY)", "(FINI)", "(FINI_ARRAY)", "(TEXTREL)", "BIND_NOW", " NOW"] {
        assert!(!text.contains(tag), "{tag} in {text}");
    }
    let needed: Vec<&str> = text.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.iter().all(|line| line.contains("[libc.so.6]")), "more than libc in {needed:?}");
    Ok(())
}

/// The program says the same with the preload as without it.
fn check_same(name: &str) -> Outcome {
    let Some(room) = Room::new(name)? else { return Ok(()) };
    let program = room.compile(name, name, &["-pthread"])?;
    let (native, preloaded) = (room.run(&program, false)?, room.run(&program, true)?);
    assert!(native.said.lines().count() > 5, "the program ended early: {native:?}");
    assert_eq!(native.said, preloaded.said);
    assert_eq!((native.complained, native.status), (preloaded.complained, preloaded.status));
    Ok(())
}

#[derive(Debug)]
struct Run {
    said: String,
    complained: String,
    status: String,
}

/// A folder for one test, removed at its end.
struct Room {
    dir: PathBuf,
}

impl Room {
    fn new(name: &str) -> Outcome<Option<Room>> {
        if !there("cc") {
            skip(name, "there is no C compiler (cc)")?;
            return Ok(None);
        }
        let dir = env::temp_dir().join(format!("shmfs-preload-{name}-{}", std::process::id()));
        for folder in ["near", "far"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        Ok(Some(Room { dir }))
    }

    fn runpath(&self, folder: &str) -> String {
        format!("-Wl,--enable-new-dtags,-rpath,{}", self.dir.join(folder).display())
    }

    fn library(&self, source: &str, output: &str, runpath: &str) -> Outcome {
        let path = self.runpath(runpath);
        self.compile(source, output, &["-shared", "-fPIC", &path]).map(drop)
    }

    fn compile(&self, source: &str, output: &str, flags: &[&str]) -> Outcome<PathBuf> {
        let output = self.dir.join(output);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("preload").join(format!("{source}.c"));
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-O1", "-Wall", "-Wno-nonnull", "-o"]).arg(&output).arg(&source).args(flags);
        let compiled = cc.output()?;
        if !compiled.status.success() {
            return Err(String::from_utf8_lossy(&compiled.stderr).into());
        }
        Ok(output)
    }

    /// Runs the program in a fresh folder; no run sees what another one made.
    fn run(&self, program: &Path, preloaded: bool) -> Outcome<Run> {
        let place = self.dir.join(if preloaded { "preloaded" } else { "native" });
        fs::create_dir_all(&place)?;
        let mut command = Command::new(program);
        command.current_dir(&place).stdin(Stdio::null());
        command.env_remove("LD_PRELOAD").env_remove("SHMFS_TOKEN").env("SHMFS_STORE", "/nonexistent/store");
        if preloaded {
            command.env("LD_PRELOAD", library()?);
        }
        let output = command.output()?;
        Ok(Run {
            said: String::from_utf8(output.stdout)?,
            complained: String::from_utf8(output.stderr)?,
            status: output.status.to_string(),
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The library under test, built at most once.
fn library() -> Outcome<&'static Path> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = LIBRARY.get_or_init(|| match env::var_os("SHMFS_TEST_PRELOAD") {
        Some(path) => fs::canonicalize(path).map_err(|error| format!("SHMFS_TEST_PRELOAD: {error}")),
        None => build().map_err(|error| error.to_string()),
    });
    built.as_deref().map_err(|error| error.clone().into())
}

/// A target folder of its own: the one of this build may be locked by the cargo that runs the tests.
fn build() -> Outcome<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preload");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "-p", "shmfs-preload", "--profile", "preload", "--target-dir"])
        .arg(&target);
    let built = cargo.current_dir(workspace).output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into());
    }
    Ok(target.join("preload/libshmfs_preload.so"))
}

fn there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn skip(test: &str, reason: &str) -> Outcome {
    println!("skipped: {test}: {reason}");
    Ok(())
}
