//! A program that looks on: one connection, refusals, and a store of another version.

mod mock;

use mock::{Fault, HangUp, Mock};
use shmfs_abi::{Call, Errno, Reply, Shmid};
use shmfs_client::Visitor;
use shmfs_sys::{AsFd, memfd};
use std::os::unix::ffi::OsStrExt;

fn visitor(mock: &Mock) -> Result<Visitor, Errno> {
    Visitor::connect(mock.dir.join("socket").as_os_str().as_bytes(), None)
}

#[test]
fn a_visitor_asks_and_hears_refusals() {
    let mock = Mock::start("visitor");
    let mut asking = visitor(&mock).unwrap();
    let refused = asking.call(Call::Usage).unwrap_err();
    assert_eq!((refused.errno, refused.reason.as_str()), (Errno::ENOSYS, "no"));
    mock.plan(0, Fault::Unanswered);
    assert_eq!(asking.call(Call::Usage).unwrap_err().errno, Errno::ECONNRESET);
    assert_eq!(asking.call(Call::Usage).unwrap_err().errno, Errno::ECONNREFUSED);
    mock.vanish();
    assert_eq!(visitor(&mock).err(), Some(Errno::ENOENT));
}

#[test]
fn answers_that_come_again_are_skipped() {
    let mock = Mock::start("visitor-twice");
    mock.store().hangups.extend([HangUp::Unread, HangUp::Read]);
    let mut asking = visitor(&mock).unwrap();
    assert_eq!(mock.store().hellos.len(), 2, "one was never read");
    mock.plan(0, Fault::Twice);
    let shmid = Shmid(3);
    assert!(matches!(asking.call(Call::ShmStat { shmid }), Ok((Reply::Stat { .. }, None))));
    assert!(matches!(asking.call(Call::ShmRemove { shmid }), Ok((Reply::Done, None))));
    assert_eq!(mock.numbers(), [1, 2]);
}

#[test]
fn a_store_of_another_version_can_be_replaced_and_no_more() {
    let mock = Mock::start("visitor-replace");
    let mut asking = visitor(&mock).unwrap();
    let program = memfd::create(c"program", false).unwrap();
    for fault in [None, Some(Fault::Twice), Some(Fault::Foreign)] {
        if let Some(fault) = fault {
            mock.plan(0, fault);
        }
        let (reply, _) = asking.call_with(Call::Replace, program.as_fd()).unwrap();
        assert_eq!(reply, Reply::Done);
    }
    assert_eq!(mock.store().shown, 3);
    mock.plan(0, Fault::Foreign);
    let refused = asking.call(Call::ShmRemove { shmid: Shmid(3) }).unwrap_err();
    assert_eq!(refused.reason.as_str(), "the store speaks another protocol");
    mock.plan(0, Fault::ForeignRefusal);
    let refused = asking.call(Call::Usage).unwrap_err();
    assert_eq!((refused.errno, refused.reason.as_str()), (Errno::EPROTO, "another version"));
}
