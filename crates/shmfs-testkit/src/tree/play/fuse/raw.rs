//! Any bytes as requests.

use super::connection::{Connection, check_reply, request};
use rustix::fd::OwnedFd;
use shmfs_abi::Errno;
use shmfs_fuse::wire::{EntryOut, op};

/// Requests of one run; what follows is not looked at.
const MOST: usize = 64;

/// Bytes behind the head of a request.
const BODY: usize = 96;

/// Sends bytes as requests, with numbers of inodes that the server has told where they say so. Panics when a reply is
/// not one.
///
/// # Errors
/// This process may not do what the server has to: it takes root.
pub fn send_bytes(hidden: OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    let mut connection = Connection::new(hidden, &[])?;
    let mut nodes = vec![1, 2, 0];
    for unique in 1..=MOST as u64 {
        let [opcode, node, len, others @ ..] = bytes else { break };
        let (body, rest) = others.split_at(others.len().min(usize::from(*len) % BODY));
        bytes = rest;
        let node = nodes[usize::from(*node) % nodes.len()];
        // Now and then a request of another length than it says, or of no known kind.
        let mut request = request(u32::from(*opcode) % 64, node, unique * 2, (1001, 1001), body);
        if *len >= 250 {
            request.truncate(usize::from(*len) % 48);
        }
        if let Some(reply) = connection.send(&request) {
            let head = check_reply(&reply);
            assert_eq!(head.unique, unique * 2);
            assert!(head.error <= 0, "an error that is none");
            let told =
                reply.get(16..16 + size_of::<EntryOut>()).filter(|_| makes_entry(u32::from(*opcode) % 64));
            nodes.extend(told.map(|entry| super::connection::entry_of(entry).nodeid));
        }
    }
    Ok(())
}

fn makes_entry(opcode: u32) -> bool {
    [op::LOOKUP, op::MKDIR, op::MKNOD, op::SYMLINK, op::LINK, op::CREATE, op::TMPFILE].contains(&opcode)
}
