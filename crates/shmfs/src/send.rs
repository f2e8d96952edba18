//! Objects from process to process, over a unix socket.

use crate::{Error, Object, Result};
use shmfs_abi::Errno;
use shmfs_sys::{AsFd, passing};

impl Object {
    /// Gives the object to the process at the other end of a connected unix socket (a `UnixStream`, or a seqpacket
    /// socket), which takes it by [`receive_from`](Object::receive_from). One byte is sent, with a descriptor
    /// (`SCM_RIGHTS`, unix(7)); any program can receive it.
    ///
    /// The receiver has the same rights as this descriptor: whoever is to read only must be given an object that is open
    /// for reading only, or sealed.
    ///
    /// ```
    /// use shmfs::Object;
    /// use std::os::unix::net::UnixStream;
    /// let (ours, theirs) = UnixStream::pair()?; // or two ends of a connection, in two processes
    /// let object = Object::anonymous(4096)?;
    /// object.map()?.write_at(0, b"hello")?;
    /// object.send_to(&ours)?;
    ///
    /// let same = Object::receive_from(&theirs)?;
    /// assert_eq!(same.map()?.window(..5)?.to_vec()?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `EPIPE` if the other end has hung up; `EAGAIN` if the socket does not block and is full; as `sendmsg(2)`.
    pub fn send_to(&self, socket: impl AsFd) -> Result<()> {
        passing::send(socket, self).map_err(|errno| self.source().refused(errno, "send"))
    }

    /// Takes the next object that the process at the other end gives with [`send_to`](Object::send_to), or any other
    /// program with `sendmsg(2)`, one byte for each. It trusts the sender no further: nothing is read from the object
    /// here, and what is no file that can be mapped is refused.
    ///
    /// # Errors
    /// `ECONNRESET` if the other end has hung up; `ENODATA` if a byte came without a descriptor; `ENODEV` for a descriptor of
    /// something else; `EMFILE` if this process has no number left; `EAGAIN` if the socket does not block.
    pub fn receive_from(socket: impl AsFd) -> Result<Object> {
        let received = passing::receive(socket).map_err(|errno| {
            let why = match errno {
                Errno::ECONNRESET => "the other end has hung up",
                Errno::ENODATA => "a byte came without a descriptor",
                Errno::EMFILE => "this process has no number left for a descriptor",
                _ => return Error::kernel(errno, "cannot receive an object"),
            };
            Error::because(errno, format!("cannot receive an object: {why}"))
        })?;
        Object::from_fd(received)
    }
}
