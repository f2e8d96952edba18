//! Every message, at random.

use proptest::{array, collection::vec, option, prelude::*};
use shmfs_abi::{
    AttachFlags, Backing, ByteLen, Call, CallName, ClientId, Created, Door, Errno, GetFlags, Gid, IpcPerm,
    Key, Kind, Lifetime, LimitsChange, Name, ObjectId, OpenFlags, PageCount, Part, Pid, ProcFile, Reply, Row,
    SegmentStat, ShmLimits, ShmUsage, Shmid, Shortage, Slot, Ticket, Time, Uid, Usage, Wanted,
    limits::{NAME_BYTES, SLOTS},
    store::Token,
};
use shmfs_wire::{Hello, Reason, Refused, Request, Response, Role, Welcome};

fn name() -> impl Strategy<Value = Name> {
    vec(any::<u8>(), 1..=NAME_BYTES).prop_filter_map("no name", |bytes| Name::new(&bytes).ok())
}

fn slot() -> impl Strategy<Value = Slot> {
    (0..SLOTS).prop_map(Slot)
}

fn number<T: std::fmt::Debug>(make: fn(u64) -> T) -> impl Strategy<Value = T> {
    any::<u64>().prop_map(make)
}

fn shmid() -> impl Strategy<Value = Shmid> {
    any::<i32>().prop_map(Shmid)
}

fn ids() -> impl Strategy<Value = (Uid, Gid)> {
    any::<(u32, u32)>().prop_map(|(uid, gid)| (Uid(uid), Gid(gid)))
}

fn pid() -> impl Strategy<Value = Pid> {
    any::<i32>().prop_map(Pid)
}

fn open() -> impl Strategy<Value = (Name, OpenFlags, u32)> {
    (name(), any::<i32>().prop_map(OpenFlags::from_bits_retain), any::<u32>())
}

fn sysv_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        any::<(i32, u64, i32)>().prop_map(|(key, size, flags)| Call::ShmGet {
            key: Key(key),
            size: ByteLen(size),
            flags: GetFlags::from_bits_retain(flags),
        }),
        any::<(i32, i32)>().prop_map(|(shmid, flags)| Call::ShmAttach {
            shmid: Shmid(shmid),
            flags: AttachFlags::from_bits_retain(flags),
        }),
        slot().prop_map(|slot| Call::ShmDetached { slot }),
        shmid().prop_map(|shmid| Call::ShmStat { shmid }),
        any::<(i32, bool)>().prop_map(|(index, any)| Call::ShmStatIndex { index, any }),
        (shmid(), ids(), any::<u32>()).prop_map(|(shmid, (uid, gid), mode)| Call::ShmSet {
            shmid,
            uid,
            gid,
            mode
        }),
        shmid().prop_map(|shmid| Call::ShmRemove { shmid }),
        Just(Call::ShmInfo),
        (shmid(), any::<bool>()).prop_map(|(shmid, lock)| Call::ShmLock { shmid, lock, allowance: 0 }),
    ]
}

fn limits() -> impl Strategy<Value = LimitsChange> {
    let limit = || option::of(any::<u64>());
    (limit(), limit(), limit(), limit(), limit(), limit()).prop_map(
        |(size, shmmax, shmall, shmmni, rmid_forced, next_id)| LimitsChange {
            size,
            shmmax,
            shmall,
            shmmni,
            rmid_forced,
            next_id,
        },
    )
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::UntilRemoved),
        Just(Lifetime::Process),
        Just(Lifetime::LastUser),
        Just(Lifetime::Durable),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![Just(Part::Read), Just(Part::Write), Just(Part::Undo)]
}

