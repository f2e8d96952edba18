//! The state directory: what comes, what goes, what is left over, what is not ours.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use shmfs_abi::{ByteLen, Errno, IpcPerm, Key, Kind, Name, Time};
use shmfs_durable::{DurableError, Head, Leftover, Medium, Outcome, StateDir, Undo, Why, lock_editor};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn head(name: &str, size: u64) -> Head {
    Head {
        kind: Kind::Object,
        name: Some(Name::new(name.as_bytes()).unwrap()),
        key: Key::PRIVATE,
        perm: IpcPerm { mode: 0o600, ..IpcPerm::default() },
        guarded: false,
        size: ByteLen(size),
        created: Time::default(),
    }
}

fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Numbers and names of the objects that are whole, and what is left over.
fn scanned(state: &StateDir) -> (Vec<(u64, Option<Name>)>, Vec<Leftover>) {
    let scan = state.scan().unwrap();
    let objects = scan.objects.iter().map(|(object, head)| (*object, head.as_ref().unwrap().name)).collect();
    (objects, scan.leftovers)
}

#[test]
fn an_object_comes_and_goes() {
    let folder = folder();
    let path = folder.path().join("state");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
    let (pages, undo) = state.create(17, &head("frames", 5000)).unwrap();
    assert_eq!(names(&path), ["17.head", "17.pages", "17.undo"]);
    let meta = pages.metadata().unwrap();
    assert_eq!((meta.len(), meta.mode() & 0o7777), (5000, 0o600));
    assert!(meta.blocks() * 512 >= 5000, "its room on the disk is taken: {} blocks", meta.blocks());
    assert_eq!(Undo::open(undo, 17).unwrap().epoch(), 0);
    assert_eq!((state.pages_path(17), state.undo_path(17)), (path.join("17.pages"), path.join("17.undo")));

    let again = state.create(17, &head("other", 1)).unwrap_err();
    assert_eq!(again.errno(), Errno::EEXIST, "{again}");
    assert_eq!(state.read_head(17).unwrap(), head("frames", 5000));
    state.create(3, &head("empty", 0)).unwrap();
    let frames = Name::new(b"frames").unwrap();
    let empty = Name::new(b"empty").unwrap();
    assert_eq!(
        scanned(&StateDir::open(&path).unwrap()),
        (vec![(3, Some(empty)), (17, Some(frames))], vec![])
    );
    assert_eq!(state.scan().unwrap().highest, 17);

    let renamed = Head { name: Some(Name::new(b"pictures").unwrap()), ..head("x", 5000) };
    state.write_head(17, &renamed).unwrap();
    assert_eq!(state.read_head(17).unwrap(), renamed);
    assert_eq!(state.write_head(18, &renamed).unwrap_err().errno(), Errno::ENOENT);
    state.remove(3).unwrap();
    assert_eq!(names(&path), ["17.head", "17.pages", "17.undo"]);
    assert_eq!(state.remove(3).unwrap_err().errno(), Errno::ENOENT);
    state.remove(17).unwrap();
    assert_eq!(names(&path), [""; 0]);
    // What is mapped or open stays.
    assert_eq!(pages.metadata().unwrap().nlink(), 0);
}

#[test]
fn one_daemon_at_a_time() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    let lock = state.lock().unwrap();
    // Another process that inherits the descriptor has the same lock.
    let inherited = lock.try_clone().unwrap();
    let error = StateDir::open(folder.path()).unwrap().lock().unwrap_err();
    assert!(matches!(error, DurableError::Busy { .. }), "{error}");
    drop(lock);
    assert!(state.lock().is_err());
    drop(inherited);
    state.lock().unwrap();
    assert!(state.scan().unwrap().strangers.is_empty());
}

#[test]
fn sizes_change_between_edits() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    let (pages, _) = state.create(1, &head("a", 100)).unwrap();
    Medium::write_all_at(&pages, &[9; 100], 0).unwrap();
    state.resize(1, &head("a", 9000)).unwrap();
    assert_eq!(pages.metadata().unwrap().len(), 9000);
    assert_eq!(state.read_head(1).unwrap().size.0, 9000);
    state.resize(1, &head("a", 50)).unwrap();
    assert_eq!(fs::read(state.pages_path(1)).unwrap(), [9; 50]);
    // Not while somebody edits; a half edit is rolled back before it is cut.
    let undo = state.open_undo(1).unwrap();
    assert!(lock_editor(&undo, false).unwrap());
    let mut edit = Undo::open(&undo, 1).unwrap();
    edit.save(&pages, 0..50).unwrap();
    Medium::write_all_at(&pages, &[5; 50], 0).unwrap();
    let error = state.resize(1, &head("a", 40)).unwrap_err();
    assert!(matches!(error, DurableError::BeingEdited { object: 1 }), "{error}");
    drop(undo);
    state.resize(1, &head("a", 40)).unwrap();
    state.resize(1, &head("a", 50)).unwrap();
    assert_eq!(fs::read(state.pages_path(1)).unwrap(), [vec![9; 40], vec![0; 10]].concat());
    // Cut in the middle of it: the file is longer than the head says, and is what it is.
    pages.set_len(7000).unwrap();
    let recovery = state.recover(1, &state.read_head(1).unwrap()).unwrap();
    assert_eq!((recovery.size.0, recovery.outcome), (7000, Outcome::Clean { epoch: 1 }));
    // Nobody but a stranger makes it shorter.
    pages.set_len(49).unwrap();
    let error = state.recover(1, &state.read_head(1).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the pages of object 1 were cut: 49 bytes of 50");
}

