//! The library's side of the map cases: the commands of `main.rs`, by what this library offers.
//!
//! Where a command is a plain system call on a descriptor (`pread`, `pwrite`, `reopen`, `limit`), it is that here too: those show
//! what the library has done, and are not what is compared.

use rustix::{
    fs::{Mode, OFlags},
    process::{Resource, Rlimit},
};
use shmfs::{Advice, Error, MapOptions, MappedFile, Mapping, Object, Seals, Store};
use shmfs_abi::Errno;
use shmfs_sys::child::{self, Ended};
use shmfs_sys::table::Cloned;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::{fs::MetadataExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    process,
};

/// What a command has come to: an answer, or the name of an error.
type Outcome = Result<String, String>;

enum Open {
    Object(Object),
    Disk(File, PathBuf),
}

enum Seen {
    Mapping(Mapping),
    View(MappedFile),
}

#[derive(Default)]
struct Things {
    files: BTreeMap<String, Open>,
    maps: BTreeMap<String, Seen>,
    sockets: BTreeMap<String, UnixStream>,
}

/// Answers the commands on standard input until they end.
pub fn serve(folder: &Path) {
    let mut things = Things::default();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let outcome = things.answer(&words, folder).unwrap_or_else(|error| error);
        println!("= {outcome}");
        io::stdout().flush().unwrap();
    }
}

fn done<T>(result: Result<T, Error>) -> Outcome {
    result.map(|_| "ok".to_owned()).map_err(|error| name(error.errno()))
}

fn by_std<T>(result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| name(error.raw_os_error().unwrap_or(0)))
}

fn by_rustix<T>(result: rustix::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| name(error.raw_os_error()))
}

fn name(errno: i32) -> String {
    Errno(errno).name().to_owned()
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().ok().unwrap_or_else(|| panic!("not a number: {word}"))
}

impl Things {
    fn answer(&mut self, words: &[&str], folder: &Path) -> Outcome {
        match *words {
            ["file", file, kind, len] => self.make(file, kind, number(len), folder),
            ["map", map, file, offset, len, ref options @ ..] => {
                self.map(map, file, number(offset), len, options)
            }
            ["guard"] => done(shmfs::guard::install()),
            ["fork" | "exit" | "limit" | "nobody", ..] => processes(words),
            ["connect" | "send" | "receive" | "hangup", ..] => self.sockets(words),
            [_, file, ..] if self.files.contains_key(file) && is_of_files(words[0]) => self.file(words),
            ["view" | "reopen", _, _, ..] => self.derive(words),
            [_, map, ..] if self.maps.contains_key(map) => self.access(words),
            _ => panic!("not a command: {words:?}"),
        }
    }

    fn make(&mut self, file: &str, kind: &str, len: u64, folder: &Path) -> Outcome {
        let made = match kind {
            "memfd" => Object::anonymous(len).map(Open::Object),
            "huge" => Object::anonymous_huge(len, 21).map(Open::Object),
            "shm" => {
                let store = Store::open().map_err(|error| error.to_string())?;
                store.create(format!("{}-{file}", process::id()), len).map(Open::Object)
            }
            _ => {
                let path = folder.join(format!("{}-{file}", process::id()));
                drop(MappedFile::create(&path, len).map_err(|error| name(error.errno()))?);
                Ok(Open::Disk(by_std(File::options().read(true).write(true).open(&path))?, path))
            }
        };
        let made = made.map_err(|error| name(error.errno()))?;
        self.files.insert(file.to_owned(), made);
        Ok("ok".to_owned())
    }

    fn map(&mut self, map: &str, file: &str, offset: u64, len: &str, options: &[&str]) -> Outcome {
        let mut wanted = MapOptions::new().offset(offset);
        if len != "-" {
            wanted = wanted.len(number(len));
        }
        for option in options {
            wanted = match *option {
                "ro" => wanted.read_only(),
                "private" => wanted.private(),
                "populate" => wanted.populate(),
                "locked" => wanted.locked(),
                at => {
                    let (other, beyond) = at.trim_start_matches("at=").split_once('+').expect("at=M+BYTES");
                    wanted.at(self.mapping(other).address() + number::<usize>(beyond))
                }
            };
        }
        let mapped = match &self.files[file] {
            Open::Object(object) => object.map_with(&wanted),
            Open::Disk(file, _) => {
                MappedFile::from_file(by_std(file.try_clone())?).and_then(|file| file.map_with(&wanted))
            }
        };
        let mapped = mapped.map_err(|error| name(error.errno()))?;
        self.maps.insert(map.to_owned(), Seen::Mapping(mapped));
        Ok("ok".to_owned())
    }

    fn mapping(&self, map: &str) -> &Mapping {
        match &self.maps[map] {
            Seen::Mapping(mapping) => mapping,
            Seen::View(file) => file.mapping().expect("a view of something"),
        }
    }

