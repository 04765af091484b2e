//! What Discord says of its limits reaches whoever keeps the budgets, and a session waits for its leave to identify.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use activities::discord::connect_observed;
use activities::platform::{
    ByteSource, PlatformError, PlatformEvent, RateHeaders, RateObserver, SendBody, SendRequest, Upload,
};
use async_trait::async_trait;
use bytes::Bytes;
use domain::message::MediaSource;
use domain::{ChatId, Media, MediaKind, PartText, SystemClock};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::harness::{PATIENCE, World, name};

/// Writes down what it hears; answers IDENTIFYs as told.
#[derive(Debug, Default)]
struct Ear {
    headers: Mutex<Vec<RateHeaders>>,
    invalid: Mutex<usize>,
    reads: Mutex<usize>,
    reads_refused: Mutex<usize>,
    identified: Mutex<usize>,
    refusals: Mutex<VecDeque<Duration>>,
}

#[async_trait]
impl RateObserver for Ear {
    fn answered(&self, headers: RateHeaders) {
        self.headers.lock().unwrap().push(headers);
    }

    async fn read(&self) -> Result<(), Duration> {
        *self.reads.lock().unwrap() += 1;
        Ok(())
    }

    async fn read_refused(&self, _: Duration) {
        *self.reads_refused.lock().unwrap() += 1;
    }

    fn invalid(&self) {
        *self.invalid.lock().unwrap() += 1;
    }

    async fn identify(&self) -> Result<(), Duration> {
        if let Some(wait) = self.refusals.lock().unwrap().pop_front() {
            return Err(wait);
        }
        *self.identified.lock().unwrap() += 1;
        Ok(())
    }
}

async fn usage(world: &World) -> Value {
    world.ask(reqwest::Method::GET, "/usage", Value::Null).await
}

#[tokio::test]
async fn headers_and_invalid_requests_are_told() {
    let world = World::start().await;
    let limits = json!({"enabled": true, "bucket_limit": 4, "bucket_reset_s": 2.0, "global_per_s": 50});
    world.ask(reqwest::Method::PUT, "/limits", limits).await;
    let ear = Arc::new(Ear::default());
    let (connection, _events) =
        connect_observed(&world.config, &world.token, Arc::new(SystemClock), ear.clone()).await.unwrap();
    connection.send(&world.request("x")).await.unwrap();
    let heard = ear.headers.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].chat, heard[0].limit, heard[0].remaining), (world.channel, 4, 3));
    assert!(heard[0].reset_after > Duration::from_millis(1_500), "{heard:?}");
    assert!(*ear.reads.lock().unwrap() >= 2, "who we are and where the gateway is");
    assert_eq!(*ear.invalid.lock().unwrap(), 0);
    let path = format!("/channels/{}/permissions", world.channel);
    world.ask(reqwest::Method::PUT, &path, json!({"bot": world.bot, "deny": ["SEND_MESSAGES"]})).await;
    assert_eq!(name(&connection.send(&world.request("x")).await.unwrap_err()), ("chat", "missing_permission"));
    world.fault(json!({"kind": "rate_limit", "method": "POST", "retry_after": 60})).await;
    assert_eq!(name(&connection.send(&world.request("x")).await.unwrap_err()), ("wait", "rate_limited"));
    assert_eq!(*ear.invalid.lock().unwrap(), 2);
    assert_eq!(usage(&world).await["invalid_requests_10_min"], 2, "both sides count the same");
    assert_eq!(*ear.reads_refused.lock().unwrap(), 0);
    world.fault(json!({"kind": "rate_limit_global", "method": "GET", "retry_after": 60})).await;
    assert_eq!(name(&connection.chat(world.channel).await.unwrap_err()), ("wait", "rate_limited_global"));
    assert_eq!(*ear.reads_refused.lock().unwrap(), 1);
}

