//! Images that are damaged anyhow are refused in words, or are those of a namespace that works. Nothing panics.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod flaws;

use flaws::{flaw, name, spoil, value};
use proptest::prelude::*;
use shmfs_abi::{
    AttachFlags, ByteLen, Call, Caps, Cred, Errno, GetFlags, Gid, Groups, Key, Lifetime, LimitsChange,
    ObjectId, OpenFlags, Part, Pid, ProcFile, Reply, Shmid, Time, Uid, Wanted,
};
use shmfs_core::{Effect, Event, Facts, Namespace};
use shmfs_testkit::{Kept, Play, Setting, steps};

const LIFETIMES: [Lifetime; 4] =
    [Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable];

const ROOT: Cred = Cred { pid: Pid(1), uid: Uid(0), gid: Gid(0), groups: Groups::NONE, caps: Caps::all() };

/// Puts a call; backings are made, names are given, and the invariants hold after each.
fn put(engine: &mut Namespace, call: Call) {
    let Ok(answer) = engine.call(&ROOT, call, Time::default()) else { return engine.check() };
    carry_out(engine, answer.effects);
}

fn carry_out(engine: &mut Namespace, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::Make { ticket, .. } | Effect::Link { ticket, .. } | Effect::Lock { ticket, .. } =
            effect
        {
            let next = engine.settle(ticket, Ok(Facts::default()));
            carry_out(engine, next);
        }
    }
    engine.check();
}

fn observe(engine: &mut Namespace, event: Event) {
    let effects = engine.observe(event, Time { seconds: 5, nanos: 0 });
    carry_out(engine, effects);
}

/// Does everything once to everything that there is.
fn trample(engine: &mut Namespace, value: u64) {
    let mut rows = Vec::new();
    let mut after = ObjectId(0);
    while let Ok(Reply::Row(row)) =
        engine.call(&ROOT, Call::Next { after }, Time::default()).map(|it| it.reply)
    {
        after = row.object;
        rows.push(row);
    }
    for call in [Call::Usage, Call::ShmInfo, Call::ProcText { file: ProcFile::SysvipcShm }] {
        put(engine, call);
    }
    let (flags, size) = (GetFlags::from_bits_retain(0o1666), ByteLen(1));
    put(engine, Call::ShmGet { key: Key(77), size, flags });
    put(engine, Call::Link { from: name(0), to: name(9) });
    put(engine, Call::ShmGetDurable { key: Key(78), size, flags });
    put(engine, Call::Anonymous { label: name(1), size });
    for number in 0..4_u64 {
        let (flags, mode) = (OpenFlags::from_bits_retain(0o102), 0o600);
        let lifetime = LIFETIMES[(number.wrapping_add(value) % 4) as usize];
        let (name, size, guarded) = (name(number), ByteLen(value % 9000), false);
        put(engine, Call::Want(Wanted { name, flags, mode, size, lifetime, guarded }));
    }
    for number in 0..6 {
        put(
            engine,
            Call::Open { name: name(number), flags: OpenFlags::from_bits_retain(0o102), mode: 0o600 },
        );
        put(engine, Call::Rename { from: name(number), to: name(number + 1), flags: (value % 3) as u32 });
    }
    for row in &rows {
        let object = row.object;
        if let Some(shmid) = row.shmid {
            put(engine, Call::ShmAttach { shmid, flags: AttachFlags::empty() });
            put(engine, Call::ShmLock { shmid, lock: value.is_multiple_of(2), allowance: 0 });
            put(engine, Call::ShmSet { shmid, uid: Uid(9), gid: Gid(9), mode: 0o777 });
            put(engine, Call::ShmStat { shmid });
        }
        for part in [Part::Read, Part::Write, Part::Undo] {
            put(engine, Call::Fetch { object, part });
        }
        put(engine, Call::Reserve { object, size: ByteLen(value) });
        let facts = Facts { size: ByteLen(value), allocated: ByteLen(value) };
        observe(engine, Event::Measured { object, facts });
        put(engine, Call::Settle { object });
        observe(engine, Event::Owned { object, uid: Uid(3), gid: Gid(3), mode: value as u32 });
    }
    for who in 100..104 {
        observe(engine, Event::Exited { pid: Pid(who) });
    }
    put(engine, Call::SetLimits { change: LimitsChange { rmid_forced: Some(1), ..LimitsChange::default() } });
    for (ticket, _, _) in engine.pending_links() {
        let effects = engine.settle(ticket, Err(Errno::EEXIST));
        carry_out(engine, effects);
    }
    for object in engine.objects().collect::<Vec<_>>() {
        observe(engine, Event::Unheld { object });
    }
    for object in engine.orphans() {
        observe(engine, Event::Reaped { object });
    }
    for row in &rows {
        if let (Some(slot), Some(shmid)) = (row.shmid.and_then(Shmid::slot), row.shmid) {
            put(engine, Call::ShmRemove { shmid });
            let last_detach = Some((Pid(7), Time { seconds: value as i64, nanos: 0 }));
            observe(engine, Event::Counted { slot, object: row.object, nattch: 0, last_detach });
        }
    }
    for number in 0..6 {
        put(engine, Call::Unlink { name: name(number) });
    }
    for object in engine.released() {
        observe(engine, Event::Unused { object });
    }
    engine.take_changes();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_refused_or_harmless(
        sequence in steps(40),
        flaws in prop::collection::vec(flaw(), 1..4),
        wild in value(),
        durable in any::<bool>(),
    ) {
        let mut play = Play::new(&Setting { durable, ..Setting::default() });
        for step in sequence {
            play.play(step);
        }
        let kept = Kept::of(play.engine());
        let names = kept.names.iter().map(|(name, object)| (*name, *object)).collect();
        let mut lists = (kept.store, kept.objects.values().copied().collect(), names);
        for flaw in flaws {
            spoil(&mut lists, flaw);
        }
        if let Ok(mut engine) = Namespace::restore(&lists.0, &lists.1, &lists.2) {
            engine.check();
            // It is as good as any other: its own images lead back to it.
            let images: Vec<_> = engine.objects().filter_map(|object| engine.object_image(object)).collect();
            prop_assert!(Namespace::restore(&engine.image(), &images, &lists.2).is_ok());
            trample(&mut engine, wild);
        }
    }
}
