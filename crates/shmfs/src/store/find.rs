//! Which store is meant, and the way to it.
//!
//! Owns: the order (SHMFS_STORE, the user's, the system's, the user's once it is started), the words for a store that is
//! not there.
//! Leaves to others: where stores lie (`places`), starting one (`start`).

use super::{Keeper, Store, start};
use crate::{Error, Places, Result};
use shmfs_abi::{
    Errno,
    store::{ENV_STORE, ENV_TOKEN, Token},
};
use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The store that applies here.
pub(super) fn applying() -> Result<Store> {
    if let Some(named) = env::var_os(ENV_STORE).filter(|named| !named.is_empty()) {
        let token = env::var_os(ENV_TOKEN).and_then(|token| Token::parse(token.as_bytes()));
        return named_by_environment(&named, token);
    }
    let places = Places::here();
    match first_of(&trusted(&places, places.candidates(None)?))? {
        Some(store) => Ok(store),
        None => start_users(&places),
    }
}

/// The user's store.
pub(super) fn users() -> Result<Store> {
    let places = Places::here();
    match first_of(&trusted(&places, places.users()))? {
        Some(store) => Ok(store),
        None => start_users(&places),
    }
}

/// The system's store.
pub(super) fn systems() -> Result<Store> {
    let dirs = Places::here().systems();
    first_of(&dirs)?.ok_or_else(|| absent("the system's store does not run", &dirs))
}

/// The store of this name, or in this directory where a slash is in it.
pub(super) fn named(name: &OsStr, token: Option<Token>) -> Result<Store> {
    if name.as_bytes().contains(&b'/') {
        return at(Path::new(name), token);
    }
    let places = Places::here();
    let dirs = trusted(&places, places.candidates(Some(name))?);
    let found = dirs.iter().find_map(|dir| there(dir, token).transpose());
    found.unwrap_or_else(|| Err(absent(&format!("no store `{}` runs", name.display()), &dirs)))
}

/// The store in this directory.
pub(super) fn at(dir: &Path, token: Option<Token>) -> Result<Store> {
    // The process may change its directory.
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    there(&dir, token)?.ok_or_else(|| absent("the store does not run", &[dir]))
}

fn named_by_environment(named: &OsStr, token: Option<Token>) -> Result<Store> {
    self::named(named, token).map_err(|error| {
        Error::new(error.errno(), format!("{} (SHMFS_STORE is {})", error.what(), named.display()))
    })
}

/// Those of the directories in which this user believes a store that nobody has named by its path.
fn trusted(places: &Places, dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    dirs.into_iter().filter(|dir| places.may_trust(dir)).collect()
}

/// The first that is there.
fn first_of(dirs: &[PathBuf]) -> Result<Option<Store>> {
    dirs.iter().find_map(|dir| there(dir, None).transpose()).transpose()
}

/// The store in this directory; nothing where none runs.
fn there(dir: &Path, token: Option<Token>) -> Result<Option<Store>> {
    match Store::join(dir, token, Keeper::Others) {
        Ok(store) => Ok(Some(store)),
        Err(refused) if matches!(refused.errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED) => {
            Ok(None)
        }
        Err(refused) => {
            Err(Error::refused(&refused, format_args!("cannot join the store at {}", dir.display())))
        }
    }
}

/// Starts the user's store, unless somebody else does. Its folder may be made only then.
fn start_users(places: &Places) -> Result<Store> {
    start::users(places, || first_of(&trusted(places, places.users())))
}

fn absent(what: &str, dirs: &[PathBuf]) -> Error {
    let tried: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    let tried = if tried.is_empty() { "no folder of yours".to_owned() } else { tried.join(", ") };
    let hint = "hint: `shm daemon` serves one, Store::open() starts the user's";
    Error::because(Errno::ECONNREFUSED, format!("{what}: tried {tried}; {hint}"))
}
