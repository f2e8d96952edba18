//! `shm snapshot`: an object in a file.

use crate::failure::{Failure, USAGE};
use crate::interrupt::Interrupt;
use crate::listing;
use crate::output;
use crate::progress::Progress;
use crate::snapshot::copy::{copy, writing};
use crate::snapshot::hold::Held;
use crate::snapshot::lock::Patience;
use crate::snapshot::output::{Goal, Output, is_stdout};
use crate::snapshot::told::{SnapshotJson, Told, remedy, title, why};
use crate::store::{StoreArg, Visit};
use serde::Serialize;
use shmfs_abi::{ByteLen, Key, Kind, Row, Time};
use shmfs_snapshot::{Header, Totals, Verdict, Writer};
use std::ffi::OsString;
use std::time::{Duration, SystemTime};

/// Copy an object into a file: compressed, checksummed, and consistent where its programs cooperate
///
/// A durable object is copied as it was committed; one with a guard while its writers wait; any other as it is.
/// If somebody may have written meanwhile, the snapshot is fuzzy: shm says so, and so does the file.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm snapshot frames -o frames.snap
  shm snapshot 0x2a -o segment.snap --consistent
  shm snapshot frames -o - | ssh HOST shm restore -

NAME|ID|0xKEY is as in `shm stat`. The file is readable by you alone. It gets
its name when it is whole; what has the name already is replaced then.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// A name, a segment's id, or a key with 0x in front
    #[arg(value_name = "NAME|ID|0xKEY", required_unless_present = "object")]
    called: Option<OsString>,
    /// The object with this number, which `shm ls --json` tells: one without a name
    #[arg(long, value_name = "NUMBER", conflicts_with = "called")]
    object: Option<u64>,
    /// The file; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: OsString,
    /// Fail rather than make a fuzzy one
    #[arg(long)]
    consistent: bool,
    /// How long to wait for a writer that has it locked
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u32,
    /// Tell nothing but warnings
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON: what is in the file, sizes in bytes
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ResultJson {
    file: String,
    #[serde(flatten)]
    snapshot: SnapshotJson,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.json && is_stdout(&args.output) {
        return Err(Failure::new("`--json` prints to standard output, where the snapshot goes").status(USAGE));
    }
    let mut visit = args.store.visit()?;
    let row = find(&mut visit, args)?;
    let goal = Goal::of(&args.output)?;
    let interrupt = if goal.is_stream() { Interrupt::at_once() } else { Interrupt::noted()? };
    let mut out = Output::create(&goal)?;
    let patience =
        Patience { limit: Duration::from_secs(args.wait.into()), interrupt: &interrupt, quiet: args.quiet };
    let held = Held::take(&mut visit, &row, &patience)?;
    held.notes.iter().for_each(|note| output::complain(&format!("shm: warning: {note}")));
    let (header, verdict, totals) = make(&mut visit, &row, held, &mut out, args, &interrupt)?;
    interrupt.check()?;
    out.finish().map_err(|error| Failure::new(format!("cannot write the snapshot: {error}")))?;
    tell(args, Told { header: &header, verdict, totals })
}

fn find(visit: &mut Visit, args: &Args) -> Result<Row, Failure> {
    let mut rows = listing::rows(visit)?;
    // What has a name comes before what has it as a label only.
    rows.sort_by_key(|row| row.kind == Kind::Anonymous);
    let (found, shown) = match (&args.called, args.object) {
        (Some(called), _) => (super::stat::find(&rows, called), format!("called `{}`", called.display())),
        (None, number) => {
            let number = number.unwrap_or_default();
            (rows.iter().find(|row| row.object.0 == number), format!("with the number {number}"))
        }
    };
    found.copied().ok_or_else(|| {
        Failure::new(format!("nothing {shown} in this store")).hint("`shm ls` lists what there is")
    })
}

fn make(
    visit: &mut Visit,
    row: &Row,
    held: Held,
    out: &mut Output,
    args: &Args,
    interrupt: &Interrupt,
) -> Result<(Header, Verdict, Totals), Failure> {
    let refuse = |verdict| match verdict {
        Verdict::Fuzzy(doubt) if args.consistent => {
            Err(Failure::new(format!("no consistent copy: {}", why(doubt))).hint(remedy(doubt)))
        }
        _ => Ok(()),
    };
    held.doubt.map_or(Ok(()), |doubt| refuse(Verdict::Fuzzy(doubt)))?;
    let header = header(row, &held)?;
    let progress = Progress::new(args.quiet, title(&header), header.size.0);
    let mut writer = Writer::begin(out, &header).map_err(writing)?;
    let whole = copy(&held.pages, header.size.0, &mut writer, |at| {
        progress.at(at);
        interrupt.check()
    })?;
    let verdict = held.end(visit, row, whole)?;
    refuse(verdict)?;
    let (_, totals) = writer.finish(verdict).map_err(writing)?;
    Ok((header, verdict, totals))
}

fn header(row: &Row, held: &Held) -> Result<Header, Failure> {
    let size = match row.kind {
        // As it was asked for: its file may be longer, by the rest of a huge page.
        Kind::Segment => row.size,
        _ => {
            let len = held.pages.metadata().map(|found| found.len());
            ByteLen(len.map_err(|error| Failure::new(format!("cannot measure it: {error}")))?)
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Ok(Header {
        object: row.object,
        name: row.name.filter(|_| row.kind != Kind::Segment),
        key: row.key.unwrap_or(Key::PRIVATE),
        uid: row.uid,
        gid: row.gid,
        mode: row.mode & 0o7777,
        lifetime: row.lifetime,
        guarded: row.guarded,
        created: row.created,
        taken: Time { seconds, nanos: now.subsec_nanos() },
        hold: held.hold,
        ..Header::new(row.kind, size)
    })
}

fn tell(args: &Args, told: Told<'_>) -> Result<(), Failure> {
    if !args.quiet {
        output::complain(&told.line());
    }
    if let Verdict::Fuzzy(doubt) = told.verdict {
        output::complain(&told.mark().unwrap_or_default());
        if !args.quiet {
            output::complain(&format!("hint: {}", remedy(doubt)));
        }
    }
    if args.json {
        let file = args.output.display().to_string();
        return output::json(&ResultJson { file, snapshot: told.json() });
    }
    Ok(())
}
