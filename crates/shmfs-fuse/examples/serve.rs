//! Serves a tree of its own at a directory until it is unmounted, without a store: `serve DIR [BYTES]`. For looking at
//! the server alone.

use shmfs_abi::{ByteLen, Cred, Errno, Gid, Name, Shmid, Uid};
use shmfs_broker::{DoorFiles, Face, Segment, Served};
use shmfs_fuse::{DOOR, MountFlags, mount, open_device};
use shmfs_sys::tmpfs::Hidden;
use std::os::fd::AsFd;
use std::path::Path;

/// No store: no segments, and nobody else.
struct Nobody;

impl Face for Nobody {
    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }
    fn segment(&self, _: Shmid) -> Option<Segment> {
        None
    }
    fn segment_number(&self, _: Shmid) -> Option<i32> {
        None
    }
    fn remove_segment(&mut self, _: &Cred, _: Shmid) -> Result<(), Errno> {
        Err(Errno::EIDRM)
    }
    fn set_segment(&mut self, _: &Cred, _: Shmid, _: Uid, _: Gid, _: u32) -> Result<(), Errno> {
        Err(Errno::EIDRM)
    }
    fn name_changed(&mut self, _: &Name) {}
    fn outside(&self) -> ByteLen {
        ByteLen(0)
    }
    fn is_shared(&self) -> bool {
        false
    }
    fn is_attached(&self) -> bool {
        false
    }
    fn sysv(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let dir = words.next().ok_or("usage: serve DIR [BYTES]")?;
    let bytes = words.next().map_or(Ok(1 << 30), |bytes| bytes.parse())?;
    let say = |errno: Errno| format!("refused: {}", errno.name());
    let hidden = Hidden::make(bytes, 1 << 20).map_err(say)?;
    rustix::fs::chmod(
        format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&hidden.as_fd())),
        0o1777.into(),
    )?;
    rustix::process::umask(rustix::fs::Mode::empty());
    let device = open_device().map_err(say)?;
    mount(device.as_fd(), "serve", Path::new(&dir), MountFlags::empty()).map_err(say)?;
    let state = shmfs_fuse::state().map_err(say)?;
    let files =
        DoorFiles { device: device.as_fd(), state: state.as_fd(), hidden: hidden.as_fd(), resumed: false };
    let mut door = (DOOR.open)(files).map_err(say)?;
    loop {
        let mut waiting = [rustix::event::PollFd::new(&device, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut waiting, None)?;
        if door.serve(&mut Nobody) == Served::Closed {
            return Ok(());
        }
    }
}