    fn derive(&mut self, words: &[&str]) -> Outcome {
        let fd = by_std(self.files[words[2]].as_fd().try_clone_to_owned())?;
        if words[0] == "view" {
            let view = MappedFile::from_file(fd.into()).map_err(|error| name(error.errno()))?;
            self.maps.insert(words[1].to_owned(), Seen::View(view));
            return Ok("ok".to_owned());
        }
        let flags = match words[3] {
            "ro" => OFlags::RDONLY,
            "wo" => OFlags::WRONLY,
            _ => OFlags::RDWR,
        };
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let again = by_rustix(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()))?;
        let again = match &self.files[words[2]] {
            Open::Object(_) => Open::Object(Object::from_fd(again).map_err(|error| name(error.errno()))?),
            Open::Disk(_, path) => Open::Disk(again.into(), path.clone()),
        };
        self.files.insert(words[1].to_owned(), again);
        Ok("ok".to_owned())
    }

    fn file(&mut self, words: &[&str]) -> Outcome {
        let file = &self.files[words[1]];
        match *words {
            ["where", ..] => Ok(format!("/proc/{}/fd/{}", process::id(), file.as_fd().as_raw_fd())),
            ["close", name] => {
                self.files.remove(name);
                Ok("ok".to_owned())
            }
            ["len", _] => file.len(),
            ["blocks", _] => {
                let file = File::from(by_std(file.as_fd().try_clone_to_owned())?);
                by_std(file.metadata()).map(|facts| facts.blocks().to_string())
            }
            ["resize", _, len] => file.resize(number(len)),
            ["hole", _, offset, len] => file.hole(number(offset), number(len)),
            ["unlink", _] => match file {
                Open::Object(object) => done(object.unlink()),
                Open::Disk(_, path) => by_std(fs::remove_file(path)).map(|()| "ok".to_owned()),
            },
            ["seal", _, seals] => done(file.object().seal(seals_of(seals))),
            ["seals", _] => {
                let seals = file.object().seals();
                seals.map(|seals| seals.bits().to_string()).map_err(|error| name(error.errno()))
            }
            ["pread", _, offset, len] => {
                let mut bytes = vec![0; number(len)];
                let read = by_rustix(rustix::io::pread(file.as_fd(), &mut bytes, number(offset)))?;
                Ok(shown(&bytes[..read]))
            }
            ["pwrite", _, offset, text] => {
                let written = rustix::io::pwrite(file.as_fd(), text.as_bytes(), number(offset));
                by_rustix(written).map(|_| "ok".to_owned())
            }
            _ => panic!("not a command: {words:?}"),
        }
    }

    fn access(&mut self, words: &[&str]) -> Outcome {
        match (words[0], self.maps.get_mut(words[1]).expect("a mapping")) {
            ("unmap", _) => {
                self.maps.remove(words[1]);
                Ok("ok".to_owned())
            }
            ("same", _) => {
                let same = self.mapping(words[1]).address() == self.mapping(words[2]).address();
                Ok(if same { "same place" } else { "two places" }.to_owned())
            }
            ("resident", _) => {
                let resident = self.mapping(words[1]).resident();
                resident.map(|pages| pages.to_string()).map_err(|error| name(error.errno()))
            }
            ("grow", Seen::View(file)) => done(file.grow(number(words[2]))),
            ("refresh", Seen::View(file)) => done(file.refresh()),
            (_, Seen::Mapping(mapping)) => access_mapping(mapping, words),
            (_, Seen::View(file)) => access_view(file, words),
        }
    }

    fn sockets(&mut self, words: &[&str]) -> Outcome {
        match *words {
            ["connect", socket, path] => {
                let stream = by_std(UnixStream::connect(path))?;
                self.sockets.insert(socket.to_owned(), stream);
                Ok("ok".to_owned())
            }
            ["hangup", socket] => {
                self.sockets.remove(socket);
                Ok("ok".to_owned())
            }
            ["send", socket, "nothing"] => {
                by_std((&self.sockets[socket]).write_all(b"+")).map(|()| "ok".to_owned())
            }
            ["send", socket, file] => done(self.files[file].object().send_to(&self.sockets[socket])),
            ["receive", socket, file] => {
                let received =
                    Object::receive_from(&self.sockets[socket]).map_err(|error| name(error.errno()))?;
                self.files.insert(file.to_owned(), Open::Object(received));
                Ok("ok".to_owned())
            }
            _ => panic!("not a command: {words:?}"),
        }
    }
}

/// Commands whose letter is a file's.
fn is_of_files(command: &str) -> bool {
    let all = "where close len blocks resize hole unlink seal seals pread pwrite";
    all.split(' ').any(|known| known == command)
}

impl Open {
    fn object(&self) -> &Object {
        match self {
            Open::Object(object) => object,
            Open::Disk(..) => panic!("a file on a disk is no object"),
        }
    }

    fn len(&self) -> Outcome {
        match self {
            Open::Object(object) => {
                object.len().map(|len| len.to_string()).map_err(|error| name(error.errno()))
            }
            Open::Disk(file, _) => by_std(file.metadata()).map(|facts| facts.len().to_string()),
        }
    }

