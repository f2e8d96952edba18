//! The file that a snapshot goes to: whole under its name, or not there at all.

use crate::failure::{Failure, USAGE};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the bytes are to go.
pub(crate) enum Goal {
    /// Standard output.
    Stdout,
    /// A pipe or a device.
    Stream(PathBuf),
    /// A file of this name.
    Name(PathBuf),
}

/// Where the bytes go.
pub(crate) struct Output {
    file: File,
    /// A file that gets its name when it is whole.
    pending: Option<Pending>,
}

struct Pending {
    /// Beside the name; removed with this.
    temporary: PathBuf,
    name: PathBuf,
}

/// Standard output.
pub(crate) fn is_stdout(name: &OsStr) -> bool {
    name.as_bytes() == b"-"
}

impl Goal {
    /// What the person calls `name`.
    pub(crate) fn of(name: &OsStr) -> Result<Goal, Failure> {
        if is_stdout(name) {
            if io::stdout().is_terminal() {
                return Err(Failure::new("cannot write a snapshot to a terminal")
                    .hint("name a file, or pipe it: `-o - | ssh HOST 'cat >FILE'`")
                    .status(USAGE));
            }
            return Ok(Goal::Stdout);
        }
        // The file behind a symbolic link is the one that is replaced.
        let path = fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
        match fs::metadata(&path).map(|found| found.file_type()) {
            Ok(kind) if kind.is_char_device() || kind.is_fifo() => Ok(Goal::Stream(path)),
            Ok(kind) if !kind.is_file() => {
                Err(Failure::new(format!("cannot write `{}`: it is not a file", name.display())))
            }
            _ => Ok(Goal::Name(path)),
        }
    }

    /// Whether nothing is left half done: whoever reads it sees that it was cut.
    pub(crate) fn is_stream(&self) -> bool {
        !matches!(self, Goal::Name(_))
    }

    fn title(&self) -> String {
        match self {
            Goal::Stdout => "to standard output".to_owned(),
            Goal::Stream(path) | Goal::Name(path) => format!("`{}`", path.display()),
        }
    }
}

impl Output {
    /// Opens it; a file is its owner's only.
    pub(crate) fn create(goal: &Goal) -> Result<Output, Failure> {
        let opened = match goal {
            Goal::Stdout => rustix::io::dup(io::stdout()).map(Output::stream).map_err(io::Error::from),
            Goal::Stream(path) => OpenOptions::new().write(true).open(path).map(Output::stream),
            Goal::Name(path) => Output::beside(path),
        };
        opened.map_err(|error| Failure::new(format!("cannot write {}: {error}", goal.title())))
    }

    fn stream(file: impl Into<File>) -> Output {
        Output { file: file.into(), pending: None }
    }

    fn beside(name: &Path) -> io::Result<Output> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let temporary = name.with_file_name(format!(".shm-snapshot-{:016x}", u64::from_ne_bytes(random)));
        // What was not everybody's to read in the store is not so in a file.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Output { file, pending: Some(Pending { temporary, name: name.to_owned() }) })
    }

    /// The file is whole: it gets its name, and both are on the disk. Whatever had the name is gone.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let Some(pending) = self.pending.take() else { return Ok(()) };
        let named = self.file.sync_all().and_then(|()| fs::rename(&pending.temporary, &pending.name));
        if named.is_err() {
            self.pending = Some(pending);
            return named;
        }
        let folder = pending.name.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(pending) = &self.pending {
            // There is nobody to tell when that fails.
            drop(fs::remove_file(&pending.temporary));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn a_name_has_the_whole_or_what_it_had() {
        let folder = std::env::temp_dir().join(format!("shm-output-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let names = || fs::read_dir(&folder).unwrap().count();
        let file = folder.join("file");
        let link = folder.join("link");
        symlink("file", &link).unwrap();
        let begun = |text: &[u8]| {
            let mut output = Output::create(&Goal::of(link.as_os_str()).unwrap()).unwrap();
            output.write_all(text).unwrap();
            output
        };
        fs::write(&file, "old").unwrap();
        let output = begun(b"half");
        assert_eq!((fs::read(&file).unwrap(), names()), (b"old".to_vec(), 3));
        drop(output);
        assert_eq!((fs::read(&file).unwrap(), names()), (b"old".to_vec(), 2));
        begun(b"whole").finish().unwrap();
        assert_eq!((fs::read(&file).unwrap(), names()), (b"whole".to_vec(), 2));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(Goal::of(folder.as_os_str()).is_err());
        assert!(matches!(Goal::of(OsStr::new("/dev/null")), Ok(Goal::Stream(_))));
        let nowhere = folder.join("nowhere/file");
        assert!(Output::create(&Goal::of(nowhere.as_os_str()).unwrap()).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
