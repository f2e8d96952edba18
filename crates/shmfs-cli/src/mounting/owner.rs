//! Users and groups by name, as mount(8) takes them.

use crate::failure::Failure;
use shmfs_fuse::options::Owner;
use std::fs;
use std::process::{Command, Stdio};

/// Where names and numbers stand: the file, and the database for getent(1).
#[derive(Clone, Copy)]
pub(crate) struct Book {
    file: &'static str,
    database: &'static str,
    noun: &'static str,
}

/// Users.
pub(crate) const USERS: Book = Book { file: "/etc/passwd", database: "passwd", noun: "user" };
/// Groups.
pub(crate) const GROUPS: Book = Book { file: "/etc/group", database: "group", noun: "group" };

impl Book {
    /// The number of an owner.
    pub(crate) fn number(self, owner: &Owner) -> Result<u32, Failure> {
        let name = match owner {
            Owner::Number(number) => return Ok(*number),
            Owner::Name(name) => name,
        };
        let in_file = fs::read_to_string(self.file).ok().and_then(|text| find(&text, name));
        in_file.or_else(|| self.ask(name)).ok_or_else(|| {
            Failure::new(format!("there is no {} `{name}`", self.noun)).hint("give the number")
        })
    }

    /// Names that a directory service knows; the C library finds them.
    fn ask(self, name: &str) -> Option<u32> {
        let mut getent = Command::new("getent");
        let output =
            getent.args(["--", self.database, name]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        find(&String::from_utf8(output.ok()?.stdout).ok()?, name)
    }
}

/// The third field of the line that begins with a name (passwd(5), group(5)).
fn find(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbad\nlab:x:1001:7::/:\n";
        assert_eq!((find(text, "root"), find(text, "lab"), find(text, "la")), (Some(0), Some(1001), None));
        assert_eq!(USERS.number(&Owner::Number(7)).unwrap(), 7);
        assert_eq!(USERS.number(&Owner::Name("root".to_owned())).unwrap(), 0);
        let failure = GROUPS.number(&Owner::Name("no-such-group-here".to_owned())).unwrap_err();
        assert_eq!(failure.message, "there is no group `no-such-group-here`");
    }
}
