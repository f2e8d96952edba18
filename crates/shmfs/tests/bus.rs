//! What the guard for SIGBUS says: errors of copies, and the last line of a program. Each part that installs it is a process of
//! its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use shmfs::{MapOptions, MappedFile, Object, guard};
use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Output},
    sync::atomic::Ordering::Relaxed,
};

const SIGBUS: i32 = 7;
const ROLE: &str = "SHMFS_BUS_ROLE";

/// Runs the test `name` once more, in a process that has no core files.
fn again(name: &str) -> Output {
    let program = env::current_exe().unwrap();
    let script = "ulimit -c 0; exec \"$0\" --exact \"$1\" --nocapture";
    Command::new("sh").arg("-c").arg(script).arg(program).arg(name).env(ROLE, name).output().unwrap()
}

fn is_again(name: &str) -> bool {
    env::var(ROLE).as_deref() == Ok(name)
}

#[test]
fn copies_from_what_was_cut_are_errors_with_name_numbers_and_cause() {
    const NAME: &str = "copies_from_what_was_cut_are_errors_with_name_numbers_and_cause";
    if !is_again(NAME) {
        let output = again(NAME);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let before = Object::anonymous(8192).unwrap();
    let unknown = before.map().unwrap();
    guard::install().unwrap();
    assert!(guard::is_installed());

    let file = MappedFile::create(&path, 12288).unwrap();
    let mapping = file.map(4096..12288).unwrap();
    let window = mapping.window(100..8000).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    let label = path.display();
    let check = |outcome: shmfs::Result<()>, expected: &str| {
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), expected.replace("LABEL", &format!("`{label}`")));
    };
    check(
        mapping.read_at(6000, &mut [0; 8]),
        "cannot read 8 bytes at 6000 of the mapping of LABEL: byte 10096 is gone, somebody has cut LABEL to 5000 \
         bytes (EFAULT)",
    );
    check(
        window.store_u32(4100, 1),
        "cannot store 4 bytes at 4100 of a window of LABEL: byte 8296 is gone, somebody has cut LABEL to 5000 bytes \
         (EFAULT)",
    );
    // The file is asked for its length here, and there is nothing that could fault.
    check(
        file.read_at(4998, &mut [0; 8]),
        "cannot read 8 bytes at 4998 of LABEL: past the end, there are 5000 bytes (ERANGE)",
    );
    // One that was mapped before cannot ask.
    before.resize(0).unwrap();
    check(
        unknown.get::<u64>(4096).map(drop),
        "cannot read 8 bytes at 4096 of the mapping of the anonymous object: byte 4096 is gone: somebody has cut it, or \
         there is no memory left (EFAULT)",
    );
    // Between two mappings the one at fault is named.
    let whole = Object::anonymous(8192).unwrap().map().unwrap();
    check(
        mapping.copy_to(4096..4100, &whole, 0),
        "cannot read 4 bytes at 0 of a window of LABEL: byte 8192 is gone, somebody has cut LABEL to 5000 bytes \
         (EFAULT)",
    );
    check(
        whole.copy_to(0..4, &mapping, 4096),
        "cannot write 4 bytes at 4096 of the mapping of LABEL: byte 8192 is gone, somebody has cut LABEL to 5000 bytes \
         (EFAULT)",
    );
    whole.copy_to(.., &whole, 0).unwrap();
}

#[test]
fn an_atomic_that_is_gone_ends_the_program_with_a_line() {
    const NAME: &str = "an_atomic_that_is_gone_ends_the_program_with_a_line";
    if !is_again(NAME) {
        let output = again(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        let line = "shmfs: cannot reach byte 4096 of the anonymous object: the file was truncated to 100 bytes by somebody\n";
        assert!(String::from_utf8_lossy(&output.stderr).contains(line), "{output:?}");
        return;
    }
    let object = Object::anonymous(8192).unwrap();
    // It installs the guard by itself.
    let mapping = object.map_with(&MapOptions::new().guarded()).unwrap();
    assert!(guard::is_installed());
    let word = mapping.atomic_u32(4096).unwrap();
    object.resize(100).unwrap();
    // The mapping can still ask.
    drop(object);
    word.load(Relaxed);
}

#[test]
fn a_view_that_has_grown_is_known_where_it_is() {
    const NAME: &str = "a_view_that_has_grown_is_known_where_it_is";
    if !is_again(NAME) {
        let output = again(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        let line = "/grown`: the file was truncated to 5000 bytes by somebody\n";
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("shmfs: cannot reach byte 1048568 of `/") && told.contains(line), "{told}");
        return;
    }
    guard::install().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut file = MappedFile::create(dir.path().join("grown"), 4096).unwrap();
    // Something in the way, so that it moves.
    let _behind = file.map(0..4096).unwrap();
    file.grow(1 << 20).unwrap();
    let word = file.mapping().unwrap().atomic_u64((1 << 20) - 8).unwrap();
    fs::File::options().write(true).open(dir.path().join("grown")).unwrap().set_len(5000).unwrap();
    // Nothing is dropped by a signal.
    fs::remove_dir_all(dir.path()).unwrap();
    word.load(Relaxed);
}

#[test]
fn without_the_guard_it_is_as_everywhere() {
    const NAME: &str = "without_the_guard_it_is_as_everywhere";
    if !is_again(NAME) {
        let output = again(NAME);
        assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("shmfs:"), "{output:?}");
        return;
    }
    let object = Object::anonymous(8192).unwrap();
    let mapping = object.map().unwrap();
    object.resize(0).unwrap();
    assert!(!guard::is_installed());
    let _ = mapping.load_u8(0);
}

#[test]
fn so_many_mappings_are_guarded_and_no_more() {
    const NAME: &str = "so_many_mappings_are_guarded_and_no_more";
    if !is_again(NAME) {
        let output = again(NAME);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let object = Object::anonymous(4096).unwrap();
    let guarded = MapOptions::new().guarded();
    let mut mappings: Vec<_> = (0..4096).map(|_| object.map_with(&guarded).unwrap()).collect();
    let error = object.map_with(&guarded).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot guard a mapping of the anonymous object: 4096 mappings are guarded, and no more can be (ENOSPC)"
    );
    object.map().unwrap().write_at(0, b"not known, and mapped nevertheless").unwrap();
    mappings.pop();
    object.map_with(&guarded).unwrap();
}
