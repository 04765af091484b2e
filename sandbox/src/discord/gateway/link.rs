//! One WebSocket: carries text both ways until one side ends it.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use salvo::websocket::{Message, WebSocket};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};

use super::{
    hub::Outgoing,
    session::{HEARTBEAT_MS, Link},
};
use crate::discord::server::Sandbox;

/// A client that misses two heartbeats is taken for dead.
const SILENCE: Duration = Duration::from_millis(HEARTBEAT_MS * 2);

/// How long a client has to answer our close, so that it reads the code before the connection ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one connection until it ends.
pub async fn serve(sandbox: Arc<Sandbox>, socket: WebSocket) {
    let (to, mut orders) = unbounded_channel();
    let mut link = Link::new(Arc::clone(&sandbox), to);
    let (mut sink, mut stream) = socket.split();
    let mut heard = Instant::now();
    let over = loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Outgoing::Text(text)) => {
                    if sink.send(Message::text(&*text)).await.is_err() {
                        break false;
                    }
                }
                Some(Outgoing::Close(code, why)) => {
                    sink.send(Message::close_with(code, why)).await.ok();
                    let gone = async { while let Some(Ok(_)) = stream.next().await {} };
                    tokio::time::timeout(FAREWELL, gone).await.ok();
                    break false;
                }
                Some(Outgoing::Drop) | None => break false,
            },
            message = stream.next() => match message {
                Some(Ok(message)) if message.is_close() => {
                    // 1000 and 1001 end the session; any other code leaves it to be resumed.
                    break message.close_frame().is_some_and(|(code, _)| matches!(code, 1000 | 1001));
                }
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if let Ok(text) = message.as_str() {
                        link.hear(text);
                    }
                }
                Some(Err(_)) | None => break false,
            },
            () = tokio::time::sleep_until(heard + SILENCE) => {
                sink.send(Message::close_with(4009_u16, "Session timed out.")).await.ok();
                break false;
            }
            () = sandbox.stop.cancelled() => break false,
        }
    };
    link.leave(over);
}
