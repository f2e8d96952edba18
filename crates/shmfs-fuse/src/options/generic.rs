//! Options that every file system has (mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS").

use rustix::mount::MountFlags;

/// Words that are fstab's and mount(8)'s own, and those that change nothing here.
const FOR_OTHERS: [&str; 14] = [
    "auto",
    "noauto",
    "defaults",
    "nouser",
    "nousers",
    "noowner",
    "nogroup",
    "nofail",
    "_netdev",
    "silent",
    "loud",
    "iversion",
    "noiversion",
    "nomand",
];

/// What /proc/mounts shows of each FUSE mount, and mount(8) repeats at a remount. It is always so.
const SHOWN: [&str; 2] = ["default_permissions", "allow_other"];
/// The same, with a value.
const SHOWN_WITH_VALUE: [&str; 4] = ["user_id", "group_id", "max_read", "blksize"];

/// Whether an option speaks to somebody else, or says what is so anyway, and is passed over.
pub(super) fn is_for_others(name: &str, has_value: bool) -> bool {
    let said = name.starts_with("x-") || name.starts_with("X-") || name == "comment";
    let known = match has_value {
        true => matches!(name, "helper" | "uhelper") || SHOWN_WITH_VALUE.contains(&name),
        false => FOR_OTHERS.contains(&name) || SHOWN.contains(&name),
    };
    said || known
}

/// The flags of mount(2) that an option sets, and those that it takes back.
pub(super) fn flags(name: &str) -> Option<(MountFlags, MountFlags)> {
    use MountFlags as F;
    let none = F::empty();
    Some(match name {
        "ro" => (F::RDONLY, none),
        "rw" => (none, F::RDONLY),
        "nosuid" => (F::NOSUID, none),
        "suid" => (none, F::NOSUID),
        "nodev" => (F::NODEV, none),
        "dev" => (none, F::NODEV),
        "noexec" => (F::NOEXEC, none),
        "exec" => (none, F::NOEXEC),
        // Whoever lets others mount does not trust what they mount.
        "user" | "users" => (F::NOSUID | F::NODEV | F::NOEXEC, none),
        "owner" | "group" => (F::NOSUID | F::NODEV, none),
        "noatime" => (F::NOATIME, F::RELATIME | F::STRICTATIME),
        "atime" => (none, F::NOATIME),
        "relatime" => (F::RELATIME, F::NOATIME | F::STRICTATIME),
        "strictatime" => (F::STRICTATIME, F::NOATIME | F::RELATIME),
        "norelatime" => (none, F::RELATIME),
        "nostrictatime" => (none, F::STRICTATIME),
        "nodiratime" => (F::NODIRATIME, none),
        "diratime" => (none, F::NODIRATIME),
        "lazytime" => (F::LAZYTIME, none),
        "nolazytime" => (none, F::LAZYTIME),
        "sync" => (F::SYNCHRONOUS, none),
        "async" => (none, F::SYNCHRONOUS),
        "dirsync" => (F::DIRSYNC, none),
        "nosymfollow" => (F::NOSYMFOLLOW, none),
        "symfollow" => (none, F::NOSYMFOLLOW),
        _ => return None,
    })
}
