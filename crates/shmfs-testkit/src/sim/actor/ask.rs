//! One request: connected for, sent, awaited, and repeated with the same number where the connection was lost.
//!
//! Owns: the stages. Leaves to others: what is asked (`choose`), what follows from the answer (`answer`).

use super::{Asking, Doing, Known, Opened, Stage};
use crate::sim::kernel::{DescId, Got, Message};
use crate::sim::os::BROKER;
use crate::sim::world::World;
use shmfs_abi::{Errno, limits::MESSAGE_BYTES, store::Token};
use shmfs_wire::{Hello, Request, Response, Role, Welcome, decode_response, encode_request};

/// What came back.
#[allow(clippy::large_enum_variant, reason = "one exists at a time, on the stack")]
enum Heard {
    Nothing,
    Response(u64, Response, Vec<DescId>),
    Lost,
}

impl World {
    /// Begins a request with the next number.
    pub(super) fn begin(&mut self, who: usize, request: Request, with: Option<Opened>) -> bool {
        let actor = &mut self.actors[who];
        actor.sequence += 1;
        let sequence = actor.sequence;
        actor.doing = Doing::Asking(Asking { request, sequence, with, stage: Stage::Connect });
        self.trace.say(|| format!("program {who}: {sequence} {request:?}"));
        true
    }

    /// Asks what the driver wants to know.
    pub(crate) fn tell(&mut self, who: usize, request: Request) {
        self.actors[who].answer = None;
        self.begin(who, request, None);
    }

    pub(super) fn ask_further(&mut self, who: usize, asking: Asking) -> bool {
        let waits = matches!(asking.stage, Stage::AwaitWelcome | Stage::AwaitAnswer);
        if !waits && self.is_unlucky(who) || waits && self.waits(who) {
            self.plan.losses -= 1;
            self.trace.say(|| format!("program {who}: loses its socket"));
            return self.lose(who, asking);
        }
        match asking.stage {
            Stage::Connect => {
                let stage = if self.actors[who].session.is_some() { Stage::Send } else { Stage::Greet };
                self.connect(who);
                self.go_on(who, asking, stage)
            }
            Stage::Greet => {
                self.greet(who);
                self.go_on(who, asking, Stage::AwaitWelcome)
            }
            Stage::AwaitWelcome => self.await_welcome(who, asking),
            Stage::Send => {
                self.asked(who, asking.sequence, asking.request, asking.with.map(|opened| opened.object));
                let with = asking.with.map(|opened| opened.description);
                match self.say(who, &asking.request, asking.sequence, with) {
                    Ok(()) => self.go_on(who, asking, Stage::AwaitAnswer),
                    Err(_) => self.lose(who, asking),
                }
            }
            Stage::AwaitAnswer => self.await_answer(who, asking),
        }
    }

    /// Whether a program loses its connection here.
    pub(super) fn is_unlucky(&mut self, who: usize) -> bool {
        let actor = &self.actors[who];
        let may = self.crowded && self.plan.losses > 0 && !actor.is_told && actor.session.is_some();
        may && self.dice.percent(6)
    }

    fn go_on(&mut self, who: usize, asking: Asking, stage: Stage) -> bool {
        self.actors[who].doing = Doing::Asking(Asking { stage, ..asking });
        true
    }

    /// The connection is gone: a client connects anew and asks again, a visitor gives up.
    fn lose(&mut self, who: usize, asking: Asking) -> bool {
        self.hang_up(who);
        if self.actors[who].is_visitor {
            self.actors[who].doing = Doing::Nothing;
            return true;
        }
        self.go_on(who, asking, Stage::Connect)
    }

    /// Closes the session's socket.
    pub(super) fn hang_up(&mut self, who: usize) {
        let actor = &mut self.actors[who];
        if let Some(session) = actor.session.take() {
            self.kernel.close_of(actor.pid, session);
        }
    }

    pub(super) fn connect(&mut self, who: usize) {
        let actor = &mut self.actors[who];
        let pid = actor.pid;
        if let Some(inherited) = actor.inherited.take() {
            self.kernel.close_of(pid, inherited);
        }
        if actor.session.is_none() {
            let peer = self.kernel.peer(pid);
            let socket = self.kernel.connect(peer, BROKER);
            self.kernel.give(pid, socket);
            self.take_session(who, socket);
        }
    }

    /// This socket is the program's to speak on.
    pub(super) fn take_session(&mut self, who: usize, socket: DescId) {
        self.actors[who].session = Some(socket);
        if let Ok(end) = self.kernel.end_of(socket) {
            self.sessions.insert(end, who);
        }
    }

    fn greet(&mut self, who: usize) {
        let actor = &self.actors[who];
        let resume = actor.known.map(|known| (known.client, known.cookie));
        let role = if actor.is_visitor { Role::Visitor } else { Role::Client };
        let hello = Request::Hello(Hello { token: Token::default(), role, resume });
        self.trace.say(|| format!("program {who}: 0 {hello:?}"));
        // Where nobody hears it, the wait for the answer shows that.
        let _ = self.say(who, &hello, 0, None);
    }

    /// Sends a request.
    pub(super) fn say(
        &mut self,
        who: usize,
        request: &Request,
        sequence: u64,
        with: Option<DescId>,
    ) -> Result<(), Errno> {
        let mut bytes = [0; MESSAGE_BYTES];
        let len = encode_request(request, sequence, &mut bytes);
        self.send_bytes(who, bytes[..len].to_vec(), with)
    }

