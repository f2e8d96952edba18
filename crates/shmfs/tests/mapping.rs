//! Mappings and mapped files: what their refusals say, and what they keep open.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use shmfs::{Advice, MapOptions, MappedFile, Object, Seals};
use std::{fs, os::fd::AsRawFd, thread};

#[track_caller]
fn refused<T>(outcome: shmfs::Result<T>, expected: &str) {
    assert_eq!(outcome.map(drop).unwrap_err().to_string(), expected);
}

#[test]
fn accesses_are_refused_with_their_numbers() {
    let object = Object::anonymous(100).unwrap();
    let mapping = object.map_with(&MapOptions::new().len(200)).unwrap();
    refused(
        mapping.read_at(196, &mut [0; 5]),
        "cannot read 5 bytes at 196 of the mapping of the anonymous object, which has 200 bytes (EINVAL)",
    );
    refused(
        mapping.read_at(98, &mut [0; 3]),
        "cannot read 3 bytes at 98 of the mapping of the anonymous object: past the end, there are 100 bytes and the \
         mapping begins at byte 0 (ERANGE)",
    );
    refused(
        mapping.window(90..).unwrap().atomic_u32(14),
        "cannot share 4 bytes at 14 of a window of the anonymous object: past the end, there are 100 bytes and the \
         window begins at byte 90 (ERANGE)",
    );
    refused(
        mapping.load_u32(2),
        "cannot load 4 bytes at 2 of the mapping of the anonymous object: that is 2 bytes beyond a multiple of 4 (EINVAL)",
    );
    refused(
        mapping.window(150..201),
        "cannot see 51 bytes at 150 of the mapping of the anonymous object, which has 200 bytes (EINVAL)",
    );
    let read_only = object.map_with(&MapOptions::new().read_only()).unwrap();
    refused(
        read_only.atomic_u8(0),
        "cannot share 1 bytes at 0 of the mapping of the anonymous object: it is mapped for reading only (EACCES)",
    );
    refused(
        mapping.advise(1..100, Advice::WillNeed),
        "cannot advise about bytes 1..100 of the mapping of the anonymous object: the range begins at no page (EINVAL)",
    );
    refused(
        mapping.flush(..201),
        "cannot flush bytes 0..201 of the mapping of the anonymous object, which has 200 bytes (EINVAL)",
    );
}

#[test]
fn mappings_are_refused_with_their_numbers() {
    let object = Object::anonymous(8192).unwrap();
    let map = |options: MapOptions| object.map_with(&options);
    refused(
        map(MapOptions::new().offset(100)),
        "cannot map the rest from byte 100 of the anonymous object: the offset is no multiple of a page, which has 4096 \
         bytes (EINVAL)",
    );
    refused(
        map(MapOptions::new().offset(8192)),
        "cannot map the rest from byte 8192 of the anonymous object: there are no more than 8192 bytes, and a mapping has \
         at least one (EINVAL)",
    );
    refused(
        map(MapOptions::new().len(0)),
        "cannot map 0 bytes from byte 0 of the anonymous object: a mapping has at least one byte (EINVAL)",
    );
    let taken = object.map().unwrap();
    let error = map(MapOptions::new().at(taken.address())).unwrap_err();
    assert!(error.to_string().ends_with(&format!("something is mapped at {:#x} (EEXIST)", taken.address())));
    drop(taken);
    object.seal(Seals::WRITE).unwrap();
    refused(
        map(MapOptions::new()),
        "cannot map the rest from byte 0 of the anonymous object: a seal forbids it, or the system does (EPERM)",
    );
    let (read, _write) = std::io::pipe().unwrap();
    refused(
        Object::from_fd(read.into()),
        "cannot take the descriptor for an object: it is no regular file and no shared memory (ENODEV)",
    );
}

#[test]
fn an_address_is_where_it_was_asked_for() {
    let object = Object::anonymous(4096).unwrap();
    // What one thread unmaps another may map: that is seen, and tried again.
    let there = (0..100).find_map(|_| {
        let free = object.map().unwrap().address();
        object.map_with(&MapOptions::new().at(free)).ok().map(|there| (there.address(), free))
    });
    assert!(there.is_some_and(|(there, free)| there == free));
}

