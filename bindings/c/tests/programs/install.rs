//! The installed library, once for all tests, and programs built against it.

use crate::tools::{crate_dir, find, skip, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a program of C must compile with.
pub(crate) const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];

/// How the library gets into a program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    Shared,
    Static,
}

/// An installed library.
pub(crate) struct Installed {
    prefix: PathBuf,
    cc: PathBuf,
}

impl Installed {
    /// Installs it; nothing where that cannot be done here.
    pub(crate) fn get() -> Option<&'static Installed> {
        static INSTALLED: OnceLock<Result<Installed, &'static str>> = OnceLock::new();
        INSTALLED.get_or_init(install).as_ref().map_err(|reason| skip(reason)).ok()
    }

    pub(crate) fn libdir(&self) -> PathBuf {
        self.prefix.join("lib")
    }

    /// What a program is compiled and linked with.
    pub(crate) fn flags(&self, linkage: Linkage) -> Vec<String> {
        let libdir = self.libdir().display().to_string();
        let include = format!("-I{}", self.prefix.join("include").display());
        let mut flags = match linkage {
            Linkage::Shared => {
                vec![format!("-L{libdir}"), "-lshmfs".to_owned(), format!("-Wl,-rpath,{libdir}")]
            }
            Linkage::Static => {
                let private = std::fs::read_to_string(self.libdir().join("pkgconfig/shmfs.pc")).unwrap();
                let private = private.lines().find_map(|line| line.strip_prefix("native_libs=")).unwrap();
                let library = format!("{libdir}/libshmfs.a");
                [library].into_iter().chain(private.split_whitespace().map(str::to_owned)).collect()
            }
        };
        flags.push(include);
        flags
    }

    /// Builds a program of its source.
    pub(crate) fn build(&self, source: &Path, linkage: Linkage) -> PathBuf {
        let name = source.file_stem().unwrap().to_string_lossy();
        let name = if linkage == Linkage::Static { format!("{name}-static") } else { name.into_owned() };
        let flags = self.flags(linkage);
        self.cc(source, &name, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Builds a program of its source, with these flags. Each test builds its own: others may be running theirs.
    pub(crate) fn cc(&self, source: &Path, name: &str, flags: &[&str]) -> PathBuf {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let dir = self.prefix.join("programs").join(test);
        std::fs::create_dir_all(&dir).unwrap();
        let program = dir.join(name);
        let mut compile = Command::new(&self.cc);
        compile.args(STRICT).args(["-std=c11", "-pthread"]).arg(source).args(flags);
        compile.arg(format!("-I{}", self.prefix.join("include").display()));
        compile.arg(format!("-Wl,-rpath,{}", self.libdir().display())).arg("-o").arg(&program);
        succeed(&mut compile);
        program
    }
}

fn install() -> Result<Installed, &'static str> {
    let cc = find("cc").ok_or("no compiler cc")?;
    let make = find("make").ok_or("no make")?;
    // Where builds go; cargo does not tell tests.
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = tmp.parent().ok_or("no target directory")?;
    let prefix = tmp.join("installed");
    for goal in ["all", "install"] {
        let mut run = Command::new(&make);
        run.arg("--directory").arg(crate_dir()).arg(goal).env("CARGO_TARGET_DIR", target);
        run.args([
            format!("CARGO={}", env!("CARGO")),
            format!("PREFIX={}", prefix.display()),
            "PROFILE=dev".to_owned(),
        ]);
        // Those of a make that runs the tests are not for this one.
        succeed(run.env_remove("MAKEFLAGS").env_remove("DESTDIR"));
    }
    Ok(Installed { prefix, cc })
}
