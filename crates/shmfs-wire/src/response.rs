//! Responses as bytes.
//!
//! Owns: welcome and refusals. Leaves to others: replies (`reply_body`).

use crate::{
    MESSAGE_BYTES, Malformed, Refused, Response, Welcome,
    frame::{Frame, Sheet, optional, truth, version_and_sequence, zero},
    op, reply_body,
    text::ReasonText,
};
use shmfs_abi::{ClientId, Errno, Pid, Shortage};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The largest errno that Linux returns (include/linux/err.h).
const MAX_ERRNO: i32 = 4095;

/// `Welcome`. Frozen (`foreign`).
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct WelcomeBody {
    client: u64,
    cookie: u64,
    tmpfs_dev: u64,
    pid: i32,
    zero: u32,
}

/// `Refused`. Frozen: the same in every version of the protocol (`foreign`).
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct RefusedBody {
    errno: i32,
    /// 1 where the three numbers count.
    short: u32,
    asked_bytes: u64,
    free_bytes: u64,
    limit_bytes: u64,
    reason: ReasonText,
}

/// Writes `response` to the request `seq` into `buf`; the message is as many of its first bytes as this says.
pub fn encode_response(response: &Response, seq: u64, buf: &mut [u8; MESSAGE_BYTES]) -> usize {
    let sheet = Sheet { buf, seq };
    match response {
        Response::Welcome(welcome) => sheet.write(op::WELCOME, &WelcomeBody::new(welcome)),
        Response::Forked => sheet.write_empty(op::FORKED),
        Response::Reply(reply) => reply_body::write(reply, sheet),
        Response::Refused(refused) => sheet.write(op::REFUSED, &RefusedBody::new(refused)),
        Response::Reconnect => sheet.write_empty(op::RECONNECT),
    }
}

/// Reads a response and the sequence number of its request.
///
/// # Errors
/// [`Malformed`] says which rule the bytes break.
pub fn decode_response(bytes: &[u8]) -> Result<(u64, Response), Malformed> {
    let frame = Frame::open(bytes)?;
    let response = match frame.op {
        op::WELCOME => welcome(&frame)?,
        op::FORKED => frame.empty(Response::Forked)?,
        op::REFUSED => refused(&frame)?,
        op::RECONNECT => frame.empty(Response::Reconnect)?,
        _ => Response::Reply(reply_body::read(&frame)?),
    };
    Ok((frame.seq, response))
}

/// The number of the request that a response answers, whatever its version; nothing for bytes without a header.
pub fn sequence_of(bytes: &[u8]) -> Option<u64> {
    version_and_sequence(bytes).ok().map(|(_, seq)| seq)
}

/// Reads `Welcome`.
pub(crate) fn welcome(frame: &Frame<'_>) -> Result<Response, Malformed> {
    frame.body::<WelcomeBody>()?.welcome().map(Response::Welcome)
}

/// Reads `Refused`.
pub(crate) fn refused(frame: &Frame<'_>) -> Result<Response, Malformed> {
    frame.body::<RefusedBody>()?.refused().map(Response::Refused)
}

impl WelcomeBody {
    fn new(welcome: &Welcome) -> WelcomeBody {
        WelcomeBody {
            client: welcome.client.0,
            cookie: welcome.cookie,
            tmpfs_dev: welcome.tmpfs_dev,
            pid: welcome.pid.0,
            zero: 0,
        }
    }

    fn welcome(&self) -> Result<Welcome, Malformed> {
        zero(self.zero == 0, "welcome")?;
        Ok(Welcome {
            client: ClientId(self.client),
            cookie: self.cookie,
            tmpfs_dev: self.tmpfs_dev,
            pid: Pid(self.pid),
        })
    }
}

impl RefusedBody {
    fn new(refused: &Refused) -> RefusedBody {
        let shortage = refused.shortage.unwrap_or_default();
        RefusedBody {
            errno: refused.errno.0,
            short: u32::from(refused.shortage.is_some()),
            asked_bytes: shortage.asked_bytes,
            free_bytes: shortage.free_bytes,
            limit_bytes: shortage.limit_bytes,
            reason: ReasonText::new(&refused.reason),
        }
    }

    fn refused(&self) -> Result<Refused, Malformed> {
        if self.errno < 1 || self.errno > MAX_ERRNO {
            return Err(Malformed::Field("errno"));
        }
        let shortage = Shortage {
            asked_bytes: self.asked_bytes,
            free_bytes: self.free_bytes,
            limit_bytes: self.limit_bytes,
        };
        let absent = shortage == Shortage::default();
        let shortage = optional(truth(self.short, "shortage")?, absent, || Ok(shortage), "shortage")?;
        Ok(Refused { errno: Errno(self.errno), shortage, reason: self.reason.reason()? })
    }
}
