//! The text behind `-o`: what `mount(8)` and `tmpfs(5)` take, read as the kernel reads it.
//!
//! Owns: which options there are, what each may say, and the words of a refusal.
//! Leaves to others: looking names of users up, carrying options out (the program `shm`).
//! Not done: quoted values; no option that is served here can hold a comma.

mod generic;
mod number;
mod refused;

pub use refused::Refused;
use rustix::mount::MountFlags;

/// Bytes of a text of options: mount(2) takes a page of them.
pub const TEXT_BYTES: usize = 4096;

/// Bytes of the name of a user or a group (LOGIN_NAME_MAX, useradd(8)).
const LOGIN_BYTES: usize = 256;

/// Bytes of a path, which may be a store's name.
const STORE_BYTES: usize = 1024;

/// What a text of options asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// `size=` or `nr_blocks=`; the last of them counts, as in tmpfs.
    pub size: Option<Size>,
    /// `nr_inodes=`; 0 is without a limit.
    pub nr_inodes: Option<u64>,
    /// `mode=`, at most 07777.
    pub mode: Option<u32>,
    /// `uid=`
    pub uid: Option<Owner>,
    /// `gid=`
    pub gid: Option<Owner>,
    /// `huge=`
    pub huge: Option<Huge>,
    /// `noswap`
    pub noswap: bool,
    /// `sysv` or `nosysv`
    pub sysv: Option<bool>,
    /// `store=`
    pub store: Option<String>,
    /// `remount`
    pub remount: bool,
    /// Flags of mount(2).
    pub flags: MountFlags,
}

/// How much a store may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// In bytes, whole pages.
    Bytes(u64),
    /// Hundredths of the machine's memory.
    Percent(u64),
}

/// A user or a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    /// By number.
    Number(u32),
    /// By a name that is to be looked up.
    Name(String),
}

/// When files get huge pages (tmpfs(5)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Huge {
    /// Never.
    Never,
    /// Wherever a file has room for one.
    Always,
    /// Only where the page lies within the file.
    WithinSize,
    /// Where the program asks with madvise(2).
    Advise,
}

impl Huge {
    /// The kernel's words.
    pub const ALL: [(Huge, &'static str); 4] = [
        (Huge::Never, "never"),
        (Huge::Always, "always"),
        (Huge::WithinSize, "within_size"),
        (Huge::Advise, "advise"),
    ];

    /// The kernel's word.
    pub fn word(self) -> &'static str {
        Huge::ALL.iter().find(|(huge, _)| *huge == self).map_or("never", |(_, word)| word)
    }
}

impl Size {
    /// In bytes, whole pages, on a machine with `ram` bytes; nothing where the number is too large.
    pub fn bytes(self, ram: u64) -> Option<u64> {
        match self {
            Size::Bytes(bytes) => Some(bytes),
            Size::Percent(percent) => {
                let bytes = u128::from(percent) * u128::from(ram) / 100;
                number::whole_pages(u64::try_from(bytes).ok()?)
            }
        }
    }
}

impl Default for Options {
    /// What no options ask for: the access times that mount(8) keeps.
    fn default() -> Options {
        Options {
            size: None,
            nr_inodes: None,
            mode: None,
            uid: None,
            gid: None,
            huge: None,
            noswap: false,
            sysv: None,
            store: None,
            remount: false,
            flags: MountFlags::empty(),
        }
    }
}

impl Options {
    /// Reads options, separated by commas; of two that contradict each other the last counts.
    ///
    /// # Errors
    /// The option that is not served, or says nothing that is understood; nothing is read beyond it.
    pub fn parse(text: &[u8]) -> Result<Options, Refused> {
        let mut options = Options::default();
        options.add(text)?;
        Ok(options)
    }

    /// Reads further options on top of these, as with a second `-o`.
    ///
    /// # Errors
    /// As [`Options::parse`].
    pub fn add(&mut self, text: &[u8]) -> Result<(), Refused> {
        if text.len() > TEXT_BYTES {
            return Err(Refused::too_long(text));
        }
        text.split(|byte| *byte == b',').filter(|item| !item.is_empty()).try_for_each(|item| self.take(item))
    }

