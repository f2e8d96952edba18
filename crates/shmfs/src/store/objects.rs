//! Objects with names, and anonymous ones that a store knows.
//!
//! Owns: how an object is asked for.
//! Leaves to others: what is done with one that is open (`home`, `object`), every rule (the engine).

use super::{Store, no_number};
use crate::home::Home;
use crate::{Error, Lifetime, Name, Object, Result, source::Source};
use shmfs_abi::{ByteLen, Call, ObjectId, OpenFlags, Reply, Wanted};
use shmfs_sys::{OwnedFd, process};

/// The mode of an object where none is chosen: its owner's alone.
const MODE: u32 = 0o600;

/// How an object with a name is to be opened or made, by [`Store::object`].
///
/// ```
/// use shmfs::{Lifetime, Store};
/// let store = Store::embedded()?;
/// let options = store.object("table")?.mode(0o640).lifetime(Lifetime::Process);
/// let (table, created) = options.open_or_create(1 << 16)?;
/// assert!(created);
///
/// let looks_on = store.object("table")?.read_only().open()?;
/// assert_eq!(looks_on.map().unwrap_err().errno(), 13); // EACCES: it is not open for writing
/// # drop(table);
/// # Ok::<(), shmfs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until an object is opened or made with them"]
pub struct ObjectOptions {
    store: Store,
    name: Name,
    mode: u32,
    lifetime: Lifetime,
    read_only: bool,
    guarded: bool,
}

impl Store {
    /// Makes an object of `len` bytes, all zero, which must be absent. Nobody sees it before it has that length.
    ///
    /// # Errors
    /// As [`ObjectOptions::create`].
    pub fn create(&self, name: impl AsRef<[u8]>, len: u64) -> Result<Object> {
        self.object(name)?.create(len)
    }

    /// Opens an object for reading and writing.
    ///
    /// # Errors
    /// As [`ObjectOptions::open`].
    pub fn open_object(&self, name: impl AsRef<[u8]>) -> Result<Object> {
        self.object(name)?.open()
    }

    /// Opens an object for reading and writing, or makes it with `len` bytes where it is absent; whether it was made. Of
    /// several processes that ask at the same time, one makes it, and nobody sees it without its length.
    ///
    /// # Errors
    /// As [`ObjectOptions::open_or_create`].
    pub fn open_or_create(&self, name: impl AsRef<[u8]>, len: u64) -> Result<(Object, bool)> {
        self.object(name)?.open_or_create(len)
    }

    /// How the object of this name is to be opened or made: for reading and writing, mode 0600, until it is removed.
    ///
    /// # Errors
    /// `EINVAL` or `ENAMETOOLONG` for what is no [`Name`].
    pub fn object(&self, name: impl AsRef<[u8]>) -> Result<ObjectOptions> {
        let name = Name::new(name)?;
        let (store, lifetime) = (self.clone(), Lifetime::default());
        Ok(ObjectOptions { store, name, mode: MODE, lifetime, read_only: false, guarded: false })
    }

    /// Makes an object of `len` bytes without a name, as [`Object::anonymous`] does, that the store charges and lists (`shm
    /// ls --door anon`) for as long as anybody has it open or mapped, here or wherever it was [sent](Object::send_to).
    /// `label` is what listings call it; nothing is found by it. It can be sealed.
    ///
    /// ```
    /// use shmfs::{Kind, Store};
    /// let store = Store::embedded()?;
    /// let scratch = store.anonymous("scratch of the parser", 4096)?;
    /// let entry = store.list()?.remove(0);
    /// assert_eq!((entry.kind, entry.name.as_deref()), (Kind::Anonymous, Some(&b"scratch of the parser"[..])));
    /// # drop(scratch);
    /// # Ok::<(), shmfs::Error>(())
    /// ```
    ///
    /// # Errors
    /// `ENOSPC` where the store is full, with the numbers; `EINVAL` or `ENAMETOOLONG` for a label that could be no
    /// [`Name`]; `EMFILE`.
    pub fn anonymous(&self, label: &str, len: u64) -> Result<Object> {
        let name = Name::new(label)?;
        let tried = format_args!("cannot make the anonymous object `{name}`");
        let call = Call::Anonymous { label: super::name(&name)?, size: ByteLen(len) };
        match self.ask(call, None, tried)? {
            (Reply::Opened { object }, Some(fd)) => {
                let source = Source::new(fd, format!("the anonymous object `{name}`"));
                Ok(Object::at_home(
                    source,
                    None,
                    Home::new(self.clone(), Some(object), Some(Lifetime::LastUser)),
                ))
            }
            (Reply::Opened { .. }, None) => Err(no_number(tried)),
            _ => Err(Error::nonsense(tried)),
        }
    }

