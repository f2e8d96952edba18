//! The numbers of operations. Requests stay below 128; a number is never given twice.
//!
//! Owns: those numbers. Leaves to others: the bodies behind them, and which of them every version has (`foreign`).

pub(crate) const HELLO: u16 = 1;
pub(crate) const FORK: u16 = 2;
pub(crate) const BORN: u16 = 3;

pub(crate) const SHM_GET: u16 = 16;
pub(crate) const SHM_ATTACH: u16 = 17;
pub(crate) const SHM_DETACHED: u16 = 18;
pub(crate) const SHM_STAT: u16 = 19;
pub(crate) const SHM_STAT_INDEX: u16 = 20;
pub(crate) const SHM_SET: u16 = 21;
pub(crate) const SHM_REMOVE: u16 = 22;
pub(crate) const SHM_INFO: u16 = 23;
pub(crate) const OPEN: u16 = 24;
pub(crate) const UNLINK: u16 = 25;
pub(crate) const SEM_OPEN: u16 = 26;
pub(crate) const SEM_PUBLISH: u16 = 27;
pub(crate) const RESERVE: u16 = 28;
pub(crate) const SETTLE: u16 = 29;
pub(crate) const PROC_TEXT: u16 = 30;
pub(crate) const NEXT: u16 = 31;
pub(crate) const USAGE: u16 = 32;
pub(crate) const RENAME: u16 = 33;
pub(crate) const LINK: u16 = 34;
pub(crate) const SHM_LOCK: u16 = 35;
pub(crate) const SET_LIMITS: u16 = 36;
pub(crate) const PROC_WRITE: u16 = 37;
pub(crate) const REPLACE: u16 = 38;
pub(crate) const SHM_GET_DURABLE: u16 = 39;
pub(crate) const WANT: u16 = 40;
pub(crate) const ANONYMOUS: u16 = 41;
pub(crate) const FETCH: u16 = 42;
pub(crate) const MOUNT: u16 = 43;
pub(crate) const TREE: u16 = 44;

pub(crate) const WELCOME: u16 = 128;
pub(crate) const FORKED: u16 = 129;
pub(crate) const REFUSED: u16 = 130;
pub(crate) const RECONNECT: u16 = 131;

pub(crate) const REPLY_DONE: u16 = 144;
pub(crate) const REPLY_SHMID: u16 = 145;
pub(crate) const REPLY_ATTACHED: u16 = 146;
pub(crate) const REPLY_STAT: u16 = 147;
pub(crate) const REPLY_SHM_INFO: u16 = 148;
pub(crate) const REPLY_OPENED: u16 = 149;
pub(crate) const REPLY_FRESH: u16 = 150;
pub(crate) const REPLY_TEXT: u16 = 151;
pub(crate) const REPLY_ROW: u16 = 152;
pub(crate) const REPLY_END: u16 = 153;
pub(crate) const REPLY_USAGE: u16 = 154;
pub(crate) const REPLY_WANTED: u16 = 155;
pub(crate) const REPLY_FETCHED: u16 = 156;
pub(crate) const REPLY_TREE: u16 = 157;