fn want() -> impl Strategy<Value = Call> {
    (open(), number(ByteLen), lifetime(), any::<bool>()).prop_map(
        |((name, flags, mode), size, lifetime, guarded)| {
            Call::Want(Wanted { name, flags, mode, size, lifetime, guarded })
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    const FILES: &[ProcFile] = &[
        ProcFile::SysvipcShm,
        ProcFile::Shmmax,
        ProcFile::Shmall,
        ProcFile::Shmmni,
        ProcFile::ShmRmidForced,
        ProcFile::ShmNextId,
    ];
    prop_oneof![
        8 => sysv_call(),
        1 => open().prop_map(|(name, flags, mode)| Call::Open { name, flags, mode }),
        1 => want(),
        1 => (name(), number(ByteLen)).prop_map(|(label, size)| Call::Anonymous { label, size }),
        1 => (number(ObjectId), part()).prop_map(|(object, part)| Call::Fetch { object, part }),
        1 => any::<(i32, u64, i32)>().prop_map(|(key, size, flags)| Call::ShmGetDurable {
            key: Key(key),
            size: ByteLen(size),
            flags: GetFlags::from_bits_retain(flags),
        }),
        1 => name().prop_map(|name| Call::Unlink { name }),
        1 => (name(), name(), any::<u32>()).prop_map(|(from, to, flags)| Call::Rename { from, to, flags }),
        1 => (name(), name()).prop_map(|(from, to)| Call::Link { from, to }),
        1 => open().prop_map(|(name, flags, mode)| Call::SemOpen { name, flags, mode }),
        1 => number(Ticket).prop_map(|ticket| Call::SemPublish { ticket }),
        1 => number(ByteLen).prop_map(|size| Call::Reserve { object: ObjectId(0), size }),
        1 => Just(Call::Settle { object: ObjectId(0) }),
        1 => proptest::sample::select(FILES).prop_map(|file| Call::ProcText { file }),
        1 => proptest::sample::select(FILES).prop_map(|file| Call::ProcWrite { file }),
        1 => number(ObjectId).prop_map(|after| Call::Next { after }),
        1 => Just(Call::Usage),
        1 => Just(Call::Replace),
        1 => any::<bool>().prop_map(|sysv| Call::Mount { sysv }),
        1 => Just(Call::Tree),
        1 => limits().prop_map(|change| Call::SetLimits { change }),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let role = prop_oneof![Just(Role::Client), Just(Role::Visitor)];
    let resume = option::of(any::<(u64, u64)>().prop_map(|(client, cookie)| (ClientId(client), cookie)));
    (any::<[u8; 16]>(), role, resume).prop_map(|(token, role, resume)| Hello {
        token: Token(token),
        role,
        resume,
    })
}

pub fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        2 => hello().prop_map(Request::Hello),
        1 => Just(Request::Fork),
        1 => Just(Request::Born),
        12 => call().prop_map(Request::Call),
    ]
}

fn perm() -> impl Strategy<Value = IpcPerm> {
    (ids(), ids(), any::<u32>()).prop_map(|((uid, gid), (cuid, cgid), mode)| IpcPerm {
        uid,
        gid,
        cuid,
        cgid,
        mode,
    })
}

fn stat() -> impl Strategy<Value = SegmentStat> {
    let times = any::<(i64, i64, i64)>();
    (perm(), any::<(i32, u16, u64, u64, u64)>(), times, pid(), pid()).prop_map(
        |(perm, (key, seq, size, nattch, resident), (atime, dtime, ctime), cpid, lpid)| SegmentStat {
            perm,
            key: Key(key),
            seq,
            size: ByteLen(size),
            atime,
            dtime,
            ctime,
            cpid,
            lpid,
            nattch,
            resident: PageCount(resident),
        },
    )
}

fn row() -> impl Strategy<Value = Row> {
    let door = prop_oneof![Just(Door::Sysv), Just(Door::Posix), Just(Door::Anon)];
    let kind =
        prop_oneof![Just(Kind::Segment), Just(Kind::Object), Just(Kind::Semaphore), Just(Kind::Anonymous)];
    let sysv = (option::of(shmid()), option::of(any::<i32>().prop_map(Key)), option::of(any::<u64>()));
    let created = (any::<i64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Time { seconds, nanos });
    let state = (any::<[bool; 2]>(), lifetime());
    let rest = (ids(), any::<u32>(), pid(), option::of(pid()), state, created);
    (any::<(u64, u64, u64)>(), door, kind, sysv, option::of(name()), rest).prop_map(
        |((object, size, allocated), door, kind, (shmid, key, nattch), name, rest)| {
            let ((uid, gid), mode, cpid, lpid, ([removed, guarded], lifetime), created) = rest;
            let (object, size, allocated) = (ObjectId(object), ByteLen(size), ByteLen(allocated));
            Row {
                object,
                door,
                kind,
                shmid,
                key,
                name,
                size,
                allocated,
                nattch,
                mode,
                uid,
                gid,
                cpid,
                lpid,
                removed,
                lifetime,
                guarded,
                created,
            }
        },
    )
}

fn usage() -> impl Strategy<Value = Usage> {
    let backing = prop_oneof![
        Just(Backing::SealedMemfd),
        Just(Backing::TmpfsFile),
        Just(Backing::Memfd),
        Just(Backing::Durable)
    ];
    let calls = array::uniform::<_, { CallName::ALL.len() }>(any::<u64>());
    (backing, any::<[u64; 15]>(), (pid(), pid()), calls).prop_map(|(backing, n, (broker, keeper), calls)| {
        Usage {
            size: ByteLen(n[0]),
            used: ByteLen(n[1]),
            peak: ByteLen(n[2]),
            allocated: ByteLen(n[3]),
            tree: ByteLen(n[14]),
            backing,
            sysv: n[4],
            posix: n[5],
            anon: n[12],
            unnamed: n[6],
            created: Created { segments: n[7], objects: n[8], semaphores: n[9], anonymous: n[13] },
            clients: n[10],
            restarts: n[11],
            broker,
            keeper,
            calls,
        }
    })
}

fn info() -> impl Strategy<Value = Reply> {
    (any::<(u64, u32, u64)>(), any::<(u32, u64, u64, u64)>(), any::<i32>()).prop_map(
        |((shmmax, shmmni, shmall), (segments, total, resident, swapped), highest)| Reply::ShmInfo {
            limits: ShmLimits { shmmax, shmmni, shmall },
            usage: ShmUsage {
                segments,
                total: PageCount(total),
                resident: PageCount(resident),
                swapped: PageCount(swapped),
            },
            highest,
        },
    )
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Done),
        (0..=i32::MAX).prop_map(|shmid| Reply::Shmid(Shmid(shmid))),
        (slot(), number(ObjectId), number(ByteLen)).prop_map(|(slot, object, size)| Reply::Attached {
            slot,
            object,
            size
        }),
        (shmid(), stat()).prop_map(|(shmid, stat)| Reply::Stat { shmid, stat }),
        info(),
        number(ObjectId).prop_map(|object| Reply::Opened { object }),
        (number(ObjectId), number(Ticket)).prop_map(|(object, ticket)| Reply::Fresh { object, ticket }),
        (number(ObjectId), lifetime(), any::<bool>())
            .prop_map(|(object, lifetime, created)| { Reply::Wanted { object, lifetime, created } }),
        (number(ByteLen), any::<bool>()).prop_map(|(size, held)| Reply::Fetched { size, held }),
        Just(Reply::Text),
        row().prop_map(Reply::Row),
        Just(Reply::End),
        usage().prop_map(Reply::Usage),
        Just(Reply::Tree),
    ]
}

fn refused() -> impl Strategy<Value = Refused> {
    let shortage = any::<(u64, u64, u64)>().prop_map(|(asked_bytes, free_bytes, limit_bytes)| Shortage {
        asked_bytes,
        free_bytes,
        limit_bytes,
    });
    (1..4096_i32, option::of(shortage), ".{0,200}").prop_map(|(errno, shortage, reason)| Refused {
        errno: Errno(errno),
        shortage,
        reason: Reason::new(&reason),
    })
}

pub fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        1 => (any::<(u64, u64, u64)>(), pid()).prop_map(|((client, cookie, tmpfs_dev), pid)| {
            Response::Welcome(Welcome { client: ClientId(client), cookie, tmpfs_dev, pid })
        }),
        1 => Just(Response::Forked),
        10 => reply().prop_map(Response::Reply),
        2 => refused().prop_map(Response::Refused),
        1 => Just(Response::Reconnect),
    ]
}