    pub(super) fn send_bytes(
        &mut self,
        who: usize,
        bytes: Vec<u8>,
        with: Option<DescId>,
    ) -> Result<(), Errno> {
        let actor = &self.actors[who];
        let socket = actor.session.ok_or(Errno::ENOTCONN)?;
        let sender = self.kernel.peer(actor.pid);
        let end = self.kernel.end_of(socket)?;
        with.iter().for_each(|description| self.kernel.hold(*description));
        self.kernel.send(end, Message { bytes, descriptions: with.into_iter().collect(), sender })
    }

    fn hear(&mut self, who: usize) -> Heard {
        let Some(socket) = self.actors[who].session else { return Heard::Lost };
        let Ok(end) = self.kernel.end_of(socket) else { return Heard::Lost };
        match self.kernel.peek(end) {
            Got::Nothing => Heard::Nothing,
            Got::End | Got::Reset => Heard::Lost,
            Got::Message(_) => {
                let Some(message) = self.kernel.take(end) else { return Heard::Nothing };
                match decode_response(&message.bytes) {
                    Ok((sequence, response)) => Heard::Response(sequence, response, message.descriptions),
                    Err(malformed) => {
                        self.complain(format!("program {who} cannot read an answer: {malformed}"));
                        Heard::Lost
                    }
                }
            }
        }
    }

    fn await_welcome(&mut self, who: usize, asking: Asking) -> bool {
        let (sequence, response, descriptions) = match self.hear(who) {
            Heard::Nothing => return false,
            Heard::Lost => return self.lose(who, asking),
            Heard::Response(sequence, response, descriptions) => (sequence, response, descriptions),
        };
        self.trace.say(|| format!("program {who}: heard {sequence} {response:?}"));
        match response {
            Response::Welcome(welcome) if sequence == 0 => {
                self.welcomed(who, &welcome, descriptions);
                self.go_on(who, asking, Stage::Send)
            }
            Response::Refused(refused) if sequence == 0 => {
                self.drop_all(descriptions);
                if !self.was_refused(refused.errno) {
                    self.complain(format!("program {who} is not let in: {}", refused.errno.name()));
                }
                self.lose(who, asking)
            }
            _ => {
                self.drop_all(descriptions);
                self.complain(format!("program {who} said hello and was answered {sequence} {response:?}"));
                false
            }
        }
    }

    /// Whether a planned failure explains this errno.
    fn was_refused(&self, errno: Errno) -> bool {
        self.refused.iter().any(|(_, refused)| *refused == errno)
    }

    pub(super) fn drop_all(&mut self, descriptions: Vec<DescId>) {
        for description in descriptions {
            self.kernel.release(description);
        }
    }

    /// Takes over what came with a welcome: a new client its table, with what it inherited counted in it.
    fn welcomed(&mut self, who: usize, welcome: &Welcome, descriptions: Vec<DescId>) {
        let (pid, is_visitor) = (self.actors[who].pid, self.actors[who].is_visitor);
        match self.actors[who].known {
            _ if is_visitor => {}
            Some(known) if known.client != welcome.client => {
                self.complain(format!("program {who} resumes and becomes client {}", welcome.client.0));
            }
            Some(_) => {}
            None => {
                let table = descriptions.first().copied();
                let file = table.and_then(|table| self.kernel.file_of(table).ok());
                let file = file.filter(|file| self.kernel.is_table(*file));
                match (table, file) {
                    (Some(table), Some(file)) => {
                        self.kernel.map(pid, table);
                        let (client, cookie) = (welcome.client, welcome.cookie);
                        self.actors[who].known = Some(Known { client, cookie, table, file });
                        self.count_inherited(who);
                    }
                    _ => self.complain(format!("program {who} is welcomed without a table")),
                }
            }
        }
        if welcome.pid != pid {
            self.complain(format!("process {} is welcomed as {}", pid.0, welcome.pid.0));
        }
        self.drop_all(descriptions);
    }

    fn await_answer(&mut self, who: usize, asking: Asking) -> bool {
        let (sequence, response, descriptions) = match self.hear(who) {
            Heard::Nothing => return false,
            Heard::Lost => return self.lose(who, asking),
            Heard::Response(sequence, response, descriptions) => (sequence, response, descriptions),
        };
        self.trace.say(|| format!("program {who}: heard {sequence} {response:?}"));
        if sequence < asking.sequence {
            // An answer that was heard before.
            self.drop_all(descriptions);
            return true;
        }
        if sequence > asking.sequence {
            self.drop_all(descriptions);
            self.complain(format!("program {who} asked {} and is answered {sequence}", asking.sequence));
            return false;
        }
        if response == Response::Reconnect {
            self.drop_all(descriptions);
            return self.lose(who, asking);
        }
        self.actors[who].doing = Doing::Hearing(asking, response, descriptions);
        true
    }

    /// The table says that the answer has come.
    pub(super) fn hear_out(
        &mut self,
        who: usize,
        asking: &Asking,
        response: Response,
        descriptions: Vec<DescId>,
    ) -> bool {
        if let Some(known) = self.actors[who].known {
            self.kernel.rows_mut(known.file).heard = asking.sequence;
        }
        self.accepted(who, asking.sequence, &response);
        self.actors[who].doing = Doing::Nothing;
        self.follow(who, asking, response, descriptions);
        true
    }
}
