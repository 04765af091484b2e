//! A sandbox with one guild, one bot in it and one person, and an eye on what the adapter yields.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{ChatId, IdempotencyKey, Media, Message, PairId, PartText, SourceMessageId, SystemClock, Update};
use sandbox::discord::{Args, Running};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use activities::discord::{DiscordConfig, DiscordEndpoint, connect};
use activities::platform::{Connection, EventStream, PlatformError, PlatformEvent, SendBody, SendRequest};

/// Worlds of this process, to tell their directories apart.
static WORLDS: AtomicUsize = AtomicUsize::new(0);
/// The longest wait for anything that should happen at once or after serenity's own 5-second pauses.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A sandbox with one guild, one bot in it and one person.
pub struct World {
    control: String,
    http: reqwest::Client,
    pub config: DiscordConfig,
    pub token: SecretString,
    pub bot: String,
    pub person: String,
    pub guild: String,
    pub channel: ChatId,
    data: std::path::PathBuf,
    stop: CancellationToken,
    running: Option<Running>,
}

impl World {
    pub async fn start() -> Self {
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let data = std::env::temp_dir().join(format!("causeway-discord-{}-{number}", std::process::id()));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let stop = CancellationToken::new();
        let args = Args { listen_tls: any, listen: any, control: any, data: data.clone() };
        let running = sandbox::discord::start(args, stop.clone()).await.unwrap();
        let control = format!("http://{}", running.control);
        let endpoint = DiscordEndpoint::Custom { addr: running.tls, ca_pem: running.ca_pem.clone() };
        let mut world = Self {
            control,
            http: reqwest::Client::new(),
            config: DiscordConfig::new(endpoint),
            token: SecretString::from(String::new()),
            bot: String::new(),
            person: String::new(),
            guild: String::new(),
            channel: ChatId::new(1),
            data,
            stop,
            running: Some(running),
        };
        let bot = world.post("/bots", json!({"username": "relay"})).await;
        (world.bot, world.token) = (text(&bot["id"]), SecretString::from(text(&bot["token"])));
        world.person = text(&world.post("/users", json!({"username": "alice"})).await["id"]);
        let guild = world.post("/guilds", json!({"name": "Sandbox", "bots": [world.bot]})).await;
        world.guild = text(&guild["id"]);
        world.channel = text(&guild["channel_id"]).parse().unwrap();
        world
    }

    /// Ends the server and starts it again on its data and addresses, as after a crash.
    pub async fn restart(&mut self) {
        let old = self.running.take().unwrap();
        let (listen_tls, listen, control) = (old.tls, old.plain, old.control);
        self.stop.cancel();
        old.wait().await.unwrap();
        self.stop = CancellationToken::new();
        let args = Args { listen_tls, listen, control, data: self.data.clone() };
        self.running = Some(sandbox::discord::start(args, self.stop.clone()).await.unwrap());
    }

    pub async fn ask(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let answer = self.http.request(method, format!("{}{path}", self.control)).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(reqwest::Method::POST, path, body).await
    }

    pub async fn fault(&self, fault: Value) {
        self.post("/faults", fault).await;
    }

    /// Alice writes; her message's id.
    pub async fn say(&self, content: &str) -> i64 {
        self.say_with(json!({"content": content})).await
    }

    pub async fn say_with(&self, mut message: Value) -> i64 {
        message["author"] = json!(self.person);
        id(&self.post(&format!("/channels/{}/messages", self.channel), message).await["id"])
    }

    /// What the channel holds, oldest first.
    pub async fn stored(&self) -> Vec<Value> {
        let path = format!("/channels/{}/messages", self.channel);
        self.ask(reqwest::Method::GET, &path, Value::Null).await.as_array().unwrap().clone()
    }

    pub async fn connect(&self) -> (Arc<dyn Connection>, Watcher) {
        let (connection, events) = connect(&self.config, &self.token, Arc::new(SystemClock)).await.unwrap();
        (connection, Watcher { events, seen: Vec::new(), updates: Vec::new() })
    }

