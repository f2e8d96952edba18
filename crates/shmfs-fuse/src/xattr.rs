//! Extended attributes, ACLs among them: the tmpfs keeps them.

use crate::server::{Asked, Request, Server};
use crate::state::Phase;
use crate::tree::{self, errno};
use crate::wire::flags::SETXATTR_ACL_KILL_SGID;
use crate::wire::{self, GetxattrIn, GetxattrOut, SetxattrIn};
use rustix::fs::{self, XattrFlags};
use shmfs_abi::Errno;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of the largest value, and of the longest list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const MOST: usize = 64 * 1024;

/// Bytes of a value that is short.
const SHORT: usize = 256;

/// Only a privileged process sees these in a list (`simple_xattr_list`, fs/xattr.c).
const TRUSTED: &[u8] = b"trusted.";

/// The set-group-id bit.
const S_ISGID: u32 = 0o2000;

impl Server {
    fn with_xattrs(&self, asked: &Asked) -> Result<(OwnedFd, String), Errno> {
        let inode = self.tree.path(asked.node)?;
        let path = tree::proc_path(inode.as_fd());
        Ok((inode, path))
    }

    pub(crate) fn setxattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (asked, body) = (&request.asked, &mut request.body);
        let SetxattrIn { size, flags, setxattr_flags, .. } = body.take()?;
        let (name, value) = (body.text()?, body.bytes(size as usize)?);
        let (inode, path) = self.with_xattrs(asked)?;
        let flags = XattrFlags::from_bits_retain(flags);
        let creates = flags.contains(XattrFlags::CREATE);
        match self.state.phase(asked.unique) {
            Phase::Done => return Ok(()),
            Phase::Begun([absent, _]) if creates && absent == 1 && is_there(&path, name) => {}
            _ => {
                let absent = u64::from(creates && !is_there(&path, name));
                self.state.begin(asked.unique, [absent, 0]);
                fs::setxattr(&path, name, value, flags).map_err(errno)?;
            }
        }
        if setxattr_flags & SETXATTR_ACL_KILL_SGID != 0 {
            let mode = u32::from(tree::look(inode.as_fd(), c"")?.stx_mode);
            if mode & S_ISGID != 0 {
                fs::chmod(&path, tree::rights(mode & !S_ISGID)).map_err(errno)?;
            }
        }
        self.state.commit();
        Ok(())
    }

    pub(crate) fn getxattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let GetxattrIn { size, .. } = request.body.take()?;
        let name = request.body.text()?;
        let (_inode, path) = self.with_xattrs(&request.asked)?;
        // Most values are short, and the kernel asks for the size of one before every first write to a file.
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        let value = match fs::getxattr(&path, name, &mut short[..]).map_err(errno) {
            Err(Errno::ERANGE) => {
                long.resize(MOST, 0);
                let len = fs::getxattr(&path, name, &mut long[..]).map_err(errno)?;
                long.get(..len)
            }
            len => short.get(..len?),
        };
        answer(value.unwrap_or_default(), size, request.out)
    }

    pub(crate) fn listxattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let GetxattrIn { size, .. } = request.body.take()?;
        let (_inode, path) = self.with_xattrs(&request.asked)?;
        let mut list = vec![0; MOST];
        let len = match fs::listxattr(&path, &mut list[..]).map_err(errno) {
            // Nobody can be given a list that long; that it is can be told.
            Err(Errno::E2BIG | Errno::ERANGE) if size == 0 => {
                return tell_size(MOST, request.out);
            }
            len => len?,
        };
        let names = list.get(..len).unwrap_or_default().split_inclusive(|byte| *byte == 0);
        let sees_all = request.asked.uid == 0;
        let shown: Vec<u8> =
            names.filter(|name| sees_all || !name.starts_with(TRUSTED)).flatten().copied().collect();
        answer(&shown, size, request.out)
    }

    pub(crate) fn removexattr(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        let (name, asked) = (request.body.text()?, &request.asked);
        let (_inode, path) = self.with_xattrs(asked)?;
        let is_there = is_there(&path, name);
        self.uncapped = (name == c"security.capability").then_some(asked.node);
        match self.state.phase(asked.unique) {
            Phase::Done => return Ok(()),
            Phase::Begun([1, _]) if !is_there => {}
            _ => {
                self.state.begin(asked.unique, [u64::from(is_there), 0]);
                fs::removexattr(&path, name).map_err(errno)?;
            }
        }
        self.state.commit();
        Ok(())
    }
}

fn is_there(path: &str, name: &CStr) -> bool {
    fs::getxattr(path, name, &mut [0; 0][..]).is_ok()
}

/// The value, or its size where nothing else is asked for.
fn answer(value: &[u8], room: u32, out: &mut Vec<u8>) -> Result<(), Errno> {
    if room == 0 {
        return tell_size(value.len(), out);
    }
    if value.len() > room as usize {
        return Err(Errno::ERANGE);
    }
    out.extend_from_slice(value);
    Ok(())
}

fn tell_size(size: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
    let size = u32::try_from(size).map_err(|_| Errno::E2BIG)?;
    wire::put(out, &GetxattrOut { size, padding: 0 });
    Ok(())
}
