//! A state directory, a store on it, and durable objects in that.

use super::{Peer, Store, name};
use shmfs_abi::{ByteLen, Call, Lifetime, ObjectId, OpenFlags, Part, Reply, Row, Wanted};
use shmfs_broker::StartError;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

pub const MIB: u64 = 1 << 20;

/// A state directory, removed when it goes.
pub struct State(pub PathBuf);

impl State {
    pub fn new(test: &str) -> State {
        let dir = std::env::temp_dir().join(format!("shmfs-durable-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        State(dir)
    }

    pub fn store(&self) -> Store {
        self.try_store().unwrap()
    }

    pub fn try_store(&self) -> Result<Store, StartError> {
        Store::with(MIB, |config| config.state = Some(self.0.clone()))
    }

    pub fn file(&self, object: ObjectId, end: &str) -> PathBuf {
        self.0.join(format!("{}.{end}", object.0))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn wanted(text: &str, size: u64) -> Wanted {
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
    let lifetime = Lifetime::Durable;
    Wanted { name: name(text), flags, mode: 0o640, size: ByteLen(size), lifetime, guarded: false }
}

pub fn want(peer: &mut Peer, wanted: Wanted) -> (ObjectId, File) {
    let (reply, fds) = peer.call(Call::Want(wanted), &[]).unwrap();
    let Reply::Wanted { object, .. } = reply else { panic!("{reply:?}") };
    (object, File::from(fds.into_iter().next().unwrap()))
}

/// An object with this content.
pub fn create(peer: &mut Peer, text: &str, content: &[u8]) -> (ObjectId, File) {
    let (object, file) = want(peer, wanted(text, 8000));
    file.write_all_at(content, 0).unwrap();
    (object, file)
}

pub fn rows(peer: &mut Peer) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut after = ObjectId(0);
    while let (Reply::Row(row), _) = peer.call(Call::Next { after }, &[]).unwrap() {
        after = row.object;
        rows.push(row);
    }
    rows
}

pub fn fetch(peer: &mut Peer, object: ObjectId) -> File {
    let (_, fds) = peer.call(Call::Fetch { object, part: Part::Read }, &[]).unwrap();
    File::from(fds.into_iter().next().unwrap())
}

pub fn content(file: &File, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Waits until something is so: a death takes a moment to be noticed.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("never: {what}");
}
