use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::discord::endpoint::{DiscordConfig, DiscordEndpoint};
use crate::discord::events::Lookup;
use crate::discord::rest::Rest;
use crate::platform::{EventStream as _, PlatformEvent, Unobserved};

#[test]
fn a_stuck_link_is_found() {
    let start = Instant::now();
    let mut pulse = Pulse::new();
    let mut look = |seconds: u64, connected: bool, latency_ms: Option<u64>| {
        let now = start + Duration::from_secs(seconds);
        match pulse.note(now, connected, latency_ms.map(Duration::from_millis)) {
            None => "fine",
            Some(End::Lost(detail)) => detail,
            Some(End::Stopped | End::Gone(_)) => panic!("only a lost link is found by looking"),
        }
    };
    assert_eq!(look(100, true, None), "fine");
    assert_eq!(look(105, true, Some(3)), "fine");
    assert_eq!(look(200, true, Some(3)), "fine");
    assert_eq!(look(216, true, Some(3)), "the gateway's heartbeats were not answered");
    assert_eq!(look(220, true, Some(4)), "fine");
    assert_eq!(look(390, false, Some(4)), "fine");
    assert_eq!(look(401, false, None), "the gateway stayed unreachable");
}

/// The least of a Discord gateway: hello, ready, and an end that serenity does not understand.
mod server {
    use base64::Engine as _;
    use sha1::{Digest as _, Sha1};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    const HELLO: &str = r#"{"op":10,"d":{"heartbeat_interval":41250},"s":null,"t":null}"#;
    const READY: &str = r#"{"op":0,"t":"READY","s":1,"d":{"v":10,"session_id":"s","resume_gateway_url":"ws://127.0.0.1",
        "shard":[0,1],"guilds":[],"application":{"id":"900","flags":0},
        "user":{"id":"900","username":"relay","discriminator":"0000","avatar":null,"bot":true,"mfa_enabled":false}}}"#;

    /// Opens a session for one client and returns its socket.
    pub(super) async fn greet(mut socket: TcpStream) -> TcpStream {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let line = head.lines().find(|line| line.to_lowercase().starts_with("sec-websocket-key:")).unwrap();
        let key = line.split_once(':').unwrap().1.trim();
        let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
        send(&mut socket, HELLO).await;
        // The client identifies itself; what it says does not matter here.
        let mut identify = [0; 2048];
        assert!(socket.read(&mut identify).await.unwrap() > 0);
        send(&mut socket, READY).await;
        socket
    }

    async fn send(socket: &mut TcpStream, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81];
        match u8::try_from(length) {
            Ok(short) if short < 126 => frame.push(short),
            _ => {
                frame.push(126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(text.as_bytes());
        socket.write_all(&frame).await.unwrap();
    }
}

/// Nothing is looked up here.
fn lookup() -> Lookup {
    let config = DiscordConfig::new(DiscordEndpoint::Production);
    let rest = Rest::new(&config, "OTAw.sandbox.bot", Arc::new(Unobserved)).unwrap();
    Lookup { rest: Arc::new(rest), me: 900, names: Arc::default() }
}

#[tokio::test]
async fn a_gateway_that_serenity_spins_on_is_started_anew() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (sender, mut events) = crate::discord::events::queue(lookup());
    let gateway = Gateway::start(GatewaySettings {
        http: Arc::new(Http::new("OTAw.sandbox.bot")),
        url: format!("ws://{}", listener.local_addr().unwrap()),
        me: 900,
        names: Arc::new(Names::default()),
        events: sender,
        rates: Arc::new(Unobserved),
    })
    .unwrap();
    let mut first = server::greet(listener.accept().await.unwrap().0).await;
    assert!(matches!(events.next().await, Some(PlatformEvent::Connected)));
    // A close frame without a code, and then nothing.
    first.write_all(&[0x88, 0x00]).await.unwrap();
    drop(first);
    let again = Duration::from_secs(25);
    let (socket, _) = tokio::time::timeout(again, listener.accept()).await.expect("a new connection").unwrap();
    let _second = server::greet(socket).await;
    assert!(matches!(events.next().await, Some(PlatformEvent::Disconnected { .. })));
    assert!(matches!(events.next().await, Some(PlatformEvent::Connected)));
    assert!(gateway.is_up());
    gateway.stop();
    assert!(events.next().await.is_none());
    assert!(!gateway.is_up());
}
