//! An object by the library, line by line, in the words of door.c: `open`, `create`, `map`, `get`, `put`, `size`, `resize`,
//! `unlink`.

use shmfs::{Error, Mapping, Object, Store};
use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

/// What it holds: one object at a time.
struct Door {
    store: Store,
    object: Option<Object>,
    map: Option<Mapping>,
}

/// Answers until its input ends.
pub(crate) fn serve(store: &Path) -> ExitCode {
    let store = match Store::at(store) {
        Ok(store) => store,
        Err(why) => {
            eprintln!("{}: {why}", store.display());
            return ExitCode::FAILURE;
        }
    };
    let mut door = Door { store, object: None, map: None };
    for line in stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match door.answer(&words) {
            Ok(number) => number.to_string(),
            Err(Wrong::Refused(why)) => shmfs_abi::Errno(why.errno()).name().to_owned(),
            Err(Wrong::Words) => {
                eprintln!("there is no command {line}");
                return ExitCode::from(2);
            }
        };
        if writeln!(stdout(), "{answer}").and_then(|()| stdout().flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

enum Wrong {
    Refused(Error),
    Words,
}

impl From<Error> for Wrong {
    fn from(why: Error) -> Wrong {
        Wrong::Refused(why)
    }
}

impl From<std::num::ParseIntError> for Wrong {
    fn from(_: std::num::ParseIntError) -> Wrong {
        Wrong::Words
    }
}

impl Door {
    fn answer(&mut self, words: &[&str]) -> Result<u64, Wrong> {
        match words {
            ["open", name] => self.object = Some(self.store.open_object(name)?),
            ["create", name, bytes] => self.object = Some(self.store.create(name, bytes.parse()?)?),
            ["map"] => self.map = Some(self.object()?.map()?),
            ["get", at] => return Ok(self.map()?.get::<u32>(at.parse()?)?.into()),
            ["put", at, value] => self.map()?.set::<u32>(at.parse()?, &value.parse()?)?,
            ["size"] => return Ok(self.object()?.len()?),
            ["resize", bytes] => self.object()?.resize(bytes.parse()?)?,
            ["unlink", name] => self.store.unlink(name)?,
            _ => return Err(Wrong::Words),
        }
        Ok(0)
    }

    fn object(&self) -> Result<&Object, Wrong> {
        self.object.as_ref().ok_or(Wrong::Words)
    }

    fn map(&self) -> Result<&Mapping, Wrong> {
        self.map.as_ref().ok_or(Wrong::Words)
    }
}
