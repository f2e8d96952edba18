//! Which store a process uses, as whoever loads the client tells it.
//!
//! Owns: the path of the socket. Leaves to others: finding the store (`shmfs-preload`).

use shmfs_abi::{
    Errno,
    store::{SOCKET_FILE, Token},
};

/// Bytes of a store's directory at most: with `/socket` it fits in `sun_path`, 107 bytes and a NUL (unix(7)).
pub const DIR_BYTES: usize = PATH_BYTES - 1 - SOCKET_FILE.len();

const PATH_BYTES: usize = 107;

/// A store's place and the token that admits to it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    socket: [u8; PATH_BYTES],
    len: usize,
    token: Token,
}

impl Settings {
    /// The store whose directory is `dir`, an absolute path. Without a token it admits its owner, root, and
    /// whom else it pleases.
    ///
    /// # Errors
    /// `ENAMETOOLONG` beyond [`DIR_BYTES`].
    pub fn new(dir: &[u8], token: Option<Token>) -> Result<Settings, Errno> {
        if dir.len() > DIR_BYTES {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut settings = Settings { socket: [0; PATH_BYTES], len: 0, token: token.unwrap_or_default() };
        let path = dir.iter().chain(b"/").chain(SOCKET_FILE.as_bytes());
        for (to, from) in settings.socket.iter_mut().zip(path) {
            *to = *from;
            settings.len += 1;
        }
        Ok(settings)
    }

    /// The path of the store's socket.
    pub(crate) fn socket(&self) -> &[u8] {
        self.socket.get(..self.len).unwrap_or_default()
    }

    pub(crate) const fn token(&self) -> Token {
        self.token
    }
}
