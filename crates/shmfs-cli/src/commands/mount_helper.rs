//! What mount(8) runs for the types `fuse.shmfs` and `shmfs`: `mount.fuse.shmfs SOURCE DIR [-sfnv] [-N NS] [-o OPTIONS]
//! [-t TYPE]` (mount(8), "EXTERNAL HELPERS"). The program under one of those names, or `shm mount-helper`.

use crate::commands::mount::{joined, store};
use crate::failure::Failure;
use crate::mounting::{self, Wanted};
use crate::output;
use shmfs_fuse::options::{Options, Refused};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The names under which the program is this command.
const NAMES: [&str; 2] = ["mount.fuse.shmfs", "mount.shmfs"];

/// Exit statuses of mount(8).
const WRONG_USAGE: u8 = 1;
const MOUNT_FAILED: u8 = 32;

/// Mount a store as mount(8) asks for it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The store; `shmfs` and `none` are the default one
    source: OsString,
    /// Where to mount it
    dir: PathBuf,
    /// Options, separated by commas
    #[arg(short, value_name = "OPTIONS")]
    options: Vec<OsString>,
    /// Pass over options that are not known
    #[arg(short)]
    sloppy: bool,
    /// Check everything and mount nothing
    #[arg(short)]
    fake: bool,
    /// Taken and not needed: there is no /etc/mtab to be written
    #[arg(short)]
    no_mtab: bool,
    /// Tell what is done
    #[arg(short)]
    verbose: bool,
    /// Mount in this mount namespace
    #[arg(short = 'N', value_name = "NS")]
    namespace: Option<OsString>,
    /// Taken and not needed: the program serves one type
    #[arg(short = 't', value_name = "TYPE")]
    kind: Option<OsString>,
}

/// Arguments of `shm` in place of those of a helper; the same arguments otherwise.
pub(crate) fn arguments(given: impl Iterator<Item = OsString>) -> (Vec<OsString>, bool) {
    let mut given = given.peekable();
    let is_helper = given.peek().is_some_and(|name| is_helper(name));
    if !is_helper {
        return (given.collect(), false);
    }
    let words = ["shm", "mount-helper"].map(OsString::from);
    (words.into_iter().chain(given.skip(1)).collect(), true)
}

fn is_helper(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known))
}

/// Arguments that are none, in the words of the parser and with the status of mount(8).
pub(crate) fn wrong_usage(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    match mount(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            let status = if failure.status == crate::failure::USAGE { WRONG_USAGE } else { MOUNT_FAILED };
            Err(failure.status(status))
        }
    }
}

fn mount(args: &Args) -> Result<(), Failure> {
    let text = joined(&args.options);
    let options = parse(&text, args.sloppy).map_err(|refused| mounting::refused(&refused))?;
    let nameless = mounting::is_nameless(&args.source);
    let named = if nameless { None } else { Some(args.source.clone()) };
    let source = args.source.to_str().filter(|_| nameless).map(str::to_owned);
    let wanted = Wanted {
        store: store(named, &options)?,
        source,
        dir: args.dir.clone(),
        options,
        namespace: args.namespace.clone(),
    };
    if args.fake {
        return Ok(());
    }
    if wanted.options.remount {
        return mounting::remount(&wanted, None);
    }
    let name = mounting::mount(&wanted)?;
    if args.verbose {
        output::complain(&format!("shm: store `{}` is mounted at {}", name.display(), args.dir.display()));
    }
    Ok(())
}

fn parse(text: &[u8], sloppy: bool) -> Result<Options, Refused> {
    if !sloppy {
        return Options::parse(text);
    }
    let mut options = Options::default();
    for item in text.split(|byte| *byte == b',') {
        match options.add(item) {
            Err(refused) if !refused.is_unknown() => return Err(refused),
            _ => {}
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_makes_it_a_helper() {
        let check = |given: &[&str], expected: &[&str], is_helper: bool| {
            let (arguments, helper) = arguments(given.iter().map(OsString::from));
            assert_eq!((arguments, helper), (expected.iter().map(OsString::from).collect(), is_helper));
        };
        check(&["/sbin/mount.fuse.shmfs", "lab", "/x"], &["shm", "mount-helper", "lab", "/x"], true);
        check(&["mount.shmfs"], &["shm", "mount-helper"], true);
        check(&["shm", "ls"], &["shm", "ls"], false);
        check(&["/x/mount.shmfs/shm", "ls"], &["/x/mount.shmfs/shm", "ls"], false);
        check(&[], &[], false);
    }

    #[test]
    fn sloppy_passes_over_what_is_unknown_alone() {
        assert!(parse(b"foo,size=1m", false).is_err());
        assert_eq!(parse(b"foo,mpol=local,size=1m", true), Options::parse(b"size=1m"));
        assert!(parse(b"foo,size=x", true).is_err());
    }
}
