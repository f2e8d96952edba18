//! Where a program is, by the rules of execvp(3).

use crate::failure::{Failure, NOT_EXECUTABLE, NOT_FOUND};
use rustix::fs::{Access, access};
use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `PATH` where the environment has none (`_CS_PATH`, confstr(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file that running `name` would execute.
///
/// # Errors
/// 127 when there is none, 126 when there is one that cannot be executed.
pub(crate) fn find(name: &OsStr) -> Result<PathBuf, Failure> {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    find_along(name, &path)
}

fn find_along(name: &OsStr, path: &OsStr) -> Result<PathBuf, Failure> {
    if name.is_empty() {
        return Err(not_found(name, "the name is empty"));
    }
    if name.as_bytes().contains(&b'/') {
        let file = Path::new(name);
        return match executable(file) {
            Executable::Yes => Ok(file.to_owned()),
            Executable::Absent => Err(not_found(name, "no such file")),
            Executable::No(why) => Err(not_executable(file, why)),
        };
    }
    let mut refused = None;
    for folder in env::split_paths(path) {
        // An empty element is the working directory (environ(7)).
        let file = if folder.as_os_str().is_empty() { Path::new(".").join(name) } else { folder.join(name) };
        match executable(&file) {
            Executable::Yes => return Ok(file),
            Executable::No(why) => refused = refused.or(Some((file, why))),
            Executable::Absent => {}
        }
    }
    match refused {
        Some((file, why)) => Err(not_executable(&file, why)),
        None => Err(not_found(name, "no such file along PATH")),
    }
}

enum Executable {
    Yes,
    No(&'static str),
    Absent,
}

fn executable(file: &Path) -> Executable {
    match file.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Executable::No("permission denied")
        }
        Err(_) => Executable::Absent,
        Ok(found) if found.is_dir() => Executable::No("it is a directory"),
        Ok(_) if access(file, Access::EXEC_OK).is_ok() => Executable::Yes,
        Ok(_) => Executable::No("permission denied"),
    }
}

fn not_found(name: &OsStr, why: &str) -> Failure {
    Failure::new(format!("cannot run `{}`: {why}", name.display())).status(NOT_FOUND)
}

fn not_executable(file: &Path, why: &str) -> Failure {
    Failure::new(format!("cannot run `{}`: {why}", file.display())).status(NOT_EXECUTABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_execvp_does() {
        let cases = [
            ("sh", "/nowhere:/bin", Ok("/bin/sh")),
            ("/bin/sh", "", Ok("/bin/sh")),
            ("no-such-program", "/bin", Err(NOT_FOUND)),
            ("/no/such/program", "/bin", Err(NOT_FOUND)),
            ("", "/bin", Err(NOT_FOUND)),
            ("/etc/passwd", "", Err(NOT_EXECUTABLE)),
            ("/bin", "", Err(NOT_EXECUTABLE)),
            ("passwd", "/etc", Err(NOT_EXECUTABLE)),
        ];
        for (name, path, expected) in cases {
            let found = find_along(OsStr::new(name), OsStr::new(path)).map_err(|failure| failure.status);
            assert_eq!(found, expected.map(PathBuf::from), "{name:?} along {path:?}");
        }
    }
}