#[test]
fn recovery_rolls_back_what_nobody_will_finish() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    let (pages, file) = state.create(5, &head("a", 100)).unwrap();
    let mut undo = Undo::open(&file, 5).unwrap();
    assert!(lock_editor(&file, false).unwrap());
    undo.save(&pages, 10..20).unwrap();
    Medium::write_all_at(&pages, &[7; 10], 10).unwrap();
    let head = state.read_head(5).unwrap();
    // It is still being edited.
    assert_eq!(state.recover(5, &head).unwrap().outcome, Outcome::Edited);
    undo.commit(&pages).unwrap();
    undo.save(&pages, 0..50).unwrap();
    Medium::write_all_at(&pages, &[8; 50], 0).unwrap();
    drop(file);
    let Outcome::RolledBack { epoch: 2, rolled } = state.recover(5, &head).unwrap().outcome else {
        panic!("an edit was left")
    };
    assert_eq!((rolled.restored, rolled.beyond_end), (50, 0));
    assert_eq!(state.recover(5, &head).unwrap().outcome, Outcome::Clean { epoch: 2 });
    let bytes = fs::read(state.pages_path(5)).unwrap();
    assert_eq!(bytes, [vec![0; 10], vec![7; 10], vec![0; 80]].concat());
    // A damaged log is told, and the pages stay.
    let log = state.open_undo(5).unwrap();
    Medium::write_all_at(&log, &[0xff; 8192], 0).unwrap();
    assert!(matches!(state.recover(5, &head), Err(DurableError::NoSlot)));
    assert_eq!(fs::read(state.pages_path(5)).unwrap(), bytes);
}

/// The file may have the mode of its object, and a store's user need not be allowed to open what he owns.
#[test]
fn any_mode_can_be_opened() {
    const FOLDER: &str = "SHMFS_TEST_STATE";
    if let Ok(folder) = std::env::var(FOLDER) {
        let state = StateDir::open(folder).unwrap();
        for mode in [0o000, 0o400, 0o444, 0o200, 0o666] {
            let set = fs::Permissions::from_mode(mode);
            fs::set_permissions(state.pages_path(1), set).unwrap();
            let pages = state.open_pages(1).unwrap();
            assert_eq!(pages.metadata().unwrap().mode() & 0o7777, mode, "{mode:o}");
            Medium::write_all_at(&pages, &[mode as u8], 0).unwrap();
        }
        return;
    }
    // The superuser may open anything: this one runs as nobody.
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(folder.path().join("state")).unwrap();
    state.create(1, &head("a", 10)).unwrap();
    let me = fs::metadata(folder.path()).unwrap().uid();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "any_mode_can_be_opened"]).env(FOLDER, state.path()).stdout(Stdio::null());
    if me == 0 {
        const NOBODY: u32 = 65534;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for path in [state.path().to_owned(), state.pages_path(1)] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        again.uid(NOBODY).gid(NOBODY);
    }
    match again.status() {
        Ok(status) => assert!(status.success()),
        Err(error) => println!("SKIP: nobody may not run this test: {error}"),
    }
}

