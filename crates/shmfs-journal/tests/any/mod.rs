//! Every record, at random.
#![allow(dead_code, reason = "each test uses some of it")]

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use proptest::{collection::vec, option, prelude::*, sample};
use shmfs_abi::{
    Backing, ByteLen, Caps, ClientId, Created, Cred, Gid, Groups, IpcPerm, Key, Kind, Lifetime, Name,
    ObjectId, OpenFlags, PageCount, Pid, ProcFile, ShmLimits, Shmid, Slot, Ticket, Time, Uid,
    limits::{GROUPS, NAME_BYTES, SLOTS},
    store::{Admission, Token},
};
use shmfs_core::{ObjectImage, PlaceImage, SegmentImage, StoreImage};
use shmfs_journal::{
    ANSWER_BYTES, Answered, ClientRecord, ConnectionId, ConnectionRecord, Intent, MountRecord, ObjectRecord,
    Record, Role, STATE_BYTES, StoreRecord, WriterRecord,
};
use shmfs_sys::fd::Identity;
use shmfs_sys::socket::Peer;

pub fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        4 => vec(any::<u8>(), 1..=20),
        1 => vec(any::<u8>(), NAME_BYTES - 1..=NAME_BYTES),
    ]
    .prop_filter_map("no name", |bytes| Name::new(&bytes).ok())
}

fn time() -> impl Strategy<Value = Time> {
    (any::<i64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Time { seconds, nanos })
}

fn slot() -> impl Strategy<Value = Slot> {
    (0..SLOTS).prop_map(Slot)
}

fn owner() -> impl Strategy<Value = (Uid, Gid)> {
    any::<(u32, u32)>().prop_map(|(uid, gid)| (Uid(uid), Gid(gid)))
}

fn backing() -> impl Strategy<Value = Backing> {
    sample::select(&[
        Backing::SealedMemfd,
        Backing::TmpfsFile,
        Backing::Memfd,
        Backing::Huge,
        Backing::SealableMemfd,
        Backing::Durable,
    ])
}

fn identity() -> impl Strategy<Value = Identity> {
    any::<(u64, u64)>().prop_map(|(dev, ino)| Identity { dev, ino })
}

fn cred() -> impl Strategy<Value = Cred> {
    let groups = vec(any::<u32>(), 0..=GROUPS);
    (any::<i32>(), owner(), groups, any::<u64>()).prop_map(|(pid, (uid, gid), groups, caps)| Cred {
        pid: Pid(pid),
        uid,
        gid,
        groups: Groups::new(groups.into_iter().map(Gid)),
        caps: Caps::from_bits_retain(caps),
    })
}

fn answered() -> impl Strategy<Value = Answered> {
    let give = || option::of(any::<(u64, i32)>());
    (any::<u64>(), vec(any::<u8>(), 0..=ANSWER_BYTES), [give(), give()]).prop_map(
        |(sequence, response, gives)| {
            let give = |(object, flags)| (ObjectId(object), OpenFlags::from_bits_retain(flags));
            Answered::new(sequence, &response, gives.map(|given| given.map(give))).unwrap()
        },
    )
}

fn limits() -> impl Strategy<Value = ShmLimits> {
    any::<(u64, u32, u64)>().prop_map(|(shmmax, shmmni, shmall)| ShmLimits { shmmax, shmmni, shmall })
}

fn store_image() -> impl Strategy<Value = StoreImage> {
    let cursor = (any::<u32>(), option::of(0..SLOTS), any::<u16>());
    let next_id = option::of(any::<i32>().prop_map(Shmid));
    (
        (any::<[u64; 8]>(), any::<[bool; 4]>()),
        (limits(), next_id, cursor),
        (backing(), any::<(u8, bool)>(), owner(), time()),
    )
        .prop_map(|((numbers, truths), (limits, next_id, cursor), (posix, protected, owner, boot))| {
            StoreImage {
                limit: PageCount(numbers[0]),
                peak: PageCount(numbers[1]),
                sparse: truths[0],
                reserve: truths[1],
                limits,
                rmid_forced: truths[2],
                next_id,
                cursor,
                numbers: (numbers[2], numbers[3]),
                created: Created {
                    segments: numbers[4],
                    objects: numbers[5],
                    semaphores: numbers[6],
                    anonymous: numbers[7],
                },
                posix,
                durable: truths[3],
                protected,
                owner,
                boot,
            }
        })
}

