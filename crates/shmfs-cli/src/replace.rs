//! `shm daemon --replace`: asks a running store's broker to hand it over to the program that asks.
//!
//! Owns: the request and what is told of it. Leaves to others: the hand-over (`shmfs-keeper`).

use crate::failure::Failure;
use crate::output;
use crate::store;
use shmfs_abi::Call;
use shmfs_abi::store::{BROKER_FILE, PID_FILE, SOCKET_FILE};
use shmfs_client::Visitor;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What cannot be done, in the messages.
const TRIED: &str = "hand the store over";

/// Replaces the program that serves the store called `named`, or the one that applies here.
pub(crate) fn replace(named: Option<&OsStr>) -> Result<(), Failure> {
    let visit = store::visit(named)?;
    let dir = visit.dir.clone();
    let failed = |why: String| Failure::new(format!("cannot {TRIED}: {why}"));
    let program = File::open("/proc/self/exe").map_err(|error| failed(error.to_string()))?;
    let before = process(&dir, PID_FILE);
    let socket = dir.join(SOCKET_FILE);
    let mut visitor = Visitor::connect(socket.as_os_str().as_bytes(), visit.token)
        .map_err(|errno| failed(errno.name().to_string()))?;
    drop(visit);
    // The answer comes from the broker of this program, on the same connection.
    visitor.call_with(Call::Replace, program.as_fd()).map_err(|refused| Failure::refused(TRIED, &refused))?;
    let (keeper, broker) = (process(&dir, PID_FILE), process(&dir, BROKER_FILE));
    let shown = dir.display();
    if keeper == before {
        output::complain(&format!(
            "the store at {shown} runs this version already: kept by process {keeper}"
        ));
    } else {
        output::complain(&format!(
            "the store at {shown} is handed over: kept by process {keeper} in place of {before}, broker {broker}"
        ));
    }
    Ok(())
}

/// The process that a file of the store names.
fn process(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
}
