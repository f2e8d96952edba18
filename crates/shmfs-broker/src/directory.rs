//! The store's directory: the socket by which programs find the broker, and the files that name its processes.

use crate::StartError;
use rustix::fd::OwnedFd;
use shmfs_abi::store::{BROKER_FILE, PID_FILE, SOCKET_FILE};
use shmfs_sys::socket;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::{ffi::OsStrExt, fs::DirBuilderExt, fs::PermissionsExt};
use std::path::Path;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Bytes of a path in `sockaddr_un`, less the NUL.
const SOCKET_PATH_BYTES: usize = 107;

/// Makes the directory and listens in it, unless `listener` does already. What a dead broker left there is taken over.
pub(crate) fn open(path: &Path, listener: Option<OwnedFd>) -> Result<OwnedFd, StartError> {
    let socket_path = path.join(SOCKET_FILE);
    if socket_path.as_os_str().len() > SOCKET_PATH_BYTES {
        return Err(StartError::PathTooLong(socket_path));
    }
    // Others pass through to the socket and cannot list what is here: 0711 at each level we make.
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(path)
        .map_err(|source| StartError::Make { path: path.to_owned(), source })?;
    // The mode of DirBuilder is subject to the umask.
    permit(path, 0o711)?;
    let listener = match listener {
        Some(listener) => listener,
        None => {
            if socket::connect(socket_path.as_os_str().as_bytes()).is_ok() {
                return Err(StartError::Taken { dir: path.to_owned(), pid: read_pid(path) });
            }
            remove_left_over(&socket_path)?;
            socket::listen(socket_path.as_os_str().as_bytes(), BACKLOG)
                .map_err(StartError::kernel("a socket that listens"))?
        }
    };
    // Accepted sockets inherit it, so no first message comes without credentials.
    socket::pass_credentials(&listener).map_err(StartError::kernel("credentials with messages"))?;
    // Connectable by all: admission is by credentials and token.
    permit(&socket_path, 0o666)?;
    let pid_path = path.join(PID_FILE);
    fs::write(&pid_path, format!("{}\n", std::process::id()))
        .map_err(|source| StartError::Make { path: pid_path, source })?;
    Ok(listener)
}

/// Takes the directory away at the end of the store.
pub(crate) fn remove(path: &Path) {
    for file in [SOCKET_FILE, PID_FILE, BROKER_FILE] {
        if let Err(error) = fs::remove_file(path.join(file)) {
            tracing::debug!(file, %error, "the file was gone already");
        }
    }
    if let Err(error) = fs::remove_dir(path) {
        tracing::debug!(dir = %path.display(), %error, "the store's directory stays");
    }
}

fn permit(path: &Path, mode: u32) -> Result<(), StartError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|source| StartError::Make { path: path.to_owned(), source })
}

fn remove_left_over(socket_path: &Path) -> Result<(), StartError> {
    match fs::remove_file(socket_path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StartError::Make { path: socket_path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

fn read_pid(path: &Path) -> u32 {
    fs::read_to_string(path.join(PID_FILE)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
