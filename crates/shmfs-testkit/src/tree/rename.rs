//! `renameat2` (`do_renameat2` and `vfs_rename`, fs/namei.c; `shmem_rename2`, mm/shmem.c).

use super::inode::{Number, ROOT};
use super::permission::{EXEC, WRITE};
use super::step::{Name, Part, Path};
use super::walk::Way;
use super::{Answer, NOT_EMPTY, Seen, Tree, User};
use shmfs_abi::Errno;

const NO_REPLACE: u32 = 1;
const EXCHANGE: u32 = 2;

/// A name and where it is.
#[derive(Clone, Copy)]
struct Place {
    dir: Number,
    name: Name,
}

impl Tree {
    pub(super) fn rename(&mut self, user: &User, from: &Path, to: &Path, flags: u32) -> Answer {
        if flags & !(NO_REPLACE | EXCHANGE) != 0 || flags == NO_REPLACE | EXCHANGE {
            return Err(Errno::EINVAL);
        }
        let exchange = flags == EXCHANGE;
        let (from_dir, from_last) = self.walk(user, &mut Way::of(from))?;
        let (to_dir, to_last) = self.walk(user, &mut Way::of(to))?;
        let Part::Name(name) = from_last else { return Err(Errno::EBUSY) };
        let from_place = Place { dir: from_dir, name };
        let Part::Name(name) = to_last else {
            return Err(if flags == NO_REPLACE { Errno::EEXIST } else { Errno::EBUSY });
        };
        let to_place = Place { dir: to_dir, name };
        let source = self.child(from_dir, from_place.name)?.ok_or(Errno::ENOENT)?;
        let target = self.child(to_dir, to_place.name)?;
        match target {
            Some(_) if flags == NO_REPLACE => return Err(Errno::EEXIST),
            None if exchange => return Err(Errno::ENOENT),
            _ => {}
        }
        let is_dir = |number: Number| self.inode(number).is_dir();
        let slash_on_file = from.slash && !is_dir(source)
            || to.slash && !exchange && !is_dir(source)
            || to.slash && exchange && target.is_some_and(|target| !is_dir(target));
        if slash_on_file {
            return Err(Errno::ENOTDIR);
        }
        if self.is_at_or_above(source, to_dir) {
            return Err(Errno::EINVAL);
        }
        if target.is_some_and(|target| self.is_at_or_above(target, from_dir)) {
            return Err(if exchange { Errno::EINVAL } else { NOT_EMPTY });
        }
        if target == Some(source) {
            return Ok(Seen::Done);
        }
        self.allow_rename(user, from_place, to_place, (source, target), exchange)?;
        if let (Some(target), false) = (target, exchange)
            && self.inode(target).is_dir()
            && !self.entries(target).is_empty()
        {
            return Err(NOT_EMPTY);
        }
        self.move_names(from_place, to_place, (source, target), exchange);
        Ok(Seen::Done)
    }

    fn allow_rename(
        &self,
        user: &User,
        from: Place,
        to: Place,
        (source, target): (Number, Option<Number>),
        exchange: bool,
    ) -> Result<(), Errno> {
        let source_is_dir = self.inode(source).is_dir();
        self.allow_removal(user, from.dir, source, source_is_dir)?;
        match target {
            None => self.allow(user, to.dir, WRITE | EXEC)?,
            Some(target) => {
                let wants_dir = if exchange { self.inode(target).is_dir() } else { source_is_dir };
                self.allow_removal(user, to.dir, target, wants_dir)?;
            }
        }
        // Who moves a directory to another changes its `..`.
        if from.dir != to.dir {
            if source_is_dir {
                self.allow(user, source, WRITE)?;
            }
            if let Some(target) = target.filter(|target| exchange && self.inode(*target).is_dir()) {
                self.allow(user, target, WRITE)?;
            }
        }
        Ok(())
    }

    fn move_names(
        &mut self,
        from: Place,
        to: Place,
        (source, target): (Number, Option<Number>),
        exchange: bool,
    ) {
        self.take(from.dir, from.name);
        if let Some(target) = target {
            self.take(to.dir, to.name);
            if exchange {
                self.add(from.dir, from.name, target);
            }
        }
        self.add(to.dir, to.name, source);
    }

    fn is_at_or_above(&self, upper: Number, mut dir: Number) -> bool {
        loop {
            if dir == upper {
                return true;
            }
            if dir == ROOT {
                return false;
            }
            dir = self.parent(dir);
        }
    }
}
