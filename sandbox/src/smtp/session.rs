//! One client's conversation.

use std::{io::Result, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{
    command::{Command, Reply},
    faults::{Effect, Stage},
    lines::{Line, read_line},
    sink::Sink,
};

/// The longest command, in bytes: an `AUTH` with a long password.
const COMMAND_BYTES_MAX: usize = 4_096;
/// The longest line of a mail, in bytes with its end (RFC 5321 §4.5.3.1.6).
const TEXT_BYTES_MAX: usize = 1_000;
/// The most recipients of one mail (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;
/// Commands in a row that are refused before the client is sent away.
const REFUSALS_MAX: u32 = 20;
/// A client that says nothing for so long is sent away (RFC 5321 §4.5.3.2.7).
const IDLE_MAX: Duration = Duration::from_secs(300);

/// Whether the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Over,
}

#[derive(Debug, Default)]
struct Envelope {
    from: String,
    to: Vec<String>,
}

struct Session<'a> {
    sink: &'a Sink,
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    is_greeted: bool,
    is_logged_in: bool,
    envelope: Option<Envelope>,
    refusals: u32,
}

/// Talks with one client until either side ends it.
///
/// # Errors
/// When the connection breaks.
pub async fn serve(sink: &Sink, socket: TcpStream) -> Result<()> {
    let (from, to) = socket.into_split();
    let mut session = Session {
        sink,
        from: BufReader::new(from),
        to,
        is_greeted: false,
        is_logged_in: false,
        envelope: None,
        refusals: 0,
    };
    session.say(Reply::new(220, "sink.localhost ESMTP takes everything, delivers nothing")).await?;
    while session.turn().await? == Flow::On {}
    session.to.shutdown().await
}