#[tokio::test]
async fn every_new_session_waits_for_its_leave_and_a_resume_does_not() {
    let world = World::start().await;
    let ear = Arc::new(Ear::default());
    ear.refusals.lock().unwrap().push_back(Duration::from_millis(700));
    let began = tokio::time::Instant::now();
    let (_connection, mut events) =
        connect_observed(&world.config, &world.token, Arc::new(SystemClock), ear.clone()).await.unwrap();
    let mut connected = async || loop {
        match tokio::time::timeout(PATIENCE, events.next()).await.expect("an event in time") {
            Some(PlatformEvent::Connected) => return,
            Some(_) => (),
            None => panic!("the stream ended"),
        }
    };
    connected().await;
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    let identifies = async || usage(&world).await["bots"][&world.bot]["identifies"].as_u64();
    assert_eq!((identifies().await, *ear.identified.lock().unwrap()), (Some(1), 1));
    world.fault(json!({"kind": "reconnect"})).await;
    while usage(&world).await["bots"][&world.bot]["resumes"] != 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!((identifies().await, *ear.identified.lock().unwrap()), (Some(1), 1));
    world.fault(json!({"kind": "invalid_session"})).await;
    connected().await;
    assert_eq!((identifies().await, *ear.identified.lock().unwrap()), (Some(2), 2));
}

/// A file of which only one piece exists at a time.
#[derive(Debug)]
struct Endless {
    bytes: u64,
    broken_at: Option<u64>,
}

#[async_trait]
impl ByteSource for Endless {
    fn size_bytes(&self) -> u64 {
        self.bytes
    }

    async fn chunk(&self, index: u64) -> Result<Bytes, PlatformError> {
        let piece = activities::platform::CHUNK_BYTES as u64;
        if self.broken_at == Some(index) {
            return Err(PlatformError::Message { code: "media_gone".to_owned(), detail: "no more".to_owned() });
        }
        let left = self.bytes.saturating_sub(index.saturating_mul(piece)).min(piece);
        Ok(Bytes::from(vec![u8::try_from(index).unwrap(); usize::try_from(left).unwrap()]))
    }
}

#[tokio::test]
async fn files_are_read_piece_by_piece_while_they_are_sent() {
    let world = World::start().await;
    let (connection, _watcher) = world.online().await;
    let request = |source: Endless| {
        let place = MediaSource::TelegramMessage { chat: ChatId::new(1), message_id: 1 };
        let mut media = Media::new(MediaKind::Video, "a.mp4".to_owned(), "video/mp4".to_owned(), source.bytes, place);
        media.spoiler = true;
        let uploads = vec![Upload { media, content: Arc::new(source) }];
        let body = SendBody::Media { caption: PartText::Discord("clip".to_owned()), uploads };
        SendRequest { body, ..world.request("") }
    };
    let broken = request(Endless { bytes: 5_000_000, broken_at: Some(3) });
    assert_eq!(name(&connection.send(&broken).await.unwrap_err()), ("message", "media_gone"));
    let whole = request(Endless { bytes: 5_000_000, broken_at: None });
    world.fault(json!({"kind": "rate_limit", "method": "POST", "retry_after": 0.1})).await;
    connection.send(&whole).await.unwrap();
    let stored = world.stored().await;
    assert_eq!(stored.len(), 1);
    let file = &stored[0]["attachments"][0];
    assert_eq!(
        (&file["filename"], &file["size"], &file["content_type"]),
        (&json!("SPOILER_a.mp4"), &json!(5_000_000), &json!("video/mp4"))
    );
    let mut expected = Vec::new();
    for index in 0_u8.. {
        if expected.len() >= 5_000_000 {
            break;
        }
        expected.extend(std::iter::repeat_n(index, activities::platform::CHUNK_BYTES));
    }
    expected.truncate(5_000_000);
    let hash = sha2::Sha256::digest(&expected);
    assert_eq!(file["sha256"], hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let too_large = request(Endless { bytes: 11 * 1024 * 1024, broken_at: None });
    assert_eq!(name(&connection.send(&too_large).await.unwrap_err()), ("message", "too_large"));
}
