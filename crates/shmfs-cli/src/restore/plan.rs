//! What is to be made of a snapshot: an object with a name, or a segment.

use crate::failure::{Failure, USAGE};
use crate::snapshot::told::title;
use crate::text::visible;
use shmfs_abi::{Key, Kind, Lifetime, Name};
use shmfs_snapshot::Header;

/// What the person asks for; nothing where it is to be as it was.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wishes {
    pub(crate) name: Option<Name>,
    pub(crate) key: Option<Key>,
    pub(crate) replace: bool,
    pub(crate) lifetime: Option<Lifetime>,
}

/// What is to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    pub(crate) target: Target,
    pub(crate) lifetime: Lifetime,
    /// What is not as it was.
    pub(crate) notes: Vec<String>,
}

/// What finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
pub(crate) enum Target {
    /// A name; whoever has it loses it if it is to be replaced.
    Object { name: Name, replace: bool },
    /// A key, or an id alone.
    Segment { key: Key },
}

impl Plan {
    /// Puts both together.
    pub(crate) fn of(header: &Header, wishes: Wishes) -> Result<Plan, Failure> {
        let target = target(header, wishes)?;
        let mut notes = Vec::new();
        let lifetime = wishes.lifetime.unwrap_or(match header.lifetime {
            lifetime @ (Lifetime::UntilRemoved | Lifetime::Durable) => lifetime,
            lifetime @ (Lifetime::Process | Lifetime::LastUser) => {
                // It would go with this process.
                notes.push(format!("its lifetime was {}; it lives until it is removed", lifetime.text()));
                Lifetime::UntilRemoved
            }
        });
        Ok(Plan { target, lifetime, notes })
    }

    /// What the person calls it.
    pub(crate) fn title(&self) -> String {
        match self.target {
            Target::Object { name, .. } => format!("`{}`", visible(name.as_bytes())),
            Target::Segment { key: Key::PRIVATE } => "a segment without a key".to_owned(),
            Target::Segment { key } => format!("the segment with key 0x{:08x}", key.0),
        }
    }
}

fn target(header: &Header, wishes: Wishes) -> Result<Target, Failure> {
    let Wishes { name, key, replace, .. } = wishes;
    let refuse = |why: &str| Failure::new(format!("cannot restore {}: {why}", title(header))).status(USAGE);
    if header.kind == Kind::Segment {
        if name.is_some() {
            return Err(refuse("a segment has no name").hint("give it a key with `--key`"));
        }
        if replace {
            return Err(refuse("a key cannot change hands when all is there")
                .hint("remove the old one with `shm rm --key`, and restore without `--replace`"));
        }
        return Ok(Target::Segment { key: key.unwrap_or(header.key) });
    }
    if key.is_some() {
        return Err(refuse("only a segment has a key").hint("give it a name with `--name`"));
    }
    // A label is no name: many may have it.
    let own = header.name.filter(|_| header.kind != Kind::Anonymous);
    let name = name.or(own).ok_or_else(|| refuse("it had no name").hint("give it one with `--name`"))?;
    Ok(Target::Object { name, replace })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shmfs_abi::ByteLen;

    fn name(text: &str) -> Option<Name> {
        Name::new(text.as_bytes()).ok()
    }

    fn check(header: Header, wishes: Wishes, expected: Option<(&str, Lifetime, usize)>) {
        let plan = Plan::of(&header, wishes);
        let found = plan.as_ref().ok().map(|plan| (plan.title(), plan.lifetime, plan.notes.len()));
        let expected = expected.map(|(title, lifetime, notes)| (title.to_owned(), lifetime, notes));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_becomes_of_what() {
        use Lifetime::{Durable, LastUser, UntilRemoved};
        let wish = Wishes::default();
        let of = |kind| Header { name: name("x"), ..Header::new(kind, ByteLen(1)) };
        let unlinked = Header { name: None, ..of(Kind::Object) };
        check(of(Kind::Object), wish, Some(("`x`", UntilRemoved, 0)));
        check(of(Kind::Semaphore), wish, Some(("`x`", UntilRemoved, 0)));
        check(of(Kind::Object), Wishes { name: name("y"), ..wish }, Some(("`y`", UntilRemoved, 0)));
        check(of(Kind::Object), Wishes { key: Some(Key(1)), ..wish }, None);
        check(unlinked, wish, None);
        check(unlinked, Wishes { name: name("y"), replace: true, ..wish }, Some(("`y`", UntilRemoved, 0)));
        check(of(Kind::Anonymous), wish, None);
        check(Header { lifetime: LastUser, ..of(Kind::Object) }, wish, Some(("`x`", UntilRemoved, 1)));
        let durable = Header { lifetime: Durable, ..of(Kind::Object) };
        check(durable, wish, Some(("`x`", Durable, 0)));
        check(durable, Wishes { lifetime: Some(UntilRemoved), ..wish }, Some(("`x`", UntilRemoved, 0)));

        let segment = Header { key: Key(42), ..Header::new(Kind::Segment, ByteLen(1)) };
        check(segment, wish, Some(("the segment with key 0x0000002a", UntilRemoved, 0)));
        let none = Wishes { key: Some(Key::PRIVATE), ..wish };
        check(segment, none, Some(("a segment without a key", UntilRemoved, 0)));
        check(segment, Wishes { name: name("y"), ..wish }, None);
        check(segment, Wishes { replace: true, ..wish }, None);
    }
}