#[test]
fn files_are_refused_with_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let mut file = MappedFile::create(&path, 10).unwrap();
    let label = path.display();
    refused(
        file.read_at(8, &mut [0; 3]),
        &format!("cannot read 3 bytes at 8 of `{label}`: past the end, there are 10 bytes (ERANGE)"),
    );
    fs::File::options().write(true).open(&path).unwrap().set_len(20).unwrap();
    refused(
        file.write_at(8, &[0; 3]),
        &format!(
            "cannot write 3 bytes at 8 of `{label}`: the view has 10 bytes, of 20 there are: refresh it (ERANGE)"
        ),
    );
    file.refresh().unwrap();
    file.write_at(8, &[7; 3]).unwrap();
    refused(MappedFile::create(&path, 1), &format!("cannot open `{label}`: file exists (EEXIST)"));
    let mut reader = MappedFile::open_read_only(&path).unwrap();
    assert!(!reader.is_writable() && file.is_writable());
    refused(
        reader.grow(100),
        &format!("cannot give 100 bytes to `{label}`: it is open for reading only (EACCES)"),
    );
    assert_eq!(reader.window(8..11).unwrap().to_vec().unwrap(), [7; 3]);
    refused(
        MappedFile::open(dir.path().join("none")),
        &format!("cannot open `{label}`: no such file or directory (ENOENT)").replace("index", "none"),
    );
}

#[test]
fn an_empty_file_has_a_view_of_nothing_that_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = MappedFile::create(dir.path().join("empty"), 0).unwrap();
    assert!(file.mapping().is_none());
    file.read_at(0, &mut []).unwrap();
    file.flush(0..0).unwrap();
    assert_eq!(file.read_at(0, &mut [0]).unwrap_err().errno(), 34);
    file.grow(5).unwrap();
    file.write_at(0, b"there").unwrap();
    assert_eq!(file.window(1..5).unwrap().to_vec().unwrap(), b"here");
}

/// How many descriptors of this object the process has.
fn descriptors_of(object: &Object) -> usize {
    let same = fs::metadata(format!("/proc/self/fd/{}", object_number(object))).unwrap();
    use std::os::unix::fs::MetadataExt;
    let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
    all.filter_map(|entry| fs::metadata(entry.path()).ok())
        .filter(|facts| (facts.dev(), facts.ino()) == (same.dev(), same.ino()))
        .count()
}

fn object_number(object: &Object) -> i32 {
    use std::os::fd::AsFd;
    object.as_fd().as_raw_fd()
}

#[test]
fn a_mapping_keeps_no_descriptor_of_its_own() {
    let object = Object::anonymous(4096).unwrap();
    let mappings: Vec<_> = (0..10).map(|_| object.map().unwrap()).collect();
    let beyond = object.map_with(&MapOptions::new().len(8192)).unwrap();
    assert_eq!(descriptors_of(&object), 1);
    // What reaches beyond the end asks by the object's descriptor, and keeps that.
    object.resize(8192).unwrap();
    drop(object);
    beyond.write_at(8000, b"asked").unwrap();
    mappings[0].write_at(0, b"x").unwrap();
}

#[test]
fn everything_may_be_used_by_any_thread() {
    fn any<T: Send + Sync>() {}
    any::<Object>();
    any::<shmfs::Mapping>();
    any::<shmfs::Window<'_>>();
    any::<MappedFile>();
    any::<shmfs::Error>();
}

#[test]
fn threads_take_turns_by_an_atomic() {
    use std::sync::atomic::Ordering::SeqCst;
    let object = Object::anonymous(4096).unwrap();
    let mappings = [object.map().unwrap(), object.map().unwrap()];
    thread::scope(|scope| {
        for mapping in &mappings {
            scope.spawn(move || {
                for _ in 0..1000 {
                    mapping.atomic_u64(8).unwrap().fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(mappings[0].load_u64(8).unwrap(), 2000);
}
