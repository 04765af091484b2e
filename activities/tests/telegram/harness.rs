//! One sandbox per test, and short words for what tests do with it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use activities::{
    platform::{Connection, EventStream, PlatformError, PlatformEvent, SendBody, SendRequest},
    telegram::{
        TelegramConfig, TelegramEndpoint, TelegramLink, connect,
        login::{LoginOutcome, request_code, submit_code},
    },
};
use clap::Parser;
use domain::{
    ChatId, Clock, IdempotencyKey, Message, PairId, PartText, RichText, SourceMessageId, SystemClock, Update,
};
use sandbox::client::{NewUser, TelegramControl};
use secrecy::SecretString;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Everything that a test waits for happens well within this, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: sandbox::telegram::Args,
}

/// A running sandbox; its state lives as long as the value.
pub struct Sandbox {
    pub control: TelegramControl,
    pub config: TelegramConfig,
    listen: String,
    http: String,
    data: PathBuf,
    stop: CancellationToken,
    server: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Sandbox {
    pub async fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("causeway-telegram-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let data = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&data).unwrap();
        let (listen, http) = (free_address(), free_address());
        let (stop, server) = serve(&listen, &http, &data).await;
        let pem = reqwest::get(format!("http://{http}/rsa.pem")).await.unwrap().text().await.unwrap();
        let endpoint = TelegramEndpoint::custom(listen.parse().unwrap(), &pem).unwrap();
        let config = TelegramConfig::new(endpoint, 1, SecretString::from("hash"));
        let control = TelegramControl::new(&format!("http://{http}")).unwrap();
        Self { control, config, listen, http, data, stop, server: Some(server) }
    }

    /// Ends the server as a kill would end its process; the state on disk stays.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
        }
    }

    /// A listener on the stopped server's port that lets clients connect and never answers.
    pub fn bind_in_its_place(&self) -> TcpListener {
        TcpListener::bind(&self.listen).unwrap()
    }

    /// Starts the server again on the same ports and state.
    pub async fn start_again(&mut self) {
        let (stop, server) = serve(&self.listen, &self.http, &self.data).await;
        (self.stop, self.server) = (stop, Some(server));
    }

    pub async fn user(&self, phone: &str, first_name: &str, password: Option<&str>) -> i64 {
        let user = NewUser {
            phone: phone.to_owned(),
            first_name: first_name.to_owned(),
            username: None,
            password: password.map(str::to_owned),
        };
        self.control.create_user(&user).await.unwrap()
    }

    /// Signs in by code and returns the session document.
    pub async fn sign_in(&self, phone: &str) -> SecretString {
        let sent = request_code(&self.config, None, phone).await.unwrap();
        let code = SecretString::from(self.control.code(phone).await.unwrap());
        let step = submit_code(&self.config, &sent.session, &sent.state, &code).await.unwrap();
        assert!(matches!(step.outcome, LoginOutcome::SignedIn(_)), "{:?}", step.outcome);
        step.session
    }

    pub async fn connect(&self, session: &SecretString) -> Live {
        Live::new(connect(&self.config, session, clock()).await.unwrap())
    }

    pub async fn fault(&self, fault: serde_json::Value) {
        self.control.fault(&fault).await.unwrap();
    }

    /// A channel of `creator` with the others as members.
    pub async fn chat(&self, kind: &str, title: &str, creator: i64, members: &[i64]) -> ChatId {
        ChatId::new(self.control.create_chat(kind, title, creator, members).await.unwrap().dialog_id)
    }

    pub async fn texts(&self, chat: ChatId) -> Vec<String> {
        let messages = self.control.messages(chat.get()).await.unwrap();
        messages.into_iter().map(|message| message.text).filter(|text| !text.is_empty()).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
        // Best effort: the directory for temporary files is cleaned by the system too.
        let _leftover = std::fs::remove_dir_all(&self.data);
    }
}

