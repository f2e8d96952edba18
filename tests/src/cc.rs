//! Compiling the C programs of the tests.

use crate::{LIMIT, here, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `source` (a path inside this package) to `folder`/NAME. `flags` come last.
pub fn compile(source: &str, folder: &Path, flags: &[&str]) -> PathBuf {
    let source = here().join(source);
    let program = folder.join(source.file_stem().expect("a file's name"));
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-pthread"]);
    cc.arg("-o").arg(&program).arg(&source).arg("-lrt").args(flags);
    let outcome = run(&mut cc, LIMIT);
    assert!(outcome.success(), "{} does not compile:\n{}", source.display(), outcome.stderr);
    program
}
