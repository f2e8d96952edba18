//! Requests as bytes.
//!
//! Owns: hello, and the choice of the decoder. Leaves to others: calls (`call_body`).

use crate::{
    Hello, MESSAGE_BYTES, Malformed, Request, Role, Words, call_body,
    frame::{Frame, Sheet, optional, truth},
    op,
};
use shmfs_abi::{ClientId, store::Token};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `Hello`. A visitor's is frozen (`foreign`).
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct HelloBody {
    token: [u8; 16],
    role: u32,
    /// 1 where `client` and `cookie` count.
    resumes: u32,
    client: u64,
    cookie: u64,
}

/// Writes `request` into `buf`; the message is as many of its first bytes as this says.
pub fn encode_request(request: &Request, seq: u64, buf: &mut [u8; MESSAGE_BYTES]) -> usize {
    encode_words(request.words(), seq, buf)
}

/// As [`encode_request`], from where the parts of the request lie.
pub fn encode_words(words: Words<'_>, seq: u64, buf: &mut [u8; MESSAGE_BYTES]) -> usize {
    let sheet = Sheet { buf, seq };
    match words {
        Words::Hello(hello) => sheet.write(op::HELLO, &HelloBody::new(hello)),
        Words::Fork => sheet.write_empty(op::FORK),
        Words::Born => sheet.write_empty(op::BORN),
        Words::Call(call) => call_body::write(call, sheet),
    }
}

/// Reads a request and its sequence number.
///
/// # Errors
/// [`Malformed`] says which rule the bytes break.
pub fn decode_request(bytes: &[u8]) -> Result<(u64, Request), Malformed> {
    let frame = Frame::open(bytes)?;
    let request = match frame.op {
        op::HELLO => Request::Hello(frame.body::<HelloBody>()?.hello()?),
        op::FORK => frame.empty(Request::Fork)?,
        op::BORN => frame.empty(Request::Born)?,
        _ => Request::Call(call_body::read(&frame)?),
    };
    Ok((frame.seq, request))
}

impl HelloBody {
    fn new(hello: &Hello) -> HelloBody {
        let (client, cookie) = hello.resume.unwrap_or_default();
        HelloBody {
            token: hello.token.0,
            role: match hello.role {
                Role::Client => 1,
                Role::Visitor => 2,
            },
            resumes: u32::from(hello.resume.is_some()),
            client: client.0,
            cookie,
        }
    }

    pub(crate) fn hello(&self) -> Result<Hello, Malformed> {
        let role = match self.role {
            1 => Role::Client,
            2 => Role::Visitor,
            _ => return Err(Malformed::Field("role")),
        };
        let resumes = truth(self.resumes, "resume")?;
        let absent = self.client == 0 && self.cookie == 0;
        let resume = optional(resumes, absent, || Ok((ClientId(self.client), self.cookie)), "resume")?;
        Ok(Hello { token: Token(self.token), role, resume })
    }
}
