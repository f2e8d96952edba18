//! Refusals: an errno of Linux and the reason in words.

/// An error number of Linux.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $value:literal),* $(,)?) => {
        #[allow(missing_docs, reason = "the names are Linux's")]
        impl Errno {
            $(pub const $name: Errno = Errno($value);)*

            /// The symbolic name, such as `ENOSPC`, or `E?` for a number without a name here.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($value => stringify!($name),)*
                    _ => "E?",
                }
            }
        }
    };
}

// include/uapi/asm-generic/errno-base.h and errno.h; the same on x86-64 and aarch64.
errnos! {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, E2BIG = 7, EBADF = 9, EAGAIN = 11, ENOMEM = 12,
    EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
    ENFILE = 23, EMFILE = 24, ENOTTY = 25, EFBIG = 27, ENOSPC = 28, EROFS = 30, EPIPE = 32, ERANGE = 34,
    ENAMETOOLONG = 36, ENOSYS = 38, ELOOP = 40, EIDRM = 43, ENODATA = 61, EPROTO = 71, EOVERFLOW = 75, EOPNOTSUPP = 95,
    ECONNRESET = 104, ENOTCONN = 107, ETIMEDOUT = 110, ECONNREFUSED = 111, ESTALE = 116,
}

/// What was asked of a limit and what it could still give, for the message to the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shortage {
    /// What the call asked for, in bytes.
    pub asked_bytes: u64,
    /// What was still free, in bytes.
    pub free_bytes: u64,
    /// The whole limit, in bytes.
    pub limit_bytes: u64,
}

/// A refused call: the errno that the caller sees and the reason that a log line or the program `shm` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The error number, in Linux's order of refusals.
    pub errno: Errno,
    /// Why, in words: lowercase, no final period.
    pub reason: &'static str,
    /// The numbers, where a limit was the reason.
    pub shortage: Option<Shortage>,
}

/// The result of asking the engine.
pub type Result<T> = core::result::Result<T, Refusal>;

/// Refuses a call. Stands at the rule that it follows.
///
/// # Errors
/// Always: that is its purpose.
pub fn refuse<T>(errno: Errno, reason: &'static str) -> Result<T> {
    Err(Refusal { errno, reason, shortage: None })
}

impl Refusal {
    /// The same refusal with the numbers of the limit that made it.
    #[must_use]
    pub const fn with(self, shortage: Shortage) -> Refusal {
        Refusal { shortage: Some(shortage), ..self }
    }
}
