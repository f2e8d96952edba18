//! Records as the bodies of rows.
//!
//! A body begins with the record's number (a name's with the object's), then comes what its kind has. Numbers are those
//! of the machine: a journal does not leave it. What is absent takes no room, padding is zero, unknown bits and numbers
//! are refused.
//!
//! Owns: the numbers of the kinds, identity. Leaves to others: the layout of each kind (one module each).

mod client;
mod connection;
mod intent;
mod object;
mod part;
mod store;
mod writer;

use crate::record::{ConnectionId, Record, RecordId};
use crate::row::{Rest, Sheet};
use crate::versions::number;
use shmfs_abi::{ClientId, Errno, Name, ObjectId};

/// Bytes that are no record: what is wrong with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Senseless(pub(crate) &'static str);

const STORE: u16 = 1;
const OBJECT: u16 = 2;
const NAME: u16 = 3;
const CLIENT: u16 = 4;
const CONNECTION: u16 = 5;
const WRITER: u16 = 6;
const INTENT: u16 = 7;

/// The number of a record's kind.
pub(crate) const fn kind_of(id: RecordId) -> u16 {
    match id {
        RecordId::Store => STORE,
        RecordId::Object(_) => OBJECT,
        RecordId::Name(_) => NAME,
        RecordId::Client(_) => CLIENT,
        RecordId::Connection(_) => CONNECTION,
        RecordId::Writer(_) => WRITER,
        RecordId::Intent(_) => INTENT,
    }
}

/// Puts a record's body on the sheet. `E2BIG` where a part is longer than it may be.
pub(crate) fn encode(record: &Record, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.begin();
    match record {
        Record::Name(_, object) => sheet.put(&object.0)?,
        _ => sheet.put(&number(record.id()))?,
    }
    match record {
        Record::Store(store) => store::encode(store, sheet),
        Record::Object(object) => object::encode(object, sheet),
        Record::Name(name, _) => sheet.put(name.as_bytes()),
        Record::Client(client) => client::encode(client, sheet),
        Record::Connection(connection) => connection::encode(connection, sheet),
        Record::Writer(writer) => writer::encode(writer, sheet),
        Record::Intent(_, intent) => intent::encode(intent, sheet),
    }
}

/// Puts the body of a tombstone on the sheet.
pub(crate) fn encode_tombstone(id: RecordId, sheet: &mut Sheet) -> Result<(), Errno> {
    sheet.begin();
    sheet.put(&number(id))?;
    match id {
        RecordId::Name(name) => sheet.put(name.as_bytes()),
        _ => Ok(()),
    }
}

/// Which record a body is of.
pub(crate) fn id(kind: u16, tombstone: bool, body: &[u8]) -> Result<RecordId, Senseless> {
    let mut rest = Rest(body);
    let number: u64 = rest.take("number")?;
    if tombstone {
        part::zero(kind != NAME || number == 0, "tombstone")?;
        part::zero(kind == NAME || rest.0.is_empty(), "tombstone")?;
    }
    match kind {
        STORE => part::zero(number == 0, "number").map(|()| RecordId::Store),
        OBJECT => Ok(RecordId::Object(ObjectId(number))),
        NAME => Name::new(rest.0).map(RecordId::Name).map_err(|_| Senseless("name")),
        CLIENT => Ok(RecordId::Client(ClientId(number))),
        CONNECTION => Ok(RecordId::Connection(ConnectionId(number))),
        WRITER => Ok(RecordId::Writer(number)),
        INTENT => u32::try_from(number).map(RecordId::Intent).map_err(|_| Senseless("number of an intent")),
        _ => Err(Senseless("kind of record")),
    }
}

/// The record of a body that is not a tombstone's.
pub(crate) fn decode(kind: u16, body: &[u8]) -> Result<Record, Senseless> {
    let id = id(kind, false, body)?;
    let mut rest = Rest(body);
    let number: u64 = rest.take("number")?;
    match id {
        RecordId::Store => store::decode(rest).map(Record::Store),
        RecordId::Object(object) => object::decode(object, rest).map(Record::Object),
        RecordId::Name(name) => Ok(Record::Name(name, ObjectId(number))),
        RecordId::Client(client) => client::decode(client, rest).map(Record::Client),
        RecordId::Connection(connection) => connection::decode(connection, rest).map(Record::Connection),
        RecordId::Writer(writer) => writer::decode(writer, rest).map(Record::Writer),
        RecordId::Intent(index) => intent::decode(rest).map(|intent| Record::Intent(index, intent)),
    }
}

#[cfg(test)]
#[path = "../../tests/any/mod.rs"]
mod any;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whatever is taken for a record is spelled as it would be written.
    fn check(kind: u16, body: &[u8]) -> bool {
        let Ok(record) = decode(kind, body) else { return false };
        let mut sheet = Sheet::new();
        encode(&record, &mut sheet).unwrap();
        assert_eq!(sheet.body(), body, "{record:?}");
        assert_eq!(id(kind, false, body), Ok(record.id()));
        true
    }

    proptest! {
        #[test]
        fn any_record_with_some_bytes_changed(
            record in any::record(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut sheet = Sheet::new();
            encode(&record, &mut sheet).unwrap();
            let mut body = sheet.body().to_vec();
            prop_assert!(check(kind_of(record.id()), &body));
            prop_assert_eq!(decode(kind_of(record.id()), &body), Ok(record.clone()));
            for kind in 0..9 {
                let _ = check(kind, &body);
            }
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
                let _ = check(kind_of(record.id()), &body);
            }
            for len in 0..body.len() {
                let _ = check(kind_of(record.id()), &body[..len]);
            }
            body.push(0);
            prop_assert!(!check(kind_of(record.id()), &body) || kind_of(record.id()) == NAME);
        }

        #[test]
        fn any_bytes(kind in 0..9_u16, body in prop::collection::vec(any::<u8>(), 0..1000)) {
            let _ = check(kind, &body);
            let _ = id(kind, true, &body);
        }
    }

    #[test]
    fn the_longest_record_fits() {
        let name = Name::new(&[b'n'; 255]).unwrap();
        let cred = shmfs_abi::Cred {
            pid: shmfs_abi::Pid(1),
            uid: shmfs_abi::Uid(1),
            gid: shmfs_abi::Gid(1),
            groups: shmfs_abi::Groups::new([shmfs_abi::Gid(1); 32]),
            caps: shmfs_abi::Caps::empty(),
        };
        let gives = [Some((ObjectId(1), shmfs_abi::OpenFlags::RDWR)); 2];
        let answered = crate::Answered::new(1, &[1; crate::ANSWER_BYTES], gives).unwrap();
        let connection = crate::ConnectionRecord {
            connection: ConnectionId(1),
            socket: 1,
            role: crate::Role::Visitor,
            cred: Some(cred),
            sender: Some(shmfs_sys::socket::Peer { pid: cred.pid, uid: cred.uid, gid: cred.gid }),
            spoken: true,
            answered: Some(answered),
        };
        let rename = crate::Intent::Rename { object: ObjectId(1), from: name, to: name, flags: 0 };
        for record in
            [Record::Connection(connection), Record::Intent(0, rename), Record::Name(name, ObjectId(1))]
        {
            let mut sheet = Sheet::new();
            encode(&record, &mut sheet).unwrap();
            assert!(check(kind_of(record.id()), sheet.body()));
        }
    }
}
