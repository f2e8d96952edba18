//! Who keeps a mount busy: a hint, from what /proc shows of each process.

use crate::text::visible;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How many are named.
const NAMED: usize = 4;

/// Processes that work in, run, have open or map something below `place`; at most four, as `PID (command)`. No file of the
/// mount is touched.
pub(crate) fn holders(place: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| holds(&Path::new("/proc").join(pid.to_string()), place))
        .take(NAMED)
        .map(shown)
        .collect()
}

fn holds(process: &Path, place: &Path) -> bool {
    let below = |link: PathBuf| fs::read_link(link).is_ok_and(|path| path.starts_with(place));
    if ["cwd", "root", "exe"].iter().any(|link| below(process.join(link))) {
        return true;
    }
    let opened = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    opened.map(|entry| entry.path()).any(below) || maps(process, place)
}

/// The path is the sixth field of a line.
fn maps(process: &Path, place: &Path) -> bool {
    let text = fs::read(process.join("maps")).unwrap_or_default();
    let place = place.as_os_str().as_bytes();
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.iter().position(|byte| *byte == b'/').map(|at| &line[at..]))
        .any(|path| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
}

fn shown(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{pid} ({})", visible(name.trim_ascii_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_file_open_is_named() {
        let dir = std::env::temp_dir().join(format!("shm-busy-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let us = format!("{} (", std::process::id());
        let names_us = || holders(&dir).iter().any(|holder| holder.starts_with(&us));
        assert!(!names_us());
        let file = fs::File::create(dir.join("x")).unwrap();
        assert!(names_us());
        drop(file);
        fs::remove_dir_all(&dir).unwrap();
    }
}
