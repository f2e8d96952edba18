//! Hearing that somebody had an object open for writing, and has closed it.

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

/// A file of which every end of a description that could write is noticed: the last descriptor closed and the last
/// mapping unmapped, in whatever process.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    /// Watches the file behind a descriptor from now on.
    pub(crate) fn on(file: &File) -> io::Result<Watch> {
        let queue = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A description has no name that another process could be asked for; this one always works.
        add_watch(&queue, format!("/proc/self/fd/{}", file.as_raw_fd()), WatchFlags::CLOSE_WRITE)?;
        Ok(Watch(queue))
    }

    /// Whether anything was noticed since the watch began, or since this was asked last.
    pub(crate) fn has_noticed(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.0, &mut buffer);
        let mut noticed = false;
        loop {
            match events.next() {
                // A queue that was full counts as well.
                Ok(_) => noticed = true,
                Err(Errno::WOULDBLOCK) => return Ok(noticed),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};

    /// Two descriptions of one memfd, as the store gives them.
    #[test]
    fn writers_are_noticed_when_they_have_gone_and_readers_never() {
        let file = File::from(memfd_create("watched", MemfdFlags::CLOEXEC).unwrap());
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let reader = File::open(&path).unwrap();
        let watch = Watch::on(&reader).unwrap();
        drop(reader);
        drop(File::open(&path).unwrap());
        assert!(!watch.has_noticed().unwrap());
        let writer = File::options().write(true).open(&path).unwrap();
        assert!(!watch.has_noticed().unwrap());
        drop(writer);
        assert!(watch.has_noticed().unwrap());
        assert!(!watch.has_noticed().unwrap());
    }
}
