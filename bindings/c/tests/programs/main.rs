//! Programs in C, built against the installed library and run.
//!
//! The library is built by the Makefile, as a user builds it, but without optimisation. What is missing here (a tool, the
//! program `shm`) is said as `SKIP: reason`, and the test passes.
#![allow(clippy::unwrap_used, reason = "a test that cannot look has failed")]

mod install;
mod tools;

use install::{Installed, Linkage};
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{crate_dir, find, shm, skip, succeed, within_two_minutes};

const SENTENCES: &str = "\
the reader sees: the writer's frame
the writer sees: the reader's answer
the ledger says: 100 to Ada
";

const NO_SHM: &str = "no program shm: SHMFS_TEST_SHM is its path, or it is in PATH";

/// Who is to keep the example's store.
#[derive(Clone, Copy)]
enum Keeper {
    Process,
    Thread,
}

/// Runs the example, by a checking tool if there is one to be used.
fn frames(program: &Path, keeper: Keeper, checker: Option<Command>) {
    let dir = tempfile::tempdir().unwrap();
    let mut run = match checker {
        Some(mut checker) => {
            checker.arg(program);
            checker
        }
        None => within_two_minutes(program),
    };
    run.arg(dir.path().join("state"));
    let kept = match keeper {
        // Without `shm` in PATH the example falls back.
        Keeper::Thread => {
            run.env_remove("SHMFS_PROGRAM").env("PATH", dir.path());
            "the store is kept by a thread\n"
        }
        Keeper::Process => {
            let Some(shm) = shm() else {
                return skip(NO_SHM);
            };
            run.env("SHMFS_PROGRAM", shm);
            "the store is kept by a process of its own\n"
        }
    };
    assert_eq!(succeed(&mut run), format!("{kept}{SENTENCES}"));
}

fn example(linkage: Linkage, keeper: Keeper) {
    let Some(installed) = Installed::get() else { return };
    frames(&installed.build(&crate_dir().join("examples/frames.c"), linkage), keeper, None);
}

#[test]
fn example_shared_library_private_store() {
    example(Linkage::Shared, Keeper::Process);
}

#[test]
fn example_shared_library_embedded_store() {
    example(Linkage::Shared, Keeper::Thread);
}

#[test]
fn example_static_library_private_store() {
    example(Linkage::Static, Keeper::Process);
}

#[test]
fn example_static_library_embedded_store() {
    example(Linkage::Static, Keeper::Thread);
}

/// The flags that pkg-config tells.
#[test]
fn example_by_pkg_config() {
    let Some(installed) = Installed::get() else { return };
    let Some(pkg_config) = find("pkg-config") else { return skip("no pkg-config") };
    let mut ask = Command::new(pkg_config);
    let flags = succeed(
        ask.env("PKG_CONFIG_PATH", installed.libdir().join("pkgconfig"))
            .args(["--cflags", "--libs", "shmfs"]),
    );
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let program = installed.cc(&crate_dir().join("examples/frames.c"), "frames-pkg-config", &flags);
    frames(&program, Keeper::Thread, None);
}

/// The program in README.md: its second run prints what the first has written.
#[test]
fn readme() {
    let Some(installed) = Installed::get() else { return };
    let Some(shm) = shm() else { return skip(NO_SHM) };
    let text = std::fs::read_to_string(crate_dir().join("README.md")).unwrap();
    let code = text.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("readme.c");
    std::fs::write(&source, code).unwrap();
    let program = installed.build(&source, Linkage::Shared);
    let script = format!("'{0}' && '{0}'", program.display());
    let mut run = within_two_minutes(&shm);
    assert_eq!(succeed(run.args(["run", "--", "sh", "-c", &script])), "hello from the first process\n");
}

/// Builds a program of `tests/c` and runs it in a directory of its own; every case says that it has passed.
fn cases(name: &str, linkage: Linkage, checker: Option<Command>) {
    let Some(installed) = Installed::get() else { return };
    let source = crate_dir().join("tests/c").join(name).with_extension("c");
    let program = installed.build(&source, linkage);
    let dir = tempfile::tempdir().unwrap();
    let mut run = match checker {
        Some(mut checker) => {
            checker.arg(program);
            checker
        }
        None => within_two_minutes(&program),
    };
    let said = succeed(run.arg(dir.path()));
    let text = std::fs::read_to_string(source).unwrap();
    let listed = text.lines().filter(|line| line.trim_start().starts_with("{\"")).count();
    assert_eq!(said.lines().filter(|line| line.starts_with("passed: ")).count(), listed, "{said}");
    println!("{name}: {listed} cases");
}

