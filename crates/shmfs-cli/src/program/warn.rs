//! Warnings of programs that the preload cannot serve. The loader says nothing when it leaves a preload out, and
//! the program's shared memory is then the kernel's.

use super::elf::{self, Elf};
use crate::text::visible;
use rustix::process::{getgid, getuid};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Interpreters that are followed. The kernel itself gives up after five (`exec_binprm`, fs/exec.c, v6.18).
const LEVELS: usize = 4;

/// Bytes of a `#!` line that count (`BINPRM_BUF_SIZE`, include/uapi/linux/binfmts.h).
const LINE_BYTES: usize = 256;

/// What the person should know before `program` runs; nothing when the preload serves it. `mounted` says that /dev/shm is
/// the store's without any preload.
pub(crate) fn warnings(program: &Path, mounted: bool) -> Vec<String> {
    let (mut file, mut level) = (program.to_owned(), 0);
    // Unreadable programs can be executed; nothing is known of them then.
    let Some(mut head) = read_head(&file) else { return Vec::new() };
    while let Some(interpreter) = interpreter(&head) {
        level += 1;
        if level > LEVELS {
            return Vec::new();
        }
        let Some(next) = read_head(&interpreter) else { return Vec::new() };
        (file, head) = (interpreter, next);
    }
    let reasons = [unloadable(&head), privileged(&file)];
    let name = visible(file.as_os_str().as_bytes());
    let kernels = if mounted { "its System V segments" } else { "its shared memory" };
    reasons
        .into_iter()
        .flatten()
        .map(|reason| format!("`{name}` {reason}; {kernels} will be the kernel's, not this store's"))
        .collect()
}

fn read_head(file: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(elf::HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The program that the kernel runs for a file with this beginning (execve(2), "Interpreter scripts").
fn interpreter(head: &[u8]) -> Option<PathBuf> {
    let line = head.strip_prefix(b"#!")?;
    let line = &line[..line.len().min(LINE_BYTES - 2)];
    let line = line.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | 0)).filter(|word| !word.is_empty());
    words.next().map(|word| PathBuf::from(OsStr::from_bytes(word)))
}

/// Why the loader will not run, or not with our library.
fn unloadable(head: &[u8]) -> Option<String> {
    match elf::read(head)? {
        Elf::Static => Some("is linked statically, so that no preload is loaded".to_owned()),
        Elf::Foreign(machine) => Some(format!("is a program for {machine}, which cannot load this preload")),
        Elf::Dynamic(loader) => {
            let name = loader.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            name.starts_with(b"ld-musl").then(|| "runs on musl, and the preload needs glibc".to_owned())
        }
        Elf::Damaged => None,
    }
}

/// Why the loader will run in secure mode, in which it ignores our preload (ld.so(8)).
fn privileged(file: &Path) -> Option<String> {
    let found = fs::metadata(file).ok()?;
    let capabilities = rustix::fs::getxattr(file, "security.capability", &mut [0_u8; 64]).is_ok();
    secure_mode(
        found.mode(),
        (found.uid(), found.gid()),
        capabilities,
        (getuid().as_raw(), getgid().as_raw()),
    )
    .map(|why| format!("{why}, so that the loader ignores every preload"))
}

/// Changing to the user or group that one is already does not count, nor do capabilities for root
/// (`bprm->secureexec`, security/commoncap.c).
fn secure_mode(mode: u32, owner: (u32, u32), capabilities: bool, us: (u32, u32)) -> Option<&'static str> {
    if mode & 0o4000 != 0 && owner.0 != us.0 {
        return Some("is setuid");
    }
    if mode & 0o2010 == 0o2010 && owner.1 != us.1 {
        return Some("is setgid");
    }
    (capabilities && us.0 != 0).then_some("has file capabilities")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::elf::tests::made;

    #[test]
    fn interpreters_are_read_as_the_kernel_does() {
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"#!/bin/sh\n", Some("/bin/sh")),
            (b"#! /usr/bin/env python3\n", Some("/usr/bin/env")),
            (b"#!/bin/sh", Some("/bin/sh")),
            (b"#!\n/bin/sh", None),
            (b"#!", None),
            (b"\x7fELF", None),
        ];
        for (head, expected) in cases {
            assert_eq!(interpreter(head), expected.map(PathBuf::from), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn loaders_that_leave_the_preload_out() {
        assert!(unloadable(&made(1, b"")).is_some_and(|words| words.contains("statically")));
        assert!(
            unloadable(&made(3, b"/lib/ld-musl-x86_64.so.1\0")).is_some_and(|words| words.contains("musl"))
        );
        assert_eq!(unloadable(&made(3, b"/lib64/ld-linux-x86-64.so.2\0")), None);
        assert_eq!(unloadable(b"no program"), None);
    }

    #[test]
    fn privilege_is_what_exec_would_add() {
        let user = (1000, 1000);
        let cases = [
            (0o4755, (0, 0), false, user, Some("is setuid")),
            (0o4755, (0, 0), false, (0, 0), None),
            (0o4755, (1000, 0), false, user, None),
            (0o2755, (0, 5), false, user, Some("is setgid")),
            (0o2745, (0, 5), false, user, None),
            (0o755, (0, 0), true, user, Some("has file capabilities")),
            (0o755, (0, 0), true, (0, 0), None),
            (0o755, (0, 0), false, user, None),
        ];
        for (mode, owner, capabilities, us, expected) in cases {
            assert_eq!(secure_mode(mode, owner, capabilities, us), expected, "{mode:o} {owner:?} {us:?}");
        }
    }

    #[test]
    fn scripts_are_followed_to_their_interpreter() {
        let folder = std::env::temp_dir().join(format!("shm-warn-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (script, program) = (folder.join("script"), folder.join("static"));
        fs::write(&program, made(1, b"")).unwrap();
        fs::write(&script, format!("#!{}\n", program.display())).unwrap();
        let found = warnings(&script, false);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("/static` is linked statically"), "{found:?}");
        assert!(warnings(Path::new("/bin/sh"), false).is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}
