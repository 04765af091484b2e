//! The sending half of a connection: a queue in, packets out, in the order of the queue.

use std::io;

use grammers_tl_types::Serializable as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::UnboundedReceiver;

use super::framing::Framing;
use super::session::Sealer;
use crate::telegram::clock;
use crate::telegram::live::Out;

/// How many queued items go out with one write.
const BATCH_MAX: usize = 64;

/// Writes until the queue ends or says so. Returning drops the socket's half, which tells the client.
pub(crate) async fn run(mut socket: OwnedWriteHalf, mut queue: UnboundedReceiver<Out>) -> io::Result<()> {
    let mut framing = None;
    let mut sealer = None;
    let (mut batch, mut wire) = (Vec::with_capacity(BATCH_MAX), Vec::new());
    loop {
        batch.clear();
        if queue.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return socket.shutdown().await;
        }
        wire.clear();
        let mut ends = false;
        for item in batch.drain(..) {
            ends = put(item, &mut framing, &mut sealer, &mut wire);
            if ends {
                break;
            }
        }
        socket.write_all(&wire).await?;
        if ends {
            return socket.shutdown().await;
        }
    }
}

/// Puts one item on the wire; true when it was the last.
fn put(item: Out, framing: &mut Option<Framing>, sealer: &mut Option<Sealer>, wire: &mut Vec<u8>) -> bool {
    match (item, framing.as_mut(), sealer.as_mut()) {
        (Out::Transport(kind), ..) => *framing = Some(Framing::new(kind)),
        (Out::Session { key, key_id, session_id }, ..) => *sealer = Some(Sealer::new(key, key_id, session_id)),
        (Out::Plain(body), Some(framing), _) => framing.pack(&plain_packet(&body), wire),
        (Out::Reply(body), Some(framing), Some(sealer)) => framing.pack(&sealer.seal(&body, true), wire),
        (Out::Push(body), Some(framing), Some(sealer)) => framing.pack(&sealer.seal(&body, false), wire),
        (Out::Refuse(code), Some(framing), _) => {
            framing.pack_error(code, wire);
            return true;
        }
        (Out::Close, ..) => return true,
        // Nothing can be said before the transport or the session is known.
        (Out::Plain(_) | Out::Reply(_) | Out::Push(_) | Out::Refuse(_), ..) => {}
    }
    false
}

/// The unencrypted envelope: no key, a message id, the length.
fn plain_packet(body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 8];
    ((i64::from(clock::now()) << 32) | 1).serialize(&mut packet);
    i32::try_from(body.len()).unwrap_or(i32::MAX).serialize(&mut packet);
    packet.extend_from_slice(body);
    packet
}
