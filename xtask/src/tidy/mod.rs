//! `cargo xtask tidy`: the rules of the code that no compiler knows. Each rule is a file; each names its source.

mod cases;
mod code;
mod dependencies;
mod docs;
mod source;

use crate::tools::{Outcome, root};
use source::Source;

/// A broken rule: where, and what.
type Complaint = String;

pub(crate) fn run() -> Outcome {
    let sources = Source::all(root())?;
    let mut complaints = Vec::new();
    complaints.extend(code::lengths(&sources));
    for source in &sources {
        complaints.extend(code::check(source));
    }
    complaints.extend(dependencies::check(root())?);
    complaints.extend(docs::check(root())?);
    complaints.extend(cases::check(root())?);
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => {
            println!("tidy: {} files of Rust, all in order", sources.len());
            Ok(())
        }
        count => Err(format!("{count} broken rules")),
    }
}
