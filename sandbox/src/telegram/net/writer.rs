//! The sending half of a connection: a queue in, packets out, in the order of the queue.

use std::io;

use grammers_tl_types::Serializable as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::UnboundedReceiver;

use super::framing::Framing;
use super::session::{Outgoing, Sealer};
use crate::telegram::clock;
use crate::telegram::live::Out;

/// How many queued items go out with one write.
const BATCH_MAX: usize = 64;
/// How much is put into one packet; a larger message has a packet of its own.
const PACKET_MAX_BYTES: usize = 256 << 10;

/// Writes until the queue ends or says so. Returning drops the socket's half, which tells the client.
pub(crate) async fn run(mut socket: OwnedWriteHalf, mut queue: UnboundedReceiver<Out>) -> io::Result<()> {
    let mut wire = Wire::default();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        batch.clear();
        if queue.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return socket.shutdown().await;
        }
        let mut ends = false;
        for item in batch.drain(..) {
            ends = wire.put(item);
            if ends {
                break;
            }
        }
        wire.flush();
        socket.write_all(&wire.bytes).await?;
        wire.bytes.clear();
        if ends {
            return socket.shutdown().await;
        }
    }
}

/// What goes out with the next write.
#[derive(Default)]
struct Wire {
    framing: Option<Framing>,
    sealer: Option<Sealer>,
    /// Messages that go into one packet.
    together: Vec<Outgoing>,
    together_bytes: usize,
    bytes: Vec<u8>,
}

impl Wire {
    /// Takes one item; true when it was the last.
    fn put(&mut self, item: Out) -> bool {
        match item {
            Out::Reply(body) => self.add(Outgoing { body, is_reply: true }),
            Out::Push(body) => self.add(Outgoing { body, is_reply: false }),
            Out::Transport(kind) => self.framing = Some(Framing::new(kind)),
            Out::Session { key, key_id, session_id } => {
                self.flush();
                self.sealer = Some(Sealer::new(key, key_id, session_id));
            }
            Out::Plain(body) => {
                self.flush();
                // Nothing can be said before the transport is known.
                if let Some(framing) = &mut self.framing {
                    framing.pack(&plain_packet(&body), &mut self.bytes);
                }
            }
            Out::Refuse(code) => {
                self.flush();
                if let Some(framing) = &mut self.framing {
                    framing.pack_error(code, &mut self.bytes);
                }
                return true;
            }
            Out::Close => return true,
        }
        false
    }

    fn add(&mut self, message: Outgoing) {
        if self.together_bytes + message.body.len() > PACKET_MAX_BYTES {
            self.flush();
        }
        self.together_bytes += message.body.len();
        self.together.push(message);
    }

    /// Seals what has gathered. Nothing can be said before the session is known.
    fn flush(&mut self) {
        if let (Some(framing), Some(sealer), false) = (&mut self.framing, &mut self.sealer, self.together.is_empty()) {
            framing.pack(&sealer.seal(&self.together), &mut self.bytes);
        }
        self.together.clear();
        self.together_bytes = 0;
    }
}

/// The unencrypted envelope: no key, a message id, the length.
fn plain_packet(body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 8];
    ((i64::from(clock::now()) << 32) | 1).serialize(&mut packet);
    i32::try_from(body.len()).unwrap_or(i32::MAX).serialize(&mut packet);
    packet.extend_from_slice(body);
    packet
}