/// Everything that a creation or a removal that was cut can leave, and what looks like it.
#[test]
fn leftovers_say_why_they_are_there() {
    let cases: [(&[&str], Option<Why>); 12] = [
        (&["head.tmp"], Some(Why::Creation)),
        (&["head.tmp", "pages"], Some(Why::Creation)),
        (&["head.tmp", "pages", "undo"], Some(Why::Creation)),
        (&["head", "pages", "undo"], None),
        (&["head", "head.tmp", "pages", "undo"], Some(Why::Head)),
        (&["gone", "pages", "undo"], Some(Why::Removal)),
        (&["gone", "undo"], Some(Why::Removal)),
        (&["gone"], Some(Why::Removal)),
        (&["gone", "head.tmp", "pages", "undo"], Some(Why::Removal)),
        (&["gone", "head", "pages", "undo"], Some(Why::Head)),
        (&["pages", "undo"], Some(Why::Unknown)),
        (&["undo"], Some(Why::Unknown)),
    ];
    for (files, expected) in cases {
        let folder = folder();
        let state = StateDir::open(folder.path()).unwrap();
        for file in files {
            let bytes = if *file == "head" { head("a", 1).encode(4).unwrap() } else { vec![1] };
            fs::write(folder.path().join(format!("4.{file}")), bytes).unwrap();
        }
        let (objects, leftovers) = scanned(&state);
        let whole = files.contains(&"head");
        assert_eq!(objects.len(), usize::from(whole), "{files:?}");
        let left: Vec<_> = expected.map(|why| Leftover { object: 4, why }).into_iter().collect();
        assert_eq!(leftovers, left, "{files:?}");
        leftovers.into_iter().for_each(|leftover| state.clear(leftover).unwrap());
        let rest: &[&str] = if whole { &["4.head", "4.pages", "4.undo"] } else { &[] };
        assert_eq!(names(folder.path()), rest, "{files:?}");
    }
}

/// A head came back after the scan: nothing of it is removed.
#[test]
fn a_leftover_with_a_head_stays() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    state.create(4, &head("a", 10)).unwrap();
    for why in [Why::Creation, Why::Removal, Why::Head, Why::Unknown] {
        state.clear(Leftover { object: 4, why }).unwrap();
        assert_eq!(names(folder.path()), ["4.head", "4.pages", "4.undo"]);
    }
}

#[test]
fn a_creation_that_fails_leaves_nothing() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    // No disk has room for that.
    let error = state.create(4, &head("a", 1 << 62)).unwrap_err();
    assert!([Errno::ENOSPC, Errno::EFBIG].contains(&error.errno()), "{error}");
    assert_eq!(names(folder.path()), [""; 0]);
    // A stranger's file is not touched.
    fs::write(folder.path().join("4.pages"), b"mine").unwrap();
    assert_eq!(state.create(4, &head("a", 1)).unwrap_err().errno(), Errno::EEXIST);
    assert_eq!(names(folder.path()), ["4.pages"]);
}

#[test]
fn strangers_are_told_and_left_alone() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    state.create(1, &head("a", 10)).unwrap();
    let files = [
        "1.pages.bak",
        "01.pages",
        "+1.head",
        "1",
        ".head",
        "1.",
        "99999999999999999999.pages",
        "1.HEAD",
        "x.pages",
        "-1.undo",
        "1.tmp",
        "\u{e9}.head",
    ];
    for file in files {
        fs::write(folder.path().join(file), b"x").unwrap();
    }
    let scan = state.scan().unwrap();
    assert_eq!((scan.objects.len(), scan.leftovers.len(), scan.stranger_count), (1, 0, files.len()));
    assert!(scan.strangers.contains(&"\\xc3\\xa9.head".to_owned()), "{:?}", scan.strangers);
    (0..100).for_each(|number| fs::write(folder.path().join(format!("junk{number}")), b"").unwrap());
    let scan = state.scan().unwrap();
    assert_eq!((scan.strangers.len(), scan.stranger_count), (16, files.len() + 100));
}

/// An object whose files are damaged is told as one, and is no leftover.
#[test]
fn damaged_objects_are_told() {
    let folder = folder();
    let state = StateDir::open(folder.path()).unwrap();
    (1..=6).for_each(|object| drop(state.create(object, &head("a", 10)).unwrap()));
    let file = |name: &str| folder.path().join(name);
    fs::write(file("1.head"), b"nonsense").unwrap();
    fs::remove_file(file("2.pages")).unwrap();
    fs::remove_file(file("3.undo")).unwrap();
    fs::remove_file(file("4.head")).unwrap();
    symlink("/etc/passwd", file("4.head")).unwrap();
    fs::remove_file(file("5.head")).unwrap();
    fs::create_dir(file("5.head")).unwrap();
    File::options().write(true).open(file("6.head")).unwrap().set_len(1 << 40).unwrap();
    let scan = state.scan().unwrap();
    let told: Vec<_> =
        scan.objects.into_iter().map(|(object, head)| (object, head.unwrap_err().to_string())).collect();
    assert_eq!(told[0], (1, "the head of object 1 cannot be used: it was cut".to_owned()));
    assert_eq!(told[1].1, format!("{} is missing", file("2.pages").display()));
    assert_eq!(told[2].1, format!("{} is missing", file("3.undo").display()));
    let link = format!("cannot open {}: Too many levels of symbolic links", file("4.head").display());
    assert!(told[3].1.starts_with(&link), "{}", told[3].1);
    assert_eq!(told[4].1, format!("{} is not an ordinary file", file("5.head").display()));
    assert_eq!(told[5].1, "the head of object 6 has more than 4096 bytes");
    assert_eq!(scan.leftovers, []);
}