    /// Takes a name away. The object lives on for those who have it open or mapped.
    ///
    /// # Errors
    /// `ENOENT` where no object has it; `EPERM` where it is another user's.
    pub fn unlink(&self, name: impl AsRef<[u8]>) -> Result<()> {
        let name = Name::new(name)?;
        self.ask_done(Call::Unlink { name: super::name(&name)? }, format_args!("cannot unlink `{name}`"))
    }
}

impl ObjectOptions {
    /// Its permission bits if it is made, less those of the umask.
    pub fn mode(mut self, mode: u32) -> ObjectOptions {
        self.mode = mode;
        self
    }

    /// How long it lives if it is made. One that exists keeps its own.
    pub fn lifetime(mut self, lifetime: Lifetime) -> ObjectOptions {
        self.lifetime = lifetime;
        self
    }

    /// For reading only, if it is opened. One that is made is open for writing too.
    pub fn read_only(mut self) -> ObjectOptions {
        self.read_only = true;
        self
    }

    /// If it is made: whoever writes to it takes its [guard](Object::guard), so that `shm snapshot` can copy it at a moment
    /// at which nobody writes.
    pub fn guarded(mut self) -> ObjectOptions {
        self.guarded = true;
        self
    }

    /// Makes it with `len` bytes, all zero; it must be absent.
    ///
    /// # Errors
    /// `EEXIST` where the name is taken; `ENOSPC` where the store is full, with the numbers; `EOPNOTSUPP` for a durable one
    /// in a store without a state directory.
    pub fn create(&self, len: u64) -> Result<Object> {
        let flags = OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::EXCL;
        self.want(flags, len, "create").map(|(object, _)| object)
    }

    /// Opens it.
    ///
    /// # Errors
    /// `ENOENT` where no object has the name; `EACCES` where its mode does not allow it.
    pub fn open(&self) -> Result<Object> {
        match self.known() {
            Some(object) => Ok(object),
            None => self.want(self.access(), 0, "open").map(|(object, _)| object),
        }
    }

    /// Opens it, or makes it with `len` bytes where it is absent; whether it was made.
    ///
    /// # Errors
    /// As [`create`](ObjectOptions::create) but for `EEXIST`; as [`open`](ObjectOptions::open) but for `ENOENT`.
    pub fn open_or_create(&self, len: u64) -> Result<(Object, bool)> {
        match self.known() {
            Some(object) => Ok((object, false)),
            None => self.want(self.access() | OpenFlags::CREAT, len, "open or create"),
        }
    }

    const fn access(&self) -> OpenFlags {
        if self.read_only { OpenFlags::empty() } else { OpenFlags::RDWR }
    }

    /// The object, if the kernel finds its name in the store's directory: no message goes to the broker. What the kernel
    /// refuses, the broker refuses in words.
    fn known(&self) -> Option<Object> {
        let fd = self.store.client().open_known(self.name.as_bytes(), !self.read_only).ok()?;
        Some(self.opened(fd, None, None))
    }

    /// Asks the broker.
    fn want(&self, flags: OpenFlags, len: u64, verb: &str) -> Result<(Object, bool)> {
        let tried = format_args!("cannot {verb} `{}`", self.name);
        let creates = flags.contains(OpenFlags::CREAT);
        let wanted = Wanted {
            name: super::name(&self.name)?,
            flags,
            mode: if creates { self.mode & 0o7777 & !process::umask() } else { 0 },
            size: ByteLen(len),
            lifetime: self.lifetime.into(),
            guarded: self.guarded,
        };
        match self.store.ask(Call::Want(wanted), None, tried)? {
            (Reply::Wanted { object, lifetime, created }, Some(fd)) => {
                Ok((self.opened(fd, Some(object), Some(lifetime.into())), created))
            }
            (Reply::Wanted { created, .. }, None) => {
                if created {
                    // What nobody has opened need not stay.
                    let _ = self.store.unlink(self.name.as_bytes());
                }
                Err(no_number(tried))
            }
            _ => Err(Error::nonsense(tried)),
        }
    }

    fn opened(&self, fd: OwnedFd, object: Option<ObjectId>, lifetime: Option<Lifetime>) -> Object {
        let source = Source::new(fd, format!("`{}`", self.name));
        Object::at_home(source, Some(self.name.clone()), Home::new(self.store.clone(), object, lifetime))
    }
}