impl Session<'_> {
    /// One command and its answer.
    async fn turn(&mut self) -> Result<Flow> {
        let Some(line) = self.hear(COMMAND_BYTES_MAX).await? else { return Ok(Flow::Over) };
        let command = match String::from_utf8(line.bytes) {
            _ if line.too_long => Err(Reply::new(500, "5.5.2 The line is too long")),
            Ok(text) if !line.bare => Command::parse(&text),
            _ => Err(Reply::new(500, "5.5.2 Lines end with CR LF, and hold text")),
        };
        match command {
            Ok(command) => self.obey(command).await,
            Err(refusal) => self.answer(Err(refusal)).await,
        }
    }

    async fn obey(&mut self, command: Command) -> Result<Flow> {
        let reply = match command {
            Command::Helo => self.greet(Vec::new()),
            Command::Ehlo => {
                let extensions = self.extensions();
                self.greet(extensions)
            }
            Command::Noop => Ok(Reply::new(250, "2.0.0 OK")),
            Command::Rset => {
                self.envelope = None;
                Ok(Reply::new(250, "2.0.0 OK"))
            }
            Command::Quit => {
                self.say(Reply::new(221, "2.0.0 Bye")).await?;
                return Ok(Flow::Over);
            }
            Command::Auth { mechanism, initial } => match self.log_in(&mechanism, initial).await? {
                None => return Ok(Flow::Over),
                Some(reply) => reply,
            },
            Command::Mail { from, size_bytes } => self.begin(from, size_bytes),
            Command::Rcpt(address) => return self.add_recipient(address).await,
            Command::Data => return self.take_mail().await,
        };
        self.answer(reply).await
    }

    fn greet(&mut self, extensions: Vec<String>) -> std::result::Result<Reply, Reply> {
        (self.is_greeted, self.envelope) = (true, None);
        let mut lines = vec!["sink.localhost".to_owned()];
        lines.extend(extensions);
        Ok(Reply { code: 250, lines })
    }

    fn extensions(&self) -> Vec<String> {
        let mut extensions = vec![
            format!("SIZE {}", self.sink.size_max),
            "8BITMIME".into(),
            "PIPELINING".into(),
            "ENHANCEDSTATUSCODES".into(),
        ];
        if self.sink.login.is_some() {
            extensions.push("AUTH PLAIN LOGIN".into());
        }
        extensions
    }

    /// The answer to a log-in; `None` when the client is gone.
    async fn log_in(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
    ) -> Result<Option<std::result::Result<Reply, Reply>>> {
        let Some(login) = self.sink.login.clone() else {
            return Ok(Some(Err(Reply::new(503, "5.5.1 Nobody has to log in here"))));
        };
        if !self.is_greeted || self.is_logged_in || self.envelope.is_some() {
            return Ok(Some(Err(Reply::new(503, "5.5.1 Not now"))));
        }
        let shown = match mechanism {
            "PLAIN" => {
                let Some(text) = self.credential(initial, "").await? else { return Ok(None) };
                let mut parts = text.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let Some(user) = self.credential(initial, "VXNlcm5hbWU6").await? else { return Ok(None) };
                let Some(password) = self.credential(None, "UGFzc3dvcmQ6").await? else { return Ok(None) };
                (user, password)
            }
            _ => return Ok(Some(Err(Reply::new(504, "5.5.4 Unknown mechanism")))),
        };
        self.is_logged_in = shown == (login.user, login.password);
        Ok(Some(if self.is_logged_in {
            Ok(Reply::new(235, "2.7.0 Welcome"))
        } else {
            Err(Reply::new(535, "5.7.8 Wrong user or password"))
        }))
    }

    /// A part of a log-in, asked for unless it was said at once; what is not base64 is nobody's.
    async fn credential(&mut self, said: Option<String>, question: &str) -> Result<Option<String>> {
        let text = match said {
            Some(text) => text,
            None => {
                self.say(Reply::new(334, question)).await?;
                let Some(line) = self.hear(COMMAND_BYTES_MAX).await? else { return Ok(None) };
                String::from_utf8(line.bytes).unwrap_or_default()
            }
        };
        let bytes = STANDARD.decode(text).unwrap_or_default();
        Ok(Some(String::from_utf8(bytes).unwrap_or_default()))
    }

    fn begin(&mut self, from: String, size_bytes: Option<usize>) -> std::result::Result<Reply, Reply> {
        if !self.is_greeted || self.envelope.is_some() {
            return Err(Reply::new(503, "5.5.1 Not now"));
        }
        if self.sink.login.is_some() && !self.is_logged_in {
            return Err(Reply::new(530, "5.7.0 Log in first"));
        }
        if size_bytes.is_some_and(|bytes| bytes > self.sink.size_max) {
            return Err(Reply::new(552, "5.3.4 The mail is too long"));
        }
        self.envelope = Some(Envelope { from, to: Vec::new() });
        Ok(Reply::new(250, "2.1.0 OK"))
    }

    async fn add_recipient(&mut self, address: String) -> Result<Flow> {
        let Some(envelope) = &self.envelope else {
            return self.answer(Err(Reply::new(503, "5.5.1 Say first who sends it"))).await;
        };
        if envelope.to.len() >= RECIPIENTS_MAX {
            return self.answer(Err(Reply::new(452, "4.5.3 Too many recipients"))).await;
        }
        let effects = self.sink.faults().strike_mail(Stage::Rcpt, std::slice::from_ref(&address));
        if let Some(refusal) = self.suffer(&effects).await {
            return self.answer(Err(refusal)).await;
        }
        if let Some(envelope) = &mut self.envelope {
            envelope.to.push(address);
        }
        self.answer(Ok(Reply::new(250, "2.1.5 OK"))).await
    }

    async fn take_mail(&mut self) -> Result<Flow> {
        let envelope = match self.envelope.take() {
            Some(envelope) if !envelope.to.is_empty() => envelope,
            open => {
                self.envelope = open;
                return self.answer(Err(Reply::new(503, "5.5.1 Say first who gets it"))).await;
            }
        };
        self.say(Reply::new(354, "End with a line of one dot")).await?;
        let Some(text) = self.hear_mail().await? else { return Ok(Flow::Over) };
        let raw = match text {
            Ok(raw) => raw,
            Err(refusal) => return self.answer(Err(refusal)).await,
        };
        let effects = self.sink.faults().strike_mail(Stage::Data, &envelope.to);
        if let Some(refusal) = self.suffer(&effects).await {
            return self.answer(Err(refusal)).await;
        }
        let kept = self.sink.mailbox().keep(envelope.from, envelope.to, &raw);
        match kept {
            _ if effects.contains(&Effect::LoseAnswer) => Ok(Flow::Over),
            Ok(id) => self.answer(Ok(Reply::new(250, format!("2.0.0 Kept as {id}")))).await,
            Err(error) => {
                tracing::error!(%error, "The mail sandbox could not write to its data directory");
                self.answer(Err(Reply::new(452, "4.3.1 No room"))).await
            }
        }
    }

    /// The text of a mail up to its dot, or why it is refused; `None` when the client is gone. What is refused is heard
    /// to its end all the same.
    async fn hear_mail(&mut self) -> Result<Option<std::result::Result<Vec<u8>, Reply>>> {
        let (mut raw, mut refusal) = (Vec::new(), None);
        loop {
            let Some(Line { bytes, too_long, bare }) = self.hear(TEXT_BYTES_MAX).await? else { return Ok(None) };
            if bytes == b"." && !too_long && !bare {
                return Ok(Some(refusal.map_or(Ok(raw), Err)));
            }
            if too_long {
                refusal.get_or_insert_with(|| Reply::new(554, "5.6.0 A line is too long"));
            } else if bare {
                refusal.get_or_insert_with(|| Reply::new(554, "5.6.0 Lines end with CR LF"));
            } else if raw.len() + bytes.len() + 2 > self.sink.size_max {
                refusal.get_or_insert_with(|| Reply::new(552, "5.3.4 The mail is too long"));
            }
            if refusal.is_none() {
                raw.extend(bytes.strip_prefix(b".").unwrap_or(&bytes));
                raw.extend(b"\r\n");
            }
        }
    }

    /// Waits and refuses as the faults say.
    async fn suffer(&self, effects: &[Effect]) -> Option<Reply> {
        let mut refusal = None;
        for effect in effects {
            match effect {
                Effect::Delay(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
                Effect::Refuse { code, text } => refusal = Some(Reply::new(*code, text)),
                Effect::LoseAnswer => (),
            }
        }
        refusal
    }

    /// The next line; `None` when the client is gone or has been silent for too long.
    async fn hear(&mut self, bytes_max: usize) -> Result<Option<Line>> {
        match tokio::time::timeout(IDLE_MAX, read_line(&mut self.from, bytes_max)).await {
            Ok(line) => line,
            Err(_elapsed) => {
                self.say(Reply::new(421, "4.4.2 You say nothing")).await?;
                Ok(None)
            }
        }
    }

    async fn answer(&mut self, reply: std::result::Result<Reply, Reply>) -> Result<Flow> {
        self.refusals = if reply.is_ok() { 0 } else { self.refusals + 1 };
        self.say(reply.unwrap_or_else(|refusal| refusal)).await?;
        if self.refusals < REFUSALS_MAX {
            return Ok(Flow::On);
        }
        self.say(Reply::new(421, "4.7.0 Too many errors")).await?;
        Ok(Flow::Over)
    }

    async fn say(&mut self, reply: Reply) -> Result<()> {
        self.to.write_all(reply.wire().as_bytes()).await
    }
}
