//! What is mounted, from /proc/self/mountinfo (proc_pid_mountinfo(5)).

use super::TYPE;
use crate::failure::Failure;
use shmfs_abi::store::ROOT_DIR;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The name of the system's store, which is the default where mount(8) calls.
const SYSTEM: &str = "system";

/// First fields of fstab that name no store.
const NAMELESS: [&str; 2] = ["shmfs", "none"];

/// One mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mounted {
    /// Major and minor number of its files.
    pub(crate) device: (u32, u32),
    /// Where.
    pub(crate) place: PathBuf,
    /// Whether the root of the file system is there, and not a directory in it.
    pub(crate) whole: bool,
    /// Its own options.
    pub(crate) options: String,
    /// The file system's options.
    pub(crate) of_all: String,
    /// The type.
    pub(crate) kind: String,
    /// What it is a mount of.
    pub(crate) source: OsString,
}

/// Every mount that this process sees, in the order in which they were made.
pub(crate) struct Mounts(Vec<Mounted>);

impl Mounts {
    /// Reads them.
    pub(crate) fn read() -> Result<Mounts, Failure> {
        let path = "/proc/self/mountinfo";
        let text = fs::read(path).map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
        Ok(Mounts::of(&text))
    }

    fn of(text: &[u8]) -> Mounts {
        Mounts(text.split(|byte| *byte == b'\n').filter_map(line).collect())
    }

    /// What is seen at a directory: of several mounts there, the last.
    pub(crate) fn at(&self, place: &Path) -> Option<&Mounted> {
        self.0.iter().rev().find(|mount| mount.place == place)
    }

    /// The mounts of stores.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Mounted> {
        self.0.iter().filter(|mount| mount.kind == TYPE)
    }

    /// The mounts of the store in `dir`.
    pub(crate) fn of_store<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Mounted> {
        self.ours().filter(move |mount| mount.store() == dir)
    }
}

impl Mounted {
    /// The directory of the store that is mounted.
    pub(crate) fn store(&self) -> PathBuf {
        match self.source.to_str() {
            Some(source) if NAMELESS.contains(&source) => Path::new(ROOT_DIR).join(SYSTEM),
            // A path stays what it is.
            _ => Path::new(ROOT_DIR).join(&self.source),
        }
    }

    /// The store's name, or its directory where it has none.
    pub(crate) fn name(&self) -> OsString {
        source_of(&self.store())
    }
}

/// Whether the first field of fstab stands for the default store.
pub(crate) fn is_nameless(source: &OsStr) -> bool {
    NAMELESS.iter().any(|known| source == *known)
}

/// Whether `dir` is the default store of mount(8).
pub(crate) fn is_default(dir: &Path) -> bool {
    dir == Path::new(ROOT_DIR).join(SYSTEM)
}

/// What a mount of the store in `dir` is called: its name where root's stores lie, else its directory.
pub(crate) fn source_of(dir: &Path) -> OsString {
    let name = dir.strip_prefix(ROOT_DIR).ok().filter(|name| name.components().count() == 1);
    name.unwrap_or(dir).as_os_str().to_owned()
}

fn line(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = text(fields.nth(2)?);
    let (major, minor) = device.split_once(':')?;
    let root = fields.next()?;
    let place = PathBuf::from(plain(fields.next()?));
    let options = text(fields.next()?);
    // Optional fields end at a hyphen.
    fields.by_ref().find(|field| *field == b"-")?;
    let kind = text(fields.next()?);
    let source = plain(fields.next()?);
    let of_all = text(fields.next().unwrap_or_default());
    let device = (major.parse().ok()?, minor.parse().ok()?);
    Some(Mounted { device, place, whole: root == b"/", options, of_all, kind, source })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Blanks and the like stand as `\040` (`mangle`, fs/proc_namespace.c).
fn plain(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[4..] } else { after };
    }
    OsString::from_vec(bytes)
}

/// The path as the kernel writes it, without asking a file system that may not answer; symbolic links are followed where
/// the plain path is no mount.
pub(crate) fn place_of(dir: &Path, mounts: &Mounts) -> PathBuf {
    let plain = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    // `absolute` keeps a slash at the end, which compares equal; `..` needs the file system.
    let plain: PathBuf = plain.components().collect();
    if mounts.at(&plain).is_some() {
        return plain;
    }
    fs::canonicalize(dir).unwrap_or(plain)
}

/// As bytes for the calls of the kernel.
pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/a\\040b rw,nosuid shared:7 master:1 - fuse.shmfs lab rw,user_id=0
31 22 0:41 / /mnt/c ro - fuse.shmfs none rw
32 22 0:40 /d /mnt/e rw - fuse.shmfs lab rw
33 22 0:42 / /mnt/f rw - fuse.shmfs /tmp/shmfs-7/user rw
34 31 0:43 / /mnt/c rw - tmpfs tmpfs rw
broken
";

    #[test]
    fn mounts_are_read_as_the_kernel_writes_them() {
        let mounts = Mounts::of(TEXT);
        let places: Vec<_> =
            mounts.ours().map(|mount| (mount.place.to_str().unwrap(), mount.name())).collect();
        let expected = [
            ("/mnt/a b", "lab".into()),
            ("/mnt/c", "system".into()),
            ("/mnt/e", "lab".into()),
            ("/mnt/f", "/tmp/shmfs-7/user".into()),
        ];
        assert_eq!(places, expected);
        let lab = mounts.of_store(Path::new("/run/shmfs/lab")).next().unwrap();
        assert_eq!((lab.device, lab.options.as_str(), lab.whole), ((0, 40), "rw,nosuid", true));
        assert_eq!(mounts.at(Path::new("/mnt/c")).unwrap().kind, "tmpfs", "the last one is seen");
        assert!(!mounts.at(Path::new("/mnt/e")).unwrap().whole);
        assert!(mounts.at(Path::new("/mnt")).is_none());
    }

    #[test]
    fn a_store_is_called_as_it_is_found_again() {
        for (dir, source) in
            [("/run/shmfs/lab", "lab"), ("/tmp/x/lab", "/tmp/x/lab"), ("/run/shmfs", "/run/shmfs")]
        {
            assert_eq!(source_of(Path::new(dir)), source);
        }
        assert!(is_default(Path::new("/run/shmfs/system")) && !is_default(Path::new("/run/shmfs/lab")));
        assert!(
            is_nameless(OsStr::new("none"))
                && is_nameless(OsStr::new("shmfs"))
                && !is_nameless(OsStr::new("lab"))
        );
    }

    #[test]
    fn a_place_is_written_without_dots() {
        let mounts = Mounts::of(TEXT);
        assert_eq!(place_of(Path::new("/mnt//c/"), &mounts), Path::new("/mnt/c"));
        assert_eq!(place_of(Path::new("/no/such/../dir"), &mounts), Path::new("/no/such/../dir"));
    }
}
