//! Anonymous memory that one process makes and hands to another, which is no relative of it, over a unix socket.
//!
//! It has no name that somebody could find, guess or leave behind. It is sealed before it is sent, so neither of them can be
//! cut down by the other.
//!
//!     cargo run -p shmfs --example passed_descriptor

use shmfs::{Object, Seals};
use std::error::Error;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(path) => second(&path),
        None => first(),
    }
}

fn first() -> Result<(), Box<dyn Error>> {
    let path = env::temp_dir().join(format!("shmfs-example-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let mut second = Command::new(env::current_exe()?).arg(&path).spawn()?;
    let (socket, _) = listener.accept()?;
    fs::remove_file(&path)?;

    let object = Object::anonymous(1 << 20)?;
    object.seal(Seals::SHRINK | Seals::GROW | Seals::SEAL)?;
    let mapping = object.map()?;
    mapping.write_at(0, b"look at the other end")?;
    object.send_to(&socket)?;

    let status = second.wait()?;
    assert!(status.success(), "the second process: {status}");
    println!("first: at the other end stands {}", mapping.load_u64((1 << 20) - 8)?);
    assert_eq!(mapping.load_u64((1 << 20) - 8)?, 4711);
    Ok(())
}

fn second(path: &str) -> Result<(), Box<dyn Error>> {
    let object = Object::receive_from(&UnixStream::connect(path)?)?;
    let mapping = object.map()?;
    let found = mapping.window(..21)?.to_vec()?;
    let cut = object.resize(0).map_err(|error| error.errno());
    println!(
        "second: {} bytes came, with `{}`; to cut them is refused: {cut:?}",
        mapping.len(),
        String::from_utf8_lossy(&found)
    );
    assert_eq!((mapping.len(), found.as_slice(), cut), (1 << 20, &b"look at the other end"[..], Err(1)));
    mapping.store_u64(mapping.len() - 8, 4711)?;
    Ok(())
}