    fn resize(&self, len: u64) -> Outcome {
        match self {
            Open::Object(object) => done(object.resize(len)),
            Open::Disk(file, _) => by_std(file.set_len(len)).map(|()| "ok".to_owned()),
        }
    }

    fn hole(&self, offset: u64, len: u64) -> Outcome {
        match self {
            Open::Object(object) => done(object.punch_hole(offset, len)),
            Open::Disk(file, _) => {
                let file = MappedFile::from_file(by_std(file.try_clone())?);
                done(file.and_then(|file| file.punch_hole(offset..offset + len)))
            }
        }
    }
}

impl AsFd for Open {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Open::Object(object) => object.as_fd(),
            Open::Disk(file, _) => file.as_fd(),
        }
    }
}

fn access_mapping(mapping: &Mapping, words: &[&str]) -> Outcome {
    let offset: usize = number(words[2]);
    let end = || match words[3] {
        "-" => mapping.len(),
        len => offset.saturating_add(number(len)),
    };
    match words[0] {
        "get" => {
            let mut bytes = vec![0; number(words[3])];
            mapping.read_at(offset, &mut bytes).map_err(|error| name(error.errno()))?;
            Ok(shown(&bytes))
        }
        "put" => done(mapping.write_at(offset, words[3].as_bytes())),
        "fill" => done(mapping.fill(offset..end(), words[4].as_bytes()[0])),
        "flush" if words[4] == "async" => done(mapping.flush_async(offset..end())),
        "flush" => done(mapping.flush(offset..end())),
        "advise" => done(mapping.advise(offset..end(), advice_of(words[4]))),
        "lock" => done(mapping.lock(offset..end())),
        "unlock" => done(mapping.unlock(offset..end())),
        _ => panic!("not a command: {words:?}"),
    }
}

fn access_view(file: &MappedFile, words: &[&str]) -> Outcome {
    let offset: u64 = number(words[2]);
    let end = || offset + number::<u64>(words[3]);
    match words[0] {
        "get" => {
            let mut bytes = vec![0; number(words[3])];
            file.read_at(offset, &mut bytes).map_err(|error| name(error.errno()))?;
            Ok(shown(&bytes))
        }
        "put" => done(file.write_at(offset, words[3].as_bytes())),
        "flush" if words[4] == "async" => done(file.flush_async(offset..end())),
        "flush" => done(file.flush(offset..end())),
        "advise" => done(file.advise(offset..end(), advice_of(words[4]))),
        _ => panic!("not a command: {words:?}"),
    }
}

fn processes(words: &[&str]) -> Outcome {
    match *words {
        ["fork"] => match child::fork().map_err(|errno| errno.name().to_owned())? {
            Cloned::Child => Ok("child".to_owned()),
            Cloned::Parent(child) => match child::wait(child).map_err(|errno| errno.name().to_owned())? {
                Ended::Exit(code) => Ok(format!("parent, child exited {code}")),
                Ended::Signal(7) => Ok("parent, child died by SIGBUS".to_owned()),
                Ended::Signal(signal) => Ok(format!("parent, child died by signal {signal}")),
            },
        },
        ["exit", code] => child::exit(number(code)),
        ["limit", "memlock", bytes] => {
            let limit = Rlimit { current: Some(number(bytes)), maximum: Some(number(bytes)) };
            by_rustix(rustix::process::setrlimit(Resource::Memlock, limit)).map(|()| "ok".to_owned())
        }
        ["nobody"] => {
            let nobody = rustix::process::Uid::from_raw(65534);
            by_rustix(rustix::thread::set_thread_res_uid(nobody, nobody, nobody)).map(|()| "ok".to_owned())
        }
        _ => panic!("not a command: {words:?}"),
    }
}

fn seals_of(words: &str) -> Seals {
    let seal = |word| match word {
        "seal" => Seals::SEAL,
        "shrink" => Seals::SHRINK,
        "grow" => Seals::GROW,
        "write" => Seals::WRITE,
        "future" => Seals::FUTURE_WRITE,
        _ => panic!("no seal: {word}"),
    };
    words.split('|').map(seal).fold(Seals::empty(), Seals::union)
}

fn advice_of(word: &str) -> Advice {
    match word {
        "normal" => Advice::Normal,
        "random" => Advice::Random,
        "sequential" => Advice::Sequential,
        "willneed" => Advice::WillNeed,
        "dontneed" => Advice::DontNeed,
        "populate-read" => Advice::PopulateRead,
        "populate-write" => Advice::PopulateWrite,
        "dontdump" => Advice::DontDump,
        _ => panic!("no advice: {word}"),
    }
}

/// Bytes in words, as `tell` in side.c.
fn shown(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for run in bytes.chunk_by(|one, next| one == next) {
        let byte = match run[0] {
            0 => ".".to_owned(),
            letter if letter.is_ascii_alphanumeric() => char::from(letter).to_string(),
            other => format!("\\{other:02x}"),
        };
        shown += &byte.repeat(if run.len() > 3 { 1 } else { run.len() });
        if run.len() > 3 {
            shown += &format!("{{{}}}", run.len());
        }
    }
    shown + "\""
}