#[test]
fn objects() {
    cases("objects", Linkage::Shared, None);
}

#[test]
fn kept() {
    cases("kept", Linkage::Shared, None);
}

#[test]
fn together() {
    cases("together", Linkage::Shared, None);
}

#[test]
fn together_with_the_static_library() {
    cases("together", Linkage::Static, None);
}

#[test]
fn refusals() {
    cases("refusals", Linkage::Shared, None);
}

/// memcheck, which also looks for handles that were not closed.
fn valgrind() -> Option<Command> {
    let Some(valgrind) = find("valgrind") else {
        skip("no valgrind");
        return None;
    };
    let mut run = within_two_minutes(&valgrind);
    run.args([
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect",
    ]);
    // Its threads take turns; one that waits for another must not keep the turn.
    run.arg("--fair-sched=try");
    Some(run)
}

#[test]
fn example_under_valgrind() {
    let Some(installed) = Installed::get() else { return };
    let program = installed.build(&crate_dir().join("examples/frames.c"), Linkage::Shared);
    for keeper in [Keeper::Thread, Keeper::Process] {
        let Some(checker) = valgrind() else { return };
        frames(&program, keeper, Some(checker));
    }
}

#[test]
fn refusals_under_valgrind() {
    if let Some(checker) = valgrind() {
        cases("refusals", Linkage::Shared, Some(checker));
    }
}

#[test]
fn kept_under_valgrind() {
    if let Some(checker) = valgrind() {
        cases("kept", Linkage::Shared, Some(checker));
    }
}

#[test]
fn loaded_and_closed() {
    let Some(installed) = Installed::get() else { return };
    let program = installed.cc(&crate_dir().join("tests/c/loaded.c"), "loaded", &[]);
    let library = installed.libdir().join("libshmfs.so");
    assert_eq!(
        succeed(within_two_minutes(&program).arg(library)),
        "passed: a fork and SIGBUS after dlclose\n"
    );
}

/// A program of the header alone compiles without a warning, and finds its functions by their C names.
#[test]
fn the_header_is_c_and_cplusplus() {
    let Some(installed) = Installed::get() else { return };
    let dir = tempfile::tempdir().unwrap();
    let text = "#include <shmfs.h>\n#include <shmfs.h>\nint main(void) { return shmfs_version()[0] == 0; }\n";
    let languages = [("cc", "c", "c99"), ("cc", "c", "c17"), ("c++", "cc", "c++11"), ("c++", "cc", "c++20")];
    for (compiler, extension, standard) in languages {
        let Some(compiler) = find(compiler) else {
            skip(&format!("no compiler {compiler}"));
            continue;
        };
        let source = dir.path().join("main").with_extension(extension);
        std::fs::write(&source, text).unwrap();
        let program = dir.path().join(standard);
        let flags = installed.flags(Linkage::Shared);
        let mut compile = Command::new(compiler);
        compile.args(install::STRICT).arg(format!("-std={standard}")).arg(&source).args(flags).arg("-o");
        succeed(compile.arg(&program));
        succeed(&mut within_two_minutes(&program));
    }
}

/// The names of the header's functions.
fn functions() -> Vec<String> {
    let header = std::fs::read_to_string(crate_dir().join("include/shmfs.h")).unwrap();
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#']) && line.contains('('));
    let names = code.filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next());
    names.filter(|name| name.starts_with("shmfs_")).map(str::to_owned).collect()
}

#[test]
fn every_function_is_refused_something() {
    let functions = functions();
    assert!(functions.len() > 80, "{} functions are found", functions.len());
    let text = std::fs::read_to_string(crate_dir().join("tests/c/refusals.c")).unwrap();
    // It takes nothing that could be refused.
    let missing = functions.iter().filter(|name| *name != "shmfs_sigbus_guard");
    let missing: Vec<_> = missing.filter(|name| !text.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "tests/c/refusals.c lacks {missing:?}");
}

#[test]
fn the_library_has_the_headers_functions_and_no_others() {
    let Some(installed) = Installed::get() else { return };
    let Some(nm) = find("nm") else { return skip("no nm") };
    let library: PathBuf = installed.libdir().join("libshmfs.so");
    let said = succeed(Command::new(nm).args(["-D", "--defined-only", "--format=posix"]).arg(library));
    let mut found: Vec<_> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    found.sort_unstable();
    let mut functions = functions();
    functions.sort_unstable();
    assert_eq!(found, functions);
}