pub fn store() -> impl Strategy<Value = StoreRecord> {
    let admission = prop_oneof![
        Just(Admission::Everyone),
        Just(Admission::Owner),
        any::<[u8; 16]>().prop_map(|token| Admission::Token(Token(token))),
    ];
    let dirs = (vec(any::<u8>(), 0..=107), vec(any::<u8>(), 0..=STATE_BYTES));
    (store_image(), dirs, any::<[i32; 6]>(), any::<[bool; 8]>(), admission, any::<[u64; 4]>()).prop_map(
        |(image, (dir, state), fds, truths, admission, numbers)| StoreRecord {
            image,
            dir,
            state,
            state_lock: fds[3],
            listener: fds[0],
            hidden: fds[1],
            hold: fds[2],
            kill: truths[0],
            reap: truths[1],
            command_ended: truths[2],
            mount: MountRecord {
                device: fds[4],
                door_state: fds[5],
                sysv: truths[3],
                open: truths[4],
                shared: truths[5],
                attached: truths[7],
            },
            until_unmounted: truths[6],
            admission,
            posix_dev: numbers[0],
            next_connection: numbers[1],
            next_client: numbers[2],
            next_writer: numbers[3],
        },
    )
}

fn segment() -> impl Strategy<Value = SegmentImage> {
    let perm = (owner(), owner(), any::<u32>()).prop_map(|((uid, gid), (cuid, cgid), mode)| IpcPerm {
        uid,
        gid,
        cuid,
        cgid,
        mode,
    });
    (any::<u16>(), perm, any::<[i64; 3]>(), any::<[u64; 2]>(), any::<[i32; 3]>(), time(), any::<[bool; 3]>())
        .prop_map(|(seq, perm, times, numbers, small, touched, truths)| SegmentImage {
            seq,
            key: Key(small[0]),
            perm,
            size: ByteLen(numbers[0]),
            atime: times[0],
            dtime: times[1],
            ctime: times[2],
            cpid: Pid(small[1]),
            lpid: Pid(small[2]),
            nattch: numbers[1],
            touched,
            huge: truths[0],
            durable: truths[2],
            orphaned: truths[1],
        })
}

fn place() -> impl Strategy<Value = PlaceImage> {
    prop_oneof![
        (name(), any::<u64>()).prop_map(|(name, ticket)| PlaceImage::Pending(name, Ticket(ticket))),
        name().prop_map(PlaceImage::Name),
        (name(), any::<u64>()).prop_map(|(name, ticket)| PlaceImage::Fresh(name, Ticket(ticket))),
        (slot(), segment()).prop_map(|(slot, segment)| PlaceImage::Slot(slot, segment)),
        name().prop_map(PlaceImage::Anonymous),
        Just(PlaceImage::Released),
    ]
}

fn object() -> impl Strategy<Value = ObjectRecord> {
    let kind = sample::select(&[Kind::Segment, Kind::Object, Kind::Semaphore, Kind::Anonymous]);
    let lifetime =
        sample::select(&[Lifetime::UntilRemoved, Lifetime::Process, Lifetime::LastUser, Lifetime::Durable]);
    let image = (
        any::<[u64; 4]>(),
        kind,
        any::<[u32; 2]>(),
        owner(),
        (time(), option::of(time())),
        (any::<[bool; 2]>(), lifetime),
        place(),
    );
    (image, any::<(i32, i32)>(), identity(), backing(), (owner(), any::<u32>())).prop_map(
        |(
            (numbers, kind, small, (uid, gid), times, ([orphaned, guarded], lifetime), place),
            (fd, creator),
            identity,
            backing,
            owner,
        )| {
            let image = ObjectImage {
                object: ObjectId(numbers[0]),
                kind,
                size: ByteLen(numbers[1]),
                allocated: ByteLen(numbers[2]),
                charged: PageCount(numbers[3]),
                uid,
                gid,
                mode: small[0],
                links: small[1],
                creator: Pid(creator),
                created: times.0,
                lifetime,
                guarded,
                reserved: times.1,
                orphaned,
                place,
            };
            let ((uid, gid), mode) = owner;
            ObjectRecord { image, fd, identity, backing, owner: (uid, gid, mode) }
        },
    )
}

fn client() -> impl Strategy<Value = ClientRecord> {
    (
        any::<[u64; 2]>(),
        any::<[i32; 3]>(),
        identity(),
        any::<bool>(),
        option::of(any::<u64>()),
        option::of(answered()),
    )
        .prop_map(|(numbers, small, identity, leaving, ticket, answered)| ClientRecord {
            client: ClientId(numbers[0]),
            cookie: numbers[1],
            table: small[0],
            identity,
            pidfd: small[1],
            pid: Pid(small[2]),
            leaving,
            ticket: ticket.map(Ticket),
            answered,
        })
}

fn connection() -> impl Strategy<Value = ConnectionRecord> {
    let role = prop_oneof![
        Just(Role::Stranger),
        any::<u64>().prop_map(|client| Role::Unborn(ClientId(client))),
        any::<u64>().prop_map(|client| Role::Client(ClientId(client))),
        Just(Role::Visitor),
    ];
    let sender = (any::<i32>(), owner()).prop_map(|(pid, (uid, gid))| Peer { pid: Pid(pid), uid, gid });
    (any::<(u64, i32, bool)>(), role, option::of(cred()), option::of(sender), option::of(answered()))
        .prop_map(|((connection, socket, spoken), role, cred, sender, answered)| ConnectionRecord {
            connection: ConnectionId(connection),
            socket,
            role,
            cred,
            sender,
            spoken,
            answered,
        })
}

