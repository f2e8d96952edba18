//! `shm restore`: an object from a file that `shm snapshot` wrote.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::restore::fill::fill;
use crate::restore::input::Input;
use crate::restore::made::Made;
use crate::restore::plan::{Plan, Target, Wishes};
use crate::snapshot::told::{SnapshotJson, Told, title, why};
use crate::store::{StoreArg, Visit};
use crate::text::visible;
use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::Serialize;
use shmfs_abi::{Key, Lifetime, Name};
use shmfs_snapshot::{Hold, Reader, Totals, Verdict};
use std::ffi::OsString;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;

/// Make an object again from a snapshot
///
/// Nobody finds it before it is whole. Name, key, mode and lifetime are as they were, and its owner as far as you
/// may give it away. A fuzzy snapshot is restored, and shm says that it is one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  shm restore frames.snap
  shm restore frames.snap --name frames-of-monday
  shm restore --check frames.snap      is it whole, and of what? needs no store
  ssh HOST shm snapshot frames -o - | shm restore -")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArg,
    /// The file; `-` for standard input
    #[arg(value_name = "FILE")]
    file: OsString,
    /// Give it this name, with or without its slash
    #[arg(long, value_name = "NAME", value_parser = OsStringValueParser::new().try_map(parse_name))]
    name: Option<Name>,
    /// Give the segment this key, decimal or with 0x in front; `none` for no key
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<Key>,
    /// Take the name from the object that has it; who uses that one keeps it
    #[arg(long)]
    replace: bool,
    /// Let it live for another time than before
    #[arg(long, value_enum)]
    lifetime: Option<LifetimeArg>,
    /// Refuse a fuzzy snapshot
    #[arg(long)]
    consistent: bool,
    /// Only read the file to its end, and show what is in it
    #[arg(long, conflicts_with_all = ["store", "name", "key", "replace", "lifetime"])]
    check: bool,
    /// Tell nothing but warnings
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON: what was restored and what is in the file, sizes in bytes
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum LifetimeArg {
    /// Until it is removed, or the store ends
    UntilRemoved,
    /// In the store's state directory
    Durable,
}

#[derive(Serialize)]
struct ResultJson {
    name: Option<String>,
    id: Option<i32>,
    key: Option<u32>,
    lifetime: &'static str,
    warnings: Vec<String>,
    snapshot: SnapshotJson,
}

/// A snapshot that is being read.
type Source<'a> = Reader<BufReader<Input<'a>>>;

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = if args.check { Interrupt::at_once() } else { Interrupt::noted()? };
    let file = Input::open(&args.file, &interrupt)?;
    let mut reader = Reader::begin(BufReader::with_capacity(1 << 16, file))
        .map_err(|error| interrupt.check().err().unwrap_or_else(|| unusable(args, &error.to_string())))?;
    let header = *reader.header();
    if args.consistent && header.hold == Hold::Nothing {
        return Err(unusable(args, "it is fuzzy: nothing kept its object from changing"));
    }
    if args.check {
        return check(args, &mut reader);
    }
    let lifetime = args.lifetime.map(|lifetime| match lifetime {
        LifetimeArg::UntilRemoved => Lifetime::UntilRemoved,
        LifetimeArg::Durable => Lifetime::Durable,
    });
    let wishes = Wishes { name: args.name, key: args.key, replace: args.replace, lifetime };
    let plan = Plan::of(&header, wishes)?;
    let mut visit = args.store.visit()?;
    let made = Made::make(&mut visit, &plan, &header)?;
    let filled = complete(args, &mut visit, &mut reader, &made, &plan, &interrupt);
    if filled.is_err() {
        made.remove(&mut visit);
    }
    let (verdict, totals, notes) = filled?;
    tell(args, &plan, &made, &notes, Told { header: &header, verdict, totals })
}

/// Fills it and shows it; what is not as it was.
fn complete(
    args: &Args,
    visit: &mut Visit,
    reader: &mut Source<'_>,
    made: &Made,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<(Verdict, Totals, Vec<String>), Failure> {
    let header = *reader.header();
    let (verdict, totals) = read_through(args, reader, Some(made), interrupt)?;
    refuse_fuzzy(args, verdict)?;
    let notes = made.show(visit, plan, &header)?;
    Ok((verdict, totals, [plan.notes.clone(), notes].concat()))
}

fn read_through<R: Read>(
    args: &Args,
    reader: &mut Reader<R>,
    made: Option<&Made>,
    interrupt: &Interrupt,
) -> Result<(Verdict, Totals), Failure> {
    let header = *reader.header();
    let progress = Progress::new(args.quiet, title(&header), header.size.0);
    let pages = made.map(|made| &made.pages);
    let passed = |at| {
        progress.at(at);
        interrupt.check()
    };
    let filled = fill(reader, pages, passed, |error| unusable(args, &error.to_string()));
    interrupt.check()?;
    filled
}

fn check(args: &Args, reader: &mut Source<'_>) -> Result<(), Failure> {
    let (verdict, totals) = read_through(args, reader, None, &Interrupt::at_once())?;
    let told = Told { header: reader.header(), verdict, totals };
    match args.json {
        true => output::json(&told.json())?,
        false => output::data(&told.lines())?,
    }
    refuse_fuzzy(args, verdict)
}

fn refuse_fuzzy(args: &Args, verdict: Verdict) -> Result<(), Failure> {
    match verdict {
        Verdict::Fuzzy(doubt) if args.consistent => {
            Err(unusable(args, &format!("it is fuzzy: {}", why(doubt))))
        }
        _ => Ok(()),
    }
}

fn unusable(args: &Args, why: &str) -> Failure {
    Failure::new(format!("cannot use `{}`: {why}", args.file.display()))
}

fn tell(args: &Args, plan: &Plan, made: &Made, notes: &[String], told: Told<'_>) -> Result<(), Failure> {
    for note in notes {
        output::complain(&format!("shm: warning: {note}"));
    }
    if let Some(mark) = told.mark() {
        output::complain(&mark);
    }
    let id = made.shmid().map(|shmid| shmid.0);
    if !args.quiet {
        let id = id.map(|id| format!(", id {id}")).unwrap_or_default();
        output::complain(&format!("restored {}{id}, from {}", plan.title(), told.line()));
    }
    if !args.json {
        return Ok(());
    }
    let (name, key) = match plan.target {
        Target::Object { name, .. } => (Some(visible(name.as_bytes())), None),
        Target::Segment { key } => (None, (key != Key::PRIVATE).then_some(key.0.cast_unsigned())),
    };
    let (lifetime, warnings) = (plan.lifetime.text(), notes.to_vec());
    output::json(&ResultJson { name, id, key, lifetime, warnings, snapshot: told.json() })
}

fn parse_name(text: OsString) -> Result<Name, String> {
    let name = Name::new(super::rm::without_slash(text.as_bytes()));
    name.map_err(|error| format!("it is not a name ({})", error.errno().name()))
}

fn parse_key(text: &str) -> Result<Key, String> {
    if text == "none" {
        return Ok(Key::PRIVATE);
    }
    let key = super::rm::parse_key(text)?;
    Ok(Key(key.cast_signed()))
}