    fn take(&mut self, item: &[u8]) -> Result<(), Refused> {
        let (name, value) = match item.iter().position(|byte| *byte == b'=') {
            Some(at) => (&item[..at], Some(&item[at + 1..])),
            None => (item, None),
        };
        let name = std::str::from_utf8(name).map_err(|_| Refused::unknown(item))?;
        if generic::is_for_others(name, value.is_some()) {
            return Ok(());
        }
        match value {
            Some(value) => self.set(item, name, value),
            None => self.flag(item, name),
        }
    }

    fn flag(&mut self, item: &[u8], name: &str) -> Result<(), Refused> {
        match name {
            "noswap" => self.noswap = true,
            "sysv" => self.sysv = Some(true),
            "nosysv" => self.sysv = Some(false),
            "remount" => self.remount = true,
            "size" | "nr_blocks" | "nr_inodes" | "mode" | "uid" | "gid" | "huge" | "store" => {
                return Err(Refused::new(item, "it needs a value", format!("write {name}=VALUE")));
            }
            _ => match generic::flags(name) {
                Some((set, cleared)) => self.flags = (self.flags - cleared) | set,
                None => return Err(Refused::unknown(item)),
            },
        }
        Ok(())
    }

    fn set(&mut self, item: &[u8], name: &str, value: &[u8]) -> Result<(), Refused> {
        match name {
            "size" => self.size = Some(number::size(item, value)?),
            "nr_blocks" => self.size = Some(number::blocks(item, value)?),
            "nr_inodes" => self.nr_inodes = Some(number::inodes(item, value)?),
            "mode" => self.mode = Some(number::mode(item, value)?),
            "uid" => self.uid = Some(owner(item, value)?),
            "gid" => self.gid = Some(owner(item, value)?),
            "huge" => self.huge = Some(huge(item, value)?),
            "store" => self.store = Some(store(item, value)?),
            "noswap" | "sysv" | "nosysv" | "remount" => {
                return Err(Refused::new(item, "it takes no value", format!("write {name}")));
            }
            _ if generic::flags(name).is_some() => {
                return Err(Refused::new(item, "it takes no value", format!("write {name}")));
            }
            _ => return Err(Refused::unknown(item)),
        }
        Ok(())
    }
}

/// A number as the kernel takes it, or a name as mount(8) does.
fn owner(item: &[u8], value: &[u8]) -> Result<Owner, Refused> {
    let is_number = value.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'+');
    if is_number {
        return number::id(item, value).map(Owner::Number);
    }
    let name = std::str::from_utf8(value).ok();
    // `-1` is no id, and no name begins so (useradd(8)).
    let fits = |name: &&str| {
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/');
        !name.is_empty() && name.len() <= LOGIN_BYTES && !name.starts_with('-') && !name.contains(odd)
    };
    match name.filter(fits) {
        Some(name) => Ok(Owner::Name(name.to_owned())),
        None => Err(Refused::new(item, "it is no user or group", "give a number, or a name")),
    }
}

fn huge(item: &[u8], value: &[u8]) -> Result<Huge, Refused> {
    let known = Huge::ALL.iter().find(|(_, word)| word.as_bytes() == value);
    known.map(|(huge, _)| *huge).ok_or_else(|| {
        Refused::new(item, "it is not a policy for huge pages", "never, always, within_size and advise are")
    })
}

fn store(item: &[u8], value: &[u8]) -> Result<String, Refused> {
    let fits =
        |name: &&str| !name.is_empty() && name.len() <= STORE_BYTES && !name.chars().any(char::is_control);
    match std::str::from_utf8(value).ok().filter(fits) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Refused::new(item, "it names no store", "give a name, or the path of its directory")),
    }
}

#[cfg(test)]
mod tests;
