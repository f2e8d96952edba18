//! The listings as JSON: numbers in bytes and whole, null where a field does not apply.

use crate::text::visible;
use serde::Serialize;
use shmfs_abi::{CallName, Door, Kind, Row, Usage};
use std::collections::BTreeMap;

/// An element of `shm ls --json`, and the whole of `shm stat --json`.
#[derive(Serialize)]
pub(crate) struct RowJson {
    door: &'static str,
    kind: &'static str,
    id: Option<i32>,
    key: Option<u32>,
    name: Option<String>,
    size_bytes: u64,
    allocated_bytes: u64,
    nattch: Option<u64>,
    mode: String,
    uid: u32,
    gid: u32,
    cpid: i32,
    lpid: Option<i32>,
    removed: bool,
    lifetime: &'static str,
    guarded: bool,
    object: u64,
}

/// The whole of `shm df --json`.
#[derive(Serialize)]
pub(crate) struct UsageJson {
    size_bytes: u64,
    used_bytes: u64,
    allocated_bytes: u64,
    files_bytes: u64,
    peak_bytes: u64,
    backing: &'static str,
    objects: ObjectsJson,
    created: CreatedJson,
    broker: i32,
    keeper: Option<i32>,
    restarts: u64,
    calls: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct ObjectsJson {
    sysv: u64,
    posix: u64,
    anon: u64,
}

#[derive(Serialize)]
struct CreatedJson {
    segments: u64,
    objects: u64,
    semaphores: u64,
    anonymous: u64,
}

impl From<&Row> for RowJson {
    fn from(row: &Row) -> RowJson {
        RowJson {
            door: door(row.door),
            kind: kind(row.kind),
            id: row.shmid.map(|shmid| shmid.0),
            key: row.key.map(|key| key.0.cast_unsigned()),
            name: row.name.map(|name| visible(name.as_bytes())),
            size_bytes: row.size.0,
            allocated_bytes: row.allocated.0,
            nattch: row.nattch,
            mode: format!("{:04o}", row.mode),
            uid: row.uid.0,
            gid: row.gid.0,
            cpid: row.cpid.0,
            lpid: row.lpid.map(|pid| pid.0),
            removed: row.removed,
            lifetime: row.lifetime.text(),
            guarded: row.guarded,
            object: row.object.0,
        }
    }
}

impl From<&Usage> for UsageJson {
    fn from(usage: &Usage) -> UsageJson {
        UsageJson {
            size_bytes: usage.size.0,
            used_bytes: usage.used.0,
            allocated_bytes: usage.allocated.0,
            files_bytes: usage.tree.0,
            peak_bytes: usage.peak.0,
            backing: usage.backing.text(),
            objects: ObjectsJson { sysv: usage.sysv, posix: usage.posix, anon: usage.anon },
            created: CreatedJson {
                segments: usage.created.segments,
                objects: usage.created.objects,
                semaphores: usage.created.semaphores,
                anonymous: usage.created.anonymous,
            },
            broker: usage.broker.0,
            keeper: (usage.keeper.0 != 0).then_some(usage.keeper.0),
            restarts: usage.restarts,
            calls: CallName::ALL.iter().map(|name| name.text()).zip(usage.calls).collect(),
        }
    }
}

/// The word for a door.
pub(crate) fn door(door: Door) -> &'static str {
    match door {
        Door::Sysv => "sysv",
        Door::Posix => "posix",
        Door::Anon => "anon",
    }
}

/// The word for a kind.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Segment => "segment",
        Kind::Object => "object",
        Kind::Semaphore => "semaphore",
        Kind::Anonymous => "memory",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use shmfs_abi::{Backing, ByteLen, Created, Gid, Key, Lifetime, Name, ObjectId, Pid, Shmid, Time, Uid};

    /// A segment whose key has its highest bit set.
    pub(crate) fn segment() -> Row {
        Row {
            object: ObjectId(1),
            door: Door::Sysv,
            kind: Kind::Segment,
            shmid: Some(Shmid(32769)),
            key: Some(Key(-2)),
            name: None,
            size: ByteLen(1 << 30),
            allocated: ByteLen(4096),
            nattch: Some(2),
            mode: 0o600,
            uid: Uid(1000),
            gid: Gid(100),
            cpid: Pid(4711),
            lpid: Some(Pid(4712)),
            removed: false,
            lifetime: Lifetime::UntilRemoved,
            guarded: false,
            created: Time { seconds: 1_709_251_199, nanos: 0 },
        }
    }

    /// An object whose name is not UTF-8.
    pub(crate) fn object() -> Row {
        Row {
            object: ObjectId(2),
            door: Door::Posix,
            kind: Kind::Object,
            shmid: None,
            key: None,
            name: Name::new(b"fr\xffmes").ok(),
            size: ByteLen(64 << 20),
            nattch: None,
            mode: 0o644,
            lpid: None,
            ..segment()
        }
    }

    /// A store that has served a little.
    pub(crate) fn usage() -> Usage {
        let mut calls = [0; CallName::ALL.len()];
        calls[CallName::Shmget as usize] = 3;
        Usage {
            size: ByteLen(4 << 30),
            used: ByteLen(1 << 30),
            peak: ByteLen(2 << 30),
            allocated: ByteLen(8192),
            tree: ByteLen(0),
            backing: Backing::TmpfsFile,
            sysv: 1,
            posix: 1,
            anon: 0,
            unnamed: 0,
            created: Created { segments: 3, objects: 1, semaphores: 0, anonymous: 0 },
            clients: 2,
            restarts: 1,
            broker: Pid(4713),
            keeper: Pid(4710),
            calls,
        }
    }

    #[test]
    fn rows_have_the_promised_fields() {
        let value = serde_json::to_value([RowJson::from(&segment()), RowJson::from(&object())]).unwrap();
        let expected = serde_json::json!([
            {"door": "sysv", "kind": "segment", "id": 32769, "key": 4_294_967_294_u32, "name": null,
             "size_bytes": 1 << 30, "allocated_bytes": 4096, "nattch": 2, "mode": "0600", "uid": 1000,
             "gid": 100, "cpid": 4711, "lpid": 4712, "removed": false, "lifetime": "until-removed",
             "guarded": false, "object": 1},
            {"door": "posix", "kind": "object", "id": null, "key": null, "name": "fr\\xffmes",
             "size_bytes": 64 << 20, "allocated_bytes": 4096, "nattch": null, "mode": "0644", "uid": 1000,
             "gid": 100, "cpid": 4711, "lpid": null, "removed": false, "lifetime": "until-removed",
             "guarded": false, "object": 2},
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn usage_has_the_promised_fields() {
        let value = serde_json::to_value(UsageJson::from(&usage())).unwrap();
        assert_eq!(value["calls"]["shmget"], 3);
        assert_eq!(value["calls"]["sem_open"], 0);
        assert_eq!(value["objects"], serde_json::json!({"sysv": 1, "posix": 1, "anon": 0}));
        assert_eq!(value["created"]["segments"], 3);
        assert_eq!(value["backing"], "hidden-tmpfs");
        assert_eq!([&value["broker"], &value["keeper"], &value["restarts"]], [4713, 4710, 1]);
        let alone = Usage { keeper: Pid(0), ..usage() };
        assert!(serde_json::to_value(UsageJson::from(&alone)).unwrap()["keeper"].is_null());
        let sizes = ["size_bytes", "used_bytes", "allocated_bytes", "peak_bytes"].map(|key| &value[key]);
        assert_eq!(sizes, [4_u64 << 30, 1 << 30, 8192, 2 << 30].map(serde_json::Value::from).each_ref());
    }
}
