//! What is said of a snapshot: to people, and as JSON.

use crate::clock::utc;
use crate::json;
use crate::report::count;
use crate::size::long;
use crate::text::visible;
use serde::Serialize;
use shmfs_abi::{Key, Kind};
use shmfs_snapshot::{Doubt, Header, Hold, Totals, Verdict};

/// A snapshot, whole.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) header: &'a Header,
    pub(crate) verdict: Verdict,
    pub(crate) totals: Totals,
}

/// What `--json` prints: of `shm snapshot` and `shm restore --check` the whole, of `shm restore` a part.
#[derive(Serialize)]
pub(crate) struct SnapshotJson {
    object: u64,
    kind: &'static str,
    name: Option<String>,
    key: Option<u32>,
    size_bytes: u64,
    data_bytes: u64,
    file_bytes: u64,
    frames: u64,
    mode: String,
    uid: u32,
    gid: u32,
    lifetime: &'static str,
    guarded: bool,
    created_seconds: i64,
    taken_seconds: i64,
    held_by: &'static str,
    epoch: Option<u64>,
    consistent: bool,
    fuzzy: Option<String>,
}

impl Told<'_> {
    /// What it is of.
    pub(crate) fn title(&self) -> String {
        title(self.header)
    }

    /// One line: sizes and consistency.
    pub(crate) fn line(&self) -> String {
        let Totals { bytes, file_bytes, .. } = self.totals;
        let (size, data, file) = (long(self.header.size.0), long(bytes), long(file_bytes));
        format!("{}: {size}, {data} of data in {file}, {}", self.title(), self.verdict_words())
    }

    /// Everything, for `shm restore --check`.
    pub(crate) fn lines(&self) -> String {
        let Header { uid, gid, mode, lifetime, guarded, taken, created, size, kind, .. } = *self.header;
        let Totals { frames, bytes, file_bytes } = self.totals;
        let lives = if guarded { ", guarded" } else { "" };
        let lines = [
            ("snapshot", format!("of {}", self.title())),
            ("taken", utc(taken.seconds)),
            ("state", self.mark().unwrap_or_else(|| self.verdict_words())),
            ("kind", json::kind(kind).to_owned()),
            ("size", format!("{} ({} bytes)", long(size.0), size.0)),
            ("data", format!("{} in {}", long(bytes), count(frames, "frame"))),
            ("file", long(file_bytes)),
            ("mode", format!("{mode:04o}")),
            ("owner", format!("uid {}, gid {}", uid.0, gid.0)),
            ("lifetime", format!("{}{lives}", lifetime.text())),
            ("created", utc(created.seconds)),
        ];
        lines.iter().map(|(word, value)| format!("{word:<10} {value}\n")).collect()
    }

    fn verdict_words(&self) -> String {
        match (self.verdict, self.header.hold) {
            (Verdict::Fuzzy(_), _) => "fuzzy".to_owned(),
            (_, Hold::Epoch(epoch)) => format!("consistent as committed in epoch {epoch}"),
            (_, Hold::Guard) => "consistent, its writers waited".to_owned(),
            (_, Hold::Alone | Hold::Nothing) => "consistent, nobody else had it open".to_owned(),
        }
    }

    /// The mark of a fuzzy one.
    pub(crate) fn mark(&self) -> Option<String> {
        match self.verdict {
            Verdict::Consistent => None,
            Verdict::Fuzzy(doubt) => Some(format!("fuzzy: {}", why(doubt))),
        }
    }

    pub(crate) fn json(&self) -> SnapshotJson {
        let Header { hold, key, .. } = *self.header;
        SnapshotJson {
            object: self.header.object.0,
            kind: json::kind(self.header.kind),
            name: self.header.name.map(|name| visible(name.as_bytes())),
            key: (key != Key::PRIVATE).then_some(key.0.cast_unsigned()),
            size_bytes: self.header.size.0,
            data_bytes: self.totals.bytes,
            file_bytes: self.totals.file_bytes,
            frames: self.totals.frames,
            mode: format!("{:04o}", self.header.mode),
            uid: self.header.uid.0,
            gid: self.header.gid.0,
            lifetime: self.header.lifetime.text(),
            guarded: self.header.guarded,
            created_seconds: self.header.created.seconds,
            taken_seconds: self.header.taken.seconds,
            held_by: match hold {
                Hold::Nothing => "nothing",
                Hold::Alone => "alone",
                Hold::Guard => "guard",
                Hold::Epoch(_) => "epoch",
            },
            epoch: if let Hold::Epoch(epoch) = hold { Some(epoch) } else { None },
            consistent: self.verdict == Verdict::Consistent,
            fuzzy: match self.verdict {
                Verdict::Consistent => None,
                Verdict::Fuzzy(doubt) => Some(why(doubt)),
            },
        }
    }
}

/// What a header is of: `frames`, `segment with key 0x2a`.
pub(crate) fn title(header: &Header) -> String {
    match (&header.name, header.kind) {
        (Some(name), Kind::Anonymous) => format!("anonymous memory `{}`", visible(name.as_bytes())),
        (Some(name), _) => format!("`{}`", visible(name.as_bytes())),
        (None, Kind::Segment) if header.key == Key::PRIVATE => "a segment without a key".to_owned(),
        (None, Kind::Segment) => format!("the segment with key 0x{:08x}", header.key.0),
        (None, _) => "an object without a name".to_owned(),
    }
}

/// Why it is fuzzy, for people.
pub(crate) fn why(doubt: Doubt) -> String {
    let words = match doubt {
        Doubt::Held { attaches: 0 } => {
            "other processes have it open, and may have written while it was copied"
        }
        Doubt::Held { attaches: 1 } => "it is attached, and may have been written while it was copied",
        Doubt::Held { attaches } => {
            return format!("it is attached {attaches} times, and may have been written while it was copied");
        }
        Doubt::Came => "somebody opened it while it was copied, and may have written",
        Doubt::Busy => {
            "a writer kept its lock for longer than the wait, and may have written while it was copied"
        }
        Doubt::Unknown => "it could not be found out whether somebody wrote while it was copied",
        Doubt::Shrank => "it was cut while it was copied; what was cut off is zero",
    };
    words.to_owned()
}

/// How the next one can be consistent.
pub(crate) fn remedy(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Busy => "wait for longer with `--wait SECONDS`, or look for the process that keeps the lock",
        Doubt::Unknown => "copy it as its owner, or as root",
        _ => "copy it when its programs have ended, or let them take its guard",
    }
}