async fn serve(listen: &str, http: &str, data: &Path) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let data = data.to_str().unwrap();
    let Cli { args } = Cli::parse_from(["sandbox", "--listen", listen, "--control", http, "--data", data]);
    let stop = CancellationToken::new();
    let server = tokio::spawn(sandbox::telegram::serve(args, stop.clone()));
    let health = format!("http://{http}/health");
    let ready = async {
        while reqwest::get(&health).await.is_err() {
            assert!(!server.is_finished(), "the sandbox did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.unwrap();
    (stop, server)
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A connected account.
pub struct Live {
    pub connection: Arc<dyn Connection>,
    pub events: Box<dyn EventStream>,
    pub link: activities::telegram::SessionHandle,
}

impl Live {
    pub fn new(link: TelegramLink) -> Self {
        Self { connection: link.connection, events: link.events, link: link.session }
    }

    pub async fn next(&mut self) -> PlatformEvent {
        timeout(PATIENCE, self.events.next()).await.expect("an event in time").expect("the stream goes on")
    }

    pub async fn connected(&mut self) {
        let event = self.next().await;
        assert!(matches!(event, PlatformEvent::Connected), "{event:?}");
    }

    /// The next `count` messages that others wrote, whatever else happens meanwhile.
    pub async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut found = Vec::new();
        while found.len() < count {
            match self.next().await {
                PlatformEvent::Updates(batch) => found.extend(batch.into_iter().filter_map(|update| match update {
                    Update::Posted(message) => Some(message).filter(|message| message.unsupported.is_none()),
                    Update::Edited(_) | Update::Deleted(_) => None,
                })),
                PlatformEvent::Connected | PlatformEvent::Disconnected { .. } => {}
                PlatformEvent::Gone(error) => panic!("gone: {error}"),
            }
        }
        found
    }

    /// The next `count` things that happened to messages.
    pub async fn updates(&mut self, count: usize) -> Vec<Update> {
        let mut found = Vec::new();
        while found.len() < count {
            match self.next().await {
                PlatformEvent::Updates(batch) => found.extend(
                    batch
                        .into_iter()
                        .filter(|update| !matches!(update, Update::Posted(message) if message.unsupported.is_some())),
                ),
                PlatformEvent::Connected | PlatformEvent::Disconnected { .. } => {}
                PlatformEvent::Gone(error) => panic!("gone: {error}"),
            }
        }
        found
    }

    /// The texts of the next `count` messages.
    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        self.messages(count).await.into_iter().map(|message| message.text.text).collect()
    }

    /// The id of the one message that the send leaves.
    pub async fn send(&self, request: &SendRequest) -> Result<i64, PlatformError> {
        let sent = timeout(PATIENCE, self.connection.send(request)).await.expect("an answer in time")?;
        assert_eq!(sent.message_ids.len(), 1, "{sent:?}");
        Ok(sent.message_ids[0])
    }

    /// The id of the one message that an earlier send has left.
    pub async fn read_back(&self, request: &SendRequest, since: chrono::DateTime<chrono::Utc>) -> Option<i64> {
        let found = self.connection.read_back(request, since).await.unwrap();
        found.map(|sent| sent.message_ids[0])
    }

    /// An attachment's bytes.
    pub async fn download(&self, media: &domain::Media, bytes_max: u64) -> Result<bytes::Bytes, PlatformError> {
        let mut bytes = bytes::BytesMut::new();
        self.connection.download(media, bytes_max, &mut bytes).await.map(|_| bytes.freeze())
    }
}

/// A key that no other send has.
pub fn key() -> IdempotencyKey {
    IdempotencyKey::derive(PairId::new(&SystemClock), SourceMessageId::new(&SystemClock), 0)
}

pub fn text(chat: ChatId, text: &str) -> SendRequest {
    let body = SendBody::Text(PartText::Telegram(RichText::plain(text)));
    SendRequest::new(chat, key(), body)
}

/// The stable name of an error's reason, with its class.
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
