//! Why an option is not taken, and what to do: words for the person.

use std::fmt;

/// Bytes of an option that are shown.
const SHOWN_BYTES: usize = 64;

/// Options that tmpfs or FUSE know and this file system does not serve, each with the reason and what to do.
const NOT_SERVED: [(&str, &str, &str); 22] = [
    ("mpol", "memory policies of a whole mount are not kept", "use numactl(8), or mbind(2) on the mapping"),
    ("inode32", "inode numbers have 32 bits always", "leave it out"),
    ("inode64", "inode numbers have 32 bits: FUSE's own are made of them", "leave it out"),
    ("quota", QUOTA, SIZE),
    ("usrquota", QUOTA, SIZE),
    ("grpquota", QUOTA, SIZE),
    ("usrquota_block_hardlimit", QUOTA, SIZE),
    ("usrquota_inode_hardlimit", QUOTA, SIZE),
    ("grpquota_block_hardlimit", QUOTA, SIZE),
    ("grpquota_inode_hardlimit", QUOTA, SIZE),
    ("casefold", CASE, "leave it out"),
    ("strict_encoding", CASE, "leave it out"),
    ("mand", "there is no mandatory locking on FUSE, nor in Linux since 5.15", "leave it out"),
    ("allow_root", FUSE, "leave it out; mode= says who enters"),
    ("fsname", FUSE, "the first field of fstab, or --store, names the store"),
    ("subtype", FUSE, "leave it out"),
    ("loop", "there is no device", "leave it out"),
    ("context", LABEL, "label the files with chcon(1)"),
    ("fscontext", LABEL, "label the files with chcon(1)"),
    ("defcontext", LABEL, "label the files with chcon(1)"),
    ("rootcontext", LABEL, "label the files with chcon(1)"),
    ("bind", "that is no mount of a store", "a second `shm mount DIR2` shows the same store"),
];

const QUOTA: &str = "there are no quotas of single users";
const SIZE: &str = "limit the store with size=, or give each user a store";
const CASE: &str = "names are bytes, and case matters";
const FUSE: &str = "the mount sets it as it must be";
const LABEL: &str = "labels of a whole mount are not kept";

/// An option that is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    item: String,
    why: String,
    hint: String,
    unknown: bool,
}

impl Refused {
    pub(super) fn new(item: &[u8], why: impl Into<String>, hint: impl Into<String>) -> Refused {
        Refused { item: shown(item), why: why.into(), hint: hint.into(), unknown: false }
    }

    /// One that is not served, or not known at all.
    pub(super) fn unknown(item: &[u8]) -> Refused {
        let name = item.split(|byte| *byte == b'=').next().unwrap_or_default();
        let (why, hint) = match NOT_SERVED.iter().find(|(known, _, _)| known.as_bytes() == name) {
            Some((_, why, hint)) => (*why, *hint),
            None => ("there is no such option", "`shm mount --help` lists them"),
        };
        Refused { unknown: true, ..Refused::new(item, why, hint) }
    }

    pub(super) fn too_long(text: &[u8]) -> Refused {
        let why = format!("all options together are {} bytes, at most {}", text.len(), super::TEXT_BYTES);
        Refused::new(text, why, "leave some out")
    }

    /// The option, as much of it as a person needs, every byte printable.
    pub fn item(&self) -> &str {
        &self.item
    }

    /// Whether it is an option of other file systems, or of none; `mount -s` passes over those.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// What to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the option `{}` is refused: {}", self.item, self.why)
    }
}

/// As text that steers no terminal.
fn shown(item: &[u8]) -> String {
    let (head, dots) = if item.len() > SHOWN_BYTES { (&item[..SHOWN_BYTES], "...") } else { (item, "") };
    format!("{}{dots}", head.escape_ascii())
}
