//! `shm mount`: a store as a file system at a directory, or the list of those that are.

use crate::failure::{Failure, USAGE};
use crate::mounting::{self, Mounts, Wanted};
use crate::output;
use crate::table::{self, Side};
use crate::text::visible;
use serde::Serialize;
use shmfs_fuse::options::Options;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Mount a store at a directory, or list the mounts of stores
///
/// What is created there is in the store: shm_open finds files by their names, and files appear as POSIX objects.
/// System V segments are in the folder .sysv. A store that does not run is started in the background, and ends
/// when it is unmounted and nobody uses it. A second directory shows the same files. Only root may.
#[derive(clap::Args)]
#[command(after_help = "\
Options are those of tmpfs: size= and nr_blocks= (with k, m, g, t or %),
nr_inodes=, mode=, uid=, gid=, huge=; and nosysv, store=NAME, remount, ro,
nosuid, nodev, noexec, noatime and the other words of mount(8). What is not
served is refused by name.

Examples:
  shm mount                                 lists
  shm mount /mnt/lab --store lab
  shm mount -o size=4g,mode=1777 /dev/shm   for every program, without a preload
  shm mount -o remount,size=8g /dev/shm
  mount -t fuse.shmfs lab /mnt/lab          with /sbin/mount.fuse.shmfs in place
  shm run --mount /mnt/lab -- CMD           for one program, without root")]
pub(crate) struct Args {
    /// The store [default: $SHMFS_STORE, else your own, else the system's]
    #[arg(long, value_name = "NAME", requires = "dir")]
    store: Option<OsString>,
    /// Options, separated by commas; may be given several times
    #[arg(short, long, value_name = "OPTIONS", requires = "dir")]
    options: Vec<OsString>,
    /// List as JSON
    #[arg(long, conflicts_with_all = ["dir"])]
    json: bool,
    /// Where to mount it
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Some(dir) = &args.dir else { return list(args.json) };
    let text = joined(&args.options);
    let options = Options::parse(&text).map_err(|refused| mounting::refused(&refused))?;
    let wanted = Wanted {
        store: store(args.store.clone(), &options)?,
        source: None,
        dir: dir.clone(),
        options,
        namespace: None,
    };
    if wanted.options.remount {
        return mounting::remount(&wanted, Some(&text));
    }
    let name = mounting::mount(&wanted)?;
    output::complain(&format!("store `{}` is mounted at {}", name.display(), dir.display()));
    Ok(())
}

/// Several `-o` as one.
pub(crate) fn joined(options: &[OsString]) -> Vec<u8> {
    let texts: Vec<&[u8]> = options.iter().map(|text| text.as_bytes()).collect();
    texts.join(&b',')
}

/// The store that is named beside the options, or in them.
pub(crate) fn store(beside: Option<OsString>, options: &Options) -> Result<Option<OsString>, Failure> {
    let within = options.store.as_ref().map(OsString::from);
    match (beside, within) {
        (Some(beside), Some(within)) if beside != within => Err(Failure::new(format!(
            "two stores are named: `{}` and `{}`",
            beside.display(),
            within.display()
        ))
        .hint("leave store= out")
        .status(USAGE)),
        (beside, within) => Ok(beside.or(within)),
    }
}

/// An element of `shm mount --json`.
#[derive(Serialize)]
struct MountedJson {
    store: String,
    dir: String,
    options: String,
    source: String,
}

fn list(json: bool) -> Result<(), Failure> {
    let mounts = Mounts::read()?;
    let rows = mounts.ours().map(|mount| MountedJson {
        store: visible(mount.name().as_bytes()),
        dir: visible(mount.place.as_os_str().as_bytes()),
        options: mount.options.clone(),
        source: visible(mount.source.as_bytes()),
    });
    let rows: Vec<MountedJson> = rows.collect();
    if json {
        return output::json(&rows);
    }
    if rows.is_empty() {
        output::complain("no store is mounted here");
        return Ok(());
    }
    let heads = [("STORE", Side::Left), ("OPTIONS", Side::Left), ("DIR", Side::Left)];
    let cells: Vec<[String; 3]> = rows.into_iter().map(|row| [row.store, row.options, row.dir]).collect();
    let lines = table::lines(heads, &cells, table::terminal_width());
    output::data(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}
