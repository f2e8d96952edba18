//! A private store in a world of its own, its first client an actor.

use crate::run::{PATIENCE, eventually_within};
use crate::{Actor, DevShm, Running, Scratch, Stage, World, eventually, run, shm};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `shm run OPTIONS -- actor`, running.
pub struct Store {
    /// Before the world, so that its files are left last.
    stage: Stage,
    shm: PathBuf,
    dir: String,
    running: Option<Running>,
    world: World,
    scratch: Scratch,
}

impl Store {
    /// Starts it; gives the actor `first`, which is CMD. An error is a reason to skip.
    pub fn start(options: &[&str]) -> Result<(Store, Actor), String> {
        let world = World::start(DevShm::Ample)?;
        let scratch = Scratch::new("store");
        let shm = scratch.copy_of(&shm(), "shm");
        let stage = Stage::new(&scratch);
        let (actor, socket) = stage.program();
        let mut command = world.command(&shm);
        command.arg("run").args(options).arg("--").arg(actor).arg(socket).arg("first");
        let running = Running::start(&mut command);
        let mut first = stage.arrival("first");
        let dir = first.ask("env SHMFS_STORE");
        assert!(dir.starts_with('/'), "SHMFS_STORE is not set: {dir:?}");
        Ok((Store { stage, shm, dir, running: Some(running), world, scratch }, first))
    }

    /// The world it lives in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Its folder for files.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The program `shm`.
    pub fn shm(&self) -> &Path {
        &self.shm
    }

    /// The directory that SHMFS_STORE names, as seen from outside the world.
    pub fn folder(&self) -> PathBuf {
        self.world.outside(&self.dir)
    }

    /// Waits for another actor.
    pub fn arrival(&self, name: &str) -> Actor {
        self.stage.arrival(name)
    }

    /// The process number of what runs `shm run` inside (nsenter).
    pub fn run_id(&self) -> u32 {
        self.running.as_ref().expect("shm run has not been awaited").id()
    }

    /// Waits for the end of `shm run`.
    pub fn finish(&mut self) -> crate::Outcome {
        self.running.take().expect("shm run has not been awaited").finish(crate::LIMIT)
    }

    fn ask(&self, command: &str) -> Value {
        let mut shm = self.world.command(&self.shm);
        shm.args([command, "--store", &self.dir, "--json"]);
        let said = run(&mut shm, crate::LIMIT).expect_success(&format!("shm {command}"));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("shm {command} --json: {error}: {said}"))
    }

    /// `shm ls --json`
    pub fn ls(&self) -> Vec<Value> {
        self.ask("ls").as_array().expect("shm ls --json prints an array").clone()
    }

    /// `shm df --json`
    pub fn df(&self) -> Value {
        self.ask("df")
    }

    /// The row of a segment in `shm ls --json`.
    pub fn segment(&self, id: i64) -> Option<Value> {
        self.ls().into_iter().find(|row| row["id"] == id)
    }

    /// Waits until both the actor, by shmctl, and `shm ls` see `expected` attaches.
    pub fn expect_nattch(&self, actor: &mut Actor, id: i64, expected: i64) {
        let mut seen = (String::new(), Value::Null);
        let came = eventually_within(PATIENCE, || {
            let listed = self.segment(id).map_or(Value::Null, |row| row["nattch"].clone());
            seen = (actor.ask(&format!("nattch {id}")), listed);
            seen.0 == expected.to_string() && seen.1 == expected
        });
        assert!(came, "nattch of segment {id} is not {expected}: shmctl and shm ls say {seen:?}");
    }

    /// Waits until the segment is gone, for the actor and for `shm ls`.
    pub fn expect_gone(&self, actor: &mut Actor, id: i64) {
        eventually(&format!("segment {id} is gone"), || {
            self.segment(id).is_none() && actor.ask(&format!("nattch {id}")) == "EINVAL"
        });
    }

    /// Waits until no broker runs and its directory is gone.
    pub fn expect_ended(&self) {
        eventually("the store's processes and directory are gone", || {
            self.world.processes(&self.shm).is_empty() && !self.folder().exists()
        });
    }
}