    /// Connected and ready for messages.
    pub async fn online(&self) -> (Arc<dyn Connection>, Watcher) {
        let (connection, mut watcher) = self.connect().await;
        watcher.until_connected().await;
        (connection, watcher)
    }

    pub fn request(&self, content: &str) -> SendRequest {
        let key = IdempotencyKey::derive(PairId::new(&SystemClock), SourceMessageId::new(&SystemClock), 0);
        SendRequest::new(self.channel, key, SendBody::Text(PartText::Discord(content.to_owned())))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
        // The directory is temporary anyway.
        let _left_behind = std::fs::remove_dir_all(&self.data);
    }
}

/// A stream of events with everything that it has yielded.
pub struct Watcher {
    events: Box<dyn EventStream>,
    pub seen: Vec<Message>,
    /// All of them, edits and deletions included.
    pub updates: Vec<Update>,
}

impl Watcher {
    pub async fn next(&mut self) -> Option<PlatformEvent> {
        let event = tokio::time::timeout(PATIENCE, self.events.next()).await.expect("an event in time");
        if let Some(PlatformEvent::Updates(batch)) = &event {
            self.updates.extend(batch.iter().cloned());
            self.seen.extend(batch.iter().filter_map(|update| match update {
                Update::Posted(message) => Some(message.clone()),
                Update::Edited(_) | Update::Deleted(_) => None,
            }));
        }
        event
    }

    pub async fn until_connected(&mut self) {
        loop {
            match self.next().await {
                Some(PlatformEvent::Connected) => return,
                Some(PlatformEvent::Updates(_) | PlatformEvent::Disconnected { .. }) => (),
                other => panic!("{other:?} instead of Connected"),
            }
        }
    }

    pub async fn until_gone(&mut self) -> PlatformError {
        loop {
            match self.next().await {
                Some(PlatformEvent::Gone(error)) => return error,
                Some(_) => (),
                None => panic!("the stream ended instead"),
            }
        }
    }

    /// Waits until `count` updates were seen, whatever they are.
    pub async fn until_updates(&mut self, count: usize) {
        while self.updates.len() < count {
            match self.next().await {
                Some(PlatformEvent::Gone(error)) => panic!("{error:?}"),
                Some(_) => (),
                None => panic!("the stream ended after {} updates", self.updates.len()),
            }
        }
    }

    /// Waits until `count` messages were seen; connections may come and go meanwhile.
    pub async fn until_seen(&mut self, count: usize) {
        while self.seen.len() < count {
            match self.next().await {
                Some(PlatformEvent::Gone(error)) => panic!("{error:?}"),
                Some(_) => (),
                None => panic!("the stream ended after {} messages", self.seen.len()),
            }
        }
    }

    pub fn texts(&self) -> Vec<&str> {
        self.seen.iter().map(|message| message.text.text.as_str()).collect()
    }
}

/// The id of the one message that a send leaves.
pub async fn send(connection: &dyn Connection, request: &SendRequest) -> i64 {
    let sent = connection.send(request).await.unwrap();
    assert_eq!(sent.message_ids.len(), 1, "{sent:?}");
    sent.message_ids[0]
}

/// An attachment's bytes.
pub async fn download(connection: &dyn Connection, media: &Media, bytes_max: u64) -> Result<Vec<u8>, PlatformError> {
    let mut bytes = bytes::BytesMut::new();
    connection.download(media, bytes_max, &mut bytes).await.map(|_| bytes.to_vec())
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

pub fn id(value: &Value) -> i64 {
    text(value).parse().unwrap()
}

/// Class and code of an error, for comparisons.
pub fn name(error: &PlatformError) -> (&'static str, &str) {
    match error {
        PlatformError::Retryable { code, .. } => ("retryable", code),
        PlatformError::Wait { code, .. } => ("wait", code),
        PlatformError::Message { code, .. } => ("message", code),
        PlatformError::Chat { code, .. } => ("chat", code),
        PlatformError::Flooded { code, .. } => ("flooded", code),
        PlatformError::Revoked { code, .. } => ("revoked", code),
        PlatformError::Banned { code, .. } => ("banned", code),
        PlatformError::Input { code, .. } => ("input", code),
    }
}
