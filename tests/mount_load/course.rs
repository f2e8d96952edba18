//! The course of a load: a mount, processes that call, brokers that die, what is there at the end, the end of all.

use crate::brokers::{Dice, kill_one};
use crate::control::Control;
use crate::mounted::Mounted;
use crate::options::Options;
use shmfs_tests::{LIMIT, Running, run as run_program};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// The processes of a load; each has the row of the control file after the one before it.
const ROLES: [&str; 14] = [
    "random", "random", "mapper", "append", "append", "names", "names", "race", "race", "race", "look",
    "orphan", "counter", "counter",
];
const PREPARE: u64 = 30;
const CHECK: u64 = 31;
/// How long one call may take, and how long all may stand still.
const PATIENCE: Duration = Duration::from_secs(60);
/// What processes may take to look at all that they made.
const END: Duration = Duration::from_secs(180);

/// A load under way.
struct Load<'a> {
    folder: &'a Path,
    mounted: &'a Mounted,
    control: &'a Control,
    options: &'a Options,
}

/// Runs it in `folder`, which holds the programs; an error says what was wrong.
pub(crate) fn run(folder: &Path, options: &Options) -> Result<(), String> {
    let begin = Instant::now();
    println!("mount_load: seed {}", options.seed);
    let mounted = Mounted::mount(folder, options.tmpfs)?;
    let control = Control::create(folder.join("control")).map_err(|error| error.to_string())?;
    let load = Load { folder, mounted: &mounted, control: &control, options };
    load.play(PREPARE, "prepare")?;
    let killed = load.rage()?;
    load.play(CHECK, "check")?;
    mounted.clear()?;
    mounted.unmount()?;
    load_report(&control, killed, begin.elapsed());
    Ok(())
}

impl Load<'_> {
    fn role(&self, which: u64, role: &str) -> Command {
        let mut command = Command::new(self.folder.join("load"));
        command.arg(self.control.path()).arg(self.mounted.dir());
        command.args([self.options.seed.to_string(), which.to_string(), role.to_owned()]);
        command
    }

    fn play(&self, which: u64, role: &str) -> Result<(), String> {
        let outcome = run_program(&mut self.role(which, role), LIMIT);
        if outcome.success() {
            Ok(())
        } else {
            Err(format!("{role}: {}: {}", outcome.status, outcome.stderr))
        }
    }

    /// Lets all call while brokers are killed; how many were.
    fn rage(&self) -> Result<u64, String> {
        let mut running: Vec<Running> =
            (1..).zip(ROLES).map(|(which, role)| Running::start(&mut self.role(which, role))).collect();
        let (over, killed) = (AtomicBool::new(false), AtomicU64::new(0));
        let (watched, killing) = scope(|scope| {
            let killer = scope.spawn(|| self.kill(&over, &killed));
            let watched = self.watch(&mut running, || killer.is_finished());
            over.store(true, Ordering::Relaxed);
            (watched, killer.join().unwrap_or_else(|_| Err("the killer panicked".to_owned())))
        });
        let killed = killed.into_inner();
        watched.and(killing).map_err(|why| format!("after {killed} kills: {why}"))?;
        self.control.stop().map_err(|error| error.to_string())?;
        let begin = Instant::now();
        while running.iter_mut().any(Running::runs) {
            self.look(None)?;
            if begin.elapsed() > END {
                return Err(format!("not all have ended after {END:?}"));
            }
            sleep(Duration::from_millis(10));
        }
        for (running, role) in running.into_iter().zip(ROLES) {
            let outcome = running.finish(LIMIT);
            if !outcome.success() {
                return Err(format!("{role} at the end: {}: {}", outcome.status, outcome.stderr));
            }
        }
        Ok(killed)
    }

    fn kill(&self, over: &AtomicBool, killed: &AtomicU64) -> Result<(), String> {
        let mut dice = Dice(self.options.seed);
        let wanted = if self.options.tmpfs { 0 } else { self.options.brokers };
        while killed.load(Ordering::Relaxed) < wanted && !over.load(Ordering::Relaxed) {
            kill_one(self.mounted, dice.life())?;
            killed.fetch_add(1, Ordering::Relaxed);
        }
        let end = Instant::now() + Duration::from_secs(self.options.seconds);
        while Instant::now() < end && !over.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Until the killer has ended: everybody lives, nobody waits for ever, and something happens.
    fn watch(&self, running: &mut [Running], ended: impl Fn() -> bool) -> Result<(), String> {
        let mut progress = (0, Instant::now());
        while !ended() {
            if let Some(at) = running.iter_mut().position(|running| !running.runs()) {
                let role = ROLES[at];
                let post = self.control.post(at as u64 + 1).map_err(|error| error.to_string())?;
                return Err(format!("{role} has ended: {}{post:?}", self.words_of(running, at)));
            }
            self.look(Some(&mut progress))?;
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn words_of(&self, running: &mut [Running], at: usize) -> String {
        let ended = std::mem::replace(&mut running[at], Running::start(&mut Command::new("true")));
        let outcome = ended.finish(LIMIT);
        format!("{}: {}", outcome.status, outcome.stderr)
    }

    fn look(&self, progress: Option<&mut (u64, Instant)>) -> Result<(), String> {
        let mut calls = 0;
        for (which, role) in (1..).zip(ROLES) {
            let post = self.control.post(which).map_err(|error| error.to_string())?;
            calls += post.calls;
            if let Some((call, waited)) = post.waits
                && waited > PATIENCE
            {
                return Err(format!("{call} of {role} has not returned for {waited:?}"));
            }
        }
        if let Some(progress) = progress {
            if calls != progress.0 {
                *progress = (calls, Instant::now());
            } else if progress.1.elapsed() > PATIENCE {
                return Err(format!("nothing happens since {PATIENCE:?}"));
            }
        }
        Ok(())
    }
}

fn load_report(control: &Control, killed: u64, took: Duration) {
    println!("mount_load: {killed} brokers killed, {:.1} s; no wrong result", took.as_secs_f64());
    for (which, role) in (1..).zip(ROLES) {
        if let Ok(post) = control.post(which) {
            let longest = post.longest.as_secs_f64() * 1000.0;
            println!(
                "  {role:<10}{:>10} calls, the longest {longest:>8.1} ms ({})",
                post.calls, post.slowest
            );
        }
    }
}
