//! A file without a name, mapped by two processes: the oldest way, `open`, `unlink`, `mmap`.
//!
//! The second process inherits the descriptor, here as its standard input. When both have ended, the file is gone.
//!
//!     cargo run -p shmfs --example unlinked_file

use shmfs::MappedFile;
use std::error::Error;
use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("second") => second(),
        _ => first(),
    }
}

fn first() -> Result<(), Box<dyn Error>> {
    let path = env::temp_dir().join(format!("shmfs-example-{}", std::process::id()));
    let file = MappedFile::create(&path, 4096)?;
    fs::remove_file(&path)?;
    file.write_at(0, b"a word to the second")?;

    let descriptor = file.as_fd().try_clone_to_owned()?;
    let status = Command::new(env::current_exe()?).arg("second").stdin(Stdio::from(descriptor)).status()?;
    assert!(status.success(), "the second process: {status}");

    let answer = file.window(100..119)?.to_vec()?;
    println!("first: the second wrote `{}`, and no file is at its path: {}", text(&answer), !path.exists());
    assert_eq!(answer, b"a word to the first");
    Ok(())
}

fn second() -> Result<(), Box<dyn Error>> {
    let file = MappedFile::from_file(File::from(io::stdin().as_fd().try_clone_to_owned()?))?;
    let found = file.window(0..20)?.to_vec()?;
    println!("second: the first wrote `{}`", text(&found));
    assert_eq!(found, b"a word to the second");
    file.write_at(100, b"a word to the first")?;
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
