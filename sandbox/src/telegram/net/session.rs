//! The envelope of encrypted messages: what a packet contains, and numbering what is sent.

use std::collections::{HashSet, VecDeque};
use std::io::Read as _;

use flate2::read::GzDecoder;
use grammers_tl_types::deserialize::{Cursor, Error};
use grammers_tl_types::{Deserializable as _, Serializable as _};

use super::crypto::{AuthKeyBytes, encrypt_for_client};
use crate::telegram::clock;

/// The salt of every session. Real servers change it over time; clients take what they are told.
pub(crate) const SERVER_SALT: i64 = 0x1122_3344_5566_7788;

const MSG_CONTAINER: u32 = 0x73f1_f8dc;
const GZIP_PACKED: u32 = 0x3072_cfa1;
/// The largest request after unpacking, well above any upload part.
const UNPACKED_MAX_BYTES: u64 = 8 << 20;
/// How many message ids are remembered to recognise a repeated message; clients repeat within seconds.
const SEEN_MAX: usize = 4096;

/// One message of a client.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) msg_id: i64,
    pub(crate) body: Vec<u8>,
}

/// A decrypted packet.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) session_id: i64,
    pub(crate) first_msg_id: i64,
    pub(crate) messages: Vec<Incoming>,
}

impl Packet {
    /// Takes a decrypted packet apart: containers are opened, packed messages unpacked.
    pub(crate) fn read(plain: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::from_slice(plain);
        let _salt = i64::deserialize(&mut cursor)?;
        let session_id = i64::deserialize(&mut cursor)?;
        let first_msg_id = i64::deserialize(&mut cursor)?;
        let _seq_no = i32::deserialize(&mut cursor)?;
        let body = take_body(&mut cursor)?;
        let mut messages = Vec::new();
        unpack(first_msg_id, body, &mut messages)?;
        Ok(Self { session_id, first_msg_id, messages })
    }
}

fn take_body(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(i32::deserialize(cursor)?).map_err(|_| Error::UnexpectedEof)?;
    let mut body = vec![0; length.min(UNPACKED_MAX_BYTES as usize)];
    cursor.read_exact(&mut body)?;
    Ok(body)
}

fn unpack(msg_id: i64, body: Vec<u8>, out: &mut Vec<Incoming>) -> Result<(), Error> {
    match constructor(&body) {
        Some(MSG_CONTAINER) => {
            let mut cursor = Cursor::from_slice(&body[4..]);
            for _ in 0..i32::deserialize(&mut cursor)? {
                let msg_id = i64::deserialize(&mut cursor)?;
                let _seq_no = i32::deserialize(&mut cursor)?;
                let inner = take_body(&mut cursor)?;
                unpack(msg_id, inner, out)?;
            }
            Ok(())
        }
        Some(GZIP_PACKED) => {
            let inner = gunzip(&body[4..])?;
            out.push(Incoming { msg_id, body: inner });
            Ok(())
        }
        _ => {
            out.push(Incoming { msg_id, body });
            Ok(())
        }
    }
}

/// Undoes `gzip_packed`, given what follows its constructor.
pub(crate) fn gunzip(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let packed = Vec::<u8>::from_bytes(packed)?;
    let mut out = Vec::new();
    GzDecoder::new(&packed[..]).take(UNPACKED_MAX_BYTES).read_to_end(&mut out).map_err(|_| Error::UnexpectedEof)?;
    Ok(out)
}

/// The constructor that a boxed object begins with.
pub(crate) fn constructor(body: &[u8]) -> Option<u32> {
    body.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The message ids that a session has already used.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: HashSet<i64>,
    order: VecDeque<i64>,
}

impl Seen {
    /// Whether the id is new; it is remembered.
    pub(crate) fn insert(&mut self, id: i64) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

/// One message to a client.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) body: Vec<u8>,
    /// An answer, not something that the client did not ask for.
    pub(crate) is_reply: bool,
}

/// The sending side of a session: numbers messages and encrypts them.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: Box<AuthKeyBytes>,
    key_id: i64,
    session_id: i64,
    sequence: i32,
    last_msg_id: i64,
}

impl Sealer {
    pub(crate) fn new(key: Box<AuthKeyBytes>, key_id: i64, session_id: i64) -> Self {
        Self { key, key_id, session_id, sequence: 0, last_msg_id: 0 }
    }

    /// Wraps messages that need acknowledgement, answers and pushes, into one packet: several of them as a container,
    /// which costs both sides one encryption.
    pub(crate) fn seal(&mut self, messages: &[Outgoing]) -> Vec<u8> {
        if let [message] = messages {
            let (msg_id, seq_no) = self.number(message.is_reply);
            return self.packet(msg_id, seq_no, &message.body);
        }
        let mut container =
            Vec::with_capacity(8 + messages.iter().map(|message| 16 + message.body.len()).sum::<usize>());
        MSG_CONTAINER.serialize(&mut container);
        i32::try_from(messages.len()).unwrap_or(i32::MAX).serialize(&mut container);
        for message in messages {
            let (msg_id, seq_no) = self.number(message.is_reply);
            msg_id.serialize(&mut container);
            seq_no.serialize(&mut container);
            i32::try_from(message.body.len()).unwrap_or(i32::MAX).serialize(&mut container);
            container.extend_from_slice(&message.body);
        }
        // The container itself needs no acknowledgement, which its even number says.
        let msg_id = self.next_msg_id(false);
        self.packet(msg_id, self.sequence * 2, &container)
    }

    fn number(&mut self, is_reply: bool) -> (i64, i32) {
        let msg_id = self.next_msg_id(is_reply);
        let seq_no = self.sequence * 2 + 1;
        self.sequence += 1;
        (msg_id, seq_no)
    }

    fn packet(&self, msg_id: i64, seq_no: i32, body: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(32 + body.len() + 32);
        SERVER_SALT.serialize(&mut plain);
        self.session_id.serialize(&mut plain);
        msg_id.serialize(&mut plain);
        seq_no.serialize(&mut plain);
        i32::try_from(body.len()).unwrap_or(i32::MAX).serialize(&mut plain);
        plain.extend_from_slice(body);
        encrypt_for_client(plain, &self.key, self.key_id)
    }

    /// Ids are made of time, increase strictly, and tell answers (1 mod 4) from pushes (3 mod 4).
    fn next_msg_id(&mut self, is_reply: bool) -> i64 {
        let now = clock::since_epoch();
        let kind = if is_reply { 1 } else { 3 };
        let from_time = (((now.as_secs() << 32) | (u64::from(now.subsec_nanos()) << 2)) as i64 & !3) | kind;
        self.last_msg_id = match from_time > self.last_msg_id {
            true => from_time,
            false => (self.last_msg_id & !3) + 4 + kind,
        };
        self.last_msg_id
    }
}
