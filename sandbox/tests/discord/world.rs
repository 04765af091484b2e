//! A sandbox in this process, and stock serenity pointed at it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sandbox::discord::{self, Args, Running};
use serde_json::{Value, json};
use serenity::{
    all::{
        ChannelId, ClientBuilder, Context, Event, GatewayIntents, Http, HttpBuilder, HttpError, Message,
        RawEventHandler, ShardManager,
    },
    async_trait,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Everything here happens within moments; a loaded machine gets some patience.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("causeway-discord-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A running sandbox with one guild.
pub struct World {
    /// Where it listens.
    pub running: Running,
    /// Its guild.
    pub guild: String,
    /// The guild's `#general`.
    pub general: ChannelId,
    /// Its bot.
    pub bot: Bot,
    /// A person in the guild.
    pub alice: String,
    plain: reqwest::Client,
    _folder: Folder,
}

/// A bot as the control API made it.
#[derive(Clone, Debug)]
pub struct Bot {
    /// The user.
    pub id: String,
    /// The secret.
    pub token: String,
}

impl World {
    /// A fresh one.
    pub async fn new() -> Self {
        let folder = Folder::new();
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let args = Args { listen_tls: free, listen: free, control: free, data: folder.0.clone() };
        let running = discord::start(args, CancellationToken::new()).await.unwrap();
        let mut world = Self {
            running,
            guild: String::new(),
            general: ChannelId::new(1),
            bot: Bot { id: String::new(), token: String::new() },
            alice: String::new(),
            plain: reqwest::Client::new(),
            _folder: folder,
        };
        world.bot = world.new_bot(true).await;
        let guild = world.control("POST", "/guilds", json!({ "name": "Harbour", "bots": [world.bot.id] })).await;
        world.guild = text(&guild["id"]);
        world.general = text(&guild["channel_id"]).parse().unwrap();
        world.alice = text(&world.control("POST", "/users", json!({ "username": "alice" })).await["id"]);
        world
    }

    /// Another bot, in no guild.
    pub async fn new_bot(&self, message_content: bool) -> Bot {
        let body = json!({ "username": "relay", "message_content": message_content });
        let made = self.control("POST", "/bots", body).await;
        Bot { id: text(&made["id"]), token: text(&made["token"]) }
    }

    /// A call of the control API that must succeed.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("http://{}{path}", self.running.control);
        let request = self.plain.request(method.parse().unwrap(), url).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {:?}", answer.text().await);
        answer.json().await.unwrap()
    }

    /// Writes as alice and returns the message's id.
    pub async fn say(&self, channel: ChannelId, content: &str) -> String {
        let body = json!({ "author": self.alice, "content": content });
        text(&self.control("POST", &format!("/channels/{channel}/messages"), body).await["id"])
    }

    /// What stands in a channel, oldest first.
    pub async fn standing(&self, channel: ChannelId) -> Vec<Value> {
        let messages = self.control("GET", &format!("/channels/{channel}/messages"), Value::Null).await;
        messages.as_array().unwrap().clone()
    }

    /// A reqwest client for which Discord's names lead here.
    pub fn client(&self) -> reqwest::Client {
        client(&self.running.ca_pem, self.running.tls)
    }

    /// serenity's REST client of this world's bot, with its limiter.
    pub fn http(&self) -> Http {
        self.http_of(&self.bot)
    }

    /// The same for another bot.
    pub fn http_of(&self, bot: &Bot) -> Http {
        HttpBuilder::new(&bot.token).client(self.client()).build()
    }

    /// serenity's gateway client of this world's bot.
    pub async fn connect(&self) -> Live {
        self.connect_as(&self.bot, GatewayIntents::non_privileged() | GatewayIntents::MESSAGE_CONTENT).await
    }

    /// The same for another bot.
    pub async fn connect_as(&self, bot: &Bot, intents: GatewayIntents) -> Live {
        let (to, events) = unbounded_channel();
        let builder = ClientBuilder::new_with_http(self.http_of(bot), intents).raw_event_handler(Tell(to));
        let mut client = builder.await.unwrap();
        let shards = Arc::clone(&client.shard_manager);
        Live { events, shards, ended: tokio::spawn(async move { client.start().await }) }
    }
}

/// A reqwest client for which Discord's names lead to `address`.
pub fn client(ca_pem: &str, address: SocketAddr) -> reqwest::Client {
    let names = ["discord.com", "cdn.discordapp.com", "media.discordapp.net"];
    let builder = reqwest::Client::builder()
        .use_rustls_tls()
        .no_proxy()
        .add_root_certificate(reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap());
    names.iter().fold(builder, |builder, name| builder.resolve(name, address)).build().unwrap()
}

/// A connected gateway client.
pub struct Live {
    /// Ends when serenity gives up.
    pub ended: JoinHandle<serenity::Result<()>>,
    events: UnboundedReceiver<Event>,
    shards: Arc<ShardManager>,
}

impl Live {
    /// Waits for the first event that `pick` takes, passing over others.
    pub async fn next<T>(&mut self, what: &str, pick: impl Fn(Event) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("serenity still runs");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {what} came"))
    }

    /// Waits until the guild is there.
    pub async fn ready(&mut self) {
        self.next("guild", |event| matches!(event, Event::GuildCreate(_)).then_some(())).await;
    }

    /// The next message.
    pub async fn message(&mut self) -> Message {
        let pick = |event| if let Event::MessageCreate(event) = event { Some(event.message) } else { None };
        self.next("message", pick).await
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let shards = Arc::clone(&self.shards);
        tokio::spawn(async move { shards.shutdown_all().await });
        self.ended.abort();
    }
}

struct Tell(UnboundedSender<Event>);

#[async_trait]
impl RawEventHandler for Tell {
    async fn raw_event(&self, _context: Context, event: Event) {
        self.0.send(event).ok();
    }
}

/// The refusal of a call that must be refused, as (status, Discord's code).
pub fn refused<T: std::fmt::Debug>(result: serenity::Result<T>) -> (u16, isize) {
    match result {
        Err(serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
            (answer.status_code.as_u16(), answer.error.code)
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// A JSON text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