fn writer() -> impl Strategy<Value = WriterRecord> {
    let file = sample::select(&[
        ProcFile::SysvipcShm,
        ProcFile::Shmmax,
        ProcFile::Shmall,
        ProcFile::Shmmni,
        ProcFile::ShmRmidForced,
        ProcFile::ShmNextId,
    ]);
    (any::<(u64, i32)>(), file, cred()).prop_map(|((writer, pipe), file, cred)| WriterRecord {
        writer,
        pipe,
        file,
        cred,
    })
}

pub fn intent() -> impl Strategy<Value = Intent> {
    let object = || any::<u64>().prop_map(ObjectId);
    prop_oneof![
        (any::<u64>(), object(), name()).prop_map(|(ticket, object, name)| Intent::Link {
            ticket: Ticket(ticket),
            object,
            name
        }),
        (object(), name()).prop_map(|(object, name)| Intent::Unlink { object, name }),
        (object(), name(), name(), any::<u32>()).prop_map(|(object, from, to, flags)| Intent::Rename {
            object,
            from,
            to,
            flags
        }),
        (object(), name(), name()).prop_map(|(object, from, to)| Intent::LinkName { object, from, to }),
        (object(), owner(), any::<u32>()).prop_map(|(object, (uid, gid), mode)| Intent::Own {
            object,
            uid,
            gid,
            mode
        }),
        (object(), any::<u64>()).prop_map(|(object, changed)| Intent::Truncate { object, changed }),
        (any::<u64>(), slot(), object(), any::<(u32, bool)>()).prop_map(
            |(client, slot, object, (count, removed))| {
                Intent::Introduce { client: ClientId(client), slot, object, count, removed }
            }
        ),
        (object(), slot()).prop_map(|(object, slot)| Intent::Mark { object, slot }),
        any::<u64>().prop_map(|bytes| Intent::Resize { bytes }),
        object().prop_map(|object| Intent::Record { object }),
        object().prop_map(|object| Intent::Erase { object }),
    ]
}

/// Any record but the store.
pub fn other() -> BoxedStrategy<Record> {
    prop_oneof![
        3 => object().prop_map(Record::Object).boxed(),
        1 => (name(), any::<u64>()).prop_map(|(name, object)| Record::Name(name, ObjectId(object))).boxed(),
        2 => client().prop_map(Record::Client).boxed(),
        2 => connection().prop_map(Record::Connection).boxed(),
        1 => writer().prop_map(Record::Writer).boxed(),
        3 => (any::<u32>(), intent()).prop_map(|(index, intent)| Record::Intent(index, intent)).boxed(),
    ]
    .boxed()
}

/// Any record.
pub fn record() -> BoxedStrategy<Record> {
    prop_oneof![1 => store().prop_map(Record::Store).boxed(), 12 => other()].boxed()
}

/// The record with one of three ids of its kind.
pub fn crowded(record: Record, which: u8) -> Record {
    let number = u64::from(which % 3) + 1;
    match record {
        Record::Store(_) => record,
        Record::Object(mut object) => {
            object.image.object = ObjectId(number);
            Record::Object(object)
        }
        Record::Name(_, object) => Record::Name(Name::new(&[b'a' + which % 3; 9]).unwrap(), object),
        Record::Client(client) => Record::Client(ClientRecord { client: ClientId(number), ..client }),
        Record::Connection(connection) => {
            Record::Connection(ConnectionRecord { connection: ConnectionId(number), ..connection })
        }
        Record::Writer(writer) => Record::Writer(WriterRecord { writer: number, ..writer }),
        Record::Intent(_, intent) => Record::Intent(u32::from(which % 3), intent),
    }
}

/// Twelve records of all kinds, always the same; with another `version` the same ids and other contents.
pub fn twelve(version: u32) -> Vec<Record> {
    let mut runner = TestRunner::deterministic();
    let mut records = Vec::new();
    for _ in 0..=version {
        let mut draw = |strategy: BoxedStrategy<Record>| strategy.new_tree(&mut runner).unwrap().current();
        records = vec![draw(store().prop_map(Record::Store).boxed())];
        for which in 0..2 {
            records.push(crowded(draw(object().prop_map(Record::Object).boxed()), which));
            records.push(crowded(draw(client().prop_map(Record::Client).boxed()), which));
            records.push(crowded(draw(connection().prop_map(Record::Connection).boxed()), which));
            records.push(crowded(draw(intent().prop_map(|intent| Record::Intent(0, intent)).boxed()), which));
            records
                .push(crowded(draw(name().prop_map(|name| Record::Name(name, ObjectId(1))).boxed()), which));
        }
        records.push(crowded(draw(writer().prop_map(Record::Writer).boxed()), 0));
    }
    records
}
