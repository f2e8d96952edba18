//! How processes find a store: names in the environment and in the file system.

/// Environment: the store's name, or the absolute path of its directory.
pub const ENV_STORE: &str = "SHMFS_STORE";

/// Environment: the admission token of a private store, 32 hexadecimal digits.
pub const ENV_TOKEN: &str = "SHMFS_TOKEN";

/// The socket's file name in the store's directory.
pub const SOCKET_FILE: &str = "socket";

/// The file beside the socket that holds the keeper's process id in decimal: ending that process ends the store.
pub const PID_FILE: &str = "pid";

/// The file beside it that holds the broker's process id.
pub const BROKER_FILE: &str = "broker";

/// The directory of the stores that root started; those of others are below `$XDG_RUNTIME_DIR/shmfs`,
/// or else `/tmp/shmfs-UID`.
pub const ROOT_DIR: &str = "/run/shmfs";

/// The admission token of a private store.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// The token that these 32 hexadecimal digits spell.
    pub fn parse(text: &[u8]) -> Option<Token> {
        if text.len() != 32 {
            return None;
        }
        let mut token = Token([0; 16]);
        for (byte, pair) in token.0.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(token)
    }

    /// The 32 hexadecimal digits.
    pub fn text(&self) -> [u8; 32] {
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        text
    }
}

/// Who may enter a store. Its owner and root always may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Everyone.
    Everyone,
    /// Nobody else.
    Owner,
    /// Whoever knows the token: the programs of one `shm run`.
    Token(Token),
}

const fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(..)")
    }
}
