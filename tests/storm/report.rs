//! What a storm prints.

use crate::ledger::{Count, Ledger, Wait};
use crate::options::Options;
use crate::rest::Found;
use std::time::Duration;

/// What the driver itself has measured.
pub(crate) struct Measured {
    pub(crate) took: Duration,
    /// When each broker was killed, in nanoseconds of CLOCK_MONOTONIC.
    pub(crate) brokers: Vec<u64>,
    pub(crate) keepers: u64,
    /// Nanoseconds, the median; 0 where no broker is killed.
    pub(crate) respawn: u64,
    /// Answers to visitors while it stormed, and the longest wait for one.
    pub(crate) visits: u64,
    pub(crate) longest_visit: Wait,
    pub(crate) found: Found,
}

/// Prints the table.
pub(crate) fn print(ledger: &Ledger, options: &Options, measured: &Measured) {
    let count = |what| ledger.count(what);
    let line = |what: &str, words: String| println!("  {what:<44} {words}");
    println!("storm: seed {}, {:.1} s", options.seed, measured.took.as_secs_f64());
    line(
        "client processes killed",
        format!("{} ({} victims started)", count(Count::Killed), count(Count::Victims)),
    );
    line("brokers killed, keepers killed", format!("{}, {}", measured.brokers.len(), measured.keepers));
    line(
        "children: fork, vfork+exec, posix_spawn",
        format!("{}, {}, {}", count(Count::Forked), count(Count::Vforked), count(Count::Spawned)),
    );
    line(
        "  raw clone, _Fork, fork+setsid+fork",
        format!("{}, {}, {}", count(Count::Cloned), count(Count::Bare), count(Count::Daemons)),
    );
    line("  orphaned before their first call", count(Count::Orphaned).to_string());
    line("  of these unseen, their segment removed before", count(Count::Unseen).to_string());
    line(
        "exec, threads, all descriptors closed, stopped",
        format!(
            "{}, {}, {}, {}",
            count(Count::Execs),
            count(Count::Threaded),
            count(Count::Closed),
            count(Count::Stopped)
        ),
    );
    line(
        "killed in a creation, of these done",
        format!("{}, {}", count(Count::MidCreate), count(Count::MidCreateDone)),
    );
    line(
        "killed in a removal, of these done",
        format!("{}, {}", count(Count::MidRemove), count(Count::MidRemoveDone)),
    );
    line("objects made", count(Count::Made).to_string());
    line("contents compared, all as written", count(Count::Checked).to_string());
    line("counts that were exact a moment late", count(Count::Late).to_string());
    line(
        "at rest: objects, attaches, bytes, all exact",
        format!("{}, {}, {}", measured.found.objects, measured.found.attaches, measured.found.used_bytes),
    );
    line("calls, all answered", (ledger.answered() + measured.visits).to_string());
    let wait = ledger.longest().max(measured.longest_visit);
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    let [half, most, nearly_all] = [500, 990, 999].map(|part| milliseconds(ledger.wait_of(part)));
    line("waits: 50 %, 99 %, 99.9 % within", format!("{half:.2}, {most:.2}, {nearly_all:.2} ms"));
    let mut words = format!("{:.2} ms ({})", milliseconds(wait.nanoseconds), wait.call);
    if measured.respawn > 0 {
        let ratio = wait.nanoseconds as f64 / measured.respawn as f64;
        let within = wait.began..=wait.began + wait.nanoseconds;
        let killed = measured.brokers.iter().filter(|at| within.contains(at)).count();
        words += &format!(
            " = {ratio:.1} x one respawn at rest ({:.2} ms); {killed} brokers were killed in it",
            milliseconds(measured.respawn)
        );
    }
    line("longest wait", words);
}
